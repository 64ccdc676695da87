import dataclasses
import random
from math import floor, inf, nan

import numpy as np
import pytest

from hgm.errors import ConfigError
from tests.contracts.policy import PolicyContract
from tests.trees.play import Asked, Script, Told, finish, grown, play, start
from trees.policies import POLICIES, make_policy
from trees.policies.flat_children import FlatChildren
from trees.policies.greedy import Greedy
from trees.policies.hgm import HGM
from trees.policies.random import Random
from trees.policies.schedule import Scheduled
from trees.records import NO_PARENT, ROOT, Decision, Evaluate, Expand, Expansion, Outcome, Policy, Stop, TreeView
from trees.tree import Tree

SCHEDULED = [name for name in POLICIES if issubclass(POLICIES[name], Scheduled)]


class TestContract(PolicyContract):
    @pytest.fixture(params=[name for name in POLICIES if name != "hgm_released"])
    def policy(self, request: pytest.FixtureRequest) -> Policy:
        return make_policy(request.param)


class TestContractInStages(PolicyContract):
    """On so few tasks, stages of their own."""

    @pytest.fixture
    def policy(self) -> Policy:
        return make_policy("dgm", first_stage=2, second_stage=4)


class TestContractOfSICAAsReleased(PolicyContract):
    @pytest.fixture
    def policy(self) -> Policy:
        return make_policy("sica", parent="released")


class TestContractOfHGMAsReleased(PolicyContract):
    seeds = (0, 1, 3, 4, 5)
    growing = 4

    @pytest.fixture
    def policy(self) -> Policy:
        return make_policy("hgm_released")

    def test_a_root_that_solves_nothing_is_expanded(self, policy: Policy) -> None:
        """It is not: the code raises, and a policy can only stop."""
        tree = grown([(NO_PARENT, 0, 6)], tasks=6, budget=60)
        assert "passed none" in choose(policy, tree.view()).reason


class TestContractAsPublished(PolicyContract):
    """Nothing before the first expansions."""

    @pytest.fixture(params=SCHEDULED)
    def policy(self, request: pytest.FixtureRequest) -> Policy:
        return make_policy(request.param, root_evaluations=0)


def choose(policy: Policy, view: TreeView, *, seed: int = 0) -> Decision:
    return policy.choose(view, np.random.default_rng(seed))


def choices(policy: Policy, view: TreeView, *, times: int = 4000) -> np.ndarray:
    """How often each node is chosen."""
    nodes = [choose(policy, view, seed=seed).node for seed in range(times)]
    return np.bincount(nodes, minlength=len(view)) / times


def first_decisions(policy: Policy, count: int, script: Script) -> list[Decision]:
    events = play(policy, Tree(60, 800), script)
    decisions = (event.decision for event in events if isinstance(event, Asked))
    return [next(decisions) for _ in range(count)]


# The schedule that most policies share


@pytest.mark.parametrize("name", SCHEDULED)
@pytest.mark.parametrize("workers", [1, 12])
def test_the_root_is_evaluated_five_times_then_expanded_five_times(name: str, workers: int) -> None:
    script = Script(rejected=0.5, unmeasured=0, workers=workers)
    decisions = first_decisions(make_policy(name), 10, script)
    assert all(isinstance(decision, Evaluate) and decision.node == ROOT for decision in decisions[:5])
    assert len({decision.task for decision in decisions[:5]}) == 5
    assert decisions[5:] == [Expand(ROOT)] * 5


@pytest.mark.parametrize("name", SCHEDULED)
def test_as_published_the_first_five_decisions_expand_the_root(name: str) -> None:
    assert first_decisions(make_policy(name, root_evaluations=0), 5, Script(workers=8)) == [Expand(ROOT)] * 5


def test_rejected_ones_are_among_the_five_expansions() -> None:
    tree = grown([(NO_PARENT, 3, 2)])
    for expansion in (Expansion.REJECTED, Expansion.UNMEASURED, Expansion.REJECTED, Expansion.CHILD):
        tree.start_expansion(ROOT)
        tree.finish_expansion(ROOT, expansion)
        assert choose(HGM(), evaluating(tree.view())) == Expand(ROOT)
    tree.start_expansion(ROOT)
    assert isinstance(choose(HGM(), evaluating(tree.view())), Evaluate)


def test_an_unmeasured_evaluation_of_the_root_is_made_up_for() -> None:
    tree = grown([(NO_PARENT, 2, 2)])
    tree.start_evaluation(ROOT, 9)
    assert choose(HGM(), tree.view()) == Expand(ROOT)
    tree.finish_evaluation(ROOT, 9, Outcome.UNMEASURED)
    assert isinstance(choose(HGM(), tree.view()), Evaluate)


