"""The loop of a replay: the same run from a recording, whatever stopped either, and an error at the first difference.

The jobs are simulated: a pure function of themselves.
"""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hgm.budget import Budget
from hgm.errors import ConfigError, RecordingError
from hgm.executors.local import LocalExecutor
from hgm.gateway.records import Usage
from hgm.jobs import EvaluationResult, Job, Result
from hgm.loop import Ending, Watch, search
from hgm.recording import Recorder, check_created, check_settings, load
from hgm.replay import Clock, replay
from hgm.run import Folder, create, opened, read, read_events
from tests.hgm.simulated import SEED_AGENT, created, cut, make, work
from trees.policies import make_policy
from trees.records import Outcome


def shuffled(job: Job, slot: int) -> Result:
    """As simulated, but some jobs take their time, so that results come in another order than jobs were started."""
    sum(range(random.Random(f"{job.id}{slot}").randrange(200_000)))
    result = work(job, slot)
    if isinstance(result, EvaluationResult) and int(job.id[1:]) % 9 == 4:
        return replace(result, outcome=Outcome.UNMEASURED, cause="host")
    return result


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of four workers; its directory is a recording. Not to be changed."""
    run = make(tmp_path_factory.mktemp("recorded") / "run", budget=40)
    recording = run.parent / "told"
    executor = LocalExecutor(shuffled, 4)
    with opened(run) as going:
        recorder = Recorder(recording, run, going.events)
        search(going, make_policy("hgm"), executor, watch=Watch(finished=lambda job, result: recorder.follow()))
        recorder.close()
    executor.close()
    return recording


def replayed(
    recording: Path,
    run: Path,
    *,
    workers: int = 1,
    work: Callable[[Job, int], Result] = shuffled,
    stop_after: int | None = None,
) -> str:
    """Replay it in a run, or go on with that."""
    if not run.exists():
        create(run, created(budget=40), SEED_AGENT)
    told: list[Result] = []
    executor, clock = LocalExecutor(work, workers), Clock()
    try:
        with opened(run, clock=clock) as going:
            return replay(
                going,
                make_policy("hgm"),
                executor,
                load(recording).events,
                clock=clock,
                watch=Watch(finished=lambda job, result: told.append(result)),
                stopping=lambda: stop_after is not None and len(told) >= stop_after,
            )
    finally:
        executor.close()


def same(one: Path, other: Path) -> bool:
    """Whether two runs are equal to the last event, but for where they are and when they were made."""
    plain = [[(event.kind, event.payload) for event in read_events(run)][1:] for run in (one, other)]
    return plain[0] == plain[1] and read(one).essence() == read(other).essence()


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_any_number_of_workers_replays_to_the_same_run(recorded: Path, tmp_path: Path, workers: int) -> None:
    assert replayed(recorded, tmp_path / "again", workers=workers) == Ending.FINISHED
    assert same(recorded.parent / "run", tmp_path / "again")


def test_a_runs_own_directory_is_a_recording(recorded: Path, tmp_path: Path) -> None:
    assert replayed(recorded.parent / "run", tmp_path / "again") == Ending.FINISHED
    assert same(recorded.parent / "run", tmp_path / "again")


@pytest.mark.parametrize("stop_after", [0, 1, 7, 30])
def test_a_replay_that_was_interrupted_goes_on(recorded: Path, tmp_path: Path, stop_after: int) -> None:
    assert replayed(recorded, tmp_path / "again", workers=3, stop_after=stop_after) == Ending.INTERRUPTED
    assert replayed(recorded, tmp_path / "again", workers=3) == Ending.FINISHED
    assert same(recorded.parent / "run", tmp_path / "again")


@pytest.mark.parametrize("events", [2, 5, 6, 40])
def test_a_recording_that_a_kill_cut_off_replays_as_far_as_it_goes(recorded: Path, tmp_path: Path, events: int) -> None:
    short = Path(shutil.copytree(recorded, tmp_path / "short"))
    lines = (short / "events.jsonl").read_bytes().splitlines(keepends=True)
    (short / "events.jsonl").write_bytes(b"".join(lines[:events]) + lines[events][:20])
    assert replayed(short, tmp_path / "again", workers=2) == Ending.RECORDED
    assert same(cut(recorded.parent / "run", tmp_path / "cut", events), tmp_path / "again")


def test_a_budget_that_was_raised_and_a_probe_that_was_paid_replay_too(tmp_path: Path) -> None:
    run = make(tmp_path / "run", budget=20)
    with opened(run) as going:
        going.begin_session()
        for more in (None, Budget(evaluations=12)):
            if more:
                going.raise_budget(more)
                going.probed(Usage(calls=1, input_tokens=9))
            executor = LocalExecutor(shuffled, 3)
            search(going, make_policy("hgm"), executor, watch=Watch())
            executor.close()
    create(tmp_path / "again", created(budget=20), SEED_AGENT)
    assert replayed(run, tmp_path / "again", workers=2) == Ending.FINISHED
    assert same(run, tmp_path / "again")
    assert [event.at for event in read_events(run)][1:] == [event.at for event in read_events(tmp_path / "again")][1:]


def test_a_recorder_catches_up_with_what_a_kill_left_out(recorded: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(recorded.parent / "run", tmp_path / "run"))
    finished = [event.payload["job"] for event in read_events(run) if event.kind == "finished"]
    files = {f"{finished[0]}.jsonl.zst", f"{finished[-1]}-edit.jsonl.zst", "unfinished.jsonl.zst"}
    for name in files:
        (Folder(run).trajectories / name).write_text(name)
    begun = tmp_path / "told"
    (begun / "trajectories").mkdir(parents=True)
    (begun / "trajectories" / f"{finished[0]}.jsonl.zst.part").write_text("half")
    whole = (recorded / "events.jsonl").read_bytes()
    (begun / "events.jsonl").write_bytes(whole[: whole.index(b"\n") + 50])
    with opened(run) as going:
        Recorder(begun, run, going.events).close()
    assert (begun / "events.jsonl").read_bytes() == whole
    kept = {file.name: file.read_text() for file in (begun / "trajectories").iterdir()}
    assert kept == {name: name for name in files - {"unfinished.jsonl.zst"}}


def test_a_recorder_writes_into_no_recording_of_another_run(recorded: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other", budget=40)
    with opened(other) as going, pytest.raises(RecordingError, match="of another run"):
        Recorder(recorded, other, going.events)


def test_a_job_that_ends_otherwise_ends_the_replay(recorded: Path, tmp_path: Path) -> None:
    def wrong(job: Job, slot: int) -> Result:
        result = shuffled(job, slot)
        if isinstance(result, EvaluationResult) and job.id == passed[3]:
            return replace(result, outcome=Outcome.FAILED, cause="deadline", detail="it was slow")
        return result

    passed = [item.job for item in read(recorded.parent / "run").evaluations if item.outcome is Outcome.PASSED]
    with pytest.raises(RecordingError) as trouble:
        replayed(recorded, tmp_path / "again", work=wrong)
    assert str(trouble.value) == (
        f"replay: {passed[3]} ended as failed (deadline) and was recorded as passed. it was slow"
    )
    assert passed[3] not in [item.job for item in read(tmp_path / "again").evaluations]


def test_what_could_not_be_measured_then_is_not_tried_again(recorded: Path, tmp_path: Path) -> None:
    def counting(job: Job, slot: int) -> Result:
        ran.add(job.id)
        return shuffled(job, slot)

    ran: set[str] = set()
    replayed(recorded, tmp_path / "again", work=counting)
    state = read(recorded.parent / "run")
    unmeasured = {item.job for item in state.evaluations if item.outcome is Outcome.UNMEASURED}
    assert unmeasured
    assert ran.isdisjoint(unmeasured)


def test_a_decision_that_differs_ends_the_replay_before_anything_runs(recorded: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(recorded, tmp_path / "other"))
    lines = (other / "events.jsonl").read_text().splitlines()
    started = [number for number, line in enumerate(lines) if json.loads(line)["kind"] == "started"]
    event = json.loads(lines[started[10]])
    event["payload"]["seed"] += 1
    lines[started[10]] = json.dumps(event)
    (other / "events.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordingError, match=f"job {event['payload']['id']} is decided otherwise .* it.seed is "):
        replayed(other, tmp_path / "again")
    assert event["payload"]["id"] not in read(tmp_path / "again").running


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seed", 4, "seed is 4 instead of 0 in the recording"),
        ("limits", {"max_calls": 5}, "limits.max_calls is 5 instead of 200 in the recording"),
        ("backbones", {"solver": "openai/x"}, "backbones.solver is 'openai/x' instead of 'builtin/rules'"),
        ("policy", {"name": "greedy"}, "policy.name is 'greedy' instead of 'hgm'"),
    ],
)
def test_settings_that_cannot_replay_are_refused_by_name(recorded: Path, name: str, value: object, said: str) -> None:
    recording = load(recorded)
    config = recording.config.model_validate({**recording.settings, name: value})
    with pytest.raises(ConfigError) as trouble:
        check_settings(recording, config)
    assert said in str(trouble.value)


def test_where_things_are_and_how_many_run_at_once_may_change(recorded: Path) -> None:
    recording = load(recorded)
    changes = {"workers": 7, "agent": "./elsewhere", "data": "elsewhere.jsonl"}
    check_settings(recording, recording.config.model_validate({**recording.settings, **changes}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"benchmark": {"name": "simulated", "fingerprint": "1"}}, "the benchmark's fingerprint is '1' instead of '0'"),
        ({"root": {"tree": "f00"}}, "the root agent's files (as a git tree) is 'f00' instead of"),
        ({"versions": {"hgm": "0"}}, "the version of hgm is '0' instead of '1'"),
        ({"search_tasks": ["t0"]}, "the list of search tasks has 1 entries instead of 20"),
    ],
)
def test_another_benchmark_agent_or_version_is_refused(recorded: Path, changes: dict[str, object], said: str) -> None:
    recording = load(recorded)
    recording = replace(recording, created={**recording.created, "versions": {"hgm": "1"}})
    with pytest.raises(ConfigError) as trouble:
        check_created(recording, {**recording.created, **changes})
    assert said in str(trouble.value)


def test_what_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a recording nor a run's directory"):
        load(tmp_path)
    (tmp_path / "events.jsonl").write_text("no JSON\n")
    with pytest.raises(RecordingError, match="cannot read the recording"):
        load(tmp_path)
