"""The best own mean, always: what a search gains without exploration and without clades."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.schedule import Pick, Scheduled, largest
from trees.records import TreeView
from trees.statistics import own_mean


@dataclass(frozen=True, kw_only=True)
class Greedy(Scheduled):
    """Expands and evaluates the node with the best share of own evaluations passed; ties to the elder.

    A node that was never measured is not expanded while another was, and is evaluated before all others.
    """

    name: ClassVar[str] = "greedy"

    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """The node of the best mean."""
        return largest(_worth(view))

    def candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """A node that nobody has begun to measure, else the node of the best mean."""
        untried = view.successes + view.failures + view.pending_evaluations == 0
        return largest(np.where(untried, np.inf, _worth(view))[nodes], nodes)


def _worth(view: TreeView) -> NDArray[np.float64]:
    return np.nan_to_num(own_mean(view), nan=-np.inf)
