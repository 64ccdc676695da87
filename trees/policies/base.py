"""What the lab's own policies share: options that are checked, a way to rank, and a rough forecast for estimates."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgm.errors import ConfigError
from trees import statistics
from trees.escape import told
from trees.records import Decision, Drawn, Evaluate, TreeView

_TOLD = 5
"""So many of the largest draws are told of a decision."""
_MOST = 1_000_000
"""Of any option that counts: as many as a search has evaluations."""


class Pick(NamedTuple):
    """A node, and what led to it."""

    node: int
    drawn: Drawn = ()


@dataclass(frozen=True, kw_only=True)
class BasePolicy(ABC):
    """A policy that is a frozen dataclass with its options as fields; `trees.records.Policy` says what it promises."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def max_rejections_in_row(self) -> int:
        """An option of each: after so many expansions in a row without a child comes an evaluation."""

    def __post_init__(self) -> None:
        self.require_whole("max_rejections_in_row", 1)

    @abstractmethod
    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision."""

    @abstractmethod
    def opening(self, tasks: int) -> int:
        """Evaluations of the root that come before everything else, at most."""

    @abstractmethod
    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """Roughly how many expansions come with so many evaluations."""

    def ranking(self, view: TreeView, *, minimum: int = 10) -> NDArray[np.intp]:
        """By the lower bound of each node's own results (`trees.statistics.ranking`)."""
        return statistics.ranking(view, minimum=minimum)

    def may_expand(self, view: TreeView) -> bool:
        """Whether expansions do not keep failing."""
        return view.rejections_in_row < self.max_rejections_in_row

    def require(self, holds: bool, option: str, wanted: str) -> None:
        """ConfigError that names the option, unless it holds."""
        if not holds:
            raise ConfigError(f"policy {self.name}: {option} must be {wanted}, not {told(getattr(self, option))}")

    def require_whole(self, option: str, least: int) -> None:
        """ConfigError unless the option is a whole number from `least` to a million."""
        value = getattr(self, option)
        holds = _is_whole(value) and least <= value <= _MOST
        self.require(holds, option, f"a whole number from {least} to {_MOST:,}")

    def require_number(self, option: str, least: float, most: float) -> None:
        """ConfigError unless the option is a number from `least` to `most`, both included."""
        value = getattr(self, option)
        self.require(_is_number(value) and least <= value <= most, option, f"a number from {least:g} to {most:g}")

    def require_alpha(self) -> None:
        """ConfigError unless `alpha` is an exponent of HGM's rule."""
        value = getattr(self, "alpha", None)
        self.require(_is_number(value) and 0 < value <= 1, "alpha", "a number above 0 and at most 1")  # type: ignore[operator]


def largest(worth: NDArray[np.float64], nodes: NDArray[np.intp] | None = None) -> Pick:
    """The one of `nodes` (by default all, by their numbers) that is worth most; ties go to the elder."""
    told = min(_TOLD, len(worth))
    high = np.flatnonzero(worth >= np.partition(worth, -told)[-told])
    top = high[np.argsort(-worth[high], kind="stable")][:told]
    named = (top if nodes is None else nodes[top]).tolist()
    drawn = zip(named, worth[top].tolist(), strict=True)
    return Pick(named[0], tuple((node, value) for node, value in drawn if isfinite(value)))


def any_unseen(view: TreeView, pick: Pick, rng: np.random.Generator) -> Evaluate:
    """The evaluation of a node on a task drawn uniformly from those that it has not seen."""
    unseen = view.unseen(pick.node)
    return Evaluate(pick.node, int(unseen[rng.integers(len(unseen))]), pick.drawn)


def nothing_left(view: TreeView) -> str:
    """Why a policy stops that has nothing to evaluate and whose expansions fail."""
    return f"no node has unseen search tasks, and {view.rejections_in_row} expansions in a row gave no child"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)
