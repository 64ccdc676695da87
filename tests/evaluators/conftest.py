import pytest

from evaluators.base import Case, Compared, Split, Suite, Task
from sandboxes.base import File, SandboxProvider
from sandboxes.choose import choose


@pytest.fixture(scope="session")
def provider() -> SandboxProvider:
    """For tests that are marked as needing bubblewrap."""
    return choose("bubblewrap")


def make_task(grading, workspace=None, **fields) -> Task:
    return Task(
        id="x-1",
        benchmark="made",
        split=Split.DEV,
        statement="",
        workspace=workspace or {b"mod.py": File(b"def f(x):\n    return x\n")},
        test_command=(),
        grading=grading,
        reference={},
        **fields,
    )


def compared(*cases: tuple, cpu_s: float = 0.5, tolerance: float = 0.0) -> Task:
    """A task that calls `f` in mod.py; a case is (argument, expected)."""
    made = tuple(Case(args=(argument,), expected=expected, tolerance=tolerance) for argument, expected in cases)
    return make_task(Compared(module="mod.py", function="f", cases=made, cpu_s=cpu_s))


TESTS = """\
import pytest

from mod import f


def test_one():
    assert f(1) == 2


def test_list():
    assert [f(1), f(2)] == [2, 3]


@pytest.mark.parametrize("x", [3, 4])
def test_more(x):
    assert f(x) == x + 1
"""
EXPECTED = ("test_mod.py::test_one", "test_mod.py::test_list", "test_mod.py::test_more[3]", "test_mod.py::test_more[4]")
CANARY = """\
from mod import f


def test_wrong():
    assert f(1) == object()


def test_wrong_list():
    assert [f(1)] == [object()]
"""


def suite(workspace=None, *, cpu_s: float = 1.0) -> Task:
    """A task with hidden tests that ask for f(x) == x + 1 in mod.py."""
    grading = Suite(
        files={b"test_mod.py": File(TESTS.encode())},
        expected=EXPECTED,
        canary={b"test_canary_mod.py": File(CANARY.encode())},
        cpu_s=cpu_s,
    )
    return make_task(grading, workspace)
