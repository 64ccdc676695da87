"""When to expand and when to evaluate: what policies share, so that they differ in one thing only."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import BasePolicy, Pick, any_unseen, largest, nothing_left
from trees.records import ROOT, Decision, Expand, Stop, TreeView

__all__ = ["Opened", "Pick", "Scheduled", "is_expansion_due", "largest"]

_FIRST_RESULTS = 3
"""As many as an expansion reads as evidence. With more workers than results, the first ones would be made blindly."""
_ROUNDING = 1e-9
"""243 ** 0.6 is 26.999999999999996 in floating point, and 27 by the rule."""


@dataclass(frozen=True, kw_only=True)
class Opened(BasePolicy):
    """The root is evaluated, then expanded a few times; then subclasses decide.

    With many workers, the first expansion waits for results of the root that are on their way.
    """

    root_evaluations: int = 5
    """Search tasks that the root is evaluated on before anything else; 0 as published."""
    initial_expansions: int = 5
    """Expansions of the root that follow, whatever they end as."""
    max_rejections_in_row: int = 5
    """After so many expansions in a row without a child comes an evaluation, whatever the rule says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_whole("root_evaluations", 0)
        self.require_whole("initial_expansions", 0)

    @abstractmethod
    def decide(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision after the opening; stops when no task is unseen and expansions keep failing."""

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision; stops when no task is unseen and expansions keep failing."""
        if self._root_is_due(view):
            return any_unseen(view, Pick(ROOT), rng)
        if self._root_is_awaited(view):
            return Stop("the root's first results are awaited")
        if self.may_expand(view) and view.expansions[ROOT] < self.initial_expansions:
            return Expand(ROOT)
        return self.decide(view, rng)

    def opening(self, tasks: int) -> int:
        """As `root_evaluations` says; a task is never repeated."""
        return min(self.root_evaluations, tasks)

    def _root_is_due(self, view: TreeView) -> bool:
        evaluations = view.successes[ROOT] + view.failures[ROOT] + view.pending_evaluations[ROOT]
        return bool(evaluations < self.root_evaluations and not view.seen[ROOT].all())

    def _root_is_awaited(self, view: TreeView) -> bool:
        results = view.successes[ROOT] + view.failures[ROOT]
        wanted = min(self.root_evaluations, _FIRST_RESULTS)
        return bool(view.expansions[ROOT] == 0 and results < wanted and view.pending_evaluations[ROOT])


@dataclass(frozen=True, kw_only=True)
class Scheduled(Opened):
    """After the opening, HGM's rule decides whether to expand (arXiv 2510.21614, Alg. 1 and App. B).

    Subclasses say which node. The task of an evaluation is drawn uniformly from those that its node has not seen. Where
    no node has unseen tasks, an expansion takes the evaluation's place; where expansions keep failing, the reverse.
    """

    alpha: float = 0.6
    """Expand iff N^alpha >= |T|: N evaluations finished or running, |T| nodes plus running expansions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_alpha()

    @abstractmethod
    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """The node to expand."""

    @abstractmethod
    def candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """The one of `nodes`, ascending and not empty, to evaluate."""

    def decide(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """By HGM's rule."""
        may_expand = self.may_expand(view)
        if may_expand and self._expansion_is_due(view):
            return Expand(*self.parent(view, rng))
        nodes = np.flatnonzero(~view.seen.all(axis=1))
        if len(nodes):
            return any_unseen(view, self.candidate(view, nodes, rng), rng)
        if may_expand:
            return Expand(*self.parent(view, rng))
        return Stop(nothing_left(view))

    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """Their alpha-th power, once the root had its share."""
        if evaluations <= self.root_evaluations:
            return 0
        return max(self.initial_expansions, int((evaluations - 1) ** self.alpha))

    def _expansion_is_due(self, view: TreeView) -> bool:
        return is_expansion_due(view.evaluations, len(view) + view.pending_expansions, self.alpha)


def is_expansion_due(evaluations: int, size: int, alpha: float) -> bool:
    """N^alpha >= |T| (arXiv 2510.21614, Alg. 1, line 5)."""
    return bool(evaluations**alpha >= size * (1 - _ROUNDING))
