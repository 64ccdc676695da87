from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trees.bootstrap import mean_difference, mean_gain, runs_differ
from trees.statistics import pass_at_k

SETS = 200


def gains(
    rng: np.random.Generator, sizes: list[int], *, runs: int, spread: tuple[float, float, float], repeats: int = 3
) -> tuple[NDArray[np.float64], list[int]]:
    """Runs of no gain on average, with so much difference between runs, clusters and single cells."""
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    of_run, of_cluster, of_cell = spread
    true = 0.5 + rng.normal(0, of_run, (runs, 1)) + rng.normal(0, of_cluster, len(sizes))[clusters]
    true = np.clip(true + rng.normal(0, of_cell, (runs, len(clusters))), 0, 1)
    found = (rng.binomial(repeats, true) - rng.binomial(repeats, 0.5, true.shape)) / repeats
    return found, clusters.tolist()


@pytest.mark.parametrize("runs", [5, 10])
@pytest.mark.parametrize(
    ("sizes", "spread"),
    [
        ([1] * 24, (0.1, 0.0, 0.1)),
        ([1] * 24, (0.02, 0.2, 0.05)),
        ([1] * 60, (0.1, 0.1, 0.1)),
        ([3, 9, 14, 2, 8, 12], (0.03, 0.15, 0.1)),
    ],
    ids=["runs differ", "tasks differ", "both differ", "few repositories"],
)
def test_ninety_five_percent_of_intervals_over_runs_hold_the_true_gain(
    runs: int, sizes: list[int], spread: tuple[float, float, float]
) -> None:
    """resampling runs alone holds 66 % of those with few repositories."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(SETS):
        found, clusters = gains(rng, sizes, runs=runs, spread=spread)
        gain = mean_gain(found.tolist(), clusters)
        held += gain.low <= 0 <= gain.high
    assert held / SETS >= 0.92


@pytest.mark.parametrize("runs", [(5, 5), (5, 10), (10, 3)])
def test_ninety_five_percent_of_differences_between_arms_hold_the_truth(runs: tuple[int, int]) -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(SETS):
        one, clusters = gains(rng, [1] * 24, runs=runs[0], spread=(0.1, 0.0, 0.1))
        other, _ = gains(rng, [1] * 24, runs=runs[1], spread=(0.05, 0.0, 0.1))
        shared = rng.normal(0, 0.2, 24)  # tasks on which any search gains
        difference = mean_difference((one + shared).tolist(), (other + shared).tolist(), clusters)
        held += difference.low <= 0 <= difference.high
    assert held / SETS >= 0.92


def test_the_interval_is_near_what_formulas_say() -> None:
    """Runs at -0.1, 0 and 0.1 on tasks that do not differ: Student's t of three runs, 4.303 * 0.1 / sqrt(3)."""
    gain = mean_gain([[-0.1] * 4, [0.0] * 4, [0.1] * 4], range(4))
    assert gain == pytest.approx((0.0, -0.2484, 0.2484), rel=0.03, abs=1e-9)
    gain = mean_gain([[shift - 0.1, shift, shift + 0.1] for shift in (-1e-4, 0.0, 1e-4)], range(3))
    assert gain == pytest.approx((0.0, -0.2484, 0.2484), rel=0.03, abs=1e-9)


CELLS = st.lists(st.lists(st.sampled_from([-1.0, -1 / 3, 0.0, 1 / 3, 1.0]), min_size=6, max_size=6), min_size=3)


@settings(deadline=None, max_examples=40)
@given(CELLS, st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(lambda found: len(set(found)) > 1))
def test_the_interval_holds_its_mean_and_is_the_same_each_time(found: list[list[float]], clusters: list[int]) -> None:
    assume(runs_differ(found))
    gain = mean_gain(found, clusters)
    assert gain.mean == pytest.approx(np.mean(found))
    assert gain.low <= gain.mean <= gain.high
    assert mean_gain(found, clusters) == gain
    assert mean_difference(found, found, clusters).mean == 0
    turned = mean_gain([[-cell for cell in row] for row in found], clusters)
    assert (turned.low, turned.high) == pytest.approx((-gain.high, -gain.low))


@pytest.mark.parametrize("row", [[0.0] * 5, [0.25] * 5, [0.1, 0.2, 0.3, 0.7, -0.4]])
def test_runs_that_gained_the_same_say_nothing_for_sure(row: list[float]) -> None:
    """Be it on each task or over all, up to rounding; and neither does what is set beside them."""
    apart = [[0.0] * 5, [0.1] * 5, [0.2] * 5]
    equal = [row, row[::-1], row[2:] + row[:2]]
    assert not runs_differ(equal)
    assert runs_differ(apart)
    with pytest.raises(ValueError, match="gained the same"):
        mean_gain(equal, range(5))
    for one, other in ((equal, equal), (equal, apart), (apart, equal)):
        with pytest.raises(ValueError, match="gained the same"):
            mean_difference(one, other, range(5))


def test_tasks_that_fall_together_are_not_counted_as_many() -> None:
    found = np.random.default_rng(3).normal(0, 0.2, (5, 6)).repeat(4, axis=1).tolist()
    alone, together = mean_gain(found, range(24)), mean_gain(found, np.arange(6).repeat(4).tolist())
    assert together.high - together.low > 1.15 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("found", "clusters", "match"),
    [
        ([[0.0, 0.0]] * 2, [0, 1], "3 runs"),
        ([[0.0, 0.0], [0.1, 0.1], [0.1, 0.0]], [0, 0], "two clusters"),
        ([[0.0, 0.0]] * 3, [0, 1, 2], "same tasks"),
        ([[0.0, 0.0], [0.0, 0.0], [0.0]], [0, 1], "same tasks"),
    ],
)
def test_what_no_interval_can_be_given_for_is_refused(
    found: list[list[float]], clusters: list[int], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        mean_gain(found, clusters)


# Attempts


@pytest.mark.parametrize(
    ("n", "passed", "k", "share"), [(3, 1, 1, 1 / 3), (3, 1, 2, 2 / 3), (5, 2, 3, 0.9), (4, 0, 4, 0), (4, 1, 4, 1)]
)
def test_pass_at_k_is_as_worked_out_by_hand(n: int, passed: int, k: int, share: float) -> None:
    """5 attempts of which 2 pass: of the 10 ways to draw 3, one has none of them."""
    assert pass_at_k(n, passed, k) == pytest.approx(share)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_draws_that_hold_a_pass(n: int, data: st.DataObject) -> None:
    passed, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = [any(drawn) for drawn in combinations([True] * passed + [False] * (n - passed), k)]
    assert pass_at_k(n, passed, k) == pytest.approx(sum(draws) / len(draws))


@pytest.mark.parametrize(("n", "passed", "k"), [(3, 1, 4), (3, 4, 1), (3, 1, 0), (0, 0, 1)])
def test_pass_at_k_of_too_few_attempts_is_refused(n: int, passed: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k}"):
        pass_at_k(n, passed, k)
