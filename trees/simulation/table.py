"""A recorded tree of real agents as a landscape: its file, which nobody trusts, and the worlds that replay it.

`docs/tables.md` describes the format. `hgm tree saturate` writes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgm.errors import ConfigError
from trees.records import NO_PARENT, ROOT, Outcome
from trees.simulation.files import content
from trees.simulation.playable import Birth

SCHEMA = "hgm-agent-table"
VERSION = 1
LETTERS: Mapping[str, Outcome] = {"p": Outcome.PASSED, "f": Outcome.FAILED, "-": Outcome.UNMEASURED}
"""How an outcome is written."""

MOST_BYTES = 64 * 2**20
MOST_AGENTS, MOST_TASKS, MOST_REPEATS, MOST_EXPANSIONS = 10_000, 10_000, 100, 1_000
"""The last one of each agent."""
MOST_RESULTS = 20_000_000
MOST_TEXT = 500
_MOST_NUMBER = 1e12
_FACTS = 100
_PASSED, _FAILED, _UNMEASURED = 1, 0, -1
_VALUES = bytes.maketrans(b"pf-", bytes((_PASSED, _FAILED, 255)))
_ORDER, _REPEATS, _HOLES = 0, 1, 2
"""What is drawn: first word of the key of every generator."""


class Attempt(NamedTuple):
    """A recorded expansion."""

    child: int | None
    """None: it was rejected."""
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A recorded agent."""

    parent: int
    """NO_PARENT of the root; else smaller than its own number."""
    expansions: tuple[Attempt, ...]
    """In the order in which they ended."""
    results: NDArray[np.int8]
    """(repeats, tasks): 1 passed, 0 failed, -1 unmeasured; one at least is measured."""
    seconds: NDArray[np.float64]
    """Per task, of an evaluation."""

    @cached_property
    def score(self) -> float:
        """The true score: the share of all measured results that are passed."""
        return float(self.results[self.results != _UNMEASURED].mean())


@dataclass(frozen=True, kw_only=True, eq=False)
class AgentTable:
    """Real agents with all their recorded children and results: where the worlds of a replay are from."""

    name: str
    tasks: int
    repeats: int
    expansion_cost: float
    """In evaluations."""
    made: Mapping[str, str | int | None]
    """What it was made from, with and when, for people."""
    digest: str
    """SHA-256 of its file."""
    agents: tuple[Entry, ...] = field(repr=False)

    @property
    def is_recorded(self) -> bool:
        """Its agents are real."""
        return True

    @property
    def whole_cost(self) -> float:
        """What all its expansions and each agent once on every task cost."""
        return len(self.agents) * self.tasks + self.expansion_cost * sum(len(each.expansions) for each in self.agents)

    def world(self, seed: int) -> "TableWorld":
        """One replay of it."""
        return TableWorld(self, seed)

    def described(self) -> Mapping[str, Any]:
        """Its file by name and SHA-256, and what is in it."""
        return {
            "name": self.name,
            "table": self.digest,
            "agents": len(self.agents),
            "tasks": self.tasks,
            "repeats": self.repeats,
            "expansion_cost": self.expansion_cost,
            "made": dict(self.made),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Replayed:
    """A recorded agent in one world."""

    number: int
    """Its place in the table."""
    score: float
    seconds: NDArray[np.float64]
    drift: float = 0.0
    """Nobody knows it."""
    is_broken: bool = False


class TableWorld:
    """One replay of a table.

    The expansions of an agent come in an order that the seed draws, each once, and of the repeats on a task the seed
    draws one, for all agents alike: as in a search, where chance on a task has one seed for all of them. Both are
    functions of (table, seed) alone, so policies that are compared meet the same ones.
    """

    def __init__(self, table: AgentTable, seed: int) -> None:
        self.landscape = table
        self.seed = seed
        self._orders: dict[int, NDArray[np.intp]] = {}
        self._answers: dict[int, NDArray[np.bool_]] = {}
        self._luck = self._generator(_REPEATS).random(table.tasks)

    def root(self) -> Replayed:
        """The seed agent."""
        return self._agent(ROOT)

    def expansions(self, agent: Replayed) -> float:
        """Those that were recorded."""
        return len(self.landscape.agents[agent.number].expansions)

    def birth(self, parent: Replayed, j: int) -> Birth[Replayed]:
        """The recorded expansion that the seed draws as number `j`."""
        if parent.number not in self._orders:
            count = len(self.landscape.agents[parent.number].expansions)
            self._orders[parent.number] = self._generator(_ORDER, parent.number).permutation(count)
        child, seconds = self.landscape.agents[parent.number].expansions[self._orders[parent.number][j]]
        return Birth(None if child is None else self._agent(child), seconds)

    def passes(self, agent: Replayed, task: int) -> bool:
        """The measured repeat that the seed draws; where the task has none, one of the agent's other results."""
        if agent.number not in self._answers:
            own = self._generator(_HOLES, agent.number).random(self.landscape.tasks)
            self._answers[agent.number] = _answers(self.landscape.agents[agent.number].results, self._luck, own)
        return bool(self._answers[agent.number][task])

    def _agent(self, number: int) -> Replayed:
        entry = self.landscape.agents[number]
        return Replayed(number=number, score=entry.score, seconds=entry.seconds)

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))


