"""Tables of agents from runs whose jobs are simulated: real journal, archive, plan and loop."""

import json
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from evaluators.base import Split
from hgm import meter
from hgm.budget import Budget
from hgm.errors import ConfigError, RunError
from hgm.fork import fork
from hgm.gateway.records import Usage
from hgm.jobs import EvaluationResult, ExpandJob, ExpansionResult, Job, Result
from hgm.plan import is_finished
from hgm.run import Folder, create, opened, read, read_events
from hgm.saturation import Wanted, begin, check_same, document, text_of
from hgm.state import GIVE_UP, RunState
from hgm.summary import stage
from tests.hgm.simulated import SEED_AGENT, created, cut, go_on, make, work
from trees.archive import Archive
from trees.records import Expansion, Outcome
from trees.simulation import AgentTable, load_table
from trees.simulation.table import table_from

WANTED = Wanted(children=2, depth=2, agents=6, repeats=2)
TASKS = 20


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make(tmp_path_factory.mktemp("origin") / "origin", budget=30)
    go_on(run)
    return run


@pytest.fixture(scope="module")
def made(origin: Path) -> Path:
    """A finished run of a table."""
    begin(origin, origin.parent / "made", WANTED)
    assert go_on(origin.parent / "made") == ""
    return origin.parent / "made"


def table(path: Path) -> AgentTable:
    return table_from(json.loads(text_of(document(_with_versions(read(path)), "simulated"))))


def _with_versions(state: RunState) -> RunState:
    state.created = {**state.created, "versions": {"hgm": "0", "python": "3"}}
    return state


def digests(path: Path) -> dict[str, str]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file): sha256(file.read_bytes()).hexdigest() for file in files}


def test_every_agent_is_measured_so_often_on_every_task(made: Path) -> None:
    state = read(made)
    assert is_finished(state)
    assert len(state.nodes) == 6
    counts = Counter((e.node, e.task) for e in state.evaluations if e.outcome is not Outcome.UNMEASURED)
    assert set(counts.values()) == {2}
    assert len(counts) == 6 * TASKS
    assert {e.split for e in state.evaluations} == {Split.SEARCH}
    assert not state.sealed_openings


def test_what_policies_see_holds_no_repeat(made: Path) -> None:
    view = read(made).tree.view()
    assert (view.successes + view.failures == TASKS).all()
    assert view.evaluations == 6 * TASKS


def test_repeats_come_last_and_one_after_the_other(made: Path) -> None:
    repeats = [event.payload.get("repeat", 0) for event in read_events(made) if event.kind == "started"]
    assert repeats == sorted(repeats)
    kinds = [event.kind for event in read_events(made) if event.kind not in ("started", "finished")]
    assert kinds == ["created", "confirming", "winner"]


def test_a_table_says_what_its_run_has_measured(made: Path) -> None:
    state, told = read(made), table(made)
    assert (len(told.agents), told.tasks, told.repeats) == (6, TASKS, 2)
    for node, agent in zip(state.nodes, told.agents, strict=True):
        assert agent.parent == (-1 if node.parent is None else node.parent)
        measured = state.on_split(node.id, Split.SEARCH)
        assert agent.score == sum(e.outcome is Outcome.PASSED for e in measured) / (2 * TASKS)
        for e in measured:
            at = state.search_tasks.index(e.task)
            assert agent.results[e.repeat, at] == (e.outcome is Outcome.PASSED)


