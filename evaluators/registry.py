"""Opens a benchmark by name or path, and checks one."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from evaluators.base import Benchmark, Split, Suite, Task, Verdict
from evaluators.builtin import BuiltinBenchmark
from evaluators.canaries import without_canary
from evaluators.fetching import fetched
from evaluators.grading import grade_once, grade_reference
from evaluators.gui.base import Stage
from evaluators.gui.soundness import played_problem, stage_for
from evaluators.harbor import HarborBenchmark
from evaluators.miniwob import NAME as MINIWOB
from evaluators.miniwob import MiniwobBenchmark
from evaluators.polyglot import NAME as POLYGLOT
from evaluators.polyglot import PolyglotBenchmark
from evaluators.quixbugs import QuixBugs
from evaluators.swebench import NAME as SWEBENCH
from evaluators.swebench import SwebenchBenchmark
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import Files, SandboxProvider
from trees.checkouts import checkout, is_address
from trees.records import Outcome

REPEATS = 3


def open_benchmark(name: str, data: Path | None = None, **options: int) -> Benchmark:
    """The benchmark of that name, or the folder of tasks in Harbor's format at that path or URL (`trees.checkouts`).

    Raises:
        ConfigError: there is no such benchmark, or it needs data that was not given, says what exists; or its records
            are unusable, says which.
    """
    try:
        return _opened(name, data, **options)
    except EvaluatorError as error:
        raise ConfigError(str(error)) from error


def _opened(name: str, data: Path | None, **options: int) -> Benchmark:
    if is_address(name):
        found = checkout(name)
        return HarborBenchmark(found.folder, name=found.address.name)
    if "/" in name or name in (".", ".."):
        return HarborBenchmark(Path(name))
    if name == "builtin":
        return BuiltinBenchmark(**options)
    if name == "quixbugs":
        if data is None:
            raise ConfigError("quixbugs needs its data: --data FILE.jsonl")
        return QuixBugs(data)
    if name == MINIWOB:
        return MiniwobBenchmark(**options)
    if name == POLYGLOT:
        return PolyglotBenchmark(data or fetched())
    if name == SWEBENCH or name.startswith(f"{SWEBENCH}:"):
        return SwebenchBenchmark(name.partition(":")[2], data)
    raise ConfigError(
        f"no benchmark {name!r}; there are builtin, quixbugs (with --data), polyglot, swebench, miniwob, and folders "
        "of tasks by a path with a slash"
    )


class Check(NamedTuple):
    """What validation found of one task; `problem` is empty for a sound one."""

    task: str
    split: Split
    problem: str
    note: str = ""
    """What a sound task's grading cannot see; empty where there is nothing to say."""
    name: str = ""
    groups: Mapping[str, str] = MappingProxyType({})


def validate(
    benchmark: Benchmark,
    provider: SandboxProvider,
    limit: int | None = None,
    *,
    run: str,
    repeats: int = REPEATS,
    workers: int = 1,
) -> Iterator[Check]:
    """Check each task: its reference passes, its untouched workspace fails, and so many repeats agree.

    Checks come in the order of the tasks; when nobody asks for more, those that run end first. `run` names what this
    leaves on the host if it is killed; the caller holds it, so that `hgm gc` knows whose it is.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    ids = islice(((split, task_id) for split in Split for task_id in benchmark.tasks(split)), limit)
    slots = SimpleQueue[int]()
    for slot in range(workers):
        slots.put(slot)

    def check(stage: Stage | None, split: Split, task_id: str) -> Check:
        slot = slots.get()
        try:
            if stage is None:
                return _check(benchmark, split, task_id, partial(_graded_problem, provider, run, slot, repeats))
            return _check(benchmark, split, task_id, partial(_played_problem, stage, slot, repeats))
        finally:
            slots.put(slot)

    with stage_for(benchmark, provider, run=run) as stage, ThreadPoolExecutor(workers) as pool:
        running = deque(pool.submit(check, stage, *task) for task in islice(ids, workers))
        while running:
            yield running.popleft().result()
            running.extend(pool.submit(check, stage, *task) for task in islice(ids, 1))


_Grade: TypeAlias = Callable[[Task, Files | None], Verdict]


def _check(benchmark: Benchmark, split: Split, task_id: str, find: Callable[[Task], str]) -> Check:
    try:
        task = benchmark.task(task_id)
        problem = find(task)
    except EvaluatorError as error:
        return Check(task_id, split, str(error))
    return Check(task_id, split, problem, "" if problem else _note(task), task.name, task.groups)


def _note(task: Task) -> str:
    if not isinstance(task.grading, Suite) or not (missing := without_canary(task.grading)):
        return ""
    names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    return f"{len(missing)} of {len(task.grading.expected)} hidden tests have no canary: {names}"


def _played_problem(stage: Stage, slot: int, repeats: int, task: Task) -> str:
    return played_problem(task, stage, repeats=repeats, slot=slot)


def _graded_problem(provider: SandboxProvider, run: str, slot: int, repeats: int, task: Task) -> str:
    return _problem(task, partial(_graded, provider, run, slot), repeats)


def _problem(task: Task, grade: _Grade, repeats: int) -> str:
    for name, files, wanted in (("reference", None, Outcome.PASSED), ("workspace", task.workspace, Outcome.FAILED)):
        found = [grade(task, files) for _ in range(repeats)]
        if len({(verdict.outcome, tuple(verdict.tests.items())) for verdict in found}) > 1:
            return f"the {name} is graded differently in {repeats} repeats"
        if found[0].outcome != wanted:
            failed = [test for test, passed in found[0].tests.items() if not passed]
            detail = f" ({found[0].cause}: {', '.join(failed[:5])})" if failed else ""
            return f"the {'reference fails' if wanted is Outcome.PASSED else 'untouched workspace passes'}{detail}"
    return ""


def _graded(provider: SandboxProvider, run: str, slot: int, task: Task, files: Files | None) -> Verdict:
    """The verdict on files, or, without any, on the reference."""
    if files is None:
        return grade_reference(task, provider, run=run, job=task.id, slot=slot)
    return grade_once(task, files, provider, run=run, job=task.id, slot=slot)
