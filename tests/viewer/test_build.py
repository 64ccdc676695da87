"""The viewer's script and style are what its sources make, byte for byte."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "trees" / "export" / "viewer"
MOST_BYTES = 400_000
BUILDS = "test_it_is_built_anew_from_its_sources"


def test_the_page_s_own_parts_are_small() -> None:
    assert sum((BUILT / name).stat().st_size for name in ("app.js", "app.css")) < MOST_BYTES


def test_no_source_names_a_registry() -> None:
    assert '"resolved"' not in (ROOT / "viewer" / "package-lock.json").read_text()


@pytest.mark.parametrize(("required", "status", "said"), [("npm", 1, "HGM_REQUIRE names npm"), ("", 0, "1 skipped")])
def test_parts_that_cannot_be_fetched_are_a_failure_where_npm_is_required(
    tmp_path: Path, required: str, status: int, said: str
) -> None:
    for name, text in (("npm", "echo no registry >&2; exit 1"), ("node", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HGM_REQUIRE": required}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"{__file__}::{BUILDS}"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout
    assert "no registry" in done.stdout or not required, done.stdout


@pytest.mark.needs("npm")
@pytest.mark.timeout(300)
def test_it_is_built_anew_from_its_sources(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "viewer", tmp_path / "viewer", ignore=shutil.ignore_patterns("node_modules"))
    env = {**os.environ, "npm_config_cache": str(tmp_path / "cache"), "npm_config_update_notifier": "false"}
    fetched = subprocess.run(
        ["npm", "ci", "--silent"], cwd=tmp_path / "viewer", env=env, capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        pytest.skip(f"npm cannot fetch the viewer's parts: {fetched.stderr[-300:]}")
    for command in ("check", "test", "build"):
        done = subprocess.run(
            ["npm", "run", "--silent", command], cwd=tmp_path / "viewer", env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    for name in ("app.js", "app.css", "LICENSES.txt"):
        made = tmp_path / "trees" / "export" / "viewer" / name
        assert made.read_bytes() == (BUILT / name).read_bytes(), f"{name}: make viewer"
