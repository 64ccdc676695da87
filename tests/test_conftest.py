"""The machinery of the tests themselves: a missing part is seen, and fails where it is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import share

CONFTEST = Path(__file__).with_name("conftest.py")
MARKED = """
import pytest

@pytest.mark.needs("bubblewrap")
def test_marked():
    pass
"""


def run_pytest(folder: Path, source: str, *more: str, path: str = "", **env: str) -> tuple[int, str]:
    """Run one test file below a copy of our conftest, in an interpreter of its own."""
    tests = folder / "checkout" / "tests"
    tests.mkdir(parents=True)
    (tests / "conftest.py").write_bytes(CONFTEST.read_bytes())
    (tests / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-ra", "--strict-markers", "-p", "no:cacheprovider", *more, "."]
    done = subprocess.run(
        command, cwd=tests, capture_output=True, text=True, check=False, env={"PATH": path, "COLUMNS": "200", **env}
    )
    return done.returncode, done.stdout + done.stderr


def test_a_missing_part_is_a_skip_with_its_reason(tmp_path):
    status, said = run_pytest(tmp_path, MARKED)
    assert status == 0
    assert "1 skipped" in said
    assert "bubblewrap is not installed (apt-get install bubblewrap)" in said


def test_a_missing_part_that_is_required_fails(tmp_path):
    status, said = run_pytest(tmp_path, MARKED, HGM_REQUIRE="root,bubblewrap")
    assert status == 1
    assert "HGM_REQUIRE names bubblewrap" in said


@pytest.mark.parametrize(
    "source",
    [
        'import pytest\ndef test_it():\n    pytest.skip("no bubblewrap here")\n',
        'import pytest\npytest.skip("no bubblewrap here", allow_module_level=True)\n',
    ],
    ids=["inside a test", "whole module"],
)
def test_a_plain_skip_that_names_a_required_part_fails_too(tmp_path, source):
    status, said = run_pytest(tmp_path, source, HGM_REQUIRE="bubblewrap")
    assert status != 0
    assert "HGM_REQUIRE names bubblewrap" in said


def test_another_skip_stays_a_skip(tmp_path):
    source = 'import pytest\ndef test_it():\n    pytest.skip("nothing to see")\n'
    assert run_pytest(tmp_path, source, HGM_REQUIRE="bubblewrap")[0] == 0


def test_a_misspelt_part_is_an_error(tmp_path):
    status, said = run_pytest(tmp_path, MARKED, HGM_REQUIRE="bubblewarp")
    assert status == 4
    assert "no such part: bubblewarp" in said


def test_missing_benchmark_data_is_a_skip(tmp_path):
    status, said = run_pytest(tmp_path, 'def test_it(shared_data):\n    shared_data("quixbugs.jsonl")\n')
    assert status == 0
    assert "../shared/data/quixbugs.jsonl is not beside this checkout" in said


def test_no_key_reaches_a_test(tmp_path):
    source = (
        "import os\ndef test_it():\n    assert not {'X_API_KEY', 'OPENAI_BASE_URL', 'HGM_SOCKET'} & set(os.environ)\n"
    )
    env = {"X_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1", "HGM_SOCKET": "/nowhere"}
    assert run_pytest(tmp_path, source, **env)[0] == 0


def test_a_test_that_changes_the_environment_fails_and_the_next_one_sees_nothing_of_it(tmp_path):
    source = """
import os

def test_one():
    os.environ["LEFT"] = "1"

def test_two():
    assert "LEFT" not in os.environ
"""
    status, said = run_pytest(tmp_path, source)
    assert status == 1
    assert "2 passed, 1 error" in said
    assert "leaves the environment changed" in said


def test_requiring_root_does_not_require_its_absence(tmp_path):
    source = 'import pytest\ndef test_it():\n    pytest.skip("this is about unprivileged users (no-root)")\n'
    assert run_pytest(tmp_path, source, HGM_REQUIRE="root")[0] == 0


def test_this_very_process_has_no_key():
    assert not [name for name in os.environ if name.endswith("_KEY")]


def test_two_workers_require_the_same(tmp_path):
    """And so does whoever collects: the name of a required part must reach them all."""
    status, said = run_pytest(tmp_path, MARKED, "-n", "2", HGM_REQUIRE="bubblewrap")
    assert status == 1
    assert "HGM_REQUIRE names bubblewrap" in said


def test_workers_share_out_whole_classes_and_files_and_the_battery_by_sandbox():
    one, other = share("tests/a/test_it.py::TestOne::test_x[bubblewrap::1]"), share("tests/a/test_it.py::test_y")
    assert share("tests/a/test_it.py::TestOne::test_z") == one != other == share("tests/a/test_it.py::test_z[docker]")
    here, there, neither = (share(f"tests/battery/test_it.py::test_x{on}") for on in ("[docker-a]", "[bubblewrap]", ""))
    assert len({here, there, neither}) == 3
    assert share("tests/battery/test_it.py::test_y[b-docker]") == here
