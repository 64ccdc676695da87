"""What comes next in a run, as a pure function of its state: search, confirm the top few, open the sealed ones.

The run of a table of agents searches with a policy that leaves nothing out, then repeats what it measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from evaluators.base import Split
from hgm import meter
from hgm.calibration import Noise
from hgm.state import RunState
from trees.records import ROOT, Evaluate, Expand, Outcome, Policy, Stop

UNMEASURED_IN_ROW = 10
"""So many jobs without a measurement, one after the other, stop the run: the host needs a person."""


@dataclass(frozen=True)
class Confirm:
    """Run a node on a task of the select or the sealed split, or on whatever an evaluation has planned."""

    node: int
    split: Split
    task: str
    repeat: int


@dataclass(frozen=True)
class Milestone:
    """An event that is decided, not measured."""

    kind: str
    payload: Mapping[str, Any]


Step: TypeAlias = Expand | Evaluate | Confirm | Milestone


def next_step(state: RunState, policy: Policy) -> Step | None:
    """The next thing to do, or None while only running jobs (or nothing at all) can change that."""
    if state.unmeasured_in_row >= UNMEASURED_IN_ROW or state.is_unpriced:
        return None
    if state.planned is not None:
        return _planned(state)
    if state.candidates is None:
        return _search(state, policy)
    if state.winner is None:
        return _repeat(state) or _confirm(state)
    return _compare(state)


def is_finished(state: RunState) -> bool:
    """Whether nothing is left to do, or can be paid."""
    if state.planned is not None:
        return not state.running and _planned(state) is None
    return not state.running and state.winner is not None and _compare(state) is None


def unpaid(state: RunState) -> int:
    """Select and sealed evaluations that were begun with and that the budget did not pay; 0 until a run is finished."""
    if not is_finished(state):
        return 0
    select = sum(len(state.open_slots(node, Split.SELECT, state.select_tasks, 1)) for node in state.candidates or ())
    return select + len(_open_sealed(state))


def _planned(state: RunState) -> Confirm | None:
    """What an evaluation measures next; None when that is all, or the budget pays no more."""
    is_counted = state.budget.evaluations is not None
    if not meter.fits(state) or (is_counted and state.evaluations_left <= 0):
        return None
    slot = state.next_planned()
    return None if slot is None else Confirm(ROOT, *slot)


def _search(state: RunState, policy: Policy) -> Step | None:
    view = state.tree.view()
    if view.spent < 1.0 and meter.fits(state):
        decision = policy.choose(view, np.random.default_rng([state.config.seed, state.jobs]))
        if isinstance(decision, Expand | Evaluate):
            return decision
        if not isinstance(decision, Stop):
            raise TypeError(f"policy {policy.name} decided {decision!r}")
    if state.running:
        return None
    best = policy.ranking(view, minimum=state.config.minimum_evaluations).tolist()
    top = [node for node in best if node != ROOT][: state.config.confirmation.candidates]
    candidates = [node for node in best if node == ROOT or node in top]
    return Milestone("confirming", {"candidates": candidates, **_select_tasks(state, candidates)})


def _select_tasks(state: RunState, candidates: Sequence[int]) -> dict[str, Any]:
    """Those that the budget is expected to pay with the sealed comparison behind them, and what it is not."""
    tasks = state.created["select_tasks"]
    if not state.budget.covers_everything:
        return {"tasks": tasks}
    missing = _missing(state, candidates, Split.SELECT, tasks, 1)
    sealed, repeats = state.created["sealed_tasks"], state.config.confirmation.sealed_repeats
    later = sum(_missing(state, (ROOT,), Split.SEALED, sealed, repeats)) + repeats * len(sealed)
    wanted = sum(missing) + later
    paid = _paid(missing, meter.affordable(state, wanted) * sum(missing) // max(wanted, 1))
    return {"tasks": tasks[:paid], "left_out": sum(missing[paid:]), "ended_by": [*meter.exhausted(state)]}


def _missing(state: RunState, nodes: Sequence[int], split: Split, tasks: Sequence[str], repeats: int) -> list[int]:
    """Of each task, how many evaluations of these nodes are still to be made."""
    return [sum(len(state.open_slots(node, split, (task,), repeats)) for node in nodes) for task in tasks]


def _paid(missing: Sequence[int], pays: int) -> int:
    """How many tasks, from the first on, so many evaluations are enough for."""
    return sum(total <= pays for total in accumulate(missing))


def _repeat(state: RunState) -> Confirm | None:
    """What a table of agents measures again, once its tree is grown."""
    slot = state.next_repeat() if meter.fits(state) else None
    return None if slot is None else Confirm(slot[0], Split.SEARCH, slot[1], slot[2])


def _confirm(state: RunState) -> Step | None:
    candidates = state.candidates or ()
    if meter.fits(state):
        for node in candidates:
            for task, repeat in state.open_slots(node, Split.SELECT, state.select_tasks, 1):
                return Confirm(node, Split.SELECT, task, repeat)
    return None if state.running else Milestone("winner", {"node": _winner(state, candidates)})


def _winner(state: RunState, candidates: tuple[int, ...]) -> int:
    """Most passes on the select tasks that are measured for all; ties go to the better best-belief rank.

    That rank is the candidates' order. Whoever was measured on none of them does not take part, unless nobody was.
    Where the configuration asks for it, a gain that chance alone may bring leaves the seed agent the winner.
    """
    passed = {node: _passed(state, node) for node in candidates}
    rivals = [node for node in candidates if passed[node]] or [*candidates]
    common = set.intersection(*(set(passed[node]) for node in rivals))
    best = max(rivals, key=lambda node: (sum(passed[node][task] for task in common), -candidates.index(node)))
    lead = select_lead(state, best)
    return best if lead is None or lead.is_accepted else ROOT


@dataclass(frozen=True)
class Lead:
    """How far a node is before the seed agent on the select tasks measured for both, and what chance may bring."""

    gain: float
    band: float

    @property
    def is_accepted(self) -> bool:
        """Whether it is more than noise."""
        return self.gain > self.band


def select_lead(state: RunState, node: int) -> Lead | None:
    """None where the run does not ask for a gain above its calibration's noise, and for the seed agent."""
    if node == ROOT or not state.config.confirmation.accept_above_noise:
        return None
    own, seed = _passed(state, node), _passed(state, ROOT)
    tasks = own.keys() & seed.keys()
    gain = sum(own[task] - seed[task] for task in tasks) / len(tasks) if tasks else 0.0
    return Lead(gain=gain, band=Noise(**state.created["noise"]).band_of(len(tasks)))


