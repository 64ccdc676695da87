"""Test reports in the formats that agents show."""

import pytest

from hgm.backbones.builtin.reports import MAX_FAILURES, UNKNOWN, Failure, read_report

UNITTEST = """\
FAIL: test_add (test_a.T.test_add)
Traceback (most recent call last):
  File "/w/test_a.py", line 7, in test_add
    self.assertEqual(add(1), 2)
AssertionError: 3 != 2

----------------------------------------------------------------------
Ran 4 tests in 0.001s

FAILED (failures=1)
"""
PYTEST = """\
    def test_add():
>       assert add(1) == 2
E       assert 3 == 2
E        +  where 3 = add(1)

test_a.py:5: AssertionError
========== 1 failed, 3 passed in 0.02s ==========
"""


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("FAIL f([1, 2]): expected 3, got None", Failure("f([1, 2])", 3, None)),
        ("FAIL f(', got '): expected 'a, got b', got 'c'", Failure("f(', got ')", "a, got b", "c")),
        ("FAIL f(1): expected 2, raised IndexError: list index", Failure("f(1)", 2, raised="IndexError")),
        ("FAIL f(1): expected 2, timed out", Failure("f(1)", 2, timed_out=True)),
        ("FAIL f(1): expected [1, 2..., got [1", Failure("f(1)", UNKNOWN, UNKNOWN)),
        ("FAIL import: SyntaxError: bad", Failure("import", raised="SyntaxError")),
    ],
)
def test_plain_lines(line, failure):
    report = read_report(f"{line}\n0 of 1 passed\n")
    assert (report.failures, report.green, report.red) == ((failure,), False, 1)


@pytest.mark.parametrize("text", ["3 of 3 passed", "Ran 3 tests in 0.1s\n\nOK", "3 passed in 0.10s"])
def test_green(text):
    report = read_report(text)
    assert (report.green, report.red, report.total) == (True, 0, 3)


def test_green_between_rules():
    assert read_report("===== 3 passed in 0.10s =====").green


@pytest.mark.parametrize("text", [UNITTEST, PYTEST])
def test_unittest_and_pytest(text):
    report = read_report(text)
    assert (report.green, report.red, report.passed, report.total) == (False, 1, 3, 4)
    assert any((failure.expected, failure.got) == (2, 3) for failure in report.failures)


@pytest.mark.parametrize(
    "text", ["", "hello", "def passed(x): return x\n", "import os\nerror = 3\n", "FAIL\n", "x" * 9000]
)
def test_no_report(text):
    assert read_report(text) is None


def test_failures_without_a_total_are_no_pass():
    assert not read_report("FAIL f(1): expected 2, got 3").green


def test_the_place_of_an_error_is_known():
    report = read_report(
        'Traceback (most recent call last):\n  File "/w/a.py", line 12, in f\nKeyError: 3\n0 of 1 passed'
    )
    assert report.failures == (Failure(raised="KeyError", places=(("a.py", 12),)),)


def test_a_long_report_is_bounded():
    assert len(read_report("FAIL f(1): expected 2, got 3\n" * 1999).failures) == MAX_FAILURES
