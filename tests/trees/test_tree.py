import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hgm.errors import TellError
from tests.trees.play import grown, snapshot
from trees.policies import POLICIES, make_policy
from trees.records import NO_PARENT, ROOT, Expansion, Outcome, TreeView
from trees.statistics import best_belief, cmp_estimate, lower_bound, own_mean, ranking
from trees.tree import Tree

TASKS = 4
BUDGET = 30


class TreeMachine(RuleBasedStateMachine):
    """Any interleaving of starts and finishes, against lists that are counted anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree(TASKS, BUDGET)
        self.parents = [NO_PARENT]
        self.results: list[tuple[int, Outcome]] = []
        self.measured: dict[tuple[int, int], Outcome] = {}
        self.seen: set[tuple[int, int]] = set()
        self.evaluating: list[tuple[int, int]] = []
        self.expanding: list[int] = []
        self.expanded: list[int] = []
        self.rejections_in_row = 0

    @rule(data=st.data())
    def start_evaluation(self, data: st.DataObject) -> None:
        pair = (data.draw(st.integers(0, len(self.parents) - 1)), data.draw(st.integers(0, TASKS - 1)))
        if pair in self.seen:
            return self.refused(ValueError, lambda: self.tree.start_evaluation(*pair))
        self.tree.start_evaluation(*pair)
        self.seen.add(pair)
        self.evaluating.append(pair)
        self.rejections_in_row = 0
        return None

    @precondition(lambda self: self.evaluating)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome), give_up=st.booleans())
    def finish_evaluation(self, data: st.DataObject, outcome: Outcome, give_up: bool) -> None:
        pair = data.draw(st.sampled_from(self.evaluating))
        give_up = give_up and outcome is Outcome.UNMEASURED
        self.tree.finish_evaluation(*pair, outcome, give_up=give_up)
        self.evaluating.remove(pair)
        if outcome is not Outcome.UNMEASURED:
            self.results.append((pair[0], outcome))
            self.measured[pair] = outcome
        elif not give_up:
            self.seen.remove(pair)
        self.refused(TellError, lambda: self.tree.finish_evaluation(*pair, outcome))

    @rule(data=st.data())
    def start_expansion(self, data: st.DataObject) -> None:
        node = data.draw(st.integers(0, len(self.parents) - 1))
        self.tree.start_expansion(node)
        self.expanding.append(node)
        self.expanded.append(node)

    @precondition(lambda self: self.expanding)
    @rule(data=st.data(), expansion=st.sampled_from(Expansion))
    def finish_expansion(self, data: st.DataObject, expansion: Expansion) -> None:
        node = data.draw(st.sampled_from(self.expanding))
        child = self.tree.finish_expansion(node, expansion)
        self.expanding.remove(node)
        if expansion is Expansion.CHILD:
            assert child == len(self.parents)
            self.parents.append(node)
            self.rejections_in_row = 0
        else:
            assert child is None
            self.rejections_in_row += 1
        if node not in self.expanding:
            self.refused(TellError, lambda: self.tree.finish_expansion(node, expansion))

    @rule(node=st.sampled_from([-1, -2, 10_000]))
    def nodes_that_do_not_exist(self, node: int) -> None:
        self.refused(ValueError, lambda: self.tree.start_evaluation(node, 0))
        self.refused(ValueError, lambda: self.tree.start_expansion(node))
        self.refused(ValueError, lambda: self.tree.start_evaluation(ROOT, node))
        self.refused(TellError, lambda: self.tree.finish_evaluation(node, 0, Outcome.PASSED))
        self.refused(TellError, lambda: self.tree.finish_expansion(node, Expansion.CHILD))

    def refused(self, error: type[Exception], call) -> None:
        before = snapshot(self.tree)
        with pytest.raises(error):
            call()
        assert snapshot(self.tree) == before

    @invariant()
    def equals_brute_force(self) -> None:
        view = self.tree.view()
        nodes = range(len(self.parents))
        assert view.parent.tolist() == self.parents
        assert view.successes.tolist() == [self.results.count((n, Outcome.PASSED)) for n in nodes]
        assert view.failures.tolist() == [self.results.count((n, Outcome.FAILED)) for n in nodes]
        clades = [{m for m in nodes if n in self.lineage(m)} for n in nodes]
        for outcome, column in ((Outcome.PASSED, view.clade_successes), (Outcome.FAILED, view.clade_failures)):
            assert column.tolist() == [sum(m in clade and o is outcome for m, o in self.results) for clade in clades]
        assert view.children.tolist() == [self.parents.count(n) for n in nodes]
        assert view.expansions.tolist() == [self.expanded.count(n) for n in nodes]
        assert view.pending_evaluations.tolist() == [sum(m == n for m, _ in self.evaluating) for n in nodes]
        assert view.seen.tolist() == [[(n, t) in self.seen for t in range(TASKS)] for n in nodes]
        signs = {Outcome.PASSED: 1, Outcome.FAILED: -1, None: 0}
        assert view.results.tolist() == [[signs[self.measured.get((n, t))] for t in range(TASKS)] for n in nodes]
        assert view.evaluations == len(self.results) + len(self.evaluating)
        assert view.pending_expansions == len(self.expanding)
        assert view.rejections_in_row == self.rejections_in_row
        assert view.spent == min(1, view.evaluations / BUDGET)

    def lineage(self, node: int) -> set[int]:
        return {node} | (self.lineage(self.parents[node]) if self.parents[node] != NO_PARENT else set())


TestAnyInterleaving = TreeMachine.TestCase
TestAnyInterleaving.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def twenty_nodes() -> Tree:
    """Three children each, eight results per node: 160 in all."""
    return grown([(NO_PARENT, 4, 4)] + [((node - 1) // 3, node % 9, 8 - node % 9) for node in range(1, 20)])


def read_everything(view: TreeView, *, times: int) -> None:
    for number in range(times):
        for statistic in (cmp_estimate, own_mean, lower_bound, ranking, best_belief):
            statistic(view)
        for name in POLICIES:
            make_policy(name).choose(view, np.random.default_rng(number))


def test_a_new_tree_is_the_root() -> None:
    view = Tree(3, 10).view()
    assert len(view) == 1
    assert view.parent.tolist() == [NO_PARENT]
    assert view.unseen(ROOT).tolist() == [0, 1, 2]
    assert (view.evaluations, view.spent) == (0, 0.0)


def test_reading_does_not_add_descendants_to_their_ancestors_as_in_the_released_code() -> None:
    """There, a list of results is extended by reading it.

    Three reads of a root with 24 of 60, its child with 4 of 5 and its grandchild with 10 of 10 leave the root at a mean
    of 0.711 after 135 "evaluations"; three reads of a 20-node tree with 160 results leave 1,968.
    """
    three = grown([(NO_PARENT, 24, 36), (0, 4, 1), (1, 10, 0)])
    twenty = twenty_nodes()
    for _ in range(3):
        read_everything(three.view(), times=1)
        read_everything(twenty.view(), times=1)
    assert own_mean(three.view()).tolist() == [0.4, 0.8, 1.0]
    assert cmp_estimate(three.view()).tolist() == [38 / 75, 14 / 15, 1.0]
    assert (twenty.view().successes + twenty.view().failures).sum() == 160
    assert twenty.view().clade_successes[ROOT] + twenty.view().clade_failures[ROOT] == 160


def test_a_hundred_reads_change_nothing() -> None:
    tree = twenty_nodes()
    tree.start_evaluation(7, 50)
    tree.start_expansion(7)
    before = snapshot(tree)
    read_everything(tree.view(), times=100)
    assert snapshot(tree) == before


def columns(view: TreeView) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(view).items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("name", columns(Tree(2, 2).view()))
def test_columns_cannot_be_written(name: str) -> None:
    column = columns(twenty_nodes().view())[name]
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        column.setflags(write=True)
    with pytest.raises(TypeError, match="read-only"):
        column.data[(0,) * column.ndim] = 1


def test_count_columns_are_int32() -> None:
    view, tables = twenty_nodes().view(), {"seen": np.dtype(bool), "results": np.dtype(np.int8)}
    assert {name: column.dtype for name, column in columns(view).items()} == {
        name: tables.get(name, np.dtype(np.int32)) for name in columns(view)
    }


def test_each_change_counts_the_version_and_no_read_does() -> None:
    tree = Tree(2, 2)
    versions = [tree.view().version]
    for change in (
        lambda: tree.start_evaluation(ROOT, 0),
        lambda: tree.finish_evaluation(ROOT, 0, Outcome.PASSED),
        lambda: tree.start_expansion(ROOT),
        lambda: tree.finish_expansion(ROOT, Expansion.CHILD),
    ):
        change()
        versions += [tree.view().version]
        assert tree.view().version == versions[-1]
    assert versions == [0, 1, 2, 3, 4]


def test_views_are_windows_and_not_copies() -> None:
    tree = grown([(NO_PARENT, 0, 0)] + [(0, 0, 0)] * 2000)
    first = tree.view()
    assert tree.view() is first
    tree.start_evaluation(3, 0)
    second = columns(tree.view())
    assert all(np.shares_memory(old, second[name]) for name, old in columns(first).items())


def test_growing_keeps_what_was_counted() -> None:
    tree = grown([(NO_PARENT, 3, 2)] + [(node // 2, 1, 1) for node in range(300)])
    assert tree.view().clade_successes[ROOT] == 303
    assert tree.view().clade_failures[ROOT] == 302
    assert tree.view().seen.sum() == 605


def test_a_deep_lineage_counts_at_every_ancestor() -> None:
    tree = grown([(node - 1, 0, 1) for node in range(3000)], budget=10_000)
    assert tree.view().clade_failures.tolist() == list(range(3000, 0, -1))


def test_outcomes_may_be_the_plain_words_of_a_journal() -> None:
    tree = Tree(2, 2)
    tree.start_evaluation(ROOT, 0)
    tree.finish_evaluation(ROOT, 0, "unmeasured")
    tree.start_expansion(ROOT)
    assert tree.finish_expansion(ROOT, "child") == 1
    assert tree.view().evaluations == 0


def test_only_what_is_unmeasured_is_given_up_on() -> None:
    tree = Tree(2, 2)
    tree.start_evaluation(ROOT, 0)
    with pytest.raises(ValueError, match="given up"):
        tree.finish_evaluation(ROOT, 0, Outcome.FAILED, give_up=True)
    assert tree.view().pending_evaluations.tolist() == [1]


@pytest.mark.parametrize(("tasks", "budget"), [(0, 1), (1, 0), (-1, 5)])
def test_a_tree_without_tasks_or_budget_is_refused(tasks: int, budget: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Tree(tasks, budget)
