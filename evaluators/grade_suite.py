"""Grading class *suite*: hidden pytest files that share a process with the code under test.

Stops: results printed by the code under test; an early `os._exit(0)`; tests skipped, reported twice or left out;
replaced pieces of pytest, of unittest and of the commonest builtins, and values that equal everything or everything of
a type, through canary tests that must fail, before the hidden tests and after them; the agent's own conftest.py, pytest
settings, *.pth and sitecustomize; packages, extension modules and bytecode that would be imported in place of the
grader's files (`evaluators.shadows`). Does not stop: code written against this very grader, which may tell canaries
from tests or read the tests that call it; values that equal everything in tests without a canary of their own, which
`evaluators.canaries` names and validation prints.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from evaluators.base import Suite, Verdict
from evaluators.layers import INSIDE, PYTEST, pytest_layer
from evaluators.patches import overlay
from evaluators.room import GradingRoom
from evaluators.shadows import shadows
from hgm.errors import EvaluatorError, SandboxError
from sandboxes.base import WORKSPACE, End, Exit, File, Files, Mount
from trees.records import Outcome

CANARY, LAST_CANARY = b"test_hgm_canary.py", b"test_hgm_canary_last.py"
"""Before the hidden tests and after them: what lies to the first tests only, or to the last, meets one of them."""
_CANARY_TESTS = b"""\
import math
import unittest

import pytest

UNITTEST = {
    "assertEqual": (1, 2), "assertNotEqual": (1, 1), "assertTrue": (0,), "assertFalse": (1,), "assertIs": (None, 0),
    "assertIsNot": (None, None), "assertIsNone": (0,), "assertIsNotNone": (None,), "assertIn": (1, []),
    "assertNotIn": (1, [1]), "assertIsInstance": (1, str), "assertNotIsInstance": (1, int),
    "assertAlmostEqual": (1, 2), "assertNotAlmostEqual": (1, 1), "assertGreater": (1, 2),
    "assertGreaterEqual": (1, 2), "assertLess": (2, 1), "assertLessEqual": (2, 1), "assertRegex": ("a", "b"),
    "assertNotRegex": ("a", "a"), "assertCountEqual": ([1], [2]), "assertListEqual": ([1], [2]),
    "assertTupleEqual": ((1,), (2,)), "assertSetEqual": ({1}, {2}), "assertDictEqual": ({1: 1}, {1: 2}),
    "assertSequenceEqual": ([1], [2]), "assertMultiLineEqual": ("a", "b"), "assertRaises": (ValueError, int),
    "assertRaisesRegex": (ValueError, "a", int), "fail": ("on purpose",),
}


class Thing:
    pass


def passes(check, *arguments):
    try:
        check(*arguments)
    except BaseException:
        return False
    return True


def without_an_exception():
    with pytest.raises(ValueError):
        pass


def test_false():
    assert False


def test_unequal():
    assert 1 == 2
    assert [Thing()] == [Thing()]


def test_raises():
    raise ValueError("on purpose")


@pytest.mark.parametrize("value", [0, 1, 2])
def test_values(value):
    assert value == 3


def test_builtins():
    untrue = [all([0]), any([]), isinstance(1, str), issubclass(int, str), callable(1), hasattr(1, "x"), bool(0)]
    untrue += [math.isclose(1, 2), sorted([2, 1]) == [2, 1], len([1]) == 2, set([1]) == set([2]), abs(-1) == -1]
    for value in untrue:
        if value is not False:
            return
    assert False


def test_pytest():
    assert passes(without_an_exception) or passes(pytest.fail, "on purpose") or 1 == pytest.approx(2)


def test_assertions_of_unittest():
    case = unittest.TestCase()
    for name in UNITTEST:
        if passes(getattr(case, name), *UNITTEST[name]):
            return
    assert False