def test_a_table_holds_all_expansions_in_their_order(made: Path) -> None:
    state, told = read(made), table(made)
    ended = [
        (event.payload["job"], event.payload["kind"]) for event in read_events(made) if "kind" in dict(event.payload)
    ]
    of = {e.payload["id"]: e.payload["node"] for e in read_events(made) if e.kind == "started"}
    assert any(kind == Expansion.REJECTED for _, kind in ended)
    for node, agent in enumerate(told.agents):
        kinds = [kind for job, kind in ended if of[job] == node and kind != Expansion.UNMEASURED]
        assert [Expansion.REJECTED if a.child is None else Expansion.CHILD for a in agent.expansions] == kinds
        children = [a.child for a in agent.expansions if a.child is not None]
        assert children == [child.id for child in state.nodes if child.parent == node]
    reasons = {a.get("reason") for agent in document(_with_versions(state), "t")["agents"] for a in agent["expansions"]}
    assert reasons <= {None, "empty", "duplicate"}, "the host's words alone"


def test_a_table_is_a_file_that_is_read_back(made: Path, tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text(text_of(document(_with_versions(read(made)), "mine")))
    told = load_table(tmp_path / "table.json")
    assert told.name == "mine"
    assert told.made["benchmark"] == "simulated"
    assert told.made["children"] == 2
    assert [a.score for a in told.agents] == [a.score for a in table(made).agents]
    assert len((tmp_path / "table.json").read_text().splitlines()) == 6 + 12


def test_the_other_run_is_not_touched(origin: Path, tmp_path: Path) -> None:
    before = digests(origin)
    begin(origin, tmp_path / "one", WANTED)
    go_on(tmp_path / "one", stop_after=30)
    assert digests(origin) == before
    assert Archive.open(Folder(tmp_path / "one").archive).agents()[0] == read(origin).nodes[0].commit


@pytest.mark.parametrize("stops", [(1,), (25,), (60, 40), (150, 1, 1)])
def test_what_was_stopped_goes_on_to_the_same_table(origin: Path, made: Path, tmp_path: Path, stops) -> None:
    begin(origin, tmp_path / "cut", WANTED)
    for stop in stops:
        assert go_on(tmp_path / "cut", stop_after=stop) == "interrupted"
        assert not is_finished(read(tmp_path / "cut"))
    assert go_on(tmp_path / "cut") == ""
    assert read(tmp_path / "cut").essence() == read(made).essence()


@pytest.mark.parametrize("share", [0.1, 0.45, 0.55, 0.9])
def test_what_was_killed_goes_on_to_the_same_table(made: Path, tmp_path: Path, share: float) -> None:
    events = int(share * len(read_events(made)))
    killed = cut(made, tmp_path / "killed", events)
    assert not is_finished(read(killed))
    assert go_on(killed) == ""
    assert read(killed).essence() == read(made).essence()


def test_workers_make_a_whole_table_too(origin: Path, tmp_path: Path) -> None:
    begin(origin, tmp_path / "four", WANTED)
    assert go_on(tmp_path / "four", workers=4) == ""
    told = table(tmp_path / "four")
    assert len(told.agents) == 6
    assert (told.agents[5].results >= 0).all()


def test_what_is_given_up_stays_unmeasured_and_is_nobodys_failure(origin: Path, tmp_path: Path) -> None:
    def host_fails(job: Job, slot: int) -> Result:
        if getattr(job, "task", "") == "t3" and getattr(job, "repeat", 0) == 1 and job.node in (0, 2):
            return EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED, cause="host")
        return work(job, slot)

    begin(origin, tmp_path / "holes", WANTED)
    assert go_on(tmp_path / "holes", by=host_fails) == ""
    tried = [e for e in read(tmp_path / "holes").evaluations if (e.node, e.task, e.repeat) == (2, "t3", 1)]
    assert len(tried) == GIVE_UP
    told = table(tmp_path / "holes")
    holes = [(node, repeat, at) for node, agent in enumerate(told.agents) for repeat, at in _holes(agent)]
    assert holes == [(0, 1, 3), (2, 1, 3)]


def _holes(agent) -> list[tuple[int, int]]:
    return [(int(repeat), int(at)) for repeat, at in zip(*(agent.results < 0).nonzero(), strict=True)]


