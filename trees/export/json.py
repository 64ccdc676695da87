"""A run's tree as one JSON document, for other programs: `hgm tree export --format json`.

The document follows `schema.json` beside this module. `version` grows when a reader of the old one could be misled; new
keys may come without that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from json import dumps
from math import isnan
from typing import Any

from trees.records import NO_PARENT, TreeView
from trees.statistics import cmp_estimate, lower_bound, wilson

SCHEMA = "hgm.tree"
VERSION = 2
_SURROGATE = "\\ud"
"""How half a pair begins in JSON, and every whole one."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something took."""

    usd: float | None = 0.0
    """None: nobody knows the price of all of it."""
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An expansion that ended without a child because a gate refused it."""

    job: str
    reason: str
    commit: str | None = None
    """What it ended as, under refs/rejected; None where nothing was kept."""


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """What a tree view does not know about one node."""

    commit: str
    tree: str
    unmeasured: int = 0
    """Evaluations that ended as unmeasured, retries included."""
    pending_expansions: int = 0
    rejected: tuple[Refusal, ...] = ()
    job: str | None = None
    """The expansion that made it; None for the root."""
    brief: str = ""
    mode: str | None = None
    """What that expansion was shown."""
    notes: tuple[str, ...] = ()
    cost: Cost = Cost()
    """Of the expansion that made it, and of all its evaluations of search and select tasks."""
    expectation: Mapping[str, Any] | None = None
    """Whether it improved what it was to improve; JSON values."""


@dataclass(frozen=True, kw_only=True)
class ExpansionFacts:
    """An expansion that has ended."""

    job: str
    node: int
    kind: str
    """child, rejected or unmeasured."""
    child: int | None
    reason: str
    cost: Cost
    at: float
    """Seconds since the run began."""


@dataclass(frozen=True, kw_only=True)
class WaitingFacts:
    """What holds a job up."""

    why: str
    seconds: float
    """So far."""


@dataclass(frozen=True, kw_only=True)
class SpentFacts:
    """One unit of the budget."""

    limit: float
    used: float | None
    """By all that has ended; None: nobody knows the price of all of it."""
    reserved: float
    """What jobs that have not ended may use; time: what has gone by since the journal's last event."""
    per_hour: float | None
    """As of late; None where nobody works on the run, and where nothing has ended of late."""


