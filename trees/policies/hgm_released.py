"""What the public HGM code computes, defects included. For comparison with `hgm` only; not a policy to search with."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trees.policies.base import BasePolicy, Pick, any_unseen, largest, nothing_left
from trees.policies.schedule import is_expansion_due
from trees.records import NO_PARENT, ROOT, Decision, Expand, Stop, TreeView

_GENERATIONS = 40
"""Results are counted for so many generations of ancestors; those further up have lists that are full long before."""


class Lists(NamedTuple):
    """Per node, the passed and failed results in a list of the released code, copies included."""

    passed: NDArray[np.float64]
    failed: NDArray[np.float64]

    @property
    def length(self) -> NDArray[np.float64]:
        return self.passed + self.failed


@dataclass(frozen=True, kw_only=True)
class HGMReleased(BasePolicy):
    """FOR COMPARISON ONLY: the rule of metauto-ai/HGM @ 013872d as its code computes it, not as the paper states it.

    - The root is first evaluated on all its tasks (hgm.py:66-78); these enter its clade, but not N of the rule. It
      expands iff N^alpha >= |T| - 1 + running expansions (hgm.py:413-416), without a temperature (config.yaml:20-23).
    - A node that was not evaluated or passed nothing cannot be expanded (hgm.py:385-389). If that is the root, the code
      raises; here the policy stops.
    - Each decision to expand appends the lists of all descendants to the *own* list of every node that may be expanded,
      again and again (tree.py:45-52); evaluations are then drawn by these lists (hgm.py:432). A list of
      `pseudo_evaluations` results grows no more and counts as so many copies of its mean (tree.py:45-54).

    A decision here is a function of the view, so the copies are worked out: a result of a descendant j generations
    below is in a node's list C(k + j - 1, j) times after k decisions to expand. That is exact until the list is full;
    but the view does not say when a result came, so k is taken to be half of the decisions since the descendant's
    birth, and nodes to be born at equal distances among all expansions. A list that is full takes nothing from
    generations further down, and is cut with its mean kept. In simulated searches of 800 evaluations the means of the
    lists are 0.02 from those of the code on average, with a correlation of 0.96;
    `tests/trees/test_hgm_released.py` holds them together.

    The code hands over no agent (it computes no best belief); here it is the one that `hgm` would, by true own
    results, so that a comparison shows the search alone. Where expansions keep failing the code tries for ever, and
    this one evaluates.
    """

    name: ClassVar[str] = "hgm_released"

    alpha: float = 0.6
    """Expand iff N^alpha >= |T| - 1 + running expansions, with N evaluations but for the root's."""
    initial_expansions: int = 5
    """Expansions of the root that come first: 5 with 20 workers in the code, fewer with fewer (hgm.py:464-470)."""
    pseudo_evaluations: int = 10_000
    """A list of so many results grows no more; as shipped."""
    max_rejections_in_row: int = 5
    """After so many expansions in a row without a child comes an evaluation, whatever the rule says; ours."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_alpha()
        self.require_whole("initial_expansions", 0)
        self.require_whole("pseudo_evaluations", 1)

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        """The next decision; stops for good where the code would raise."""
        if not view.seen[ROOT].all():
            return any_unseen(view, Pick(ROOT), rng)
        if view.pending_evaluations[ROOT]:
            return Stop("the root's results are awaited")
        if not view.successes[ROOT]:
            return Stop("the root passed none of its tasks, and the released code expands no such node")
        may_expand = self.may_expand(view)
        if may_expand and view.expansions[ROOT] < self.initial_expansions:
            return Expand(ROOT)
        if may_expand and self._expansion_is_due(view):
            return Expand(*self._parent(view, rng))
        nodes = np.flatnonzero(~view.seen.all(axis=1))
        if len(nodes):
            return any_unseen(view, self._candidate(view, nodes, rng), rng)
        return Expand(*self._parent(view, rng)) if may_expand else Stop(nothing_left(view))

    def opening(self, tasks: int) -> int:
        """All tasks."""
        return tasks

    def expected_expansions(self, evaluations: int, tasks: int) -> int:
        """The alpha-th power of those that are not the root's."""
        return max(self.initial_expansions, int((evaluations - tasks) ** self.alpha)) if evaluations > tasks else 0

    def own_lists(self, view: TreeView) -> Lists:
        """The lists that evaluations are drawn by."""
        grown = _grown(view, self.pseudo_evaluations)
        share = np.minimum(1.0, self.pseudo_evaluations / np.maximum(grown.length, 1.0))
        return Lists(grown.passed * share, grown.failed * share)

    def clade_lists(self, view: TreeView) -> Lists:
        """The lists that the decision now to be made expands by: each its own and those of its descendants."""
        return _clade_sums(view.parent, self.own_lists(view))

    def _parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        nodes = np.flatnonzero(view.successes > 0)
        lists = self.clade_lists(view)
        return largest(rng.beta(1 + lists.passed[nodes], 1 + lists.failed[nodes]), nodes)

    def _candidate(self, view: TreeView, nodes: NDArray[np.intp], rng: np.random.Generator) -> Pick:
        lists = self.own_lists(view)
        return largest(rng.beta(1 + lists.passed[nodes], 1 + lists.failed[nodes]), nodes)

    def _expansion_is_due(self, view: TreeView) -> bool:
        return is_expansion_due(_without_root(view), len(view) - 1 + view.pending_expansions, self.alpha)


def _grown(view: TreeView, full: int) -> Lists:
    """The lists with their copies, by generations: once one is full, it takes nothing from further down."""
    nodes = np.flatnonzero((view.parent != NO_PARENT) & (view.successes + view.failures > 0))
    lists = Lists(view.successes.astype(np.float64), view.failures.astype(np.float64))
    at, passed, failed, age = view.parent[nodes], lists.passed[nodes], lists.failed[nodes], _ages(view)[nodes]
    for generation in range(1, _GENERATIONS + 1):
        factor = (age + (generation - 1)) / generation
        passed, failed = passed * factor, failed * factor
        lists.passed[:] += np.bincount(at, passed, len(view))
        lists.failed[:] += np.bincount(at, failed, len(view))
        on = np.flatnonzero((at != ROOT) & (lists.length[at] < full))
        if not len(on):
            break
        at, passed, failed, age = view.parent[at[on]], passed[on], failed[on], age[on]
    return lists


def _ages(view: TreeView) -> NDArray[np.float64]:
    """Per node, how many decisions to expand came after its results, taken to be half of those after its birth."""
    share_before = np.arange(len(view)) / max(1, len(view) - 1)
    return np.asarray(view.expansions.sum() * (1 - share_before) / 2)


def _clade_sums(parent: NDArray[np.int32], own: Lists) -> Lists:
    """Per node, the sums over its clade, itself included."""
    above, passed, failed = parent.tolist(), own.passed.tolist(), own.failed.tolist()
    for node in range(len(above) - 1, ROOT, -1):
        passed[above[node]] += passed[node]
        failed[above[node]] += failed[node]
    return Lists(np.array(passed), np.array(failed))


def _without_root(view: TreeView) -> int:
    root = view.successes[ROOT] + view.failures[ROOT] + view.pending_evaluations[ROOT]
    return max(0, view.evaluations - int(root))
