"""The placebo beside a gain: what the same search came to with an editor that changes a comment only."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evaluators.base import Split
from hgm.config import PLACEBO, restored
from hgm.errors import HGMError, RunError, boundary
from hgm.names import all_runs
from hgm.plan import is_finished
from hgm.run import read_events
from hgm.state import RunState
from hgm.summary import Comparison, comparison, score
from trees.records import ROOT


@dataclass(frozen=True, kw_only=True)
class Placebo:
    """What chance and selection alone "gained"."""

    run: Path
    search: float
    """The winner's share of search evaluations passed, less the seed agent's: selected for, so mostly not 0."""
    sealed: Comparison | None
    """None where nothing was compared: then its winner was the seed agent, or it opened no sealed tasks."""


def newest_placebo(path: Path, state: RunState) -> Placebo | None:
    """The last begun of the finished placebo runs beside this run on the same benchmark, agent and budget."""
    found = max(_alike(path.parent, state), key=lambda item: item[0], default=None)
    return found and _figures(*found[1:])


def _alike(runs_dir: Path, state: RunState) -> Iterator[tuple[float, Path, RunState]]:
    for path in all_runs(runs_dir):
        # A run of another version, or a broken one, is no baseline.
        with suppress(HGMError), boundary(RunError, f"cannot read {path}"):
            events = read_events(path)
            if restored(events[0].payload["config"]).editor != PLACEBO:
                continue
            other = RunState.replay(events)
            if is_finished(other) and _subject(other) == _subject(state):
                yield events[0].at, path, other


def _subject(state: RunState) -> tuple[object, ...]:
    """What two searches must share to be compared."""
    return state.created["benchmark"], state.nodes[ROOT].tree, state.budget


def _figures(path: Path, state: RunState) -> Placebo:
    winner = ROOT if state.winner is None else state.winner
    before, after = (score(state, node, Split.SEARCH).share for node in (ROOT, winner))
    return Placebo(run=path, search=after - before, sealed=comparison(state))
