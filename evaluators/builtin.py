"""The built-in benchmark: a generator of small repair tasks, families x seeds, and a set of hand-written tasks.

A task is a correct program with a bug put in, judged by comparing values (grading class *compared*). The same
(family, seed) gives the same task on every machine, under any PYTHONHASHSEED. Every bug fails at least one visible and
one hidden case. Where the bug sits, and of what kind it is, stays on the host.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from random import Random

from evaluators import bugs, families, guarded, visible
from evaluators.base import Case, Compared, Split, Task
from evaluators.families.draft import Draft
from evaluators.harbor import HarborBenchmark
from evaluators.program_text import Edit, Text, apply
from hgm.errors import EvaluatorError
from sandboxes.base import File

NAME = "builtin"
WIDE_SHARE = 0.3
"""How often a bug of more than one edit is tried first; some programs have none that shows."""
_POOL = 30
_REFERENCE_STEPS = 20_000
_CPU_S = 0.2
"""Per case: a thousand times what a correct program takes, and little lost on an endless loop."""
_MODULES = (
    "work",
    "tools",
    "core",
    "calc",
    "logic",
    "steps",
    "module",
    "helpers",
    "program",
    "parts",
    "lib",
    "main_part",
)


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A task with what the host knows about it."""

    task: Task
    family: str
    bug: str
    buggy_lines: int


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def _top_names(source: str) -> set[str]:
    body = ast.parse(source).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)} | {
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _pool(draft: Draft, rng: Random) -> tuple[list[str], list[guarded.Run]]:
    """Different inputs with the results of the correct program, which must handle all of them."""
    drawn = [json.dumps(draft.draw(rng)) for _ in range(3 * _POOL)]
    cases = list(dict.fromkeys(drawn))[:_POOL]
    runs = guarded.run_cases(draft.source, draft.function, cases, limit=_REFERENCE_STEPS)
    if runs is None or not all(run.value for run in runs):
        bad = (
            "the module" if runs is None else next(case for case, run in zip(cases, runs, strict=True) if not run.value)
        )
        raise EvaluatorError(f"the correct program of {draft.function} fails on {bad}")
    return cases, runs


def _candidates(draft: Draft, rng: Random) -> Iterator[bugs.Bug]:
    """Bugs in the order to try them: the kinds first, so that a kind with many places is not preferred."""
    text = Text(draft.source)
    single, wide = list(bugs.SINGLE), list(bugs.WIDE)
    rng.shuffle(single)
    rng.shuffle(wide)
    for kind in wide + single if rng.random() < WIDE_SHARE else single + wide:
        found: list[tuple[Edit, ...]]
        if kind == "two-bugs":
            first, second = (bugs.edits(text, each) for each in rng.sample(bugs.SINGLE, 2))
            both = [
                (a, b) for a in rng.sample(first, min(3, len(first))) for b in rng.sample(second, min(3, len(second)))
            ]
            found = [(a, b) for a, b in both if a.end <= b.start or b.end <= a.start]
        elif kind in ("wrong-step", "wrong-structure"):
            found = [(edit,) for edit in bugs.mistakes(text, kind, draft.mistakes)]
        else:
            found = [(edit,) for edit in bugs.edits(text, kind)]
        for edits in rng.sample(found, min(4, len(found))):
            yield bugs.Bug(kind, edits)


def _failing(draft: Draft, edits: Sequence[Edit], cases: list[str], right: list[guarded.Run]) -> list[int]:
    """Numbers of the cases that the program with these edits gets wrong; none if it does not even parse."""
    source = apply(draft.source, edits)
    try:
        ast.parse(source)
    except SyntaxError:
        return []
    limit = 200 + 20 * max(run.steps for run in right)
    runs = guarded.run_cases(source, draft.function, cases, limit=limit)
    if runs is None:
        return []
    return [number for number, (run, good) in enumerate(zip(runs, right, strict=True)) if run.value != good.value]


def _shows(draft: Draft, bug: bugs.Bug, cases: list[str], right: list[guarded.Run]) -> list[int]:
    failing = _failing(draft, bug.edits, cases, right)
    if bug.kind == "two-bugs" and not all(_failing(draft, [edit], cases, right) for edit in bug.edits):
        return []
    return failing


def _neighbours(target: Draft, family: str, rng: Random) -> list[str]:
    """Correct functions that share the module with the wrong one."""
    taken = _top_names(target.source)
    sources = []
    for name in rng.sample(sorted(families.FAMILIES), rng.choice([0, 0, 0, 0, 1, 1, 2])):
        source = families.FAMILIES[name](rng).source
        if name != family and not taken & _top_names(source):
            taken |= _top_names(source)
            sources.append(source)
    return sources


def _split_cases(
    cases: list[str], right: list[guarded.Run], failing: list[int], rng: Random
) -> tuple[list[Case], list[Case]]:
    """6-10 visible and 10-20 hidden cases, at least one failing one in each."""
    order = list(range(len(cases)))
    rng.shuffle(order)
    first, second = rng.sample(failing, 2)
    rest = [number for number in order if number not in (first, second)]
    count = rng.randint(6, min(10, len(cases) - 10))
    shown, hidden = [first, *rest[: count - 1]], [second, *rest[count - 1 :]][:20]
    rng.shuffle(shown)

    def case(number: int) -> Case:
        return Case(args=tuple(json.loads(cases[number])), expected=json.loads(right[number].value))

    return [case(number) for number in shown], [case(number) for number in hidden]


def _statement(draft: Draft, module: str) -> str:
    return (
        f"The function `{draft.function}` in `{module}` does not do what it should.\n\n{draft.intent}\n\n"
        f"Repair `{module}`. `{' '.join(visible.COMMAND)}` runs some of the tests that it has to pass and shows "
        "which of them fail; do not change `check.py`.\n"
    )


def _attempt(family: str, rng: Random, task_id: str, split: Split) -> Generated | None:
    draft = families.FAMILIES[family](rng)
    cases, right = _pool(draft, rng)
    if len(cases) < 16 or len({run.value for run in right}) < 2:
        return None
    for bug in _candidates(draft, rng):
        failing = _shows(draft, bug, cases, right)
        if len(failing) >= 2 and (len(failing) < len(cases) or rng.random() < 0.4):
            break
    else:
        return None
    module = rng.choice([f"{draft.function}.py", f"{rng.choice(_MODULES)}.py"])
    blocks = [*_neighbours(draft, family, rng), ""]
    rng.shuffle(blocks)
    broken = apply(draft.source, bug.edits)
    good, bad = ("\n\n".join(block or own for block in blocks).encode() for own in (draft.source, broken))
    shown, hidden = _split_cases(cases, right, failing, rng)
    check = visible.check_file(module, draft.function, shown, cpu_s=_CPU_S / 2)
    task = Task(
        id=task_id,
        benchmark=NAME,
        split=split,
        statement=_statement(draft, module),
        workspace={module.encode(): File(bad), b"check.py": File(check)},
        test_command=visible.COMMAND,
        grading=Compared(module=module, function=draft.function, cases=tuple(hidden), cpu_s=_CPU_S),
        reference={module.encode(): File(good)},
    )
    return Generated(task=task, family=family, bug=bug.kind, buggy_lines=bad.count(b"\n"))


@lru_cache(maxsize=1024)
def generate(family: str, seed: str, *, task_id: str, split: Split) -> Generated:
    """The task of one family and seed, always the same one."""
    for attempt in range(40):
        made = _attempt(family, Random(f"{family}:{seed}:{attempt}"), task_id, split)
        if made is not None:
            return made
    raise EvaluatorError(f"family {family} shows no bug for seed {seed}")


def _source_hash() -> str:
    here = Path(__file__).parent
    paths = [here / name for name in ("builtin.py", "bugs.py", "guarded.py", "program_text.py", "visible.py")]
    paths += sorted((here / "families").glob("*.py"))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def hand_written() -> HarborBenchmark:
    """The tasks in `evaluators/tasks`."""
    return HarborBenchmark(Path(__file__).parent / "tasks", name=NAME)


class BuiltinBenchmark:
    """The generated tasks, made when they are asked for, and the hand-written ones; the sizes are of both together."""

    name = NAME
    has_images = False

    def __init__(self, *, dev: int = 240, search: int = 60, select: int = 60, sealed: int = 300, seed: int = 0) -> None:
        self._sizes = {Split.DEV: dev, Split.SEARCH: search, Split.SELECT: select, Split.SEALED: sealed}
        self._seed = seed

    def fingerprint(self) -> str:
        return _digest(_source_hash(), hand_written().fingerprint(), sorted(self._sizes.items()), self._seed)

    @cached_property
    def _plan(self) -> dict[str, tuple[Split, str, str]]:
        """Task id -> split, family, seed. The families take turns, so every split has all of them."""
        order = sorted(families.FAMILIES)
        plan = {}
        for split, size in self._sizes.items():
            for number in range(size - len(self._by_hand(split))):
                family, seed = order[number % len(order)], f"{self._seed}/{split.value}/{number // len(order)}"
                plan[f"b-{_digest(family, seed)[:10]}"] = (split, family, seed)
        return plan

    def tasks(self, split: Split) -> tuple[str, ...]:
        generated = [task_id for task_id, (own, _, _) in self._plan.items() if own == split]
        return (*self._by_hand(split), *generated)

    def _by_hand(self, split: Split) -> tuple[str, ...]:
        return hand_written().tasks(split)[: self._sizes[split]]

    def generated(self, task_id: str) -> Generated:
        """One task with what the host knows about its bug; for statistics, never for agents."""
        if task_id not in self._plan:
            raise EvaluatorError(f"no such task in {NAME}: {task_id}")
        split, family, seed = self._plan[task_id]
        return generate(family, seed, task_id=task_id, split=split)

    def task(self, task_id: str) -> Task:
        if task_id in hand_written():
            return hand_written().task(task_id)
        return self.generated(task_id).task
