"""What the policy `lineage` decides by, and what it decides."""

import dataclasses

import numpy as np
import pytest

from tests.trees.play import grown
from trees.policies import gaussian, make_policy
from trees.policies.gaussian import GaussianTree
from trees.policies.inheritance import Belief
from trees.policies.knowledge_gradient import Means, worth
from trees.records import NO_PARENT, ROOT, Evaluate, Expand, Expansion, Outcome, TreeView
from trees.simulation import Landscape, World, simulate

PRIOR = gaussian.Prior(root=1.0, step=0.5, drift=0.3, drift_step=0.2, inherited=0.9)
PARENTS = np.array([NO_PARENT, 0, 0, 1, 1], np.int32)
PRECISION = np.array([3.0, 1.5, 0.5, 1.0, 0.2])
PULL = np.array([0.0, 0.9, -0.3, 0.7, 0.1])
HORIZON, TELLS = 2.0, 0.22
LOOKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)


def of(parents: np.ndarray, precision: np.ndarray, pull: np.ndarray) -> GaussianTree:
    return GaussianTree(parents, PRIOR, 0.0, precision, pull)


def belief(broken: list[float] | None = None) -> Belief:
    tree = of(PARENTS, PRECISION, PULL)
    ability, drift = tree.means()
    dead = np.array(broken or [0.0] * 5)
    return Belief(
        ability=ability, drift=drift, broken=dead, broken_child=0.1 + dead / 2, difficulty=np.zeros(60), gaussian=tree
    )


