"""Policies compared by searches whose jobs are simulated: real journal, archive, plan and loop."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.base import Split
from hgm.budget import Budget
from hgm.config import resolve, restored
from hgm.errors import ConfigError, RunError
from hgm.jobs import EvaluateJob, EvaluationResult, Job, Result
from hgm.live import (
    Comparison,
    Fared,
    Pattern,
    Plan,
    Search,
    begin,
    check_same,
    document,
    fared,
    folder_name,
    pattern,
    text_of,
)
from hgm.names import new_run
from hgm.plan import is_finished
from hgm.run import Folder, create, opened, read
from hgm.saturation import Wanted
from hgm.saturation import begin as begin_table
from hgm.session import benchmark_of, event_zero
from tests.hgm.simulated import SEED_AGENT, created, cut, go_on, make, work
from trees.archive import Archive
from trees.records import ROOT, Outcome
from trees.simulation.comparison import contenders
from trees.statistics import mean_interval

POLICIES = ("hgm", "random", "greedy:alpha=0.5")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make(tmp_path_factory.mktemp("origin") / "origin", budget=30, seed=5)
    go_on(run)
    return run


def plan(seeds: int = 2, **options: int) -> Plan:
    return Plan(contenders=contenders(POLICIES), seeds=seeds, **options)


def made(origin: Path, folder: Path, search: Search) -> Path:
    """A finished search."""
    path = folder / folder_name(search.contender.label, search.seed)
    begin(pattern(origin), search, path)
    assert go_on(path) == ""
    return path


def played(origin: Path, folder: Path) -> Comparison:
    found = [(search, made(origin, folder, search)) for search in plan().searches]
    results = [fared(read(path), policy=search.contender.label, run=path.name) for search, path in found]
    return Comparison(plan=plan(), pattern=pattern(origin), fared=tuple(results))


def test_all_policies_of_a_seed_come_before_the_next_seed() -> None:
    found = [(search.contender.label, search.seed) for search in plan(first_seed=7).searches]
    assert found == [(label, seed) for seed in (7, 8) for label in POLICIES]
    assert contenders(["random"])[0].label == "hgm", "it is always played"


@pytest.mark.parametrize(("name", "value"), [("seeds", 1), ("seeds", 10**6), ("first_seed", -1), ("first_seed", 10**9)])
def test_a_plan_keeps_to_its_limits(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match="with --live a whole number"):
        Plan(**{"contenders": contenders(POLICIES), "seeds": 2, name: value})


def test_a_search_differs_from_the_run_in_policy_and_seed_alone(origin: Path, tmp_path: Path) -> None:
    search = Search(contenders(POLICIES)[2], 9)
    state, began = read(made(origin, tmp_path, search)), read(origin)
    assert is_finished(state)
    assert state.config.policy.name == "greedy"
    assert state.config.policy.options == {"alpha": 0.5}
    assert state.config.seed == 9
    same = began.config.model_copy(update={"policy": state.config.policy, "seed": 9})
    assert state.config == same
    for name in ("search_tasks", "select_tasks", "sealed_tasks", "benchmark", "sandbox", "root"):
        assert state.created[name] == began.created[name]
    assert state.created["forked_from"] == {"run": "origin", "event": 1}


def test_nothing_of_what_the_run_made_is_there(origin: Path, tmp_path: Path) -> None:
    assert len(read(origin).nodes) > 1
    begin(pattern(origin), plan().searches[0], tmp_path / "hgm-0")
    archive = Archive.open(Folder(tmp_path / "hgm-0").archive)
    assert archive.agents() == {ROOT: read(origin).nodes[ROOT].commit}
    assert not archive.rejected()
    assert archive.best() == read(origin).nodes[ROOT].commit


def test_the_budget_is_the_one_that_the_run_began_with(tmp_path: Path) -> None:
    run = make(tmp_path / "origin", budget=8)
    go_on(run)
    with opened(run) as live:
        live.raise_budget(Budget(evaluations=5))
    assert pattern(run).budget == Budget(evaluations=8)


def test_a_sample_stays_the_one_that_the_run_has_drawn(tmp_path: Path) -> None:
    config = resolve(None, budget=5, seed=3, selection={"sample": 60}, confirmation={"select_tasks": 0})
    benchmark = benchmark_of(config)
    create(tmp_path / "origin", event_zero(config, benchmark, "bubblewrap"), SEED_AGENT)
    of_search = pattern(tmp_path / "origin").of(Search(contenders(POLICIES)[0], 99))
    again = benchmark_of(restored(of_search["config"]))
    assert again.fingerprint() == benchmark.fingerprint()
    assert again.tasks(Split.SEALED) == benchmark.tasks(Split.SEALED)
    other = config.model_copy(update={"selection": config.selection.model_copy(update={"sample_seed": 99})})
    assert benchmark_of(other).fingerprint() != benchmark.fingerprint()


def test_what_cannot_be_compared_is_refused(origin: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run"):
        pattern(tmp_path / "none")
    create(tmp_path / "open", {**created(), "sealed_tasks": []}, SEED_AGENT)
    with pytest.raises(ConfigError, match=r"open has no sealed tasks.*hgm search --sealed-tasks"):
        pattern(tmp_path / "open")
    begin_table(origin, tmp_path / "table", Wanted(children=2, depth=1, repeats=1))
    with pytest.raises(RunError, match="makes a table of agents"):
        pattern(tmp_path / "table")
    create(tmp_path / "evaluation", {**created(), "evaluation": {"tasks": ["t0"], "repeats": 1}}, SEED_AGENT)
    with pytest.raises(RunError, match="is an evaluation"):
        pattern(tmp_path / "evaluation")


def test_what_was_begun_in_the_same_way_is_gone_on_with(origin: Path, tmp_path: Path) -> None:
    search = plan().searches[1]
    path = made(origin, tmp_path, search)
    before = read(path)
    begin(pattern(origin), search, path)
    assert read(path).last_event == before.last_event


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 4}, "config.seed 0 and not 4"),
        ({"policy": {"name": "random", "options": {}}}, "config.policy.name hgm and not random"),
        ({"policy": {"name": "hgm", "options": {"alpha": 0.5}}}, "config.policy.options.alpha None and not 0.5"),
        ({"budget": 31}, "config.budget 30 and not 31"),
        ({"workers": 3}, "config.workers 1 and not 3"),
    ],
)
def test_what_was_begun_differently_is_refused(origin: Path, tmp_path: Path, change: dict, told: str) -> None:
    common, search = pattern(origin, workers=1), plan().searches[0]
    begin(common, search, tmp_path / "hgm-0")
    wanted = common.of(search)
    with pytest.raises(RunError, match=f"was begun differently, with {re.escape(told)}: say the same"):
        check_same(tmp_path / "hgm-0", {**wanted, "config": {**wanted["config"], **change}})


def test_other_tasks_are_told_shortly(origin: Path, tmp_path: Path) -> None:
    common, search = pattern(origin), plan().searches[0]
    begin(common, search, tmp_path / "hgm-0")
    with pytest.raises(RunError, match="with search_tasks") as told:
        check_same(tmp_path / "hgm-0", {**common.of(search), "search_tasks": ["t0"]})
    assert len(str(told.value)) < 400


def test_what_is_no_run_or_was_given_more_is_refused(origin: Path, tmp_path: Path) -> None:
    common, search = pattern(origin), plan().searches[0]
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for name in ("folder", "dangling"):
        with pytest.raises(RunError, match="is there, and is no run"):
            begin(common, search, tmp_path / name)
    path = made(origin, tmp_path, search)
    with opened(path) as live:
        live.raise_budget(Budget(evaluations=5))
    with pytest.raises(RunError, match="began with a budget of 30, which was raised to 35"):
        begin(common, search, path)


def test_a_score_is_the_mean_over_tasks_of_the_mean_over_repeats(tmp_path: Path) -> None:
    outcomes = {("z0", 0): True, ("z0", 1): True, ("z1", 0): True, ("z1", 1): None}

    def by(job: Job, slot: int) -> Result:
        if not isinstance(job, EvaluateJob) or job.split is not Split.SEALED:
            return work(job, slot)
        passed = job.node != ROOT and outcomes[job.task, job.repeat]
        outcome = Outcome.UNMEASURED if passed is None else Outcome.PASSED if passed else Outcome.FAILED
        return EvaluationResult(job=job.id, outcome=outcome, cause="" if passed else "tests")

    run = make(tmp_path / "run", budget=60)
    go_on(run, by=by)
    state = read(run)
    assert state.winner not in (None, ROOT)
    found = fared(state, policy="hgm", run="run")
    assert found.score == 1.0, "what is unmeasured is no failure"
    assert found.seed_agent == 0.0
    outcomes |= {("z0", 1): False, ("z1", 1): True}
    again = make(tmp_path / "again", budget=60)
    go_on(again, by=by)
    assert fared(read(again), policy="hgm", run="again").score == pytest.approx((0.5 + 1) / 2)


def test_what_a_search_came_to(origin: Path, tmp_path: Path) -> None:
    path = made(origin, tmp_path, plan().searches[1])
    state = read(path)
    found = fared(state, policy="random", run=path.name)
    assert (found.policy, found.seed, found.run) == ("random", 0, "random-0")
    assert found.winner == state.winner
    assert found.evaluations == 30
    assert found.agents == len(state.nodes)
    assert found.expansions == len(state.nodes) - 1 + len(state.failed_expansions)
    assert found.measured == {"z0", "z1"}
    assert found.left_out == 0


def test_without_a_sealed_result_there_is_no_score(origin: Path, tmp_path: Path) -> None:
    path = made(origin, tmp_path, plan().searches[0])
    opening = next(e.seq for e in _events(path) if e.kind == "sealed opened")
    shortened = cut(path, tmp_path / "cut", opening)
    found = fared(read(shortened), policy="hgm", run="cut")
    assert (found.score, found.seed_agent, found.measured) == (None, None, frozenset())


def _events(path: Path) -> list:
    with opened(path) as run:
        return [*run.events()]


def row(policy: str, seed: int, value: float | None, *, tasks: str = "ab", root: float = 0.25) -> Fared:
    """A search whose winner passes so much of each task."""
    return Fared(
        policy=policy,
        seed=seed,
        run=f"{policy}-{seed}",
        winner=1,
        rates={} if value is None else dict.fromkeys(tasks, value),
        seed_rates={} if value is None else dict.fromkeys(tasks, root),
        left_out=0,
        evaluations=10 + seed,
        expansions=4,
        agents=3,
        tokens=1000,
        usd=0.0,
        unmeasured=0,
        seconds=1.0,
    )


def compared(pattern: Pattern, rows: list[Fared], seeds: int = 3) -> Comparison:
    return Comparison(plan=plan(seeds), pattern=pattern, fared=tuple(rows))


def test_gains_are_paired_by_seed(origin: Path) -> None:
    of_hgm, of_random = (0.1, 0.5, 0.9), (0.2, 0.7, 0.8)
    rows = [row("hgm", seed, value) for seed, value in enumerate(of_hgm)]
    rows += [row("random", seed, value) for seed, value in reversed([*enumerate(of_random)])]
    found = compared(pattern(origin), rows).summary("random")
    assert found.score is not None
    assert found.score.mean == pytest.approx(sum(of_random) / 3)
    assert found.score.interval == pytest.approx(mean_interval(of_random))
    assert found.difference is not None
    assert found.difference.interval == pytest.approx(mean_interval([0.1, 0.2, -0.1]))
    assert compared(pattern(origin), rows).summary("hgm").difference is None
    assert (found.n, found.paired) == (3, 3)
    assert found.evaluations == 11
    assert found.seed_agent == 0.25


def test_a_search_without_a_score_counts_in_none_and_is_told(origin: Path) -> None:
    rows = [row("hgm", 0, None), row("hgm", 1, 0.5), row("hgm", 2, 0.6)]
    rows += [row("random", 0, 0.1), row("random", 1, 0.2), row("random", 2, 0.4)]
    told = compared(pattern(origin), rows)
    assert told.summary("hgm").n == 2
    assert (told.summary("random").n, told.summary("random").paired) == (3, 2)
    difference = told.summary("random").difference
    assert difference is not None
    assert difference.interval == pytest.approx(mean_interval([-0.3, -0.2]))
    assert [*told.warnings()] == [
        "hgm-0 measured no sealed task of the agent that it hands over, and counts in no score"
    ]


def test_scores_of_a_seed_are_on_the_tasks_that_all_its_searches_measured(origin: Path) -> None:
    """Else a search whose budget paid fewer tasks would be compared on easier or harder ones."""
    short, long = row("hgm", 0, 0.5, tasks="a"), replace(row("random", 0, 0.5), rates={"a": 0.5, "b": 1.0})
    others = [row("greedy:alpha=0.5", 0, 0.5), *(row(policy, 1, 0.5) for policy in POLICIES)]
    told = compared(pattern(origin), [short, long, *others], seeds=2)
    assert long.score == 0.75
    assert (told.score(short), told.score(long)) == (0.5, 0.5)
    assert told.summary("random").difference == (0, None), "chance that looks like certainty"
    (warning,) = told.warnings()
    assert "scores are on those that all searches of a seed have measured, 1 of seed 0" in warning
    runs = document(told)["runs"]
    assert [(each["score"], each["shared_tasks"]) for each in runs] == [*[(0.5, 1)] * 3, *[(0.5, 2)] * 3]
    assert runs[1]["measured"] == {"score": 0.75, "seed_agent": 0.25, "tasks": 2}


def test_searches_that_share_no_task_have_no_score(origin: Path) -> None:
    told = compared(pattern(origin), [row("hgm", 0, 0.5, tasks="a"), row("random", 0, 0.5, tasks="b")])
    assert {told.score(each) for each in told.fared} == {None}
    assert "0 of seed 0" in next(told.warnings())


def test_one_seed_has_no_interval(origin: Path) -> None:
    told = compared(pattern(origin), [row("hgm", 0, 0.5), row("hgm", 1, None), row("random", 0, 0.5)])
    assert told.summary("hgm").score is None
    assert told.summary("random").difference is None


def test_the_document_says_what_it_is_and_takes_to_be_repeated(origin: Path, tmp_path: Path) -> None:
    comparison = played(origin, tmp_path)
    told = json.loads(text_of(comparison))
    assert told == json.loads(json.dumps(document(comparison)))
    assert (told["schema"], told["kind"], told["version"]) == ("hgm-live-comparison", "live", 1)
    arguments = told["arguments"]
    assert (arguments["budget"], arguments["equal"], arguments["seeds"]) == (30, ["evaluations"], 2)
    assert arguments["policies"]["greedy:alpha=0.5"]["options"]["alpha"] == 0.5
    assert arguments["config"]["confirmation"]["sealed_repeats"] == 2
    assert not {"seed", "policy"} & arguments["config"].keys()
    assert [(each["policy"], each["seed"]) for each in told["runs"]] == [(p, s) for s in (0, 1) for p in POLICIES]
    assert [each["policy"] for each in told["results"]] == [*POLICIES]
    assert told["results"][0]["difference"]["mean"] is None, "the reference gains nothing over itself"
    for each in told["runs"]:
        assert 0 <= each["score"] <= 1
        assert "z0" not in json.dumps(each), "no result of a single sealed task"


@given(label=st.text(max_size=40), seed=st.integers(0, 10**9 - 1))
def test_any_label_and_seed_name_a_run(label: str, seed: int) -> None:
    named = folder_name(f"hgm_released:{label}", seed)
    assert new_run(named, Path("nowhere")) == Path("nowhere") / named


def test_names_of_runs_are_plain_where_they_can_be_and_never_shared() -> None:
    assert folder_name("flat_children", 12) == "flat_children-12"
    assert folder_name("hgm", 10**9 - 1) == "hgm-999999999"
    names = {folder_name(label, seed) for label in ("hgm", "hgm:alpha=0.5", "hgm:alpha=0.6") for seed in (0, 1, 10)}
    assert len(names) == 9
