import json
import subprocess
import sys

import pytest

from evaluators.base import Compared, Split, Suite
from evaluators.grading import grade
from evaluators.patches import overlay
from evaluators.quixbugs import QuixBugs
from hgm.errors import ConfigError, EvaluatorError
from trees.records import Outcome

DOUBLE = {
    "id": "double",
    "buggy": 'def double(x, eps):\n    return x\n\n"""\nDouble\n    >>> double(3, 0.1)\n    6\n"""\n',
    "correct": "def double(x, eps):\n    return 2 * x\n",
    "files": {
        "json_testcases/double.json": "[[1, 0.1], 2]\n[[2, 0.1], 4]\n[[3, 0.1], 6]\n[[999, 0.1], 1998]\n",
        "python_testcases/test_double.py": """\
import pytest
def test_double(input_data, expected):
    if input_data == [999, 0.1]:
        pytest.skip("slow")
    assert double(*input_data) == pytest.approx(expected, abs=input_data[-1])
""",
    },
}
CHAIN = {
    "id": "chain",
    "buggy": "def chain(node):\n    return 0\n",
    "correct": "def chain(node):\n    return 1 + chain(node.successor) if node else 0\n",
    "files": {
        "python_testcases/node.py": "class Node:\n    def __init__(self, a=None):\n        self.successor = a\n",
        "python_testcases/test_chain.py": """\
import pytest
from node import Node

if pytest.use_correct:
    from correct_python_programs.chain import chain
else:
    from python_programs.chain import chain


def test1():
    assert chain(Node()) == 1


def test2():
    expected = [2, 0]
    assert [chain(Node(Node())), chain(None)] == expected


def test3():
    assert not chain(None)
""",
    },
}


def benchmark(folder, *rows) -> QuixBugs:
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return QuixBugs(folder / "data.jsonl")


def tasks(quixbugs):
    return {quixbugs._ids[task_id]: quixbugs.task(task_id) for split in Split for task_id in quixbugs.tasks(split)}


def test_json_cases_are_compared_with_upstreams_tolerance_and_without_slow_ones(tmp_path):
    grading = tasks(benchmark(tmp_path, DOUBLE))["double"].grading
    assert isinstance(grading, Compared)
    assert [(case.args[0], case.expected, case.tolerance) for case in grading.cases] == [
        (1, 2, 0.1),
        (2, 4, 0.1),
        (3, 6, 0.1),
    ]
    assert grading.cpu_s == 5


def test_the_docstrings_example_is_visible_and_counts_for_half(tmp_path):
    task = tasks(benchmark(tmp_path, DOUBLE))["double"]
    check = task.workspace[b"check.py"].data.decode()
    assert "([3, 0.1], 6, 0.1)," in check
    assert "([1, 0.1]" not in check
    assert b">>> double" in task.workspace[b"double.py"].data


def test_graph_tasks_are_suites_with_every_test_expected(tmp_path):
    task = tasks(benchmark(tmp_path, CHAIN))["chain"]
    assert isinstance(task.grading, Suite)
    assert task.grading.expected == ("test_chain.py::test1", "test_chain.py::test2", "test_chain.py::test3")
    assert b"from chain import chain" in task.grading.files[b"test_chain.py"].data
    assert b"use_correct" not in task.grading.files[b"test_chain.py"].data
    assert set(task.workspace) == {b"chain.py", b"node.py", b"check.py"}


def test_the_visible_check_of_a_suite_speaks_like_the_others(tmp_path):
    task = tasks(benchmark(tmp_path, CHAIN))["chain"]
    for path, file in task.workspace.items():
        (tmp_path / path.decode()).write_bytes(file.data)
    assert check(tmp_path) == (
        '  File "check.py", line 13, in test1\n    assert chain(Node()) == 1\n'
        "FAIL test1(): expected it to pass, raised AssertionError\n0 of 1 passed\n",
        1,
    )
    (tmp_path / "chain.py").write_text("def chain(node):\n    while True:\n        pass\n")
    assert check(tmp_path) == ("FAIL test1(): expected it to pass, timed out\n0 of 1 passed\n", 1)
    (tmp_path / "chain.py").write_bytes(task.reference[b"chain.py"].data)
    assert check(tmp_path) == ("1 of 1 passed\n", 0)