def means(**changes: object) -> Means:
    plain = Means(
        horizon=HORIZON,
        results=np.full(5, 4, np.int32),
        pending=np.zeros(5, np.int32),
        unseen=np.full(5, 60),
        child=np.full(5, 0.8),
        expansion_cost=5.0,
        left=1000.0,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def ahead(tree: GaussianTree, one: int, other: int) -> tuple[float, float]:
    """Mean and variance of one agent's value less another's."""
    ability, drift = tree.means()
    values = ability + HORIZON * drift
    variance = 0.0
    for node, sign in ((one, 1), (other, -1)):
        by_ability, by_drift = tree.covariances_with(node, HORIZON)
        with_it = by_ability + HORIZON * by_drift
        variance += sign * (with_it[one] - with_it[other])
    return values[one] - values[other], variance


def rise(lead: float, lost: float) -> float:
    """Expected value of what is above 0, of a normal variable, by summing it up."""
    z = np.linspace(-9, 9, 20_001)
    weights = np.exp(-(z**2) / 2)
    return float(np.maximum(lead + np.sqrt(lost) * z, 0) @ weights / weights.sum())


def test_an_evaluation_is_worth_what_looking_changes() -> None:
    """By the variance of a lead that is gone after the looks, from beliefs with and without them."""
    before = of(PARENTS, PRECISION, PULL)
    found = worth(belief(), PRIOR, means()).evaluations
    best = 3
    for node in (0, 1, 2, 4):
        lead, variance = ahead(before, node, best)
        wanted = []
        for looks in LOOKS:
            more = PRECISION + TELLS * looks * (np.arange(5) == node)
            wanted.append(rise(lead, variance - ahead(of(PARENTS, more, PULL), node, best)[1]) / looks)
        assert found[node] == pytest.approx(max(wanted), rel=1e-3)


def test_an_evaluation_of_the_best_agent_is_worth_what_it_may_fall_behind() -> None:
    """By the variance of its own value alone: see `worth`."""

    def variance(precision: np.ndarray) -> float:
        by_ability, by_drift = of(PARENTS, precision, PULL).covariances_with(best, HORIZON)
        return float(by_ability[best] + HORIZON * by_drift[best])

    ability, drift = of(PARENTS, PRECISION, PULL).means()
    second, best = np.argsort(ability + HORIZON * drift)[-2:].tolist()
    lead, _ = ahead(of(PARENTS, PRECISION, PULL), second, best)
    wanted = []
    for looks in LOOKS:
        more = PRECISION + TELLS * looks * (np.arange(5) == best)
        wanted.append(rise(lead, variance(PRECISION) - variance(more)) / looks)
    assert worth(belief(), PRIOR, means()).evaluations[best] == pytest.approx(max(wanted), rel=1e-3)


def test_an_expansion_is_worth_what_looking_at_the_child_changes() -> None:
    found = worth(belief(), PRIOR, means()).expansions
    best = 3
    for node in range(5):
        parents = np.append(PARENTS, np.int32(node))
        before = of(parents, np.append(PRECISION, 0), np.append(PULL, 0))
        lead, variance = ahead(before, 5, best)
        wanted = []
        for looks in LOOKS:
            after = of(parents, np.append(PRECISION, TELLS * looks), np.append(PULL, 0))
            wanted.append(0.8 * 0.9 * rise(lead, variance - ahead(after, 5, best)[1]) / (looks + 5))
        assert found[node] == pytest.approx(max(wanted), rel=1e-3)


def test_what_runs_counts_as_told() -> None:
    plain = worth(belief(), PRIOR, means()).evaluations
    pending = worth(belief(), PRIOR, means(pending=np.array([0, 8, 0, 0, 0], np.int32))).evaluations
    assert pending[1] < plain[1]
    assert pending[[0, 2, 3, 4]] == pytest.approx(plain[[0, 2, 3, 4]])


def test_what_cannot_be_done_is_worth_less_than_nothing() -> None:
    unseen = np.array([60, 0, 60, 60, 60])
    assert np.isneginf(worth(belief(), PRIOR, means(unseen=unseen)).evaluations).tolist() == [False, True] + 3 * [False]
    assert np.isneginf(worth(belief(), PRIOR, means(left=5.5)).expansions).all()
    assert not np.isneginf(worth(belief(), PRIOR, means(left=6.0)).expansions).any()
    assert np.isneginf(worth(belief(), PRIOR, means(left=0.5)).evaluations).all()


def test_broken_agents_are_worth_little() -> None:
    plain, dead = worth(belief(), PRIOR, means()), worth(belief([0, 0, 0, 0, 0.9]), PRIOR, means())
    assert dead.evaluations[4] == pytest.approx(0.1 * plain.evaluations[4])
    assert dead.expansions[4] < plain.expansions[4]


def decided(tree: TreeView, **options: object) -> Expand | Evaluate:
    found = make_policy("lineage", **{"initial_expansions": 0, **options}).choose(tree, np.random.default_rng(0))
    assert isinstance(found, Expand | Evaluate)
    return found


def test_dear_expansions_give_way_to_evaluations() -> None:
    tree = grown([(NO_PARENT, 20, 20), (ROOT, 12, 8), (ROOT, 11, 9)])
    tree.price_expansions(0.5)
    assert isinstance(decided(tree.view()), Expand)
    tree.price_expansions(300)
    assert isinstance(decided(tree.view()), Evaluate)


def test_an_agent_is_not_expanded_before_its_first_results() -> None:
    tree = grown([(NO_PARENT, 20, 10), (ROOT, 8, 1), (1, 1, 0)])
    tree.price_expansions(0.0)
    assert decided(tree.view(), eagerness=100, least_results=2) in (Expand(ROOT), Expand(1))
    assert decided(tree.view(), eagerness=100, horizon=30, least_results=1) == Expand(2)


def test_where_expansions_keep_failing_another_agent_is_expanded() -> None:
    tree = grown([(NO_PARENT, 14, 10), (ROOT, 18, 6), (ROOT, 17, 7)])
    assert decided(tree.view(), eagerness=100) == Expand(1)
    for _ in range(4):
        tree.start_expansion(1)
        tree.finish_expansion(1, Expansion.REJECTED)
    assert decided(tree.view(), eagerness=100) == Expand(2)


def test_the_task_is_one_whose_outcome_is_open() -> None:
    """The root passed the first tasks and failed the last, each of which others agree with."""
    tree = grown([(NO_PARENT, 0, 0), *((ROOT, 0, 0) for _ in range(6))], tasks=30, budget=1000)
    for node in range(6):
        for task in (*range(10), *range(20, 30), *range(10 + node, 11 + node)):
            tree.start_evaluation(node, task)
            passed = task < 10 or (task < 20 and task % 2 == 0)
            tree.finish_evaluation(node, task, Outcome.PASSED if passed else Outcome.FAILED)
    decision = decided(tree.view(), eagerness=0)
    assert isinstance(decision, Evaluate)
    assert 10 <= decision.task < 20


def test_the_last_of_the_budget_makes_the_best_agent_ripe_to_be_handed_over() -> None:
    tree = grown([(NO_PARENT, 10, 20), (ROOT, 6, 1)], budget=40)
    assert tree.view().spent == pytest.approx(37 / 40)
    decision = decided(tree.view(), eagerness=100)
    assert isinstance(decision, Evaluate)
    assert decision.node == 1


def test_with_next_to_nothing_left_and_everything_broken_it_still_decides() -> None:
    tree = grown([(NO_PARENT, 30, 0), *((ROOT, 0, 29) for _ in range(6))], tasks=30, budget=10**6)
    tree.use(1 - 1e-7)
    assert isinstance(decided(tree.view(), root_evaluations=0), Evaluate)
    finished = grown([(NO_PARENT, 150, 50), *((ROOT, 0, 200) for _ in range(10))], tasks=200, budget=2500)
    assert isinstance(decided(finished.view()), Expand)


@pytest.mark.parametrize("worth", [0.0, 0.05])
def test_where_every_child_is_broken_the_seed_agent_is_handed_over(worth) -> None:
    doomed = Landscape(name="doomed", broken=1.0, broken_inherited=1.0, broken_worth=worth)
    for seed in range(4):
        found = simulate(make_policy("lineage"), World(doomed, seed), cost=300, seed=seed)
        assert found.chosen == ROOT
