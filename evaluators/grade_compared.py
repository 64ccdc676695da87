"""Grading class *compared*: inputs go in, plain JSON comes out, the host compares. No answer enters the sandbox."""

import json
from collections.abc import Iterator
from typing import Any

from evaluators.base import Compared, Verdict
from evaluators.compare import same
from evaluators.layers import INSIDE
from evaluators.room import GradingRoom
from sandboxes.base import WORKSPACE, End, Files
from trees.records import Outcome

GIVE_UP = 1
"""Cases that run out of time before the rest is not tried: the verdict is known then."""


def grade(grading: Compared, files: Files, room: GradingRoom) -> Verdict:
    """Passed if every case returned the expected value; each case is judged by itself.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    job = {
        "workspace": WORKSPACE,
        "module": grading.module,
        "function": grading.function,
        "cpu_s": grading.cpu_s,
        "give_up": GIVE_UP,
        "cases": [list(case.args) for case in grading.cases],
    }
    deadline_s = 5 + 4 * grading.cpu_s * len(grading.cases)
    command = [room.python, "-S", "-s", f"{INSIDE}/compared.py"]
    ended = room.see(files, command, deadline_s=deadline_s, stdin=repr(job).encode()).exit
    tests = judge(grading, ended.output)
    if all(tests.values()):
        return Verdict(outcome=Outcome.PASSED, tests=tests, log=ended.output)
    stalled = any(report.get("error") == "stalled" for _, report in _reports(ended.output))
    cause = {End.DEADLINE: "deadline", End.OUT_OF_MEMORY: "out-of-memory"}.get(ended.end, "")
    cause = cause or ("deadline" if stalled else "tests")
    return Verdict(outcome=Outcome.FAILED, cause=cause, tests=tests, log=ended.output)


def judge(grading: Compared, output: bytes) -> dict[str, bool]:
    """Case -> passed. A case that is missing, or reported twice with whatever values, failed."""
    reports: dict[int, list[dict[str, Any]]] = {}
    for number, report in _reports(output):
        reports.setdefault(number, []).append(report)
    tests = {}
    for number, case in enumerate(grading.cases):
        found = reports.get(number, [])
        passed = len(found) == 1 and "value" in found[0]
        tests[f"case {number}"] = passed and same(found[0]["value"], case.expected, tolerance=case.tolerance)
    return tests


def _reports(output: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in output.split(b"\n"):
        number, _, text = line.partition(b" ")
        try:
            report = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if number.isdigit() and len(number) < 10 and type(report) is dict:
            yield int(number), report
