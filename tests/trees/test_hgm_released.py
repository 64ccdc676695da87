"""`hgm_released` against a small working copy of what the released code does."""

import dataclasses
from collections.abc import Iterator
from math import comb

import numpy as np
import pytest

from hgm.errors import ConfigError
from tests.trees.play import grown
from tests.trees.released import ReleasedTree
from trees.policies import make_policy
from trees.policies.hgm_released import HGMReleased
from trees.records import NO_PARENT, ROOT, Evaluate, Expand, Expansion, Outcome, Stop, TreeView
from trees.simulation import FAMILIES, World
from trees.tree import Tree

THREE = [(NO_PARENT, 24, 36), (ROOT, 4, 1), (1, 10, 0)]
"""The root with 24 of 60, its child and its grandchild."""


def replica(nodes: list[tuple[int, int, int]]) -> ReleasedTree:
    tree = ReleasedTree()
    for parent, passed, failed in nodes:
        tree.add(parent, [1.0] * passed + [0.0] * failed)
    return tree


def mean(results: list[float]) -> float:
    return sum(results) / len(results)


def test_the_replica_does_as_the_code_was_seen_to_do() -> None:
    tree = replica(THREE)
    seen = []
    for _ in range(8):
        tree.decide_to_expand()
        seen.append((round(mean(tree.results[ROOT]), 3), len(tree.results[ROOT])))
    assert [share for share, _ in seen] == [0.507, 0.620, 0.711, 0.778, 0.826, 0.860, 0.885, 0.904]
    assert [length for _, length in seen] == [75, 100, 135, 180, 235, 300, 375, 460]
    assert round(mean(tree.results[1]), 3) == 0.988


@pytest.mark.parametrize("decisions", range(12))
def test_a_result_is_copied_as_often_as_the_formula_says(decisions: int) -> None:
    """One result at the end of a chain of five, counted in the lists of its ancestors."""
    chain = [(NO_PARENT, 1, 0)] + [(node, 1, 0) for node in range(4)] + [(4, 0, 1)]
    tree = replica(chain)
    for _ in range(decisions):
        tree.decide_to_expand()
    counts = [results.count(0.0) for results in reversed(tree.results)]
    assert counts == [comb(decisions + distance - 1, distance) if decisions else distance == 0 for distance in range(6)]


@pytest.mark.parametrize("decisions", [2, 8, 20])
def test_lists_are_those_of_the_replica_where_their_ages_are_as_assumed(decisions: int) -> None:
    """A child born first, in the middle of whose life its results came, and one that was just born."""
    nodes = [(NO_PARENT, 24, 36), (ROOT, 4, 1), (ROOT, 0, 0)]
    tree = replica(nodes)
    view = grown(nodes).view()
    view = dataclasses.replace(view, expansions=np.array([4 * decisions, 0, 0], np.int32))
    for _ in range(decisions):
        tree.decide_to_expand()
    lists = HGMReleased().own_lists(view)
    assert lists.length.tolist() == [len(results) for results in tree.results]
    assert lists.passed.tolist() == [sum(results) for results in tree.results]
    clades = HGMReleased().clade_lists(view)
    for node, results in tree.decide_to_expand().items():
        assert (clades.passed[node], clades.length[node]) == (sum(results), len(results))


class Search:
    """A search of 800 evaluations that decides by the lists of a replica; the policy only says when to expand."""

    def __init__(self, family: str, seed: int) -> None:
        self.world = World(FAMILIES[family], seed)
        self.tree, self.replica = Tree(60, 800), ReleasedTree()
        self.agents, self.drawn = [self.world.root()], [0]
        self.rng = np.random.default_rng(seed)
        self.replica.add(NO_PARENT, [])

    def play(self) -> Iterator[tuple[TreeView, list[list[float]]]]:
        """The view at each expansion but the first ones, and the lists of all nodes."""
        while self.tree.view().spent < 1:
            view = self.tree.view()
            decision = HGMReleased().choose(view, self.rng)
            assert not isinstance(decision, Stop)
            if isinstance(decision, Evaluate):
                self.evaluate(decision if decision.node == ROOT else self.evaluation(view))
                continue
            if view.expansions[ROOT] >= 5:
                yield view, self.replica.results
            self.expand(self.drawn_by({k: v[:] for k, v in self.replica.decide_to_expand().items()}))

    def drawn_by(self, lists: dict[int, list[float]]) -> int:
        draws = {node: self.rng.beta(1 + sum(item), 1 + len(item) - sum(item)) for node, item in lists.items()}
        return max(draws, key=draws.__getitem__) if self.tree.view().expansions[ROOT] >= 5 else ROOT

    def evaluation(self, view: TreeView) -> Evaluate:
        lists = {int(node): self.replica.results[node] for node in np.flatnonzero(~view.seen.all(axis=1))}
        node = self.drawn_by(lists)
        return Evaluate(node, int(self.rng.choice(view.unseen(node))))

    def evaluate(self, decision: Evaluate) -> None:
        node, task = decision.node, decision.task
        passed = self.world.passes(self.agents[node], task)
        self.tree.start_evaluation(node, task)
        self.tree.finish_evaluation(node, task, Outcome.PASSED if passed else Outcome.FAILED)
        self.replica.results[node].append(float(passed))

    def expand(self, node: int) -> None:
        child = self.world.child(self.agents[node], self.drawn[node])
        self.drawn[node] += 1
        self.tree.start_expansion(node)
        self.tree.finish_expansion(node, Expansion.CHILD if child else Expansion.REJECTED)
        if child:
            self.agents.append(child)
            self.drawn.append(0)
            self.replica.add(node, [])


