"""QuixBugs (Lin et al., SPLASH 2017): classic algorithms with one wrong line each, read from a JSONL file.

Tasks whose cases are JSON are *compared*, those on graphs and linked lists are *suites* of upstream's own tests. Half
of the cases, with the examples of the docstring among them, are visible in `check.py`; all of them grade. Cases that
upstream skips because they take too long are left out.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluators import visible, visible_suite
from evaluators.base import Case, Compared, Json, Split, Suite, Task
from evaluators.grade_suite import check_expected
from evaluators.splits import split_of
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import File, Files

NAME = "quixbugs"
CPU_S = 5.0
_MAX_DATA = 64 << 20


class Row(BaseModel):
    """One line of the data file."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(pattern=r"\A[a-z][a-z0-9_]{0,60}\z")
    buggy: str
    correct: str
    files: Mapping[str, str]


class QuixBugs:
    """The tasks of one data file."""

    name = NAME
    has_images = False

    def __init__(self, data: Path) -> None:
        """Read the file.

        Raises:
            ConfigError: it cannot be read.
            EvaluatorError: a line is unusable.
        """
        try:
            raw = data.read_bytes() if data.stat().st_size <= _MAX_DATA else None
        except OSError as error:
            raise ConfigError(f"cannot read the data of {NAME}: {error}") from error
        if raw is None:
            raise ConfigError(f"{data} is larger than {_MAX_DATA >> 20} MiB: not the data of {NAME}")
        self._digest = hashlib.sha256(raw).hexdigest()
        self._rows = {row.id: row for row in _rows(raw, data)}

    def fingerprint(self) -> str:
        here = Path(__file__).parent
        code = b"".join((here / name).read_bytes() for name in ("quixbugs.py", "visible.py", "visible_suite.py"))
        return hashlib.sha256(self._digest.encode() + code).hexdigest()

    def tasks(self, split: Split) -> tuple[str, ...]:
        return tuple(sorted(task_id for task_id in self._ids if split_of(NAME, task_id) == split))

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Opaque task id -> row."""
        return {f"q-{hashlib.sha256(f'{NAME}:{name}'.encode()).hexdigest()[:10]}": name for name in self._rows}

    def task(self, task_id: str) -> Task:
        if task_id not in self._ids:
            raise EvaluatorError(f"no such task in {NAME}: {task_id}")
        row = self._rows[self._ids[task_id]]
        text = row.files.get(f"json_testcases/{row.id}.json")
        try:
            made = _compared(row, text) if text is not None else _suite(row)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise EvaluatorError(f"{NAME}: {row.id} cannot be read: {error}") from error
        check, extra, grading = made
        module = f"{row.id}.py".encode()
        return Task(
            id=task_id,
            benchmark=NAME,
            split=split_of(NAME, task_id),
            statement=_statement(row.id),
            workspace={module: File(row.buggy.encode()), b"check.py": File(check), **extra},
            test_command=visible.COMMAND,
            grading=grading,
            reference={module: File(row.correct.encode())},
        )


def _rows(raw: bytes, data: Path) -> Iterator[Row]:
    seen = set()
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = Row.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            raise EvaluatorError(f"{data}, line {number}: {'.'.join(map(str, first['loc']))} {first['msg']}") from error
        if row.id in seen:
            raise EvaluatorError(f"{data}, line {number}: {row.id} comes twice")
        seen.add(row.id)
        yield row
    if not seen:
        raise EvaluatorError(f"{data} holds no task")


def _statement(name: str) -> str:
    return (
        f"The function `{name}` in `{name}.py` has a bug: it does not do what the text at the end of the file says.\n\n"
        f"Repair `{name}.py`. `{' '.join(visible.COMMAND)}` runs some of the tests that it has to pass and shows "
        "which of them fail; do not change `check.py`.\n"
    )


def _compared(row: Row, text: str) -> tuple[bytes, Files, Compared]:
    tree = ast.parse(row.files.get(f"python_testcases/test_{row.id}.py", ""))
    slow = list(_skipped_inputs(tree))
    approximate = "approx" in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    cases = []
    for line in text.splitlines():
        if line.strip():
            args, expected = json.loads(line)
            if args not in slow:
                tolerance = float(args[-1]) if approximate else 0.0
                cases.append(Case(args=tuple(args), expected=expected, tolerance=tolerance))
    if not cases:
        raise ValueError("it has no test cases")
    shown = _shown(cases, _examples(row))
    check = visible.check_file(f"{row.id}.py", row.id, shown)
    return check, {}, Compared(module=f"{row.id}.py", function=row.id, cases=tuple(cases), cpu_s=CPU_S)


def _skipped_inputs(tree: ast.Module) -> Iterator[Json]:
    """The inputs that upstream compares with before `pytest.skip`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "pytest.skip" in ast.unparse(node.body[0]):
            for compare in ast.walk(node.test):
                if isinstance(compare, ast.Compare) and isinstance(compare.comparators[0], ast.List):
                    yield ast.literal_eval(compare.comparators[0])


def _examples(row: Row) -> list[Json]:
    """The arguments of the calls that the docstring shows."""
    found = []
    for line in row.buggy.splitlines():
        text = line.strip().removeprefix(">>> ")
        if not line.strip().startswith(">>> ") or not text.startswith(f"{row.id}("):
            continue
        try:
            call = ast.parse(text, mode="eval").body
            if isinstance(call, ast.Call) and not call.keywords:
                found.append([ast.literal_eval(argument) for argument in call.args])
        except (SyntaxError, ValueError):
            continue
    return found


def _shown(cases: list[Case], examples: list[Json]) -> list[Case]:
    """The cases of the examples first, then others from the start, half of all together but at least one."""
    wanted = max(1, len(cases) // 2)
    by_example = [case for case in cases if list(case.args) in examples]
    others = [case for case in cases if case not in by_example]
    chosen = (by_example + others)[: max(wanted, len(by_example))]
    return [case for case in cases if case in chosen]


def _suite(row: Row) -> tuple[bytes, Files, Suite]:
    source = row.files.get(f"python_testcases/test_{row.id}.py")
    if source is None:
        raise ValueError("it has no tests")
    extra = {}
    if "python_testcases/node.py" in row.files:
        extra = {b"node.py": File(row.files["python_testcases/node.py"].encode())}
    tests = visible_suite.read_tests(source, row.id)
    name = f"test_{row.id}.py"
    grading = Suite(
        files={name.encode(): File(tests.hidden()), **extra},
        expected=tuple(f"{name}::{function}" for function in tests.names),
        canary={f"test_canary_{row.id}.py".encode(): File(tests.canary())},
        cpu_s=CPU_S,
    )
    check_expected(grading.expected)
    return tests.check_file(tests.names[: max(1, len(tests.names) // 2)]), extra, grading
