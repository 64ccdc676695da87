"""Tasks in HumanEval's (Chen et al., 2021) and MBPP's (Austin et al., 2021) form, as folders in Harbor's format.

Each is a *suite*: the file's tests, one pytest function each where they are single assertions. The file's text is put
into files and never run here.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hgm.errors import ConfigError, EvaluatorError, boundary
from sandboxes.base import File, Files

_MAX_DATA = 256 << 20
_MODULE = "solution.py"
_DOCKERFILE = "FROM python:3.12-slim\nWORKDIR /workspace\nCOPY workspace/ /workspace/\n"
_SOLVE = '#!/bin/bash\ncp -r "$(dirname "$0")"/workspace/. .\n'
_TEST = """\
#!/bin/bash
python3 -m pytest -q --rootdir /tests /tests && echo 1 >/logs/verifier/reward.txt || echo 0 >/logs/verifier/reward.txt
"""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", str_max_length=1 << 20, coerce_numbers_to_str=True)

    task_id: str = Field(min_length=1, max_length=100)


class HumanEvalRow(_Row):
    """One line in HumanEval's form."""

    prompt: str
    entry_point: str = Field(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\z")
    canonical_solution: str
    test: str


class MbppRow(_Row):
    """One line in MBPP's form."""

    text: str = ""
    prompt: str = ""
    """What `text` is called in the sanitised edition."""
    code: str
    test_list: tuple[str, ...] = Field(min_length=1)
    test_setup_code: str = ""
    test_imports: tuple[str, ...] = ()


def tasks(file: Path, form: str) -> dict[str, Files]:
    """Folder -> its files.

    Raises:
        ConfigError: the file cannot be read.
        EvaluatorError: a line is unusable; says which and why.
    """
    with boundary(ConfigError, f"cannot read {file}"):
        if file.stat().st_size > _MAX_DATA:
            raise ConfigError(f"{file} is larger than {_MAX_DATA >> 20} MiB")
        lines = file.read_bytes().splitlines()
    found: dict[str, Files] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            name, files = FORMS[form](line)
        except (ValidationError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise EvaluatorError(f"{file}, line {number}: {str(error).splitlines()[0]}") from error
        if name in found:
            raise EvaluatorError(f"{file}, line {number}: another task has the name {name!r} too")
        found[name] = files
    if not found:
        raise EvaluatorError(f"{file} holds no task")
    return found


def _humaneval(line: bytes) -> tuple[str, Files]:
    row = HumanEvalRow.model_validate_json(line)
    name = _name(row.task_id)
    hidden = f"from {_stem()} import {row.entry_point}\n\n{_as_test(row)}\n"
    statement = (
        f"Complete `{row.entry_point}` in `{_MODULE}`, as the text in it says. Tests that you do not see decide.\n"
    )
    stub = f"{row.prompt.rstrip()}\n    raise NotImplementedError\n"
    solved = row.prompt + row.canonical_solution
    return name, _files(name, statement, stub, solved, hidden, ["test_all"])


def _as_test(row: HumanEvalRow) -> str:
    """The file's `check(candidate)` as a test function, in which assertions can be told from each other."""
    tree = ast.parse(row.test)
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == "check" and len(node.args.args) == 1:
            candidate = ast.parse(f"{node.args.args[0].arg} = {row.entry_point}").body
            body = [*candidate, *node.body]
            tree.body[place] = ast.parse("def test_all(): pass").body[0]
            tree.body[place].body = body  # type: ignore[attr-defined]
            return ast.unparse(ast.fix_missing_locations(tree))
    raise ValueError("test: there is no check(candidate)")


def _mbpp(line: bytes) -> tuple[str, Files]:
    row = MbppRow.model_validate_json(line)
    name = _name(row.task_id if not row.task_id.isdecimal() else f"mbpp-{row.task_id}")
    setup = "\n".join([*row.test_imports, row.test_setup_code]).strip()
    tests = [f"def test_{number}():\n" + _indented(test) for number, test in enumerate(row.test_list)]
    hidden = "\n\n".join([f"from {_stem()} import *\n{setup}\n", *tests]) + "\n"
    ast.parse(hidden)
    statement = (
        f"{(row.text or row.prompt).strip()}\n\nWrite it into `{_MODULE}`, so that this passes:\n\n"
        f"    {row.test_list[0].strip()}\n\nMore tests, which you do not see, decide.\n"
    )
    stub = '"""What instruction.md asks for."""\n'
    names = [f"test_{number}" for number in range(len(tests))]
    return name, _files(name, statement, stub, row.code.strip() + "\n", hidden, names)


FORMS: Mapping[str, Callable[[bytes], tuple[str, Files]]] = {"humaneval": _humaneval, "mbpp": _mbpp}
"""What `--as` may say."""


def _stem() -> str:
    return _MODULE.removesuffix(".py")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.strip().splitlines())


def _name(task_id: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", task_id.lower()).strip("-")
    if not name:
        raise ValueError(f"task_id: {task_id!r} makes no name")
    return name


def _files(name: str, statement: str, stub: str, solved: str, hidden: str, tests: list[str]) -> Files:
    module = f"test_{name.replace('-', '_')}.py"
    expected: Any = [f"{module}::{test}" for test in tests]
    record = (
        f'schema_version = "1.4"\n\n[task]\nname = "{name}"\n\n[metadata.hgm]\ngrading = "suite"\n'
        f'reference = "solution/workspace"\n\n[metadata.hgm.suite]\nexpected = {json.dumps(expected)}\n'
    )
    texts = {
        "task.toml": record,
        "instruction.md": statement,
        "environment/Dockerfile": _DOCKERFILE,
        f"environment/workspace/{_MODULE}": stub,
        f"tests/{module}": hidden,
        "tests/test.sh": _TEST,
        f"solution/workspace/{_MODULE}": solved,
        "solution/solve.sh": _SOLVE,
    }
    return {
        path.encode(): File(text.encode(), "100755" if path.endswith(".sh") else "100644")
        for path, text in texts.items()
    }
