"""A whole search, recorded and run again without a model: real sandboxes, gateway and seed agent."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from hgm import trajectories
from hgm.run import read
from tests.cli.command import Command

pytestmark = pytest.mark.needs("bubblewrap")

SMALL = (
    *("--budget", "6", "--seed", "3", "--sandbox", "bubblewrap", "--workers", "2", "--sealed-tasks", "1", "--quiet"),
    *("-o", "confirmation.select_tasks=1", "-o", "confirmation.candidates=1", "-o", "confirmation.sealed_repeats=1"),
    *("-o", "policy.options.root_evaluations=2", "-o", "policy.options.initial_expansions=2"),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with a short path: sockets live below it."""
    with tempfile.TemporaryDirectory(prefix="hgm-r-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="module")
def recorded(place: Path) -> Path:
    """Where runs/a was made by two workers and recorded in ./told."""
    words = [sys.executable, "-m", "hgm", "search", *SMALL, "--run", "a", "--record", "told"]
    subprocess.run(words, cwd=place, env={**os.environ, "TMPDIR": str(place)}, check=True, capture_output=True)
    return place


@pytest.fixture(autouse=True)
def there(recorded: Path, hgm: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded)
    monkeypatch.setenv("TMPDIR", str(recorded))
    monkeypatch.setattr("tempfile.tempdir", str(recorded))


@pytest.mark.parametrize(("told", "workers"), [("told", "1"), ("./runs/a", "3")])
def test_it_replays_to_the_same_tree_and_the_same_books(hgm: Command, told: str, workers: str) -> None:
    said = hgm("search", "--replay", told, "--run", f"again-{workers}", "--workers", workers, "--quiet")
    assert (said.code, said.err) == (0, "")
    assert "no model was asked" in said.out
    one, other = read(Path("runs/a")), read(Path(f"runs/again-{workers}"))
    assert one.essence() == other.essence()
    assert one.usage == other.usage
    assert [event.commit for event in one.nodes] == [event.commit for event in other.nodes]


def test_what_it_cannot_replay_is_refused_before_anything_is_made(hgm: Command) -> None:
    for flags, named in (
        (("--seed", "4"), "seed is 4 instead of 3 in the recording"),
        (("--budget", "7"), "budget is 7 instead of 6 in the recording"),
        (("--editor", "placebo"), "editor is 'placebo' instead of 'self' in the recording"),
        (("--editor", "seed"), "editor is 'AGENT' instead of 'self' in the recording"),
        (("--solver-backbone", "openai/gpt-5"), "backbones.solver is 'openai/gpt-5' instead of 'builtin/rules'"),
        (("--record", "more"), "--record"),
    ):
        said = hgm("search", "--replay", "told", "--run", "refused", *flags)
        assert said.code == 2, flags
        assert named in said.err
    said = hgm("search", "--budget", "6", "--record", "told", "--run", "refused")
    assert (said.code, "holds something already" in said.err) == (2, True)
    assert not Path("runs/refused").exists()


def test_another_agent_is_refused_by_what_it_holds(hgm: Command) -> None:
    assert hgm("tree", "best", "a", "--export", "mine").code == 0
    (Path("mine") / "more.py").write_text("")
    said = hgm("search", "--replay", "told", "--run", "refused", "--agent", "./mine")
    assert said.code == 2
    assert "the root agent's files (as a git tree)" in said.err
    assert not Path("runs/refused").exists()


def test_the_first_question_that_differs_ends_the_run_with_job_role_call_and_place(hgm: Command) -> None:
    job = read(Path("runs/a")).evaluations[-1].job
    file = Path("told/trajectories") / f"{job}.jsonl.zst"
    whole, records = file.read_bytes(), list(trajectories.read(file))
    started = [record for record in records if record["event"] == "call started"]
    started[1]["request"]["messages"][0]["content"] += " and more"
    file.write_bytes(zstandard.compress(b"".join(json.dumps(record).encode() + b"\n" for record in records)))
    said = hgm("search", "--replay", "told", "--run", "differs", "--quiet")
    file.write_bytes(whole)
    assert said.code == 3
    assert f"Error: replay: call 1 of solver in {job} asks something else than was recorded" in said.err
    assert "request.messages[0].content is …" in said.err
    state = read(Path("runs/differs"))
    assert job in state.running, "no result of the agent's"
    assert hgm("resume", "differs", "--quiet").code == 0, "the recording is as it was again"
    assert read(Path("runs/differs")).essence() == read(Path("runs/a")).essence()
