"""What a display knows about a running search: a picture of plain values, made anew when something happened.

The main thread changes the run while another thread draws, so the drawing reads the latest picture and never the run.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from evaluators.base import Split
from hgm import meter
from hgm.agents_by_name import best_node
from hgm.cli.costs import spent
from hgm.cli.terminal import one_line, percent, plural
from hgm.jobs import EvaluateJob, EvaluationResult, Job, Result
from hgm.state import RunState
from hgm.summary import Score, rejections, score, stage, unmeasured
from trees.records import Expansion, Outcome

LINES = 6
"""So many of the latest results stay in sight."""
WORDS = {Outcome.PASSED: "passed", Outcome.FAILED: "failed", Outcome.UNMEASURED: "unmeasured"}


@dataclass(frozen=True, kw_only=True)
class Work:
    """One running job."""

    job: str
    what: str
    stage: str = "starting"
    attempt: int = 0
    since: float

    def moved(self, stage: str) -> "Work":
        """At another stage; the first stage again means another attempt."""
        first = stage in ("solving", "diagnosing")
        return replace(self, stage=stage, attempt=self.attempt + first)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The search at one moment."""

    stage: str
    done: int
    """Measured evaluations of this stage."""
    goal: int
    """How many this stage needs; for a search without a number of evaluations, 100 for all of its budget."""
    progress: str
    """The two in words."""
    spent: str
    """Of each unit of the budget."""
    agents: int
    best: int
    best_score: Score
    rejected: int
    unmeasured: int
    waited_s: float
    """Seconds that finished jobs waited for rate limits and retries of their model."""
    per_minute: float
    lines: tuple[str, ...]


class Board:
    """Told what happens in a search; tells it as a picture."""

    def __init__(self, state: RunState, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.stopping = False
        self._clock = clock
        self._state = state
        self._began = clock()
        self._evaluations = 0
        self._waited_s = 0.0
        self._lines: list[str] = []
        self._works: dict[str, Work] = {}
        self._lock = threading.Lock()
        self.picture = self._look()

    def works(self) -> list[tuple[Work, float]]:
        """What runs, oldest first, each with its seconds so far."""
        with self._lock:
            works = list(self._works.values())
        return [(work, self._clock() - work.since) for work in works]

    def started(self, job: Job) -> None:
        """A job was submitted."""
        with self._lock:
            self._works[job.id] = Work(job=job.id, what=describe(job), since=self._clock())
        self.picture = self._look()

    def stage(self, job: str, stage: str) -> None:
        """A running job moved on; from any thread."""
        with self._lock:
            if job in self._works:
                self._works[job] = self._works[job].moved(one_line(stage))

    def finished(self, job: Job, result: Result) -> str:
        """A result was taken in; the line that says so."""
        with self._lock:
            self._works.pop(job.id, None)
        self._evaluations += isinstance(result, EvaluationResult)
        self._waited_s += result.usage.waited_s
        line = self._line(job, result)
        self._lines = [*self._lines[1 - LINES :], line]
        self.picture = self._look()
        return line

    def _line(self, job: Job, result: Result) -> str:
        return f"{job.id}  {describe(job)}: {self._outcome(result)}, {result.wall_s:.1f} s"

    def _outcome(self, result: Result) -> str:
        if isinstance(result, EvaluationResult):
            cause = f" ({one_line(result.cause, 40)})" if result.cause else ""
            return WORDS[result.outcome] + cause
        if self._state.nodes[-1].job == result.job:
            return f"agent {len(self._state.nodes) - 1} is born"
        failed = self._state.failed_expansions[-1]
        kind = "unmeasured" if failed.kind is Expansion.UNMEASURED else "rejected"
        return f"{kind} ({one_line(failed.reason, 60)})"

    def _look(self) -> Picture:
        state = self._state
        best = best_node(state)
        done, goal = _progress(state)
        minutes = (self._clock() - self._began) / 60
        return Picture(
            stage=stage(state),
            done=done,
            goal=goal,
            progress=_words(state, done, goal),
            spent=spent(state),
            agents=len(state.nodes),
            best=best,
            best_score=score(state, best, Split.SEARCH),
            rejected=rejections(state).total(),
            unmeasured=unmeasured(state),
            waited_s=self._waited_s,
            per_minute=self._evaluations / minutes if minutes > 0 else 0.0,
            lines=tuple(self._lines),
        )


def describe(job: Job) -> str:
    """What a job does, on one line."""
    if not isinstance(job, EvaluateJob):
        return f"agent {job.node} makes a child"
    where = "" if job.split is Split.SEARCH else f"{job.split} "
    return f"agent {job.node} on {where}{one_line(job.task, 48)}"


def best_so_far(picture: Picture) -> str:
    """The leading agent and its score."""
    found = picture.best_score
    rate = f"{percent(found.share)} of {found.measured}" if found.measured else "not evaluated yet"
    return f"agent {picture.best} ({rate})"


def counts(picture: Picture) -> str:
    """Everything that is a number, on one line."""
    parts = [plural(picture.agents, "agent"), f"{picture.rejected} rejected", f"{picture.unmeasured} unmeasured"]
    if picture.waited_s >= 1:
        parts.append(f"{picture.waited_s:.0f} s waited for models")
    return ", ".join([*parts, f"{picture.per_minute:.0f} evaluations/min"])


def _progress(state: RunState) -> tuple[int, int]:
    """Done and needed in the stage that a run is in."""
    config = state.config.confirmation
    if state.candidates is None:
        if state.budget.evaluations is None:
            return int(100 * meter.settled_share(state)), 100
        view = state.tree.view()
        return int(view.successes.sum() + view.failures.sum()), state.budget.evaluations
    if state.winner is None and state.repeats > 1:
        again = sum(item.repeat > 0 and item.outcome is not Outcome.UNMEASURED for item in state.evaluations)
        return again, (state.repeats - 1) * len(state.nodes) * len(state.search_tasks)
    if state.winner is None:
        return _measured(state, Split.SELECT), len(state.candidates) * len(state.select_tasks)
    agents = 1 if state.winner == 0 else 2
    return _measured(state, Split.SEALED), agents * config.sealed_repeats * len(state.sealed_tasks or ())


def _words(state: RunState, done: int, goal: int) -> str:
    return f"{done} %" if state.candidates is None and state.budget.evaluations is None else f"{done}/{goal}"


def _measured(state: RunState, split: Split) -> int:
    return sum(item.split is split and item.outcome is not Outcome.UNMEASURED for item in state.evaluations)
