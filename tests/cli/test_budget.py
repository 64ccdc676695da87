"""Money, tokens and time as the commands say them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hgm.cli.costs import amount, cost, unsettled_lines
from hgm.gateway.prices import FREE, Price, Rates
from hgm.gateway.records import Usage
from hgm.jobs import EvaluationResult, Job, Result
from hgm.plan import is_finished
from hgm.redaction import Redactor
from hgm.run import create, opened, read
from hgm.trajectories import Writer
from tests.cli.command import Command
from tests.hgm import simulated
from trees.policies import make_policy
from trees.records import Outcome

PRICES: dict[str, Price | None] = {"openai/x": Price(bands=(Rates(input=1.0, output=2.0),))}
QUICK = ("--sandbox", "bubblewrap")


@pytest.mark.parametrize(
    ("usage", "prices", "words"),
    [
        (Usage(calls=3, usd=1.234), PRICES, "$1.23"),
        (Usage(calls=3, usd=0.00041), PRICES, "$0.00041"),
        (Usage(calls=20, usd=1.234, unpriced_calls=14), PRICES, ">= $1.23 (14 calls unpriced)"),
        (Usage(calls=14, unpriced_calls=14), PRICES, "unpriced (14 calls)"),
        (Usage(calls=14), {"local/x": None}, "unpriced (14 calls)"),
        (Usage(), PRICES, "nothing yet"),
        (Usage(calls=14), {"builtin/rules": FREE}, "free"),
    ],
)
def test_an_unknown_cost_is_never_nothing(usage: Usage, prices: Any, words: str) -> None:
    assert cost(usage, prices) == words


def test_amounts_are_short() -> None:
    assert amount("tokens", 9_400) == "9,400 tokens"
    assert amount("tokens", 1_234_567) == "1.23M tokens"
    assert amount("seconds", 5400) == "90 min"
    assert amount("usd", 1234.5) == "$1,234.50"


@pytest.mark.needs("bubblewrap")
def test_an_estimate_says_what_it_rests_on_and_starts_nothing(hgm: Command, tmp_path: Path) -> None:
    said = hgm("estimate", "--budget", "10Mtok", *QUICK)
    assert said.code == 0, said.err
    assert "based on   an assumption" in said.out
    assert "money      free" in said.out
    assert not (tmp_path / "runs").exists()
    dry = hgm("search", "--dry-run", "--budget", "10Mtok", "--run", "new", *QUICK)
    assert dry.code == 0
    assert said.out in dry.out
    assert "a job may use 500k tokens" in dry.out
    assert not (tmp_path / "runs").exists()


def paid(job: Job, slot: int) -> Result:
    """As `simulated.work`, with tokens and seconds."""
    usage = Usage(calls=1, input_tokens=50_000 if job.id.startswith("x") else 10_000, unpriced_calls=1)
    return dataclasses.replace(simulated.work(job, slot), usage=usage, wall_s=12.0)


def play(path: Path) -> None:
    with opened(path) as run:
        while job := run.next_job(make_policy("hgm")):
            run.tell(paid(job, 0))


@pytest.mark.needs("bubblewrap")
def test_an_estimate_rests_on_past_runs_of_the_same_kind(hgm: Command, tmp_path: Path) -> None:
    backbones = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), "local/x")
    for name, benchmark in (("mine", "builtin"), ("other", "quixbugs")):
        event = simulated.created(budget=20, backbones=backbones, benchmark=benchmark)
        event["benchmark"]["name"] = benchmark
        create(tmp_path / "runs" / name, event, simulated.SEED_AGENT)
    play(tmp_path / "runs" / "mine")
    measured = [item for item in read(tmp_path / "runs" / "mine").evaluations if item.outcome is not Outcome.UNMEASURED]
    flags = ("--backbone", "local/x", "--budget", "10Mtok", "--workers", "1", *QUICK)
    said = hgm("estimate", *flags)
    assert said.code == 0, said.err
    assert f"{len(measured)} evaluations and " in said.out
    assert "money      unpriced" in said.out
    priced = ("-o", 'prices."local/x".input=1', "-o", 'prices."local/x".output=2')
    # 6 evaluations of 1 cent and an expansion of 5, and as much for the comparison
    refused = hgm("estimate", *flags[:2], "--budget", "0.1usd", "-o", "limits.usd=0.01", *priced, *QUICK)
    assert refused.code == 2
    assert "the smallest that can is --budget 0.22usd" in refused.err


def test_calls_that_a_kill_left_open_are_listed_at_their_reservation(hgm: Command, tmp_path: Path) -> None:
    path = simulated.make(tmp_path / "runs" / "killed", budget=12)
    with opened(path) as run:
        job = run.next_job(make_policy("hgm"))
        assert job is not None
        with Writer(run.folder.trajectories / f"{job.id}.jsonl.zst", redact=Redactor.of({})) as writer:
            writer.write({"event": "lease opened"})
            reserved = {"input_tokens": 30_000, "output_tokens": 1_000}
            writer.write({"event": "call started", "index": 3, "request": {}, "reserved": reserved, "dropped": []})
    line = "1 call never settled (a kill): charged at their reservation: e00000 call 4, 31,000 tokens"
    assert unsettled_lines(path, read(path)) == [line]
    with opened(path) as run:
        run.tell(EvaluationResult(job=job.id, outcome=Outcome.PASSED, usage=Usage(calls=1, unsettled_calls=1)))
    assert line in hgm("runs", "show", "killed").out


def test_a_run_in_tokens_ends_and_says_by_what(hgm: Command, tmp_path: Path) -> None:
    backbones = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), "local/x")
    create(tmp_path / "runs" / "tokens", simulated.created(budget="1Mtok", backbones=backbones), simulated.SEED_AGENT)
    play(tmp_path / "runs" / "tokens")
    state = read(tmp_path / "runs" / "tokens")
    assert is_finished(state)
    said = hgm("resume", "tokens")
    assert said.code == 0
    assert "ended by   the budget's tokens" in said.out
    assert "of 1M tokens; evaluations: " in said.out
    assert "unpriced (" in said.out
    assert "$0.00" not in said.out
    assert "1M tokens" in hgm("runs", "list").out
