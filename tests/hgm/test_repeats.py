"""The next repeat of a table is what a look at every evaluation would find, whatever was started, ended or given up."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from evaluators.base import Split
from hgm.jobs import EvaluateJob
from hgm.repeats import Repeats
from hgm.state import GIVE_UP, RunState, job_to_json
from tests.hgm.simulated import created
from trees.journal import Event
from trees.records import Outcome

TASKS = ("one", "two", "three")
USAGE = {"dropped_fields": ()}


class Table:
    """A run of a table whose only agent is measured at will."""

    def __init__(self) -> None:
        payload = {
            **created(),
            "search_tasks": TASKS,
            "saturation": {"repeats": 3},
            "root": {"commit": "c", "tree": "t"},
        }
        self.events = [Event(seq=1, version=1, kind="created", payload=payload, at=0.0)]
        self.state = RunState(self.events[0])

    def add(self, kind: str, payload: dict[str, object]) -> None:
        self.events.append(Event(seq=len(self.events) + 1, version=1, kind=kind, payload=payload, at=0.0))
        self.state.apply(self.events[-1])

    def start(self, node: int, task: str, repeat: int) -> None:
        name = f"e{self.state.jobs:05d}"
        job = EvaluateJob(id=name, node=node, commit="c", split=Split.SEARCH, task=task, repeat=repeat, seed=0)
        self.add("started", job_to_json(job))

    def finish(self, job: str, outcome: Outcome) -> None:
        self.add("finished", {"job": job, "outcome": outcome, "cause": "", "usage": USAGE, "wall_s": 1.0})


def searched(state: RunState) -> tuple[int, str, int] | None:
    """The first open slot, by a look at everything."""
    taken = {(e.node, e.task, e.repeat) for e in state.evaluations if e.outcome is not Outcome.UNMEASURED}
    taken |= {(j.node, j.task, j.repeat) for j in state.running.values() if isinstance(j, EvaluateJob)}
    tried = [(e.node, e.task, e.repeat) for e in state.evaluations]
    for repeat, node, task in product(range(1, state.repeats), range(len(state.nodes)), TASKS):
        slot = (node, task, repeat)
        if slot not in taken and tried.count(slot) < GIVE_UP:
            return slot
    return None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.sampled_from(Outcome)), max_size=40))
def test_the_next_repeat_is_the_first_that_is_open(steps) -> None:
    table = Table()
    for starts, which, outcome in steps:
        running = [*table.state.running]
        if starts and (slot := table.state.next_repeat()) is not None:
            table.start(*slot)
        elif running:
            table.finish(running[which % len(running)], outcome)
        assert table.state.next_repeat() == searched(table.state)
    assert RunState.replay(table.events).next_repeat() == table.state.next_repeat()


def test_repeats_come_one_after_the_other_until_none_is_left() -> None:
    table, found = Table(), []
    while (slot := table.state.next_repeat()) is not None:
        found.append(slot)
        table.start(*slot)
    assert found == [(0, task, repeat) for repeat in (1, 2) for task in TASKS]


def test_what_a_new_agent_brings_comes_before_later_repeats() -> None:
    repeats = Repeats(3)
    for place in (0, 1):
        repeats.take(1, place)
    repeats.take(2, 0)
    assert repeats.first(2) == (2, 1)
    assert repeats.first(4) == (1, 2)


def test_a_run_without_repeats_has_none() -> None:
    assert Repeats(1).first(10) is None
    assert 1 not in Repeats(1)
