"""What results say about agents that inherit from each other: abilities, gains to come, difficulties, broken agents.

An agent of ability a passes task t, of difficulty d, with chance 1 / (1 + exp(-(a - d))) (Rasch 1960), unless it is
broken: then it passes next to nothing. A child's ability is its parent's, plus its parent's drift, plus noise; its
drift is most of its parent's, plus noise: Brownian motion with a trend that evolves itself, on the tree, as
phylogenetic comparative methods have it (Felsenstein, The American Naturalist 125, 1985). Beliefs about abilities and
drifts are Gaussian, by Newton's method around the chances (Laplace); difficulties are their most likely values; that an
agent is broken has a probability of its own, which takes the weight from what it passed and failed.

All of it costs time in proportion to nodes and results, however deep the tree is: the precision matrix of a tree has no
fill-in if children are eliminated before their parents.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trees.records import ROOT, TreeView

Floats = NDArray[np.float64]

_ITERATIONS = 3
_MOST = 6.0
"""Abilities are within so many logits; a chance of 0.25 % is as good as none."""
_GRID = np.linspace(-_MOST, _MOST, 49)
_BROKEN_CHANCE = 0.04
_LEAST_CHANCE = 0.02
"""Of an agent that is not broken, at any task: what is impossible by the model happens."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed before any result; abilities in logits."""

    root: float = 1.5
    """Standard deviation of the root's ability, around that of the mean of all results."""
    step: float = 0.45
    """Of what an edit does to the ability beside the drift."""
    drift: float = 0.2
    """Of the root's drift, around 0."""
    drift_step: float = 0.12
    """Of what an edit does to the drift."""
    inherited: float = 0.95
    """Share of its drift that an agent passes on."""
    difficulty: float = 1.5
    """Standard deviation over tasks."""
    broken: float = 0.12
    """Share of broken children, as if seen on `broken_seen` agents before."""
    broken_seen: float = 15.0
    broken_inherited: float = 0.7
    """The same among children of a broken agent."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Joint draws from a belief: (nodes, draws) each."""

    ability: Floats
    drift: Floats
    is_broken: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Belief:
    """About every node and task, after results."""

    ability: Floats
    """(nodes,): means, in logits."""
    drift: Floats
    """(nodes,): means of what the next edit adds to the ability."""
    broken: Floats
    """(nodes,): probability of being broken."""
    difficulty: Floats
    """(tasks,): in logits; their mean is 0."""
    _system: "_System"

    def chance(self, node: int, tasks: NDArray[np.intp]) -> Floats:
        """Of passing each of these tasks, if it is not broken and has its mean ability."""
        return _sigmoid(self.ability[node] - self.difficulty[tasks])

    def score(self, ability: Floats) -> Floats:
        """Mean chance over all tasks of agents of such abilities that are not broken; any shape."""
        scores = _sigmoid(_GRID[:, None] - self.difficulty).mean(axis=1)
        return np.asarray(np.interp(ability, _GRID, scores))

    def slope(self, ability: Floats) -> Floats:
        """How much score one logit more is worth there."""
        return np.asarray((self.score(ability + 0.1) - self.score(ability - 0.1)) / 0.2)

    def draws(self, count: int, rng: np.random.Generator) -> Draws:
        """So many joint draws of everything, exact for the Gaussian part."""
        ability, drift = self._system.draw(count, rng)
        is_broken = rng.random(ability.shape) < self.broken[:, None]
        return Draws(ability=np.clip(ability, -_MOST, _MOST), drift=drift, is_broken=is_broken)

    def scores(self, draws: Draws) -> Floats:
        """(nodes, draws): the score that each draw stands for."""
        found = self.score(draws.ability)
        return np.where(draws.is_broken, _BROKEN_CHANCE * found, found)


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
    system = _System(view.parent, prior, middle)
    for iteration in range(_ITERATIONS):
        weight = 1 - broken[nodes]
        if iteration:
            difficulty = _harder(results, ability, difficulty, weight, prior)
        chance = _sigmoid(ability[nodes] - difficulty[tasks])
        precision = results.by_node(weight * chance * (1 - chance))
        system.observe(precision, precision * ability + results.by_node(weight * (passed - chance)))
        ability, drift = system.mean()
        broken = _broken(view, results, ability, drift, difficulty, broken, prior)
    return Belief(ability=ability, drift=drift, broken=broken, difficulty=difficulty, _system=system)


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
    common = (before[1:].sum() + prior.broken * prior.broken_seen) / (len(parent) + prior.broken_seen)
    share = np.full(len(view), common)
    share[1:] = before[parent] * prior.broken_inherited + (1 - before[parent]) * common
    found = _sigmoid(np.log(share / (1 - share)) + if_broken - likely)
    found[ROOT] = 0.0
    return found