@pytest.mark.parametrize("name", SCHEDULED)
@pytest.mark.parametrize("workers", [2, 5, 8, 64])
def test_however_many_workers_the_first_expansion_knows_results_of_the_root(name: str, workers: int) -> None:
    for seed in range(10):
        tree = Tree(60, 800)
        for event in play(make_policy(name), tree, Script(seed=seed, unmeasured=0.2, workers=workers)):
            if isinstance(event, Asked) and isinstance(event.decision, Expand):
                break
        view = tree.view()
        assert view.successes[ROOT] + view.failures[ROOT] >= 3


def test_a_wait_for_the_root_ends_when_nothing_of_it_runs() -> None:
    tree = Tree(2, 800)
    for task in (0, 1):
        tree.start_evaluation(ROOT, task)
    assert isinstance(choose(HGM(), tree.view()), Stop)
    tree.finish_evaluation(ROOT, 0, Outcome.PASSED)
    assert isinstance(choose(HGM(), tree.view()), Stop)
    tree.finish_evaluation(ROOT, 1, Outcome.UNMEASURED, give_up=True)
    assert choose(HGM(), tree.view()) == Expand(ROOT)


@pytest.mark.parametrize("policy", [HGM(), Greedy(), Random(), FlatChildren()])
@pytest.mark.parametrize(("evaluations", "size"), [(32, 8), (243, 27), (1024, 64), (3125, 125), (7776, 216), (800, 55)])
def test_expands_iff_evaluations_to_the_alpha_reach_the_size(policy: Policy, evaluations: int, size: int) -> None:
    """N^0.6 is a whole number for fifth powers, and a little less in floating point; 800^0.6 is 55.2."""
    nodes = [(NO_PARENT, 3, 2)] + [(ROOT, 0, 0)] * 5
    view = dataclasses.replace(grown(nodes).view(), evaluations=evaluations)
    assert isinstance(choose(policy, dataclasses.replace(view, pending_expansions=size - 6)), Expand)
    assert isinstance(choose(policy, dataclasses.replace(view, pending_expansions=size - 5)), Evaluate)


def test_the_tree_keeps_pace_with_the_rule() -> None:
    tree = Tree(60, 300)
    for event in play(HGM(), tree, Script(rejected=0, unmeasured=0)):
        view = tree.view()
        if isinstance(event, Asked) and isinstance(event.decision, Evaluate) and view.expansions[ROOT] >= 5:
            assert len(tree) >= floor((view.evaluations - 1) ** 0.6)
    assert len(tree) == floor(299**0.6) + 1


def test_rejected_expansions_give_way_to_an_evaluation() -> None:
    policy = HGM(max_rejections_in_row=3)
    tree = grown([(NO_PARENT, 10, 20)])
    for _ in range(3):
        assert choose(policy, tree.view()) == Expand(ROOT)
        tree.start_expansion(ROOT)
        tree.finish_expansion(ROOT, Expansion.REJECTED)
    decision = choose(policy, tree.view())
    assert isinstance(decision, Evaluate)
    tree.start_evaluation(decision.node, decision.task)
    assert choose(policy, tree.view()) == Expand(ROOT)


def test_without_unseen_tasks_it_expands_and_at_last_stops() -> None:
    tree = grown([(NO_PARENT, 1, 1)] + [(ROOT, 1, 1)] * 5, tasks=2)
    assert isinstance(choose(HGM(), tree.view()), Expand)
    for _ in range(5):
        tree.start_expansion(ROOT)
        tree.finish_expansion(ROOT, Expansion.REJECTED)
    decision = choose(HGM(), tree.view())
    assert isinstance(decision, Stop)
    assert "5 expansions in a row" in decision.reason


def test_the_task_is_drawn_uniformly_from_the_unseen_ones() -> None:
    view = grown([(NO_PARENT, 2, 2)], tasks=8).view()
    tasks = [choose(HGM(), view, seed=seed).task for seed in range(4000)]
    shares = np.bincount(tasks, minlength=8) / 4000
    assert shares[:4].tolist() == [0] * 4
    assert shares[4:] == pytest.approx([0.25] * 4, abs=0.03)


# Which node


def expanding(view: TreeView) -> TreeView:
    return dataclasses.replace(view, evaluations=10_000)


def evaluating(view: TreeView) -> TreeView:
    return dataclasses.replace(view, evaluations=0)