def _passed(state: RunState, node: int) -> dict[str, bool]:
    """Measured select task -> whether the node passed it."""
    return {item.task: item.outcome is Outcome.PASSED for item in state.on_split(node, Split.SELECT)}


def _compare(state: RunState) -> Step | None:
    """Open the sealed tasks, then measure winner and seed agent on them; None when that is done or cannot be paid."""
    if state.sealed_tasks is not None:
        return _seal(state) if meter.fits(state) else None
    tasks = state.created["sealed_tasks"]
    if not state.budget.covers_everything:
        return Milestone("sealed opened", {"tasks": tasks}) if tasks else None
    missing = _missing(state, _compared(state), Split.SEALED, tasks, state.config.confirmation.sealed_repeats)
    paid = _paid(missing, meter.affordable(state, sum(missing)))
    return Milestone("sealed opened", {"tasks": tasks[:paid], "left_out": sum(missing[paid:])}) if paid else None


def _seal(state: RunState) -> Step | None:
    return next(iter(_open_sealed(state)), None)


def _open_sealed(state: RunState) -> list[Confirm]:
    tasks, repeats = state.sealed_tasks or (), state.config.confirmation.sealed_repeats
    open_ = [
        Confirm(node, Split.SEALED, task, repeat)
        for node in _compared(state)
        for task, repeat in state.open_slots(node, Split.SEALED, tasks, repeats)
    ]
    if state.budget.covers_everything:  # what the budget may cut short is at least paired
        open_.sort(key=lambda slot: (slot.repeat, tasks.index(slot.task)))
    return open_


def _compared(state: RunState) -> tuple[int, ...]:
    """The seed agent, and the winner if that is another."""
    return (ROOT,) if state.winner in (ROOT, None) else (ROOT, state.winner or ROOT)
