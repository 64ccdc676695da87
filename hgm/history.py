"""A run's evaluations as columns, and its state beside them: for documents about runs of a million evaluations.

Reading the journal event by event, as `RunState.replay` does, takes ten times as long: here SQLite picks out the few
values that a document shows, and only events that are no search evaluations are replayed.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluators.base import Split
from hgm.agents_by_name import best_node
from hgm.errors import JournalError, RunError, boundary
from hgm.gateway.records import Usage
from hgm.jobs import ExpandJob
from hgm.run import Folder
from hgm.state import RunState
from trees.canonical import load_list
from trees.journal import Event, Journal
from trees.records import NO_PARENT, Outcome, TreeView

OUTCOMES = (Outcome.PASSED, Outcome.FAILED, Outcome.UNMEASURED)
"""By their codes in columns."""
SPLITS = tuple(Split)
"""By their codes."""
PASSED, FAILED, UNMEASURED = range(3)
_SIGNS = np.array([1, -1, 0], np.int8)
"""Of `PASSED`, `FAILED`, and at -1 of what is not measured."""
_SEARCH = SPLITS.index(Split.SEARCH)
_BATCH = 100_000
_THREADS = 2

_Columns: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Values of all events of a kind that are about evaluations, as columns."""

    kind: str
    mark: str
    """What holds of the events of evaluations alone."""
    columns: Mapping[str, tuple[str, type]]
    """Name -> an expression, and the type of its values; texts are objects, one for each different text."""

    def read(self, journal: Journal, last: int, pool: Executor) -> Callable[[], _Columns]:
        """Begin to read events 1 to `last`; what is returned waits for them, in their order."""
        # As one array of JSON each: a row at a time would have the threads wait for each other at every row.
        # As bytes: half a surrogate pair, which a journal may hold, is no text to SQLite's Python.
        groups = (f"CAST(json_group_array({expression}) AS BLOB)" for expression, _ in self.columns.values())
        expressions = ", ".join(groups)
        query = f"SELECT {expressions} FROM events WHERE seq > ? AND seq <= ? AND kind = '{self.kind}' AND {self.mark}"
        ranges = [(first, min(first + _BATCH, last)) for first in range(0, last, _BATCH)]
        batches = [pool.submit(self._batch, journal, query, range_) for range_ in ranges]
        return lambda: _in_order([batch.result() for batch in batches])

    def _batch(self, journal: Journal, query: str, range_: tuple[int, int]) -> _Columns:
        (texts,) = journal.rows(query, range_)
        columns = zip(self.columns.items(), texts, strict=True)
        with boundary(JournalError, f"{journal.path} is damaged"):
            return {name: np.array(load_list(text), kind) for (name, (_, kind)), text in columns}


def _in_order(batches: Sequence[_Columns]) -> _Columns:
    """Joined, and in the order of events, which SQLite does not promise."""
    found = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    if (np.diff(found["seq"]) > 0).all():
        return found
    order = np.argsort(found["seq"], kind="stable")
    return {name: column[order] for name, column in found.items()}


def _value(path: str) -> str:
    return f"json_extract(payload, '$.{path}')"


