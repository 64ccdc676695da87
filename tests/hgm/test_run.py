import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hgm.errors import ArchiveError, RunError, TellError
from hgm.executors.local import LocalExecutor
from hgm.jobs import EvaluationResult, ExpansionResult, Job, Result
from hgm.loop import Watch, search
from hgm.plan import is_finished
from hgm.run import Folder, Run, create, is_locked, opened, read, read_events
from tests.hgm.simulated import SEED_AGENT, created, cut, events_of, go_on, make, work
from trees.archive import Archive
from trees.journal import Journal
from trees.policies import make_policy
from trees.records import ROOT, Outcome


def test_a_run_goes_from_search_to_a_sealed_winner(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    assert go_on(run) == ""
    state = read(run)
    assert is_finished(state)
    assert state.tree.view().evaluations == 30
    assert state.winner in state.candidates
    assert 0 in state.candidates, "the seed agent is always confirmed beside the others"
    assert state.sealed_openings == 1


@pytest.mark.parametrize("policy", ["hgm", "greedy", "random", "flat_children"])
def test_killed_between_any_two_events_it_resumes_to_the_same_run(tmp_path: Path, policy: str) -> None:
    calm = make(tmp_path / "calm", policy=policy, budget=14)
    go_on(calm)
    expected = read(calm).essence()
    for events in range(1, events_of(calm)):
        copy = cut(calm, tmp_path / f"cut-{events}", events)
        go_on(copy)
        assert read(copy).essence() == expected, f"after event {events}"


def test_after_a_kill_the_names_of_the_archive_are_what_the_journal_tells(tmp_path: Path) -> None:
    calm = make(tmp_path / "calm", seed=1, budget=40)
    go_on(calm)
    winner = next(event.seq for event in read_events(calm) if event.kind == "winner")
    assert read(calm).winner, "a test about the seed agent shows nothing"
    for events in (1, 20, winner - 1, winner, events_of(calm)):
        copy = cut(calm, tmp_path / f"cut-{events}", events)
        stale = Archive.open(Folder(copy).archive)
        stale.set_best(stale.agents()[1])
        with opened(copy) as run:
            state = run.state
            assert run.archive.best() == state.nodes[state.winner or 0].commit
            assert run.archive.rejected().keys() == {item.job for item in state.failed_expansions}
        go_on(copy)
        assert names(copy) == names(calm)


def names(run: Path) -> tuple[object, ...]:
    archive = Archive.open(Folder(run).archive)
    return archive.best(), archive.agents(), archive.rejected()


def to_the_end(live: Run) -> None:
    while job := live.next_job(make_policy("hgm")):
        live.tell(work(job, 0))


def test_the_winner_is_named_before_the_event_that_may_be_the_last(tmp_path: Path) -> None:
    run = make(tmp_path / "run", seed=1, budget=40)
    best = Folder(run).archive / "refs" / "heads" / "best"
    with opened(run) as live:
        best.unlink()
        (best / "in the way").mkdir(parents=True)
        with pytest.raises(ArchiveError, match="cannot set"):
            to_the_end(live)
    assert read(run).candidates, "the search was over"
    assert read(run).winner is None


def test_stopped_and_resumed_it_equals_the_undisturbed_run(tmp_path: Path) -> None:
    calm, stopped = make(tmp_path / "calm"), make(tmp_path / "stopped")
    go_on(calm)
    pauses = 0
    while not is_finished(read(stopped)):
        reason = go_on(stopped, stop_after=3)
        pauses += reason == "interrupted"
    assert pauses > 3
    assert read(stopped).essence() == read(calm).essence()


def test_many_workers_spend_exactly_the_budget(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    go_on(run, workers=8)
    assert read(run).tree.view().evaluations == 30


@pytest.mark.parametrize("workers", [5, 8, 16])
def test_with_many_workers_no_expansion_of_the_root_is_blind(tmp_path: Path, workers: int) -> None:
    run = make(tmp_path / "run")
    go_on(run, workers=workers)
    started = [event.payload for event in read_events(run) if event.kind == "started"]
    evidence = [len(job["evidence"]) for job in started if job["type"] == "expand" and job["node"] == ROOT]
    assert len(evidence) >= 5
    assert min(evidence) >= 2, "two failures, or more with a pass"


def test_a_result_is_told_once(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    with opened(run) as live:
        job = live.next_job(make_policy("hgm"))
        assert job is not None
        live.tell(work(job, 0))
        before = events_of(run)
        with pytest.raises(TellError):
            live.tell(work(job, 0))
        assert events_of(run) == before


def test_a_result_that_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    with opened(make(tmp_path / "run")) as live, pytest.raises(TellError):
        live.tell(EvaluationResult(job="e99999", outcome=Outcome.PASSED))


def test_ten_unmeasured_jobs_in_a_row_end_the_loop_and_a_resume_tries_again(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    with opened(run) as live:
        broken = LocalExecutor(lambda job, _: EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED, cause="host"), 1)
        why = search(live, make_policy("hgm"), broken, watch=Watch())
        broken.close()
    assert "10 jobs in a row" in why
    assert read(run).tree.view().evaluations == 0, "what was not measured costs no budget"
    assert go_on(run) == ""


def test_an_unmeasured_evaluation_is_tried_three_times_in_all(tmp_path: Path) -> None:
    run = make(tmp_path / "run", budget=20)
    go_on(run)
    state = read(run)
    tries: dict[tuple[int, str], int] = {}
    for item in state.evaluations:
        if item.outcome is Outcome.UNMEASURED:
            tries[item.node, item.task] = tries.get((item.node, item.task), 0) + 1
    assert tries
    assert max(tries.values()) <= 3


def test_a_run_is_held_by_one_controller(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    with opened(run):
        assert is_locked(Folder(run))
        with pytest.raises(RunError, match="in use by"), opened(run):
            raise AssertionError("two controllers")
    assert not is_locked(Folder(run))


def test_an_existing_run_is_never_overwritten(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    with pytest.raises(RunError, match="hgm resume run"):
        create(run, created(), SEED_AGENT)
    assert events_of(run) == 1


def test_equal_jobs_of_two_agents_share_their_seed(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    go_on(run)
    journal = Journal.open(Folder(run).journal, readonly=True)
    seeds: dict[tuple[str, int], set[int]] = {}
    for event in journal.events():
        if event.kind == "started" and event.payload["type"] == "evaluate":
            seeds.setdefault((event.payload["task"], event.payload["repeat"]), set()).add(event.payload["seed"])
    journal.close()
    assert all(len(found) == 1 for found in seeds.values())
    assert len({min(found) for found in seeds.values()}) == len(seeds)


def test_a_search_of_mixed_modes_resumes_to_the_same_run_and_the_same_jobs(tmp_path: Path) -> None:
    model = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), "local/model")
    calm = make(tmp_path / "calm", budget=20, backbones=model, limits={"tokens": 1_000})
    go_on(calm)
    asked = [event.payload for event in read_events(calm) if event.kind == "started"]
    assert len({job["mode"] for job in asked if job["type"] == "expand"}) > 1
    for events in range(1, events_of(calm), 9):
        copy = cut(calm, tmp_path / f"cut-{events}", events)
        go_on(copy)
        assert [event.payload for event in read_events(copy) if event.kind == "started"] == asked


def test_a_childs_commit_says_what_it_was_made_from_and_a_brief_cannot_say_it_instead(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    brief = "Look\n\nMode: single\nNote: forged \x1b[2J"

    def forging(job: Job, slot: int) -> Result:
        result = work(job, slot)
        return replace(result, brief=brief) if isinstance(result, ExpansionResult) else result

    executor = LocalExecutor(forging, 1)
    with opened(run) as going:
        search(going, make_policy("hgm"), executor, watch=Watch(), stopping=lambda: False)
    executor.close()
    commit = read(run).nodes[1].commit
    git = ["git", "-C", str(Folder(run).archive), "log", "-1", "--format=%B", commit]
    message = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    lines = message.splitlines()
    assert lines[0].startswith("x0")
    assert [line for line in lines if line.startswith("Mode:")] == ["Mode: reaction_norm"]
    assert any(line.startswith("Expects to pass: search tasks ") for line in lines)
    assert "| Mode: single" in lines
    assert not any(line.startswith("Note:") or "\x1b" in line for line in lines)
