"""scripts/setup and scripts/engine on machines that lack something: they say what, and what to do, and exit with 2."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[1]
NOBODY = 65534
TOOLS = ("bash", "cut", "dirname", "env", "grep", "mktemp", "rm", "sha256sum", "sleep", "tail")


@pytest.fixture
def bare() -> Iterator[Path]:
    """A checkout that anybody may read, beside a PATH with next to nothing on it.

    Not in tmp_path: any other pytest that starts takes its parents away from other users.
    """
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "scripts").mkdir()
        for name in ("setup", "engine"):
            shutil.copy(ROOT / "scripts" / name, place / "scripts")
        shutil.copy(ROOT / "pyproject.toml", place)
        (place / "bin").mkdir()
        for tool in TOOLS:
            (place / "bin" / tool).symlink_to(shutil.which(tool))
        yield place


def give(bare: Path, name: str, script: str = "exit 0") -> None:
    """Put a program on the PATH."""
    program = bare / "bin" / name
    program.write_text(f"#!/usr/bin/env bash\n{script}\n")
    program.chmod(0o755)


def setup(bare: Path, goal: str, **env: str) -> tuple[int, str]:
    return script(bare, "setup", goal, **env)


def script(bare: Path, *words: str, **env: str) -> tuple[int, str]:
    """Run it as somebody who is not root."""
    done = subprocess.run(
        [f"scripts/{words[0]}", *words[1:]],
        cwd=bare,
        env={"PATH": str(bare / "bin"), **env},
        capture_output=True,
        text=True,
        check=False,
        user=NOBODY if os.geteuid() == 0 else None,
    )
    return done.returncode, done.stdout + done.stderr


def test_an_unknown_goal_is_a_usage_error(bare):
    assert setup(bare, "everything") == (2, "usage: scripts/setup search|test|check\n")


def test_a_user_is_told_the_one_line_for_what_is_missing(bare):
    give(bare, "apt-get", 'echo "apt-get was started" >&2; exit 1')
    status, said = setup(bare, "search")
    assert status == 2
    assert "Missing on this system: bubblewrap git." in said
    assert "sudo apt-get update && sudo apt-get install -y bubblewrap git" in said
    assert "apt-get was started" not in said


def test_elsewhere_than_on_debian_the_names_are_given(bare):
    give(bare, "git")
    status, said = setup(bare, "search")
    assert status == 2
    assert "Missing on this system: bubblewrap." in said
    assert "your system's package manager" in said
    assert "sudo" not in said


def test_a_python_that_is_too_old_is_refused_by_name(bare):
    give(bare, "git")
    give(bare, "python3", "exit 1")
    status, said = setup(bare, "check", PYTHON="python3")
    assert status == 2
    assert "Python 3.11 or newer is needed, and python3 is not" in said


def test_a_python_without_venv_names_its_package(bare):
    give(bare, "git")
    give(bare, "apt-get", "exit 1")
    give(bare, "python3", 'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.12-venv;; esac')
    status, said = setup(bare, "check")
    assert status == 2
    assert "sudo apt-get install -y python3.12-venv" in said


def test_what_fails_is_shown(bare):
    give(bare, "git")
    give(bare, "python3", 'case "$*" in *"-m venv"*) echo "No space left on device"; exit 1;; esac')
    status, said = setup(bare, "check")
    assert status == 3
    assert "No space left on device" in said


def test_an_engine_is_started_by_root_alone(bare):
    give(bare, "apt-get", 'echo "apt-get was started" >&2; exit 1')
    status, said = script(bare, "engine")
    assert status == 2
    assert "only root may start one" in said
    assert "apt-get was started" not in said


def test_an_engine_elsewhere_is_not_replaced(bare):
    give(bare, "docker", "exit 1")
    give(bare, "dockerd", 'echo "dockerd was started" >&2')
    status, said = script(bare, "engine", DOCKER_HOST="tcp://127.0.0.1:9")
    assert (status, said) == (2, "No engine answers at DOCKER_HOST=tcp://127.0.0.1:9.\n")
