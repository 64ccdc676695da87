"""Whole agents one after the other: the schedule of DGM and SICA, which measure a child before the next parent."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import BasePolicy, Pick, nothing_left
from trees.records import ROOT, Decision, Evaluate, Expand, Stop, TreeView
from trees.statistics import own_mean


@dataclass(frozen=True, kw_only=True)
class Staged(BasePolicy):
    """The root is evaluated on all its tasks, then one parent after the other is expanded and its child evaluated.

    Subclasses say which parent, and how many tasks an agent is given by what is known of it. All agents get the tasks
    in the same order, that of their numbers. All workers evaluate the eldest agent that lacks results; where nothing is
    lacking but some is running, the policy waits or, below `at_once`, expands. Where expansions keep failing, agents
    that were not given all tasks get more of them, the best mean first. The agent handed over is the one with the best
    mean of those that have seen all tasks.
    """

    at_once: int = 1
    """Children that are made or measured at the same time, at most, with enough workers."""
    max_rejections_in_row: int = 5
    """After so many expansions in a row without a child comes an evaluation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_whole("at_once", 1)

    @abstractmethod
    def wanted(self, view: TreeView) -> NDArray[np.intp]:
        """Per node, the number of tasks that it is given by what is known now; all for the root."""

    @abstractmethod
    def pick_parent(self, view: TreeView, archive: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        """The one of `archive`, ascending and not empty, to expand: the agents that have all results they shall get."""

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision; waits for results that the next parent depends on."""
        reached, wanted = _reached(view), self.wanted(view)
        lacking = reached < wanted
        if lacking.any():
            return _evaluation(int(lacking.argmax()), reached)
        if view.pending_evaluations[ROOT]:
            return Stop("the root's results are awaited")
        may_expand = self.may_expand(view)
        if may_expand and view.pending_expansions + np.count_nonzero(view.pending_evaluations) < self.at_once:
            return Expand(*self.pick_parent(view, _archive(view), rng))
        if may_expand:
            return Stop("results of children are awaited")
        stopped = np.flatnonzero(reached < view.seen.shape[1])
        if len(stopped):
            return _evaluation(int(stopped[measured_mean(view)[stopped].argmax()]), reached)
        return Stop(nothing_left(view))

    def opening(self, tasks: int) -> int:
        """All tasks."""
        return tasks

    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """One for every full round of evaluations after the root's."""
        return max(0, evaluations - tasks) // tasks

    def ranking(self, view: TreeView, *, minimum: int = 10) -> NDArray[np.intp]:
        """Those that have seen all tasks by their mean, then the others by theirs; ties to the elder."""
        evaluations = view.successes + view.failures
        is_partial = ~(view.seen.all(axis=1) & (view.pending_evaluations == 0) & (evaluations > 0))
        keys = (-measured_mean(view), is_partial, evaluations < minimum)
        return np.asarray(np.lexsort(keys))  # stable, the last key first


def measured_mean(view: TreeView) -> NDArray[np.float64]:
    """Per node, the share of own evaluations passed; -1 for a node without any."""
    return np.nan_to_num(own_mean(view), nan=-1.0)


def _reached(view: TreeView) -> NDArray[np.intp]:
    """Per node, the number of the first task that it has not seen; the number of tasks if there is none."""
    first: NDArray[np.intp] = view.seen.argmin(axis=1)
    first[view.seen[np.arange(len(view)), first]] = view.seen.shape[1]
    return first


def _archive(view: TreeView) -> NDArray[np.intp]:
    measured = (view.successes + view.failures > 0) & (view.pending_evaluations == 0)
    return np.flatnonzero(measured) if measured.any() else np.array([ROOT])


def _evaluation(node: int, reached: NDArray[np.intp]) -> Evaluate:
    return Evaluate(node, int(reached[node]))
