"""What a tree's counts say: which agent to hand over, how good a clade is, and how sure one can be of a gain.

Reading a statistic never changes it.
"""

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trees.records import TreeView


class Interval(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float


class Gain(NamedTuple):
    """A mean and its interval."""

    mean: float
    low: float
    high: float


def cmp_estimate(view: TreeView) -> NDArray[np.float64]:
    """Per node, successes / evaluations over its clade (arXiv 2510.21614, section 3.3); NaN for an unmeasured clade."""
    return _share(view.clade_successes, view.clade_failures)


def own_mean(view: TreeView) -> NDArray[np.float64]:
    """Per node, successes / evaluations of its own; NaN for an unmeasured node."""
    return _share(view.successes, view.failures)


def lower_bound(view: TreeView, *, quantile: float = 0.01) -> NDArray[np.float64]:
    """Per node, the `quantile` of Beta(1 + s, 1 + f): what its own results leave likely at worst."""
    from scipy.special import betaincinv  # costs 0.3 s, which deciding does without

    bounds: NDArray[np.float64] = betaincinv(1.0 + view.successes, 1.0 + view.failures, quantile)
    return bounds


def ranking(view: TreeView, *, minimum: int = 10, quantile: float = 0.01) -> NDArray[np.intp]:
    """All nodes, best first: those with `minimum` evaluations by their lower bound, then the others by their number.

    Ties go to the elder.
    """
    evaluations = view.successes + view.failures
    known = evaluations >= minimum
    worth = np.where(known, lower_bound(view, quantile=quantile), evaluations)
    return np.lexsort((-worth, ~known))  # stable, the last key first


def best_belief(view: TreeView, *, minimum: int = 10, quantile: float = 0.01) -> int:
    """The node that a run hands over, first of the `ranking`; it may be the root.

    The largest 1 % quantile of the belief Beta(1 + s, 1 + f), as arXiv 2510.21614, section 3.3 must mean it: as printed
    its formula is the distribution function at 1, which is 1 for every agent. `minimum` is ours: without it, 5 of 5
    would beat 10 of 14.
    """
    return int(ranking(view, minimum=minimum, quantile=quantile)[0])


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a share of `n` independent tries (Wilson 1927); all of [0, 1] if `n` is 0."""
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Interval(0.0, 1.0)
    z, share = _normal(confidence), successes / n
    middle = share + z**2 / (2 * n)
    half = z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = ((middle + end) / (1 + z**2 / n) for end in (-half, half))
    return Interval(low if successes > 0 else 0.0, high if successes < n else 1.0)


def paired_gain_interval(before: Sequence[float], after: Sequence[float], *, confidence: float = 0.95) -> Gain:
    """Mean gain from one agent to another, given the mean pass rates of both on the same tasks in the same order.

    The task is the unit: repeats do not pass for tasks. The interval is Student's t on the differences, after one task
    is added that only the first agent passes and one that only the other does (Agresti and Min's interval for matched
    pairs, Statistics in Medicine 24, 2005, for rates). Unlike a bootstrap it keeps its promise with few tasks and never
    has no width.
    """
    centre, error = _shrunk(before, after)
    half = error * student(confidence, len(before) + 1)
    mean = float(np.mean(np.subtract(after, before)))
    return Gain(mean, max(-1.0, centre - half), min(1.0, centre + half))


def smallest_detectable_gain(
    before: Sequence[float], after: Sequence[float], *, confidence: float = 0.95, power: float = 0.8
) -> float:
    """The smallest true gain that `paired_gain_interval` would tell from 0 with probability `power` on such a sample.

    (t + z) * error: the quantiles of Student's t at (1 + confidence) / 2 and of the normal distribution at `power`, and
    the standard error of the interval, so with the spread between tasks that was seen and not one assumed beforehand.
    """
    _, error = _shrunk(before, after)
    return float(error * (student(confidence, len(before) + 1) + NormalDist().inv_cdf(power)))


def mcnemar(gains: int, losses: int) -> float:
    """The exact two-sided p-value that so many pairs changed one way and so many the other by chance (McNemar 1947)."""
    from scipy.special import bdtr

    changed = gains + losses
    return min(1.0, 2 * float(bdtr(min(gains, losses), changed, 0.5))) if changed else 1.0


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> Gain:
    """Mean of independent values, such as one gain per search run, and its interval by Student's t; at least two."""
    if len(values) < 2:
        raise ValueError("an interval needs at least two values")
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / sqrt(len(values))
    half = error * student(confidence, len(values) - 1)
    return Gain(mean, mean - half, mean + half)


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], *, confidence: float = 0.95
) -> Gain | None:
    """Ratio of the means of independent pairs, and its interval by Fieller (Journal of the Royal Statistical Society B
    16, 1954): all ratios that Student's t on numerator - ratio x denominator does not refute. At least two pairs.

    None where the interval of the mean denominator is not above 0: then no ratio is too large to be the true one.
    """
    if len(numerators) != len(denominators) or len(numerators) < 2:
        raise ValueError("an interval of a ratio needs at least two pairs")
    over, under = float(np.mean(numerators)), float(np.mean(denominators))
    width = student(confidence, len(numerators) - 1) ** 2 / len(numerators)
    (over_over, over_under), (_, under_under) = (width * np.cov(numerators, denominators)).tolist()
    square = under**2 - under_under
    if under <= 0 or square <= 0:
        return None
    middle = over * under - over_under
    half = sqrt(max(0.0, middle**2 - square * (over**2 - over_over)))
    return Gain(over / under, (middle - half) / square, (middle + half) / square)


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The unbiased estimate that one of `k` attempts passes, from `n` of which so many passed: 1 - C(n-c, k) / C(n, k).

    Chen et al. 2021, arXiv 2107.03374, equation 1. The plug-in 1 - (1 - c/n)^k would be too low.
    """
    if not 0 <= passed <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs as many attempts, not {passed} passed of {n}")
    return 1 - comb(n - passed, k) / comb(n, k)


def student(confidence: float, freedom: float) -> float:
    """The quantile of Student's t that leaves (1 - confidence) / 2 above it."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))


def _share(successes: NDArray[np.int32], failures: NDArray[np.int32]) -> NDArray[np.float64]:
    evaluations = successes + failures
    unknown = np.full(len(evaluations), np.nan)
    return np.asarray(np.divide(successes, evaluations, out=unknown, where=evaluations > 0))


def _shrunk(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error of the differences and of two more, +1 and -1."""
    if len(before) != len(after) or not len(before):
        raise ValueError(f"paired results need the same tasks, at least one: {len(before)} and {len(after)}")
    rates = np.asarray([before, after], dtype=np.float64)
    if not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError("pass rates lie between 0 and 1")
    differences = np.append(rates[1] - rates[0], [1.0, -1.0])
    return float(differences.mean()), float(differences.std()) / sqrt(len(differences))


def _normal(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
