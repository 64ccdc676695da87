"""What dead runs left on an engine goes; what a live one holds, and what nobody knows about, stays."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hgm.scratch import claimed, run_id
from hgm.sweep import clean, discard, find
from sandboxes.engine import MAKER_LABEL, connect, labels, this_process
from sandboxes.images import image_name
from tests.cli.command import command
from tests.hgm.simulated import make

pytestmark = [pytest.mark.needs("docker"), pytest.mark.usefixtures("only_sweeper")]

Contain = Callable[..., str]


@pytest.fixture
def contain() -> Iterator[Contain]:
    """Makes a container as a sandbox of that run would have."""
    made = []

    def contain(run: str, *, maker: str = str(this_process())) -> str:
        marks = {**labels(run, "e-1"), MAKER_LABEL: maker}
        made.append(connect().api.create_container(image_name(), ["sleep", "1000"], labels=marks)["Id"])
        return str(made[-1])

    yield contain
    for box in made:
        if is_there(box):
            connect().api.remove_container(box, v=True, force=True)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def is_there(box: str) -> bool:
    return box in {found["Id"] for found in connect().api.containers(all=True)}


def dead_process() -> str:
    asked = "from sandboxes.engine import this_process; print(this_process())"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_dead_runs_containers_go_and_all_others_stay(contain: Contain, tmp_path: Path) -> None:
    dead, live = (make(tmp_path / "runs" / name) for name in ("dead", "live"))
    gone, kept, foreign = contain(run_id(dead)), contain(run_id(live)), contain("of-another-folder")
    with claimed(run_id(live)):
        found = [leaving for leaving in find(tmp_path / "runs") if leaving.run in map(run_id, (dead, live))]
        assert [(leaving.run, leaving.folder, len(leaving.things)) for leaving in found] == [(run_id(dead), None, 1)]
        for leaving in found:
            discard(leaving)
        assert "of-another-folder" not in {leaving.run for leaving in find(tmp_path / "runs")}
    assert not is_there(gone)
    assert is_there(kept)
    assert is_there(foreign)


def test_what_a_dead_process_made_goes_whatever_its_run(contain: Contain, tmp_path: Path) -> None:
    orphan = contain("canary", maker=dead_process())
    kept = contain("canary")
    (leaving,) = [leaving for leaving in find(tmp_path) if leaving.run == "canary"]
    discard(leaving)
    assert not is_there(orphan)
    assert is_there(kept)


def test_a_run_that_begins_again_is_clean(contain: Contain) -> None:
    boxes = [contain("again") for _ in range(2)]
    clean("again")
    assert not any(map(is_there, boxes))


def test_what_a_process_becomes_that_must_stop_removes_them(contain: Contain, tmp_path: Path) -> None:
    boxes = [contain("stopped"), contain("another")]
    done = subprocess.run(
        [sys.executable, "-m", "hgm.sweep", "130", "stopped"], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False
    )
    assert done.returncode == 130
    assert [is_there(box) for box in boxes] == [False, True]


def test_the_command_counts_them(
    contain: Contain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_id(make(tmp_path / "runs" / "dead"))
    boxes = [contain(run) for _ in range(2)]
    hgm = command(capsys)
    line = f"{run}: 2 containers\n"
    assert f"left: {line}" in hgm("gc", "--dry-run").out
    assert all(map(is_there, boxes))
    assert f"removed: {line}" in hgm("gc").out
    assert not any(map(is_there, boxes))
