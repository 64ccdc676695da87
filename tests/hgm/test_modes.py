"""What an expansion is shown: drawn by weight, only where there is such evidence, and the same on every replay."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from hgm.jobs import ExpandJob, Mode
from hgm.meter import readings
from hgm.modes import MIXED, Choice, choose, weights_of
from hgm.state import RunState, job_from, job_to_json
from hgm.summary import Score, expectation
from tests.hgm.simulated import created
from trees.journal import Event
from trees.records import Expansion, Outcome

MODEL = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), "local/model")
USAGE = {"calls": 0, "dropped_fields": []}


class Grown:
    """A run's state: `child(of)` adds a node, `seen(node, "t0 P")` an evaluation."""

    def __init__(self, modes: Mapping[Mode, float] | None = None, *, budget: Any = 30, **expansion: object) -> None:
        config = {"backbones": MODEL, "expansion": {"modes": modes, **expansion}}
        event = {**created(budget, **config), "root": {"commit": "c0", "tree": "t0"}}
        self.state = RunState(Event(seq=1, kind="created", version=1, at=0.0, payload=event))

    def tell(self, kind: str, /, **payload: object) -> None:
        self.state.apply(Event(seq=self.state.last_event + 1, kind=kind, version=1, at=0.0, payload=payload))

    def child(self, of: int = 0, *, evidence: tuple[str, ...] = (), notes: tuple[str, ...] = ()) -> int:
        number, job = len(self.state.nodes), f"x{self.state.jobs:05d}"
        self.tell("started", type="expand", id=job, node=of, commit=f"c{of}", evidence=evidence, seed=0, mode="single")
        ended = {"kind": Expansion.CHILD, "reason": "", "brief": "", "commit": f"c{number}", "tree": f"t{number}"}
        self.tell("finished", job=job, usage=USAGE, wall_s=0.0, notes=notes, **ended)
        return number

    def seen(self, node: int, task: int, outcome: Outcome, cause: str = "", *, tokens: int = 0) -> str:
        job = f"e{self.state.jobs:05d}"
        about = {"commit": f"c{node}", "split": "search", "task": f"t{task}", "repeat": 0, "seed": 0}
        self.tell("started", type="evaluate", id=job, node=node, **about)
        self.tell(
            "finished", job=job, outcome=outcome, cause=cause, usage={**USAGE, "input_tokens": tokens}, wall_s=0.0
        )
        return job


def chosen(grown: Grown, node: int) -> Choice:
    choice = choose(grown.state, node)
    assert choose(grown.state, node) == choice, "a pure function of the state"
    job = ExpandJob(
        id="x00099",
        node=node,
        commit="c",
        evidence=choice.evidence,
        seed=1,
        mode=choice.mode,
        instead_of=choice.instead_of,
        lineage=choice.lineage,
        others=choice.others,
    )
    assert job_from(job_to_json(job)) == job, "the journal gives it back"
    return choice


def test_without_evidence_every_mode_falls_to_generic() -> None:
    for mode in Mode:
        found = chosen(Grown({mode: 1}), 0)
        assert (found.mode, found.evidence) == (Mode.GENERIC, ())
        assert found.instead_of == (None if mode is Mode.GENERIC else mode)


def test_one_trajectory_is_single_and_two_are_a_reaction_norm() -> None:
    grown = Grown({Mode.REACTION_NORM: 1})
    first = grown.seen(0, 0, Outcome.FAILED, "tests")
    assert (chosen(grown, 0).mode, chosen(grown, 0).evidence) == (Mode.SINGLE, (first,))
    second = grown.seen(0, 1, Outcome.PASSED)
    found = chosen(grown, 0)
    assert (found.mode, found.instead_of, found.evidence) == (Mode.REACTION_NORM, None, (first, second))
    child = grown.child()
    assert chosen(grown, child).evidence == (first, second), "of its nearest evaluated ancestor"


def test_across_lineages_only_a_stranger_that_solved_the_same_task_helps() -> None:
    grown = Grown({Mode.CROSS_LINEAGE: 1})
    one, other = grown.child(), grown.child()
    failed = grown.seen(one, 0, Outcome.FAILED, "tests")
    grown.seen(one, 1, Outcome.FAILED, "tests")
    grown.seen(0, 0, Outcome.PASSED)
    grown.seen(grown.child(one), 0, Outcome.PASSED)
    assert chosen(grown, one).mode is Mode.REACTION_NORM, "its own ancestor and descendant are no other lineage"
    grown.seen(other, 0, Outcome.PASSED)
    found = chosen(grown, one)
    assert (found.mode, found.evidence) == (Mode.CROSS_LINEAGE, (failed,))
    (exhibit,) = found.others
    assert (exhibit.node, exhibit.commit, exhibit.base) == (other, f"c{other}", "c0")
    assert [(item.task, item.outcome, item.job) for item in exhibit.findings] == [(0, Outcome.PASSED, "")]


