"""A table of agents: a run that leaves nothing of a tree out down to a depth, and the data file that comes of it.

The run is one like a search's, so it is made, resumed, limited and looked at by the same code. It begins where another
began, with the same seed agent, tasks, backbones and sandboxes, and touches nothing of that.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from evaluators.base import Split
from hgm import effort
from hgm.budget import MOST_EVALUATIONS, Budget, plain
from hgm.errors import ConfigError, RunError
from hgm.fork import begin_as, beginning
from hgm.gateway.records import Usage
from hgm.run import read, read_events, require_search
from hgm.state import Evaluation, RunState
from hgm.text import printable
from hgm.versions import commit
from trees.policies import policy_of_run
from trees.policies.saturate import Saturate
from trees.records import ROOT, Expansion, Outcome
from trees.simulation.table import (
    LETTERS,
    MOST_AGENTS,
    MOST_BYTES,
    MOST_REPEATS,
    MOST_RESULTS,
    MOST_TASKS,
    SCHEMA,
    VERSION,
)

LICENCE = "Apache-2.0"
_LETTERS = {outcome: letter for letter, outcome in LETTERS.items()}
_WORD = 60
"""Characters of what is told of a rejection."""
_SECONDS = 8
"""Bytes of a file that the duration on a task takes, e.g. 1234.56 and a comma."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How much of a tree is made."""

    children: int
    """Of each agent."""
    depth: int
    """Edits from the seed agent, at most."""
    agents: int | None = None
    """At most; None: as many as children and depth allow."""
    repeats: int
    """Of every agent on every search task."""
    seed: int | None = None
    """None: that of the run which it begins as."""

    def __post_init__(self) -> None:
        for name, least, most in (("children", 1, 100), ("depth", 1, 100), ("repeats", 1, MOST_REPEATS)):
            _require(f"--{name}", getattr(self, name), least, most)
        if self.seed is not None:
            _require("--seed", self.seed, 0, 2**63 - 1)
        if self.agents is not None:
            _require("--agents", self.agents, 2, MOST_AGENTS)

    @property
    def most_agents(self) -> int:
        """How many there can be."""
        whole = 1
        for _ in range(self.depth):
            whole = min(MOST_AGENTS, whole * self.children + 1)  # Horner's rule
        return min(whole, self.agents or MOST_AGENTS)


def begin(origin: Path, target: Path, wanted: Wanted, *, budget: Budget | None = None) -> None:
    """Make the run of a table, which begins as `origin` began; `hgm.controller.go_on` does the rest.

    Raises:
        RunError: `origin` is no search, or `target` exists.
        ConfigError: the tree is too large for a table's file, or costs money and no budget is given.
    """
    require_search(origin)
    events = read_events(origin)
    whole, root = RunState.replay(events), RunState.replay(events[:1])
    _check_size(wanted, len(root.search_tasks))
    if budget is None:
        _require_free(whole)
        budget = _enough(wanted, root)
    policy = {"children": wanted.children, "depth": wanted.depth, "agents": wanted.most_agents}
    policy_of_run(Saturate.name, **policy)
    config = {
        **whole.config.model_dump(mode="json"),
        "policy": {"name": Saturate.name, "options": policy},
        "budget": plain(budget),
        "seed": whole.config.seed if wanted.seed is None else wanted.seed,
    }
    config = {**config, "confirmation": {**config["confirmation"], "accept_above_noise": False}}
    created = {
        **beginning(origin.name, whole, config),
        "select_tasks": [],
        "sealed_tasks": [],
        "saturation": {**asdict(wanted), "origin": origin.name, "commit": commit()},
    }
    begin_as(origin, target, {name: kept for name, kept in created.items() if name != "noise"})


