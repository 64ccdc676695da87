"""The Huxley-Gödel Machine: expand by the results of the clade, evaluate by the node's own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hgm.errors import ConfigError
from trees.policies.schedule import Pick, Scheduled, largest
from trees.records import TreeView

_LEAST_REMAINING = 1e-9


@dataclass(frozen=True, kw_only=True)
class HGM(Scheduled):
    """Thompson sampling on clade metaproductivity (arXiv 2510.21614, section 3.3 and App. B, Alg. 1).

    Expands the node with the largest draw from Beta(tau (1 + S), tau (1 + F)) with S successes and F failures in its
    clade; evaluates the node with the largest draw from Beta(tau (1 + s), tau (1 + f)) with s and f of its own. Unlike
    in the authors' code, reading a count never changes it, and a node that solved nothing can be expanded.
    """

    name: ClassVar[str] = "hgm"

    temperature: bool = True
    """tau = B/b, budget over what remains of it: 1 at the start, sharper towards the end. Off: tau = 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.temperature, bool):
            raise ConfigError(f"policy {self.name}: temperature must be true or false, not {self.temperature!r}")

    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """The node of the largest draw on clade counts."""
        return largest(self._draws(view, rng, view.clade_successes, view.clade_failures))

    def candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """The node of the largest draw on own counts."""
        return largest(self._draws(view, rng, view.successes[nodes], view.failures[nodes]), nodes)

    def _draws(
        self, view: TreeView, rng: np.random.Generator, successes: NDArray[np.int32], failures: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        tau = self._tau(view)
        return rng.beta(tau * (1 + successes), tau * (1 + failures))

    def _tau(self, view: TreeView) -> float:
        # A policy may be asked with nothing left: then the draws are the posterior means but for a tie-breaking trace.
        return 1 / max(1 - view.spent, _LEAST_REMAINING) if self.temperature else 1.0
