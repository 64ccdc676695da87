"""What a run has used, what its jobs may still use, and whether another fits: pure functions of its state.

Every unit is handled alike: what is settled, what is reserved for running jobs, what is held back for confirming and
the sealed comparison, and what is left. Evaluations are the search's own: nothing of them is held back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from evaluators.base import Split
from hgm.gateway.records import Usage
from trees.records import EXPANSION_COST, ROOT, Outcome

if TYPE_CHECKING:
    from hgm.state import RunState

Unit: TypeAlias = Literal["usd", "tokens", "seconds"]
MOST_HELD_BACK = 0.5
"""Of a budget, or of what it was raised to: more is never kept for confirming and the sealed comparison."""
_GUESSED = 3
"""The usual cost of an expansion counts as if so many of a run's had taken it."""
THRESHOLDS = (0.5, 0.8)
"""Shares of the budget at which a person is told."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One unit of a run's budget at one moment; USD, tokens or seconds."""

    unit: Unit
    total: float
    settled: float
    """By all that has ended; time: what has gone by."""
    reserved: float
    """What running jobs may use, all in all."""
    job: float
    """What one more job may use; time: as long as the longest of this run so far."""
    held_back: float
    """For confirming and the sealed comparison, and as a charge for more effort, while the run searches."""

    @property
    def left(self) -> float:
        """Beside what is settled and reserved; never below 0."""
        return max(0.0, self.total - self.settled - self.reserved)

    @property
    def fits(self) -> bool:
        """Whether one more job does, whatever it comes to."""
        return self.settled + self.reserved + self.held_back + self.job <= self.total

    @property
    def share(self) -> float:
        """Used or reserved, of what is not held back."""
        return min(1.0, (self.settled + self.reserved) / max(self.total - self.held_back, 1e-9 * self.total))


@dataclass(frozen=True, kw_only=True)
class Spent:
    """One unit that the budget limits, evaluations included, for whoever looks on."""

    unit: str
    limit: float
    used: float
    """By all that has ended."""
    reserved: float
    """By what has not: what those jobs may use at most."""


class Tally:
    """Jobs of one kind, as they come."""

    def __init__(self) -> None:
        self.jobs = self.tokens = 0

    def add(self, usage: Usage) -> None:
        """One more of them."""
        self.jobs += 1
        self.tokens += usage.tokens.total


def spent(state: "RunState") -> list[Spent]:
    """All units that limit this run."""
    found = [
        Spent(unit=unit, limit=total, used=settled(state, unit), reserved=_reserved(state, unit))
        for unit, total in _totals(state)
    ]
    limit = state.budget.evaluations
    if limit is None:
        return found
    return [Spent(unit="evaluations", limit=limit, used=state.evaluations_used, reserved=_begun(state)), *found]


def _begun(state: "RunState") -> int:
    """Evaluations of the search that have not ended."""
    return len(state.running) if state.planned is not None else int(state.tree.view().pending_evaluations.sum())


def readings(state: "RunState") -> list[Reading]:
    """All units but evaluations that limit this run."""
    return [_reading(state, unit, total) for unit, total in _totals(state)]


def fits(state: "RunState") -> bool:
    """Whether one more job does; evaluations aside, which the tree counts."""
    return all(reading.fits for reading in readings(state))


def share(state: "RunState") -> float:
    """The largest one of any unit but evaluations; 0 where evaluations alone are limited."""
    return max((reading.share for reading in readings(state)), default=0.0)


def exhausted(state: "RunState") -> tuple[str, ...]:
    """The units that let nothing more be started; evaluations count while the run searches."""
    found = [reading.unit for reading in readings(state) if not reading.fits]
    if state.candidates is None and state.budget.evaluations is not None and state.evaluations_left <= 0:
        return ("evaluations", *found)
    return tuple(found)


def settled_share(state: "RunState") -> float:
    """Of the whole budget, by the unit of which most is used; without what is only reserved."""
    shares = [reading.settled / reading.total for reading in readings(state)]
    if state.budget.evaluations is not None:
        shares.append(state.evaluations_used / state.budget.evaluations)
    return max(shares)


def crossed(before: float, after: float) -> float | None:
    """The highest threshold between two shares; None where there is none."""
    return max((threshold for threshold in THRESHOLDS if before < threshold <= after), default=None)


