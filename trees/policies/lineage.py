"""Ours: decide by what results say about inherited ability and drift, and by what an evaluation may still improve."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import Pick, largest
from trees.policies.inheritance import Belief, Prior, believe
from trees.policies.schedule import Scheduled
from trees.records import Evaluate, TreeView

_FINAL_DRAWS = 64


@dataclass(frozen=True, kw_only=True)
class Lineage(Scheduled):
    """Expands and evaluates by a joint belief about all agents (`trees.policies.inheritance`), on `hgm`'s schedule.

    - An expansion goes to the node of the largest score + `horizon` x drift, in one joint draw whose distance from the
      mean counts by `boldness`. A node that nobody began to measure is not expanded.
    - An evaluation goes to a node that nobody began to measure; else to the one whose score may improve most upon the
      best mean: the expected improvement of the others upon the best one, and of the second upon the best one by what
      it may fall (Mockus 1978; Jones, Schonlau and Welch 1998), less by what is being measured already.
    - The task is one that the node passes about every second time, which tells most about its ability.
    - Handed over is the node of the largest mean score.
    """

    name: ClassVar[str] = "lineage"

    horizon: float = 1.5
    """Edits ahead that an expansion looks."""
    boldness: float = 0.5
    """1: as Thompson sampling; 0: always the best mean."""
    draws: int = 24
    """From which improvements are expected."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_number("horizon", 0, 100)
        self.require_number("boldness", 0, 10)
        self.require_whole("draws", 1)

    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """The node of the largest drawn promise."""
        belief = believe(view, Prior())
        drawn = belief.draws(1, rng)
        ability = belief.ability + self.boldness * (drawn.ability[:, 0] - belief.ability)
        drift = belief.drift + self.boldness * (drawn.drift[:, 0] - belief.drift)
        promise = belief.score(ability) + self.horizon * drift * belief.slope(belief.ability)
        promise = np.where(drawn.is_broken[:, 0], 0.0, promise)
        is_begun = _begun(view) > 0
        return largest(np.where(is_begun | ~is_begun.any(), promise, -np.inf))

    def candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """A node that nobody began to measure, else the one of the largest expected improvement."""
        return self._candidate(believe(view, Prior()), view, nodes, rng)

    def evaluate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Evaluate:
        """The candidate, on an unseen task whose outcome is open."""
        belief = believe(view, Prior())
        pick = self._candidate(belief, view, nodes, rng)
        unseen = view.unseen(pick.node)
        chance = belief.chance(pick.node, unseen)
        tells = chance * (1 - chance) * (0.5 + rng.random(len(unseen)))
        return Evaluate(pick.node, int(unseen[np.argmax(tells)]), pick.drawn)

    def _candidate(self, belief: Belief, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        fresh = nodes[_begun(view)[nodes] == 0]
        if len(fresh):
            return Pick(int(fresh[0]))
        worth = _improvement(belief.scores(belief.draws(self.draws, rng))) / (1 + view.pending_evaluations)
        return largest(worth[nodes], nodes)

    def ranking(self, view: TreeView, *, minimum: int = 10) -> NDArray[np.intp]:
        """By the mean score; those with `minimum` evaluations first."""
        worth = _mean_score(believe(view, Prior()))
        is_known = view.successes + view.failures >= minimum
        return np.lexsort((-worth, ~is_known))

    def guidance(self, view: TreeView) -> NDArray[np.float64]:
        """What an expansion goes by, without the draw."""
        belief = believe(view, Prior())
        promise = belief.score(belief.ability) + self.horizon * belief.drift * belief.slope(belief.ability)
        return np.asarray(promise * (1 - belief.broken))


def _begun(view: TreeView) -> NDArray[np.int32]:
    return view.successes + view.failures + view.pending_evaluations


def _mean_score(belief: Belief) -> NDArray[np.float64]:
    return np.asarray(belief.scores(belief.draws(_FINAL_DRAWS, np.random.default_rng(0))).mean(axis=1))


def _improvement(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per node, of (nodes, draws): upon the best mean; of the best one itself, of the second upon it.

    Far behind, all draws may say nothing: then the spread decides, by very little.
    """
    means = scores.mean(axis=1)
    best = int(np.argmax(means))
    found = np.maximum(scores - means[best], 0).mean(axis=1)
    if len(means) > 1:
        second = np.max(np.delete(means, best))
        found[best] = np.maximum(second - scores[best], 0).mean()
    return np.asarray(found + 1e-9 * scores.std(axis=1))
