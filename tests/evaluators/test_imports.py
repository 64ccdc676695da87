# ruff: noqa: E501 - programs as one line of text
"""Templates and imported tasks are sound; rows of our own, in the forms of the published files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluators.grading import grade_once
from evaluators.harbor import HarborBenchmark
from evaluators.imports import tasks
from evaluators.registry import validate
from hgm.cli.app import app
from hgm.errors import EvaluatorError, UsageError
from sandboxes import shelf
from sandboxes.base import File, SandboxProvider
from sandboxes.choose import choose
from sandboxes.engine import connect
from sandboxes.images import image_name
from tests.evaluators.test_harbor import only_task

ask = CliRunner()
HUMANEVAL = {
    "task_id": "Own/7",
    "prompt": 'from typing import List\n\n\ndef twice(values: List[int]) -> List[int]:\n    """Each value doubled.\n    >>> twice([1])\n    [2]\n    """\n',
    "entry_point": "twice",
    "canonical_solution": "    return [2 * value for value in values]\n",
    "test": "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate([1, 2]) == [2, 4]\n    assert candidate([]) == []\n",
}
MBPP = {
    "task_id": 11,
    "text": "Write a function that counts the vowels of a word.",
    "code": "def vowels(word):\r\n  return sum(word.count(letter) for letter in 'aeiou')",
    "test_list": ["assert vowels('audio') == 4", "assert vowels('xyz') == 0", "assert vowels('a') == 1"],
    "test_setup_code": "",
}


@pytest.fixture(scope="module")
def provider() -> SandboxProvider:
    return choose("bubblewrap")


def problems(folder: Path, provider: SandboxProvider) -> list[str]:
    return [check.problem for check in validate(HarborBenchmark(folder), provider, run="imports", repeats=1)]


def written(folder: Path, *rows: object) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "rows.jsonl"


@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize(("form", "row", "name"), [("humaneval", HUMANEVAL, "own-7"), ("mbpp", MBPP, "mbpp-11")])
def test_an_imported_task_is_sound(form, row, name, tmp_path, provider) -> None:
    told = ask.invoke(
        app, ["benchmark", "import", str(written(tmp_path, row)), "--as", form, "--to", str(tmp_path / "made")]
    )
    assert told.exit_code == 0, told.exception
    assert problems(tmp_path / "made", provider) == [""]
    task = only_task(HarborBenchmark(tmp_path / "made"))
    assert task.name == name
    hidden = "candidate([])" if form == "humaneval" else "vowels('xyz')"
    seen = task.statement + "".join(file.data.decode() for file in task.workspace.values())
    assert hidden not in seen
    assert "return" not in seen
    cheat = "class Any(list):\n    __eq__ = lambda self, other: True\n\n\ndef twice(*values):\n    return Any()\n\n\nvowels = twice\n"
    found = grade_once(task, {b"solution.py": File(cheat.encode())}, provider, run="imports", job="g", slot=0)
    assert found.cause == "tampering"


@pytest.mark.parametrize(
    ("form", "row", "said"),
    [
        ("humaneval", {**HUMANEVAL, "entry_point": "f(); import os"}, "line 1: 1 validation error"),
        ("humaneval", {**HUMANEVAL, "test": "def check(:"}, "line 1: "),
        ("mbpp", {**MBPP, "test_list": []}, "line 1: 1 validation error"),
        ("mbpp", {**MBPP, "task_id": "///"}, "makes no name"),
        ("mbpp", [1], "line 1: 1 validation error"),
    ],
)
def test_an_unusable_line_is_named(form, row, said, tmp_path) -> None:
    with pytest.raises(EvaluatorError, match=said):
        tasks(written(tmp_path, row), form)


def test_two_tasks_of_one_name_are_refused(tmp_path) -> None:
    with pytest.raises(EvaluatorError, match="line 2: another task has the name 'own-7'"):
        tasks(written(tmp_path, HUMANEVAL, {**HUMANEVAL, "task_id": "own 7"}), "humaneval")


@pytest.mark.needs("bubblewrap")
def test_the_templates_are_sound(tmp_path, provider) -> None:
    for kind in ("compared", "suite", "script"):
        told = ask.invoke(app, ["benchmark", "new", str(tmp_path / kind), "--grading", kind])
        assert "hgm benchmark validate" in told.output
        assert problems(tmp_path / kind, provider) == [""]


@pytest.mark.needs("docker")
def test_the_template_with_an_image_is_sound(tmp_path) -> None:
    ask.invoke(app, ["benchmark", "new", str(tmp_path), "--grading", "image"])
    dockerfile = tmp_path / "example-image" / "environment" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("python:3.12-slim", image_name()))
    told = ask.invoke(
        app, ["benchmark", "validate", str(tmp_path), "--repeats", "1", "--sandbox", "docker", "--allow-build"]
    )
    environment = only_task(HarborBenchmark(tmp_path)).environment
    assert environment is not None
    shelf.remove_name(connect(), environment.image)
    assert told.exit_code == 0, (told.output, told.exception)
    assert "1 task, 0 of them not sound" in told.output


def test_a_template_overwrites_nothing(tmp_path) -> None:
    ask.invoke(app, ["benchmark", "new", str(tmp_path)])
    told = ask.invoke(app, ["benchmark", "new", str(tmp_path)])
    assert isinstance(told.exception, UsageError)
    assert "holds something already" in str(told.exception)
