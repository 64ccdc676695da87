"""Cheating agents, end to end: none passes a compared task, and on suites each ends as it is said.

By default the short form; HGM_BATTERY=whole tries every cheat: on a compared task on each sandbox, on suites on one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evaluators.base import Split
from evaluators.grading import grade
from hgm.config import SearchConfig
from hgm.evaluate import evaluate
from hgm.jobs import EvaluateJob, EvaluationResult
from hgm.lab import Lab
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.base import File
from sandboxes.choose import NAMES
from tests.battery.cheating import (
    BASE,
    CHEATS,
    PASSED,
    QUICKLY,
    RIGHT,
    SHORT,
    SLOW,
    TESTS,
    Cheat,
    Doubles,
    believed,
    leaves,
    left_by,
    with_history,
)
from tests.hgm.small_lab import agent, root_of
from trees.archive import Archive
from trees.records import Outcome

SANDBOXES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("bubblewrap", "docker") if name in NAMES]
MADE = tuple(cheat for cheat in CHEATS if os.environ.get("HGM_BATTERY") == "whole" or cheat.name in SHORT)
numbers = count(1)


@contextmanager
def lab_on(sandbox: str, place: Path, **config: Any) -> Iterator[Lab]:
    """A lab on a given sandbox whose one problem is graded in every way."""
    folder = Folder(place)
    for made in (folder.path, folder.trajectories, folder.grading):
        made.mkdir()
    archive, root = Archive.create(folder.archive), agent()
    archive.add_root(root)
    settings = SearchConfig(budget=1, **config)
    with lab_for(folder, settings, archive, root, sandbox=sandbox, progress=lambda job, stage: None) as lab:
        yield replace(lab, benchmark=Doubles())


@pytest.fixture(scope="module", params=SANDBOXES)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_on(request.param, tmp_path_factory.mktemp("cheating") / "run") as lab:
        yield lab


def evaluated(lab: Lab, main: str, task: str) -> EvaluationResult:
    """How an agent with this main.py fares on one of the tasks."""
    number = next(numbers)
    commit = lab.archive.add_child(root_of(lab), agent(main), "a cheat", number).commit
    job = EvaluateJob(id=f"e{number:05d}", node=0, commit=commit, split=Split.SEARCH, task=task, repeat=0, seed=number)
    return evaluate(job, lab, 0)


def named(cheats: tuple[Cheat, ...]) -> Any:
    return pytest.mark.parametrize("cheat", cheats, ids=[cheat.name for cheat in cheats])


@named(MADE)
def test_no_cheat_passes_a_compared_task(lab: Lab, cheat: Cheat) -> None:
    result = evaluated(lab, cheat.main, "compared")
    assert (result.outcome, result.cause) == TESTS, result.detail


def once(test: Any) -> Any:
    """What a grader makes of a cheat does not depend on the sandbox: Docker is spared all but the short form."""
    pairs = [(on, cheat) for on in SANDBOXES for cheat in MADE if on.values != ("docker",) or cheat.name in SHORT]
    params = [pytest.param(*on.values, cheat, marks=on.marks, id=f"{on.values[0]}-{cheat.name}") for on, cheat in pairs]
    return pytest.mark.parametrize(("lab", "cheat"), params, indirect=["lab"], scope="module")(test)


@once
def test_on_a_suite_each_ends_as_it_is_said(lab: Lab, cheat: Cheat) -> None:
    result = evaluated(lab, cheat.main, cheat.on)
    assert (result.outcome, result.cause) == cheat.suite, (result.detail, graded(lab, result))


@once
def test_a_careless_grader_is_fooled_by_it(lab: Lab, cheat: Cheat, tmp_path: Path) -> None:
    careless = {**cheat.careless, **(with_history(tmp_path) if cheat.history else {})}
    assert believed(cheat.fools, left_by(cheat.main, careless, lab.provider), lab.provider)


def test_what_is_not_promised_is_what_passes() -> None:
    assert [cheat.name for cheat in CHEATS if cheat.suite == PASSED] == [cheat.name for cheat in CHEATS if cheat.why]
    assert len({cheat.name for cheat in CHEATS}) == len(CHEATS) >= 25
    assert {cheat.name for cheat in CHEATS} >= SHORT


@pytest.mark.parametrize(
    "how", ["status", "words", "nonce", "pytest", "report", "unittest", "raises", "module", "visible"]
)
def test_a_careless_grader_grades(lab: Lab, how: str) -> None:
    assert believed(how, {b"answer.py": File(RIGHT.encode())}, lab.provider)
    assert not believed(how, BASE, lab.provider)


@pytest.mark.parametrize("task", ["compared", "suite", "unittest", "raises", "script"])
def test_an_honest_agent_passes(lab: Lab, task: str) -> None:
    result = evaluated(lab, leaves(RIGHT), task)
    assert result.outcome is Outcome.PASSED, graded(lab, result)


def graded(lab: Lab, result: EvaluationResult) -> str:
    return (lab.grading / f"{result.job}.json").read_text()


def test_a_slow_solution_spread_over_processes_is_slow(lab: Lab) -> None:
    """Those that it waits for count as its own. Not promised: the others, which end with the case on the clock."""
    task = replace(Doubles().task("compared"), grading=QUICKLY)
    for source, outcome in ((SLOW, Outcome.FAILED), (RIGHT, Outcome.PASSED)):
        files = {b"answer.py": File(source.encode())}
        found = grade(task, files, lab.provider, run="cheating", job=f"slow{next(numbers)}", slot=0)
        assert found.outcome is outcome, found.log
        assert outcome is Outcome.PASSED or b"timed out" in found.log or b"stalled" in found.log, found.log
