"""One agent on chosen tasks without keeping a run: an evaluation in a scratch folder, for calibration and the like."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaluators.base import Split
from hgm import evaluation
from hgm.budget import Budget
from hgm.config import SearchConfig
from hgm.errors import SandboxError
from hgm.jobs import EvaluateJob, EvaluationResult, Job, Result
from hgm.layers import Preparing
from hgm.loop import Ending
from hgm.scratch import Scratch
from hgm.session import benchmark_of
from hgm.state import RunState
from sandboxes.base import Files


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One evaluation and how it ended."""

    job: EvaluateJob
    result: EvaluationResult


Watcher = Callable[[Measured], None]


def measure(
    agent: Files,
    tasks: Sequence[tuple[Split, str]],
    config: SearchConfig,
    *,
    repeats: int,
    watch: Watcher = lambda done: None,
    stage: Callable[[str, str], None] = lambda job, stage: None,
    stopping: Callable[[], None] = lambda: None,
    leaving: Callable[[], None] = lambda: None,
    preparing: Preparing = lambda what: None,
) -> tuple[list[Measured], bool]:
    """Every task `repeats` times, repeat by repeat; and whether that was interrupted.

    Raises:
        SandboxError: ten in a row could not be measured.
        HGMError: the lab does not come up.
    """
    plan = evaluation.Plan(agent="agent", files=agent, split=evaluation.ALL, tasks=tasks, repeats=repeats)
    display = _Display(watch, stage, stopping, leaving, preparing)
    whole = config.model_copy(update={"budget": Budget(evaluations=len(tasks) * repeats)})
    with Scratch(f"evaluate-{os.getpid()}") as scratch:
        ending = evaluation.start(plan, whole, benchmark_of(config), scratch.root / "evaluation", display=display)
    if ending is Ending.HOST:
        raise SandboxError(f"{ending}: {display.done[-1].result.detail} (see `hgm doctor`)")
    return display.done, ending is Ending.INTERRUPTED


@dataclass
class _Display:
    """Passes on what a caller asked to be told."""

    watch: Watcher
    stage: Callable[[str, str], None]
    stopping: Callable[[], None]
    leaving: Callable[[], None]
    preparing: Preparing

    def __post_init__(self) -> None:
        self.done: list[Measured] = []

    def opened(self, state: RunState) -> None:
        """Nothing to show."""

    def started(self, job: Job) -> None:
        """Nothing to show."""

    def spent(self, share: float) -> None:
        """Nothing to show."""

    def finished(self, job: Job, result: Result) -> None:
        """One more."""
        if isinstance(job, EvaluateJob) and isinstance(result, EvaluationResult):
            self.done.append(Measured(job=job, result=result))
            self.watch(self.done[-1])
