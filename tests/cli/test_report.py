import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluators.base import Split
from hgm.cli.preview import expansions
from hgm.cli.report import report
from hgm.config import SearchConfig
from hgm.loop import Ending
from hgm.run import create, read
from hgm.summary import comparison, lineage, score, spend
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, created, go_on, make
from trees.records import ROOT, Outcome


def told(path: Path, ending: Ending = Ending.FINISHED) -> str:
    stream = io.StringIO()
    report(Console(file=stream, width=200, highlight=False, emoji=False), path, read(path), ending)
    return stream.getvalue()


def run_until(tmp_path: Path, wanted: Any, **options: Any) -> Path:
    """A finished simulated run whose state is as wanted."""
    for seed in range(40):
        path = make(tmp_path / f"seed-{seed}", seed=seed, **options)
        go_on(path)
        if wanted(read(path)):
            return path
    raise AssertionError("no seed gives such a run")


def test_a_winner_stands_beside_the_seed_agent(tmp_path: Path) -> None:
    path = run_until(tmp_path, lambda state: state.winner != ROOT and comparison(state) is not None)
    said, state = told(path), read(path)
    found = comparison(state)
    assert found is not None
    assert f"agent {state.winner} (line of descent: {' > '.join(map(str, lineage(state, state.winner)))})" in said
    assert f"winner {100 * found.winner:.0f} %, seed agent {100 * found.seed:.0f} %" in said
    assert f"gain       {100 * found.gain.mean:+.1f} points" in said
    assert "per task for the winner" in said
    assert f"What agent {state.winner} changed about the seed agent" in said
    assert f"hgm tree best {path} --export my-agent" in said


def test_the_seed_agent_as_winner_is_said_plainly(tmp_path: Path) -> None:
    path = run_until(tmp_path, lambda state: state.winner == ROOT)
    said = told(path)
    assert "The winner is the seed agent" in said
    assert "no gain to claim" in said
    assert "--export" not in said
    assert "changed about" not in said


def test_a_stopped_run_says_how_to_go_on(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    go_on(path, stop_after=4)
    said = told(path, Ending.INTERRUPTED)
    assert "stopped: interrupted" in said
    assert f"hgm resume {path}" in said
    assert "best-belief agent so far" in said
    assert "sealed tasks" not in said


def test_a_placebo_is_called_one(tmp_path: Path) -> None:
    path = make(tmp_path / "run", placebo=True)
    go_on(path)
    assert "This was a placebo" in told(path)


def test_without_sealed_tasks_no_gain_is_claimed(tmp_path: Path) -> None:
    event = created()
    event["sealed_tasks"] = []
    create(tmp_path / "run", event, SEED_AGENT)
    go_on(tmp_path / "run")
    said = told(tmp_path / "run")
    assert "not opened: no gain is claimed" in said
    assert "points" not in said


def test_the_figures_are_those_of_the_journal(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    go_on(path)
    state = read(path)
    measured = [item for item in state.evaluations if item.outcome is not Outcome.UNMEASURED]
    used = spend(state)
    assert used.search + used.select + used.sealed == len(measured)
    assert used.unmeasured == len(state.evaluations) - len(measured)
    for node in state.nodes:
        view = state.tree.view()
        own = score(state, node.id, Split.SEARCH)
        assert (own.passed, own.measured - own.passed) == (view.successes[node.id], view.failures[node.id])


@pytest.mark.parametrize("budget", [5, 20, 60, 150])
def test_the_preview_promises_about_as_many_expansions_as_there_are(tmp_path: Path, budget: int) -> None:
    path = make(tmp_path / "run", budget=budget)
    go_on(path)
    state = read(path)
    born = len(state.nodes) - 1 + len(state.failed_expansions)
    promised = expansions(SearchConfig(budget=budget))
    assert promised * 0.6 <= born <= promised * 1.6 + 1


@pytest.mark.needs("bubblewrap")
def test_the_doctor_tells_that_a_key_is_there_and_nothing_of_it(hgm: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-precious-0123456789")
    said = hgm("doctor")
    assert said.code == 0
    assert "OPENAI_API_KEY: set" in said.out
    assert "ANTHROPIC_API_KEY: not set" in said.out
    assert "precious" not in said.out + said.err


def test_the_doctor_names_what_is_bad(hgm: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = hgm("doctor", "--short")
    assert said.code == 3
    assert "mend it: apt-get install git" in said.out
    assert "cannot run here" in said.out