@dataclass(frozen=True, kw_only=True)
class RunningFacts:
    """A job that has not ended."""

    job: str
    kind: str
    """evaluate or expand."""
    node: int
    task: int | None
    """Position among the tasks; None for an expansion, and for a task that is not told."""
    seconds: float
    """Since it was started."""
    doing: str
    waiting: WaitingFacts | None = None
    """None: it does not wait for its model's provider."""
    calls: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a tree view does not know about the run."""

    run: str
    benchmark: str
    backbone: str
    policy: str
    seed: int
    minimum_evaluations: int
    """Below so many, an agent is not handed over while another has as many."""
    budget: Mapping[str, float]
    """Unit -> limit, e.g. {"evaluations": 40}."""
    best: int
    """The node that the run hands over."""
    results: Mapping[str, Any]
    """What was measured about the winner and the seed agent, by name; JSON values."""
    tasks: Sequence[str] = ()
    """Names of the search and select tasks that were tried."""
    measurements: Mapping[str, Sequence[Any]]
    """Column by column, one entry for each evaluation that has ended; see the schema."""
    expansions: Sequence[ExpansionFacts] = ()
    is_live: bool = False
    """Whether somebody works on the run."""
    workers: int = 1
    running: Sequence[RunningFacts] = ()
    spent: Mapping[str, SpentFacts] = field(default_factory=dict)
    """By the units of `budget`."""


def export(view: TreeView, nodes: Sequence[NodeFacts], facts: RunFacts, *, quantile: float = 0.01) -> dict[str, Any]:
    """The document, made of plain JSON values; node i of the view is described by `nodes[i]`.

    `best_belief` is the `quantile` of Beta(1 + successes, 1 + failures); `cmp` the share of successes among all
    evaluations of the clade (HGM, arXiv 2510.21614, section 3.3), null where there is none.
    """
    if len(nodes) != len(view):
        raise ValueError(f"{len(nodes)} descriptions for a tree of {len(view)} nodes")
    beliefs = lower_bound(view, quantile=quantile)
    clades = cmp_estimate(view)
    children = _children(view)
    depths = _depths(view)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "run": facts.run,
        "benchmark": facts.benchmark,
        "backbone": facts.backbone,
        "policy": facts.policy,
        "seed": facts.seed,
        "minimum_evaluations": facts.minimum_evaluations,
        "budget": dict(facts.budget),
        "evaluations": int(view.successes.sum() + view.failures.sum()),
        "best": facts.best,
        "nodes": [
            {
                **_counts(view, node),
                "cmp": None if isnan(clades[node]) else float(clades[node]),
                "commit": known.commit,
                "tree": known.tree,
                "job": known.job,
                "brief": known.brief,
                "mode": known.mode,
                "notes": list(known.notes),
                "expectation": None if known.expectation is None else dict(known.expectation),
                "unmeasured": known.unmeasured,
                "interval": list(wilson(int(view.successes[node]), int(view.successes[node] + view.failures[node]))),
                "best_belief": float(beliefs[node]),
                "depth": depths[node],
                "children": children[node],
                "rejected": [dict(vars(refusal)) for refusal in known.rejected],
                "pending": {
                    "evaluations": int(view.pending_evaluations[node]),
                    "expansions": known.pending_expansions,
                },
                "cost": dict(vars(known.cost)),
            }
            for node, known in enumerate(nodes)
        ],
        "tasks": list(facts.tasks),
        "measurements": {name: list(column) for name, column in facts.measurements.items()},
        "expansions": [asdict(expansion) for expansion in facts.expansions],
        "live": facts.is_live,
        "workers": facts.workers,
        "running": [asdict(running) for running in facts.running],
        "spent": {unit: asdict(spent) for unit, spent in facts.spent.items()},
        "results": dict(facts.results),
    }


def text_of(document: Mapping[str, Any]) -> str:
    """The document as ASCII text: nothing in it can reach a terminal as a control character.

    Half a surrogate pair, which many programs take for no JSON, is written as an escape inside its text.
    Each agent, and each column of measurements, takes a line.

    Raises:
        ValueError: it holds a NaN or an infinity.
    """
    return "{\n" + ",\n".join(f"  {_text(name)}: {_lines(value)}" for name, value in document.items()) + "\n}\n"


def _lines(value: Any) -> str:
    """What a list or an object holds, a line each."""
    if value and isinstance(value, Mapping):
        return "{\n" + ",\n".join(f"    {_text(name)}: {_text(inner)}" for name, inner in value.items()) + "\n  }"
    if value and isinstance(value, Sequence) and not isinstance(value, str):
        return "[\n" + ",\n".join(f"    {_text(item)}" for item in value) + "\n  ]"
    return _text(value)


def _text(value: Any) -> str:
    text = dumps(value, allow_nan=False)
    return dumps(_whole(value)) if _SURROGATE in text else text


def _whole(value: Any) -> Any:
    """The same value, with lone surrogates in its texts as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value


def _counts(view: TreeView, node: int) -> dict[str, Any]:
    parent = int(view.parent[node])
    successes, failures = int(view.successes[node]), int(view.failures[node])
    return {
        "id": node,
        "parent": None if parent == NO_PARENT else parent,
        "status": "evaluated" if successes + failures else "unevaluated",
        "successes": successes,
        "failures": failures,
        "clade_successes": int(view.clade_successes[node]),
        "clade_failures": int(view.clade_failures[node]),
    }


def _children(view: TreeView) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in range(len(view))]
    for node, parent in enumerate(view.parent.tolist()):
        if parent != NO_PARENT:
            children[parent].append(node)
    return children


def _depths(view: TreeView) -> list[int]:
    depths: list[int] = []
    for parent in view.parent.tolist():
        depths.append(0 if parent == NO_PARENT else depths[parent] + 1)
    return depths
