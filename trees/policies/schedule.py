"""When to expand and when to evaluate: the schedule that all policies share, so that they differ in one thing only."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgm.errors import ConfigError
from trees import statistics
from trees.records import ROOT, Decision, Drawn, Evaluate, Expand, Stop, TreeView

_FIRST_RESULTS = 3
"""As many as an expansion reads as evidence. With more workers than results, the first ones would be made blindly."""
_ROUNDING = 1e-9
"""243 ** 0.6 is 26.999999999999996 in floating point, and 27 by the rule."""
_TOLD = 5
"""So many of the largest draws are told of a decision."""


class Pick(NamedTuple):
    """A node, and what led to it."""

    node: int
    drawn: Drawn = ()


def largest(worth: NDArray[np.float64], nodes: NDArray[np.intp] | None = None) -> Pick:
    """The one of `nodes` (by default all, by their numbers) that is worth most; ties go to the elder."""
    told = min(_TOLD, len(worth))
    high = np.flatnonzero(worth >= np.partition(worth, -told)[-told])
    top = high[np.argsort(-worth[high], kind="stable")][:told]
    named = (top if nodes is None else nodes[top]).tolist()
    drawn = zip(named, worth[top].tolist(), strict=True)
    return Pick(named[0], tuple((node, value) for node, value in drawn if isfinite(value)))


@dataclass(frozen=True, kw_only=True)
class Scheduled(ABC):
    """The root is evaluated, then expanded a few times, then HGM's rule decides (arXiv 2510.21614, Alg. 1 and App. B).

    With many workers, the first expansion waits for results of the root that are on their way. Subclasses say which
    node. The task of an evaluation is drawn uniformly from those that its node has not seen. Where no node has
    unseen tasks, an expansion takes the evaluation's place; where expansions keep failing, the reverse.
    """

    name: ClassVar[str]

    alpha: float = 0.6
    """Expand iff N^alpha >= |T|: N evaluations finished or running, |T| nodes plus running expansions."""
    root_evaluations: int = 5
    """Search tasks that the root is evaluated on before anything else; 0 as published."""
    initial_expansions: int = 5
    """Expansions of the root that follow, whatever they end as."""
    max_rejections_in_row: int = 5
    """After so many expansions in a row without a child comes an evaluation, whatever the rule says."""

    def __post_init__(self) -> None:
        _require(_is_number(self.alpha) and 0 < self.alpha <= 1, self, "alpha", "a number above 0 and at most 1")
        for option, least in (("root_evaluations", 0), ("initial_expansions", 0), ("max_rejections_in_row", 1)):
            value = getattr(self, option)
            _require(_is_whole(value) and value >= least, self, option, f"a whole number of at least {least}")

    @abstractmethod
    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """The node to expand."""

    @abstractmethod
    def candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """The one of `nodes`, ascending and not empty, to evaluate."""

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision; stops when no task is unseen and expansions keep failing."""
        if self._root_is_due(view):
            return _evaluation(view, Pick(ROOT), rng)
        if self._root_is_awaited(view):
            return Stop("the root's first results are awaited")
        may_expand = view.rejections_in_row < self.max_rejections_in_row
        if may_expand and view.expansions[ROOT] < self.initial_expansions:
            return Expand(ROOT)
        if may_expand and self._expansion_is_due(view):
            return Expand(*self.parent(view, rng))
        nodes = np.flatnonzero(~view.seen.all(axis=1))
        if len(nodes):
            return _evaluation(view, self.candidate(view, nodes, rng), rng)
        if may_expand:
            return Expand(*self.parent(view, rng))
        return Stop(f"no node has unseen search tasks, and {view.rejections_in_row} expansions in a row gave no child")

    def ranking(self, view: TreeView, *, minimum: int = 10) -> NDArray[np.intp]:
        """By the lower bound of each node's own results (`trees.statistics.ranking`)."""
        return statistics.ranking(view, minimum=minimum)

    def _root_is_due(self, view: TreeView) -> bool:
        evaluations = view.successes[ROOT] + view.failures[ROOT] + view.pending_evaluations[ROOT]
        return bool(evaluations < self.root_evaluations and not view.seen[ROOT].all())

    def _root_is_awaited(self, view: TreeView) -> bool:
        results = view.successes[ROOT] + view.failures[ROOT]
        wanted = min(self.root_evaluations, _FIRST_RESULTS)
        return bool(view.expansions[ROOT] == 0 and results < wanted and view.pending_evaluations[ROOT])

    def _expansion_is_due(self, view: TreeView) -> bool:
        size = len(view) + view.pending_expansions
        return bool(view.evaluations**self.alpha >= size * (1 - _ROUNDING))


def _evaluation(view: TreeView, pick: Pick, rng: np.random.Generator) -> Evaluate:
    unseen = view.unseen(pick.node)
    return Evaluate(pick.node, int(unseen[rng.integers(len(unseen))]), pick.drawn)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _require(holds: bool, policy: Scheduled, option: str, wanted: str) -> None:
    if not holds:
        raise ConfigError(f"policy {policy.name}: {option} must be {wanted}, not {getattr(policy, option)!r}")
