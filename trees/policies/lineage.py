"""Ours: do next what promises the largest gain per cost, by what results say about inherited ability and drift."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import largest, nothing_left
from trees.policies.inheritance import Belief, Prior, believe
from trees.policies.knowledge_gradient import BROKEN_LOSS, Means, Worth, worth
from trees.policies.schedule import Opened
from trees.records import Decision, Evaluate, Expand, Stop, TreeView

_PRIOR = Prior()
_CHILD, _TREE_SEEN, _NODE_SEEN = 0.9, 10.0, 3.0
"""Share of expansions that give a child, as if seen in so many of the tree; that of the tree, in so many of a node."""
_LEAST_HANDED_OVER = 10
"""Evaluations of an agent that may win, by default."""
_EVALUATIONS_PER_CHILD = 7
"""Roughly, where an expansion costs five evaluations."""


@dataclass(frozen=True, kw_only=True)
class Lineage(Opened):
    """Expands or evaluates by what each is worth to a joint belief about all agents.

    - All results are read as one (`trees.policies.inheritance`). The value of an agent is its ability + what its
      descendants may still gain: its drift x `horizon` x the unspent share of the budget.
    - Done is what is expected to raise the best agent's value most, per cost (`trees.policies.knowledge_gradient`):
      some evaluations of one agent, or an expansion and some evaluations of the child. There is no schedule.
    - The task of an evaluation is one that the agent passes about every second time, which tells most.
    - Handed over is the agent of the largest mean score. The last of the budget is kept for what the best one lacks of
      the ten evaluations that it needs for that; where another becomes the best at the very end, it may lack some.
    """

    name: ClassVar[str] = "lineage"

    horizon: float = 3.0
    """Edits ahead that count at the start."""
    eagerness: float = 0.8
    """What an expansion is worth counts so many times: one step ahead it looks better than it is."""
    least_results: int = 2
    """Evaluations that a node needs, finished or running, before it is expanded; initial expansions aside."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_number("horizon", 0, 100)
        self.require_number("eagerness", 0, 100)
        self.require_whole("least_results", 0)

    def decide(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """What is worth most."""
        belief = believe(view, _PRIOR)
        best = int(np.argmax(belief.ability - BROKEN_LOSS * belief.broken))
        if (lacking := _lacking(view, best)) and view.left < lacking + 1:
            return Evaluate(best, self._task(view, belief, best, rng))
        found = self._worth(view, belief)
        nodes = np.flatnonzero(~view.seen.all(axis=1))
        evaluation = largest(found.evaluations[nodes], nodes) if len(nodes) else None
        if self.may_expand(view) and (evaluation is None or view.left - view.expansion_cost >= lacking):
            expansion = largest(found.expansions)
            if evaluation is None or found.expansions[expansion.node] > found.evaluations[evaluation.node]:
                return Expand(*expansion)
        if evaluation is None:
            return Stop(nothing_left(view))
        return Evaluate(evaluation.node, self._task(view, belief, evaluation.node, rng), evaluation.drawn)

    def ranking(self, view: TreeView, *, minimum: int = 10) -> NDArray[np.intp]:
        """By the mean score; those with `minimum` evaluations first."""
        is_known = view.successes + view.failures >= minimum
        return np.lexsort((-believe(view, _PRIOR).mean_score(), ~is_known))

    def guidance(self, view: TreeView) -> NDArray[np.float64]:
        """The score of a child by what is believed: an expansion goes by that, by its uncertainty and by costs."""
        belief = believe(view, _PRIOR)
        ahead = 1 + self._horizon(view) * _PRIOR.inheritance.inherited
        return np.asarray(belief.score(belief.ability + ahead * belief.drift) * (1 - belief.broken_child))

    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """The initial ones, and one per so many evaluations."""
        if evaluations <= self.root_evaluations:
            return 0
        return max(self.initial_expansions, evaluations // _EVALUATIONS_PER_CHILD)

    def _horizon(self, view: TreeView) -> float:
        return self.horizon * (1 - view.spent)

    def _worth(self, view: TreeView, belief: Belief) -> Worth:
        """As decided by: eagerness and workers counted in."""
        means = Means(
            horizon=self._horizon(view),
            results=view.successes + view.failures,
            pending=view.pending_evaluations,
            unseen=(~view.seen).sum(axis=1),
            child=_child_chance(view),
            expansion_cost=view.expansion_cost,
            left=view.left,
        )
        found = worth(belief, _PRIOR.inheritance, means)
        begun = means.results + means.pending
        is_ripe = (begun >= self.least_results) | (begun.max() < self.least_results)
        expansions = found.expansions * self.eagerness / (1 + view.pending_expansions)
        return Worth(np.where(is_ripe, expansions, -np.inf), found.evaluations)

    @staticmethod
    def _task(view: TreeView, belief: Belief, node: int, rng: np.random.Generator) -> int:
        """An unseen one whose outcome is open."""
        unseen = view.unseen(node)
        chance = belief.chance(node, unseen)
        tells = chance * (1 - chance) * (0.5 + rng.random(len(unseen)))
        return int(unseen[np.argmax(tells)])


def _child_chance(view: TreeView) -> NDArray[np.float64]:
    """Per node, of an expansion to give a child: by its own expansions so far, and by all of the tree."""
    usual = (view.children.sum() + _CHILD * _TREE_SEEN) / (view.expansions.sum() + _TREE_SEEN)
    return np.asarray((view.children + usual * _NODE_SEEN) / (view.expansions + _NODE_SEEN))


def _lacking(view: TreeView, node: int) -> int:
    """Evaluations that a node still needs to be handed over, as far as it has unseen tasks."""
    begun = int(view.successes[node] + view.failures[node] + view.pending_evaluations[node])
    return max(0, min(_LEAST_HANDED_OVER - begun, len(view.unseen(node))))
