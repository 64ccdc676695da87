"""What is kept of what an agent left behind: a patch that can be read, and nothing that fills the disk."""

import os
import subprocess
from pathlib import Path

import pytest

from hgm.evaluate import evaluate
from hgm.patch import MOST_BYTES, MOST_CHARS, patch
from hgm.seal import Sealer
from hgm.trajectories import latest_lease
from sandboxes.base import File, Files
from tests.hgm.small_lab import ASKS, agent, evaluation, scripted, small_lab

BEFORE: Files = {
    b"a.py": File(b"x = 1\n"),
    b"same.py": File(b""),
    b"gone": File(b"old\n"),
    b"run": File(b"#!/bin/sh\n"),
}
AFTER: Files = {
    b"a.py": File(b"x = 2\n"),
    b"same.py": File(b""),
    b"gone/now": File(b"\0\xff"),
    b"run": File(b"#!/bin/sh\n", "100755"),
}


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_patch_makes_the_one_workspace_of_the_other(tmp_path: Path) -> None:
    text = patch(BEFORE, AFTER, tmp_path)
    assert "same.py" not in text
    place = tmp_path / "workspace"
    place.mkdir()
    for name in BEFORE:
        (place / os.fsdecode(name)).write_bytes(BEFORE[name].data)
    subprocess.run(["git", "apply", "-"], input=text.encode(), cwd=place, check=True, env={"PATH": os.environ["PATH"]})
    left = {os.fsencode(path.relative_to(place)): path for path in place.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in left.items()} == {name: AFTER[name].data for name in AFTER}
    assert os.access(left[b"run"], os.X_OK)


def test_no_change_is_no_patch(tmp_path: Path) -> None:
    assert patch(BEFORE, dict(BEFORE), tmp_path) == ""


def test_large_files_are_named_and_not_shown(tmp_path: Path) -> None:
    noise = {b"b%02d\x1b" % number: File(os.urandom(MOST_BYTES + 1)) for number in range(2)}
    text = patch(BEFORE, {**AFTER, **noise}, tmp_path)
    assert text.startswith("(Too large to show, 2 changed: b00\\x1b, b01\\x1b)\n")
    assert "+x = 2" in text
    assert len(text) < 2_000
    assert list(tmp_path.iterdir()) == []


def test_many_files_are_cut_too(tmp_path: Path) -> None:
    noise = {b"n%d" % number: File(os.urandom(50_000)) for number in range(200)}
    text = patch({}, noise, tmp_path)
    assert "Too large to show" in text[:50]
    assert "characters left out" in text
    assert len(text) < MOST_CHARS + 2_000


def test_a_seal_depends_on_all_of_a_workspace(tmp_path: Path) -> None:
    sealer = Sealer(tmp_path)
    first = sealer.seal(BEFORE)
    assert sealer.seal(dict(BEFORE)) is first
    assert sealer.seal({**BEFORE, b"run": AFTER[b"run"]}) != first
    assert sealer.seal({**BEFORE, b"a.py": AFTER[b"a.py"]}) != first
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("bubblewrap")
def test_what_an_agent_leaves_behind_does_not_fill_the_disk(tmp_path: Path) -> None:
    fills = agent(f"{ASKS}import os\nfor i in range(3): open(f'b{{i}}', 'wb').write(os.urandom(5 << 20))\n")
    with small_lab(tmp_path / "run", fills) as lab, scripted(lab, tmp_path, [{"text": "", "repeat": True}]) as lab:
        before = on_disk(lab.scratch.root)
        result = evaluate(evaluation(lab), lab, 0)
        assert on_disk(lab.scratch.root) - before < 1 << 20
        assert on_disk(lab.trajectories) < 1 << 20
        host = latest_lease(lab.trajectories / f"{result.job}.jsonl.zst")["host"].record
    assert "3 changed: b0, b1, b2" in host["patch"]
