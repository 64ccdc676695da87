"""The display of evaluations: a bar that counts, or plain lines."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hgm.cli.board import WORDS, describe
from hgm.cli.displays import SHOW_CURSOR
from hgm.cli.terminal import is_live, one_line, out, percent
from hgm.jobs import EvaluateJob, EvaluationResult, Job, Result
from hgm.measure import Measured
from hgm.state import RunState
from trees.records import Outcome

INTERRUPTED = 130


def tell_stopping() -> None:
    """The first Ctrl-C, from a signal handler."""
    os.write(2, b"\nfinishing what runs; Ctrl-C again to stop at once\n")


def tell_leaving() -> None:
    """The second."""
    os.write(2, b"\nstopped at once\n")


class Counting:
    """Told of every evaluation; a `hgm.controller.Display`."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._is_limited = False
        self._outcomes: Counter[Outcome] = Counter()

    def preparing(self, what: str) -> None:
        """What takes its time before the first evaluation."""

    def opened(self, state: RunState) -> None:
        """The first evaluation comes next; what a run has measured before is counted."""
        self._is_limited = state.budget.evaluations != len(state.planned or ())
        for item in state.evaluations:
            self._outcomes[item.outcome] += 1

    def started(self, job: Job) -> None:
        """One begins."""

    def stage(self, job: str, stage: str) -> None:
        """One has come further; from the job's own thread."""

    def finished(self, job: Job, result: Result) -> None:
        """One more."""
        if isinstance(job, EvaluateJob) and isinstance(result, EvaluationResult):
            self._outcomes[result.outcome] += 1
            self.show(job, result)

    def measured(self, done: Measured) -> None:
        """One more, of an evaluation that keeps no run."""
        self.finished(done.job, done.result)

    def show(self, job: EvaluateJob, result: EvaluationResult) -> None:
        """Show one more."""

    def spent(self, share: float) -> None:
        """So much of the budget is used; told where it does not just pay for all that is planned."""
        if self._is_limited:
            print(f"{percent(share)} of the budget is used", file=sys.stderr, flush=True)

    @property
    def done(self) -> int:
        """So many so far."""
        return sum(self._outcomes.values())

    def summary(self) -> str:
        """Counts so far."""
        counts = self._outcomes
        return (
            f"{counts[Outcome.PASSED]} passed, {counts[Outcome.FAILED]} failed, {counts[Outcome.UNMEASURED]} unmeasured"
        )

    def stopping(self) -> None:
        """The first Ctrl-C, from a signal handler."""
        tell_stopping()

    def leaving(self) -> None:
        """The second."""
        tell_leaving()


class Lines(Counting):
    """One line per evaluation."""

    def preparing(self, what: str) -> None:
        """See `Counting`."""
        print(one_line(what, 200), flush=True)

    def show(self, job: EvaluateJob, result: EvaluationResult) -> None:
        """See `Counting`."""
        cause = f" ({one_line(result.cause, 40)})" if result.cause else ""
        outcome = f"{WORDS[result.outcome]}{cause}, {result.wall_s:.1f} s"
        what = describe(job).removeprefix("agent 0 on ")
        print(f"[{self.done}/{self._total}] {what}: {outcome}; {self.summary()}", flush=True)


class Bar(Counting):
    """A bar at the bottom of the terminal, and what runs now."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=out(), transient=True)
        self._task = self.progress.add_task("", total=total)
        self._running: dict[str, str] = {}

    def preparing(self, what: str) -> None:
        """See `Counting`."""
        self.progress.update(self._task, description=one_line(what, 200))

    def opened(self, state: RunState) -> None:
        """See `Counting`."""
        super().opened(state)
        self._draw()

    def started(self, job: Job) -> None:
        """See `Counting`."""
        self._running[job.id] = "begins"
        self._draw()

    def stage(self, job: str, stage: str) -> None:
        """See `Counting`."""
        if job in self._running:
            self._running[job] = stage
            self._draw()

    def finished(self, job: Job, result: Result) -> None:
        """See `Counting`."""
        self._running.pop(job.id, None)
        super().finished(job, result)

    def show(self, job: EvaluateJob, result: EvaluationResult) -> None:
        """See `Counting`."""
        self._draw()

    def leaving(self) -> None:
        """The second Ctrl-C."""
        os.write(1, SHOW_CURSOR)
        super().leaving()

    def _draw(self) -> None:
        stages = ", ".join(f"{count} {one_line(stage, 60)}" for stage, count in Counter(self._running.values()).items())
        text = f"{self.summary()}{'   now ' + stages if stages else ''}"
        self.progress.update(self._task, completed=self.done, description=text)


@contextmanager
def counting(total: int, *, quiet: bool) -> Iterator[Counting]:
    """The display that suits the terminal."""
    if quiet:
        yield Counting(total)
    elif is_live():
        bar = Bar(total)
        with bar.progress:
            yield bar
    else:
        yield Lines(total)
