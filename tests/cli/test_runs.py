from pathlib import Path

from hgm.run import create, read, read_events
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, created, go_on, make


def test_no_runs_yet(hgm: Command) -> None:
    said = hgm("runs", "list")
    assert (said.code, "hgm search --budget 40" in said.out) == (0, True)


def test_all_runs_are_listed_and_a_broken_one_does_not_hide_them(hgm: Command, finished: Path) -> None:
    make(finished.parent / "new")
    make(finished.parent / "broken")
    (finished.parent / "broken" / "journal.sqlite").write_bytes(b"not a journal")
    lines = hgm("runs", "list").out.splitlines()
    states = {line.split()[0]: line for line in lines[1:]}
    assert "finished" in states["done"]
    assert "stopped while searching" in states["new"]
    assert "cannot be read" in states["broken"]


def test_a_run_with_a_configuration_of_another_time_does_not_hide_the_others(hgm: Command, finished: Path) -> None:
    event = created()
    event["config"]["workers"] = 192
    create(finished.parent / "wide", event, SEED_AGENT)
    said = hgm("runs", "list")
    states = {line.split()[0]: line for line in said.out.splitlines()[1:]}
    assert said.code == 0
    assert "cannot be read" in states["wide"]
    assert "finished" in states["done"]
    shown = hgm("runs", "show", "wide")
    assert (shown.code, "workers" in shown.err, "Traceback" in shown.err) == (3, True, False)


def test_a_run_is_shown(hgm: Command, finished: Path) -> None:
    said = hgm("runs", "show", "done")
    state = read(finished)
    assert said.code == 0
    assert "budget = 60" in said.out
    assert f"the winner is agent {state.winner}" in said.out
    assert "opened 1 time" in said.out
    assert "others: --events" in said.out


def test_every_event_is_shown(hgm: Command, finished: Path) -> None:
    said = hgm("runs", "show", "done", "--events")
    numbers = [line.split()[0] for line in said.out.splitlines() if line.startswith("  ")]
    assert [number for number in numbers if number.isdigit()] == [str(event.seq) for event in read_events(finished)]


def test_a_run_by_its_path(hgm: Command, finished: Path) -> None:
    assert hgm("runs", "show", "./runs/done").code == 0
    assert hgm("runs", "show", finished).code == 0


def test_a_fork_is_named_and_can_go_on(hgm: Command, finished: Path) -> None:
    said = hgm("fork", "done", "--at", "40", "--policy", "greedy", "--run", "other")
    assert said.code == 0
    assert "hgm resume other" in said.out
    assert read(finished.parent / "other").config.policy.name == "greedy"
    assert "forked     from done at event 40" in hgm("runs", "show", "other").out
    assert go_on(finished.parent / "other") == ""


def test_a_fork_gets_the_next_free_name(hgm: Command, finished: Path) -> None:
    assert "builtin-1" in hgm("fork", "done", "--at", "3").out
    assert "builtin-2" in hgm("fork", "done", "--at", "3").out
