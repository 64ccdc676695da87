"""`hgm evaluate`: kept as a run, gone on with, paired; and patches graded without an agent."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hgm.errors import ConfigError
from hgm.evaluation_report import VERSION, compare
from hgm.plan import is_finished
from hgm.run import read
from hgm.submissions import read_predictions
from tests.cli.command import Command
from tests.conftest import DATA
from trees.statistics import mcnemar

BUBBLEWRAP = ("--sandbox", "bubblewrap")

pytestmark = pytest.mark.needs("bubblewrap")


def test_it_is_kept_and_shown(hgm: Command, tmp_path: Path) -> None:
    said = hgm("evaluate", "seed", "--limit", "2", "--tasks", "--json", "r.json", *BUBBLEWRAP)
    assert said.code == 0, said.err
    state = read(tmp_path / "runs" / "eval-builtin-1")
    assert is_finished(state)
    assert [item.repeat for item in state.evaluations] == [0, 0]
    assert len(list((tmp_path / "runs" / "eval-builtin-1" / "trajectories").iterdir())) == 2
    told = json.loads(Path("r.json").read_text())
    assert (told["version"], told["planned"], len(told["evaluations"])) == (VERSION, 2, 2)
    assert "evaluation" in hgm("runs", "list").out
    assert hgm("runs", "show", "eval-builtin-1").code == 0
    treeless = hgm("tree", "show", "eval-builtin-1")
    assert (treeless.code, "see `hgm runs show eval-builtin-1`" in treeless.err) == (2, True)
    again = hgm("resume", "eval-builtin-1")
    assert again.code == 0
    assert read(tmp_path / "runs" / "eval-builtin-1").jobs == 2, "nothing is measured twice"


def test_an_agent_that_was_selected_on_the_benchmark_is_said_to_be(hgm: Command, tmp_path: Path) -> None:
    small = ("-o", "confirmation.select_tasks=1", "-o", "confirmation.sealed_tasks=0", *BUBBLEWRAP)
    assert hgm("search", "--budget", "6", "--run", "s", "--quiet", *small).code == 0
    said = hgm("evaluate", "s:best", "--limit", "1", *BUBBLEWRAP)
    assert "selected by a search on this benchmark" in said.out
    assert "must not be called unseen" in said.out
    assert "selected by" not in hgm("evaluate", "seed", "--limit", "1", *BUBBLEWRAP).out


def test_killed_it_goes_on_with_the_same_jobs(hgm: Command, tmp_path: Path) -> None:
    words = ("evaluate", "seed", "--limit", "4", "--run", "e", "--workers", "1", *BUBBLEWRAP)
    with subprocess.Popen(
        [sys.executable, "-m", "hgm", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("[2/4]") for line in process.stdout)
        process.kill()
    before = [item.job for item in read(tmp_path / "runs" / "e").evaluations]
    said = hgm("resume", "e")
    assert said.code == 0, said.err
    state = read(tmp_path / "runs" / "e")
    jobs = [item.job for item in state.evaluations]
    assert jobs[: len(before)] == before
    assert sorted(jobs) == [f"e{number:05d}" for number in range(4)]
    alone = hgm("evaluate", "seed", "--limit", "4", "--run", "whole", "--workers", "1", "--quiet", *BUBBLEWRAP)
    assert alone.code == 0
    assert read(tmp_path / "runs" / "whole").essence() == state.essence()


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    words = ("evaluate", "seed", "--limit", "30", "--run", "e", *BUBBLEWRAP)
    with subprocess.Popen(
        [sys.executable, "-m", "hgm", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("[1/30]") for line in process.stdout)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 130
    assert "go on with hgm resume e" in out
    assert "not begun: " in out


def test_a_budget_ends_it_and_more_goes_on(hgm: Command, tmp_path: Path) -> None:
    said = hgm("evaluate", "seed", "--limit", "4", "--budget", "2", "--run", "e", "--workers", "1", *BUBBLEWRAP)
    assert said.code == 0, said.err
    assert "not begun: 2 evaluations of 4" in said.out
    assert hgm("resume", "e", "--budget", "+5").code == 0
    assert len(read(tmp_path / "runs" / "e").evaluations) == 4


def test_its_own_solutions_are_graded_without_an_agent(hgm: Command) -> None:
    if not (DATA / "quixbugs.jsonl").is_file():
        pytest.skip("shared data are not beside the project")
    data = ("--benchmark", "quixbugs", "--data", DATA / "quixbugs.jsonl")
    said = hgm("evaluate", "--gold", *data, "--sample", "4", *BUBBLEWRAP)
    assert said.code == 0, said.err
    assert "gold on quixbugs, all tasks: 100 % of 4" in said.out


def test_two_evaluations_are_paired(hgm: Command) -> None:
    for run in ("one", "two"):
        assert hgm("evaluate", "seed", "--limit", "2", "--run", run, "--quiet", *BUBBLEWRAP).code == 0
    said = hgm("evaluate", "--compare", "one", "two", "--json", "c.json")
    assert said.code == 0, said.err
    assert "on 2 tasks that both measured" in said.out
    assert json.loads(Path("c.json").read_text())["losses"] == []
    assert hgm("evaluate", "seed", "--limit", "2", "--run", "three", "--sample", "50", "--quiet", *BUBBLEWRAP).code == 0
    refused = hgm("evaluate", "--compare", "one", "three")
    assert (refused.code, "different data" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "say what to evaluate"),
        (("seed", "--gold"), "say what to evaluate"),
        (("--compare", "one"), "--compare takes two evaluations"),
        (("--compare", "one", "two"), "no such run"),
        (("--predictions", "none.jsonl"), "cannot read the predictions"),
        (("seed", "--ids", "nothing"), "builtin has no task nothing"),
        (("seed", "--ids", "@none.txt"), "none.txt: cannot be read"),
        (("seed", "--repo", "a/b"), "say nothing about repo"),
        (("seed", "--sample", "0"), "at least 1"),
        (("seed", "--benchmark", "swebench"), "swebench"),
        (("seed", "-o", "selection.sample=3"), "give it as --ids"),
    ],
)
def test_what_cannot_be_done_says_why(hgm: Command, words: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    said = hgm("evaluate", *words, *BUBBLEWRAP)
    assert (said.code, complaint in said.err) == (2, True), said.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.needs("swebench")
def test_tasks_with_images_need_an_engine(hgm: Command, swebench_rows: Path, tmp_path: Path) -> None:
    said = hgm("evaluate", "seed", "--benchmark", "swebench", "--data", swebench_rows, *BUBBLEWRAP)
    assert (said.code, "start a container engine" in said.err) == (2, True), said.err
    rows = [json.loads(line) | {"image": "nowhere/nothing:1"} for line in swebench_rows.read_text().splitlines()]
    missing = tmp_path / "missing.jsonl"
    missing.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = hgm("evaluate", "seed", "--benchmark", "swebench", "--data", missing, "--sandbox", "docker")
    assert (said.code, "nowhere/nothing:1: hgm benchmark images swebench --pull" in said.err) == (2, True), said.err
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.needs("swebench")
@pytest.mark.timeout(600)
def test_predictions_are_graded_and_written_as_the_harness_has_them(
    hgm: Command, swebench_rows: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in swebench_rows.read_text().splitlines()]
    flask = next(row for row in rows if row["repo"] == "pallets/flask")
    given = tmp_path / "given.json"
    prediction = {"instance_id": flask["instance_id"], "model_name_or_path": "m", "model_patch": flask["patch"]}
    given.write_text(json.dumps([prediction]))
    words = ("--benchmark", "swebench", "--data", swebench_rows, "--sandbox", "docker")
    said = hgm("evaluate", "--predictions", given, *words, "--report-dir", tmp_path, "--json", "e.json")
    assert said.code == 0, said.err
    assert "predictions on swebench, all tasks: 100 % of 1" in said.out
    assert "must not be called tested on unseen tasks" in said.out
    report = json.loads((tmp_path / "hgm-predictions.eval-swebench-1.json").read_text())
    assert (report["resolved_ids"], report["schema_version"]) == ([flask["instance_id"]], 2)
    told = json.loads(Path("e.json").read_text())
    assert told["images"][flask["image"]].startswith("sha256:")
    assert told["official_passed"] == 1


def document(outcomes: dict[str, list[str]], **changed: Any) -> dict[str, Any]:
    rows = [
        {"name": name, "repeat": repeat, "outcome": outcome}
        for name, found in outcomes.items()
        for repeat, outcome in enumerate(found)
    ]
    return {"benchmark": "b", "fingerprint": "f", "evaluations": rows, **changed}


class TestCompare:
    def test_pairs_by_task_and_drops_what_one_did_not_measure(self) -> None:
        before = document({"a": ["passed"], "b": ["failed"], "c": ["failed"], "d": ["unmeasured"]})
        after = document({"a": ["failed"], "b": ["passed"], "c": ["passed"], "d": ["passed"], "e": ["passed"]})
        found = compare(before, after)
        assert (found.tasks, found.gains, found.losses, found.dropped) == (3, ("b", "c"), ("a",), 2)
        assert found.p == mcnemar(2, 1) == 1.0
        assert found.gain.mean == pytest.approx(1 / 3)

    def test_several_runs_of_a_task_are_no_pairs_for_mcnemar(self) -> None:
        found = compare(document({"a": ["passed", "failed"]}), document({"a": ["passed", "passed"]}))
        assert (found.p, found.gains, found.gain.mean) == (None, ("a",), 0.5)

    def test_refuses_what_cannot_be_paired(self) -> None:
        with pytest.raises(ConfigError, match="different benchmarks: b and c"):
            compare(document({"a": ["passed"]}), document({"a": ["passed"]}, benchmark="c"))
        with pytest.raises(ConfigError, match="share no task"):
            compare(document({"a": ["unmeasured"]}), document({"a": ["passed"]}))

    def test_mcnemar_is_exact(self) -> None:
        # two-sided binomial: 2 * (1 + 10) / 2 ** 10
        assert mcnemar(9, 1) == pytest.approx(22 / 1024)
        assert (mcnemar(0, 0), mcnemar(3, 3)) == (1.0, 1.0)


class TestPredictions:
    def test_all_spellings_are_read(self, tmp_path: Path) -> None:
        row = {"instance_id": "a", "model_name_or_path": "m", "model_patch": "p"}
        file = tmp_path / "p"
        spelled = [json.dumps(value, indent=indent) for value in ([row], {"a": row}) for indent in (None, 1)]
        for text in (json.dumps(row) + "\n\n", spelled[0], spelled[1], spelled[3]):
            file.write_text(text)
            assert read_predictions(file) == {"a": row}
        file.write_text(json.dumps([{**row, "model_patch": None}]))
        assert read_predictions(file)["a"]["model_patch"] == ""

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "holds no prediction"),
            ("[" * 100_000, "cannot read"),
            ("[1]", "prediction 1: it has no instance_id"),
            ('[{"instance_id": "a", "model_patch": 5}]', "model_patch is no text"),
            ('[{"instance_id": "a"}, {"instance_id": "a"}]', "prediction 2: a comes twice"),
        ],
    )
    def test_an_unusable_file_says_where(self, text: str, complaint: str, tmp_path: Path) -> None:
        (tmp_path / "p").write_text(text)
        with pytest.raises(ConfigError, match=complaint):
            read_predictions(tmp_path / "p")