LINEAGES = [(NO_PARENT, 3, 9), (ROOT, 1, 5), (1, 6, 1), (ROOT, 4, 3), (ROOT, 0, 0)]
"""A poor child with a fine child of its own, a fair child and one that nobody has measured."""


def thompson(counts: list[tuple[int, int]], tau: float, *, times: int = 20_000) -> list[float]:
    """How often each node has the largest draw, by the standard library's generator."""
    draw = random.Random(1)
    wins = [0] * len(counts)
    for _ in range(times):
        draws = [draw.betavariate(tau * (1 + s), tau * (1 + f)) for s, f in counts]
        wins[draws.index(max(draws))] += 1
    return [count / times for count in wins]


@pytest.mark.parametrize(("spent", "temperature", "tau"), [(0.0, True, 1), (0.75, True, 4), (0.75, False, 1)])
def test_hgm_expands_by_draws_on_clade_counts(spent: float, temperature: bool, tau: float) -> None:
    view = dataclasses.replace(expanding(grown(LINEAGES).view()), spent=spent)
    policy = HGM(initial_expansions=0, temperature=temperature)
    expected = thompson([(14, 18), (7, 6), (6, 1), (4, 3), (0, 0)], tau)
    assert choices(policy, view) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("spent", "temperature", "tau"), [(0.0, True, 1), (0.75, True, 4), (0.75, False, 1)])
def test_hgm_evaluates_by_draws_on_own_counts(spent: float, temperature: bool, tau: float) -> None:
    view = dataclasses.replace(evaluating(grown(LINEAGES).view()), spent=spent)
    policy = HGM(initial_expansions=0, temperature=temperature)
    expected = thompson([(3, 9), (1, 5), (6, 1), (4, 3), (0, 0)], tau)
    assert choices(policy, view) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("spent", [1.0, 1 - 1e-12])
def test_with_nothing_left_hgm_takes_the_best_mean(spent: float) -> None:
    view = dataclasses.replace(grown(LINEAGES).view(), spent=spent)
    policy = HGM(initial_expansions=0)
    assert choices(policy, evaluating(view), times=50)[2] == 1
    assert choices(policy, expanding(view), times=50)[2] == 1


def test_hgm_passes_over_nodes_without_unseen_tasks() -> None:
    view = evaluating(grown([(NO_PARENT, 1, 4), (ROOT, 5, 0), (ROOT, 2, 2)], tasks=5).view())
    assert choices(HGM(initial_expansions=0), view, times=50)[2] == 1


def test_flat_children_expands_the_root_alone() -> None:
    tree = Tree(20, 120)
    for _ in play(FlatChildren(), tree, Script(workers=3)):
        pass
    assert len(tree) > 10
    assert set(tree.view().parent[1:].tolist()) == {ROOT}


def test_flat_children_evaluates_as_hgm_does() -> None:
    view = evaluating(grown(LINEAGES).view())
    for seed in range(50):
        assert choose(FlatChildren(initial_expansions=0), view, seed=seed) == choose(
            HGM(initial_expansions=0), view, seed=seed
        )


def test_greedy_takes_the_best_own_mean_and_the_elder() -> None:
    view = grown([(NO_PARENT, 3, 9), (ROOT, 1, 1), (ROOT, 4, 4), (1, 0, 2)]).view()
    policy = Greedy(initial_expansions=0)
    assert choose(policy, expanding(view)) == Expand(1)
    assert choose(policy, evaluating(view)).node == 1


def test_greedy_measures_a_new_node_first_and_does_not_expand_it_unmeasured() -> None:
    tree = grown([(NO_PARENT, 0, 9), (ROOT, 0, 0), (ROOT, 0, 0)])
    policy = Greedy(initial_expansions=0)
    assert choose(policy, expanding(tree.view())) == Expand(ROOT)
    assert choose(policy, evaluating(tree.view())).node == 1
    tree.start_evaluation(1, 0)
    assert choose(policy, evaluating(tree.view())).node == 2


def test_random_takes_any_node() -> None:
    view = grown([(NO_PARENT, 0, 9), (ROOT, 5, 0), (ROOT, 0, 60), (2, 0, 0)]).view()
    policy = Random(initial_expansions=0)
    assert choices(policy, expanding(view)) == pytest.approx([0.25] * 4, abs=0.03)
    assert choices(policy, evaluating(view)) == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3], abs=0.03)


