"""A history says what the whole replay says, for runs of every kind and at every moment."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.base import Split
from hgm import meter
from hgm.agents_by_name import best_node
from hgm.document import rates, tree_document
from hgm.errors import JournalError, RunError
from hgm.gateway.records import Usage
from hgm.history import FAILED, OUTCOMES, SPLITS, UNMEASURED, History, history
from hgm.jobs import Job, Result
from hgm.plan import next_step
from hgm.run import Folder, opened, read
from hgm.state import RunState
from hgm.summary import expectation, score, spend, stage
from tests.hgm.simulated import cut, events_of, go_on, make, work
from trees.journal import Journal
from trees.policies import make_policy
from trees.records import Evaluate, Expand, Outcome


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("runs") / "whole", budget=60)
    go_on(path)
    return path


def check(told: History, replayed: RunState) -> None:
    """Both say the same."""
    ours = told.evaluations
    assert [
        (f"e{job:05d}", node, ours.tasks[task], SPLITS[split], repeat, OUTCOMES[outcome], ours.causes[cause])
        for job, node, task, split, repeat, outcome, cause in zip(
            ours.job, ours.node, ours.task, ours.split, ours.repeat, ours.outcome, ours.cause, strict=True
        )
    ] == [(e.job, e.node, e.task, e.split, e.repeat, e.outcome, e.cause) for e in replayed.evaluations]
    view = replayed.tree.view()
    assert told.view.evaluations == view.evaluations
    for name in (
        "parent",
        "successes",
        "failures",
        "clade_successes",
        "clade_failures",
        "pending_evaluations",
        "results",
    ):
        assert getattr(told.view, name).tolist() == getattr(view, name).tolist(), name
    assert told.best == best_node(replayed)
    assert told.state.nodes == replayed.nodes
    ours_spent, spent = ([vars(unit) for unit in meter.spent(state)] for state in (told.state, replayed))
    assert ours_spent == [
        {name: value if name == "unit" else pytest.approx(value, abs=1e-3) for name, value in unit.items()}
        for unit in spent
    ]
    assert told.state.usage.tokens.total == replayed.usage.tokens.total
    assert told.state.elapsed_s == pytest.approx(replayed.elapsed_s, abs=1e-3)
    assert set(told.running) == set(replayed.running)
    assert stage(told.state) == stage(replayed)


def test_it_is_what_the_replay_is_at_every_moment(finished: Path, tmp_path: Path) -> None:
    last = events_of(finished)
    for events in [*range(1, last, 7), last]:
        path = cut(finished, tmp_path / str(events), events)
        check(history(path), read(path))


def test_every_unit_of_a_budget_is_counted_as_the_replay_does(tmp_path: Path) -> None:
    path = make(tmp_path / "run", budget="40,5usd,10Mtok,2h")
    go_on(path, stop_after=25, by=paid)
    with opened(path) as run:
        run.begin_session()
        decision = next_step(run.state, make_policy("hgm"))
        assert isinstance(decision, Evaluate | Expand)
        run.ask(decision)
        told = history(path)
        check(told, read(path))
        document = tree_document(path)
    spent = document["spent"]
    assert list(spent) == ["evaluations", "usd", "tokens", "seconds"]
    assert document["live"]
    assert spent["tokens"]["used"] == 1000 * sum(len(ended) for ended in (told.evaluations, told.state.expansions))
    assert spent["usd"]["limit"] == 5
    assert spent["usd"]["used"] == pytest.approx(spent["tokens"]["used"] / 100_000)
    assert spent["usd"]["reserved"] == pytest.approx(told.state.job_limit.usd)
    assert spent["seconds"]["per_hour"] == 3600
    assert spent["tokens"]["per_hour"] is None, "nothing has ended in this session"
    done = tree_document(path)
    assert (done["live"], done["running"], done["spent"]["seconds"]["per_hour"]) == (False, [], None)


def test_the_rate_is_that_of_what_ended_of_late(finished: Path) -> None:
    told = history(finished)
    now = told.opened + 1800
    late = replace(told.evaluations, at=np.where(np.arange(len(told.evaluations)) < 6, now - 60, told.began))
    measured = int(((late.outcome != UNMEASURED) & (late.split == SPLITS.index(Split.SEARCH)))[:6].sum())
    told.evaluations = late
    assert rates(told, now)["evaluations"] == pytest.approx(measured * 6)
    assert rates(told, now + 3600) == {"seconds": 3600}
    assert rates(told, told.opened + 5) == {"seconds": 3600}, "too early to say"


def paid(job: Job, slot: int) -> Result:
    return replace(work(job, slot), usage=Usage(input_tokens=1000, usd=0.01))


def test_a_document_says_what_a_replay_says(finished: Path) -> None:
    document, state = tree_document(finished), read(finished)
    used = spend(state)
    assert {name: document["results"]["spent"][name] for name in ("search", "select", "sealed", "unmeasured")} == {
        name: getattr(used, name) for name in ("search", "select", "sealed", "unmeasured")
    }
    for node in document["nodes"]:
        found = expectation(state, node["id"])
        told = node["expectation"]
        assert (told is None) == (found is None)
        if told and found:
            pairs = ((told["child"], found.child), (told["parent"], found.parent))
            assert all((t["passed"], t["measured"]) == (f.passed, f.measured) for t, f in pairs)
        own = score(state, node["id"], Split.SEARCH)
        assert (node["successes"], node["successes"] + node["failures"]) == (own.passed, own.measured)
        mine = [e for e in state.evaluations if e.node == node["id"]]
        assert node["unmeasured"] == sum(e.outcome is Outcome.UNMEASURED for e in mine)
    columns = document["measurements"]
    told_of = [e for e in state.evaluations if e.split is not Split.SEALED]
    assert len(columns["job"]) == len(told_of) > 60
    assert columns["at"] == sorted(columns["at"])
    assert not {e.task for e in state.evaluations if e.split is Split.SEALED} & {
        document["tasks"][task] for task in columns["task"]
    }
    assert len(document["expansions"]) == len(state.expansions)
    assert document["running"] == []


def test_sealed_tasks_are_not_named(finished: Path) -> None:
    assert not [name for name in tree_document(finished)["tasks"] if name.startswith("z")]


def test_evidence_names_what_a_change_expects(tmp_path: Path) -> None:
    path = make(tmp_path / "run", budget=40)
    go_on(path)
    assert [node.expects for node in history(path).state.nodes] == [node.expects for node in read(path).nodes]
    assert any(node.expects for node in history(path).state.nodes)


def test_a_table_of_results_has_a_place_for_each_task(finished: Path) -> None:
    told, state = history(finished), read(finished)
    assert told.results.shape == (len(state.nodes), len(told.evaluations.tasks))
    failed = {(e.node, e.task) for e in state.evaluations if e.split is Split.SEARCH and e.outcome is Outcome.FAILED}
    places = {(int(node), told.evaluations.tasks[task]) for node, task in np.argwhere(told.results == FAILED)}
    assert places == failed
    assert told.task("no such task") == -1


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run"):
        history(tmp_path / "none")
    folder = Folder(tmp_path / "empty")
    folder.path.mkdir()
    Journal.create(folder.journal).close()
    with pytest.raises(JournalError, match="is empty"):
        history(folder.path)


def test_a_reader_meets_a_writer(finished: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "run", budget=30)
    go_on(path, stop_after=9)
    began = time.monotonic()
    check(history(path), read(path))
    go_on(path)
    check(history(path), read(path))
    assert time.monotonic() - began < 60
