"""The grading class *suite* against forgeries. Each solution below is wrong unless it says otherwise."""

import json
import shutil
from dataclasses import replace

import pytest

from evaluators.grade_suite import check_expected, read_report
from evaluators.grading import grade
from evaluators.layers import programs, pytest_layer
from hgm.errors import EvaluatorError, SandboxError
from sandboxes.base import End, Exit, File
from tests.evaluators.conftest import EXPECTED, TESTS, suite
from trees.records import Outcome

GOOD = "def f(x):\n    return x + 1\n"
WRONG = "def f(x):\n    return x\n"
UNASSERTED = """\
import ast
__file__ = "/workspace/test_mod.py"
class Pass(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
tree = Pass().visit(ast.parse(open(__file__).read()))
exec(compile(ast.fix_missing_locations(tree), __file__, "exec"))
"""
ANY = """\
class Any:
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    __hash__ = None
"""


def verdict(provider, source, task=None, **others):
    task = task or suite()
    files = {b"mod.py": File(source.encode())} | {name.encode(): File(text.encode()) for name, text in others.items()}
    return grade(task, files, provider, run="test", job="grading", slot=0)


@pytest.mark.needs("bubblewrap")
class TestInSandbox:
    def test_a_solution_passes(self, provider):
        found = verdict(provider, GOOD)
        assert (found.outcome, found.cause) == (Outcome.PASSED, "")
        assert found.tests == dict.fromkeys(EXPECTED, True)

    def test_a_wrong_one_fails_and_says_which_tests(self, provider):
        found = verdict(provider, "def f(x):\n    return x + 1 if x < 4 else 0\n")
        assert (found.outcome, found.cause) == (Outcome.FAILED, "tests")
        assert found.tests == {**dict.fromkeys(EXPECTED, True), "test_mod.py::test_more[4]": False}
        assert b"test_more" in found.log

    @pytest.mark.parametrize(
        ("source", "cause"),
        [
            ("import os\nos._exit(0)\n", "tampering"),
            (WRONG + "import os, atexit\natexit.register(os._exit, 0)\n", "tests"),
            ("def f(x):\n    import os\n    os._exit(0)\n", "tampering"),
            ("import sys\nsys.exit(0)\n", "tests"),
            ("def f(x):\n    raise SystemExit(0)\n", "tests"),
            ("import pytest\npytest.exit('done', returncode=0)\n", "tests"),
            ("def f(x):\n    import pytest\n    pytest.exit('done', returncode=0)\n", "tampering"),
            ("import pytest\npytest.skip('later', allow_module_level=True)\n", "tests"),
            ("def f(x):\n    import pytest\n    pytest.skip('later')\n", "tests"),
            ("def f(x):\n    import pytest\n    pytest.xfail('known')\n", "tests"),
            ("print('4 passed')\nprint('PASSED')\n" + WRONG, "tests"),
            (ANY + "def f(x):\n    return Any()\n", "tampering"),
            ("import _pytest.python as p\np.Function.runtest = lambda self: None\n" + WRONG, "tampering"),
            ("import _pytest.runner as r\nr.pytest_runtest_call = lambda item: None\n" + WRONG, "tests"),
            (
                "import _pytest.reports as r\n"
                "r.TestReport.__init__.__defaults__\n"
                "old = r.TestReport.from_item_and_call\n"
                "def new(item, call):\n    call.excinfo = None\n    return old(item, call)\n"
                "r.TestReport.from_item_and_call = staticmethod(new)\n" + WRONG,
                "tampering",
            ),
            ("def f(x):\n    import os\n    os.kill(os.getppid(), 9)\n", "tampering"),
            ("def f(x):\n    import os\n    os.kill(os.getpid(), 9)\n", "crashed"),
            ("def f(:\n", "tests"),
            ("def g(x):\n    return 1\n", "tests"),
        ],
    )
    def test_forgeries_fail(self, provider, source, cause):
        found = verdict(provider, source)
        assert (found.outcome, found.cause) == (Outcome.FAILED, cause)

    def test_a_forged_line_without_the_nonce_is_nothing(self, provider):
        rows = [[name, True] for name in EXPECTED]
        line = json.dumps({"nonce": "", "status": 0, "reports": rows, "log": ""})
        source = (
            f"import os\nfor number in (1, 2):\n    os.write(number, b'\\n' + {line.encode()!r} + b'\\n')\n" + WRONG
        )
        assert verdict(provider, source).outcome is Outcome.FAILED

    def test_the_runner_cannot_be_read_or_written_by_the_code_under_test(self, provider):
        source = """\
import os
open_to_us = []
parent = "/proc/%d/" % os.getppid()
for name in ("mem", "environ", "fd/0", "fd/1"):
    try:
        open(parent + name, "rb").close()
        open_to_us.append(name)
    except OSError:
        pass
def f(x):
    assert not open_to_us, open_to_us
    return x + 1
"""
        found = verdict(provider, source)
        assert found.outcome is Outcome.PASSED, found.log

    def test_files_of_the_agent_configure_nothing(self, provider):
        names = ("conftest.py", "sitecustomize.py", "usercustomize.py", "pytest.py", "_pytest/__init__.py", "x.pth")
        files = dict.fromkeys(names, "import os; os._exit(0)\n")
        text = "[pytest]\naddopts = --collect-only\n[tool.pytest.ini_options]\naddopts = '--collect-only'\n"
        files |= dict.fromkeys(("pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"), text)
        assert verdict(provider, GOOD, **files).outcome is Outcome.PASSED
        assert verdict(provider, WRONG, **files).cause == "tests"

    @pytest.mark.parametrize(
        "files",
        [
            {"test_mod/__init__.py": UNASSERTED},
            {"__init__.py": "__path__ = ['/workspace/mine']\n", "mine/test_mod.py": UNASSERTED},
        ],
    )
    def test_nothing_of_the_agents_is_imported_in_place_of_the_graders(self, provider, files):
        """The test file again, without its assertions."""
        assert verdict(provider, WRONG, **files).cause == "tests"

    def test_a_helper_of_the_grader_is_not_shadowed(self, provider):
        made = suite()
        helper = {b"helper.py": File(b"def wanted(x):\n    return x + 1\n")}
        test = TESTS.replace("from mod", "from helper import wanted\nfrom mod").replace("x + 1", "wanted(x)")
        grading = replace(made.grading, files={**helper, b"tests/test_mod.py": File(test.encode())})
        grading = replace(grading, expected=tuple("tests/" + name for name in EXPECTED))
        task = replace(made, grading=grading)
        mine = ANY + "def wanted(x):\n    return Any()\n"
        for path in ("helper/__init__.py", "tests/helper.py", "tests/helper/__init__.py"):
            found = verdict(provider, WRONG.replace("x\n", "x + (x < 3)\n"), task, **{path: mine})
            assert found.cause == "tests", path
            assert verdict(provider, GOOD, task, **{path: mine}).outcome is Outcome.PASSED, path

    def test_the_canaries_are_not_shadowed(self, provider):
        mine = "def test_false():\n    assert False\n"
        files = {"test_hgm_canary/__init__.py": mine, "test_canary_mod/__init__.py": mine}
        assert verdict(provider, ANY + "def f(x):\n    return Any()\n", **files).cause == "tampering"
        assert verdict(provider, GOOD, **files).outcome is Outcome.PASSED

    def test_modules_of_the_standard_library_that_the_agent_replaces_help_nobody(self, provider):
        names = ("json.py", "ast.py", "difflib.py", "pprint.py", "typing.py", "pluggy/__init__.py", "tests/conftest.py")
        assert verdict(provider, WRONG, **dict.fromkeys(names, "import os; os._exit(0)\n")).outcome is Outcome.FAILED
        assert verdict(provider, GOOD, **{"json.py": "x = 1\n"}).outcome is Outcome.PASSED

    def test_a_pytest_that_cannot_be_imported_is_the_hosts_trouble(self, provider, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        caches = (pytest_layer, programs)
        try:
            for cached in caches:
                cached.cache_clear()
            shutil.rmtree(pytest_layer() / "pytest")
            for source in (GOOD, WRONG):
                with pytest.raises(SandboxError, match="No module named"):
                    verdict(provider, source)
        finally:
            for cached in caches:
                cached.cache_clear()

    def test_a_flood_of_reports_does_not_hide_that_pytest_started(self, provider):
        flood = "import os\nfor n in range(3, 20):\n    try:\n        os.write(n, b'x' * 3_000_000)\n"
        assert verdict(provider, flood + "    except OSError:\n        pass\n" + WRONG).outcome is Outcome.FAILED

    def test_hidden_tests_replace_the_agents_files_of_that_name(self, provider):
        mine = "def test_one():\n    pass\n"
        assert verdict(provider, WRONG, **{"test_mod.py": mine, "test_hgm_canary.py": mine}).cause == "tests"

    def test_the_bases_own_conftest_is_kept(self, provider):
        base = {b"mod.py": File(WRONG.encode()), b"conftest.py": File(b"import builtins\nbuiltins.ONE = 1\n")}
        found = verdict(provider, "def f(x):\n    return x + ONE\n", suite(base), **{"conftest.py": "1 / 0"})
        assert found.outcome is Outcome.PASSED

    def test_an_endless_loop_fails_its_test(self, provider):
        found = verdict(provider, "def f(x):\n    while x == 1:\n        pass\n    return x + 1\n", suite(cpu_s=0.3))
        assert found.cause == "tests"
        assert found.tests["test_mod.py::test_more[3]"]

    def test_an_endless_loop_that_swallows_the_alarm_ends_too(self, provider):
        loop = "    signal.signal(signal.SIGVTALRM, signal.SIG_IGN)\n    while True:\n        pass\n"
        found = verdict(provider, "import signal\ndef f(x):\n" + loop, suite(cpu_s=0.1))
        assert found.outcome is Outcome.FAILED
        assert found.cause in ("crashed", "deadline")

    def test_a_memory_bomb_fails(self, provider):
        assert verdict(provider, "def f(x):\n    return [0] * 10**10\n").cause == "tests"

    def test_three_repeats_agree(self, provider):
        assert len({tuple(verdict(provider, WRONG).tests.items()) for _ in range(3)}) == 1


def ended(output: bytes) -> Exit:
    return Exit(end=End.EXITED, status=0, wall_s=0.1, output=output)


LINE = b'{"nonce": "secret", "status": 0, "reports": [["a", true]], "log": ""}'


@pytest.mark.parametrize(
    "output",
    [b"", b"noise", LINE.replace(b"secret", b"other"), LINE + b"\n" + LINE, b'"secret"', b"secret",
     b"[" * 9999 + b"secret"],
)  # fmt: skip
def test_without_exactly_one_line_of_its_own_the_runner_said_nothing(output):
    assert read_report(ended(b"started\n" + output), "secret").trouble() == "tampering"


def test_the_runners_line_is_found_among_noise():
    report = read_report(ended(b"started\nnoise\n" + LINE + b"\nnoise"), "secret")
    assert (report.trouble(), report.rows) == ("", (("a", True),))


@pytest.mark.parametrize("output", [b"", b"Traceback", b" started\n", LINE, b"noise\nstarted\n" + LINE])
def test_a_runner_that_did_not_start_is_not_the_agents_fault(output):
    with pytest.raises(SandboxError, match="does not start"):
        read_report(ended(output), "secret")


@pytest.mark.parametrize("expected", [(), ("a", "a")])
def test_a_suite_that_could_pass_without_a_test_is_refused(expected):
    with pytest.raises(EvaluatorError, match="each once"):
        check_expected(expected)
