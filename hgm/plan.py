"""What comes next in a run, as a pure function of its state: search, confirm the top few, open the sealed ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from evaluators.base import Split
from hgm.calibration import Noise
from hgm.state import RunState
from trees.records import ROOT, Evaluate, Expand, Outcome, Policy, Stop
from trees.statistics import ranking

UNMEASURED_IN_ROW = 10
"""So many jobs without a measurement, one after the other, stop the run: the host needs a person."""


@dataclass(frozen=True)
class Confirm:
    """Run a node on a task of the select or the sealed split."""

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
    if state.unmeasured_in_row >= UNMEASURED_IN_ROW:
        return None
    if state.candidates is None:
        return _search(state, policy)
    if state.winner is None:
        return _confirm(state)
    if state.sealed_tasks is None:
        tasks = state.created["sealed_tasks"]
        return Milestone("sealed opened", {"tasks": tasks}) if tasks else None
    return _seal(state)


def is_finished(state: RunState) -> bool:
    """Whether nothing is left to do."""
    if state.running or state.winner is None:
        return False
    return not state.created["sealed_tasks"] or (state.sealed_tasks is not None and _seal(state) is None)


def _search(state: RunState, policy: Policy) -> Step | None:
    view = state.tree.view()
    if view.spent < 1.0:
        decision = policy.choose(view, np.random.default_rng([state.config.seed, state.jobs]))
        if isinstance(decision, Expand | Evaluate):
            return decision
        if not isinstance(decision, Stop):
            raise TypeError(f"policy {policy.name} decided {decision!r}")
    if state.running:
        return None
    best = ranking(view, minimum=state.config.minimum_evaluations).tolist()
    top = [node for node in best if node != ROOT][: state.config.confirmation.candidates]
    candidates = [node for node in best if node == ROOT or node in top]
    return Milestone("confirming", {"candidates": candidates, "tasks": state.created["select_tasks"]})


def _confirm(state: RunState) -> Step | None:
    candidates = state.candidates or ()
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


def _seal(state: RunState) -> Step | None:
    winner = state.winner
    for node in (ROOT,) if winner in (ROOT, None) else (ROOT, winner):
        slots = state.open_slots(node, Split.SEALED, state.sealed_tasks or (), state.config.confirmation.sealed_repeats)
        for task, repeat in slots:
            return Confirm(node, Split.SEALED, task, repeat)
    return None
