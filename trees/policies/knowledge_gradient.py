"""What an evaluation or an expansion is worth: by how much it is expected to raise the value of the best agent.

Knowledge gradient (Gupta and Miescke, Journal of Statistical Planning and Inference 54, 1996; Frazier, Powell and
Dayanik, SIAM Journal on Control and Optimization 47, 2008), for Gaussian beliefs that are not independent, and for the
best number of looks in a row (Frazier and Powell, Decision Analysis 7, 2010: one alone may never change anything).
"""

from dataclasses import dataclass
from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trees.policies.gaussian import Floats, Prior
from trees.policies.inheritance import Belief

_LOOKS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48])
"""So many evaluations in a row of one agent are weighed."""
_ROUNDING = 1e-6
_TELLS = 0.22
"""Information of one evaluation about the ability, per squared logit; 0.25 where every second one is passed."""
BROKEN_LOSS = 8.0
"""Logits that a broken agent falls behind."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Means:
    """What there is to decide with, beside a belief."""

    horizon: float
    """The value of an agent is its ability + so many times its drift."""
    results: NDArray[np.int32]
    """Per node, evaluations that were measured."""
    pending: NDArray[np.int32]
    """Per node, evaluations that run: counted as if they told what they are expected to."""
    unseen: NDArray[np.intp]
    """Per node, tasks that it may still be evaluated on."""
    child: Floats
    """Per node, chance that an expansion gives a child."""
    expansion_cost: float
    """In evaluations."""
    left: float
    """Of the budget, in evaluations."""


class Worth(NamedTuple):
    """Per node, expected rise of the best value per cost of one evaluation; -inf: cannot be done."""

    expansions: Floats
    """Of an expansion together with evaluations of the child."""
    evaluations: Floats


def worth(belief: Belief, prior: Prior, means: Means) -> Worth:
    """Of expanding and of evaluating each node, one step ahead.

    Exact but for the best node: what it may fall behind is the second best's value as if that did not move with it. Its
    relatives do, but there are many others, and in simulated searches the exact value for two looks too seldom at the
    best one.
    """
    values = belief.ability + means.horizon * belief.drift
    best, second = _two_best(values - BROKEN_LOSS * belief.broken, means.results)
    spread = belief.gaussian.covariances()
    ability_with, drift_with = belief.gaussian.covariances_with(best, means.horizon)

    told = spread.ability + means.horizon * spread.both - ability_with
    lead = values - values[best]
    told[best], lead[best] = ability_with[best], values[second] - values[best]
    awaited = 1 / (1 + spread.ability * means.pending * _TELLS)
    rise = _rise(lead, told * awaited, spread.ability * awaited)
    is_possible = np.minimum(means.unseen, means.left + _ROUNDING)[:, None] >= _LOOKS
    rise = (1 - belief.broken)[:, None] * rise / _LOOKS
    evaluations = np.where(is_possible, rise, -np.inf).max(axis=1)

    child = spread.ability + 2 * spread.both + spread.drift + prior.step**2
    inherited = means.horizon * prior.inherited
    told = child + inherited * (spread.both + spread.drift) - ability_with - drift_with
    lead = belief.ability + (1 + inherited) * belief.drift - values[best]
    cost = means.expansion_cost + _LOOKS
    rise = (means.child * (1 - belief.broken_child))[:, None] * _rise(lead, told, child) / cost
    return Worth(np.where(cost <= means.left + _ROUNDING, rise, -np.inf).max(axis=1), evaluations)


def _two_best(values: Floats, results: NDArray[np.int32]) -> tuple[int, int]:
    """The best node with results, and the best other one; the same twice, if there is one node alone."""
    best = int(np.argmax(np.where((results > 0) | ~(results > 0).any(), values, -np.inf)))
    others = np.delete(np.arange(len(values)), best)
    return best, int(others[np.argmax(values[others])]) if len(others) else best


def _rise(lead: Floats, told: Floats, variance: Floats) -> Floats:
    """(nodes, looks): how much is expected to be won by whoever overtakes the best node after so many looks.

    `lead` is the mean difference to the best one's value, `told` its covariance with the ability that is looked at, and
    `variance` that ability's.
    """
    from scipy.special import ndtr  # half a second, which policies without a model do without

    deviation = np.maximum(np.abs(told)[:, None] / np.sqrt(variance[:, None] + 1 / (_LOOKS * _TELLS)), 1e-9)
    z = lead[:, None] / deviation
    return np.asarray(deviation * np.maximum(z * ndtr(z) + np.exp(-(z**2) / 2) / sqrt(2 * pi), 0))
