"""What is believed about agents that inherit from each other, against what is true."""

import numpy as np
import pytest

from tests.trees.play import grown
from trees.policies import gaussian
from trees.policies.inheritance import Belief, Prior, believe
from trees.records import NO_PARENT, ROOT, Expansion, Outcome
from trees.tree import Tree


def measured(tree: Tree, node: int, results: dict[int, bool]) -> None:
    for task, passed in results.items():
        tree.start_evaluation(node, task)
        tree.finish_evaluation(node, task, Outcome.PASSED if passed else Outcome.FAILED)


def child_of(tree: Tree, node: int) -> int:
    tree.start_expansion(node)
    child = tree.finish_expansion(node, Expansion.CHILD)
    assert child is not None
    return child


def belief(tree: Tree) -> Belief:
    return believe(tree.view(), Prior())


def test_without_results_it_is_what_was_believed_before() -> None:
    prior = gaussian.Prior()
    found = belief(grown([(NO_PARENT, 0, 0), (ROOT, 0, 0), (1, 0, 0), (ROOT, 0, 0)]))
    of_root, of_drift = prior.root**2, prior.drift**2
    of_second_drift = prior.inherited**2 * of_drift + prior.drift_step**2
    of_child = of_root + of_drift + prior.step**2
    of_grandchild = of_root + (1 + prior.inherited) ** 2 * of_drift + prior.drift_step**2 + 2 * prior.step**2
    spread = found.gaussian.covariances()
    assert spread.drift[:2] == pytest.approx([of_drift, of_second_drift])
    assert spread.ability == pytest.approx([of_root, of_child, of_grandchild, of_child])
    assert found.gaussian.covariances_with(1, 0.0)[0][3] == pytest.approx(of_root + of_drift)
    assert found.broken == pytest.approx([0, 0.12, 0.19, 0.12], abs=0.02)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """Worlds drawn from the prior: nine of ten abilities lie where they are nine times out of ten."""
    rng, prior, inside = np.random.default_rng(7), Prior(broken=1e-6), []
    of = prior.inheritance
    for _ in range(40):
        tree, tasks = Tree(40, 10_000), rng.normal(0, prior.difficulty, 40)
        ability, drift = [rng.normal(0, 0.7)], [rng.normal(0, of.drift)]
        for node in range(25):
            if node:
                parent = int(rng.integers(node))
                assert child_of(tree, parent) == node
                ability.append(ability[parent] + drift[parent] + rng.normal(0, of.step))
                drift.append(of.inherited * drift[parent] + rng.normal(0, of.drift_step))
            chosen = rng.choice(40, 15, replace=False)
            measured(
                tree, node, {int(t): bool(rng.random() < 1 / (1 + np.exp(tasks[t] - ability[node]))) for t in chosen}
            )
        found = believe(tree.view(), prior)
        centred = np.array(ability) - tasks.mean()  # difficulties are around 0 by definition
        deviation = np.sqrt(found.gaussian.covariances().ability)
        inside.append((np.abs(centred - found.ability) <= 1.645 * deviation).mean())
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)


def test_a_broken_child_is_seen_and_does_not_speak_against_its_parent() -> None:
    tree = grown([(NO_PARENT, 20, 10)])
    before = belief(tree).ability[ROOT]
    measured(tree, child_of(tree, ROOT), dict.fromkeys(range(12), False))
    after = belief(tree)
    assert after.broken.tolist() == [0, pytest.approx(1, abs=0.05)]
    assert after.ability[ROOT] == pytest.approx(before, abs=0.15)


def test_agents_that_saw_other_tasks_compare_fairly() -> None:
    """Two that pass half of what they see: one of what the root passes, one of what it fails."""
    tree = grown([(NO_PARENT, 20, 20)], tasks=40)
    on_easy, on_hard = child_of(tree, ROOT), child_of(tree, ROOT)
    measured(tree, on_easy, {task: task % 2 == 0 for task in range(20)})
    measured(tree, on_hard, {task: task % 2 == 0 for task in range(20, 40)})
    found = belief(tree)
    assert found.difficulty[:20].max() < found.difficulty[20:].min()
    assert found.ability[on_hard] > found.ability[ROOT] > found.ability[on_easy]


def test_descendants_speak_for_their_ancestors() -> None:
    plain = belief(grown([(NO_PARENT, 10, 20), (ROOT, 0, 0), (ROOT, 0, 0)]))
    rising = belief(grown([(NO_PARENT, 10, 20), (ROOT, 0, 0), (ROOT, 0, 0), (1, 16, 14), (3, 22, 8), (4, 27, 3)]))
    assert rising.ability[1] > plain.ability[1] + 0.2
    assert rising.drift[1] > plain.drift[1] + 0.05
    assert rising.ability[1] > rising.ability[2]


def test_a_chain_of_ten_thousand_is_no_trouble() -> None:
    found = belief(grown([(NO_PARENT, 3, 2), *((node, 0, 0) for node in range(9_999))], budget=100_000))
    assert np.isfinite(found.ability).all()
    assert np.isfinite(found.mean_score()).all()


def test_a_score_is_the_mean_chance() -> None:
    found = belief(grown([(NO_PARENT, 20, 10), (ROOT, 5, 9)]))
    tasks = np.arange(60)
    assert found.score(found.ability[[1]]) == pytest.approx(found.chance(1, tasks).mean(), abs=0.002)


def test_a_mean_score_is_that_of_all_it_may_be() -> None:
    found = belief(grown([(NO_PARENT, 20, 10), (ROOT, 0, 2), (ROOT, 5, 9)]))
    deviation = np.sqrt(found.gaussian.covariances().ability)
    rng = np.random.default_rng(3)
    draws = found.score(found.ability + deviation * rng.standard_normal((100_000, 3)))
    is_broken = rng.random(draws.shape) < found.broken
    assert 0.2 < found.broken[1] < 0.8
    assert found.mean_score() == pytest.approx(np.where(is_broken, 0.04, draws).mean(axis=0), abs=0.003)


def test_a_lower_score_is_the_quantile_that_it_says() -> None:
    found = belief(grown([(NO_PARENT, 20, 10), (ROOT, 5, 9)]))
    deviation = np.sqrt(found.gaussian.covariances().ability)
    draws = found.score(found.ability + deviation * np.random.default_rng(3).standard_normal((50_000, 2)))
    assert found.lower_score(0.05) == pytest.approx(np.quantile(draws, 0.05, axis=0), abs=0.004)
    assert found.lower_score(0.5) == pytest.approx(found.score(found.ability))


@pytest.mark.parametrize("elsewhere", [0, 1])
def test_more_passes_never_make_an_agent_look_worse(elsewhere) -> None:
    """Where the rest of the tree passes next to nothing, as with a weak seed agent and hard tasks."""
    scores = []
    for passes in (0, 3, 10, 20, 30):
        others = [(ROOT, elsewhere if node == 5 else 0, 30) for node in range(20)]
        found = belief(grown([(NO_PARENT, 0, 30), *others, (1, passes, 30 - passes)], budget=1000)).mean_score()
        scores.append(found[-1])
        assert passes <= 3 or found.argmax() == len(found) - 1
    assert scores == sorted(scores)


def test_hundreds_of_tasks_overflow_nothing() -> None:
    found = belief(grown([(NO_PARENT, 307, 193), (ROOT, 307, 193)], tasks=500, budget=2000))
    assert found.broken == pytest.approx([0, 0], abs=1e-9)
