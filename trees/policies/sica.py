"""The self-improving coding agent: the best agent so far is the next parent, and each is evaluated on all tasks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import Pick, largest
from trees.policies.staged import Staged, measured_mean
from trees.records import TreeView
from trees.statistics import wilson

_RULES = ("best", "released")


@dataclass(frozen=True, kw_only=True)
class SICA(Staged):
    """A greedy line of fully evaluated agents (arXiv 2504.15228; self_improving_coding_agent @ ed8275d).

    The paper's parent is the best of the archive; that of the released code the most recent agent whose mean reaches
    the lower end of the best one's 95 % interval (runner.py:88-147). Utility here is the share of tasks passed alone:
    the paper's also counts cost and time. The interval is Wilson's. Ties for the best go to the elder.
    """

    name: ClassVar[str] = "sica"

    parent: str = "best"
    """`best` as in the paper, or `released` as in the code."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.parent in _RULES, "parent", f"one of {', '.join(_RULES)}")

    def wanted(self, view: TreeView) -> NDArray[np.intp]:
        """All tasks."""
        return np.full(len(view), view.seen.shape[1])

    def pick_parent(self, view: TreeView, archive: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """The best mean, or the most recent agent that may be as good."""
        mean = measured_mean(view)[archive]
        best = largest(mean, archive)
        if self.parent == "best":
            return best
        passed, failed = int(view.successes[best.node]), int(view.failures[best.node])
        good = archive[mean >= wilson(passed, passed + failed).low]
        return Pick(int(good[-1])) if len(good) else best
