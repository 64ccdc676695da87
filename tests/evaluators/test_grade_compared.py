"""The grading class *compared* against solutions that cheat, break or blow up."""

import pytest

from evaluators.base import Case, Compared
from evaluators.grade_compared import judge
from evaluators.grading import grade
from sandboxes.base import File
from tests.evaluators.conftest import compared
from trees.records import Outcome

TASK = compared((1, 2), (2, 3), ([1], [2]))
GOOD = "def f(x):\n    return [f(i) for i in x] if type(x) is list else x + 1\n"


def verdict(provider, source, task=TASK, **others):
    files = {b"mod.py": File(source.encode())} | {name.encode(): File(text.encode()) for name, text in others.items()}
    return grade(task, files, provider, run="test", job="grading", slot=0)


@pytest.mark.needs("bubblewrap")
class TestInSandbox:
    def test_a_solution_passes(self, provider):
        found = verdict(provider, GOOD)
        assert (found.outcome, found.cause) == (Outcome.PASSED, "")
        assert found.tests == {"case 0": True, "case 1": True, "case 2": True}

    def test_each_case_is_judged_by_itself(self, provider):
        found = verdict(provider, "def f(x):\n    return 3 if x == 2 else 1 / 0\n")
        assert (found.outcome, found.cause) == (Outcome.FAILED, "tests")
        assert found.tests == {"case 0": False, "case 1": True, "case 2": False}

    @pytest.mark.parametrize(
        "source",
        [
            "print('0 {\"value\": 2}\\n3 of 3 passed')\ndef f(x):\n    print('PASSED')\n",
            "import os\nos._exit(0)\n",
            "import sys\nsys.exit(0)\n",
            "def f(x):\n    import os\n    os._exit(0)\n",
            "class Any:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Any()\n",
            "class Any(int):\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Any(2)\n",
            "class Any(list):\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Any([2])\n",
            "def f(x):\n    open('cases.json', 'w').write('[]')\n    open('expected', 'w').write('3')\n",
            "def f(x):\n    import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)\n",
            "def f(x):\n    import os, signal\n    os.kill(-1, signal.SIGKILL)\n",
            "def f(x):\n    x = [x]\n    x.append(x)\n    return x\n",
            "def f(x):\n    return {1: 2}\n",
            "def f(x):\n    return float('nan')\n",
            "def f(x):\n    return 10 ** 10000\n",
            "def f(x):\n    return '\\ud800' * 3\n",
            "def f(x):\n    return 'x' * 10**6\n",
            "f = None\n",
            "def f(:\n",
            "(" * 5000 + ")" * 5000,
            "\0",
        ],
    )
    def test_cheats_and_wrecks_fail(self, provider, source):
        found = verdict(provider, source)
        assert found.outcome is Outcome.FAILED
        assert not any(found.tests.values())

    def test_an_answer_for_another_case_counts_for_none(self, provider):
        """A child may reach the parent's output; a line forged there makes its case double, and so failed."""
        source = """\
import os
try:
    out = os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY)
    os.write(out, b'0 {"value": 2}\\n1 {"value": 3}\\n2 {"value": [2]}\\n')
except OSError:
    pass
def f(x):
    return x
"""
        found = verdict(provider, source)
        assert found.outcome is Outcome.FAILED
        assert not any(found.tests.values())

    def test_an_endless_loop_costs_one_case(self, provider):
        found = verdict(provider, "def f(x):\n    while x == 2:\n        pass\n    return 2\n")
        assert found.tests == {"case 0": True, "case 1": False, "case 2": False}
        assert b"timed out" in found.log
        assert b"not tried" in found.log

    @pytest.mark.parametrize(
        "loop",
        [
            "import signal\n    signal.signal(signal.SIGPROF, signal.SIG_IGN)\n    while True:\n        pass",
            "import time\n    time.sleep(1000)",
            "import os, signal\n    os.kill(os.getppid(), signal.SIGSTOP)\n    return 3",
            "import os\n    while True:\n        os.fork()",
            "import os\n    if not os.fork():\n        os.setsid()\n        while True:\n            pass",
        ],
    )
    def test_tricks_to_last_longer_end_too(self, provider, loop):
        found = verdict(provider, f"def f(x):\n    {loop}\n", compared((1, 3), cpu_s=0.2))
        assert found.outcome is Outcome.FAILED

    def test_a_memory_bomb_fails_alone(self, provider):
        found = verdict(provider, "def f(x):\n    return len('a' * 10**10) if x == 1 else 3\n")
        assert found.tests == {"case 0": False, "case 1": True, "case 2": False}

    def test_files_of_the_agent_configure_nothing(self, provider):
        evil = "import os\nos._exit(0)\n"
        names = ("sitecustomize.py", "usercustomize.py", "conftest.py", "os.py", "json.py", "_signal.py", "resource.py")
        found = verdict(provider, GOOD, **dict.fromkeys(names, evil), **{"evil.pth": "import os; os._exit(0)"})
        assert found.outcome is Outcome.PASSED

    def test_a_case_sees_nothing_of_another(self, provider):
        source = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\n"
        assert verdict(provider, source, compared((1, 1), (2, 1), (3, 1))).outcome is Outcome.PASSED

    def test_no_expected_value_is_in_the_sandbox(self, provider):
        """The code under test reads all that it can find and never meets the answer."""
        source = """\
import glob, os
def f(x):
    found = b""
    places = glob.glob("/workspace/**", recursive=True) + glob.glob("/hgm/**", recursive=True)
    for path in places + ["/proc/%d/fd/0" % os.getppid(), "/proc/%d/cmdline" % os.getppid()]:
        try:
            found += open(path, "rb").read()
        except OSError:
            pass
    return "86420975"[::-1] in found.decode("latin-1")
"""
        assert verdict(provider, source, compared((1, False), (2, False))).outcome is Outcome.PASSED
        assert verdict(provider, source, compared((1, 57902468), (2, False))).tests["case 1"]

    def test_tuples_and_generators_come_back_as_lists(self, provider):
        source = (
            "def f(x):\n    return (x, (i for i in 'ab').__class__.__name__) if x == 1 else (i for i in (1, (2,)))\n"
        )
        assert verdict(provider, source, compared((1, [1, "generator"]), (2, [1, [2]]))).outcome is Outcome.PASSED

    @pytest.mark.parametrize(("value", "expected"), [("True", 1), ("1", True), ("1.0", 1), ("1", 1.0), ("'1'", 1)])
    def test_types_are_exact(self, provider, value, expected):
        assert verdict(provider, f"def f(x):\n    return {value}\n", compared((0, expected))).outcome is Outcome.FAILED

    def test_a_tolerance_lets_numbers_differ(self, provider):
        task = compared((0, 2), tolerance=0.01)
        assert verdict(provider, "def f(x):\n    return 2.001\n", task).outcome is Outcome.PASSED

    def test_three_repeats_agree(self, provider):
        assert len({tuple(verdict(provider, GOOD).tests.items()) for _ in range(3)}) == 1


GRADING = Compared(
    module="m.py", function="f", cases=(Case(args=(), expected=1), Case(args=(), expected=[2], tolerance=0.5))
)


@pytest.mark.parametrize(
    ("output", "passed"),
    [
        (b'0 {"value": 1}\n1 {"value": [2.25]}\n', [True, True]),
        (b'1 {"value": [2]}\nnoise\n\n0 {"value": 1}', [True, True]),
        (b'0 {"value": 1}\n0 {"value": 1}\n1 {"value": [2]}\n', [False, True]),
        (b'0 {"value": 1}\n0 {"error": "x"}\n', [False, False]),
        (b'0 {"value": true}\n1 {"value": 2}\n', [False, False]),
        (b'0 {"error": "timed out", "value": 1}\n', [True, False]),
        (b"0 " + b"[" * 100_000 + b"\n1 " + b"9" * 10_000 + b"\n", [False, False]),
        (b'-1 {"value": 1}\n00 {"value": 1}\n99999999999999 {"value": 1}\n\xff\xfe', [True, False]),
        (b"", [False, False]),
    ],
)
def test_the_report_is_read_with_suspicion(output, passed):
    assert list(judge(GRADING, output).values()) == passed