class TestUnittest(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(1, 2)

    def test_raises(self):
        raise ValueError("on purpose")
"""
_STARTED = b"started\n"
_SAID_BYTES = 500
_RUNNER_FILES = frozenset(
    b"conftest.py pytest.ini .pytest.ini pytest.toml .pytest.toml tox.ini setup.cfg pyproject.toml sitecustomize.py "
    b"usercustomize.py pytest.py".split()
)
_RUNNER_FOLDERS = frozenset(b"pytest _pytest pluggy iniconfig packaging pygments".split())


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one run of pytest came to."""

    exit: Exit
    complete: bool
    """pytest ended by itself and the line that says so came once."""
    status: int = 0
    rows: tuple[tuple[str, bool], ...] = ()
    log: bytes = b""

    def trouble(self) -> str:
        """Why there is nothing to judge; empty if there is."""
        if self.exit.end is End.DEADLINE:
            return "deadline"
        if self.exit.end is End.OUT_OF_MEMORY or self.exit.out_of_memory_kills:
            return "out-of-memory"
        if not self.complete:
            return "tampering"
        return "crashed" if self.status < 0 else ""


def grade(grading: Suite, base: Files, files: Files, room: GradingRoom) -> Verdict:
    """Passed if every expected test passed exactly once, pytest agrees, and no canary test passed afterwards.

    Raises:
        SandboxError: the sandbox's own trouble; pytest does not start in it.
        EvaluatorError: pytest is not installed.
    """
    canaries = {**dict.fromkeys((CANARY, LAST_CANARY), File(_CANARY_TESTS)), **grading.canary}
    workspace = overlay(_own_runner_files(base, files, {**grading.files, **canaries}), grading.files)
    first = _run(grading, workspace, sorted(path for path in grading.files if _is_test(path)), room)
    cause = first.trouble() or _judge(grading, first)
    tests = {name: (name, True) in first.rows for name in grading.expected}
    if cause:
        return Verdict(outcome=Outcome.FAILED, cause=cause, tests=tests, log=first.log)
    second = _run(grading, overlay(workspace, canaries), _order(grading, canaries), room)
    cause = second.trouble() or _judge_canaries(canaries, second)
    if cause:
        return Verdict(outcome=Outcome.FAILED, cause=cause, tests=tests, log=second.log)
    return Verdict(outcome=Outcome.PASSED, tests=tests, log=first.log)


def _order(grading: Suite, canaries: Files) -> list[bytes]:
    """The canaries, the hidden tests, and the lab's own canary once more."""
    first = sorted(path for path in canaries if _is_test(path) and path != LAST_CANARY)
    return [*first, *sorted(path for path in grading.files if _is_test(path)), LAST_CANARY]


def _is_test(path: bytes) -> bool:
    name = path.rpartition(b"/")[2]
    return name.endswith(b".py") and (name.startswith(b"test_") or name.endswith(b"_test.py"))


def _own_runner_files(base: Files, files: Files, owned: Files) -> Files:
    """`files` with everything that configures the runner or shadows `owned` as it is in the base, or not at all."""
    shadow = shadows(base, owned, filter(_is_test, owned))

    def configures(path: bytes) -> bool:
        parts = path.split(b"/")
        settings = parts[-1] in _RUNNER_FILES or parts[-1].endswith(b".pth") or parts[0] in _RUNNER_FOLDERS
        return settings or shadow(path)

    kept = {path: file for path, file in files.items() if not configures(path)}
    return overlay(kept, {path: file for path, file in base.items() if configures(path)})


def _run(grading: Suite, workspace: Files, tests: list[bytes], room: GradingRoom) -> Report:
    most = 2 * len(grading.expected) + 10
    job = {
        "layer": PYTEST,
        "config": f"{INSIDE}/pytest.ini",
        "workspace": WORKSPACE,
        "files": [path.decode() for path in tests],
        "cpu_s": grading.cpu_s,
        "tests": most,
    }
    nonce = secrets.token_hex(16)
    seen = room.see(
        workspace,
        [room.python, "-S", "-s", f"{INSIDE}/suite.py"],
        deadline_s=20 + 2 * grading.cpu_s * most,
        stdin=json.dumps(job).encode() + b"\n" + nonce.encode(),
        mounts=[Mount(source=pytest_layer(), target=PYTEST)],
    )
    return read_report(seen.exit, nonce)


def read_report(ended: Exit, nonce: str) -> Report:
    """The runner's own line, told from what else is printed by the nonce.

    Raises:
        SandboxError: pytest did not start, and so nothing of the agent's.
    """
    if not ended.output.startswith(_STARTED):
        said = ascii(ended.output[-_SAID_BYTES:].decode(errors="replace"))
        raise SandboxError(f"pytest does not start in the sandbox ({ended.end}, status {ended.status}): {said}")
    found = []
    for line in ended.output.splitlines():
        if nonce.encode() in line:
            found.append(_parsed(line))
    if len(found) != 1 or not isinstance(found[0], dict) or found[0].get("nonce") != nonce:
        return Report(exit=ended, complete=False, log=ended.output)
    written = found[0]
    rows = tuple((str(name), passed is True) for name, passed in written["reports"])
    return Report(exit=ended, complete=True, status=written["status"], rows=rows, log=written["log"].encode())


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _judge(grading: Suite, report: Report) -> str:
    """Empty for a pass. `tampering` is only a runner that claims success without its full report."""
    if report.status == 0 and sorted(name for name, _ in report.rows) != sorted(grading.expected):
        return "tampering"
    return "" if report.status == 0 and all(passed for _, passed in report.rows) else "tests"


def _judge_canaries(canaries: Files, report: Report) -> str:
    files = tuple(f"{path.decode()}::" for path in canaries if _is_test(path))
    rows = [(name, passed) for name, passed in report.rows if name.startswith(files)]
    reported = all(any(name.startswith(file) for name, _ in rows) for file in files)
    if report.status == 0 or not reported or any(passed for _, passed in rows):
        return "tampering"
    return ""


def check_expected(expected: tuple[str, ...]) -> None:
    """Refuse a suite that could pass without a test.

    Raises:
        EvaluatorError: it expects none, or one twice.
    """
    if not expected or len(set(expected)) != len(expected):
        raise EvaluatorError("a suite needs the ids of its tests, each once")
