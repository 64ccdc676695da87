"""Grading class *suite*: hidden pytest files that share a process with the code under test.

Stops: results printed by the code under test; an early `os._exit(0)`; tests skipped, reported twice or left out;
replaced pieces of pytest and values that equal everything, through canary tests that must fail; the agent's own
conftest.py, pytest settings, *.pth and sitecustomize; packages, extension modules and bytecode that would be imported
in place of the grader's files (`evaluators.shadows`). Does not stop: code written against this very grader, which may
tell canaries from tests; values that equal everything in tests without a canary of their own, which
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

CANARY = b"test_hgm_canary.py"
_CANARY_TESTS = b"""\
import pytest


class Thing:
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
    canaries = {CANARY: File(_CANARY_TESTS), **grading.canary}
    workspace = overlay(_own_runner_files(base, files, {**grading.files, **canaries}), grading.files)
    first = _run(grading, workspace, sorted(path for path in grading.files if _is_test(path)), room)
    cause = first.trouble() or _judge(grading, first)
    tests = {name: (name, True) in first.rows for name in grading.expected}
    if cause:
        return Verdict(outcome=Outcome.FAILED, cause=cause, tests=tests, log=first.log)
    order = [*sorted(path for path in grading.files if _is_test(path)), *sorted(filter(_is_test, canaries))]
    second = _run(grading, overlay(workspace, canaries), order, room)
    cause = second.trouble() or _judge_canaries(canaries, second)
    if cause:
        return Verdict(outcome=Outcome.FAILED, cause=cause, tests=tests, log=second.log)
    return Verdict(outcome=Outcome.PASSED, tests=tests, log=first.log)


def _is_test(path: bytes) -> bool:
    name = path.rpartition(b"/")[2]
    return name.startswith(b"test_") and name.endswith(b".py")


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
    """The runner's own line, told from anything else by the nonce that only the runner knew.

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
