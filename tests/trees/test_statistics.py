import sys
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trees.play import grown
from trees.records import NO_PARENT, ROOT
from trees.statistics import (
    best_belief,
    cmp_estimate,
    lower_bound,
    mean_interval,
    own_mean,
    paired_gain_interval,
    ranking,
    ratio_interval,
    smallest_detectable_gain,
    wilson,
)
from trees.tree import Tree


def siblings(*results: tuple[int, int]) -> Tree:
    """The root without a result and its children with `results` (successes, evaluations)."""
    nodes = [(ROOT, successes, evaluations - successes) for successes, evaluations in results]
    return grown([(NO_PARENT, 0, 0), *nodes], budget=8000)


# Which agent to hand over


@pytest.mark.parametrize(("successes", "evaluations", "bound"), [(5, 5, 0.464), (10, 14, 0.403), (15, 15, 0.750)])
def test_lower_bounds_are_the_known_quantiles(successes: int, evaluations: int, bound: float) -> None:
    assert lower_bound(siblings((successes, evaluations)).view())[1] == pytest.approx(bound, abs=5e-4)


def test_lower_bounds_are_quantiles_and_not_distribution_values() -> None:
    """The paper prints the latter, by which 1 of 10 beats 32 of 35."""
    low, high = lower_bound(siblings((1, 10), (32, 35)).view())[1:]
    assert low < 0.1
    assert high == pytest.approx(0.747, abs=5e-4)


def test_best_belief_wants_ten_evaluations() -> None:
    view = siblings((5, 5), (10, 14)).view()
    assert best_belief(view, minimum=5) == 1
    assert best_belief(view) == 2


def test_best_belief_is_lenient_at_one_percent() -> None:
    view = siblings((32, 35), (15, 15)).view()
    assert best_belief(view) == 2
    assert best_belief(view, quantile=0.001) == 1


def test_exactly_ten_evaluations_are_enough() -> None:
    assert best_belief(siblings((9, 9), (3, 10)).view()) == 2


def test_without_enough_evaluations_the_most_evaluated_is_the_best_belief() -> None:
    assert best_belief(siblings((3, 3), (0, 9), (9, 9), (5, 5)).view()) == 2


def test_ties_go_to_the_elder() -> None:
    assert best_belief(siblings((8, 12), (9, 12), (9, 12)).view()) == 2
    assert best_belief(siblings((1, 3), (2, 3)).view()) == 1


def test_the_best_belief_of_a_new_tree_is_the_root() -> None:
    assert best_belief(Tree(5, 5).view()) == ROOT


def test_the_seed_may_win() -> None:
    assert best_belief(grown([(NO_PARENT, 8, 4), (ROOT, 5, 7), (ROOT, 9, 0)]).view()) == ROOT


def test_ranking_puts_the_well_known_first() -> None:
    assert ranking(siblings((5, 5), (3, 12), (8, 9), (9, 12), (3, 12)).view()).tolist() == [4, 2, 5, 3, 1, 0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30), st.integers(0, 30))
def test_ranking_begins_with_the_best_belief_and_names_each_node_once(
    results: list[tuple[int, int]], minimum: int
) -> None:
    view = grown([(NO_PARENT, 0, 0)] + [(ROOT, *result) for result in results]).view()
    order = ranking(view, minimum=minimum).tolist()
    assert sorted(order) == list(range(len(view)))
    assert best_belief(view, minimum=minimum) == order[0]
    bounds = lower_bound(view).tolist()
    evaluations = (view.successes + view.failures).tolist()
    known = [node for node in order if evaluations[node] >= minimum]
    assert order[: len(known)] == known
    assert known == sorted(known, key=lambda node: (-bounds[node], node))
    assert order[len(known) :] == sorted(order[len(known) :], key=lambda node: (-evaluations[node], node))