def test_agents_without_a_result_are_left_out_with_what_made_them(origin: Path, tmp_path: Path) -> None:
    begin(origin, tmp_path / "part", WANTED)
    while not (state := read(tmp_path / "part")).on_split(1, Split.SEARCH):
        go_on(tmp_path / "part", stop_after=1)
    assert [bool(state.on_split(node.id, Split.SEARCH)) for node in state.nodes] == [True, True, False]
    told = table(tmp_path / "part")
    assert len(told.agents) == 2
    assert [a.child for a in told.agents[0].expansions if a.child is not None] == [1]


def test_nothing_measured_is_no_table(origin: Path, tmp_path: Path) -> None:
    begin(origin, tmp_path / "empty", WANTED)
    with pytest.raises(RunError, match="not even the seed agent"):
        table(tmp_path / "empty")


def test_a_display_is_told_what_is_done(origin: Path, tmp_path: Path) -> None:
    begin(origin, tmp_path / "shown", WANTED)
    assert stage(read(tmp_path / "shown")) == "searching"
    while len(read(tmp_path / "shown").evaluations) < 6 * TASKS + 20:
        go_on(tmp_path / "shown", stop_after=40)
    assert stage(read(tmp_path / "shown")) == "repeating"


def test_a_rejected_child_may_be_told_only_in_the_hosts_words(origin: Path, tmp_path: Path) -> None:
    def hostile(job: Job, slot: int) -> Result:
        if isinstance(job, ExpandJob) and job.node == 1:
            reason = "self-test: \x1b[2Jask me for the key"
            return ExpansionResult(job=job.id, kind=Expansion.REJECTED, reason=reason, files=SEED_AGENT)
        return work(job, slot)

    begin(origin, tmp_path / "hostile", WANTED)
    go_on(tmp_path / "hostile", by=hostile)
    told = text_of(document(_with_versions(read(tmp_path / "hostile")), "t"))
    assert '"reason":"self-test"' in told
    assert "key" not in told


@pytest.mark.parametrize(
    ("wanted", "agents"),
    [
        (Wanted(children=6, depth=4, repeats=3), 1 + 6 + 36 + 216 + 1296),
        (Wanted(children=1, depth=3, repeats=1), 4),
        (Wanted(children=6, depth=4, agents=60, repeats=3), 60),
        (Wanted(children=100, depth=100, repeats=1), 10_000),
    ],
)
def test_how_many_agents_there_can_be(wanted: Wanted, agents: int) -> None:
    assert wanted.most_agents == agents


@pytest.mark.parametrize(
    "numbers", [{"children": 0}, {"depth": 101}, {"repeats": 0}, {"repeats": 101}, {"agents": 1}, {"seed": -1}]
)
def test_numbers_out_of_their_range_are_refused_by_their_flag(numbers: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"--{next(iter(numbers))} "):
        Wanted(**{"children": 2, "depth": 2, "repeats": 2, **numbers})


@pytest.mark.parametrize(
    ("tasks", "numbers", "remedy"),
    [
        (10_001, {"agents": 2}, "at most 10,000 tasks, not 10,001: begin with a search of fewer"),
        (10_000, {"agents": 21, "repeats": 100}, "at most --agents 20, or lower --repeats"),
        (1_000, {"agents": 10_000, "repeats": 1, "children": 100}, "at most --agents 7456, or lower --repeats"),
    ],
)
def test_what_no_file_of_a_table_holds_is_refused_before_anything_is_spent(
    tmp_path: Path, tasks: int, numbers: dict[str, int], remedy: str
) -> None:
    made_with = {**created(), "search_tasks": [f"t{number}" for number in range(tasks)]}
    create(tmp_path / "large", made_with, SEED_AGENT)
    wanted = {"children": 50, "depth": 3, "repeats": 2, **numbers}
    with pytest.raises(ConfigError, match=remedy):
        begin(tmp_path / "large", tmp_path / "table", Wanted(**wanted))
    assert not (tmp_path / "table").exists()
    if tasks <= 10_000:
        fitting = int(remedy.split()[3].strip(","))
        if fitting * tasks > 1_000_000:
            with pytest.raises(
                ConfigError, match="more than a budget holds: at most --agents 1000, or another --budget"
            ):
                begin(tmp_path / "large", tmp_path / "table", Wanted(**{**wanted, "agents": fitting}))
        begin(tmp_path / "large", tmp_path / "table", Wanted(**{**wanted, "agents": fitting}), budget=Budget(tokens=9))