def check(folder):
    run = subprocess.run([sys.executable, "-S", "check.py"], cwd=folder, capture_output=True, text=True, check=False)
    return run.stdout, run.returncode


def test_canaries_ask_for_what_no_solution_returns(tmp_path):
    text = tasks(benchmark(tmp_path, CHAIN))["chain"].grading.canary[b"test_canary_chain.py"].data.decode()
    assert "assert _hgm_holds(_hgm_equal, chain(Node()), 1)" in text
    assert ", expected)" in text
    assert "assert chain(None)" in text


ANY = "class Any:\n    def __eq__(self, other):\n        return True\n    def __bool__(self):\n        return False\n"


@pytest.mark.needs("bubblewrap")
class TestInSandbox:
    def test_values_that_equal_everything_are_tampering(self, tmp_path, provider):
        task = tasks(benchmark(tmp_path, CHAIN))["chain"]
        files = overlay(task.workspace, {b"chain.py": task.reference[b"chain.py"]._replace(data=CHEAT)})
        found = grade(task, files, provider, run="test", job="g", slot=0)
        assert (found.outcome, found.cause) == (Outcome.FAILED, "tampering")

    @pytest.mark.parametrize("row", [DOUBLE, CHAIN])
    def test_references_pass_and_bugs_fail(self, tmp_path, provider, row):
        task = tasks(benchmark(tmp_path, row))[row["id"]]
        solved = overlay(task.workspace, task.reference)
        assert grade(task, solved, provider, run="test", job="g", slot=0).outcome is Outcome.PASSED
        assert grade(task, task.workspace, provider, run="test", job="g", slot=0).cause == "tests"

    def test_all_of_the_published_data_can_be_read_and_its_references_pass(self, shared_data, provider):
        found = tasks(QuixBugs(shared_data("quixbugs.jsonl")))
        assert len(found) == 30
        for task in found.values():
            solved = overlay(task.workspace, task.reference)
            verdict = grade(task, solved, provider, run="test", job="g", slot=0)
            assert verdict.outcome is Outcome.PASSED, (task.id, verdict)


CHEAT = (ANY + "def chain(node):\n    return Any()\n").encode()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**DOUBLE, "id": "../x"}, "line 1: id String should match"),
        ({**DOUBLE, "id": "Double\n"}, "line 1: id"),
        ({"id": "x"}, "line 1: buggy Field required"),
        ([], "line 1"),
        ({**DOUBLE, "files": {"a": 1}}, "files.a"),
    ],
)
def test_an_unusable_line_is_named(tmp_path, row, said):
    with pytest.raises(EvaluatorError, match=r"data\.jsonl, line 1") as caught:
        benchmark(tmp_path, row)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"json_testcases/double.json": "nonsense"},
        {"json_testcases/double.json": "[1]"},
        {"json_testcases/double.json": ""},
        {"json_testcases/double.json": "[" * 100_000},
        {"python_testcases/test_double.py": "def test1(:"},
        {"python_testcases/test_double.py": "def test1(a):\n    pass\n"},
        {"python_testcases/test_double.py": "x = 1\n"},
    ],
)
def test_a_record_that_makes_no_task_is_named(tmp_path, files):
    quixbugs = benchmark(tmp_path, {**DOUBLE, "files": files})
    with pytest.raises(EvaluatorError, match="quixbugs: double cannot be read"):
        tasks(quixbugs)


def test_missing_empty_and_double_data_are_errors(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the data of quixbugs"):
        QuixBugs(tmp_path / "nothing")
    with pytest.raises(EvaluatorError, match="holds no task"):
        benchmark(tmp_path)
    with pytest.raises(EvaluatorError, match="double comes twice"):
        benchmark(tmp_path, DOUBLE, DOUBLE)


def test_the_fingerprint_follows_the_data(tmp_path):
    assert benchmark(tmp_path, DOUBLE).fingerprint() == benchmark(tmp_path, DOUBLE).fingerprint()
    assert benchmark(tmp_path, DOUBLE).fingerprint() != benchmark(tmp_path, DOUBLE, CHAIN).fingerprint()
