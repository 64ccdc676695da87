"""Opens a benchmark by name or path, and checks one."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from evaluators.base import Benchmark, Harness, Split, Suite, Task, Verdict
from evaluators.builtin import BuiltinBenchmark
from evaluators.canaries import without_canary
from evaluators.grading import grade_once, grade_reference
from evaluators.harbor import HarborBenchmark
from evaluators.polyglot import NAME as POLYGLOT
from evaluators.polyglot import PolyglotBenchmark
from evaluators.quixbugs import QuixBugs
from evaluators.solutions import solve
from evaluators.swebench import NAME as SWEBENCH
from evaluators.swebench import SwebenchBenchmark
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import Files, SandboxProvider
from trees.records import Outcome

REPEATS = 3


def open_benchmark(name: str, data: Path | None = None, **options: int) -> Benchmark:
    """The benchmark of that name, or the folder of tasks in Harbor's format at that path.

    Raises:
        ConfigError: there is no such benchmark, or it needs data that was not given; says what exists.
        EvaluatorError: its records are unusable.
    """
    if "/" in name or name in (".", ".."):
        return HarborBenchmark(Path(name))
    if name == "builtin":
        return BuiltinBenchmark(**options)
    if name == "quixbugs":
        if data is None:
            raise ConfigError("quixbugs needs its data: --data FILE.jsonl")
        return QuixBugs(data)
    if name == POLYGLOT:
        return PolyglotBenchmark(data or Path("missing"))
    if name == SWEBENCH or name.startswith(f"{SWEBENCH}:"):
        return SwebenchBenchmark(name.partition(":")[2], data)
    raise ConfigError(
        f"no benchmark {name!r}; there are builtin, quixbugs (with --data), polyglot, swebench, and folders of tasks "
        "by a path with a slash"
    )


class Check(NamedTuple):
    """What validation found of one task; `problem` is empty for a sound one."""

    task: str
    split: Split
    problem: str
    note: str = ""
    """What a sound task's grading cannot see; empty where there is nothing to say."""


def validate(benchmark: Benchmark, provider: SandboxProvider, limit: int | None = None, *, run: str) -> Iterator[Check]:
    """Check each task: its reference passes, its untouched workspace fails, and three repeats agree.

    `run` names what this leaves on the host if it is killed; the caller holds it, so that `hgm gc` knows whose it is.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    ids = ((split, task_id) for split in Split for task_id in benchmark.tasks(split))
    for split, task_id in islice(ids, limit):
        try:
            problem = _problem(benchmark, task_id, provider, run)
        except EvaluatorError as error:
            problem = str(error)
        yield Check(task_id, split, problem, "" if problem else _note(benchmark.task(task_id)))


def _note(task: Task) -> str:
    if not isinstance(task.grading, Suite) or not (missing := without_canary(task.grading)):
        return ""
    names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    return f"{len(missing)} of {len(task.grading.expected)} hidden tests have no canary: {names}"


def _problem(benchmark: Benchmark, task_id: str, provider: SandboxProvider, run: str) -> str:
    task = benchmark.task(task_id)
    graded = partial(_graded, task, provider, run)
    solved = None if isinstance(task.grading, Harness) else solve(task, provider, run=run, job=task_id, slot=0)
    for name, files, wanted in (("reference", solved, Outcome.PASSED), ("workspace", task.workspace, Outcome.FAILED)):
        found = [graded(files) for _ in range(REPEATS)]
        if len({(verdict.outcome, tuple(verdict.tests.items())) for verdict in found}) > 1:
            return f"the {name} is graded differently in {REPEATS} repeats"
        if found[0].outcome != wanted:
            failed = [test for test, passed in found[0].tests.items() if not passed]
            detail = f" ({found[0].cause}: {', '.join(failed[:5])})" if failed else ""
            return f"the {'reference fails' if wanted is Outcome.PASSED else 'untouched workspace passes'}{detail}"
    return ""


def _graded(task: Task, provider: SandboxProvider, run: str, files: Files | None) -> Verdict:
    """The verdict on files, or, without any, on the reference that only a patch makes."""
    if files is None:
        return grade_reference(task, provider, run=run, job=task.id, slot=0)
    return grade_once(task, files, provider, run=run, job=task.id, slot=0)
