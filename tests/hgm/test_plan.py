from collections.abc import Mapping

import pytest

from evaluators.base import Split
from hgm.plan import Milestone, next_step
from hgm.state import GIVE_UP, RunState
from tests.hgm.simulated import created
from trees.journal import Event
from trees.policies import make_policy
from trees.records import Expansion, Outcome

TASKS = [f"s{number}" for number in range(12)]
P, F, U = Outcome.PASSED, Outcome.FAILED, Outcome.UNMEASURED


class Told:
    """A run's state, event by event."""

    def __init__(self, *, noise: float | None = None, **options: object) -> None:
        event = {**created(**options), "root": {"commit": "c0", "tree": "t0"}, "select_tasks": TASKS}
        if noise is not None:
            event["config"]["calibration"] = "calibrated.json"
            event["config"]["confirmation"]["accept_above_noise"] = True
            event["noise"] = {"tasks": 48, "rate": 0.5, "deviation": noise}
        self.state = RunState(Event(seq=1, kind="created", version=1, at=0.0, payload=event))
        self._jobs = 0

    def tell(self, kind: str, /, **payload: object) -> None:
        self.state.apply(Event(seq=self.state.last_event + 1, kind=kind, version=1, at=0.0, payload=payload))

    def job(self) -> str:
        self._jobs += 1
        return f"j{self._jobs:05d}"

    def child(self) -> None:
        job, usage = self.job(), {"calls": 0, "dropped_fields": []}
        self.tell("started", type="expand", id=job, node=0, commit="c0", evidence=[], seed=0)
        ended = {"kind": Expansion.CHILD, "reason": "", "brief": "", "commit": "c", "tree": "t"}
        self.tell("finished", job=job, usage=usage, wall_s=0.0, **ended)

    def select(self, node: int, results: Mapping[str, Outcome]) -> None:
        usage = {"calls": 0, "dropped_fields": []}
        for task, outcome in results.items():
            for _ in range(GIVE_UP if outcome is U else 1):
                job = self.job()
                about = {"node": node, "commit": "c", "split": "select", "task": task, "repeat": 0, "seed": 0}
                self.tell("started", type="evaluate", id=job, **about)
                self.tell("finished", job=job, outcome=outcome, cause="", usage=usage, wall_s=0.0)
                self.tell("stopped", reason="as if gone on with: ten in a row unmeasured end the loop")


def winner(*results: str, noise: float | None = None) -> int:
    """Who wins, of candidates 1, 2, ... and 0 in this order, given `PFU…` on the select tasks of each."""
    told = Told(noise=noise)
    for _ in results[1:]:
        told.child()
    candidates = [*range(1, len(results)), 0]
    told.tell("confirming", candidates=candidates, tasks=TASKS)
    letters = {"P": P, "F": F, "U": U}
    for node, outcomes in zip(candidates, results, strict=True):
        told.select(node, {task: letters[letter] for task, letter in zip(TASKS, outcomes, strict=True)})
    step = next_step(told.state, make_policy("hgm"))
    assert isinstance(step, Milestone), step
    assert step.kind == "winner"
    assert told.state.on_split(0, Split.SELECT) or "U" * 12 in results
    return int(step.payload["node"])


@pytest.mark.parametrize(
    ("results", "wins"),
    [
        (("PPPPFFFFFFFF", "PPPPPFFFFFFF"), 0),
        (("PPPPPFFFFFFF", "PPPPPFFFFFFF"), 1),
        (("PPPPUUUUUUUU", "PPFFPPPFFFFF"), 1),
        (("PPFFUUUUUUUU", "PPPFPPPFFFFF"), 0),
        (("PPPFUUUUUUUU", "PPPFPPPPPPPP"), 1),
        (("UUUUUUUUUUUU", "FFFFFFFFFFFF"), 0),
        (("UUUUUUUUUUUU", "PFFFFFFFFFFF", "PPFFFFFFFFFF"), 0),
        (("UUUUUUUUUUUU", "UUUUUUUUUUUU"), 1),
    ],
    ids=[
        "most passes",
        "a tie goes to the better rank",
        "what was not measured is held against nobody",
        "nor in anybody's favour",
        "a tie on the common tasks",
        "never measured, never the winner",
        "and it takes nothing away from the others",
        "unless nobody was measured",
    ],
)
def test_the_winner_passes_most_of_what_was_measured_for_all(results: tuple[str, ...], wins: int) -> None:
    assert winner(*results) == wins


@pytest.mark.parametrize(("noise", "wins"), [(0.0, 1), (0.04, 1), (0.05, 0), (None, 1)])
def test_a_gain_within_the_noise_leaves_the_seed_agent_the_winner(noise: float | None, wins: int) -> None:
    """3 of 12 more, against a band measured on 48 tasks: twice as wide for a fourth of them."""
    assert winner("PPPPPPFFFFFF", "PPPFFFFFFFFF", noise=noise) == wins


def test_no_gain_is_above_no_noise() -> None:
    assert winner("PPPFFFFFFFFF", "PPPFFFFFFFFF", noise=0.0) == 0