def check_same(path: Path, origin: Path, wanted: Wanted, *, budget: Budget | None = None) -> None:
    """Whether the run that is there is the one of this table.

    Raises:
        RunError: it is another one.
    """
    state = read(path)
    told = state.created.get("saturation")
    if told is None:
        raise RunError(f"{path} is no run of a table: choose another --run")
    asked = {**asdict(wanted), "origin": origin.name}
    for name, value in asked.items():
        if told.get(name) != value:
            raise RunError(
                f"{path} was begun with {name} {told.get(name)}, not {value}: say the same to go on with it, or choose "
                "another --run"
            )
    if budget not in (None, state.config.budget):
        raise RunError(f"{path} has a budget of {state.budget}: raise it with `hgm resume {path.name} --budget +…`")


def document(state: RunState, name: str) -> dict[str, Any]:
    """The table of this name that a run has come to, for `trees.simulation.table`; without agents that have no result.

    Raises:
        RunError: not even the seed agent was measured.
    """
    results = _results(state)
    number: dict[int, int] = {}
    for node in state.nodes:
        if results[node.id] and (node.parent is None or node.parent in number):
            number[node.id] = len(number)
    if ROOT not in number:
        raise RunError("not even the seed agent was measured: there is nothing to write")
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "name": name,
        "licence": LICENCE,
        "made": _made(state),
        "tasks": list(state.search_tasks),
        "repeats": state.repeats,
        "expansion_cost": _expansion_cost(state),
        "agents": [_agent(state, node, number, results[node]) for node in number],
    }


def text_of(table: Mapping[str, Any]) -> str:
    """The document as text: a line for each agent."""
    head = [f" {json.dumps(name)}: {_dumped(value)}" for name, value in table.items() if name != "agents"]
    agents = ",\n".join(f"  {_dumped(agent)}" for agent in table["agents"])
    return "{\n" + ",\n".join([*head, f' "agents": [\n{agents}\n ]']) + "\n}\n"


