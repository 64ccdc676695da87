"""The worked example: mini-swe-agent from PyPI, unmodified, behind the gateway in a real sandbox."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hgm import trajectories
from hgm.contract import read_agent
from hgm.errors import ConfigError
from hgm.evaluate import evaluate
from hgm.gates import Candidate, first_rejection
from hgm.lab import Lab
from sandboxes.base import File
from tests.hgm.small_lab import OneTask, evaluation, scripted, small_lab
from trees.records import Outcome

EXAMPLE = Path(__file__).parents[2] / "examples" / "mini-swe-agent"

pytestmark = [pytest.mark.needs("bubblewrap"), pytest.mark.timeout(900)]  # the layer is 700 MB, the first time


def bash(*commands: str) -> list[dict[str, Any]]:
    return [{"tool_calls": [{"name": "bash", "arguments": {"command": command}}]} for command in commands]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """With the layer in the user's cache, which later runs of these tests find."""
    try:
        with small_lab(tmp_path_factory.mktemp("mini") / "run", read_agent(EXAMPLE)) as lab:
            yield replace(lab, benchmark=OneTask(deadline_s=120.0))
    except ConfigError as error:
        if "reaches no package index" in str(error):
            pytest.skip(f"no package index answers: {error}")
        raise


def test_it_solves_a_task_by_its_own_means(lab: Lab, tmp_path: Path) -> None:
    steps = bash(
        "cat answer.py; echo path=$PYTHONPATH=; python3 -c 'import litellm' 2>&1 | tail -1",
        "sed -i 's/n + 2/2 * n/' answer.py && python3 -c 'import answer; assert answer.double(4) == 8'",
        "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT",
    )
    with scripted(lab, tmp_path, steps) as asked:
        found = evaluate(evaluation(asked), asked, 0)
    assert (found.outcome, found.cause, found.usage.calls) == (Outcome.PASSED, "", 3), found.detail
    records = list(trajectories.read(lab.trajectories / "e00000.jsonl.zst"))
    last = [record["request"] for record in records if record["event"] == "call started"][-1]
    told = "\n".join(str(message.get("content")) for message in last["messages"])
    assert "`double` in answer.py should return twice its argument." in told
    assert "return n + 2" in told
    assert "path==" in told, "what the model runs does not see the layer, which graders lack"
    assert "ModuleNotFoundError: No module named" in told


def test_a_child_of_it_passes_the_gates(lab: Lab, tmp_path: Path) -> None:
    parent = read_agent(EXAMPLE)
    main = parent[b"main.py"].data + b"\n# better\n"
    steps = bash("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT")
    with scripted(lab, tmp_path, steps) as asked:
        files = {**parent, b"main.py": File(main)}
        assert first_rejection(Candidate(job="x00001", seed=1, parent=parent, files=files), asked, 0) is None


def test_it_ends_where_the_model_does_not_call_its_tool(lab: Lab, tmp_path: Path) -> None:
    with scripted(lab, tmp_path, [{"text": "I would rather not.", "repeat": True}]) as asked:
        found = evaluate(evaluation(asked, 1), asked, 0)
    assert (found.outcome, found.cause, found.usage.calls) == (Outcome.FAILED, "unchanged", 3)
