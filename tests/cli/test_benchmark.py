"""`hgm benchmark validate` while somebody stops it, in real sandboxes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hgm.scratch import scratch_folders
from sandboxes.leftovers import leftovers, remove
from tests.cli.command import Command

pytestmark = pytest.mark.usefixtures("only_sweeper")
SANDBOXES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("bubblewrap", "docker")]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def validating(sandbox: str) -> Iterator[subprocess.Popen[str]]:
    """A validation that has said its first verdict, is busy with the second and has many to go; ends with the block."""
    command = [sys.executable, "-m", "hgm", "benchmark", "validate", "builtin", "--sandbox", sandbox]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with started as process, ExitStack() as on_failure:
        on_failure.callback(end, process)
        assert process.stdout is not None
        assert "sound" in process.stdout.readline()
        while not leftovers(f"validate-{process.pid}"):
            assert process.poll() is None
        yield process
        on_failure.pop_all()


def end(process: subprocess.Popen[str]) -> None:
    """With all that it has made, so that no other test finds it."""
    process.kill()
    process.wait()
    remove(leftovers(f"validate-{process.pid}"))


def assert_nothing_is_left(process: subprocess.Popen[str]) -> None:
    assert list(scratch_folders().iterdir()) == []
    assert leftovers(f"validate-{process.pid}") == []


def test_killed_it_leaves_what_gc_finds(hgm: Command, sandbox: str) -> None:
    assert hgm("gc").code == 0  # what is left on the engine by whoever died before
    with validating(sandbox) as process:
        assert "nothing is left" in hgm("gc").out, "the living are left alone"
        process.kill()
    assert f"left: validate-{process.pid}: " in hgm("gc", "--dry-run").out
    assert hgm("gc").code == 0
    assert_nothing_is_left(process)


def test_interrupted_it_finishes_the_task_and_says_so(sandbox: str) -> None:
    with validating(sandbox) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert "finishing what runs" in err
    assert "Traceback" not in err
    assert "nothing is said about the other tasks" in out
    assert_nothing_is_left(process)


def test_interrupted_twice_it_stops_at_once(sandbox: str) -> None:
    with validating(sandbox) as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGTERM)
        while "Ctrl-C again" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert process.returncode == 130
    assert "nothing is said" not in out
    assert_nothing_is_left(process)
