"""What a simulated search did, what that is truly worth, and how well its signals tell what pays."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trees.records import ROOT, Evaluate, Expand, TreeView


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """What a policy did in a world, and what that is truly worth."""

    view: TreeView
    """The tree at the end."""
    scores: NDArray[np.float64]
    """True score of each node."""
    drifts: NDArray[np.float64]
    """True mean gain of score per edit of each node."""
    is_broken: NDArray[np.bool_]
    chosen: int
    """The node handed over."""
    expansions: int
    """Rejected ones included."""
    rejected: int
    evaluations: int
    cost: float
    """Evaluations + expansion cost x expansions."""
    seconds: float
    """Simulated, until the last result."""
    decisions: tuple[Expand | Evaluate, ...] = field(repr=False)
    """All that were carried out; empty unless asked for."""

    @property
    def score(self) -> float:
        """True score of the node handed over."""
        return float(self.scores[self.chosen])

    @property
    def best_score(self) -> float:
        """The best true score in the tree; of a run of `hgm`, this is reference O1."""
        return float(self.scores.max())

    @property
    def children(self) -> int:
        """Nodes besides the root."""
        return len(self.scores) - 1

    def true_cmp(self) -> NDArray[np.float64]:
        """Per node, the best true score among its descendants, itself not included; NaN for a node without any.

        The empirical CMP of arXiv 2510.21614, App. D, with true scores in place of measured means.
        """
        best, parent = self._clade_best(), self.view.parent
        cmp = np.full(len(best), np.nan)
        np.fmax.at(cmp, parent[1:], best[1:])
        return cmp

    def cmp_correlation(self, signal: NDArray[np.float64]) -> float:
        """Pearson's, of a signal per node with true CMP, over the nodes that have both.

        NaN with fewer than three such nodes, or where one of the two does not vary.
        """
        pair = np.array([signal, self.true_cmp()])
        pair = pair[:, np.isfinite(pair).all(axis=0)]
        if pair.shape[1] < 3 or not np.ptp(pair, axis=1).all():
            return float("nan")
        return float(np.corrcoef(pair)[0, 1])

    def _clade_best(self) -> NDArray[np.float64]:
        """Per node, the best true score of its clade, itself included."""
        best = self.scores.copy()
        for node in range(len(best) - 1, ROOT, -1):
            parent = self.view.parent[node]
            best[parent] = max(best[parent], best[node])
        return best