class Given:
    """A generator that draws what it is told, and tells what it was asked for."""

    def __init__(self, draws: list[float]) -> None:
        self.draws = draws
        self.asked: list[tuple[float, float]] = []

    def beta(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        self.asked += zip(a.tolist(), b.tolist(), strict=True)
        return np.array(self.draws)

    def integers(self, count: int) -> int:
        return 0


BY_HAND = [
    # draws, tau, (1 + successes, 1 + failures) of each node, the decision, what it ends as
    ([], 1.0, [], Evaluate(0, 0), Outcome.PASSED),
    ([], 1.0, [], Evaluate(0, 1), Outcome.FAILED),
    ([], 1.0, [], Expand(0), Expansion.CHILD),
    # 2^0.6 = 1.5 and 3^0.6 = 1.9 are below 2 nodes: own results
    ([0.3, 0.9], 10 / 8, [(2, 2), (1, 1)], Evaluate(1, 0), Outcome.PASSED),
    ([0.2, 0.8], 10 / 7, [(2, 2), (2, 1)], Evaluate(1, 1), Outcome.PASSED),
    # 4^0.6 = 2.3: results of the clade
    ([0.9, 0.5], 10 / 6, [(4, 2), (3, 1)], Expand(0), Expansion.CHILD),
    # 2.3, 5^0.6 = 2.6 and 6^0.6 = 2.9 are below 3 nodes
    ([0.1, 0.2, 0.3], 10 / 6, [(2, 2), (3, 1), (1, 1)], Evaluate(2, 0), Outcome.FAILED),
    ([0.1, 0.9, 0.3], 10 / 5, [(2, 2), (3, 1), (1, 2)], Evaluate(1, 2), Outcome.FAILED),
    ([0.1, 0.2, 0.9], 10 / 4, [(2, 2), (3, 2), (1, 2)], Evaluate(2, 1), Outcome.PASSED),
    # 7^0.6 = 3.2
    ([0.4, 0.5, 0.6], 10 / 3, [(5, 4), (3, 2), (2, 2)], Expand(2), Expansion.CHILD),
    # 3.2 and 8^0.6 = 3.5 are below 4 nodes; the child of node 2 fails, and so does node 2 once more
    ([0.1, 0.2, 0.3, 0.4], 10 / 3, [(2, 2), (3, 2), (2, 2), (1, 1)], Evaluate(3, 0), Outcome.FAILED),
    ([0.1, 0.2, 0.4, 0.3], 10 / 2, [(2, 2), (3, 2), (2, 2), (1, 2)], Evaluate(2, 2), Outcome.FAILED),
    # 9^0.6 = 3.7; one evaluation is left
    ([0.9, 0.2, 0.4, 0.3], 10 / 1, [(2, 2), (3, 2), (2, 3), (1, 2)], Evaluate(0, 2), Outcome.PASSED),
]


def test_hgm_decides_as_worked_out_by_hand() -> None:
    tree = Tree(4, 10)
    policy = HGM(root_evaluations=2, initial_expansions=1)
    for job, (draws, tau, beliefs, decision, result) in enumerate(BY_HAND):
        rng = Given(draws)
        assert policy.choose(tree.view(), rng) == decision, job
        assert rng.asked == [pytest.approx((tau * a, tau * b)) for a, b in beliefs], job
        start(tree, decision)
        finish(tree, Told(job, decision, result, give_up=False))
    assert tree.view().spent == 1


# Policies by name


@pytest.mark.parametrize("name", SCHEDULED)
def test_made_policies_know_their_name_and_options(name: str) -> None:
    policy = make_policy(name, alpha=0.5, root_evaluations=0)
    assert policy.name == name
    assert (policy.alpha, policy.root_evaluations) == (0.5, 0)


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'hmg'.*hgm, greedy, random, flat_children"):
        make_policy("hmg")


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'temperature'; it has: root_evaluations, initial_expansions"):
        make_policy("greedy", temperature=True)
    with pytest.raises(ConfigError, match="policy hgm has no option 'name'"):
        make_policy("hgm", name=True)


@pytest.mark.parametrize(
    ("option", "value"),
    [("alpha", value) for value in (0, -0.1, 1.01, nan, inf, "0.6", True, None)]
    + [("root_evaluations", value) for value in (-1, 2.0, "5", False)]
    + [("initial_expansions", value) for value in (-1, 5.5)]
    + [("max_rejections_in_row", value) for value in (0, -3, None)]
    + [("temperature", value) for value in (1, "yes", None)],
)
def test_a_wrong_value_is_refused_with_its_option(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"policy hgm: {option} must be"):
        make_policy("hgm", **{option: value})
