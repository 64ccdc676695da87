"""What every search policy promises. To test one: subclass `PolicyContract` and give it a `policy` fixture."""

import dataclasses
import itertools
import math
import pickle
import random
from collections.abc import Sequence

import numpy as np
import pytest

from tests.trees.play import Asked, Script, first_stop, grown, play, snapshot
from trees.records import NO_PARENT, ROOT, Evaluate, Expand, Policy, Stop
from trees.tree import Tree

TREES = {
    "new": lambda: Tree(6, 40),
    "root without a success": lambda: grown([(NO_PARENT, 0, 5)], tasks=6, budget=40),
    "root without a failure": lambda: grown([(NO_PARENT, 5, 0)], tasks=6, budget=40),
    "unmeasured children": lambda: grown([(NO_PARENT, 2, 3)] + [(ROOT, 0, 0)] * 5, tasks=6, budget=40),
    "last evaluation": lambda: grown([(NO_PARENT, 2, 3), (0, 4, 1), (1, 2, 3)], tasks=6, budget=16),
    "nothing left": lambda: grown([(NO_PARENT, 2, 3), (0, 4, 1), (1, 2, 3)], tasks=6, budget=15),
    "nothing unseen": lambda: grown([(NO_PARENT, 2, 4), (0, 4, 2)], tasks=6, budget=40),
    "one task": lambda: grown([(NO_PARENT, 1, 0), (0, 0, 0)], tasks=1, budget=40),
}


def is_stuck(tree: Tree) -> bool:
    """Whether everything is seen and five expansions in a row gave no child: the one honest end before the budget's."""
    return bool(tree.view().seen.all() and tree.view().rejections_in_row >= 5)


class PolicyContract:
    seeds: Sequence[int] = range(5)
    """Of the games that it spends the budget of."""
    growing: int = 0
    """Seed of the game on one task."""

    @pytest.fixture
    def policy(self) -> Policy:
        raise NotImplementedError

    @pytest.fixture(params=TREES)
    def tree(self, request: pytest.FixtureRequest) -> Tree:
        return TREES[request.param]()

    def test_decides_on_any_tree(self, policy: Policy, tree: Tree) -> None:
        for seed in range(20):
            decision = policy.choose(tree.view(), np.random.default_rng(seed))
            match decision:
                case Expand(node):
                    assert type(node) is int
                    assert 0 <= node < len(tree)
                case Evaluate(node, task):
                    assert (type(node), type(task)) == (int, int)
                    assert task in tree.view().unseen(node)
                case Stop(reason):
                    assert reason

    def test_same_view_and_generator_state_give_the_same_decision(self, policy: Policy, tree: Tree) -> None:
        decisions = {policy.choose(tree.view(), np.random.default_rng(3)) for _ in range(5)}
        assert len(decisions) == 1
        assert policy.choose(tree.view(), np.random.default_rng(3)) in decisions

    def test_reads_no_other_randomness(self, policy: Policy, tree: Tree) -> None:
        before = random.getstate(), pickle.dumps(np.random.get_state())
        policy.choose(tree.view(), np.random.default_rng(3))
        assert (random.getstate(), pickle.dumps(np.random.get_state())) == before

    def test_changes_nothing(self, policy: Policy, tree: Tree) -> None:
        before, options = snapshot(tree), vars(policy).copy()
        policy.choose(tree.view(), np.random.default_rng(3))
        assert snapshot(tree) == before
        assert vars(policy) == options

    @pytest.mark.parametrize("workers", [1, 4, 16])
    def test_spends_the_budget_and_chooses_nothing_twice(self, policy: Policy, workers: int) -> None:
        for seed in self.seeds:
            tree = Tree(7, 60)
            # The tree itself refuses a seen or running pair and a node that is not there.
            for _ in play(policy, tree, Script(seed=seed, workers=workers)):
                assert tree.view().evaluations <= 60
            assert tree.view().spent == 1 or is_stuck(tree)
            assert len(tree) > 3

    def test_a_root_that_solves_nothing_is_expanded(self, policy: Policy) -> None:
        tree = grown([(NO_PARENT, 0, 6)], tasks=6, budget=60)
        events = list(itertools.islice(play(policy, tree, Script(rejected=0, unmeasured=0)), 60))
        assert Expand(ROOT) in [event.decision for event in events]

    def test_stops_with_a_reason_when_no_task_is_unseen_and_no_child_is_made(self, policy: Policy) -> None:
        stop = first_stop(policy, Tree(5, 1000), Script(rejected=1, unmeasured=0), limit=200)
        assert "unseen" in stop.reason

    def test_cannot_spin_when_nothing_can_be_measured(self, policy: Policy) -> None:
        first_stop(policy, Tree(5, 1000), Script(unmeasured=1, workers=3), limit=500)

    def test_grows_on_when_all_tasks_are_seen(self, policy: Policy) -> None:
        tree = Tree(1, 40)
        events = list(play(policy, tree, Script(seed=self.growing, rejected=0.3, unmeasured=0)))
        assert not any(isinstance(event.decision, Stop) for event in events if isinstance(event, Asked))
        assert tree.view().spent == 1
        assert len(tree) >= 40

    def test_is_frozen_and_can_be_pickled(self, policy: Policy) -> None:
        assert pickle.loads(pickle.dumps(policy)) == policy
        with pytest.raises(dataclasses.FrozenInstanceError):
            policy.alpha = 0.5

    def test_tells_what_was_drawn_with_the_chosen_node_first(self, policy: Policy, tree: Tree) -> None:
        for seed in range(20):
            decision = policy.choose(tree.view(), np.random.default_rng(seed))
            if isinstance(decision, Stop) or not decision.drawn:
                continue
            nodes, values = zip(*decision.drawn, strict=True)
            assert nodes[0] == decision.node
            assert len(set(nodes)) == len(nodes)
            assert all(map(math.isfinite, values))
            assert list(values) == sorted(values, reverse=True)

    def test_ranks_every_node_and_those_with_enough_evaluations_first(self, policy: Policy, tree: Tree) -> None:
        view = tree.view()
        order = policy.ranking(view, minimum=4).tolist()
        assert sorted(order) == list(range(len(view)))
        known = [view.successes[node] + view.failures[node] >= 4 for node in order]
        assert known == sorted(known, reverse=True)