_BUCKETS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
_STARTED = _Table(
    kind="started",
    mark=f"{_value('type')} = 'evaluate'",
    columns={
        "seq": ("seq", np.int64),
        "at": ("at", np.float64),
        "job": (f"CAST(substr({_value('id')}, 2) AS INTEGER)", np.int64),
        "node": (_value("node"), np.int64),
        "repeat": (_value("repeat"), np.int64),
        "split": (_value("split"), object),
        "task": (_value("task"), object),
    },
)
_FINISHED = _Table(
    kind="finished",
    mark=f"{_value('outcome')} IS NOT NULL",
    columns={
        "seq": ("seq", np.int64),
        "at": ("at", np.float64),
        "job": (f"CAST(substr({_value('job')}, 2) AS INTEGER)", np.int64),
        "seconds": (_value("wall_s"), np.float64),
        "usd": (_value("usage.usd"), np.float64),
        "unpriced": (_value("usage.unpriced_calls"), np.int64),
        "tokens": (" + ".join(_value(f"usage.{bucket}") for bucket in _BUCKETS), np.int64),
        "outcome": (_value("outcome"), object),
        "cause": (_value("cause"), object),
    },
)
_CHOSEN = """
SELECT seq, version, kind, payload, at FROM events WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq
"""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A job that has not ended."""

    job: str
    node: int
    split: Split | None
    task: str | None
    """Of an evaluation; None for an expansion."""
    since: float
    """Unix seconds."""


@dataclass(frozen=True, kw_only=True)
class Evaluations:
    """Finished evaluations, in the order in which they finished: one entry per evaluation in each column."""

    seq: NDArray[np.int64]
    job: NDArray[np.int64]
    """The number in its name: 12 of e00012."""
    node: NDArray[np.int64]
    task: NDArray[np.int64]
    """Position in `tasks`."""
    split: NDArray[np.int64]
    """Position in `SPLITS`."""
    repeat: NDArray[np.int64]
    outcome: NDArray[np.int64]
    """Position in `OUTCOMES`."""
    cause: NDArray[np.int64]
    """Position in `causes`."""
    tokens: NDArray[np.int64]
    usd: NDArray[np.float64]
    """NaN where nobody knows the price of all calls."""
    seconds: NDArray[np.float64]
    at: NDArray[np.float64]
    """Unix seconds."""
    tasks: tuple[str, ...]
    causes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.job)

    def only(self, chosen: NDArray[np.bool_]) -> "Evaluations":
        """Some of them, in the same order."""
        columns: dict[str, Any] = {
            name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        return replace(self, **columns)


class History:
    """A run at one moment, for looking at it."""

    def __init__(
        self, state: RunState, evaluations: Evaluations, running: Mapping[str, Running], events: Sequence[Event]
    ) -> None:
        self.state = state
        """Without the search evaluations that have ended: they are in `evaluations`, and counted in `view`. So nothing
        here tells what a budget holds back (`hgm.meter.readings`), as it does what is used (`hgm.meter.spent`)."""
        self.evaluations = evaluations
        """Of all splits."""
        self.running = running
        """By their names."""
        self.began = events[0].at
        """Unix seconds."""
        self.opened = max(event.at for event in events if event.kind in ("created", "opened"))
        """When somebody began to work on it last, in Unix seconds."""
        self.ended = {str(event.payload["job"]): event.at for event in events if event.kind == "finished"}
        """Expansion -> when it ended, in Unix seconds."""

    @cached_property
    def view(self) -> TreeView:
        """The tree with all its counts."""
        bare, found = self.state.tree.view(), self.evaluations
        own = [
            np.bincount(found.node[self._searched & (found.outcome == outcome)], minlength=len(bare)).astype(np.int32)
            for outcome in (PASSED, FAILED)
        ]
        clade = [_summed(counts, bare.parent) for counts in own]
        results = np.zeros_like(bare.results)
        for number, name in enumerate(self.state.search_tasks):
            if (task := self.task(name)) >= 0:
                results[:, number] = _SIGNS[self.results[:, task]]
        return replace(
            bare,
            evaluations=bare.evaluations + int(own[0].sum() + own[1].sum()),
            successes=own[0],
            failures=own[1],
            clade_successes=clade[0],
            clade_failures=clade[1],
            results=results,
        )

    @cached_property
    def best(self) -> int:
        """As `hgm.agents_by_name.best_node`."""
        return best_node(self.state, self.view)

    @cached_property
    def results(self) -> NDArray[np.int8]:
        """(nodes, search tasks): `PASSED`, `FAILED`, or -1 for what is not measured."""
        found = self.evaluations.only(self._searched & (self.evaluations.outcome != UNMEASURED))
        table = np.full((len(self.state.nodes), len(self.evaluations.tasks)), -1, np.int8)
        table[found.node, found.task] = found.outcome
        return table

    def task(self, name: str) -> int:
        """The position of a task among those that were tried; -1 for any other."""
        return self._tasks.get(name, -1)

    @cached_property
    def _tasks(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.evaluations.tasks)}

    @cached_property
    def _searched(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.evaluations.split == _SEARCH
        return found


def history(path: Path) -> History:
    """The history of the run at `path`, live or not, as of one moment.

    Raises:
        RunError: there is no run.
        JournalError: its journal is damaged, or holds events of another version than this code writes.
    """
    if not Folder(path).journal.is_file():
        raise RunError(f"{path}: no such run (see `hgm runs list`)")
    with Journal.open(Folder(path).journal, readonly=True) as journal:
        last = journal.last()
        created = next(journal.events(), None)
        if created is None:
            raise JournalError(f"{Folder(path).journal} is empty")
        with ThreadPoolExecutor(_THREADS) as pool:
            jobs, ended = (wait() for wait in [table.read(journal, last, pool) for table in (_STARTED, _FINISHED)])
        evaluations = _joined(jobs, ended)
        is_planned = created.payload.get("evaluation") is not None
        is_skipped = np.full(len(evaluations), not is_planned) & (evaluations.split == _SEARCH)
        is_over = np.isin(jobs["job"], ended["job"])
        is_skipped_job = np.full(len(jobs["job"]), not is_planned) & (_splits(jobs) == _SEARCH) & is_over
        is_other = np.full(last, True)
        for seqs in (evaluations.seq[is_skipped], jobs["seq"][is_skipped_job]):
            is_other[seqs - 1] = False
        others = np.flatnonzero(is_other) + 1
        events = journal.chosen(_CHOSEN, (json.dumps(others.tolist()),))
    state = _Skimmed(events[0], evaluations)
    for event in events[1:]:
        state.apply(event)
    _settle(state, events, jobs, evaluations, evaluations.only(is_skipped))
    return History(state, evaluations, _running(state, events, jobs, evaluations), events)


class _Skimmed(RunState):
    """A state that has not seen the search evaluations that have ended."""

    def __init__(self, created: Event, evaluations: Evaluations) -> None:
        super().__init__(created)
        is_search = evaluations.split == _SEARCH
        self._failed = evaluations.only(is_search & (evaluations.outcome == FAILED))
        self._unseen = 0 if self.planned else int((is_search & (evaluations.outcome != UNMEASURED)).sum())

    @property
    def evaluations_used(self) -> int:
        return super().evaluations_used + self._unseen

    def expected(self, evidence: Iterable[str]) -> tuple[str, ...]:
        places = np.flatnonzero(np.isin(self._failed.job, [int(job[1:]) for job in evidence]))
        return tuple(dict.fromkeys(self._failed.tasks[task] for task in self._failed.task[places].tolist()))


def _joined(jobs: _Columns, ended: _Columns) -> Evaluations:
    found = {name: column[_is_first(ended["job"])] for name, column in ended.items()}
    place_of = np.zeros(jobs["job"].max(initial=-1) + 1, np.int64)
    place_of[jobs["job"]] = np.arange(len(jobs["job"]))
    place = place_of[found["job"]]
    causes, names = _coded(found["cause"])
    tasks, task_names = _coded(jobs["task"])
    outcomes, outcome_names = _coded(found["outcome"])
    meaning = np.array([OUTCOMES.index(Outcome(name)) for name in outcome_names], np.int64)
    return Evaluations(
        seq=found["seq"],
        job=found["job"],
        node=jobs["node"][place],
        task=tasks[place],
        split=_splits(jobs)[place],
        repeat=jobs["repeat"][place],
        outcome=meaning[outcomes] if len(meaning) else outcomes,
        cause=causes,
        tokens=found["tokens"],
        usd=np.where(found["unpriced"] > 0, np.nan, found["usd"]),
        seconds=found["seconds"],
        at=found["at"],
        tasks=task_names,
        causes=names,
    )


def _is_first(jobs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each job the first report: it stands."""
    order = np.arange(len(jobs))
    first = np.zeros(jobs.max(initial=-1) + 1, np.int64)
    first[jobs[::-1]] = order[::-1]
    is_first: NDArray[np.bool_] = first[jobs] == order
    return is_first


