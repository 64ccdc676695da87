import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluators.base import Split
from hgm.cli.report import report
from hgm.cli.terminal import points
from hgm.config import SearchConfig
from hgm.estimate import expansions
from hgm.jobs import EvaluateJob, EvaluationResult
from hgm.loop import Ending
from hgm.run import Folder, create, opened, read, read_events
from hgm.state import RunState
from hgm.summary import comparison, lineage, score, spend
from sandboxes import discovery
from sandboxes.discovery import find_tools
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, created, cut, go_on, make
from trees.policies import make_policy
from trees.records import ROOT, Outcome


def told(path: Path, ending: Ending = Ending.FINISHED) -> str:
    stream = io.StringIO()
    report(Console(file=stream, width=400, highlight=False, emoji=False), path, read(path), ending)
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
    path = make(tmp_path / "run", editor="placebo")
    go_on(path)
    assert "This was a placebo" in told(path)


def test_the_placebo_stands_beside_the_gain(tmp_path: Path) -> None:
    path = run_until(tmp_path / "real", lambda state: state.winner != ROOT and comparison(state) is not None)
    other = run_until(tmp_path / "other", lambda state: comparison(state) is not None, editor="placebo")
    assert "placebo    no finished one" in told(path)
    assert f"hgm search --editor placebo --budget 30 --runs-dir {path.parent}" in told(path)

    beside = path.parent / "p-old"
    shutil.copytree(other, beside)
    make(path.parent / "p-unfinished", editor="placebo")
    go_on(make(path.parent / "p-other-budget", editor="placebo", budget=20))
    (path.parent / "p-broken").mkdir()
    Folder(path.parent / "p-broken").journal.write_bytes(b"no journal")
    found = comparison(read(beside))
    assert found is not None
    assert f"placebo    {points(found.gain.mean)} points (95 %: " in told(path)
    assert f"by chance and selection alone (run {beside})" in told(path)
    assert "placebo    " not in told(beside), "none beside its own"

    newer = make(path.parent / "p-a-newer", editor="placebo", seed=7)
    go_on(newer)
    assert f"(run {newer})" in told(path)


def test_a_placebo_of_when_that_was_a_setting_is_one_still(tmp_path: Path) -> None:
    event = created()
    del event["config"]["editor"]
    event["config"]["placebo"] = True
    create(tmp_path / "old", event, SEED_AGENT)
    go_on(tmp_path / "old")
    assert "This was a placebo" in told(tmp_path / "old")
    path = run_until(tmp_path / "real", lambda state: state.winner != ROOT and comparison(state) is not None)
    shutil.copytree(tmp_path / "old", path.parent / "old")
    assert f"(run {path.parent / 'old'})" in told(path)


def test_the_command_for_a_placebo_names_what_is_not_usual(tmp_path: Path) -> None:
    path = run_until(
        tmp_path, lambda state: comparison(state) is not None, agent="./my agent", benchmark="quixbugs", data="q.jsonl"
    )
    assert "--editor placebo --budget 30 --benchmark quixbugs --data q.jsonl --agent './my agent' --runs-dir " in told(
        path
    )


def test_without_sealed_tasks_no_gain_is_claimed(tmp_path: Path) -> None:
    event = created()
    event["sealed_tasks"] = []
    create(tmp_path / "run", event, SEED_AGENT)
    go_on(tmp_path / "run")
    said = told(tmp_path / "run")
    assert "not opened: no gain is claimed" in said
    assert "points" not in said


def test_while_the_sealed_tasks_are_open_no_gain_is_claimed(tmp_path: Path) -> None:
    path = run_until(tmp_path, lambda state: state.winner != ROOT and comparison(state) is not None)
    events = read_events(path)
    (opening,) = (event.seq for event in events if event.kind == "sealed opened")
    for end in (opening - 1, opening, opening + 2, len(events) - 2):
        copy = cut(path, tmp_path / f"cut-{end}", end)
        said = told(copy, Ending.INTERRUPTED)
        assert comparison(read(copy)) is None, "nor is one exported"
        assert "no gain is claimed" in said
        assert " points" not in said
        assert ("not opened" in said) == (end < opening) == ("were opened" not in said)
    assert f"{spend(read(copy)).sealed} of 8 evaluations measured" in said


def test_a_sealed_evaluation_that_was_measured_at_last_is_none_that_counts_nowhere(tmp_path: Path) -> None:
    def measured_late(state: RunState) -> bool:
        return comparison(state) is not None and any(
            item.split is Split.SEALED and item.outcome is Outcome.UNMEASURED for item in state.evaluations
        )

    path = run_until(tmp_path, measured_late)
    found = comparison(read(path))
    assert found is not None
    assert found.unmeasured == 0, "at 5 % each, three times in a row is not among these runs"
    assert "counted nowhere" not in told(path)


def test_given_up_sealed_evaluations_are_counted_once(tmp_path: Path) -> None:
    path = run_until(tmp_path, lambda state: state.winner != ROOT and comparison(state) is not None)
    (at,) = (event.seq for event in read_events(path) if event.kind == "sealed opened")
    copy = cut(path, tmp_path / "copy", at)
    with opened(copy) as run:
        policy = make_policy("hgm")
        while (job := run.next_job(policy)) is not None:
            assert isinstance(job, EvaluateJob)
            hopeless = (job.node, job.task, job.repeat) == (ROOT, "z0", 0)
            run.tell(EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED if hopeless else Outcome.PASSED))
    found = comparison(read(copy))
    assert found is not None
    assert found.unmeasured == 1
    assert "not measured, and counted nowhere: 1 sealed evaluation\n" in told(copy)


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
    promised = expansions(SearchConfig(budget=budget), {"search_tasks": range(state.tree.tasks)}, budget)
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


@pytest.mark.needs("bubblewrap")
def test_the_doctor_tells_what_a_machine_without_an_engine_lacks(hgm: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    said = hgm("doctor", "--short")
    assert said.code == 0
    lines = said.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "container engine" in line)
    assert [line.split()[0] for line in lines[at : at + 3]] == ["lacking", "costs:", "mend"]
    assert "bubblewrap's alone" in lines[at + 1]
    assert "DOCKER_HOST=unix:///nowhere" in lines[at + 2]


@pytest.mark.needs("docker")
def test_one_kind_of_sandbox_is_enough_for_the_doctor(hgm: Command, no_bubblewrap: None) -> None:
    said = hgm("doctor", "--short")
    assert said.code == 0
    assert "lacking  bubblewrap: missing" in said.out
    assert "Docker's alone" in said.out


def test_no_kind_of_sandbox_is_bad(hgm: Command, no_bubblewrap: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    said = hgm("doctor", "--short")
    assert said.code == 3
    assert "bad      container engine: missing" in said.out
    assert "bad      bubblewrap: missing" in said.out
    assert "nothing can be measured" in said.out


@pytest.fixture
def no_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(discovery, "TOOLS_PATH", str(tmp_path))
    find_tools.cache_clear()
    yield
    find_tools.cache_clear()


def test_a_gain_within_the_noise_is_said_and_not_taken(tmp_path: Path) -> None:
    settings = created(seed=3)
    settings["config"]["calibration"] = "calibrated.json"
    settings["config"]["confirmation"]["accept_above_noise"] = True
    create(tmp_path / "run", {**settings, "noise": {"tasks": 3, "rate": 0.5, "deviation": 0.4}}, SEED_AGENT)
    go_on(tmp_path / "run")
    said = told(tmp_path / "run")
    assert "no more than the noise of 110.9" in said
    assert "The winner is the seed agent" in said
