"""Whether a task that is played measures anything: for `hgm benchmark validate`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from evaluators.base import Benchmark, Played, Split, Task
from evaluators.gui.base import Stage
from evaluators.gui.oracles import ORACLES, play
from evaluators.gui.pool import open_stage
from hgm.errors import EvaluatorError
from sandboxes.base import SandboxProvider
from trees.records import Outcome


@contextmanager
def stage_for(benchmark: Benchmark, provider: SandboxProvider, *, run: str) -> Iterator[Stage | None]:
    """A stage where the benchmark's tasks are played, else nothing.

    Raises:
        EvaluatorError: what it needs of this machine is missing; says what to do.
        SandboxError: the sandbox's own trouble.
    """
    if not _is_played(benchmark):
        yield None
        return
    with closing(open_stage(provider, run=run)) as stage:
        yield stage


def _is_played(benchmark: Benchmark) -> bool:
    first = next((task for split in Split for task in benchmark.tasks(split)), "")
    try:
        return bool(first) and isinstance(benchmark.task(first).grading, Played)
    except EvaluatorError:  # it is told where that task is looked at
        return False


def played_problem(task: Task, stage: Stage, *, repeats: int, slot: int) -> str:
    """What is wrong with a task: repeats differ, doing nothing passes, or its oracle, if it has one, fails.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    seen = set()
    for _ in range(repeats):
        with stage.episode(task, job=task.id, slot=slot) as episode:
            found = episode.observe()
            seen.add((found.goal, found.text))
            if episode.verdict().outcome is Outcome.PASSED:
                return "an agent that does nothing passes"
    if len(seen) > 1:
        return f"the page is not the same in {repeats} repeats"
    assert isinstance(task.grading, Played)
    if (solve := ORACLES.get(task.grading.page)) is None:
        return ""
    with stage.episode(task, job=task.id, slot=slot) as episode:
        stuck = play(episode, solve)
        verdict = episode.verdict()
    return "" if verdict.outcome is Outcome.PASSED else f"its oracle fails ({verdict.cause}: {stuck or 'it is done'})"
