"""What is installed is what is in the tree: every package, every data file, nothing else."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("hgm", "sandboxes", "evaluators", "trees")
DATA = (
    *(
        "hgm/agents/seed",
        "hgm/agents/gui_seed",
        "hgm/harbor",
        "evaluators/tasks",
        "evaluators/templates",
        "evaluators/inside",
    ),
    "sandboxes/inside",
)
"""Folders whose every file is installed, and which are no packages."""
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", "*.egg-info")


def folders_with_code() -> set[str]:
    found = (path.parent.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return {".".join(path.parts) for path in found if not path.as_posix().startswith(DATA)}


def test_the_packages_are_listed_one_by_one():
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    assert len(listed) == len(set(listed))
    assert set(listed) == folders_with_code()


def test_every_package_says_that_it_is_one():
    assert not [name for name in folders_with_code() if not (ROOT / name.replace(".", "/") / "__init__.py").is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built from a copy, without a network, with a stale cache file where one may lie."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=LEFT_OUT)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / DATA[0] / "__pycache__").mkdir()
    (source / DATA[0] / "__pycache__" / "main.cpython-39.pyc").write_bytes(b"stale")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "-w", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(out.glob("hgm_lab-*.whl")))


def test_the_wheel_holds_every_module_and_data_file(wheel):
    listed = {*wheel.namelist()}
    assert sorted(wanted() - listed) == []


def wanted() -> set[str]:
    found = {path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()}
    ours = {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}
    assert "hgm/agents/seed/agent.toml" in ours
    return {path for path in ours if path.startswith(DATA) or Path(path).suffix in (".py", ".json", ".toml", ".md")}


def test_the_wheel_holds_nothing_else(wheel):
    extra = [name for name in wheel.namelist() if not name.startswith((*(f"{name}/" for name in PACKAGES), "hgm_lab-"))]
    assert not extra
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_holds_the_text_of_the_sandbox_image(wheel):
    assert wheel.read("sandboxes/Dockerfile") == (ROOT / "Dockerfile").read_bytes()


def test_the_wheel_makes_the_command(wheel):
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert b"hgm = hgm.cli:main" in wheel.read(entry)