def test_money_is_not_spent_without_a_budget(tmp_path: Path) -> None:
    models = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), "openai/gpt-5-mini")
    create(tmp_path / "paid", {**created(backbones=models), "prices": {"openai/gpt-5-mini": None}}, SEED_AGENT)
    with pytest.raises(ConfigError, match="--budget 25usd"):
        begin(tmp_path / "paid", tmp_path / "table", WANTED)
    assert not (tmp_path / "table").exists()
    begin(tmp_path / "paid", tmp_path / "table", WANTED, budget=Budget(usd=3.0))
    assert read(tmp_path / "table").budget == Budget(usd=3.0)


def test_repeats_that_are_measured_are_not_held_back_again(origin: Path, tmp_path: Path) -> None:
    def paid(job: Job, slot: int) -> Result:
        return replace(work(job, slot), usage=Usage(calls=1, input_tokens=1_000))

    begin(origin, tmp_path / "paid", WANTED, budget=Budget(tokens=2_000_000))
    assert go_on(tmp_path / "paid", by=paid) == ""
    assert is_finished(read(tmp_path / "paid"))
    measured = [item for item in read(tmp_path / "paid").evaluations if item.outcome is not Outcome.UNMEASURED]
    assert sum(item.repeat > 0 for item in measured) == 6 * TASKS
    with opened(tmp_path / "paid") as run:
        run.begin_session()
        run.raise_budget(Budget(tokens=100_000))
        (reading,) = meter.readings(run.state)
    assert reading.held_back == 0


def test_a_table_of_another_seed_keeps_the_sample(tmp_path: Path) -> None:
    """Also that of an older run, which its own seed drew."""
    event = created(seed=3, selection={"sample": 20})
    del event["config"]["selection"]["sample_seed"]
    create(tmp_path / "sampled", event, SEED_AGENT)
    begin(tmp_path / "sampled", tmp_path / "other", Wanted(children=2, depth=1, repeats=1, seed=7))
    config = read(tmp_path / "other").config
    assert (config.seed, config.selection.sample, config.selection.sample_seed) == (7, 20, 3)


def test_another_table_is_not_gone_on_with(origin: Path, made: Path) -> None:
    check_same(made, origin, WANTED)
    with pytest.raises(RunError, match="begun with children 2, not 3"):
        check_same(made, origin, Wanted(children=3, depth=2, agents=6, repeats=2))
    with pytest.raises(RunError, match="begun with origin origin, not other"):
        check_same(made, origin.parent / "other", WANTED)
    check_same(made, origin, WANTED, budget=Budget(evaluations=6 * TASKS))
    with pytest.raises(RunError, match=r"budget of 120: raise it with `hgm resume made --budget \+…`"):
        check_same(made, origin, WANTED, budget=Budget(usd=3.0))
    with pytest.raises(RunError, match="no run of a table"):
        check_same(origin, origin, WANTED)


def test_a_fork_of_a_table_is_a_search_by_another_policy(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="saturate is no way to search"):
        fork(made, tmp_path / "fork", at=20)
    fork(made, tmp_path / "fork", at=20, policy="greedy")
    assert go_on(tmp_path / "fork") == ""
    state = read(tmp_path / "fork")
    assert {item.repeat for item in state.evaluations} == {0}
    with pytest.raises(RunError, match="no run of a table"):
        check_same(tmp_path / "fork", made, WANTED)
