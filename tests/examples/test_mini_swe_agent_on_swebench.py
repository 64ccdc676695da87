"""The worked example in the image of a real SWE-bench instance: the same agent and layer, on the lab's own Python."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evaluators.base import Split
from evaluators.selection import Selection, selected
from evaluators.swebench import SwebenchBenchmark
from hgm import trajectories
from hgm.contract import read_agent
from hgm.errors import ConfigError
from hgm.evaluate import evaluate
from hgm.jobs import EvaluateJob
from hgm.lab import Lab
from tests.examples.test_mini_swe_agent import EXAMPLE, bash
from tests.hgm.small_lab import root_of, scripted, small_lab
from trees.records import Outcome

pytestmark = [pytest.mark.needs("swebench"), pytest.mark.timeout(900)]
FLASK = "pallets__flask-5063"
DONE = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, swebench_rows: Path) -> Iterator[Lab]:
    benchmark = selected(SwebenchBenchmark(data=swebench_rows), Selection(ids=(FLASK,)))
    try:
        with small_lab(tmp_path_factory.mktemp("mini") / "run", read_agent(EXAMPLE), sandbox="docker") as lab:
            yield replace(lab, benchmark=benchmark)
    except ConfigError as error:
        if "reaches no package index" in str(error):
            pytest.skip(f"no package index answers: {error}")
        raise


def job(lab: Lab, number: int) -> EvaluateJob:
    (found,) = ((split, task) for split in Split for task in lab.benchmark.tasks(split))
    split, task = found
    return EvaluateJob(
        id=f"e{number:05d}", node=0, commit=root_of(lab), split=split, task=task, repeat=number, seed=number
    )


def test_the_gold_edit_resolves_it(lab: Lab, tmp_path: Path, swebench_rows: Path) -> None:
    rows = map(json.loads, swebench_rows.read_text().splitlines())
    gold = next(row["patch"] for row in rows if row["instance_id"] == FLASK)
    steps = bash(
        "python -c 'import flask; print(flask.__file__)'; python -c 'import litellm' 2>&1 | tail -1",
        f"git apply - <<'END'\n{gold}\nEND\n",
        DONE,
    )
    with scripted(lab, tmp_path, steps) as asked:
        found = evaluate(job(lab, 0), asked, 0)
    assert (found.outcome, found.cause, found.official) == (Outcome.PASSED, "", True), found.detail
    records = list(trajectories.read(lab.trajectories / "e00000.jsonl.zst"))
    last = [record["request"] for record in records if record["event"] == "call started"][-1]
    told = "\n".join(str(message.get("content")) for message in last["messages"])
    assert "/testbed/src/flask/__init__.py" in told, "what the model runs is the instance's own Python"
    assert "No module named" in told, "which does not see the layer"


def test_without_an_edit_it_is_not_resolved(lab: Lab, tmp_path: Path) -> None:
    with scripted(lab, tmp_path, bash(DONE)) as asked:
        found = evaluate(job(lab, 1), asked, 0)
    assert (found.outcome, found.cause) == (Outcome.FAILED, "unchanged"), found.detail
