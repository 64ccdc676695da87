"""`--json`: what a search does, as lines for other programs."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from evaluators.base import Split
from hgm.cli.conduct import conduct
from hgm.cli.json_lines import JsonLines
from hgm.controller import Display
from hgm.errors import HGMError
from hgm.executors.local import LocalExecutor
from hgm.gateway.records import Usage
from hgm.jobs import EvaluateJob, EvaluationResult, ExpandJob, Job
from hgm.loop import Ending, Watch, search
from hgm.plan import is_finished
from hgm.run import create, opened, read
from hgm.summary import comparison
from tests.cli.command import Command, command
from tests.cli.test_hostile_text import EVIL, OBEYED, evil_work
from tests.hgm.simulated import SEED_AGENT, Work, created, make, work
from trees.policies import make_policy
from trees.records import Outcome

KEYS = {
    "preparing": {"what"},
    "opened": {"run", "seed", "budget", "evaluations", "agents"},
    "started": {"job", "kind", "node", "split", "task"},
    "budget": {"share"},
    "stopping": {"running"},
    "ended": {"run", "why", "winner", "sealed", "evaluations", "spent", "agents", "best", "exit_code"},
}


def going(path: Path, *, by: Work = work, stop_after: int | None = None) -> Callable[[Display], Ending]:
    """What `hgm.controller.go_on` does, with simulated jobs."""

    def go(display: Display) -> Ending:
        executor, results = LocalExecutor(by, 2), []

        def stopping() -> bool:
            return stop_after is not None and len(results) >= stop_after

        def finished(job: Job, result: Any) -> None:
            results.append(result)
            display.finished(job, result)
            if len(results) == stop_after:
                display.stopping()

        watch = Watch(started=display.started, finished=finished, spent=display.spent)
        display.preparing("a sandbox")
        try:
            with opened(path) as run:
                display.opened(run.state)
                return search(run, make_policy("hgm"), executor, watch=watch, stopping=stopping)
        finally:
            executor.close()

    return go


def conducted(path: Path, capfd: pytest.CaptureFixture[str], **options: Any) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines and standard error of a search with --json."""
    with pytest.raises(typer.Exit) as ended:
        conduct(path, going(path, **options), quiet=False, json=True)
    said = capfd.readouterr()
    assert said.out.isascii()
    assert said.out.endswith("\n")
    return ended.value.exit_code, [json.loads(line) for line in said.out.splitlines()], said.err


def test_a_whole_search(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path / "r", budget=40)
    code, lines, err = conducted(path, capfd)
    state = read(path)
    assert (code, is_finished(state)) == (0, True)
    assert [line["event"] for line in lines[:3]] == ["preparing", "opened", "started"]
    assert lines[1]["budget"] == {"evaluations": 40}
    for line in lines:
        if line["event"] != "finished":
            assert line.keys() == KEYS[line["event"]] | {"event", "at"}
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert [line["share"] for line in lines if line["event"] == "budget"] == [0.5, 0.8]
    assert err.count("of the budget is used") == 2

    last = lines[-1]
    assert (last["event"], last["why"], last["exit_code"]) == ("ended", "finished", 0)
    assert (last["winner"], last["agents"], last["run"]) == (state.winner, len(state.nodes), str(path))
    found = comparison(state)
    assert last["sealed"] == (json.loads(json.dumps(found.plain())) if found else None)


def test_the_lines_say_what_the_journal_says(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path / "r", budget=40)
    _, lines, _ = conducted(path, capfd)
    state = read(path)
    ended = [line for line in lines if line["event"] == "finished"]
    tried = [(e.job, e.node, e.split, e.outcome, e.cause, e.usage.tokens.total) for e in state.evaluations]
    keys = ("job", "node", "split", "outcome", "cause", "tokens")
    assert [tuple(line[key] for key in keys) for line in ended if line["kind"] == "evaluate"] == tried
    made = [line for line in ended if line["kind"] == "expand"]
    assert [(line["job"], line["outcome"]) for line in made] == [(item.job, item.kind) for item in state.expansions]
    assert [line["child"] for line in made if line["child"] is not None] == [node.id for node in state.nodes[1:]]
    assert [line["reason"] for line in made if line["child"] is None] == [e.reason for e in state.failed_expansions]
    assert ended[-1]["spent"] == 1.0
    assert {line["job"] for line in lines if line["event"] == "started"} == {line["job"] for line in ended}


def test_sealed_tasks_are_not_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def winning(job: Job, slot: int) -> Any:
        if isinstance(job, EvaluateJob) and job.node:
            return EvaluationResult(job=job.id, outcome=Outcome.PASSED)
        return work(job, slot)

    _, lines, _ = conducted(make(tmp_path / "r", budget=40), capfd, by=winning)
    sealed = [line for line in lines if line.get("split") == Split.SEALED]
    assert sealed
    assert {line["task"] for line in sealed} == {None}
    assert lines[-1]["sealed"]["tasks"] == 2
    told = {line["task"] for line in lines if line["event"] == "started"}
    assert "s0" in told
    assert not told & {"z0", "z1"}


