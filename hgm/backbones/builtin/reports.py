"""Test reports: which calls failed how, as far as the text shows it. Knows plain `FAIL call: expected …` lines, pytest
and unittest."""

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MAX_FAILURES = 30
UNKNOWN = object()
"""A value that the report shows in part or in a way that is not a literal."""

_ENDS = (", got ", ", raised ", ", timed out")
_IMPORT = re.compile(r"^FAIL import: (\w+)")
_PLACE = re.compile(r'^\s*File "([^"\n]{1,200})", line (\d{1,6})')
_PYTEST_PLACE = re.compile(r"^([\w./-]{1,200}\.py):(\d{1,6}): (\w*)")
_PYTEST = re.compile(r"^E\s+(?:AssertionError: )?assert (.{1,300}?) == (.{1,300})$")
_UNITTEST = re.compile(r"^AssertionError: (.{1,300}?) != (.{1,300})$")
_RAISED = re.compile(r"^(?:E\s+)?([A-Z]\w*(?:Error|Exception|Iteration))\b(?::|$)")
_OF = re.compile(r"^(\d{1,6}) of (\d{1,6}) passed\b")
_PYTEST_SUM = re.compile(r"(\d{1,6}) (failed|passed)\b")
_PYTEST_END = re.compile(r" in [\d.]{1,12}s\b")
_RAN = re.compile(r"^Ran (\d{1,6}) tests? in ")
_FAILED = re.compile(r"^FAILED \((?:failures=(\d+))?(?:, )?(?:errors=(\d+))?")


@dataclass(frozen=True)
class Failure:
    """One failing case. `expected` and `got` are UNKNOWN where they are not literals in full."""

    call: str = ""
    expected: Any = UNKNOWN
    got: Any = UNKNOWN
    raised: str = ""
    timed_out: bool = False
    places: tuple[tuple[str, int], ...] = ()
    """File and line of the traceback, innermost last."""


@dataclass(frozen=True)
class Report:
    """What a run of the tests showed."""

    failures: tuple[Failure, ...] = ()
    passed: int | None = None
    total: int | None = None

    @property
    def green(self) -> bool:
        """Whether everything passed, for all that is shown."""
        return not self.failures and self.passed is not None and self.passed == self.total

    @property
    def red(self) -> int:
        """How many failed, for all that is shown."""
        if self.passed is not None and self.total is not None:
            return self.total - self.passed
        return len(self.failures)


@dataclass
class _Reading:
    failures: list[Failure] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    raised: str = ""
    passed: int | None = None
    total: int | None = None

    def fail(self, **seen: Any) -> None:
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(Failure(places=tuple(self.places[-3:]), **seen))
        self.places, self.raised = [], ""


@lru_cache(maxsize=512)
def read_report(text: str) -> Report | None:
    """The report that a text contains, if it contains one. A conversation shows the same ones in every request."""
    if not re.search(r"^FAIL|passed\b|failed\b|^Ran \d|^E  |^OK$|Error", text, re.MULTILINE):
        return None
    reading = _Reading()
    for line in text.splitlines()[:2000]:
        if len(line) <= 1500:
            _line(line, reading)
    if not reading.failures and reading.total is None:
        return None
    return Report(tuple(reading.failures), reading.passed, reading.total)


def _line(line: str, reading: _Reading) -> None:
    if place := _PLACE.match(line) or _PYTEST_PLACE.match(line):
        reading.places.append((place[1].rpartition("/")[2], int(place[2])))
        if place.re is _PYTEST_PLACE and place[3] not in ("", "AssertionError"):
            reading.fail(raised=place[3])
    elif line.startswith("FAIL ") and ": expected " in line:
        call, _, rest = line[5:].partition(": expected ")
        end = max(rest.rfind(mark) for mark in _ENDS)
        if end >= 0:
            reading.fail(call=call, expected=_value(rest[:end]), **_outcome(rest[end + 2 :]))
    elif imported := _IMPORT.match(line):
        reading.fail(call="import", raised=imported[1])
    elif compared := _PYTEST.match(line):
        reading.fail(got=_value(compared[1].partition(" = ")[0]), expected=_value(compared[2]))
    elif compared := _UNITTEST.match(line):
        reading.fail(got=_value(compared[1]), expected=_value(compared[2]))
    elif raised := _RAISED.match(line):
        reading.fail(raised=raised[1])
    else:
        _summary(line, reading)


def _summary(line: str, reading: _Reading) -> None:
    if of := _OF.match(line):
        reading.passed, reading.total = int(of[1]), int(of[2])
    elif ran := _RAN.match(line):
        reading.passed = reading.total = int(ran[1])
    elif (failed := _FAILED.match(line)) and reading.total is not None:
        reading.passed = max(0, reading.total - int(failed[1] or 0) - int(failed[2] or 0))
    elif _PYTEST_END.search(line) and (done := {word: int(count) for count, word in _PYTEST_SUM.findall(line)}):
        reading.passed = done.get("passed", 0)
        reading.total = reading.passed + done.get("failed", 0)


def _outcome(text: str) -> dict[str, Any]:
    if text.startswith("got "):
        return {"got": _value(text[4:])}
    if text.startswith("raised "):
        return {"raised": text[7:].partition(":")[0].strip()}
    return {"timed_out": True}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip()[:400])
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return UNKNOWN
