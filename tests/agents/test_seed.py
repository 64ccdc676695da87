"""The seed agent as what it is: a folder of programs for any Python from 3.9 on, with tests of its own."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hgm.agents
from hgm.contract import read_agent, read_manifest, self_test_command
from tests.agents.pythons import interpreters

SEED = Path(hgm.agents.__file__).parent / "seed"
MODULES = sorted(path for path in SEED.rglob("*.py"))


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
    tree = ast.parse(path.read_bytes(), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not isinstance(node, ast.ImportFrom) or node.level == 0
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | own


@pytest.mark.parametrize("version", interpreters())
def test_its_own_tests_are_green(version, copy):
    python = interpreters()[version]
    actual = run(copy, python, "-c", "import sys; print(sys.version_info[:2] >= (3, 9))")[1].strip()
    if actual != "True":
        pytest.skip(f"{python} is older than Python 3.9")
    status, output = run(copy, python, "-S", "-E", "-s", "-m", "unittest", "discover", "-s", "tests")
    assert status == 0, output
    assert int(re.search(r"Ran (\d+) tests", output)[1]) >= 8
    status, output = run(copy, python, "-S", "-E", "-s", "main.py", "--self-test")
    assert status == 0, output


def test_the_self_test_of_its_manifest_fails_when_something_is_broken(copy):
    manifest = read_manifest(read_agent(copy))
    command = self_test_command(manifest)
    assert run(copy, *command)[0] == 0
    tools = copy / "tools.py"
    tools.write_text(tools.read_text().replace("UNDO.pop()", "UNDO[0]"))
    broken = copy / "loop.py"
    broken.write_text(broken.read_text().replace("messages.append(answer(call))", "pass"))
    assert run(copy, *command)[0] == 1


def test_the_manifest_is_accepted():
    manifest = read_manifest(read_agent(SEED))
    assert (manifest.name, manifest.python, manifest.relay) == ("seed", "3.9", False)
    assert manifest.command[-1] == "/hgm/agent/main.py"
    assert "agent.toml" in manifest.frozen


def test_reading_the_agent_leaves_caches_out(copy):
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "loop.cpython-311.pyc").write_bytes(b"x")
    assert sorted(read_agent(copy)) == sorted(
        str(path.relative_to(SEED)).encode()
        for path in SEED.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def test_it_is_small_enough_to_read_at_once():
    assert sum(len(path.read_text().splitlines()) for path in SEED.glob("*.py")) <= 300
