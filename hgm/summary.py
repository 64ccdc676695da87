"""What a run came to, as plain values: for the report at its end, for `hgm runs` and for the export."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from evaluators.base import Split
from hgm.gateway.records import Usage
from hgm.plan import is_finished
from hgm.state import Evaluation, RunState
from trees.records import ROOT, Expansion, Outcome
from trees.statistics import Gain, Interval, paired_gain_interval, smallest_detectable_gain, wilson


@dataclass(frozen=True)
class Score:
    """Passes among measured evaluations."""

    passed: int
    measured: int

    @property
    def share(self) -> float:
        """0 where nothing was measured."""
        return self.passed / self.measured if self.measured else 0.0

    @property
    def interval(self) -> Interval:
        """Wilson's, 95 %."""
        return wilson(self.passed, self.measured)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Winner and seed agent on the same sealed tasks."""

    tasks: int
    """Measured for both."""
    repeats: int
    seed: float
    winner: float
    """Mean pass rates over those tasks."""
    gain: Gain
    smallest: float
    """The smallest gain that such a sample would have told from none."""
    seed_tokens: float
    winner_tokens: float
    """Per evaluation, of all four buckets."""
    unmeasured: int
    """Evaluations that were given up on."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "gain": self.gain._asdict()}


@dataclass(frozen=True, kw_only=True)
class Spend:
    """What a run used beside its budget."""

    search: int
    select: int
    sealed: int
    """Measured evaluations of each split."""
    unmeasured: int
    usage: Usage
    seconds: float
    """Of all evaluations together; several run at a time."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Whether a change improved what it was to improve: the failed tasks among its evidence."""

    tasks: int
    child: Score
    parent: Score
    """Of those tasks, on search."""


def expectation(state: RunState, node: int) -> Expectation | None:
    """None for the root, and where there was no failure to learn from."""
    child = state.nodes[node]
    if child.parent is None or not child.expects:
        return None
    return Expectation(
        tasks=len(child.expects),
        child=_score_on(state, node, child.expects),
        parent=_score_on(state, child.parent, child.expects),
    )


def _score_on(state: RunState, node: int, tasks: Sequence[str]) -> Score:
    found = [item for item in state.on_split(node, Split.SEARCH) if item.task in tasks]
    return Score(sum(item.outcome is Outcome.PASSED for item in found), len(found))


def score(state: RunState, node: int, split: Split) -> Score:
    """A node's results on one split."""
    found = state.on_split(node, split)
    return Score(sum(item.outcome is Outcome.PASSED for item in found), len(found))


def comparison(state: RunState) -> Comparison | None:
    """The winner beside the seed agent on sealed tasks.

    None where they were not opened, before all of them were measured or given up on, where none could be measured for
    both, and where the winner is the seed agent.
    """
    winner = state.winner
    if state.sealed_tasks is None or winner in (None, ROOT) or not is_finished(state):
        return None
    tasks_opened = frozenset(state.sealed_tasks)
    before, after = (sealed_rates(state, node) for node in (ROOT, winner or ROOT))
    tasks = [task for task in state.sealed_tasks if task in before and task in after]
    if not tasks:
        return None
    seed, best = [before[task] for task in tasks], [after[task] for task in tasks]
    return Comparison(
        tasks=len(tasks),
        repeats=state.config.confirmation.sealed_repeats,
        seed=mean(seed),
        winner=mean(best),
        gain=paired_gain_interval(seed, best),
        smallest=smallest_detectable_gain(seed, best),
        seed_tokens=tokens_per_evaluation(state.on_split(ROOT, Split.SEALED)),
        winner_tokens=tokens_per_evaluation(state.on_split(winner or ROOT, Split.SEALED)),
        unmeasured=sealed_evaluations(state)
        - sum(item.task in tasks_opened for node in _sealed(state) for item in state.on_split(node, Split.SEALED)),
    )


def sealed_evaluations(state: RunState) -> int:
    """How many the sealed comparison is of: every task, every repeat, for the winner and the seed agent."""
    return len(_sealed(state)) * len(state.sealed_tasks or ()) * state.config.confirmation.sealed_repeats


def _sealed(state: RunState) -> set[int]:
    return {ROOT, ROOT if state.winner is None else state.winner}


def sealed_rates(state: RunState, node: int) -> dict[str, float]:
    """Measured sealed task -> the share of its evaluations that the node passed."""
    found: dict[str, list[bool]] = {}
    for item in state.on_split(node, Split.SEALED):
        found.setdefault(item.task, []).append(item.outcome is Outcome.PASSED)
    return {task: mean(outcomes) for task, outcomes in found.items()}


def tokens_per_evaluation(evaluations: Sequence[Evaluation]) -> float:
    """Of all four buckets, on average."""
    return mean(item.usage.tokens.total for item in evaluations) if evaluations else 0.0


def spend(state: RunState) -> Spend:
    """Everything that was used so far."""
    measured = Counter(item.split for item in state.evaluations if item.outcome is not Outcome.UNMEASURED)
    return Spend(
        search=measured[Split.SEARCH],
        select=measured[Split.SELECT],
        sealed=measured[Split.SEALED],
        unmeasured=unmeasured(state),
        usage=state.usage,
        seconds=sum(item.wall_s for item in state.evaluations),
    )


def unmeasured(state: RunState) -> int:
    """Evaluations and expansions about which nothing can be said."""
    evaluations = sum(item.outcome is Outcome.UNMEASURED for item in state.evaluations)
    return evaluations + sum(item.kind is Expansion.UNMEASURED for item in state.failed_expansions)


def rejections(state: RunState) -> Counter[str]:
    """Reason (its first word, as the gates give it) -> rejected children."""
    reasons = (item.reason for item in state.failed_expansions if item.kind is Expansion.REJECTED)
    return Counter(reason.partition(":")[0] for reason in reasons)


def sealed_openings(state: RunState) -> int:
    """How often sealed tasks were opened, in the runs this one was forked from too."""
    return int(state.created["sealed_openings"]) + state.sealed_openings


def stage(state: RunState) -> str:
    """Where the run is, in a few words."""
    if is_finished(state):
        return "finished"
    if state.planned is not None:
        return "evaluating"
    if state.candidates is None:
        return "searching"
    if state.winner is None and state.repeats > 1:
        return "repeating"
    return "confirming" if state.winner is None else "opening the sealed tasks"


def lineage(state: RunState, node: int) -> list[int]:
    """The node and its ancestors, the root first."""
    path = [node]
    while (parent := state.nodes[path[-1]].parent) is not None:
        path.append(parent)
    return path[::-1]
