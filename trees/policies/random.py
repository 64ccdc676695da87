"""Any node, with equal chances: the floor for every other policy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.schedule import Pick, Scheduled
from trees.records import TreeView


@dataclass(frozen=True, kw_only=True)
class Random(Scheduled):
    """Expands and evaluates a node drawn uniformly."""

    name: ClassVar[str] = "random"

    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """Any node."""
        return Pick(int(rng.integers(len(view))))

    def candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """Any of `nodes`."""
        return Pick(int(nodes[rng.integers(len(nodes))]))
