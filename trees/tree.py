"""The live search tree: integer columns with one entry per node, changed only by decisions and their results."""

from array import array
from collections import Counter
from math import inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgm.errors import TellError
from trees.records import EXPANSION_COST, NO_PARENT, ROOT, Expansion, Outcome, TreeView

_COUNTS = (
    "parent",
    "successes",
    "failures",
    "clade_successes",
    "clade_failures",
    "children",
    "expansions",
    "pending_evaluations",
)
_COUNTED_AS = {Outcome.PASSED: "successes", Outcome.FAILED: "failures"}
_RESULTS = {Outcome.PASSED: 1, Outcome.FAILED: -1}


class Tree:
    """A growing tree of agents and its integer statistics; the root exists from the start.

    A start or finish costs O(depth) at most, whatever the number of nodes, and `view` the same at any size. A call that
    contradicts an earlier one raises and changes nothing: ValueError for a start, TellError for a finish.
    """

    def __init__(self, tasks: int, budget: int | None) -> None:
        """A tree whose nodes are evaluated on search tasks 0 to `tasks` - 1, with `budget` evaluations to spend.

        None: evaluations are not what the budget limits (see `use`).
        """
        if tasks < 1 or (budget is not None and budget < 1):
            raise ValueError(f"a tree needs at least one task and a budget of at least one, not {tasks} and {budget}")
        self.tasks = tasks
        self.budget = budget
        self._size = 0
        # Not numpy's own arrays, which take five times as long for one entry at a time.
        self._counts = {name: array("i", [0]) for name in _COUNTS}
        self._seen, self._results = array("b", bytes(tasks)), array("b", bytes(tasks))
        self._running_evaluations: set[tuple[int, int]] = set()
        self._running_expansions: Counter[int] = Counter()
        self._evaluations = self._expansions = 0
        self.charged = 0
        """Evaluations taken from the budget for nothing measured. Read it; `charge` sets it."""
        self._used = 0.0
        self._expansion_cost = EXPANSION_COST
        self._rejections_in_row = 0
        self._version = 0
        self._view: TreeView | None = None
        self._add_node(NO_PARENT)

    def __len__(self) -> int:
        return self._size

    def start_evaluation(self, node: int, task: int) -> None:
        """Count (node, task) as running and seen."""
        self._require_node(node)
        if not 0 <= task < self.tasks:
            raise ValueError(f"there is no task {task}; the tree has {self.tasks}")
        place = node * self.tasks + task
        if self._seen[place]:
            raise ValueError(f"task {task} was chosen again for node {node}")
        self._seen[place] = True
        self._counts["pending_evaluations"][node] += 1
        self._running_evaluations.add((node, task))
        self._evaluations += 1
        self._rejections_in_row = 0
        self._changed()

    def finish_evaluation(self, node: int, task: int, outcome: Outcome, *, give_up: bool = False) -> None:
        """Count what a running evaluation ended as.

        `unmeasured` counts nowhere and gives back its share of the budget; the pair may then be chosen again unless
        `give_up`.
        """
        if (node, task) not in self._running_evaluations:
            raise TellError(f"no evaluation of node {node} on task {task} is running")
        if give_up and outcome != Outcome.UNMEASURED:
            raise ValueError(f"an evaluation that ended as {outcome} is not given up on")
        self._running_evaluations.remove((node, task))
        self._counts["pending_evaluations"][node] -= 1
        place = node * self.tasks + task
        if outcome == Outcome.UNMEASURED:
            self._seen[place] = give_up
            self._evaluations -= 1
        else:
            self._results[place] = _RESULTS[outcome]
            self._count(node, _COUNTED_AS[outcome])
        self._changed()

    def start_expansion(self, node: int) -> None:
        """Count one running expansion of `node`."""
        self._require_node(node)
        self._counts["expansions"][node] += 1
        self._expansions += 1
        self._running_expansions[node] += 1
        self._changed()

    def finish_expansion(self, node: int, expansion: Expansion) -> int | None:
        """Count what a running expansion of `node` ended as; returns the number of the child, if there is one."""
        if node not in self._running_expansions:
            raise TellError(f"no expansion of node {node} is running")
        self._running_expansions[node] -= 1
        if not self._running_expansions[node]:
            del self._running_expansions[node]
        self._changed()
        if expansion != Expansion.CHILD:
            self._rejections_in_row += 1
            return None
        self._rejections_in_row = 0
        self._counts["children"][node] += 1
        return self._add_node(node)

    def charge(self, evaluations: int) -> None:
        """Take so many from the budget for nothing measured: enters `spent`, and no other count."""
        if evaluations < 0:
            raise ValueError(f"{evaluations} evaluations cannot be charged")
        self.charged += evaluations
        self._changed()

    def use(self, share: float) -> None:
        """Say how much is used of what else limits the search (money, tokens, time): enters `spent` alone."""
        if not share >= 0:
            raise ValueError(f"a share of {share} cannot be used")
        if share != self._used:
            self._used = share
            self._changed()

    def price_expansions(self, cost: float) -> None:
        """Say what an expansion costs, in evaluations."""
        if not cost >= 0:
            raise ValueError(f"an expansion cannot cost {cost} evaluations")
        if cost != self._expansion_cost:
            self._expansion_cost = cost
            self._changed()

    def allow(self, budget: int) -> None:
        """Take another number of evaluations for the whole budget."""
        if budget < 1:
            raise ValueError(f"a budget of {budget} evaluations")
        self.budget = budget
        self._changed()

    def view(self) -> TreeView:
        """The tree as it is now; windows on the live columns, not writeable, good until the next change."""
        if self._view is None:
            self._view = TreeView(
                version=self._version,
                evaluations=self._evaluations,
                pending_expansions=self._running_expansions.total(),
                rejections_in_row=self._rejections_in_row,
                spent=self._spent(),
                expansion_cost=self._expansion_cost,
                left=self._left(),
                seen=_window(self._seen, np.bool_, self._size, self.tasks),
                results=_window(self._results, np.int8, self._size, self.tasks),
                **{name: _window(column, np.int32, self._size) for name, column in self._counts.items()},
            )
        return self._view

    def _spent(self) -> float:
        evaluations = (self._evaluations + self.charged) / self.budget if self.budget else 0.0
        return min(1.0, max(evaluations, self._used))

    def _left(self) -> float:
        by_evaluations = self.budget - self._evaluations - self.charged if self.budget else inf
        used = self._evaluations + self._expansion_cost * self._expansions
        by_others = used * (1 - self._used) / self._used if self._used else inf
        return max(0.0, min(by_evaluations, by_others))

    def _add_node(self, parent: int) -> int:
        if self._size == len(self._counts["parent"]):
            self._counts = {name: _doubled(column) for name, column in self._counts.items()}
            self._seen, self._results = _doubled(self._seen), _doubled(self._results)
        node = self._size
        self._counts["parent"][node] = parent
        self._size += 1
        return node

    def _count(self, node: int, own: str) -> None:
        """Count one result for `node`, and for the clades of `node` and of all its ancestors (HGM, section 3.3)."""
        self._counts[own][node] += 1
        parent, clade = self._counts["parent"], self._counts[f"clade_{own}"]
        while node != NO_PARENT:
            clade[node] += 1
            node = parent[node]

    def _changed(self) -> None:
        self._version += 1
        self._view = None

    def _require_node(self, node: int) -> None:
        if not ROOT <= node < self._size:
            raise ValueError(f"there is no node {node}; the tree has {self._size}")


def _doubled(column: "array[int]") -> "array[int]":
    # In place it cannot be: views hold on to what is there.
    return column + array(column.typecode, bytes(len(column) * column.itemsize))


def _window(column: "array[int]", kind: type[np.generic], *shape: int) -> NDArray[Any]:
    # Clearing an array's own writeable flag would not do: its holder could set it again.
    return np.frombuffer(memoryview(column).toreadonly(), kind, prod(shape)).reshape(shape)