def test_a_search_that_is_stopped_and_gone_on_with(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path / "r", budget=40)
    code, lines, err = conducted(path, capfd, stop_after=5)
    assert code == 130
    assert "stopping" in [line["event"] for line in lines]
    assert (lines[-1]["why"], lines[-1]["winner"], lines[-1]["exit_code"]) == ("interrupted", None, 130)
    assert "Ctrl-C again to stop at once" in err
    code, more, _ = conducted(path, capfd)
    assert code == 0
    assert more[1]["evaluations"] == lines[-1]["evaluations"] > 0


def test_a_host_in_trouble_is_told_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def nothing(job: Job, slot: int) -> EvaluationResult:
        return EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED, cause="host", usage=Usage(unpriced_calls=1))

    code, lines, err = conducted(make(tmp_path / "r", budget=40), capfd, by=nothing)
    assert (code, lines[-1]["exit_code"], lines[-1]["why"]) == (3, 3, Ending.HOST)
    assert "hgm doctor" in err
    assert {line["usd"] for line in lines if line["event"] == "finished"} == {None}


def test_hostile_text_stays_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    event = created(budget=40)
    event["search_tasks"] = [f"{EVIL}{number}" for number in range(20)]
    create(tmp_path / "evil", event, SEED_AGENT)
    _, lines, _ = conducted(tmp_path / "evil", capfd, by=evil_work)
    texts = [text for line in lines for text in line.values() if isinstance(text, str)]
    assert any("owned" in text for text in texts)
    assert not OBEYED & set("".join(texts))
    assert "\n" not in "".join(texts)


def test_a_finished_run_says_so_again(
    finished: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.parent.parent)
    said = command(capfd)("resume", "done", "--json")
    (line,) = map(json.loads, said.out.splitlines())
    assert (said.code, said.err) == (0, "")
    assert (line["event"], line["why"], line["winner"]) == ("ended", "finished", read(finished).winner)


def test_a_reader_who_leaves(finished: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hgm", "resume", "done", "--json"],
        cwd=finished.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == ("", 141)
    process.stderr.close()


def test_a_search_whose_reader_leaves_can_be_gone_on_with(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path / "r", budget=40)
    read_end, write_end = os.pipe()

    def leaving(job: Job, slot: int) -> Any:
        if int(job.id[1:]) == 5:
            os.close(read_end)
        return work(job, slot)

    with pytest.raises(BrokenPipeError):
        going(path, by=leaving)(JsonLines(path, descriptor=write_end))
    os.close(write_end)
    code, _, _ = conducted(path, capfd)
    assert code == 0
    assert is_finished(read(path))
    jobs = [item.job for item in read(path).evaluations]
    assert len(jobs) == len(set(jobs)), "nothing is done twice"


def test_a_full_disk_is_no_defect(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    display = JsonLines(tmp_path, descriptor=full)
    with pytest.raises(HGMError, match="No space left"):
        display.preparing("anything")
    display.stopping()  # a signal handler raises nothing
    os.close(full)


def test_no_line_is_torn_by_a_signal_in_the_middle_of_it(tmp_path: Path) -> None:
    """A pipe that is full takes a part of a line; what comes then waits for the rest."""
    read_end, write_end = os.pipe()
    display = Interrupted(tmp_path, descriptor=write_end)
    received: list[bytes] = []

    def take() -> None:
        while part := os.read(read_end, 1000):
            received.append(part)

    reader = threading.Thread(target=take)
    reader.start()
    for number in range(20):
        display.preparing(f"{number} {'x' * 5_000}")
    os.close(write_end)
    reader.join()
    os.close(read_end)
    events = [json.loads(line)["event"] for line in b"".join(received).splitlines()]
    assert events == ["preparing", *["stopping", "preparing"] * 19, "stopping"]


class Interrupted(JsonLines):
    """Ctrl-C comes upon every line when a third of it is written."""

    def _write(self, line: bytes) -> None:
        if b'"preparing"' not in line:
            super()._write(line)
            return
        super()._write(line[: len(line) // 3])
        self.stopping()
        super()._write(line[len(line) // 3 :])


def test_lines_are_for_searches(hgm: Command, tmp_path: Path) -> None:
    event = created(budget=2)
    event["evaluation"] = {"agent": "seed", "tasks": [["search", "t0"]], "repeats": 1}
    create(tmp_path / "runs" / "e", event, SEED_AGENT)
    said = hgm("resume", "e", "--json")
    assert (said.code, "is an evaluation" in said.err) == (2, True)


def test_an_expansion_has_no_task() -> None:
    read_end, write_end = os.pipe()
    job = ExpandJob(id="j1", node=3, commit="", evidence=(), seed=0)
    JsonLines(Path("r"), descriptor=write_end, clock=lambda: 1.5).started(job)
    told = json.loads(os.read(read_end, 10_000))
    assert told == {
        "event": "started",
        "at": 1.5,
        "job": "j1",
        "kind": "expand",
        "node": 3,
        "split": None,
        "task": None,
    }
    os.close(read_end)
    os.close(write_end)
