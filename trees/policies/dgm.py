"""The Darwin Gödel Machine: parents from an open-ended archive, by their mean and by how few children they have."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import Pick, largest
from trees.policies.staged import Staged, measured_mean
from trees.records import ROOT, TreeView

_MIDDLE = 0.5
_NOBODY = -1.0


@dataclass(frozen=True, kw_only=True)
class DGM(Staged):
    """Parents drawn by score and novelty, children evaluated in stages (arXiv 2505.22954; jennyzzt/dgm @ d88fdd6).

    A parent is drawn with p in proportion to sigmoid(10 (mean - 0.5)) / (1 + children) (DGM_outer.py:91-100). A child
    is evaluated on 10 tasks; if it passes more than 40 % of these, on more, up to 60; and if its mean is then above
    40 % and above the second best of the fully evaluated agents, on all (192-219, 268). As in the paper an agent that
    passed everything is no parent, unless all did. That second best is taken among the elder agents, so that a later
    one never changes what an agent was refused.
    """

    name: ClassVar[str] = "dgm"

    at_once: int = 2
    """Children that are made or measured at the same time, at most, with enough workers: the code's generation."""
    first_stage: int = 10
    """Tasks of the first stage."""
    second_stage: int = 60
    """Tasks by the end of the second stage, those of the first included; the third has all that are left."""
    threshold: float = 0.4
    """A stage that ends at this mean or below is the agent's last."""
    slope: float = 10.0
    """Of the sigmoid: 0 draws parents by the number of their children alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_whole("first_stage", 1)
        self.require_whole("second_stage", self.first_stage)
        self.require_number("threshold", 0, 1)
        self.require_number("slope", 0, 1000)

    def wanted(self, view: TreeView) -> NDArray[np.intp]:
        """The tasks of the last stage that each was let into."""
        tasks = view.seen.shape[1]
        first, second = min(self.first_stage, tasks), min(self.second_stage, tasks)
        wanted = np.full(len(view), first)
        wanted[self._is_beyond(view, first, self.threshold)] = second
        if second < tasks:
            wanted[self._is_beyond(view, second, np.maximum(self.threshold, _second_best(view)))] = tasks
        wanted[ROOT] = tasks
        return wanted

    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """As if two of three children ended with the first stage."""
        each = (2 * min(self.first_stage, tasks) + tasks) / 3
        return int(max(0, evaluations - tasks) / each)

    def pick_parent(self, view: TreeView, archive: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """Drawn by weight: the largest of weight / e, with e exponential, is each with a chance in proportion to it."""
        mean = measured_mean(view)[archive]
        candidates = archive[mean < 1] if (mean < 1).any() else archive
        mean = measured_mean(view)[candidates]
        weight = 1 / (1 + np.exp(-self.slope * (mean - _MIDDLE))) / (1 + view.children[candidates])
        return largest(weight / rng.standard_exponential(len(candidates)), candidates)

    @staticmethod
    def _is_beyond(view: TreeView, stage: int, above: float | NDArray[np.float64]) -> NDArray[np.bool_]:
        """Per node, whether it ended the stage of so many tasks above a mean, or has begun what follows."""
        results = view.results[:, :stage]
        measured = np.count_nonzero(results, axis=1)
        passed = (results.sum(axis=1, dtype=np.int32) + measured) / 2
        is_over = view.seen[:, :stage].all(axis=1) & (view.pending_evaluations == 0)
        return np.asarray((is_over & (passed > above * measured)) | view.seen[:, stage:].any(axis=1))


def _second_best(view: TreeView) -> NDArray[np.float64]:
    """Per node, the second best mean among the fully evaluated agents elder than it, where the root counts twice.

    It does in the code, which takes the root's mean and then those of the archive, the root among them.
    """
    is_full = view.seen.all(axis=1) & (view.pending_evaluations == 0)
    mean = np.where(is_full, measured_mean(view), _NOBODY)
    best_before = np.concatenate([mean[:1], np.maximum.accumulate(mean)[:-1]])
    second = np.maximum.accumulate(np.minimum(mean, best_before))
    return np.concatenate([mean[:1], second[:-1]])
