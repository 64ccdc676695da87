"""A provider on its worst day: every job behind it is measured, waiting is no agent's, and what was paid counts.

Real sandboxes, evaluations one after the other; each meets one kind of trouble and then an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hgm.evaluate import evaluate
from hgm.gateway.client import Settings
from hgm.jobs import EvaluationResult
from hgm.lab import Lab
from hgm.spending import spent
from hgm.trajectories import read
from tests.hgm.small_lab import MODEL, SELF_TEST, OneTask, agent, evaluation, scripted, small_lab
from trees.records import Outcome

pytestmark = pytest.mark.needs("bubblewrap")

STREAMS = SELF_TEST + 'from model import ask\nprint(len(ask("hello")))\n'
ANSWER_TOKENS = 2
OK: dict[str, Any] = {"text": "fine", "usage": {"input": 10, "output": ANSWER_TOKENS}}
LATER = 8
"""Seconds that the provider asks to be left alone: more than an agent has."""
DEADLINE_S = 6.0
IMPATIENT = Settings(attempt_timeout_s=2.0, backoff_s=0.05, attempts=3)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What the provider does first, and what is then to be seen of it."""

    name: str
    step: dict[str, Any]
    waits: str = ""
    """What a person reads while it is waited for."""
    paid: bool = False
    """Whether the lost attempt may be billed, and counts at its reservation."""
    signs: tuple[str, ...] = ()
    answered: bool = False
    """Whether this is an answer itself."""
    calls: int = 1
    deadline_s: float = DEADLINE_S
    settings: Settings = IMPATIENT


TROUBLES = (
    Trouble(name="401", step={"status": 401}, calls=2),
    Trouble(name="429", step={"status": 429, "retry_after": LATER}, waits="HTTP 429"),
    Trouble(name="500", step={"status": 500}, waits="HTTP 500"),
    Trouble(name="a hang", step={"hang": True}, paid=True),
    Trouble(name="a cut stream", step={"cut": True, "text": "one two three four five six"}, paid=True),
    Trouble(name="garbage", step={"malformed": '{"choices": ['}, paid=True),
    Trouble(
        name="broken arguments",
        step={"tool_calls": [{"name": "run", "arguments": '{"command": "l'}]},
        signs=("malformed_tool_call",),
        answered=True,
    ),
    Trouble(name="200k tokens", step={"tokens": 200_000}, answered=True, deadline_s=60.0, settings=Settings()),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    asks = MODEL.replace('{"messages":', '{"stream": True, "messages":')
    assert asks != MODEL
    with small_lab(tmp_path_factory.mktemp("survival") / "run", agent(STREAMS, model_py=asks)) as lab:
        yield lab


@dataclass(frozen=True)
class Day:
    """All evaluations, by the name of their trouble."""

    lab: Lab
    results: dict[str, EvaluationResult]
    shown: dict[str, list[str]]


@pytest.fixture(scope="module")
def day(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Day:
    shown: dict[str, list[str]] = {}
    results: dict[str, EvaluationResult] = {}

    def progress(job: str, stage: str) -> None:
        shown.setdefault(job, []).append(stage)

    for number, each in enumerate(TROUBLES):
        steps = [each.step] if each.answered else [each.step, OK]
        with scripted(lab, tmp_path_factory.mktemp("steps"), steps, settings=each.settings) as bad:
            bad = replace(bad, progress=progress, benchmark=OneTask(deadline_s=each.deadline_s))
            results[each.name] = evaluate(evaluation(bad, number), bad, 0)
    return Day(lab, results, {each.name: shown[results[each.name].job] for each in TROUBLES})


@pytest.fixture(params=TROUBLES, ids=[each.name for each in TROUBLES])
def trouble(request: pytest.FixtureRequest) -> Trouble:
    each: Trouble = request.param
    return each


def test_the_outcome_is_the_agents_own(day: Day, trouble: Trouble) -> None:
    result = day.results[trouble.name]
    assert (result.outcome, result.cause) == (Outcome.FAILED, "unchanged"), result.detail


def test_nothing_that_was_paid_is_lost(day: Day, trouble: Trouble) -> None:
    used = day.results[trouble.name].usage
    assert used == spent(day.results[trouble.name].job, day.lab.trajectories)
    assert used.calls == trouble.calls
    assert used.unsettled_calls == trouble.paid
    reserved = [record["reserved"] for record in records(day, trouble, "call started")][-1] if trouble.paid else {}
    answers = [record for record in records(day, trouble, "call settled") if record["status"] == 200]
    assert len(answers) == 1
    told = 200_000 if trouble.name == "200k tokens" else None if trouble.answered else ANSWER_TOKENS
    if told is not None:
        assert used.output_tokens == told + reserved.get("output_tokens", 0)
    assert used.signs == trouble.signs


def test_waiting_is_shown_and_is_not_the_agents_time(day: Day, trouble: Trouble) -> None:
    used = day.results[trouble.name].usage
    assert (used.waited_s > 0) == (not trouble.answered and trouble.name != "401")
    if trouble.name == "429":
        assert used.waited_s >= LATER > DEADLINE_S
        assert any(trouble.waits in stage for stage in day.shown[trouble.name]), day.shown


def test_a_refused_key_is_no_agents_failure_but_tried_again(day: Day) -> None:
    opened = records(day, TROUBLES[0], "lease opened")
    assert len(opened) == 2
    assert day.results["401"].usage.hosts_fault


def records(day: Day, trouble: Trouble, event: str) -> list[dict[str, Any]]:
    path: Path = day.lab.trajectories / f"{day.results[trouble.name].job}.jsonl.zst"
    return list(read(path, events=(event,)))
