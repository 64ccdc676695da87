import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hgm.executors.local import LocalExecutor
from hgm.locks import is_held, take
from hgm.loop import Watch, search
from hgm.run import Folder, discard_unused, is_locked, locked, opened
from hgm.scratch import claimed, is_claimed
from tests.hgm.simulated import make, work
from trees.policies import make_policy

LOOKING = """
import sys, tempfile
from pathlib import Path
from hgm.run import Folder, is_locked
from hgm.scratch import is_claimed
tempfile.tempdir = sys.argv[2]
folder = Folder(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    is_locked(folder), is_claimed("run")
"""


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    return tmp_path / "t"


@contextmanager
def looked_at(run: Path, temporary: Path) -> Iterator[None]:
    """While two processes do nothing but ask who holds the run."""
    command = [sys.executable, "-c", LOOKING, str(run), str(temporary)]
    lookers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for looker in lookers:
            assert looker.stdout is not None
            assert looker.stdout.readline() == "ready\n"
        yield
        assert [looker.poll() for looker in lookers] == [None, None]
    finally:
        for looker in lookers:
            looker.kill()
            looker.communicate()


def test_who_looks_at_a_lock_makes_nobody_fail(tmp_path: Path, own_folder: Path) -> None:
    run = make(tmp_path / "run")
    with looked_at(run, own_folder):
        for _ in range(300):
            with locked(Folder(run)), claimed("run"):
                assert is_locked(Folder(run))
                assert is_claimed("run")


def test_those_who_look_do_not_take_each_other_for_a_holder(tmp_path: Path, own_folder: Path) -> None:
    run = make(tmp_path / "run")
    with looked_at(run, own_folder):
        assert not any(is_locked(Folder(run)) for _ in range(3000))


def test_a_lock_is_free_when_it_was_looked_at(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    assert not is_held(first)
    assert take(second)
    assert is_held(first)
    assert not take(first)
    os.close(second)
    assert take(first)
    os.close(first)


def test_a_run_that_did_nothing_is_discarded(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    discard_unused(run)
    assert not run.exists()
    discard_unused(run)


def test_a_run_that_another_has_taken_up_is_kept(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    with locked(Folder(run)):
        discard_unused(run)
    assert Folder(run).journal.exists()
    with opened(run) as live:
        executor = LocalExecutor(work, 1)
        search(live, make_policy("hgm"), executor, watch=Watch(), stopping=lambda: bool(live.state.jobs))
        executor.close()
    discard_unused(run)
    assert Folder(run).journal.exists()
