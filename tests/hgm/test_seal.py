"""The repository that an agent finds in its workspace tells nothing but the workspace."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hgm.lab import Lab
from sandboxes.base import File, Files
from tests.hgm.small_lab import agent, small_lab
from trees.folders import write_folder

pytestmark = pytest.mark.needs("bubblewrap")
FILES: Files = {
    b"answer.py": File(b"x = 1\n"),
    b"bin/run.sh": File(b"#!/bin/sh\n", "100755"),
    b"link": File(b"answer.py", "120000"),
    b".gitignore": File(b"*.log\n"),
    b"kept.log": File(b"also part of the task\n"),
    b"\xc3\xa9 name": File(b""),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("seal") / "run", agent()) as lab:
        yield lab


def git(folder: Path, *words: str) -> str:
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "safe.directory=*", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def written(lab: Lab, files: Files, folder: Path) -> Path:
    write_folder(files, folder, read_only=False)
    for path, file in lab.sealer.seal(files).items():
        target = folder / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
    return folder


def test_it_holds_one_commit_of_the_whole_workspace(lab: Lab, tmp_path: Path) -> None:
    workspace = written(lab, FILES, tmp_path / "w")
    assert git(workspace, "status", "--porcelain") == ""
    assert git(workspace, "log", "--all", "--format=%an %ae %s").splitlines() == ["hgm hgm@localhost The task"]
    listed = git(workspace, "ls-tree", "-r", "-z", "--name-only", "HEAD").rstrip("\0").split("\0")
    assert {name.encode() for name in listed} == set(FILES)


def test_it_holds_no_other_object_no_hook_and_no_name_of_the_host(lab: Lab, tmp_path: Path) -> None:
    workspace = written(lab, FILES, tmp_path / "w")
    reachable = {line.split()[0] for line in git(workspace, "rev-list", "--objects", "HEAD").splitlines()}
    every = git(workspace, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert set(every) == reachable
    sealed = lab.sealer.seal(FILES)
    assert all(path.startswith(b".git/") for path in sealed)
    assert not [path for path in sealed if b"/hooks/" in path]
    told = b"".join(file.data for file in sealed.values())
    assert os.fsencode(lab.scratch.root) not in told
    assert os.uname().nodename.encode() not in told


def test_it_is_the_same_whatever_the_user_has_configured(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**FILES, b"other.py": File(b"")}
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    workspace = written(lab, files, tmp_path / "w")
    assert git(workspace, "log", "--format=%an %at %ct") == "hgm 1577836800 1577836800\n"
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_workspace_has_a_commit_too(lab: Lab, tmp_path: Path) -> None:
    workspace = written(lab, {}, tmp_path / "w")
    assert git(workspace, "rev-list", "--count", "HEAD") == "1\n"


def test_equal_workspaces_have_equal_repositories_and_others_not(lab: Lab) -> None:
    changed = {**FILES, b"answer.py": File(b"x = 1\n", "100755")}
    assert lab.sealer.seal(dict(FILES)) == lab.sealer.seal(FILES)
    assert lab.sealer.seal(changed) != lab.sealer.seal(FILES)
