"""Grading class *suite*, SWE-bench's way: its script in the instance's published image, its parser, its verdict.

The patch is applied as the harness does it, by the same commands in the same order. There is no network, no capability,
and nothing in the repository that is later than its HEAD.

Stops: what `evaluators.canaries` calls a canary, in Python's test files: after a pass the script runs once more with a
test that must fail added to each file of the test patch; a log in which it passed, or is missing although the
benchmark's own solution reports it, is `tampering`. The harness's own verdict is kept beside that, unchanged.
Does not stop: code written against this very grader, and in other languages than Python nothing that the harness does
not stop by itself.
"""

import re
import secrets
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from evaluators import swebench_harness
from evaluators.base import Harness, Json, Verdict
from evaluators.grade_script import staged
from evaluators.room import GradingRoom
from hgm.errors import SandboxError
from sandboxes.base import End, Exit, File, Mount
from trees.records import Outcome

APPLY = (
    "git apply --verbose",
    "git apply --verbose --3way",
    "git apply --verbose --reject",
    "patch --batch --forward --fuzz=5 -p1 -i",
)
"""As in the harness; the first that works counts."""
NO_CANARY = "no canary: none of the test patch's files is one of Python's tests"
_INSIDE = "/hgm/harness"
_SETUP_S = 120.0
"""For applying the patch, beside the time that the tests have."""
_OUTPUT_BYTES = 64 << 20
_CANARY = """

import unittest as _hgm_unittest


class HgmCanaryTest(_hgm_unittest.TestCase):
    def test_hgm_canary(self):
        raise AssertionError("on purpose")


def test_hgm_canary():
    raise AssertionError("on purpose")
"""
_CANARY_NAME = "test_hgm_canary"
_HEREDOC = re.compile(r"<<'(EOF_\w+)'$")
_CHANGED = re.compile(r"^\+\+\+ b/(\S+\.py)$", re.MULTILINE)
_reporting: dict[str, bool] = {}
"""Instance -> whether a canary is reported at all, with the benchmark's own solution."""
_readable: set[str] = set()
"""Instances of whose own solution the harness has read a log."""


class _Run(NamedTuple):
    exit: Exit
    applied: bool
    log: bytes
    """What the evaluation script printed."""

    def trouble(self) -> str:
        """Why there is nothing to judge; empty if there is."""
        if self.exit.end is End.DEADLINE:
            return "deadline"
        if self.exit.end is End.OUT_OF_MEMORY:
            return "out-of-memory"
        return "" if self.applied else "does-not-apply"


def grade(grading: Harness, patch: bytes, room: GradingRoom) -> Verdict:
    """Passed if the harness calls the instance resolved and no canary was passed.

    Raises:
        SandboxError: the sandbox's own trouble, or the instance cannot be graded here at all.
        EvaluatorError: the record is unusable, or the harness fails on the log.
    """
    row = grading.row
    first = _run(grading, patch, swebench_harness.script(row), room)
    if cause := first.trouble():
        return Verdict(outcome=Outcome.FAILED, cause=cause, log=first.log, official=False)
    found = swebench_harness.report(row, patch.decode(errors="replace"), first.log)
    said = partial(Verdict, tests=found.tests, log=first.log, official=found.resolved)
    if not found.is_readable:
        _must_be_readable(grading, room)
    if not found.resolved:
        return said(outcome=Outcome.FAILED, cause="tests")
    cause, note = _canary(grading, patch, room)
    if cause:
        return said(outcome=Outcome.FAILED, cause=cause)
    return said(outcome=Outcome.PASSED, note=note)


def _canary(grading: Harness, patch: bytes, room: GradingRoom) -> tuple[str, str]:
    """The cause for which a pass does not count, or a note on what could not be checked."""
    told = with_canary(swebench_harness.script(grading.row), str(grading.row.get("test_patch", "")))
    if told is None:
        return "", NO_CANARY
    again = _run(grading, patch, told, room)
    if cause := again.trouble():
        return cause, ""
    if found := _canaries(grading.row, again):
        return ("" if found <= swebench_harness.FAILED else "tampering"), ""
    name = _name(grading)
    if name not in _reporting:
        _reporting[name] = bool(_canaries(grading.row, _solution(grading, told, room)))
    return ("tampering", "") if _reporting[name] else ("", "no canary: the instance's tests do not report it")


def _must_be_readable(grading: Harness, room: GradingRoom) -> None:
    """Return if a log without results is the patch's doing.

    Raises:
        SandboxError: the benchmark's own solution leaves none either.
    """
    name = _name(grading)
    if name in _readable:
        return
    log = _solution(grading, swebench_harness.script(grading.row), room).log
    if not swebench_harness.report(grading.row, grading.gold.decode(errors="replace"), log).is_readable:
        raise SandboxError(f"{name} cannot be graded here now: the harness finds no results in its own solution's log")
    _readable.add(name)


def _solution(grading: Harness, script: str, room: GradingRoom) -> _Run:
    """The benchmark's own solution under a script.

    Raises:
        SandboxError: that cannot be run either.
    """
    run = _run(grading, grading.gold, script, room)
    if cause := run.trouble():
        raise SandboxError(f"{_name(grading)} cannot be graded here now: its own solution ends with {cause}")
    return run


def _name(grading: Harness) -> str:
    return str(grading.row["instance_id"])


def _canaries(row: Mapping[str, Json], run: _Run) -> set[str]:
    found = swebench_harness.statuses(row, run.log)
    return {status for test, status in found.items() if _CANARY_NAME in test}


def with_canary(script: str, test_patch: str) -> str | None:
    """The script with a test that must fail at the end of each file of the test patch; None where there is no place."""
    lines = script.splitlines()
    ends = [match[1] for line in lines if (match := _HEREDOC.search(line))]
    files = [name for name in _CHANGED.findall(test_patch) if re.fullmatch(r"[\w./+-]+", name)]
    if not ends or not files or ends[-1] not in lines:
        return None
    place = len(lines) - lines[::-1].index(ends[-1])
    added = [f"cat {_INSIDE}/canary.py >> {name}" for name in files]
    return "\n".join([*lines[:place], *added, *lines[place:], ""])


def _run(grading: Harness, patch: bytes, script: str, room: GradingRoom) -> _Run:
    mark = f"hgm-{secrets.token_hex(16)}"
    start = _start(mark)
    inside = {b"patch.diff": patch, b"eval.sh": script.encode(), b"canary.py": _CANARY.encode(), b"run.sh": start}
    with staged({name: File(data) for name, data in inside.items()}) as folder:
        seen = room.see(
            {},
            ["/bin/bash", f"{_INSIDE}/run.sh"],
            deadline_s=grading.deadline_s + _SETUP_S,
            mounts=[Mount(source=folder, target=_INSIDE)],
            output_bytes=_OUTPUT_BYTES,
        )
    before, applied, log = seen.exit.output.partition(f"{mark} applied\n".encode())
    return _Run(seen.exit, bool(applied), log if applied else before)


def _start(mark: str) -> bytes:
    """Applies the patch, unless it is empty, and becomes the evaluation script; the mark tells that it has."""
    again = "git checkout -- . ; git clean -fd\n".join(f"{command} $patch && go\n" for command in APPLY)
    return f"""\
patch={_INSIDE}/patch.diff
go() {{
  echo; echo '{mark} applied'
  exec /bin/bash {_INSIDE}/eval.sh
}}
[ -s $patch ] || go
{again}git apply --check --reverse $patch && go
exit 1
""".encode()
