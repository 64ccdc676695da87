import os
import subprocess
import sys
from pathlib import Path

import pytest

from hgm import scratch, sweep
from hgm.errors import RunError
from hgm.run import DRAFT, Folder, drafted, is_locked
from hgm.scratch import Scratch, claimed, is_claimed, run_id
from tests.hgm.simulated import make

pytestmark = pytest.mark.usefixtures("only_sweeper")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


def test_a_scratch_folder_is_held_and_gone_afterwards() -> None:
    with Scratch("run") as held:
        assert held.root.is_dir()
        assert is_claimed("run")
        with pytest.raises(RunError, match="in use"), claimed("run"):
            pass
        assert held.root.is_dir(), "who was refused removes nothing"
    assert not held.root.parent.exists()
    assert not is_claimed("run")


def test_others_may_pass_but_not_look() -> None:
    with Scratch("run") as held:
        assert [oct(folder.stat().st_mode & 0o777) for folder in (held.root, held.root.parent)] == ["0o711"] * 2


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tmp" / f"hgm-{os.getuid()}"
    folder.symlink_to(tmp_path)
    with pytest.raises(RunError, match="TMPDIR"):
        Scratch("run")


HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from hgm.scratch import Scratch
with Scratch("run") as held:
    (held.root / "left").write_text("")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_the_killed_leave_what_is_found_and_removed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "tmp")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        assert sweep.find(tmp_path / "runs") == [], "the living are left alone"
        with pytest.raises(RunError, match="in use"):
            sweep.clean("run")
        holder.kill()
        holder.wait()
    (leaving,) = sweep.find(tmp_path / "runs")
    assert (leaving.run, leaving.folder) == ("run", scratch.scratch_folders() / "run")
    sweep.discard(leaving)
    assert not list(scratch.scratch_folders().iterdir())
    assert sweep.find(tmp_path / "runs") == []


def test_a_run_that_is_open_keeps_its_leavings(tmp_path: Path) -> None:
    from hgm.run import locked

    run = make(tmp_path / "runs" / "r")
    folder = scratch.scratch_folders() / run_id(run)
    folder.mkdir()
    with locked(Folder(run)):
        assert sweep.find(tmp_path / "runs") == []
    assert [leaving.folder for leaving in sweep.find(tmp_path / "runs")] == [folder]


def test_a_draft_is_removed_when_its_maker_is_dead(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with drafted(runs / "new") as draft:
        assert DRAFT.fullmatch(draft.path.name)
        assert sweep.find(runs) == [], "its maker is at work"
        assert is_locked(draft)
    (runs / ".hgm-draft-dead.abcdefgh").mkdir()
    (runs / ".hgm-draft-dead.abcdefgh" / "lock").write_text("")
    (runs / ".hgm-draft-bare.abcdefgh").mkdir()
    (runs / ".other").mkdir()
    assert [leaving.run for leaving in sweep.find(runs)] == [".hgm-draft-dead.abcdefgh"], (
        "a bare one may be just being made"
    )
    os.utime(runs / ".hgm-draft-bare.abcdefgh", (0, 0))
    for leaving in sweep.find(runs):
        sweep.discard(leaving)
    assert sorted(os.listdir(runs)) == [".other", "new"]


@pytest.mark.parametrize("name", [".notes.original", ".venv.disabled", ".hgm.original", ".hgm-draft-notes"])
def test_hidden_folders_of_a_user_are_never_drafts(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "lock").write_text("")
    os.utime(tmp_path / name, (0, 0))
    assert sweep.find(tmp_path) == []


def test_a_run_that_cannot_be_made_leaves_no_draft(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), drafted(tmp_path / "new"):
        raise ZeroDivisionError
    with drafted(tmp_path / "new"):
        pass
    with pytest.raises(RunError, match="exists already"), drafted(tmp_path / "new"):
        pass
    with pytest.raises(RunError, match="meanwhile"), drafted(tmp_path / "other"):
        make(tmp_path / "other")
    assert sorted(os.listdir(tmp_path)) == ["new", "other", "tmp"]