class _System:
    """The Gaussian part: abilities and drifts of all nodes, as one sparse system of linear equations."""

    def __init__(self, parents: NDArray[np.int32], prior: Prior, middle: float) -> None:
        self._prior = prior
        size = len(parents)
        self._children, self._parents = np.arange(1, size), parents[1:]
        # Youngest first: then factors have no entries that the matrix has not.
        self._ability = 2 * (size - 1 - np.arange(size))
        self._drift = self._ability + 1
        self._of_ability = np.full(size, 1 / prior.step**2)
        self._of_ability[ROOT] = 1 / prior.root**2
        self._of_drift = np.full(size, 1 / prior.drift_step**2)
        self._of_drift[ROOT] = 1 / prior.drift**2
        self._families = np.bincount(self._parents, minlength=size)
        self._middle = middle
        self._rows, self._columns, self._off_diagonal = self._pattern()
        self._factors: Any = None
        self._precision = np.zeros(size)
        self._right = np.zeros(2 * size)

    def observe(self, precision: Floats, pull: Floats) -> None:
        """Take these observations of abilities in place of all others."""
        from scipy.sparse import csc_matrix  # half a second, which policies without a model do without
        from scipy.sparse.linalg import splu

        inherited, families = self._prior.inherited, self._families
        step, drift_step = 1 / self._prior.step**2, 1 / self._prior.drift_step**2
        abilities = precision + self._of_ability + families * step
        drifts = self._of_drift + families * (step + inherited**2 * drift_step)
        values = np.concatenate([abilities, drifts, self._off_diagonal])
        size = len(self._right)
        matrix = csc_matrix((values, (self._rows, self._columns)), shape=(size, size))
        self._factors = splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        self._precision = precision
        self._right = np.zeros(size)
        self._right[self._ability] = pull
        self._right[self._ability[ROOT]] += self._middle * self._of_ability[ROOT]

    def mean(self) -> tuple[Floats, Floats]:
        """Of abilities, clipped, and of drifts."""
        found = self._factors.solve(self._right)
        return np.clip(found[self._ability], -_MOST, _MOST), found[self._drift]

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Abilities and drifts, (nodes, count): solutions for observations and priors with noise of their own.

        That such solutions are draws from the posterior: Papandreou and Yuille, NIPS 2010.
        """
        size = len(self._of_ability)
        noise = rng.standard_normal((3 * size, count))
        own = noise[:size] * np.sqrt(self._of_ability)[:, None]
        drifts = noise[size : 2 * size] * np.sqrt(self._of_drift)[:, None]
        right = np.repeat(self._right[:, None], count, axis=1)
        right[self._ability] += own + noise[2 * size :] * np.sqrt(self._precision)[:, None]
        right[self._drift] += drifts
        right[self._ability] -= self._by_parent(own[1:])
        right[self._drift] -= self._by_parent(own[1:] + self._prior.inherited * drifts[1:])
        found = self._factors.solve(right)
        return found[self._ability], found[self._drift]

    def _by_parent(self, values: Floats) -> Floats:
        """Sums over the children of each node."""
        from scipy.sparse import csr_matrix

        places = (self._parents, np.arange(len(self._parents)))
        shape = len(self._of_ability), len(self._parents)
        return np.asarray(csr_matrix((np.ones(len(self._parents)), places), shape=shape) @ values)

    def _pattern(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Where the matrix has entries, and those that are off the diagonal; each pair of places stands twice."""
        step = 1 / self._prior.step**2
        carried = -self._prior.inherited / self._prior.drift_step**2
        a, g, child, parent = self._ability, self._drift, self._children, self._parents
        pairs = [
            (a, g, self._families * step),
            (a[child], a[parent], np.full(len(child), -step)),
            (a[child], g[parent], np.full(len(child), -step)),
            (g[child], g[parent], np.full(len(child), carried)),
        ]
        rows = np.concatenate([a, g, *(place for one, other, _ in pairs for place in (one, other))])
        columns = np.concatenate([a, g, *(place for one, other, _ in pairs for place in (other, one))])
        return rows, columns, np.concatenate([values for *_, values in pairs for _ in range(2)])


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
