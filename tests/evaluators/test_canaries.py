"""Canaries made from foreign test files: the reference fails all of them, what equals everything passes one."""

import pytest

from evaluators.base import Suite
from evaluators.canaries import canaries_of, without_canary
from evaluators.grading import grade
from evaluators.registry import validate
from sandboxes.base import File
from tests.evaluators.test_grade_suite import ANY
from tests.evaluators.test_harbor import TOML, only_task, write
from trees.records import Outcome

TESTS = '''"""Hidden."""
from __future__ import annotations
import unittest
import pytest
from unittest.mock import ANY
from add import add

def test_plain():
    assert add(2, 2) == 4

def test_other_way_round():
    assert [4] == [add(2, 2)]

@pytest.mark.parametrize("x", [1, 2])
def test_more(x):
    assert add(x, 1) == x + 1, "message"

def test_true():
    def zero():
        return 0
    assert add(1, -1) == zero()
    assert not add(1, -1)

def test_raises():
    with pytest.raises(TypeError):
        add()

def test_loop():
    for x in ():
        assert add(x, x) == 2 * x

def test_early():
    if add(1, 1) == 2:
        return
    assert add(1, 1) == 3

def test_any():
    assert ANY == add(1, 1)

@pytest.mark.skipif(False, reason="")
def test_marked():
    assert add(1, 1) == 2

class TestClass(unittest.TestCase):
    def setUp(self):
        self.four = 4
    def test_equal(self):
        self.assertEqual(add(2, 2), self.four)
    def test_false(self):
        self.assertFalse(add(1, -1))
'''
PLAIN = ["test_plain", "test_other_way_round", "test_more[1]", "test_more[2]", "test_true"]
PLAIN += ["TestClass::test_equal", "TestClass::test_false"]
REST = ["test_raises", "test_loop", "test_early", "test_any", "test_marked"]
EXPECTED = tuple(f"test_add.py::{name}" for name in PLAIN + REST)


def foreign(folder, tests: str = TESTS, expected=EXPECTED):
    names = ", ".join(f'"{name}"' for name in expected)
    toml = TOML + f'[metadata.hgm]\ngrading = "suite"\n[metadata.hgm.suite]\nexpected = [{names}]\n'
    return write(folder, task_toml=toml, **{"tests/test_add.py": tests})


def test_tests_without_a_canary_are_named(tmp_path):
    grading = only_task(foreign(tmp_path)).grading
    assert list(grading.canary) == [b"test_hgm_canary_of_add.py"]
    assert without_canary(grading) == tuple(f"test_add.py::{name}" for name in REST)


def test_a_suite_that_only_expects_exceptions_has_none():
    files = {b"test_x.py": File(b"import pytest\ndef test_a():\n    with pytest.raises(ValueError):\n        f()\n")}
    assert canaries_of(files, ["test_x.py::test_a"]) == {}
    assert without_canary(Suite(files=files, expected=("test_x.py::test_a",))) == ("test_x.py::test_a",)


def test_files_that_are_no_tests_or_not_python_have_none():
    files = {b"helper.py": File(b"def test_a():\n    assert 1\n"), b"test_x.py": File(b"def (")}
    assert canaries_of(files, ["helper.py::test_a", "test_x.py::test_a"]) == {}


def test_a_suites_own_canaries_are_taken_as_enough():
    files = {b"test_x.py": File(b"def test_a():\n    f()\n")}
    own = {b"test_canary_x.py": File(b"def test_a():\n    assert f() == object()\n")}
    assert without_canary(Suite(files=files, expected=("test_x.py::test_a",), canary=own)) == ()


@pytest.mark.needs("bubblewrap")
class TestInSandbox:
    def test_a_foreign_suite_stays_sound_and_what_is_unseen_is_said(self, tmp_path, provider):
        (row,) = validate(foreign(tmp_path), provider, run="validate")
        assert (row.problem, row.note[:40]) == ("", "5 of 12 hidden tests have no canary: tes")

    @pytest.mark.parametrize("name", ["test_plain", "test_other_way_round", "TestClass::test_equal"])
    def test_what_equals_everything_is_tampering(self, tmp_path, provider, name):
        task = only_task(foreign(tmp_path, expected=(f"test_add.py::{name}",), tests=_only(name)))
        cheat = ANY + "def add(a, b):\n    return Any()\n"
        found = grade(task, {b"add.py": File(cheat.encode())}, provider, run="test", job="g", slot=0)
        assert (found.outcome, found.cause) == (Outcome.FAILED, "tampering")

    def test_every_canary_made_from_these_fails_for_the_reference(self, tmp_path, provider):
        task = only_task(foreign(tmp_path))
        good = {b"add.py": File(b"def add(a, b):\n    return a + b\n")}
        assert grade(task, good, provider, run="test", job="g", slot=0).outcome is Outcome.PASSED


def _only(name: str) -> str:
    """The file with one test alone, so that no other test sees the cheat."""
    parts = TESTS.split("\n\n")
    wanted = name.partition("::")[0]
    parts[-1] = parts[-1].partition("    def test_false")[0]
    return "\n\n".join([parts[0], *(part for part in parts if f"def {wanted}(" in part or f"class {wanted}(" in part)])
