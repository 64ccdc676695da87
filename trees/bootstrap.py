"""How sure one can be of a gain over several search runs on the same tasks: a bootstrap at two levels.

A table of gains has a row per search run and a column per task. Runs differ by the luck of a search, tasks by what they
ask for, and both are samples: of the searches that might have been made, and of the tasks that might have been asked.
So both are resampled, each with replacement: whole runs, and whole clusters of tasks (tasks of one repository stand and
fall together). Repeats of a task are no level: they are in its pass rate.

The variance of the mean is the bootstrap variance over runs plus that over clusters, each times n / (n - 1), and the
interval is Student's t with Satterthwaite's degrees of freedom. What two ways of clustering share is counted twice
(Cameron, Gelbach and Miller, Journal of Business & Economic Statistics 29, 2011, would subtract it), which errs on the
wide side. Taken instead of percentiles of runs and tasks resampled at the same time (Owen's pigeonhole bootstrap,
Annals of Applied Statistics 1, 2007), which are too narrow with few runs and clusters, and of runs alone, which are
far too narrow. The draws have a fixed seed: the same gains have the same interval.

Runs that all gained the same, often nothing, do not tell how much searches differ: a handful of them is no proof that
the next one gains as much. They get no interval, rather than one of tasks alone or of no width.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trees.statistics import Gain, student

DRAWS = 4000
LEAST_RUNS = 3
"""With fewer search runs nothing is said about other runs."""
_SEED = 0
_ROUNDING = 1e-9

Gains: TypeAlias = Sequence[Sequence[float]]
"""A row per search run, a column per task."""


def mean_gain(gains: Gains, clusters: Sequence[object], *, confidence: float = 0.95) -> Gain:
    """The mean over runs and tasks, with the interval for other runs on other tasks.

    Args:
        gains: at least `LEAST_RUNS` rows, which differ.
        clusters: what each column belongs to; at least two different ones.
        confidence: how often such an interval should hold the truth.

    Raises:
        ValueError: too few of either, rows of different lengths, or runs that all gained the same.
    """
    table, labels = _table(gains, clusters), _labels(clusters)
    rng = np.random.default_rng(_SEED)
    return _interval(table.mean(), [_over_runs(table, rng)], _over_clusters(table.mean(0), labels, rng), confidence)


def runs_differ(gains: Gains) -> bool:
    """Whether one run gained more than another over all tasks."""
    means = [float(np.mean(row)) for row in gains]
    return max(means) - min(means) > _ROUNDING


def mean_difference(first: Gains, second: Gains, clusters: Sequence[object], *, confidence: float = 0.95) -> Gain:
    """How much more the first runs gain than the second ones on the same tasks: runs apart, tasks paired.

    Raises:
        ValueError: as `mean_gain`.
    """
    one, other, labels = _table(first, clusters), _table(second, clusters), _labels(clusters)
    rng = np.random.default_rng(_SEED)
    by_task = one.mean(0) - other.mean(0)
    runs = [_over_runs(one, rng), _over_runs(other, rng)]
    return _interval(by_task.mean(), runs, _over_clusters(by_task, labels, rng), confidence)


class _Part(NamedTuple):
    variance: float
    freedom: int


def _over_runs(table: NDArray[np.float64], rng: np.random.Generator) -> _Part:
    count = len(table)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS)
    means = weights @ table.mean(1) / count
    return _Part(float(means.var()) * count / (count - 1), count - 1)


def _over_clusters(by_task: NDArray[np.float64], labels: NDArray[np.intp], rng: np.random.Generator) -> _Part:
    sums, sizes = np.bincount(labels, by_task), np.bincount(labels)
    count = len(sizes)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS)
    means = (weights @ sums) / (weights @ sizes)
    return _Part(float(means.var()) * count / (count - 1), count - 1)


def _interval(mean: float, runs: Sequence[_Part], tasks: _Part, confidence: float) -> Gain:
    parts = [*runs, tasks]
    variance = sum(part.variance for part in parts)
    squares = sum(part.variance**2 / part.freedom for part in parts)
    half = sqrt(variance) * student(confidence, variance**2 / squares)
    return Gain(float(mean), float(mean - half), float(mean + half))


def _table(gains: Gains, clusters: Sequence[object]) -> NDArray[np.float64]:
    if len(gains) < LEAST_RUNS or any(len(row) != len(clusters) for row in gains):
        raise ValueError(f"an interval over runs needs {LEAST_RUNS} runs at least, each with a gain on the same tasks")
    if not runs_differ(gains):
        raise ValueError("all runs gained the same: how much others would differ is not known")
    return np.asarray(gains, dtype=np.float64)


def _labels(clusters: Sequence[object]) -> NDArray[np.intp]:
    names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    if len(names) < 2:
        raise ValueError("an interval over tasks needs two clusters of them at least")
    return np.asarray([names[name] for name in clusters], dtype=np.intp)
