"""What results say about agents that inherit from each other: abilities, gains to come, difficulties, broken agents.

An agent of ability a passes task t, of difficulty d, with chance 1 / (1 + exp(-(a - d))) (Rasch 1960), unless it is
broken: then it passes next to nothing. Abilities and drifts are inherited (`trees.policies.gaussian`). Beliefs about
them are Gaussian, around the chances (Laplace); a difficulty is one value; that an agent is broken has a probability of
its own, which takes the weight from what it passed and failed.
"""

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from trees.policies import gaussian
from trees.policies.gaussian import Floats, GaussianTree
from trees.records import ROOT, TreeView

_ITERATIONS = 2
"""Steps of Newton's method: too few to be exact (some abilities are off by 0.3), but more do not decide better."""
_STRIDE = 2.0
"""No step moves an ability by more logits: far from the truth Newton's method overshoots."""
_MOST = 6.0
"""Abilities are within so many logits; a chance of 0.25 % is as good as none."""
_GRID = np.linspace(-_MOST, _MOST, 49)
_BROKEN_CHANCE = 0.04
_LEAST_CHANCE = 0.04
"""Of an agent that is not broken, at any task: no pass speaks for being broken."""
_CERTAIN = 500.0
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed before any result; abilities in logits."""

    inheritance: gaussian.Prior = field(default_factory=gaussian.Prior)
    """Of the root, around the mean of all results."""
    difficulty: float = 1.5
    """Standard deviation over tasks."""
    broken: float = 0.12
    """Share of broken children, as if seen on `broken_seen` agents before."""
    broken_seen: float = 15.0
    broken_inherited: float = 0.7
    """The same among children of a broken agent."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Belief:
    """About every node and task, after results."""

    ability: Floats
    """(nodes,): means, in logits."""
    drift: Floats
    """(nodes,): means of what the next edit adds to the ability."""
    broken: Floats
    """(nodes,): probability of being broken."""
    broken_child: Floats
    """(nodes,): probability that the next child will be."""
    difficulty: Floats
    """(tasks,): in logits; their mean is 0."""
    gaussian: GaussianTree
    """Abilities and drifts with their uncertainty, as far as agents are not broken."""

    def chance(self, node: int, tasks: NDArray[np.intp]) -> Floats:
        """Of passing each of these tasks, if it is not broken and has its mean ability."""
        return _sigmoid(self.ability[node] - self.difficulty[tasks])

    def score(self, ability: Floats) -> Floats:
        """Mean chance over all tasks of agents of such abilities that are not broken; any shape."""
        scores = _sigmoid(_GRID[:, None] - self.difficulty).mean(axis=1)
        return np.asarray(np.interp(ability, _GRID, scores))

    def lower_score(self, share: float = 0.05) -> Floats:
        """(nodes,): the score that each node, if it is not broken, is below with this probability."""
        deviation = np.sqrt(self.gaussian.covariances().ability)
        return self.score(self.ability + deviation * NormalDist().inv_cdf(share))

    def mean_score(self) -> Floats:
        """(nodes,): what the score is expected to be, by all that is uncertain."""
        deviation = np.sqrt(self.gaussian.covariances().ability)
        healthy = self.score(self.ability[:, None] + deviation[:, None] * _POINTS) @ _WEIGHTS / _WEIGHTS.sum()
        return np.asarray(healthy * (1 - self.broken) + _BROKEN_CHANCE * self.broken)


def believe(view: TreeView, prior: Prior) -> Belief:
    """The belief after the results of a tree."""
    nodes, tasks = np.nonzero(view.results)
    passed = (view.results[nodes, tasks] > 0).astype(np.float64)
    results = _Results(nodes=nodes, tasks=tasks, passed=passed, size=view.results.shape)
    rate = (passed.sum() + 1) / (len(passed) + 2)
    middle = float(np.log(rate / (1 - rate)))
    ability, drift = np.full(len(view), middle), np.zeros(len(view))
    difficulty = np.zeros(results.size[1])
    broken = np.full(len(view), prior.broken)
    broken[(view.successes == 0) & (view.failures >= 2)] = 0.5
    broken[ROOT] = 0.0
    for iteration in range(_ITERATIONS):
        weight = 1 - broken[nodes]
        if iteration:
            difficulty = _harder(results, ability, difficulty, weight, prior)
        chance = _sigmoid(ability[nodes] - difficulty[tasks])
        precision = results.by_node(weight * chance * (1 - chance))
        pull = precision * ability + results.by_node(weight * (passed - chance))
        tree = GaussianTree(view.parent, prior.inheritance, middle, precision, pull)
        moved, drift = tree.means()
        ability = np.clip(moved, ability - _STRIDE, ability + _STRIDE).clip(-_MOST, _MOST)
        broken = _broken(view, results, ability, drift, difficulty, broken, prior)
    broken_child = _broken_child(broken, prior)
    return Belief(
        ability=ability, drift=drift, broken=broken, broken_child=broken_child, difficulty=difficulty, gaussian=tree
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Results:
    """One entry per result."""

    nodes: NDArray[np.intp]
    tasks: NDArray[np.intp]
    passed: Floats
    size: tuple[int, ...]
    """Of the tree: nodes, tasks."""

    def by_node(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self.nodes, values, self.size[0]), np.float64)

    def by_task(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self.tasks, values, self.size[1]), np.float64)


def _harder(results: _Results, ability: Floats, difficulty: Floats, weight: Floats, prior: Prior) -> Floats:
    """Difficulties after one step of Newton's method."""
    chance = _sigmoid(ability[results.nodes] - difficulty[results.tasks])
    pull = results.by_task(weight * (chance - results.passed)) - difficulty / prior.difficulty**2
    moved = difficulty + pull / (results.by_task(weight * chance * (1 - chance)) + 1 / prior.difficulty**2)
    return np.asarray(moved - moved.mean())


def _broken(
    view: TreeView,
    results: _Results,
    ability: Floats,
    drift: Floats,
    difficulty: Floats,
    before: Floats,
    prior: Prior,
) -> Floats:
    """How likely each node is to be broken: by its own results, and by how common that is."""
    parent = view.parent[1:]
    healthy = ability.copy()  # what it would be if it was not: less by its own results, the more it seems broken
    healthy[1:] += before[1:] * (ability[parent] + drift[parent] - ability[1:])
    chance = np.clip(_sigmoid(healthy[results.nodes] - difficulty[results.tasks]), _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    likely = results.by_node(np.log(np.where(results.passed > 0, chance, 1 - chance)))
    if_broken = view.successes * np.log(_BROKEN_CHANCE) + view.failures * np.log(1 - _BROKEN_CHANCE)
    share = np.full(len(view), prior.broken)
    share[1:] = _broken_child(before, prior)[parent]
    found = _sigmoid(np.log(share / (1 - share)) + if_broken - likely)
    found[ROOT] = 0.0
    return found


def _broken_child(broken: Floats, prior: Prior) -> Floats:
    """How likely a child of each node is to be broken."""
    common = (broken[1:].sum() + prior.broken * prior.broken_seen) / (len(broken) - 1 + prior.broken_seen)
    return np.asarray(broken * prior.broken_inherited + (1 - broken) * common)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -_CERTAIN, _CERTAIN))))
