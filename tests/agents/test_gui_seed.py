"""The GUI seed agent as what it is: a folder of programs for any Python from 3.9 on, with tests of its own."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hgm.agents
from tests.agents.pythons import interpreters

SEED = Path(hgm.agents.__file__).parent / "gui_seed"
MODULES = sorted(SEED.rglob("*.py"))


@pytest.fixture
def copy(tmp_path):
    """The agent alone in a folder, as it stands in a sandbox."""
    return shutil.copytree(SEED, tmp_path / "agent", ignore=shutil.ignore_patterns("__pycache__"))


def run(folder, *command):
    environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SEED)))
def test_it_imports_the_standard_library_and_itself_alone(path):
    own = {module.stem for module in SEED.glob("*.py")} | {"tests"}
    for node in ast.walk(ast.parse(path.read_bytes(), feature_version=(3, 9))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | own


@pytest.mark.parametrize("version", interpreters())
def test_its_own_tests_are_green(version, copy):
    python = interpreters()[version]
    actual = run(copy, python, "-c", "import sys; print(sys.version_info[:2] >= (3, 9))")[1].strip()
    if actual != "True":
        pytest.skip(f"{python} is older than Python 3.9")
    status, output = run(copy, python, "-S", "-E", "-s", "-m", "unittest", "discover", "-s", "tests")
    assert status == 0, output
    assert int(re.search(r"Ran (\d+) tests", output)[1]) >= 10
    status, output = run(copy, python, "-S", "-E", "-s", "main.py", "--self-test")
    assert status == 0, output


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("loop.py", "messages.append(answer(call, before, seen))", "pass"),
        ("actions.py", 'action["name"] = call["function"]["name"]', "pass"),
        ("page.py", "return STATES.sub", "return STATES.findall"),
    ],
)
def test_its_self_test_fails_when_something_is_broken(copy, file, old, new):
    command = (sys.executable, "-S", "-E", "-s", "main.py", "--self-test")
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    assert run(copy, *command)[0] == 1


def test_its_manifest_is_the_coding_agents_but_for_what_it_does():
    ours, theirs = (tomllib.loads((SEED.parent / name / "agent.toml").read_text()) for name in ("gui_seed", "seed"))
    assert ours.pop("kinds") == ["gui"]
    assert ours.pop("name") == "gui_seed"
    theirs.pop("name")
    theirs.pop("kinds", None)
    assert ours == theirs


def test_it_is_small_enough_to_read_at_once():
    assert sum(len(path.read_text().splitlines()) for path in SEED.glob("*.py")) <= 300
