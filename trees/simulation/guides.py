"""What a policy expands by, as one number per node: how well it tells what descendants become can then be measured."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from trees.policies.greedy import Greedy
from trees.policies.hgm import HGM
from trees.policies.hgm_released import HGMReleased
from trees.policies.sica import SICA
from trees.records import Policy, TreeView
from trees.statistics import own_mean


@runtime_checkable
class Guided(Protocol):
    """A policy that tells what it expands by."""

    def guidance(self, view: TreeView) -> NDArray[np.float64]:
        """Per node, what is held of the worth of its descendants; NaN where nothing is."""


def guide(policy: Policy, view: TreeView) -> NDArray[np.float64] | None:
    """Per node, what `policy` goes by when it chooses whom to expand, with nothing removed; None: nobody says.

    A policy that has a method `guidance` tells it itself. What a subclass of a policy named here goes by is its own
    affair.
    """
    if isinstance(policy, Guided):
        return policy.guidance(view)
    known = _GUIDES.get(type(policy))
    return known(policy, view) if known else None


def _clade_mean(policy: Policy, view: TreeView) -> NDArray[np.float64]:
    """The middle of the belief that the draws are from, at any temperature that counts."""
    return _believed(view.clade_successes, view.clade_failures)


def _released_clade_mean(policy: Policy, view: TreeView) -> NDArray[np.float64]:
    """The same with copies of results, for those that may be expanded."""
    assert isinstance(policy, HGMReleased)
    lists = policy.clade_lists(view)
    return np.where(view.successes > 0, _believed(lists.passed, lists.failed), np.nan)


def _mean(policy: Policy, view: TreeView) -> NDArray[np.float64]:
    return own_mean(view)


def _best_mean(policy: Policy, view: TreeView) -> NDArray[np.float64] | None:
    """None for the rule of the released code, which takes the most recent of several."""
    assert isinstance(policy, SICA)
    return own_mean(view) if policy.parent == "best" else None


_GUIDES: Mapping[type[Policy], Callable[[Policy, TreeView], NDArray[np.float64] | None]] = {
    HGM: _clade_mean,
    HGMReleased: _released_clade_mean,
    Greedy: _mean,
    SICA: _best_mean,
}


def _believed(passed: NDArray[np.number], failed: NDArray[np.number]) -> NDArray[np.float64]:
    return np.asarray((1 + passed) / (2 + passed + failed))
