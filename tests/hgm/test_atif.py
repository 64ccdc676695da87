"""Trajectories for other programs, checked by the format's own models."""

import json
from pathlib import Path

import pytest
from atif import Trajectory
from typer.testing import CliRunner

from evaluators.base import Split
from hgm.atif import _steps, exportable
from hgm.cli.app import app
from hgm.conversation import ToolCall, Turn
from hgm.run import read

ask = CliRunner()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    command = ["evaluate", "seed", "--split", "all", "--limit", "300", "--sample", "6", "--run", "one"]
    told = ask.invoke(app, [*command, "--sandbox", "bubblewrap", "--runs-dir", str(runs), "-q"])
    assert told.exit_code == 0, told.output
    return runs / "one"


@pytest.mark.needs("bubblewrap")
def test_every_evaluation_but_sealed_ones_becomes_a_valid_document(run, tmp_path) -> None:
    told = ask.invoke(app, ["runs", "export", str(run), "--format", "atif", "-o", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    state = read(run)
    sealed = {item.job for item in state.evaluations if item.split is Split.SEALED}
    written = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "out").iterdir()}
    assert sealed
    assert written.keys() == {item.job for item in state.evaluations} - sealed
    for item in exportable(state):
        found = Trajectory.model_validate(written[item.job])
        assert found.schema_version == "ATIF-v1.8"
        assert found.steps[0].source == "system"
        assert any(step.tool_calls for step in found.steps)
        assert found.final_metrics is not None
        assert found.final_metrics.total_completion_tokens == item.usage.output_tokens
        assert found.extra is not None
        assert found.extra["reward"] == (1.0 if item.outcome == "passed" else 0.0)
    assert f"{len(sealed)} of sealed tasks are left out" in told.output


@pytest.mark.needs("bubblewrap")
def test_a_folder_that_is_there_is_not_written_into(run, tmp_path) -> None:
    told = ask.invoke(app, ["runs", "export", str(run), "-o", str(tmp_path)])
    assert "name a new folder" in str(told.exception)


def test_results_belong_to_the_calls_in_their_order() -> None:
    said = [
        Turn("user", "Go."),
        Turn("assistant", "Two things.", (ToolCall("a", '{"x": 1}'), ToolCall("b", "not json"))),
        Turn("tool", "first"),
        Turn("tool", "second"),
        Turn("tool", "nobody asked"),
        Turn("other", "Hm."),
    ]
    steps = _steps(said)
    found = Trajectory.model_validate(
        {"schema_version": "ATIF-v1.8", "agent": {"name": "a", "version": "1"}, "steps": steps}
    )
    assert [step.source for step in found.steps] == ["user", "agent", "user", "user"]
    step = found.steps[1]
    assert step.tool_calls is not None
    assert step.observation is not None
    assert [call.arguments for call in step.tool_calls] == [{"x": 1}, {"text": "not json"}]
    assert [result.content for result in step.observation.results] == ["first", "second"]


def test_an_agent_that_asked_no_model_has_a_document_too() -> None:
    assert _steps([])[0]["source"] == "system"
