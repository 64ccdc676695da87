"""A budget that holds: what it is written as, what is admitted by it, how it ends, and what it is raised by."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.base import Split
from hgm import meter
from hgm.allowance import Allowance, allowance_of, check_budget, prices_for, prices_to_json
from hgm.backbones.prices import prices_of
from hgm.budget import Budget, JobLimit, job_limit, parsed, parsed_raise, plain, restored
from hgm.config import SearchConfig, resolve
from hgm.errors import ConfigError, LimitError, RunError
from hgm.evaluate import evaluate
from hgm.executors.local import LocalExecutor
from hgm.expand import expand
from hgm.fork import fork
from hgm.gateway.prices import FREE, Rates, Tokens
from hgm.gateway.records import Usage, usage_to_json
from hgm.gateway.remote import Probe
from hgm.jobs import EvaluateJob, EvaluationResult, ExpandJob, ExpansionResult, Job, Result, derive_seed
from hgm.loop import Ending, Watch, search
from hgm.plan import Milestone, is_finished, next_step, unpaid
from hgm.redaction import Redactor
from hgm.run import create, opened, read, read_events
from hgm.state import RunState
from hgm.trajectories import Writer
from hgm.trajectories import read as read_trajectory
from tests.hgm import simulated
from tests.hgm.small_lab import ASKS, agent, evaluation, expansion, scripted, small_lab
from trees.journal import Event
from trees.policies import make_policy
from trees.records import ROOT, Evaluate, Expand, Expansion, Outcome

PRICED = "local/model"
PRICES = {PRICED: {"input": 1.0, "output": 2.0}}
BACKBONES = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), PRICED)


@pytest.mark.parametrize(
    ("words", "budget"),
    [
        ("800", Budget(evaluations=800)),
        ("25usd", Budget(usd=25.0)),
        ("0.5 USD", Budget(usd=0.5)),
        ("10Mtok", Budget(tokens=10_000_000)),
        ("1.001Mtok", Budget(tokens=1_001_000)),
        ("250ktok", Budget(tokens=250_000)),
        ("2Gtok", Budget(tokens=2_000_000_000)),
        ("2h", Budget(seconds=7200.0)),
        ("90m", Budget(seconds=5400.0)),
        ("30s", Budget(seconds=30.0)),
        ("200, 25usd,10Mtok,2h", Budget(evaluations=200, usd=25.0, tokens=10_000_000, seconds=7200.0)),
    ],
)
def test_a_budget_is_read_and_written(words: str, budget: Budget) -> None:
    assert parsed(words) == budget
    assert parsed(str(budget)) == restored(plain(budget)) == budget
    assert SearchConfig.model_validate_json(SearchConfig(budget=words).model_dump_json()).budget == budget


def test_evaluations_are_kept_as_the_number_that_older_versions_wrote() -> None:
    assert plain(Budget(evaluations=40)) == 40
    assert resolve(budget=40) == resolve(budget="40")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("$25", "write 25usd"),
        ("25eur", "no unit 'eur'"),
        ("10M", "of what"),
        ("10k", "10ktok"),
        ("2.5", "whole numbers"),
        ("-3", "e.g. --budget 40"),
        ("0", "above 0"),
        ("0usd", "above 0"),
        ("9999999", "at most 1,000,000"),
        ("1h,2m", "time twice"),
        ("", "e.g. --budget 40"),
        ("1,,2", "e.g. --budget 40"),
        ("nan", "e.g. --budget 40"),
        ("1e9usd", "no unit|e.g. --budget 40"),
        ("٣usd", "e.g. --budget 40"),
        ("9" * 400 + "usd", "e.g. --budget 40"),
    ],
)
def test_what_is_no_budget_is_told_what_to_write(words: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        parsed(words)


def test_a_raise_begins_with_a_plus_and_adds_to_what_is_there() -> None:
    assert Budget(usd=5.0, seconds=60.0).raised(parsed_raise("+10usd,+1h")) == Budget(usd=15.0, seconds=3660.0)
    with pytest.raises(ConfigError, match=r"--budget \+10usd"):
        parsed_raise("10usd")
    with pytest.raises(ConfigError, match="without dollars"):
        Budget(evaluations=5).raised(parsed_raise("+10usd"))


def test_prices_are_the_lists_with_its_cliffs_and_unknown_is_unknown() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    asked = (
        "anthropic/claude-sonnet-4-5",
        "deepseek/deepseek-chat",
        "builtin/rules",
        "local/gpt-5",
        "openai/none-such",
    )
    claude, deepseek, builtin, local, unknown = prices_of(asked, {}, now=now).values()
    assert (builtin, local, unknown) == (FREE, None, None), "a model at home costs what nobody but its owner knows"
    assert claude is not None
    assert [band.above for band in claude.bands] == [0, 200_000]
    at, beyond = (claude.cost(Tokens(input=count)) for count in (200_000, 200_001))
    assert beyond / at == pytest.approx(2, rel=1e-4), "the dearer rate holds for all of a call"
    assert deepseek is not None
    assert len(deepseek.bands) == 1
    assert deepseek.bands[0].input == max(
        prices_of(["deepseek/deepseek-chat"], {}, now=now.replace(hour=hour))["deepseek/deepseek-chat"].bands[0].input  # type: ignore[union-attr]
        for hour in (1, 12, 20)
    ), "of a price by the hour, the dearest"


def test_the_users_prices_go_first_and_another_address_is_another_provider() -> None:
    given = {"openai/gpt-5-mini": Rates(input=7.0, output=8.0)}
    (own,) = prices_of(["openai/gpt-5-mini"], given).values()
    assert own is not None
    assert (own.bands, own.source) == ((Rates(input=7.0, output=8.0),), "configuration")
    (elsewhere,) = prices_of(["openai/gpt-5-mini"], {}, base_urls={"openai": "http://10.0.0.1:8000/v1"}).values()
    assert elsewhere is None


def checked(**config: Any) -> None:
    settings = resolve(**config)
    check_budget(settings, allowance_of(settings, {}))


def test_dollars_need_a_price_and_something_that_costs_any() -> None:
    with pytest.raises(ConfigError, match=r"prices\.\"local/model\".*tokens, time or evaluations"):
        checked(budget="25usd", backbones=BACKBONES)
    checked(budget="25usd", backbones=BACKBONES, prices=PRICES)
    checked(budget="10Mtok", backbones=BACKBONES)
    with pytest.raises(ConfigError, match="free: a budget of 25usd would never end"):
        checked(budget="25usd")
    checked(budget="25usd,40")
    with pytest.raises(ConfigError, match="at least 4e\\+06 tokens"):
        checked(budget="3Mtok", limits={"tokens": 2_000_000})


def test_a_job_gets_a_part_of_the_budget_with_which_a_call_still_fits() -> None:
    prices = list(prices_for(resolve(budget=1, backbones=BACKBONES, prices=PRICES)).values())
    assert job_limit(Budget(evaluations=5, seconds=9.0), tokens=None, usd=None, prices=prices) == JobLimit()
    assert job_limit(Budget(tokens=10_000_000), tokens=None, usd=None, prices=prices).tokens == 500_000
    assert job_limit(Budget(tokens=300_000), tokens=None, usd=None, prices=prices).tokens == 100_000
    assert job_limit(Budget(usd=20.0), tokens=None, usd=None, prices=prices) == JobLimit(tokens=2_000_000, usd=1.0)
    assert job_limit(Budget(usd=1e6), tokens=None, usd=None, prices=prices).usd == 4.0, "2 million tokens, all output"
    assert job_limit(Budget(usd=20.0), tokens=7, usd=0.5, prices=prices) == JobLimit(tokens=7, usd=0.5)


def test_probes_are_counted_and_what_they_cost_where_nobody_says() -> None:
    allowance = Allowance(prices={PRICED: None, "openai/x": FREE})
    probe = Probe(ok=True, trouble="", tokens=Tokens(input=10, output=2), usd=None, dialects=())
    allowance.count(PRICED, probe)
    allowance.count("openai/x", probe)
    taken = allowance.probes.take()
    assert (taken.calls, taken.tokens.total, taken.usd, taken.unpriced_calls) == (2, 24, 0.0, 1)
    assert allowance.probes.take() == Usage()


# A run in memory: the real plan and state, without an archive.


class Driven:
    """A run whose events are made here, with a clock that is told the time."""

    def __init__(self, *, budget: str, workers: int = 2, **config: Any) -> None:
        config = {"backbones": BACKBONES, "prices": PRICES, "workers": workers, **config}
        payload = {**simulated.created(budget=budget, **config), "root": {"commit": "c0", "tree": "t0"}}
        payload["prices"] = prices_to_json(prices_for(resolve(**payload["config"])))
        self.now = 0.0
        self.state = RunState(Event(seq=1, kind="created", version=1, at=0.0, payload=payload))
        self.policy = make_policy("hgm")

    def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.state.apply(Event(seq=self.state.last_event + 1, kind=kind, version=1, at=self.now, payload=payload))

    def start(self) -> bool:
        """Start the next job; whether there was one."""
        while isinstance(step := next_step(self.state, self.policy), Milestone):
            self.tell(step.kind, step.payload)
        if step is None:
            return False
        number, about = f"{self.state.jobs:05d}", {"node": step.node, "commit": "c", "seed": 0}
        if isinstance(step, Expand):
            self.tell("started", {"type": "expand", "id": f"x{number}", "evidence": [], **about})
        else:
            split, task, repeat = (
                ("search", self.state.search_tasks[step.task], 0)
                if isinstance(step, Evaluate)
                else (step.split, step.task, step.repeat)
            )
            about |= {"split": split, "task": task, "repeat": repeat}
            self.tell("started", {"type": "evaluate", "id": f"e{number}", **about})
        return True

    def end(self, job: str, usage: Usage, *, wall_s: float = 1.0, passed: bool = True) -> None:
        ended: dict[str, Any] = {"outcome": Outcome.PASSED if passed else Outcome.FAILED, "cause": ""}
        if job.startswith("x"):
            ended = {"kind": Expansion.CHILD, "reason": "", "brief": "", "commit": f"c{job}", "tree": f"t{job}"}
        self.tell("finished", {"job": job, "usage": usage_to_json(usage), "wall_s": wall_s, **ended})

    def play(self, cost: Callable[[str], Usage], *, order: Callable[[list[str]], str] = lambda jobs: jobs[0]) -> None:
        """To the end, as the loop would."""
        while True:
            while len(self.state.running) < self.state.config.workers and self.start():
                pass
            if not self.state.running:
                return
            job = order([*self.state.running])
            self.end(job, cost(job), passed=derive_seed(job) % 2 == 0)


def used(tokens: int, **fields: Any) -> Usage:
    """As much of input at 1 USD per million."""
    return Usage(calls=1, input_tokens=tokens, usd=tokens / 1e6, **fields)


@settings(deadline=None, max_examples=50)
@given(
    budget=st.sampled_from(["1Mtok", "1usd", "60,1usd", "1usd,2Mtok"]),
    workers=st.integers(1, 5),
    least=st.floats(0.0, 1.0),
    most=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32),
)
def test_whatever_jobs_cost_the_budget_holds_and_nothing_paid_is_lost(
    budget: str, workers: int, least: float, most: float, seed: int
) -> None:
    run = Driven(budget=budget, workers=workers)
    state = run.state
    limit = min(state.job_limit.tokens or 10**9, int(1e6 * (state.job_limit.usd or 10**9)))
    told: list[str] = []

    def cost(job: str) -> Usage:
        told.append(job)
        share = min(least, most) + abs(most - least) * (derive_seed(seed, job) % 1001 / 1000)
        return used(max(5000, int(limit * share)))  # at most about two hundred jobs

    run.play(cost, order=lambda jobs: jobs[derive_seed(seed, *jobs) % len(jobs)])
    assert is_finished(state)
    for reading in meter.readings(state):
        assert reading.settled <= reading.total * (1 + 1e-9)
    assert sorted(told) == sorted(item.job for item in [*state.evaluations, *state.expansions])
    assert state.usage.tokens.total == sum(item.usage.tokens.total for item in [*state.evaluations, *state.expansions])
    assert state.on_split(ROOT, Split.SEARCH)


def test_enough_is_held_back_to_confirm_and_compare_what_was_found() -> None:
    run = Driven(budget="1usd", workers=1)
    run.play(lambda job: used(5_000))
    state = run.state
    assert state.ended_by == ("usd",)
    assert state.sealed_tasks == ("z0", "z1")
    assert state.left_out == unpaid(state) == 0
    assert len(state.on_split(state.winner or 0, Split.SEALED)) == 4
    assert 0.85 <= state.usage.usd <= 1.0


def test_what_the_budget_does_not_pay_is_left_out_and_said() -> None:
    run = Driven(budget="1usd", workers=1)
    run.state.created["sealed_tasks"].extend(f"z{number}" for number in range(2, 200))  # type: ignore[attr-defined]
    run.play(lambda job: used(5_000))
    state = run.state
    assert is_finished(state)
    assert state.sealed_tasks
    assert len(state.sealed_tasks) < 200
    assert state.left_out + unpaid(state) > 0
    winner, seed = (state.on_split(node, Split.SEALED) for node in (state.winner or 0, ROOT))
    assert abs(len(winner) - len(seed)) <= 1, "what is compared is paired"
    assert sum(item.split is Split.SEARCH for item in state.evaluations) > 20, "half of it is for searching"


def test_time_counts_over_sessions_and_not_between_them() -> None:
    run = Driven(budget="200s", workers=1)
    run.tell("opened", {"cut_off_s": 0.0})
    assert run.start()
    run.now = 30.0
    run.end("e00000", used(10), wall_s=30.0)
    run.now = 5000.0  # killed, and gone on with the next day: a file was last written 10 s after the last event
    run.tell("opened", {"cut_off_s": 10.0})
    assert run.state.elapsed_s == 40.0
    assert run.start()
    run.now = 5030.0
    run.end("e00001", used(10), wall_s=30.0)
    assert run.state.elapsed_s == 70.0
    assert run.start()
    run.now = 5060.0
    run.end("e00002", used(10), wall_s=30.0)
    run.start()
    assert run.state.ended_by == ("seconds",), "another would end at 130 s, and half of 200 s is for confirming"


def test_a_call_that_nobody_priced_ends_a_search_in_dollars_and_loses_nothing() -> None:
    run = Driven(budget="1usd")
    assert run.start()
    assert run.start()
    run.end("e00000", used(10, unpriced_calls=1))
    assert not run.start()
    run.end("e00001", used(10))
    assert next_step(run.state, run.policy) is None
    assert not is_finished(run.state)
    assert len(run.state.evaluations) == 2
    tokens = Driven(budget="1Mtok")
    assert tokens.start()
    tokens.end("e00000", used(10, unpriced_calls=1))
    assert tokens.start(), "tokens need no price"


def test_a_raised_budget_searches_on_is_confirmed_again_and_counts_a_second_opening() -> None:
    run = Driven(budget="1usd", workers=1)
    run.play(lambda job: used(5_000))
    before = len(run.state.on_split(ROOT, Split.SEARCH)), len(run.state.evaluations)
    run.tell("budget raised", {"by": "2usd"})
    assert not is_finished(run.state)
    run.play(lambda job: used(5_000))
    state = run.state
    assert is_finished(state)
    assert state.budget == Budget(usd=3.0)
    assert 2.7 <= state.usage.usd <= 3.0
    assert state.sealed_openings == 2
    assert len(state.evaluations) > before[1] + 100
    jobs = [(item.node, item.split, item.task, item.repeat) for item in state.evaluations]
    assert len(jobs) == len(set(jobs)), "nothing is paid twice"


def test_what_is_measured_already_is_not_held_back_again() -> None:
    run = Driven(budget="1usd", workers=1)
    run.play(lambda job: used(5_000))
    state = run.state
    confirmed = len(state.on_split(ROOT, Split.SELECT)) + len(state.on_split(ROOT, Split.SEALED))
    assert confirmed >= 2
    run.tell("budget raised", {"by": "2usd"})
    candidates, repeats = state.config.confirmation.candidates, state.config.confirmation.sealed_repeats
    wanted = len(state.created["select_tasks"]) * (candidates + 1) + len(state.created["sealed_tasks"]) * repeats * 2
    (reading,) = meter.readings(state)
    assert reading.held_back == pytest.approx((wanted - confirmed) * 0.005)


def test_more_evaluations_go_on_where_the_search_was(tmp_path: Path) -> None:
    path = simulated.make(tmp_path / "run", budget=12)
    simulated.go_on(path)
    with opened(path) as run:
        run.begin_session()
        run.raise_budget(Budget(evaluations=8))
    simulated.go_on(path)
    state = read(path)
    assert is_finished(state)
    assert state.evaluations_used == 20
    assert [event.kind for event in read_events(path)].count("winner") == 2


def test_a_policy_sees_the_unit_with_the_least_left() -> None:
    run = Driven(budget="1000,1Mtok", workers=1)
    seen = []
    run.play(lambda job: seen.append(run.state.tree.view().spent) or used(20_000))  # type: ignore[func-returns-value]
    assert seen[0] < 0.3
    assert max(seen) > 0.9, "tau grows towards the end of the search, which confirming is not a part of"


def test_a_policy_sees_what_an_expansion_costs_in_evaluations() -> None:
    """By tokens; before there are any, and in part after the first ones, five evaluations."""
    run = Driven(budget="400", workers=1)
    seen = []
    run.play(lambda job: seen.append(run.state.tree.view().expansion_cost) or used(12_000 if job[0] == "x" else 1_000))  # type: ignore[func-returns-value]
    expansions = len(run.state.expansions)
    assert seen[0] == 5.0
    assert expansions > 20
    assert seen[-1] == pytest.approx((3 * 5 + expansions * 12) / (3 + expansions))


def test_what_was_not_measured_says_nothing_of_what_an_expansion_costs() -> None:
    run = Driven(budget="400", workers=1)
    given = []

    def host_fails(job: str) -> bool:
        """Every third evaluation and expansion, which then has taken nothing."""
        given.append(job)
        return len(given) % 3 == 0

    while run.start():
        (job,) = run.state.running
        if host_fails(job):
            ended = {"kind": Expansion.UNMEASURED, "reason": "host"} if job[0] == "x" else {"outcome": "unmeasured"}
            run.tell("finished", {"job": job, "usage": usage_to_json(used(0)), "wall_s": 0.1, "cause": "", **ended})
        else:
            run.end(job, used(12_000 if job[0] == "x" else 1_000))
    made = sum(item.kind is not Expansion.UNMEASURED for item in run.state.expansions)
    assert 10 < made < len(run.state.expansions)
    assert any(item.outcome is Outcome.UNMEASURED for item in run.state.evaluations)
    assert run.state.tree.view().expansion_cost == pytest.approx((3 * 5 + made * 12) / (3 + made))


def test_thresholds_are_told_once_each(tmp_path: Path) -> None:
    path = tmp_path / "run"
    event = simulated.created(budget="1Mtok", backbones=BACKBONES, limits={"tokens": 20_000})
    create(path, event, simulated.SEED_AGENT)
    told: list[float] = []

    def work(job: Job, slot: int) -> Result:
        if isinstance(job, ExpandJob):
            files = {**simulated.SEED_AGENT, b"main.py": simulated.File(f"# {job.seed}\n".encode())}
            return ExpansionResult(job=job.id, kind=Expansion.CHILD, files=files, usage=used(20_000))
        assert isinstance(job, EvaluateJob)
        return EvaluationResult(job=job.id, outcome=Outcome.PASSED, usage=used(20_000))

    for stop in (10, 25, None):
        done: list[Result] = []
        with opened(path) as run:
            executor = LocalExecutor(work, 2)
            ending = search(
                run,
                make_policy("hgm"),
                executor,
                watch=Watch(finished=lambda job, result: done.append(result), spent=told.append),  # noqa: B023
                stopping=lambda: stop is not None and len(done) >= stop,  # noqa: B023
            )
            executor.close()
    assert ending is Ending.FINISHED
    assert told == [0.5, 0.8]


def test_a_job_that_has_used_its_limit_gets_no_further_lease(tmp_path: Path) -> None:
    allowance = Allowance(limit=JobLimit(tokens=1000, usd=1.0))
    assert allowance.left("x00001", tmp_path, least=0.1).tokens == 1000
    with Writer(tmp_path / "x00001-edit.jsonl.zst", redact=Redactor.of({})) as writer:
        writer.write({"event": "lease opened"})
        writer.write({"event": "lease closed", "usage": usage_to_json(used(850, cache_read_tokens=10))})
    left = allowance.left("x00001", tmp_path, least=0.1)
    assert left.tokens == 140
    with pytest.raises(LimitError, match=r"860 of its 1,000 tokens \(limits.tokens\)"):
        allowance.left("x00001", tmp_path, least=0.5)


@pytest.mark.needs("bubblewrap")
def test_all_leases_of_a_job_share_its_limit(tmp_path: Path) -> None:
    editor = ASKS + "open('main.py', 'a').write('# better\\n')\n"
    step = {"text": "fine", "usage": {"prompt_tokens": 1000, "completion_tokens": 5}, "repeat": True}
    with (
        small_lab(tmp_path / "run", agent(editor), limits={"tokens": 100_000}) as plain_lab,
        scripted(plain_lab, tmp_path, [step]) as lab,
    ):
        first = evaluate(evaluation(lab, 0), lab, 0)
        result = expand(expansion(lab, 1, evidence=(first.job,)), lab, 0)
    assert result.kind is Expansion.CHILD, result.reason
    limits = {
        record["max_tokens"]
        for file in lab.trajectories.glob("x00001-*")
        for record in read_trajectory(file)
        if record["event"] == "lease opened"
    }
    assert limits == {100_000, 98_995 - 24_384, 97_990}, "diagnosis, edit, handshake, of which two calls are kept"
    assert result.usage.tokens.total == 3015


@pytest.mark.needs("bubblewrap")
def test_an_edit_that_used_the_jobs_limit_up_is_rejected_and_kept(tmp_path: Path) -> None:
    editor = ASKS + "open('main.py', 'a').write('# better\\n')\n"
    spends = {"text": "fine", "usage": {"prompt_tokens": 91_000, "completion_tokens": 5}}
    with (
        small_lab(tmp_path / "run", agent(editor), limits={"tokens": 100_000}) as plain_lab,
        scripted(plain_lab, tmp_path, [spends]) as lab,
    ):
        result = expand(expansion(lab, 1), lab, 0)
    assert (result.kind, result.reason.partition(":")[0]) == (Expansion.REJECTED, "limit")
    assert result.files is not None, "what was paid for is kept"
    assert result.usage.tokens.total == 91_005


def test_a_run_keeps_its_prices_and_an_older_one_is_read() -> None:
    config = resolve(budget="25usd", backbones=BACKBONES, prices=PRICES)
    kept = prices_to_json({PRICED: FREE})
    assert allowance_of(config, {"prices": kept}).price(PRICED) == FREE, "never looked up again"
    older = {**simulated.created(budget=30), "root": {"commit": "c0", "tree": "t0"}}
    assert "prices" not in older
    state = RunState(Event(seq=1, kind="created", version=1, at=0.0, payload=older))
    assert state.budget == Budget(evaluations=30)
    assert state.prices == {"builtin/rules": FREE}


def test_a_session_that_was_killed_lasted_as_long_as_its_files_say(tmp_path: Path) -> None:
    path = simulated.make(tmp_path / "run", budget="2h")
    with opened(path) as run:
        job = run.next_job(make_policy("hgm"))
        assert job is not None
        file = run.folder.trajectories / f"{job.id}.jsonl.zst"
        file.write_bytes(b"")
        for written, counted in ((7.0, 7.0), (-5.0, 0.0), (1e6, 480.0)):
            at = run.state.last_at
            os.utime(file, (at + written, at + written))
            before = run.state.elapsed_s
            run.begin_session()
            assert run.state.elapsed_s - before == pytest.approx(counted, abs=0.01), "a copy's date is no proof"


def test_a_search_that_was_raised_can_be_forked_where_it_goes_on(tmp_path: Path) -> None:
    path = simulated.make(tmp_path / "run", budget=12)
    simulated.go_on(path)
    with opened(path) as run:
        run.raise_budget(Budget(evaluations=8))
    last = simulated.events_of(path)
    simulated.go_on(path)
    fork(path, tmp_path / "fork", at=last)
    simulated.go_on(tmp_path / "fork")
    assert read(tmp_path / "fork").evaluations_used == 20
    with pytest.raises(RunError, match="the search was over"):
        fork(path, tmp_path / "late", at=last - 1)
