"""A run as the document of `trees.export.json`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.base import Split
from hgm import meter
from hgm.doing import Waiting, progress
from hgm.gateway.records import Usage
from hgm.history import FAILED, PASSED, SPLITS, UNMEASURED, Evaluations, History, Running, history
from hgm.run import Folder, is_locked, require_search
from hgm.state import FailedExpansion
from hgm.summary import comparison, rejections, score, sealed_openings, spend, stage
from trees.archive import Archive
from trees.export.json import (
    Cost,
    ExpansionFacts,
    NodeFacts,
    Refusal,
    RunFacts,
    RunningFacts,
    SpentFacts,
    WaitingFacts,
    export,
)
from trees.records import ROOT, Expansion

_TOLD_SPLITS = (Split.SEARCH, Split.SELECT)
TOLD = tuple(SPLITS.index(split) for split in _TOLD_SPLITS)
"""Splits whose evaluations are in a document, by their codes there."""
_KINDS = {True: "expand", False: "evaluate"}
_RECENT_S = 600.0
"""The rate at which a run uses its budget is that of so much time, at most,"""
_LEAST_S = 30.0
"""and at least: before, nobody knows it."""
_HOUR_S = 3600.0


def tree_document(path: Path) -> dict[str, Any]:
    """Everything that a run knows about its tree, as plain JSON values.

    Raises:
        RunError: there is no run, or it is no search.
    """
    require_search(path)
    return document_of(history(path), path)


def document_of(told: History, path: Path) -> dict[str, Any]:
    """The document of a history of the search at `path`; where nobody works on it, nothing is under way."""
    state = told.state
    shown = told.evaluations.only(np.isin(told.evaluations.split, TOLD))
    expansions = list(_expansions(told))
    tasks = _tasks(told, shown)
    is_live, now = is_locked(Folder(path)), time()
    running = told.running if is_live else {}
    facts = RunFacts(
        run=path.name,
        benchmark=state.created["benchmark"]["name"],
        backbone=state.config.backbones.solver,
        policy=state.config.policy.name,
        seed=state.config.seed,
        minimum_evaluations=state.config.minimum_evaluations,
        budget={unit: getattr(state.budget, unit) for unit in state.budget.units},
        best=told.best,
        results=_results(told),
        tasks=[told.evaluations.tasks[task] for task in tasks],
        measurements=_measurements(shown, tasks, began=told.began),
        expansions=expansions,
        is_live=is_live,
        workers=state.config.workers,
        running=list(_running(told, running, path, tasks, now)),
        spent=dict(_burnt(told, now if is_live else None)),
    )
    rejected = Archive.open(Folder(path).archive).rejected()
    view = told.view if is_live else replace(told.view, pending_evaluations=np.zeros(len(told.view), np.int32))
    return export(view, _nodes(told, running, shown, expansions, rejected), facts)


def _tasks(told: History, shown: Evaluations) -> list[int]:
    """Those that a document names: sealed ones are not among them."""
    running = [told.task(job.task) for job in told.running.values() if job.task and job.split in _TOLD_SPLITS]
    return sorted({*np.flatnonzero(np.bincount(shown.task)).tolist(), *running})


def _measurements(shown: Evaluations, tasks: Sequence[int], *, began: float) -> dict[str, Sequence[Any]]:
    prices: list[float | None] = np.round(shown.usd, 6).tolist()
    return {
        "job": shown.job.tolist(),
        "node": shown.node.tolist(),
        "task": np.searchsorted(tasks, shown.task).tolist(),
        "split": np.where(shown.split == TOLD[0], 0, 1).tolist(),
        "repeat": shown.repeat.tolist(),
        "outcome": shown.outcome.tolist(),
        "cause": shown.cause.tolist(),
        "tokens": shown.tokens.tolist(),
        "usd": [None if price != price else price for price in prices] if np.isnan(shown.usd).any() else prices,
        "seconds": np.round(shown.seconds, 3).tolist(),
        "at": np.round(np.maximum(0.0, shown.at - began), 3).tolist(),
        "causes": shown.causes,
    }


def _expansions(told: History) -> Iterator[ExpansionFacts]:
    children = {node.job: node.id for node in told.state.nodes}
    parents = {node.job: node.parent or ROOT for node in told.state.nodes}
    failed = {item.job: item for item in told.state.failed_expansions}
    for item in told.state.expansions:
        without = failed.get(item.job)
        yield ExpansionFacts(
            job=item.job,
            node=parents[item.job] if without is None else without.node,
            kind=item.kind.value,
            child=children.get(item.job),
            reason="" if without is None else without.reason,
            cost=_cost(item.usage, item.wall_s),
            at=max(0.0, told.ended[item.job] - told.began),
        )


def _cost(usage: Usage, seconds: float) -> Cost:
    return Cost(usd=None if usage.unpriced_calls else usage.usd, tokens=usage.tokens.total, seconds=seconds)


def _running(
    told: History, running: Mapping[str, Running], path: Path, tasks: Sequence[int], now: float
) -> Iterator[RunningFacts]:
    for job in running.values():
        is_told = job.task is not None and job.split in _TOLD_SPLITS
        seen = progress(path, job.job)
        yield RunningFacts(
            job=job.job,
            kind=_KINDS[job.task is None],
            node=job.node,
            task=tasks.index(told.task(job.task or "")) if is_told else None,
            seconds=max(0.0, now - job.since),
            doing=seen.doing,
            waiting=_waited(seen.waiting, now),
            calls=seen.calls,
            tokens=seen.tokens,
        )


def _waited(waiting: Waiting | None, now: float) -> WaitingFacts | None:
    return None if waiting is None else WaitingFacts(why=waiting.why, seconds=max(0.0, now - waiting.since))


def _burnt(told: History, now: float | None) -> Iterator[tuple[str, SpentFacts]]:
    """Unit -> what is used of it; `now` is the time, and None for a run that nobody works on."""
    hourly = {} if now is None else rates(told, now)
    for item in meter.spent(told.state):
        yield (
            item.unit,
            SpentFacts(
                limit=item.limit,
                used=None if item.unit == "usd" and told.state.is_unpriced else item.used,
                reserved=_reserved(told, item, now),
                per_hour=hourly.get(item.unit),
            ),
        )


def _reserved(told: History, item: meter.Spent, now: float | None) -> float:
    """By what is under way; of time, since the last event."""
    if now is None:
        return 0.0
    return max(0.0, now - told.state.last_at) if item.unit == "seconds" else item.reserved


def rates(told: History, now: float) -> dict[str, float]:
    """Unit -> how much of it an hour takes, by what has ended of late; time alone where nothing has."""
    since = max(told.opened, now - _RECENT_S)
    found = told.evaluations.only(told.evaluations.at > since)
    made = [item for item in told.state.expansions if told.ended[item.job] > since]
    by_clock = {"seconds": _HOUR_S}
    if now - since < _LEAST_S or not (len(found) or made):
        return by_clock
    is_counted = (found.outcome != UNMEASURED) & ((found.split == TOLD[0]) | (told.state.planned is not None))
    used = {
        "evaluations": float(is_counted.sum()),
        "usd": float(np.nansum(found.usd)) + sum(item.usage.usd for item in made),
        "tokens": float(found.tokens.sum()) + sum(item.usage.tokens.total for item in made),
    }
    return by_clock | {unit: amount * _HOUR_S / (now - since) for unit, amount in used.items()}


def _nodes(
    told: History,
    running: Mapping[str, Running],
    shown: Evaluations,
    expansions: Sequence[ExpansionFacts],
    rejected: Mapping[str, str],
) -> list[NodeFacts]:
    size = len(told.state.nodes)
    unmeasured = _counted(told.evaluations, told.evaluations.outcome == UNMEASURED, size)
    expanding = Counter(job.node for job in running.values() if job.task is None)
    made = {item.job: item.cost for item in expansions}
    costs = list(_evaluation_costs(shown, size))
    refused: dict[int, list[Refusal]] = {}
    for item in told.state.failed_expansions:
        if item.kind is Expansion.REJECTED:
            refused.setdefault(item.node, []).append(_refusal(item, rejected))
    return [
        NodeFacts(
            commit=node.commit,
            tree=node.tree,
            unmeasured=unmeasured[node.id],
            pending_expansions=expanding[node.id],
            rejected=tuple(refused.get(node.id, ())),
            job=node.job,
            brief=node.brief,
            mode=None if node.mode is None else node.mode.value,
            notes=node.notes,
            cost=_sum(costs[node.id], made.get(node.job or "", Cost())),
            expectation=_expectation(told, node.id),
        )
        for node in told.state.nodes
    ]


def _evaluation_costs(shown: Evaluations, size: int) -> Iterator[Cost]:
    usd, tokens, seconds = (
        np.bincount(shown.node, weights=column, minlength=size).tolist()
        for column in (shown.usd, shown.tokens, shown.seconds)
    )
    for node in range(size):
        price = usd[node]
        yield Cost(usd=None if price != price else price, tokens=int(tokens[node]), seconds=seconds[node])


def _sum(one: Cost, other: Cost) -> Cost:
    usd = None if one.usd is None or other.usd is None else one.usd + other.usd
    return Cost(usd=usd, tokens=one.tokens + other.tokens, seconds=one.seconds + other.seconds)


def _counted(found: Evaluations, chosen: NDArray[np.bool_], size: int) -> list[int]:
    counts: list[int] = np.bincount(found.node[chosen], minlength=size).tolist()
    return counts


def _expectation(told: History, number: int) -> dict[str, Any] | None:
    """As `hgm.summary.expectation`."""
    node = told.state.nodes[number]
    if node.parent is None or not node.expects:
        return None
    tasks = [place for task in node.expects if (place := told.task(task)) >= 0]
    child, parent = (told.results[place, tasks] for place in (number, node.parent))
    return {"tasks": len(node.expects), "child": _score(child), "parent": _score(parent)}


def _score(outcomes: NDArray[np.int8]) -> dict[str, int]:
    passed, failed = int((outcomes == PASSED).sum()), int((outcomes == FAILED).sum())
    return {"passed": passed, "measured": passed + failed}


def _refusal(item: FailedExpansion, rejected: Mapping[str, str]) -> Refusal:
    return Refusal(job=item.job, reason=item.reason, commit=rejected.get(item.job))


def _results(told: History) -> dict[str, Any]:
    state = told.state
    found = comparison(state)
    return {
        "stage": stage(state),
        "editor": state.config.editor_name,
        "winner": state.winner,
        "seed_agent": _scores(told, ROOT),
        "best": _scores(told, told.best),
        "sealed": found.plain() if found else None,
        "sealed_openings": sealed_openings(state),
        "rejections": dict(rejections(state)),
        "spent": _spent(told),
    }


def _scores(told: History, node: int) -> dict[str, dict[str, int]]:
    others = {split.value: asdict(score(told.state, node, split)) for split in (Split.SELECT, Split.SEALED)}
    return {Split.SEARCH.value: _score(told.results[node]), **others}


def _spent(told: History) -> dict[str, Any]:
    found = told.evaluations
    is_search, is_measured = found.split == TOLD[0], found.outcome != UNMEASURED
    failed = sum(item.kind is Expansion.UNMEASURED for item in told.state.failed_expansions)
    return asdict(
        replace(
            spend(told.state),
            search=int((is_search & is_measured).sum()),
            unmeasured=int((~is_measured).sum()) + failed,
            seconds=float(found.seconds.sum()),
        )
    )
