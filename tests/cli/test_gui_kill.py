"""What a controller that is killed while a page is played leaves: nothing, or what `hgm gc` removes."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from evaluators.gui.pool import open_stage
from evaluators.registry import open_benchmark
from hgm.errors import SandboxError
from sandboxes.choose import choose
from sandboxes.engine import FOLDER_PREFIX, RUN_LABEL, connect
from sandboxes.leftovers import leftovers, remove
from sandboxes.names import encoded
from tests.cli.command import Command

pytestmark = pytest.mark.usefixtures("only_sweeper")
PROGRAM = """
import sys
from evaluators.gui.pool import open_stage
from evaluators.registry import open_benchmark
from hgm.scratch import claimed
from sandboxes.choose import choose
stage = open_stage(choose(sys.argv[1]), run=sys.argv[2])
task = open_benchmark("miniwob").task("click-test@0")
with claimed(sys.argv[2]), stage.episode(task, job="job", slot=0) as episode:
    print(episode.observe().goal, flush=True)
    sys.stdin.read()
"""
SANDBOXES = [
    pytest.param("bubblewrap", marks=pytest.mark.needs("bubblewrap", "chromium", "root")),
    pytest.param("docker", marks=pytest.mark.needs("docker", "browser")),
]


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run() -> Iterator[str]:
    name = f"gui-kill-{os.getpid()}"
    yield name
    remove(leftovers(name))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    return tmp_path / "t"


def test_after_a_kill_nothing_is_left(hgm: Command, sandbox: str, run: str, folder: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, sandbox, run]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Click the button.\n"
        assert "nothing is left" in hgm("gc").out, "the living are left alone"
        assert list(folder.glob(f"{FOLDER_PREFIX}*"))
        handles = [os.pidfd_open(pid) for pid in browsers(process.pid, run)]
        assert len(handles) >= 3, "a browser is several processes"
        process.kill()
    if sandbox == "bubblewrap":
        assert all(ended(handle, 20) for handle in handles), "they die with their controller"
    assert hgm("gc").code == 0
    assert all(ended(handle, 20) for handle in handles)
    for handle in handles:
        os.close(handle)
    assert leftovers(run) == []
    assert not list(folder.glob(f"{FOLDER_PREFIX}*"))


def test_a_stage_that_is_closed_leaves_nothing(sandbox: str, run: str, folder: Path) -> None:
    with closing(open_stage(choose(sandbox), run=run)) as stage:
        for name in ("click-test@0", "enter-text@0"):
            with stage.episode(open_benchmark("miniwob").task(name), job="job", slot=0):
                assert leftovers(run)
        handles = [os.pidfd_open(pid) for pid in browsers(os.getpid(), run)]
        assert len(handles) >= 3
    assert all(ended(handle, 20) for handle in handles)
    for handle in handles:
        os.close(handle)
    assert leftovers(run) == []
    assert not list(folder.glob(f"{FOLDER_PREFIX}*"))


def browsers(controller: int, run: str) -> list[int]:
    """Processes of a browser: below the controller, or in the containers of its run."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            parents[int(place.name)] = int(fields[1])
    below = {pid for pid in parents if is_below(pid, controller, parents)}
    with suppress(SandboxError):  # a machine without an engine
        api = connect().api
        for found in api.containers(filters={"label": [f"{RUN_LABEL}={encoded(run)}"]}):
            below |= {int(row[1]) for row in api.top(found["Id"])["Processes"]}
    return [pid for pid in below if b"chromium" in command_of(pid)]


def is_below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == root:
            return True
    return False


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def ended(handle: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
