"""DGM and SICA: whole agents one after the other."""

from math import exp

import numpy as np
import pytest

from hgm.errors import ConfigError
from tests.trees.play import Asked, Script, grown, play
from trees.policies import make_policy
from trees.policies.dgm import DGM
from trees.policies.sica import SICA
from trees.records import NO_PARENT, ROOT, Decision, Evaluate, Expand, Expansion, Outcome, Policy, Stop, TreeView
from trees.simulation import FAMILIES, World, simulate
from trees.statistics import wilson
from trees.tree import Tree

STAGED = [DGM(), SICA(), SICA(parent="released")]


def choose(policy: Policy, view: TreeView, *, seed: int = 0) -> Decision:
    return policy.choose(view, np.random.default_rng(seed))


def evaluate(tree: Tree, node: int, passed: int, failed: int) -> None:
    """On the next tasks in order."""
    first = int(tree.view().seen[node].sum())
    for task, outcome in enumerate([Outcome.PASSED] * passed + [Outcome.FAILED] * failed, first):
        tree.start_evaluation(node, task)
        tree.finish_evaluation(node, task, outcome)


# When


@pytest.mark.parametrize("policy", STAGED, ids=repr)
@pytest.mark.parametrize("workers", [1, 7])
def test_the_root_comes_first_on_all_tasks_in_their_order(policy: Policy, workers: int) -> None:
    events = play(policy, Tree(20, 200), Script(rejected=0, unmeasured=0, workers=workers))
    asked = [event.decision for event in events if isinstance(event, Asked)]
    assert asked[:21] == [Evaluate(ROOT, task) for task in range(20)] + [Expand(ROOT)]


@pytest.mark.parametrize("policy", STAGED, ids=repr)
def test_nothing_is_expanded_while_results_of_the_root_run(policy: Policy) -> None:
    tree = grown([(NO_PARENT, 2, 2)], tasks=5)
    tree.start_evaluation(ROOT, 4)
    assert isinstance(choose(policy, tree.view()), Stop)
    tree.finish_evaluation(ROOT, 4, Outcome.UNMEASURED)
    assert choose(policy, tree.view()) == Evaluate(ROOT, 4)


@pytest.mark.parametrize(("at_once", "expected"), [(1, Stop), (2, Expand)])
def test_so_many_children_are_made_or_measured_at_once(at_once: int, expected: type[Decision]) -> None:
    tree = grown([(NO_PARENT, 3, 2)], tasks=5)
    policy = SICA(at_once=at_once)
    tree.start_expansion(ROOT)
    assert isinstance(choose(policy, tree.view()), expected)
    tree.finish_expansion(ROOT, Expansion.CHILD)
    for task in range(5):
        assert choose(policy, tree.view()) == Evaluate(1, task)
        tree.start_evaluation(1, task)
    assert isinstance(choose(policy, tree.view()), expected)
    tree.finish_evaluation(1, 0, Outcome.FAILED)
    assert isinstance(choose(policy, tree.view()), expected)


def test_all_workers_measure_the_eldest_child_that_lacks_results() -> None:
    tree = grown([(NO_PARENT, 10, 10), (ROOT, 3, 2), (ROOT, 0, 0)], tasks=20)
    for task in range(5, 10):
        assert choose(DGM(), tree.view()) == Evaluate(1, task)
        tree.start_evaluation(1, task)
    assert choose(DGM(), tree.view()) == Evaluate(2, 0)


def test_after_five_rejections_a_stopped_agent_is_measured_further_and_to_the_end() -> None:
    tree = grown([(NO_PARENT, 10, 5), (ROOT, 2, 8), (ROOT, 3, 7)], tasks=15)
    for _ in range(5):
        decision = choose(DGM(), tree.view())
        assert isinstance(decision, Expand)
        tree.start_expansion(decision.node)
        tree.finish_expansion(decision.node, Expansion.REJECTED)
    for task in range(10, 15):
        assert choose(DGM(), tree.view()) == Evaluate(2, task)
        evaluate(tree, 2, 0, 1)
    assert isinstance(choose(DGM(), tree.view()), Expand)


# How many tasks


@pytest.mark.parametrize(("passed", "failed", "given"), [(4, 6, 10), (5, 5, 30), (0, 0, 10), (5, 4, 10)])
def test_dgm_gives_more_tasks_above_forty_percent_of_the_first_ten(passed: int, failed: int, given: int) -> None:
    view = grown([(NO_PARENT, 20, 10), (ROOT, passed, failed)], tasks=30).view()
    assert DGM().wanted(view).tolist() == [30, given]


def test_dgm_ends_a_stage_that_it_began_whatever_comes() -> None:
    view = grown([(NO_PARENT, 20, 10), (ROOT, 5, 15)], tasks=30).view()
    assert DGM().wanted(view).tolist() == [30, 30]


def test_dgm_counts_a_stage_as_over_when_its_results_are_there() -> None:
    tree = grown([(NO_PARENT, 20, 10), (ROOT, 9, 0)], tasks=30)
    tree.start_evaluation(1, 9)
    assert DGM().wanted(tree.view())[1] == 10
    tree.finish_evaluation(1, 9, Outcome.FAILED)
    assert DGM().wanted(tree.view())[1] == 30


@pytest.mark.parametrize(
    ("full", "bar"),
    [
        ([], 0.5),  # the root counts twice
        ([8], 0.5),
        ([8, 7], 0.7),
        ([3, 4], 0.5),
        ([9, 6, 8], 0.8),
    ],
)
def test_dgm_gives_the_third_stage_above_the_second_best_of_the_fully_evaluated(full: list[int], bar: float) -> None:
    policy = DGM(first_stage=2, second_stage=10)
    nodes = [(NO_PARENT, 10, 10)] + [(ROOT, 2 * passed, 20 - 2 * passed) for passed in full]
    for passed in range(3, 11):
        view = grown([*nodes, (ROOT, passed, 10 - passed), (ROOT, 20, 0)], tasks=20).view()
        assert policy.wanted(view)[len(nodes)] == (20 if passed / 10 > bar else 10)


