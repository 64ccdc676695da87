"""Gaussian beliefs about two hidden numbers of every node of a tree, ability and drift, of which children inherit.

A child's ability is its parent's, plus its parent's drift, plus noise; its drift is a share of its parent's, plus
noise: Brownian motion on the tree with a trend that evolves itself, as phylogenetic comparative methods have it
(Felsenstein, The American Naturalist 125, 1985). All answers are exact. They come from one pass of messages from the
children to the root and one back (Kalman's filter and smoother on a tree), a generation of nodes at a time, in time
proportional to the nodes.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trees.records import ROOT

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed before any observation; abilities in logits."""

    root: float = 1.5
    """Standard deviation of the root's ability."""
    step: float = 0.55
    """Of what an edit does to the ability beside the drift."""
    drift: float = 0.12
    """Of the root's drift, around 0."""
    drift_step: float = 0.08
    """Of what an edit does to the drift."""
    inherited: float = 0.95
    """Share of its drift that an agent passes on."""


class Covariances(NamedTuple):
    """Of abilities and drifts; one entry per node."""

    ability: Floats
    both: Floats
    drift: Floats


class GaussianTree:
    """What is believed about all nodes after observations of their abilities."""

    def __init__(
        self, parents: NDArray[np.int32], prior: Prior, middle: float, precision: Floats, pull: Floats
    ) -> None:
        """`precision` and `pull` per node: of its observations together, and that times their mean.

        `middle` is where the root's ability is expected.
        """
        self._prior = prior
        self._shape = _shape(parents.tobytes(), parents.dtype.str)
        precisions, pulls = self._upwards(middle, precision, pull)
        scale = precisions[0] * precisions[2] - precisions[1] ** 2
        self._given_parent = np.stack([precisions[2], -precisions[1], precisions[0]]) / scale
        self._from_parent = self._handed_down(self._given_parent)
        self._means = self._downwards(_times(self._given_parent, pulls))

    def means(self) -> tuple[Floats, Floats]:
        """Of abilities and of drifts."""
        ability, drift = self._means[:, self._shape.place]
        return ability, drift

    def covariances(self) -> Covariances:
        """Of every node's ability and drift with each other."""
        found = np.empty((2, 2, self._shape.size))
        own = self._given_parent[[[0, 1], [1, 2]]]
        found[:, :, 0] = own[:, :, 0]
        for level in self._shape.levels:
            handed = self._from_parent[:, :, level.at]
            half = (handed[:, :, None] * found[None][..., level.parent]).sum(axis=1)
            found[:, :, level.at] = own[:, :, level.at] + (half[:, None] * handed[None]).sum(axis=2)
        found = found[:, :, self._shape.place]
        return Covariances(found[0, 0], found[0, 1], found[1, 1])

    def covariances_with(self, node: int, horizon: float) -> tuple[Floats, Floats]:
        """Of every ability, and of every drift, with one node's ability + `horizon` x drift."""
        shape, ends = self._shape, np.zeros((2, self._shape.size))
        place, sent = int(shape.place[node]), np.array([1.0, horizon])
        ends[:, place] = sent
        while place:
            sent = self._from_parent[:, :, place].T @ sent
            place = int(shape.parent[place])
            ends[:, place] = sent
        ability, drift = self._downwards(_times(self._given_parent, ends))[:, shape.place]
        return ability, drift

    def _upwards(self, middle: float, precision: Floats, pull: Floats) -> tuple[Floats, Floats]:
        """Per place: the precision and pull of its ability and drift by all in its clade, its own prior included.

        A precision is three rows: of the ability, of both, of the drift; a pull is two.
        """
        prior, shape = self._prior, self._shape
        step, turn, kept = 1 / prior.step**2, 1 / prior.drift_step**2, prior.inherited
        found = np.zeros((5, shape.size))
        found[0], found[3] = precision[shape.order], pull[shape.order]
        for level in reversed(shape.levels):
            here = found[:, level.at]
            here[0] += step
            here[2] += turn
            ability, both, drift, ability_pull, drift_pull = here
            scale = 1 / (ability * drift - both**2)
            a = step - step**2 * drift * scale
            b = step * turn * both * scale
            to_ability = step * scale * (drift * ability_pull - both * drift_pull)
            to_drift = turn * scale * (ability * drift_pull - both * ability_pull)
            d = turn - turn**2 * ability * scale
            told = np.array([a, a + kept * b, a + 2 * kept * b + kept**2 * d, to_ability, to_ability + kept * to_drift])
            found[:, level.parents] += np.add.reduceat(told, level.starts, axis=1)
        found[[0, 2], 0] += 1 / prior.root**2, 1 / prior.drift**2
        found[3, 0] += middle / prior.root**2
        return found[:3], found[3:]

    def _handed_down(self, given_parent: Floats) -> Floats:
        """(2, 2, places): what a parent's ability and drift add to its child's, whose own clade is known."""
        step, turn, kept = 1 / self._prior.step**2, 1 / self._prior.drift_step**2, self._prior.inherited
        ability, both, drift = given_parent
        from_ability = np.stack([step * ability, step * both])
        from_drift = from_ability + kept * turn * np.stack([both, drift])
        return np.stack([from_ability, from_drift], axis=1)

    def _downwards(self, own: Floats) -> Floats:
        """Adds to what each place has of its own what its ancestors hand down."""
        found = own.copy()
        for level in self._shape.levels:
            found[:, level.at] += (self._from_parent[:, :, level.at] * found[:, level.parent]).sum(axis=1)
        return found


class _Level(NamedTuple):
    """All nodes of one depth."""

    at: slice
    """Their places."""
    parent: NDArray[np.intp]
    """Per node, its parent's place."""
    starts: NDArray[np.intp]
    """Where children of another parent begin."""
    parents: NDArray[np.intp]
    """Places of those parents, each once."""


class _Shape(NamedTuple):
    """A tree in the order of depths, and within one of parents."""

    order: NDArray[np.intp]
    """Place -> node."""
    place: NDArray[np.intp]
    """Node -> place."""
    parent: NDArray[np.intp]
    """Place -> its parent's."""
    levels: tuple[_Level, ...]
    """From the root's children on."""

    @property
    def size(self) -> int:
        return len(self.order)


@lru_cache(maxsize=4)
def _shape(parents: bytes, kind: str) -> _Shape:
    """Most decisions look at a tree of the same shape as the one before."""
    of = np.frombuffer(parents, kind)
    depths = [0] * len(of)
    for node, parent in enumerate(of[1:].tolist(), 1):
        depths[node] = depths[parent] + 1
    depth = np.array(depths)
    order = np.lexsort((of, depth))
    place = np.argsort(order)
    parent_of = place[np.maximum(of[order], ROOT)]
    ends = np.cumsum(np.bincount(depth))
    levels = tuple(_level(slice(low, high), parent_of[low:high]) for low, high in pairwise(ends.tolist()))
    return _Shape(order, place, parent_of, levels)


def _level(at: slice, parent: NDArray[np.intp]) -> _Level:
    starts = np.flatnonzero(np.diff(parent, prepend=-1))
    return _Level(at, parent, starts, parent[starts])


def _times(symmetric: Floats, vectors: Floats) -> Floats:
    """Products of (2, 2) matrices, given as three rows, and vectors of two rows."""
    one, both, other = symmetric
    return np.array([one * vectors[0] + both * vectors[1], both * vectors[0] + other * vectors[1]])