def test_the_estimate_of_clade_metaproductivity_weighs_by_evaluations() -> None:
    view = grown([(NO_PARENT, 24, 36), (0, 4, 1), (1, 10, 0), (0, 0, 0)]).view()
    assert cmp_estimate(view)[:3].tolist() == [38 / 75, 14 / 15, 1.0]
    assert isnan(cmp_estimate(view)[3])
    assert own_mean(view)[:3].tolist() == [0.4, 0.8, 1.0]
    assert isnan(own_mean(view)[3])


def test_deciding_does_not_import_scipy() -> None:
    import subprocess

    code = "import sys, trees.policies, trees.tree, trees.statistics; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# How sure one can be


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (307, 500, 0.5706, 0.6556),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_gives_the_known_intervals(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 10_000), st.data())
def test_wilson_holds_the_share_and_stays_in_range(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n)
    assert 0 <= low <= high <= 1
    assert n == 0 or low <= successes / n <= high


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_wilson_refuses_impossible_counts(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes of"):
        wilson(successes, n)


RATES = st.sampled_from([0.0, 1 / 3, 0.5, 2 / 3, 1.0])


@settings(deadline=None)
@given(st.lists(st.tuples(RATES, RATES), min_size=1, max_size=60))
def test_the_interval_of_a_gain_holds_its_mean_and_has_a_width(pairs: list[tuple[float, float]]) -> None:
    before, after = zip(*pairs, strict=True)
    gain = paired_gain_interval(before, after)
    assert gain.mean == pytest.approx(np.mean(after) - np.mean(before))
    assert -1 <= gain.low <= gain.mean + 1e-12
    assert gain.mean - 1e-12 <= gain.high <= 1
    assert gain.high - gain.low > 0.01
    back = paired_gain_interval(after, before)
    assert (back.low, back.high) == pytest.approx((-gain.high, -gain.low))


@pytest.mark.parametrize("tasks", [8, 30, 120])
@pytest.mark.parametrize(
    ("base", "spread", "gain"), [(0.4, 0.3, 0.0), (0.4, 0.3, 0.15), (0.05, 0.05, 0.0), (0.9, 0.1, 0.05)]
)
@pytest.mark.parametrize("repeats", [1, 3])
def test_ninety_five_percent_of_intervals_hold_the_true_gain(
    tasks: int, base: float, spread: float, gain: float, repeats: int
) -> None:
    """A percentile bootstrap holds it 58 % of the time with ten tasks of which the agents pass few."""
    rng = np.random.default_rng(5)

    def rates(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        before = np.clip(rng.normal(base, spread, size), 0, 1)
        return before, np.clip(before + gain + rng.normal(0, 0.15, size), 0, 1)

    before, after = rates((10**6,))
    truth = (after - before).mean()
    held = 0
    for first, second in zip(*rates((600, tasks)), strict=True):
        low, high = paired_gain_interval(
            rng.binomial(repeats, first) / repeats, rng.binomial(repeats, second) / repeats
        )[1:]
        held += low <= truth <= high
    assert held / 600 >= 0.93


def test_the_interval_of_a_gain_is_as_worked_out_by_hand() -> None:
    """Mean 3/12, standard error sqrt((5/12 - 1/16) / 12), and t = 2.201 with 11 degrees of freedom."""
    gain = paired_gain_interval([0.0] * 10, [1.0] * 3 + [0.0] * 7)
    assert gain == pytest.approx((0.3, 0.25 - 2.201 * 0.17180, 0.25 + 2.201 * 0.17180), abs=1e-4)


def test_more_tasks_and_equal_results_narrow_the_interval() -> None:
    few, many = ([0.0, 1.0] * count for count in (10, 100))
    assert paired_gain_interval(many, many).high < paired_gain_interval(few, few).high / 5
    assert paired_gain_interval(few, few[::-1]).high > paired_gain_interval(few, few).high


@pytest.mark.parametrize(
    ("tasks", "differing", "gain"),
    [(50, 10, 0.175), (50, 15, 0.22), (100, 20, 0.13), (100, 30, 0.16), (500, 100, 0.06), (500, 150, 0.075)],
)
def test_the_smallest_detectable_gain_is_near_that_of_mcnemars_test(tasks: int, differing: int, gain: float) -> None:
    """At 80 % power, with so many tasks passed by one agent only."""
    before = [1.0] * (differing // 2) + [0.0] * (tasks - differing // 2)
    after = before[::-1]
    assert smallest_detectable_gain(before, after) == pytest.approx(gain, rel=0.12)


def test_a_gain_of_that_size_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(2)
    tasks = 150

    def sample(gain: float) -> tuple[np.ndarray, np.ndarray]:
        task = rng.uniform(0, 1 - gain, tasks)
        return rng.binomial(3, task) / 3, rng.binomial(3, task + gain) / 3

    gain = float(np.mean([smallest_detectable_gain(*sample(0.1)) for _ in range(200)]))
    found = sum(paired_gain_interval(*sample(gain)).low > 0 for _ in range(1500)) / 1500
    assert found == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ([], [], "at least one"),
        ([0.5], [0.5, 1.0], "same tasks"),
        ([1.2], [0.0], "between 0 and 1"),
        ([float("nan")], [0.0], "between"),
    ],
)
def test_unpaired_results_and_impossible_rates_are_refused(before: list, after: list, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        paired_gain_interval(before, after)
    with pytest.raises(ValueError, match=match):
        smallest_detectable_gain(before, after)


def test_the_interval_of_a_mean_over_runs_is_students() -> None:
    assert mean_interval([0.1, 0.2, 0.3]) == pytest.approx((0.2, -0.0484, 0.4484), abs=1e-4)
    with pytest.raises(ValueError, match="two values"):
        mean_interval([0.1])


# Shares of a way


def test_a_ratio_to_what_does_not_vary_has_the_interval_of_the_numerator() -> None:
    over = [0.1, 0.2, -0.1, 0.4]
    found, wanted = ratio_interval(over, [0.5] * 4), mean_interval(over)
    assert found == pytest.approx([end / 0.5 for end in wanted])


def test_at_the_ends_of_a_ratios_interval_students_test_is_undecided() -> None:
    rng = np.random.default_rng(5)
    under = rng.normal(0.1, 0.05, 30)
    over = 0.4 * under + rng.normal(0, 0.03, 30)
    found = ratio_interval(over.tolist(), under.tolist())
    assert found is not None
    assert mean_interval((over - found.low * under).tolist()).low == pytest.approx(0, abs=1e-12)
    assert mean_interval((over - found.high * under).tolist()).high == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("way", [0.1, 0.04])
def test_ninety_five_percent_of_intervals_of_a_ratio_hold_it(way: float) -> None:
    """Also where the way is short beside its spread; those without an interval are not counted."""
    rng, held = np.random.default_rng(6), list[bool]()
    for _ in range(2000):
        under = rng.normal(way, 0.1, 40)
        found = ratio_interval((0.4 * under + rng.normal(0, 0.1, 40)).tolist(), under.tolist())
        if found is not None:
            held.append(found.low <= 0.4 <= found.high)
    assert len(held) > 1000
    assert 0.93 < np.mean(held) < 0.97


@pytest.mark.parametrize("shift", [-0.2, -0.02, 0.0, 0.02, 0.2])
def test_a_ratio_to_what_may_be_nothing_is_none(shift: float) -> None:
    under = [shift + value for value in (-0.05, 0.1, 0.0, -0.05)]
    found = ratio_interval([0.1, 0.2, 0.1, 0.0], under)
    assert (found is None) == (mean_interval(under).low <= 0) == (shift < 0.2)


@pytest.mark.parametrize(("over", "under"), [([0.1], [0.2]), ([0.1, 0.2], [0.1, 0.2, 0.3])])
def test_a_ratio_needs_pairs(over: list[float], under: list[float]) -> None:
    with pytest.raises(ValueError, match="two pairs"):
        ratio_interval(over, under)
