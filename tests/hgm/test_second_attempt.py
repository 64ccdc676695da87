"""Polyglot's two-attempt mode, with an agent that does better when it is told what went wrong."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluators.base import Split
from evaluators.polyglot import PolyglotBenchmark
from hgm.cli.app import app
from hgm.evaluate import SECOND, evaluate
from hgm.jobs import EvaluateJob
from hgm.lab import Lab
from sandboxes.base import File
from tests.evaluators.test_polyglot import PYTHON, written
from tests.hgm.small_lab import root_of, small_lab
from trees.records import Outcome

MANIFEST = b'protocol = 1\nname = "again"\ncommand = ["python3", "-S", "/hgm/agent/main.py"]\nrelay = false\n'
MAIN = b"""\
import json, sys
if "--self-test" in sys.argv:
    sys.exit(0)
told = json.load(open("/hgm/task.json"))["statement"]
last = open("add.py").read()
if "Mend the solution." in told and "assert" in told and "a - b" in last:
    open("add.py", "w").write("def add(a, b):\\n    return a + b\\n")
else:
    open("add.py", "w").write("def add(a, b):\\n    return a - b\\n")
"""
pytestmark = pytest.mark.needs("bubblewrap")


def evaluated(lab: Lab, number: int):
    (job,) = (
        EvaluateJob(id=f"e{number:05d}", node=0, commit=root_of(lab), split=split, task=task, repeat=0, seed=0)
        for split in Split
        for task in lab.benchmark.tasks(split)
    )
    return evaluate(job, lab, 0)


def test_an_agent_that_failed_sees_the_tests_and_goes_on_in_its_own_files(tmp_path: Path) -> None:
    benchmark = PolyglotBenchmark(written(tmp_path, {"python": PYTHON}))
    with small_lab(tmp_path / "run", {b"agent.toml": File(MANIFEST), b"main.py": File(MAIN)}) as lab:
        once = evaluated(replace(lab, benchmark=benchmark), 0)
        twice = evaluated(replace(lab, benchmark=benchmark, second_attempt=True), 1)
    assert (once.outcome, once.cause, once.note) == (Outcome.FAILED, "tests", "")
    assert (twice.outcome, twice.cause, twice.note) == (Outcome.PASSED, "", SECOND)


def test_no_other_benchmark_has_the_mode_and_no_search(tmp_path: Path) -> None:
    ask = CliRunner()
    told = ask.invoke(app, ["evaluate", "seed", "--attempts", "2", "--limit", "1", "--runs-dir", str(tmp_path)])
    assert "--attempts 2 is a mode of polyglot's" in str(told.exception)
    assert ask.invoke(app, ["evaluate", "seed", "--attempts", "3"]).exit_code == 2
    assert "No such option" in ask.invoke(app, ["search", "--budget", "4", "--attempts", "2"]).output