def _dumped(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _results(state: RunState) -> list[list[Evaluation]]:
    """Per node, its measured evaluations on search tasks."""
    found: list[list[Evaluation]] = [[] for _ in state.nodes]
    for item in state.evaluations:
        if item.split is Split.SEARCH and item.outcome is not Outcome.UNMEASURED:
            found[item.node].append(item)
    return found


def _agent(state: RunState, node: int, number: Mapping[int, int], results: Sequence[Evaluation]) -> dict[str, Any]:
    letters = {(item.repeat, item.task): _LETTERS[item.outcome] for item in results}
    unknown = _LETTERS[Outcome.UNMEASURED]
    parent = state.nodes[node].parent
    return {
        "parent": None if parent is None else number[parent],
        "expansions": list(_expansions(state, node, number)),
        "results": [
            "".join(letters.get((repeat, task), unknown) for task in state.search_tasks)
            for repeat in range(state.repeats)
        ],
        "seconds": [_mean_seconds(results, task) for task in state.search_tasks],
        **_spent([item.usage for item in results]),
    }


def _expansions(state: RunState, node: int, number: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    """In the order in which they ended; what could not be measured says nothing and is left out."""
    children = {child.job: child.id for child in state.nodes if child.parent == node}
    reasons = {item.job: item.reason for item in state.failed_expansions if item.node == node}
    for item in state.expansions:
        took = {"seconds": round(item.wall_s, 2), **_spent([item.usage])}
        if item.job in children:
            if (child := number.get(children[item.job])) is not None:
                yield {"child": child, **took}
        elif item.job in reasons and item.kind is Expansion.REJECTED:
            yield {"child": None, "reason": _word(reasons[item.job]), **took}


def _word(reason: str) -> str:
    """The host's own word for why; what an agent may have written comes after it."""
    return printable(reason.partition(":")[0], _WORD).strip() or "rejected"


def _mean_seconds(results: Sequence[Evaluation], task: str) -> float | None:
    found = [item.wall_s for item in results if item.task == task]
    return round(mean(found), 2) if found else None


def _spent(usages: Sequence[Usage]) -> dict[str, float]:
    """Tokens, and dollars where all of them are known."""
    tokens: dict[str, float] = {"tokens": sum(usage.tokens.total for usage in usages)}
    if any(usage.unpriced_calls for usage in usages):
        return tokens
    return {**tokens, "usd": round(sum(usage.usd for usage in usages), 6)}


def _expansion_cost(state: RunState) -> float:
    """What an expansion took, in evaluations: by money where both cost some, else by time."""
    expansions = [item for item in state.expansions if item.kind is not Expansion.UNMEASURED]
    evaluations = [item for item in state.evaluations if item.outcome is not Outcome.UNMEASURED]
    if not expansions:
        return 1.0
    usd = [mean(item.usage.usd for item in items) for items in (expansions, evaluations)]
    seconds = [mean(item.wall_s for item in items) for items in (expansions, evaluations)]
    one, other = usd if all(usd) and not state.usage.unpriced_calls else seconds
    return round(min(1_000.0, one / max(other, 1e-3)), 1)


def _made(state: RunState) -> dict[str, str | int | None]:
    """What the table was made from and with, for people."""
    config, told = state.config, state.created["saturation"]
    return {
        "date": datetime.fromtimestamp(state.last_at, UTC).date().isoformat(),
        "hgm": state.created["versions"]["hgm"],
        "commit": told["commit"],
        "python": state.created["versions"]["python"],
        "benchmark": state.created["benchmark"]["name"],
        "benchmark fingerprint": state.created["benchmark"]["fingerprint"],
        "sandbox": state.created["sandbox"],
        "seed agent": Path(config.agent).name,
        "seed agent's git tree": state.nodes[ROOT].tree,
        "editor": config.editor_name,
        "editor backbone": config.backbones.editor,
        "solver backbone": config.backbones.solver,
        "diagnosis backbone": config.backbones.diagnosis,
        **{name: told[name] for name in ("children", "depth", "agents", "repeats")},
        "seed": config.seed,
        "budget": str(state.budget),
        "workers": config.workers,
    }


def _require_free(state: RunState) -> None:
    paid = [backbone for backbone, price in state.prices.items() if price is None or not price.is_free]
    if paid:
        raise ConfigError(f"{paid[0]} may cost money, and a table takes many calls: say how much, e.g. --budget 25usd")


def _enough(wanted: Wanted, state: RunState) -> Budget:
    """Evaluations for the whole tree, each once; repeats come on top.

    Raises:
        ConfigError: no budget holds as many.
    """
    config = state.config
    charge = config.expansion.charge_evaluations if effort.rule(config) == "charge" else 0
    each = len(state.search_tasks) + charge
    if wanted.most_agents * each > MOST_EVALUATIONS:
        raise ConfigError(
            f"{wanted.most_agents:,} agents x {each:,} evaluations are more than a budget holds: at most --agents "
            f"{MOST_EVALUATIONS // each}, or another --budget, e.g. 10Mtok or 2h"
        )
    return Budget(evaluations=wanted.most_agents * each)


def _check_size(wanted: Wanted, tasks: int) -> None:
    """Refuse what a table's file does not hold, before anything is spent on it."""
    if tasks > MOST_TASKS:
        raise ConfigError(
            f"a table has at most {MOST_TASKS:,} tasks, not {tasks:,}: begin with a search of fewer (--sample)"
        )
    results = tasks * wanted.repeats
    fitting = min(MOST_RESULTS // results, MOST_BYTES // (results + _SECONDS * tasks))
    if wanted.most_agents > fitting:
        raise ConfigError(
            f"{wanted.most_agents:,} agents x {tasks:,} tasks x {wanted.repeats} repeats are more than a table's file "
            f"holds: at most --agents {fitting}, or lower --repeats"
        )


def _require(flag: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{flag} {value}: a whole number from {least} to {most:,} is wanted")
