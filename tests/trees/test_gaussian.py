"""Beliefs by messages on a tree, against the same by dense linear algebra."""

import numpy as np
import pytest

from trees.policies.gaussian import GaussianTree, Prior
from trees.records import NO_PARENT

PRIOR = Prior(root=1.2, step=0.4, drift=0.3, drift_step=0.15, inherited=0.8)


def dense(parents: np.ndarray, middle: float, precision: np.ndarray, pull: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of ability 0, drift 0, ability 1, drift 1 and so on."""
    size = 2 * len(parents)
    matrix, right = np.zeros((size, size)), np.zeros(size)
    for node, parent in enumerate(parents):
        ability, drift = np.zeros(size), np.zeros(size)
        ability[2 * node], drift[2 * node + 1] = 1, 1
        scale = PRIOR.root, PRIOR.drift
        if parent != NO_PARENT:
            ability[[2 * parent, 2 * parent + 1]], drift[2 * parent + 1] = -1, -PRIOR.inherited
            scale = PRIOR.step, PRIOR.drift_step
        matrix += np.outer(ability, ability) / scale[0] ** 2 + np.outer(drift, drift) / scale[1] ** 2
        matrix[2 * node, 2 * node] += precision[node]
        right[2 * node] += pull[node]
    right[0] += middle / PRIOR.root**2
    covariance = np.linalg.inv(matrix)
    return covariance @ right, covariance


@pytest.mark.parametrize("kind", ["alone", "chain", "flat", "any"])
def test_it_is_exact(kind) -> None:
    rng = np.random.default_rng(5)
    size = 1 if kind == "alone" else 40
    parent = {"chain": lambda node: node - 1, "flat": lambda node: 0}.get(kind, rng.integers)
    parents = np.array([NO_PARENT, *(parent(node) for node in range(1, size))], np.int32)
    precision, pull = 3 * rng.random(size), rng.normal(size=size)
    precision[size // 2] = 0
    mean, covariance = dense(parents, 0.3, precision, pull)
    found = GaussianTree(parents, PRIOR, 0.3, precision, pull)
    for values, wanted in zip(found.means(), (mean[::2], mean[1::2]), strict=True):
        assert values == pytest.approx(wanted)
    spread = found.covariances()
    assert spread.ability == pytest.approx(covariance.diagonal()[::2])
    assert spread.both == pytest.approx(covariance[::2, 1::2].diagonal())
    assert spread.drift == pytest.approx(covariance.diagonal()[1::2])
    for node in {0, size // 3, size - 1}:
        value = covariance[2 * node] + 2.5 * covariance[2 * node + 1]
        for values, wanted in zip(found.covariances_with(node, 2.5), (value[::2], value[1::2]), strict=True):
            assert values == pytest.approx(wanted)


def test_trees_of_one_size_are_not_taken_for_each_other() -> None:
    chain, flat = np.array([NO_PARENT, 0, 1], np.int32), np.array([NO_PARENT, 0, 0], np.int32)
    nothing = np.zeros(3)
    spreads = [GaussianTree(of, PRIOR, 0.0, nothing, nothing).covariances().ability[2] for of in (chain, flat, chain)]
    assert spreads[0] == spreads[2] > spreads[1]