def _splits(jobs: _Columns) -> NDArray[np.int64]:
    codes, names = _coded(jobs["split"])
    meaning = np.array([SPLITS.index(Split(name)) for name in names], np.int64)
    return meaning[codes] if len(meaning) else codes


def _coded(texts: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Each text's number, and the texts by their numbers."""
    codes: defaultdict[str, int] = defaultdict()
    codes.default_factory = codes.__len__
    found = np.fromiter(map(codes.__getitem__, texts), np.int64, len(texts))
    return found, tuple(codes)


def _summed(counts: NDArray[np.int32], parents: NDArray[np.int32]) -> NDArray[np.int32]:
    """Per node, over its clade; a parent comes before its children."""
    found: list[int] = counts.tolist()
    for node, parent in zip(range(len(found) - 1, -1, -1), parents[::-1].tolist(), strict=True):
        if parent != NO_PARENT:
            found[parent] += found[node]
    return np.array(found, np.int32)


def _settle(state: RunState, events: Sequence[Event], jobs: _Columns, ended: Evaluations, skipped: Evaluations) -> None:
    """Count what the state has not seen among what it has used."""
    used = Usage(
        input_tokens=int(skipped.tokens.sum()),
        usd=float(np.nansum(skipped.usd)),
        unpriced_calls=int(np.isnan(skipped.usd).sum()),
    )
    state.used.add(used)
    state.used_by_evaluations.add(used)
    state.evaluation_s += float(skipped.seconds.sum())
    state.longest_s = max(state.longest_s, float(skipped.seconds.max(initial=0.0)))
    last = max(events[-1].seq, jobs["seq"].max(initial=0), ended.seq.max(initial=0))
    when = np.full(last + 1, np.nan)
    for seqs_, at_ in ((jobs["seq"], jobs["at"]), (ended.seq, ended.at)):
        when[seqs_] = at_
    when[[event.seq for event in events]] = [event.at for event in events]
    seqs = np.flatnonzero(~np.isnan(when))
    at = when[seqs]
    opened = {event.seq: float(event.payload["cut_off_s"]) for event in events if event.kind == "opened"}
    is_gone = ~np.isin(seqs[1:], list(opened))
    state.elapsed_s = float(np.maximum(0.0, np.diff(at))[is_gone].sum()) + sum(opened.values())
    state.last_at = float(at[-1])


def _running(state: RunState, events: Sequence[Event], jobs: _Columns, ended: Evaluations) -> dict[str, Running]:
    """Those evaluations that have not ended, and what else the state knows to run."""
    left = np.flatnonzero(~np.isin(jobs["job"], ended.job))
    found = {}
    for place in left.tolist():
        name = f"e{jobs['job'][place]:05d}"
        split, task = Split(jobs["split"][place]), str(jobs["task"][place])
        node, since = int(jobs["node"][place]), float(jobs["at"][place])
        found[name] = Running(job=name, node=node, split=split, task=task, since=since)
    since_when = {event.payload["id"]: event.at for event in events if event.kind == "started"}
    for job in state.running.values():
        if isinstance(job, ExpandJob):
            found[job.id] = Running(job=job.id, node=job.node, split=None, task=None, since=since_when[job.id])
    return found