def _answers(results: NDArray[np.int8], luck: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Per task, whether it is passed: `luck`, in [0, 1), draws a measured repeat, and `own` where there is none."""
    measured = results != _UNMEASURED
    counts = measured.sum(axis=0)
    is_drawn = measured & (measured.cumsum(axis=0) == (luck * counts).astype(np.intp) + 1)
    passed = (is_drawn & (results == _PASSED)).any(axis=0)
    return np.asarray(np.where(counts > 0, passed, own < results[measured].mean()))


def load_table(path: Path) -> AgentTable:
    """The table in a file; ConfigError says what is wrong with it."""
    found = content(path, what="a table", most_bytes=MOST_BYTES)
    try:
        return table_from(_parsed(found), digest=sha256(found).hexdigest())
    except ConfigError as trouble:
        raise ConfigError(f"{path}: {trouble}") from trouble


def table_from(document: object, *, digest: str = "") -> AgentTable:
    """The table that a document is; ConfigError names what is wrong in it."""
    told = _record(document, "the table", _TABLE)
    if told["schema"] != SCHEMA:
        raise ConfigError(f"no table of agents: its schema is no {SCHEMA!r}")
    version = _whole(told["version"], "version", 1, 10**6)
    if version != VERSION:
        raise ConfigError(f"version {version} of the format; this version of hgm reads version {VERSION}")
    tasks = [_text(task, f"tasks[{at}]") for at, task in enumerate(_list(told["tasks"], "tasks", 1, MOST_TASKS))]
    if len(set(tasks)) < len(tasks):
        raise ConfigError("tasks: one is there twice")
    repeats = _whole(told["repeats"], "repeats", 1, MOST_REPEATS)
    agents = _list(told["agents"], "agents", 1, MOST_AGENTS)
    if len(agents) * len(tasks) * repeats > MOST_RESULTS:
        raise ConfigError(f"a table has at most {MOST_RESULTS:,} results")
    _text(told["licence"], "licence")
    cost = _number(told["expansion_cost"], "expansion_cost", 1_000)
    shape = _Shape(len(agents), len(tasks), repeats, cost)
    entries = tuple(_entry(each, number, shape) for number, each in enumerate(agents))
    _check_tree(entries)
    return AgentTable(
        name=_text(told["name"], "name"),
        tasks=len(tasks),
        repeats=repeats,
        expansion_cost=cost,
        made=_facts(told["made"]),
        digest=digest,
        agents=entries,
    )


_TABLE = ("schema", "version", "name", "licence", "made", "tasks", "repeats", "expansion_cost", "agents")
_AGENT, _AGENT_MORE = ("parent", "expansions", "results"), ("seconds", "tokens", "usd")
_EXPANSION, _EXPANSION_MORE = ("child",), ("reason", "seconds", "tokens", "usd")


class _Shape(NamedTuple):
    agents: int
    tasks: int
    repeats: int
    expansion_cost: float


def _parsed(text: bytes) -> object:
    def refuse(word: str) -> None:
        raise ConfigError(f"{word} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as trouble:
        raise ConfigError(f"no JSON: {str(trouble)[:MOST_TEXT]}") from trouble


def _entry(told: object, number: int, shape: _Shape) -> Entry:
    what = f"agents[{number}]"
    agent = _record(told, what, _AGENT, _AGENT_MORE)
    _spent(agent, what)
    listed = _list(agent["expansions"], f"{what}.expansions", 0, MOST_EXPANSIONS)
    return Entry(
        parent=_parent(agent["parent"], number),
        expansions=tuple(_attempt(each, f"{what}.expansions[{at}]", number, shape) for at, each in enumerate(listed)),
        results=_results(agent["results"], what, shape),
        seconds=_seconds(agent.get("seconds"), f"{what}.seconds", shape),
    )


def _parent(told: object, number: int) -> int:
    if number == ROOT:
        if told is not None:
            raise ConfigError("agents[0].parent: the first agent is the seed agent, whose parent is null")
        return NO_PARENT
    return _whole(told, f"agents[{number}].parent: an elder agent's number", 0, number - 1)


def _attempt(told: object, what: str, parent: int, shape: _Shape) -> Attempt:
    expansion = _record(told, what, _EXPANSION, _EXPANSION_MORE)
    _spent(expansion, what)
    if expansion.get("reason") is not None:
        _text(expansion["reason"], f"{what}.reason")
    child = expansion["child"]
    if child is not None:
        child = _whole(child, f"{what}.child: null or a younger agent's number", parent + 1, shape.agents - 1)
    seconds = expansion.get("seconds")
    return Attempt(child, shape.expansion_cost if seconds is None else _number(seconds, f"{what}.seconds"))


def _results(told: object, what: str, shape: _Shape) -> NDArray[np.int8]:
    lines = _list(told, f"{what}.results", shape.repeats, shape.repeats)
    for at, line in enumerate(lines):
        if not isinstance(line, str) or len(line) != shape.tasks or set(line) - LETTERS.keys():
            raise ConfigError(f"{what}.results[{at}]: {shape.tasks} letters, each p, f or -, are wanted")
    coded = b"".join(line.encode() for line in lines).translate(_VALUES)
    results = np.frombuffer(coded, dtype=np.int8).reshape(shape.repeats, shape.tasks)
    if not (results != _UNMEASURED).any():
        raise ConfigError(f"{what}.results: nothing is measured, so the agent has no score")
    return results


def _seconds(told: object, what: str, shape: _Shape) -> NDArray[np.float64]:
    if told is None:
        return np.ones(shape.tasks)
    listed = _list(told, what, shape.tasks, shape.tasks)
    return np.array([1.0 if each is None else _number(each, f"{what}[{at}]") for at, each in enumerate(listed)])


def _check_tree(entries: Sequence[Entry]) -> None:
    """Every agent but the root comes from one expansion, of its parent: with parents being elder, that is a tree."""
    makers: dict[int, int] = {}
    for parent, entry in enumerate(entries):
        for child in (each.child for each in entry.expansions if each.child is not None):
            if child in makers:
                raise ConfigError(f"agents[{child}] is the child of two expansions")
            makers[child] = parent
    for number, entry in enumerate(entries[1:], start=1):
        if makers.get(number) != entry.parent:
            raise ConfigError(f"agents[{number}] is no child of any expansion of agents[{entry.parent}], its parent")


def _spent(told: Mapping[str, object], what: str) -> None:
    for unit in ("tokens", "usd"):
        if told.get(unit) is not None:
            _number(told[unit], f"{what}.{unit}")


def _facts(told: object) -> Mapping[str, str | int | None]:
    if not isinstance(told, dict) or len(told) > _FACTS:
        raise ConfigError(f"made: a record of at most {_FACTS} facts is wanted")
    found: dict[str, str | int | None] = {}
    for name, value in told.items():
        what = f"made.{_text(name, 'a name in made')}"
        if value is not None:
            value = _text(value, what) if isinstance(value, str) else _whole(value, what, -(10**15), 10**15)
        found[name] = value
    return found


def _record(told: object, what: str, names: Sequence[str], more: Sequence[str] = ()) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise ConfigError(f"{what}: a record is wanted")
    if missing := [name for name in names if name not in told]:
        raise ConfigError(f"{what}: {missing[0]} is missing")
    if unknown := [name for name in told if name not in names and name not in more]:
        raise ConfigError(f"{what}: there is no {_shown(unknown[0])}; it has: {', '.join((*names, *more))}")
    return told


def _list(told: object, what: str, least: int, most: int) -> list[Any]:
    if not isinstance(told, list) or not least <= len(told) <= most:
        wanted = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        raise ConfigError(f"{what}: a list of {wanted} is wanted")
    return told


def _text(told: object, what: str) -> str:
    if not isinstance(told, str) or not 0 < len(told) <= MOST_TEXT or not told.isprintable():
        raise ConfigError(f"{what}: 1 to {MOST_TEXT} printable characters are wanted")
    return told


def _whole(told: object, what: str, least: int, most: int) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not least <= told <= most:
        raise ConfigError(f"{what}: a whole number from {least} to {most} is wanted, not {_shown(told)}")
    return told


def _number(told: object, what: str, most: float = _MOST_NUMBER) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= most or not isfinite(told):
        raise ConfigError(f"{what}: a number from 0 to {most:,.0f} is wanted, not {_shown(told)}")
    return float(told)


def _shown(told: object) -> str:
    """For a message, short and without anything that a terminal obeys."""
    is_plain = told is None or isinstance(told, str | int | float)
    return ascii(told)[:60] if is_plain else f"a {type(told).__name__}"
