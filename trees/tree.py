"""The live search tree: integer columns with one entry per node, changed only by decisions and their results."""

from collections import Counter
from math import inf
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
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(1, np.int32) for name in _COUNTS}
        self._columns["seen"] = np.zeros((1, tasks), np.bool_)
        self._columns["results"] = np.zeros((1, tasks), np.int8)
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
        if self._columns["seen"][node, task]:
            raise ValueError(f"task {task} was chosen again for node {node}")
        self._columns["seen"][node, task] = True
        self._columns["pending_evaluations"][node] += 1
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
        self._columns["pending_evaluations"][node] -= 1
        if outcome == Outcome.UNMEASURED:
            self._columns["seen"][node, task] = give_up
            self._evaluations -= 1
        else:
            self._columns["results"][node, task] = _RESULTS[outcome]
            self._count(node, _COUNTED_AS[outcome])
        self._changed()

    def start_expansion(self, node: int) -> None:
        """Count one running expansion of `node`."""
        self._require_node(node)
        self._columns["expansions"][node] += 1
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
        self._columns["children"][node] += 1
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
                **{name: _window(column[: self._size]) for name, column in self._columns.items()},
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
        if self._size == len(self._columns["parent"]):
            self._columns = {name: _doubled(column) for name, column in self._columns.items()}
        node = self._size
        self._columns["parent"][node] = parent
        self._size += 1
        return node

    def _count(self, node: int, own: str) -> None:
        """Count one result for `node`, and for the clades of `node` and of all its ancestors (HGM, section 3.3)."""
        self._columns[own][node] += 1
        parent, clade = self._columns["parent"], self._columns[f"clade_{own}"]
        while node != NO_PARENT:
            clade[node] += 1
            node = int(parent[node])

    def _changed(self) -> None:
        self._version += 1
        self._view = None

    def _require_node(self, node: int) -> None:
        if not ROOT <= node < self._size:
            raise ValueError(f"there is no node {node}; the tree has {self._size}")


def _doubled(column: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([column, np.zeros_like(column)])


def _window(column: NDArray[Any]) -> NDArray[Any]:
    # Clearing an array's own writeable flag would not do: its holder could set it again.
    return np.asarray(column.data.toreadonly())
