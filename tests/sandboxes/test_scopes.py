import os
import subprocess
from pathlib import Path

import pytest

from sandboxes.base import Limits
from sandboxes.scopes import Scopes, find_scopes


@pytest.fixture
def systemd_run(tmp_path, monkeypatch):
    """Puts a program of ours in the place of systemd-run."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")

    def install(script: str, *, version: int = 257) -> str:
        known = f'[ "$1" = --version ] && echo "systemd {version} (x)" && exit'
        (tmp_path / "systemd-run").write_text(f"#!/bin/sh\n{known}\n{script}\n")
        (tmp_path / "systemd-run").chmod(0o755)
        return str(tmp_path)

    return install


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_a_service_manager_that_limits_is_used(systemd_run) -> None:
    path = systemd_run("echo 67108864")
    assert find_scopes(output, path=path) == Scopes(str(Path(path) / "systemd-run"), 257)


def test_a_service_manager_that_limits_nothing_is_not_used(systemd_run) -> None:
    path = systemd_run('while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    assert find_scopes(output, path=path) is None


def test_a_service_manager_that_does_not_answer_is_not_used(systemd_run) -> None:
    path = systemd_run("echo Failed to connect to bus >&2; exit 1")
    assert find_scopes(output, path=path) is None


def test_without_a_session_or_program_there_is_none(systemd_run, monkeypatch, tmp_path) -> None:
    path = systemd_run("echo 67108864")
    assert find_scopes(output, path=str(tmp_path / "elsewhere")) is None
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert find_scopes(output, path=path) is None
    assert "XDG_RUNTIME_DIR" not in os.environ


def test_every_limit_is_asked_for() -> None:
    command = Scopes("/systemd-run", 252).command("r", "j", Limits(memory_mb=2, pids=10))
    properties = {command[i + 1] for i, word in enumerate(command) if word == "--property"}
    assert properties == {"MemoryMax=2097152", "MemorySwapMax=0", "TasksMax=13"}
    assert command[-1] == "--"
    assert "OOMPolicy=continue" in Scopes("/systemd-run", 253).command("r", "j", Limits())
