"""A run as the document of `trees.export.json`."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaluators.base import Split
from hgm.agents_by_name import best_node
from hgm.jobs import ExpandJob
from hgm.run import Folder, read
from hgm.state import FailedExpansion, RunState
from hgm.summary import comparison, expectation, rejections, score, sealed_openings, spend, stage
from trees.archive import Archive
from trees.export.json import NodeFacts, Refusal, RunFacts, export
from trees.records import ROOT, Expansion, Outcome


def tree_document(path: Path) -> dict[str, Any]:
    """Everything that a run knows about its tree, as plain JSON values.

    Raises:
        RunError: there is no run.
    """
    state = read(path)
    facts = RunFacts(
        run=path.name,
        benchmark=state.created["benchmark"]["name"],
        backbone=state.config.backbones.solver,
        policy=state.config.policy.name,
        seed=state.config.seed,
        budget={unit: getattr(state.budget, unit) for unit in state.budget.units},
        best=best_node(state),
        results=_results(state),
    )
    return export(state.tree.view(), _nodes(state, Archive.open(Folder(path).archive).rejected()), facts)


def _nodes(state: RunState, rejected: dict[str, str]) -> list[NodeFacts]:
    unmeasured = Counter(item.node for item in state.evaluations if item.outcome is Outcome.UNMEASURED)
    running = Counter(job.node for job in state.running.values() if isinstance(job, ExpandJob))
    refused: dict[int, list[Refusal]] = {}
    for item in state.failed_expansions:
        if item.kind is Expansion.REJECTED:
            refused.setdefault(item.node, []).append(_refusal(item, rejected))
    return [
        NodeFacts(
            commit=node.commit,
            tree=node.tree,
            unmeasured=unmeasured[node.id],
            pending_expansions=running[node.id],
            rejected=tuple(refused.get(node.id, ())),
            job=node.job,
            brief=node.brief,
            mode=node.mode,
            notes=node.notes,
            expectation=asdict(expected) if (expected := expectation(state, node.id)) else None,
        )
        for node in state.nodes
    ]


def _refusal(item: FailedExpansion, rejected: dict[str, str]) -> Refusal:
    return Refusal(job=item.job, reason=item.reason, commit=rejected.get(item.job))


def _results(state: RunState) -> dict[str, Any]:
    found = comparison(state)
    used = spend(state)
    best = best_node(state)
    return {
        "stage": stage(state),
        "placebo": state.config.placebo,
        "winner": state.winner,
        "seed_agent": _scores(state, ROOT),
        "best": _scores(state, best),
        "sealed": {**asdict(found), "gain": found.gain._asdict()} if found else None,
        "sealed_openings": sealed_openings(state),
        "rejections": dict(rejections(state)),
        "spent": asdict(used),
    }


def _scores(state: RunState, node: int) -> dict[str, dict[str, int]]:
    return {split.value: asdict(score(state, node, split)) for split in (Split.SEARCH, Split.SELECT, Split.SEALED)}
