"""All of a tree down to a depth, for a table of agents: nothing is chosen, and nothing is left out."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import BasePolicy
from trees.records import NO_PARENT, Decision, Evaluate, Expand, Stop, TreeView

MOST_PER_CHILD = 3
"""Expansions of an agent for each child that is wanted of it, at most: where they keep failing, it has fewer."""


@dataclass(frozen=True, kw_only=True)
class Saturate(BasePolicy):
    """Every agent is evaluated on all tasks, then expanded until it has its children; the eldest first.

    No way to search, so it is not among `trees.policies.POLICIES`: it makes what searches are replayed on.
    """

    name: ClassVar[str] = "saturate"

    children: int = 6
    """Of each agent above the depth."""
    depth: int = 4
    """Edits from the root, at most."""
    agents: int = 10_000
    """In the whole tree, at most."""

    def __post_init__(self) -> None:
        for option in ("children", "depth", "agents"):
            self.require_whole(option, 1)
        super().__post_init__()

    @property
    def max_rejections_in_row(self) -> int:
        """As many as an agent has expansions."""
        return MOST_PER_CHILD * self.children

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """Whatever is lacking of the eldest agent of which something is; waits where that depends on what runs."""
        lacks_results = np.asarray(~view.seen.all(axis=1))
        lacking = np.flatnonzero(lacks_results | self._may_be_expanded(view))
        if not len(lacking):
            return Stop("nothing is lacking, or what runs is awaited")
        node = int(lacking[0])
        return Evaluate(node, int(view.unseen(node)[0])) if lacks_results[node] else Expand(node)

    def _may_be_expanded(self, view: TreeView) -> NDArray[np.bool_]:
        """Per node; all its results come first, since they are the evidence of its children."""
        if len(view) + view.pending_expansions >= self.agents:
            return np.zeros(len(view), np.bool_)
        wants = (view.children + view.pending_expansions < self.children) & (_depths(view.parent) < self.depth)
        return np.asarray(wants & (view.expansions < self.max_rejections_in_row) & (view.pending_evaluations == 0))

    def opening(self, tasks: int) -> int:
        """All tasks."""
        return tasks

    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """One for every further agent."""
        return max(0, evaluations // tasks - 1)


def _depths(parents: NDArray[np.int32]) -> NDArray[np.intp]:
    depths: list[int] = []
    for parent in parents.tolist():
        depths.append(0 if parent == NO_PARENT else depths[parent] + 1)
    return np.array(depths)
