"""Folders that a user may not read or write: exit code 2 and what to do, never a traceback."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ORDINARY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root without the right to pass over permissions."""

REFUSED = {
    "a fork into a read-only folder": (("fork", "ro/done", "--at", "20", "--run", "ro/new"), "--runs-dir"),
    "a run of somebody else": (("resume", "ro/half"), "run of yours"),
    "an export into a read-only folder": (("tree", "best", "ro/done", "--export", "ro/mine"), "new folder"),
    "a document in a read-only folder": (("tree", "export", "ro/done", "-o", "ro/x.json"), "folder that exists"),
    "a document in a closed folder": (("tree", "export", "ro/done", "-o", "closed/x.json"), "folder that exists"),
    "results in a closed folder": (("evaluate", "seed", "--json", "closed/x.json"), "folder that exists"),
    "a run in a closed folder": (("resume", "closed/run"), "hgm runs list"),
    "runs in a closed folder": (("runs", "list", "--runs-dir", "closed/runs"), "--runs-dir"),
    "an agent that is closed": (("evaluate", "./closed"), "cannot be read"),
    "an agent in a closed folder": (("search", "--budget", "5", "--agent", "./closed/agent"), "RUN:best"),
    "a closed configuration": (("search", "--budget", "5", "--config", "closed/c.toml"), "cannot be read"),
    "a closed calibration": (("search", "--budget", "5", "--calibration", "closed/c.json"), "cannot be read"),
}


@pytest.fixture(scope="module")
def place(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with `ro`, which holds runs and may not be written, and `closed`."""
    from tests.hgm.simulated import go_on, make

    place = tmp_path_factory.mktemp("place")
    shutil.copytree(simulated, place / "ro" / "done")
    go_on(make(place / "ro" / "half"), stop_after=5)
    (place / "closed").mkdir(mode=0)
    for path in [*place.glob("ro/**/*"), place / "ro"]:
        path.chmod(path.stat().st_mode & ~0o222)
    if hgm(place, "runs", "list", "--runs-dir", "closed").returncode == 0:
        pytest.skip("permissions do not bind this user, and setpriv cannot make them")
    yield place
    for path in [place / "ro", *place.glob("ro/**/"), place / "closed"]:
        path.chmod(0o755)


def hgm(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*ORDINARY, sys.executable, "-m", "hgm", *words]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("words", "remedy"), REFUSED.values(), ids=REFUSED.keys())
def test_what_may_not_be_read_or_written_is_explained(place: Path, words: tuple[str, ...], remedy: str) -> None:
    ended = hgm(place, *words)
    assert ended.returncode == 2, ended.stderr
    assert remedy in ended.stderr
    assert "Traceback" not in ended.stderr


def test_runs_of_somebody_else_can_be_looked_at(place: Path) -> None:
    listed = hgm(place, "runs", "list", "--runs-dir", "ro")
    assert (listed.returncode, "finished" in listed.stdout) == (0, True)
    for words in (("runs", "show", "ro/done"), ("tree", "show", "ro/half"), ("tree", "diff", "ro/done", "1")):
        assert hgm(place, *words).returncode == 0
