"""A state is the same whether its events are replayed at once or told one by one, and says what they come to."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hgm.errors import JournalError
from hgm.gateway.records import Usage, UsageSum
from hgm.jobs import Job, Result
from hgm.run import read, read_events
from hgm.saturation import Wanted, begin
from hgm.state import RunState, job_from, job_to_json
from tests.hgm.simulated import go_on, make, work
from tests.trees.play import snapshot


def paid(job: Job, slot: int) -> Result:
    usage = Usage(calls=1, input_tokens=1000, usd=0.01, signs=("cut",), trouble=job.id)
    return replace(work(job, slot), usage=usage, wall_s=2.0)


@pytest.fixture(scope="module", params=["40", "40,5usd,10Mtok,2h", "1Mtok", "table"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    if request.param == "table":
        go_on(make(folder / "origin", budget=10))
        begin(folder / "origin", folder / "run", Wanted(children=2, depth=1, repeats=2))
    else:
        make(folder / "run", budget=request.param)
    go_on(folder / "run", workers=2, stop_after=30, by=paid)
    go_on(folder / "run", stop_after=60, by=paid)
    return folder / "run"


def told(state: RunState) -> dict[str, Any]:
    """All that there is to know, but for how often the tree was told what is used."""
    plain = {name: value for name, value in vars(state).items() if isinstance(value, int | float | list | dict | tuple)}
    tree = {name: value for name, value in snapshot(state.tree).items() if name != "version"}
    next_ones = (state.next_repeat(), state.evaluations_left, state.evaluations_used)
    return {**plain, "tree": tree, "used": (state.usage, state.evaluation_usage), "next": next_ones}


def test_a_replay_is_what_was_told_event_by_event(run: Path) -> None:
    events = read_events(run)
    state = RunState(events[0])
    for number in count(1):
        if number % 9 == 1 or number == len(events):
            assert told(RunState.replay(events[:number])) == told(state)
        if number == len(events):
            break
        state.apply(events[number])
    assert told(read(run)) == told(state)


def test_what_was_used_is_the_sum_over_all_that_ended(run: Path) -> None:
    state = read(run)
    ended = [*state.evaluations, *state.expansions]
    assert len(state.evaluations) > 20
    assert (state.usage.calls, state.usage.tokens.total) == (len(ended), 1000 * len(ended))
    assert state.evaluation_usage.tokens.total == 1000 * len(state.evaluations)
    assert state.usage.usd == pytest.approx(0.01 * len(ended))
    assert state.usage.signs == ("cut",)
    assert state.usage.trouble in {item.job for item in ended}


def test_a_job_is_what_its_event_says(run: Path) -> None:
    started = [event.payload for event in read_events(run) if event.kind == "started"]
    for payload in started:
        without = {name: value for name, value in payload.items() if name != "drawn"}
        assert {name: as_json(value) for name, value in job_to_json(job_from(payload)).items()} == without


def as_json(value: Any) -> Any:
    return [as_json(item) for item in value] if isinstance(value, tuple) else value


def test_an_event_that_nobody_knows_is_refused(run: Path) -> None:
    created, *_ = read_events(run)
    with pytest.raises(JournalError, match="unknown kind 'danced'"):
        RunState.replay([created, created._replace(seq=2, kind="danced")])


def test_a_sum_keeps_the_first_difference_the_newest_trouble_and_every_name_once() -> None:
    total = UsageSum()
    assert total.usage == Usage()
    one = Usage(
        calls=1, output_tokens=2, usd=0.5, waited_s=1.0, signs=("b",), differs="here", trouble="old", waiting="w"
    )
    other = Usage(refused=3, signs=("a", "b"), dropped_fields=("n",), differs="there", trouble="new", hosts_fault=True)
    total.add(one)
    total.add(other)
    assert total.usage == one + other
    assert total.usage == Usage(
        calls=1,
        output_tokens=2,
        usd=0.5,
        waited_s=1.0,
        refused=3,
        dropped_fields=("n",),
        signs=("a", "b"),
        hosts_fault=True,
        differs="here",
        trouble="new",
    )