def expansion_cost(state: "RunState") -> float:
    """What an expansion of this run takes, in evaluations, by their tokens; the first ones are guessed in part.

    Of both counts what was measured: whatever the host cut short may have taken nothing.
    """
    evaluations, expansions = state.measured_evaluations, state.measured_expansions
    if not evaluations.tokens:
        return EXPANSION_COST
    seen = expansions.tokens / evaluations.tokens * evaluations.jobs
    return (seen + _GUESSED * EXPANSION_COST) / (expansions.jobs + _GUESSED)


def affordable(state: "RunState", wanted: int) -> int:
    """Of so many further evaluations, how many the budget is expected to pay, each as dear as this run's were."""
    counts = [wanted]
    for reading in readings(state):
        spare = reading.left - reading.job
        each = _each(state, reading.unit, reading.job)
        counts.append(int(max(0.0, spare) / each) + (spare >= 0) if each > 0 else wanted)
    return min(counts)


def _totals(state: "RunState") -> Iterator[tuple[Unit, float]]:
    budget = state.budget
    found: Mapping[Unit, float | None] = {"usd": budget.usd, "tokens": budget.tokens, "seconds": budget.seconds}
    yield from ((unit, total) for unit, total in found.items() if total is not None)


def _reading(state: "RunState", unit: Unit, total: float) -> Reading:
    job = _job(state, unit)
    since = max(0.0, total - state.settled_when_raised.get(unit, 0.0))
    held_back = 0.0
    if state.candidates is None:
        held_back = min(MOST_HELD_BACK * since, _to_confirm(state, unit, job)) + _charged(state, unit, job)
    return Reading(
        unit=unit,
        total=total,
        settled=settled(state, unit),
        reserved=_reserved(state, unit),
        job=job,
        held_back=held_back,
    )


def settled(state: "RunState", unit: Unit) -> float:
    """What all that has ended came to; time: what has gone by."""
    if unit == "seconds":
        return state.elapsed_s
    return used(state.usage, unit)


def used(usage: Usage, unit: Unit) -> float:
    """Of tokens or money; time is no usage."""
    return usage.usd if unit == "usd" else float(usage.tokens.total)


def _reserved(state: "RunState", unit: Unit) -> float:
    return 0.0 if unit == "seconds" else _job(state, unit) * len(state.running)


def _job(state: "RunState", unit: Unit) -> float:
    if unit == "seconds":
        return state.longest_s
    limit = state.job_limit.usd if unit == "usd" else state.job_limit.tokens
    return float(limit or 0.0)


def _to_confirm(state: "RunState", unit: Unit, job: float) -> float:
    """What confirming, the sealed comparison and a table's repeats are expected to take, beside what is measured.

    The room that every further job needs to be started is theirs, too: only the last one of a search may take it.
    """
    confirmation = state.config.confirmation
    select = len(state.created["select_tasks"]) * (confirmation.candidates + 1)
    sealed = len(state.created["sealed_tasks"]) * confirmation.sealed_repeats * 2
    repeats = (state.repeats - 1) * len(state.nodes) * len(state.search_tasks)
    return max(0, select + sealed + repeats - state.kept_when_raised) * _each(state, unit, job)


def kept(state: "RunState") -> int:
    """Measured evaluations beside the search's own that a search which goes on needs again, whatever it finds.

    Those are a table's repeats, and the seed agent's: other candidates and the winner may be others then.
    """
    return sum(
        item.outcome is not Outcome.UNMEASURED
        and (item.repeat > 0 if item.split is Split.SEARCH else item.node == ROOT)
        for item in state.evaluations
    )


def _charged(state: "RunState", unit: Unit, job: float) -> float:
    """What children that only tried harder take from the search: so many average evaluations."""
    return state.tree.charged * _each(state, unit, job)


def _each(state: "RunState", unit: Unit, job: float) -> float:
    """What an evaluation of this run takes on average, so far; before the first one, what it may take."""
    if not state.evaluations:
        return job
    if unit == "seconds":
        return state.evaluation_s / len(state.evaluations) / state.config.workers
    return used(state.evaluation_usage, unit) / len(state.evaluations)
