"""The words of a search as frozen values: outcomes, decisions, and the read-only view that a policy decides on."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

ROOT = 0
"""The seed agent's node."""
NO_PARENT = -1
EXPANSION_COST = 5.0
"""In evaluations, where nobody knows better."""


class Outcome(StrEnum):
    """What an evaluation ended as. `unmeasured` says nothing about the agent and enters no statistic."""

    PASSED = "passed"
    FAILED = "failed"
    UNMEASURED = "unmeasured"


class Expansion(StrEnum):
    """What an expansion ended as."""

    CHILD = "child"
    REJECTED = "rejected"
    UNMEASURED = "unmeasured"


Drawn: TypeAlias = tuple[tuple[int, float], ...]
"""Some nodes and what each was drawn at, the largest first: for people who ask why a decision fell as it did."""


@dataclass(frozen=True)
class Expand:
    """Make one child of `node`."""

    node: int
    drawn: Drawn = field(default=(), compare=False)


@dataclass(frozen=True)
class Evaluate:
    """Run `node` on search task number `task`."""

    node: int
    task: int
    drawn: Drawn = field(default=(), compare=False)


@dataclass(frozen=True)
class Stop:
    """Nothing sensible can be started now. While jobs run, the policy is asked again after the next result."""

    reason: str


Decision: TypeAlias = Expand | Evaluate | Stop


@dataclass(frozen=True, kw_only=True)
class TreeView:
    """A tree at one moment, for deciding. All columns have one entry per node and are not writeable.

    The arrays are windows on the live tree: a view is good until the next change, which `version` counts.
    """

    version: int
    parent: NDArray[np.int32]
    """Parent's number; NO_PARENT for the root. A parent's number is smaller than its children's."""
    successes: NDArray[np.int32]
    failures: NDArray[np.int32]
    clade_successes: NDArray[np.int32]
    clade_failures: NDArray[np.int32]
    children: NDArray[np.int32]
    """Accepted direct children."""
    expansions: NDArray[np.int32]
    """Expansions of this node that ended (as anything) or are running."""
    pending_evaluations: NDArray[np.int32]
    seen: NDArray[np.bool_]
    """(nodes, tasks): measured, being measured, or given up on as unmeasured; never to be chosen again."""
    results: NDArray[np.int8]
    """(nodes, tasks): 1 passed, -1 failed, 0 not measured."""
    evaluations: int
    """N of the expansion rule: measured + running evaluations, over the whole tree."""
    pending_expansions: int
    rejections_in_row: int
    """Expansions that ended without a child since the last evaluation was decided or a child was born."""
    spent: float
    """Share of the budget that is measured, running or charged, 0 to 1: of the unit with the least left."""
    expansion_cost: float = EXPANSION_COST
    """What an expansion costs, in evaluations, as far as is known."""
    left: float = inf
    """What the budget still pays, in evaluations; an estimate where it is of something else."""

    def __len__(self) -> int:
        return len(self.parent)

    def unseen(self, node: int) -> NDArray[np.intp]:
        """Numbers of the search tasks that `node` may still be evaluated on, ascending."""
        return np.flatnonzero(~self.seen[node])


class Policy(Protocol):
    """Decides what to do next. Pure: same view and generator state, same decision; reads no clock or disk."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision. Never evaluates a seen task; stops when nothing can be started."""

    def ranking(self, view: TreeView, *, minimum: int = 10) -> NDArray[np.intp]:
        """All nodes, the one to hand over first; none with fewer than `minimum` evaluations before one with as many."""