def test_sica_gives_all_tasks() -> None:
    view = grown([(NO_PARENT, 5, 5), (ROOT, 0, 9)], tasks=10).view()
    assert SICA().wanted(view).tolist() == [10, 10]
    assert choose(SICA(), view) == Evaluate(1, 9)


# Which parent


def test_dgm_draws_parents_by_score_and_number_of_children() -> None:
    view = grown([(NO_PARENT, 8, 12), (ROOT, 12, 8), (ROOT, 10, 10), (1, 4, 6), (1, 0, 10)], tasks=20).view()
    weights = [
        1 / (1 + exp(-10 * (mean - 0.5))) / (1 + children)
        for mean, children in [(0.4, 2), (0.6, 2), (0.5, 0), (0.4, 0), (0, 0)]
    ]
    nodes = [choose(DGM(), view, seed=seed).node for seed in range(4000)]
    shares = np.bincount(nodes, minlength=5) / 4000
    assert shares == pytest.approx(np.array(weights) / sum(weights), abs=0.03)


def test_dgm_takes_no_parent_that_passed_everything_unless_all_did() -> None:
    some = grown([(NO_PARENT, 10, 0), (ROOT, 4, 6)], tasks=10).view()
    assert {choose(DGM(), some, seed=seed).node for seed in range(50)} == {1}
    assert {choose(DGM(), grown([(NO_PARENT, 10, 0)], tasks=10).view(), seed=seed).node for seed in range(5)} == {ROOT}


@pytest.mark.parametrize("policy", STAGED, ids=repr)
def test_an_agent_whose_results_are_not_in_is_no_parent(policy: Policy) -> None:
    tree = grown([(NO_PARENT, 5, 5), (ROOT, 9, 0), (ROOT, 0, 0)], tasks=10)
    tree.start_evaluation(1, 9)
    for task in range(10):
        tree.start_evaluation(2, task)
        tree.finish_evaluation(2, task, Outcome.UNMEASURED, give_up=True)
    two = type(policy)(**{**vars(policy), "at_once": 2})
    assert {choose(two, tree.view(), seed=seed).node for seed in range(50)} == {ROOT}


def test_sica_improves_the_best_and_the_elder_of_equals() -> None:
    view = grown([(NO_PARENT, 3, 7), (ROOT, 6, 4), (1, 5, 5), (1, 6, 4)], tasks=10).view()
    assert choose(SICA(), view) == Expand(1)


@pytest.mark.parametrize(("latest", "parent"), [(4, 3), (3, 2)])
def test_as_released_sica_improves_the_most_recent_that_may_be_as_good(latest: int, parent: int) -> None:
    """7 of 10 leave 0.397 likely."""
    assert 0.3 < wilson(7, 10).low < 0.4
    view = grown([(NO_PARENT, 3, 7), (ROOT, 7, 3), (1, 4, 6), (1, latest, 10 - latest)], tasks=10).view()
    assert choose(SICA(parent="released"), view) == Expand(parent)


def test_as_released_sica_improves_the_best_if_none_younger_may_be_as_good() -> None:
    view = grown([(NO_PARENT, 6, 4), (ROOT, 1, 9), (ROOT, 0, 10)], tasks=10).view()
    assert choose(SICA(parent="released"), view) == Expand(ROOT)


# Whom it hands over


@pytest.mark.parametrize("policy", STAGED, ids=repr)
def test_hands_over_the_best_mean_of_those_that_saw_all_tasks(policy: Policy) -> None:
    view = grown([(NO_PARENT, 8, 12), (ROOT, 9, 11), (ROOT, 10, 0), (ROOT, 9, 11), (ROOT, 0, 0)], tasks=20).view()
    assert policy.ranking(view).tolist() == [1, 3, 0, 2, 4]


# Forecasts


@pytest.mark.parametrize("name", ["dgm", "sica", "hgm", "hgm_released"])
@pytest.mark.parametrize("budget", [200, 800])
def test_forecasts_about_as_many_expansions_as_there_are(name: str, budget: int) -> None:
    policy = make_policy(name)
    worlds = [World(FAMILIES["independent"], seed) for seed in range(5)]
    made = [simulate(policy, world, evaluations=budget, seed=0).expansions for world in worlds]
    assert policy.expected_expansions(budget, 60) == pytest.approx(np.mean(made), rel=0.5)


@pytest.mark.parametrize("name", ["dgm", "sica", "hgm_released"])
def test_forecasts_no_expansion_where_the_root_takes_everything(name: str) -> None:
    assert make_policy(name).opening(60) == 60
    assert make_policy(name).expected_expansions(60, 60) == 0


# Options


@pytest.mark.parametrize(
    ("option", "value"),
    [("at_once", 0), ("first_stage", 0), ("first_stage", 2.0), ("second_stage", 9), ("second_stage", None)]
    + [("threshold", value) for value in (-0.1, 1.1, "0.4", True)]
    + [("slope", value) for value in (-1, float("nan"), None)]
    + [("max_rejections_in_row", 0)],
)
def test_dgm_refuses_a_wrong_value_with_its_option(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"policy dgm: {option} must be"):
        make_policy("dgm", **{option: value})


@pytest.mark.parametrize(("option", "value"), [("parent", "newest"), ("parent", None), ("parent", ["best"])])
def test_sica_refuses_a_wrong_value_with_its_option(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"policy sica: parent must be one of best, released, not"):
        make_policy("sica", **{option: value})