def test_a_folder_has_records_of_the_line_of_descent_and_outcomes_of_the_others() -> None:
    grown = Grown({Mode.FILESYSTEM: 1})
    one, other = grown.child(), grown.child()
    own = grown.seen(one, 3, Outcome.FAILED, "unchanged")
    grown.seen(other, 3, Outcome.FAILED, "deadline")
    found = chosen(grown, one)
    assert [(item.node, item.base) for item in found.lineage] == [(one, "c0"), (0, "")]
    assert [(item.task, item.cause, item.job) for item in found.lineage[0].findings] == [(3, "unchanged", own)]
    assert [(item.node, item.findings[0].cause, item.findings[0].job) for item in found.others] == [(other, "", "")]


def test_weights_are_shares() -> None:
    grown = Grown({Mode.FILESYSTEM: 3, Mode.SINGLE: 1})
    grown.seen(0, 0, Outcome.FAILED, "tests")
    drawn = Counter[Mode]()
    for _ in range(400):
        drawn[chosen(grown, 0).mode] += 1
        grown.tell("started", type="expand", id=f"x{grown.state.jobs}", node=0, commit="c0", evidence=(), seed=0)
    assert set(drawn) == {Mode.FILESYSTEM, Mode.SINGLE}
    assert 0.65 < drawn[Mode.FILESYSTEM] / 400 < 0.85


def test_the_rule_based_program_keeps_the_evidence_of_its_published_results() -> None:
    config = Grown().state.config
    assert weights_of(config) == MIXED
    assert weights_of(config.model_copy(update={"backbones": type(config.backbones)()})) == {Mode.REACTION_NORM: 1.0}


def test_a_folder_is_for_an_editor_that_reads() -> None:
    config = Grown().state.config

    def weights(**backbones: str) -> Mapping[Mode, float]:
        return weights_of(config.model_copy(update={"backbones": type(config.backbones)(**backbones)}))

    assert weights(editor="local/m") == {Mode.FILESYSTEM: 1.0}
    assert weights(diagnosis="local/m").keys() == MIXED.keys() - {Mode.FILESYSTEM}


@pytest.mark.parametrize("rule", ["charge", "note"])
def test_a_child_that_tries_harder_costs_budget_and_no_measurement(rule: str) -> None:
    grown = Grown(more_effort=rule, charge_evaluations=3)
    grown.seen(0, 0, Outcome.PASSED)
    grown.child(notes=("raises STEPS in main.py from 1 to 2",))
    view = grown.state.tree.view()
    assert (view.evaluations, view.spent) == (1, (1 + (3 if rule == "charge" else 0)) / 30)
    assert grown.state.nodes[1].notes == ("raises STEPS in main.py from 1 to 2",)


@pytest.mark.parametrize("rule", ["charge", "note"])
def test_a_budget_of_tokens_is_charged_as_much_as_evaluations_take(rule: str) -> None:
    grown = Grown(budget="2Mtok", more_effort=rule, charge_evaluations=3)
    for task in range(2):
        grown.seen(0, task, Outcome.PASSED, tokens=10_000)
    before = readings(grown.state)[0]
    grown.child(notes=("raises STEPS in main.py from 1 to 2",))
    after = readings(grown.state)[0]
    assert after.held_back - before.held_back == (30_000 if rule == "charge" else 0)
    assert after.settled == before.settled, "nothing was paid"


def test_what_a_child_was_to_improve_is_held_against_it() -> None:
    grown = Grown()
    failed, passed = grown.seen(0, 0, Outcome.FAILED, "tests"), grown.seen(0, 1, Outcome.PASSED)
    other = grown.seen(0, 2, Outcome.FAILED, "tests")
    child = grown.child(evidence=(failed, passed, other))
    assert grown.state.nodes[child].expects == ("t0", "t2")
    for task, outcome in ((0, Outcome.PASSED), (1, Outcome.FAILED)):
        grown.seen(child, task, outcome)
    found = expectation(grown.state, child)
    assert found is not None
    assert (found.tasks, found.child, found.parent) == (2, Score(1, 1), Score(0, 2))


def test_a_journal_of_before_modes_replays() -> None:
    old = {"type": "expand", "id": "x00001", "node": 0, "commit": "c0", "evidence": ["e00000"], "seed": 5}
    assert job_from(old) == ExpandJob(id="x00001", node=0, commit="c0", evidence=("e00000",), seed=5)