@pytest.mark.parametrize("family", ["independent", "fragile"])
def test_in_whole_searches_the_means_are_close_to_those_of_the_code(family: str) -> None:
    off, correlations = list[float](), list[float]()
    for seed in range(3):
        for view, lists in Search(family, seed).play():
            known = [node for node, results in enumerate(lists) if results]
            inferred = HGMReleased().own_lists(view)
            means = np.array([mean(lists[node]) for node in known])
            here = inferred.passed[known] / inferred.length[known]
            off += np.abs(means - here).tolist()
            if len(known) > 5:
                correlations.append(float(np.corrcoef(means, here)[0, 1]))
    assert np.mean(off) < 0.04
    assert np.mean(correlations) > 0.93


def test_a_full_list_is_cut_with_its_mean_kept() -> None:
    view = dataclasses.replace(grown(THREE).view(), expansions=np.array([5, 40, 0], np.int32))
    free, cut = (HGMReleased(pseudo_evaluations=most).own_lists(view) for most in (10**6, 100))
    assert free.length[ROOT] > 100
    assert cut.length[ROOT] == pytest.approx(100)
    assert cut.length[2] == 10


def test_reading_the_lists_changes_nothing() -> None:
    view = grown(THREE).view()
    first, second = (HGMReleased().clade_lists(view) for _ in range(2))
    assert first.length.tolist() == second.length.tolist()
    assert view.successes.tolist() == [24, 4, 10]


def choose(view: TreeView, **options: object) -> Expand | Evaluate | Stop:
    return make_policy("hgm_released", **options).choose(view, np.random.default_rng(0))


def test_the_root_is_evaluated_on_all_tasks_and_expanded_five_times() -> None:
    tree = Tree(6, 40)
    for _ in range(6):
        decision = choose(tree.view())
        assert isinstance(decision, Evaluate)
        tree.start_evaluation(ROOT, decision.task)
        tree.finish_evaluation(ROOT, decision.task, Outcome.PASSED)
    for _ in range(5):
        assert choose(tree.view()) == Expand(ROOT)
        tree.start_expansion(ROOT)
        tree.finish_expansion(ROOT, Expansion.CHILD)
    assert isinstance(choose(tree.view()), Evaluate)


@pytest.mark.parametrize(("evaluations", "expected"), [(31, Evaluate), (32, Expand)])
def test_neither_the_root_nor_its_evaluations_count(evaluations: int, expected: type) -> None:
    """32^0.6 is 8: seven children and one on its way, and 60 evaluations of the root."""
    view = grown([(NO_PARENT, 30, 30)] + [(ROOT, 1, 0)] * 7).view()
    view = dataclasses.replace(view, evaluations=60 + evaluations, pending_expansions=1)
    assert isinstance(choose(view), expected)


def test_what_passed_nothing_is_not_expanded() -> None:
    view = grown([(NO_PARENT, 30, 30), (ROOT, 0, 0), (ROOT, 0, 1), (ROOT, 1, 0)]).view()
    view = dataclasses.replace(view, evaluations=10**6)
    policy = HGMReleased(initial_expansions=0)
    nodes = {policy.choose(view, np.random.default_rng(seed)).node for seed in range(200)}
    assert nodes == {0, 3}


def test_a_root_that_passed_nothing_ends_the_search() -> None:
    assert choose(grown([(NO_PARENT, 0, 60)]).view()) == Stop(
        "the root passed none of its tasks, and the released code expands no such node"
    )


@pytest.mark.parametrize(
    ("option", "value"), [("alpha", 0), ("initial_expansions", -1), ("pseudo_evaluations", 0), ("alpha", None)]
)
def test_a_wrong_value_is_refused_with_its_option(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"policy hgm_released: {option} must be"):
        make_policy("hgm_released", **{option: value})
