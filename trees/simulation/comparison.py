"""Search policies against each other in the same simulated worlds, at equal cost or at equal evaluations.

A world is a family and a seed. Each of its policies is played by one process, so that all meet the same children, drawn
once. What comes out is a function of the plan alone, whichever processes play it and in whichever order they end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgm.errors import ConfigError
from trees.escape import shortened
from trees.policies import make_policy
from trees.policies.base import BasePolicy
from trees.simulation.guides import guide
from trees.simulation.outcome import Simulated
from trees.simulation.play import oracle, simulate
from trees.simulation.playable import Playable, Source
from trees.statistics import Gain, mean_interval, ratio_interval
from trees.toml import tables

MOST_BUDGET = 1_000_000
REFERENCE = "hgm"
"""Played in every world: what the others are compared with, and what the references are taken from."""
EQUAL = ("cost", "evaluations")
LARGE_BUDGET = 3_200
"""Budgets from here on are played with a tenth of the seeds, at least two."""

_NO_WAY = 1e-9
"""What rounding may leave of no distance at all."""


class Contender(NamedTuple):
    """A policy and what tables call it."""

    label: str
    policy: BasePolicy


class Chunk(NamedTuple):
    """What one process plays at a time: one world."""

    landscape: Source
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared. ConfigError where a number is out of its range or two things have one name."""

    contenders: tuple[Contender, ...]
    """The first is the reference."""
    landscapes: tuple[Source, ...]
    """Tables of real agents among them."""
    seeds: int
    first_seed: int = 0
    budgets: tuple[int, ...]
    """Ascending."""
    equal: str = "cost"
    """What a budget is: evaluations + expansion cost x expansions, or evaluations alone.

    At equal evaluations no tree may outgrow that of the reference in the same world.
    """
    workers: int = 1
    """Simulated ones, of each search."""

    def __post_init__(self) -> None:
        _require_whole("seeds", self.seeds, 2, 100_000)
        _require_whole("first seed", self.first_seed, 0, 10**15)
        _require_whole("workers", self.workers, 1, 10_000)
        for budget in self.budgets:
            _require_whole("budget", budget, 1, MOST_BUDGET)
        if not self.landscapes or not self.budgets:
            raise ConfigError("a comparison needs a landscape and a budget")
        if self.equal not in EQUAL:
            raise ConfigError(f"policies are compared at equal {' or '.join(EQUAL)}, not {self.equal!r}")
        families = self.families
        if twice := [name for name in families if families.count(name) > 1]:
            raise ConfigError(f"two landscapes are called {twice[0]!r}: give one of them another name in its file")

    @property
    def families(self) -> list[str]:
        """Names of the landscapes."""
        return [landscape.name for landscape in self.landscapes]

    @property
    def labels(self) -> list[str]:
        """Names of the contenders, the reference first."""
        return [contender.label for contender in self.contenders]

    def seeds_of(self, budget: int) -> range:
        """The seeds that a budget is played with."""
        count = self.seeds if budget < LARGE_BUDGET else max(2, self.seeds // 10)
        return range(self.first_seed, self.first_seed + count)

    def chunks(self) -> list[Chunk]:
        """All worlds, those of one seed together."""
        seeds = self.seeds_of(self.budgets[0])
        return [Chunk(landscape, seed) for seed in seeds for landscape in self.landscapes]


class Played(NamedTuple):
    """How one policy fared in one world."""

    score: float
    """True score of the agent handed over."""
    best: float
    """True score of the best agent in its tree."""
    children: int
    evaluations: int
    expansions: int
    correlation: float
    """Of what guides its expansions with true CMP; NaN where nobody says what does, or too few nodes have both."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """What all policies did in one world with one budget."""

    family: str
    seed: int
    budget: int
    o1: float
    """The best true score in the tree of the reference."""
    o2: float
    """`trees.simulation.oracle` with as many children as the reference made."""
    played: tuple[Played, ...]
    """In the order of the contenders."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One policy at one budget, in one family or on average over all: means over seeds."""

    n: int
    """Seeds."""
    score: Gain
    """True score of the agent handed over; the interval is of 95 %, as is that of the difference."""
    score_sd: float
    difference: Gain
    """Score minus that of the reference in the same world."""
    difference_sd: float
    o1: float
    o2: float
    to_o1: Gain | None
    """Share of the way from the reference to O1 that is closed, of the means; None where the way is not clearly one."""
    to_o2: Gain | None
    """The same to O2."""
    best: float
    children: float
    evaluations: float
    expansions: float
    correlation: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All matches of a plan, and what they say."""

    plan: Plan
    matches: tuple[Match, ...]

    def summary(self, label: str, budget: int, family: str | None = None) -> Summary:
        """How a policy did with a budget; without a family on average over all, which weigh the same.

        The seed is the unit. Worlds of one seed share their draws in all families, so the mean over families is taken
        per seed before its interval is: families are no independent repeats.
        """
        matches = [self._by_place[family, budget] for family in ([family] if family else self.plan.families)]
        at = self.plan.labels.index(label)

        def per_seed(value: Callable[[Match], float]) -> NDArray[np.float64]:
            return np.asarray(np.mean([[value(match) for match in line] for line in matches], axis=0))

        def mean(name: str) -> float:
            return float(per_seed(lambda match: getattr(match.played[at], name)).mean())

        scores = per_seed(lambda match: match.played[at].score)
        differences = per_seed(lambda match: match.played[at].score - match.played[0].score)
        reference = per_seed(lambda match: match.played[0].score)
        o1, o2 = per_seed(lambda match: match.o1), per_seed(lambda match: match.o2)
        return Summary(
            n=len(scores),
            score=mean_interval(scores.tolist()),
            score_sd=float(scores.std(ddof=1)),
            difference=mean_interval(differences.tolist()),
            difference_sd=float(differences.std(ddof=1)),
            o1=float(o1.mean()),
            o2=float(o2.mean()),
            to_o1=_share_of_way(differences, o1 - reference),
            to_o2=_share_of_way(differences, o2 - reference),
            best=mean("best"),
            children=mean("children"),
            evaluations=mean("evaluations"),
            expansions=mean("expansions"),
            correlation=_mean_known([_mean_known([match.played[at].correlation for match in m]) for m in matches]),
        )

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, int], list[Match]]:
        """By family and budget, by seed."""
        found: dict[tuple[str, int], list[Match]] = {}
        for match in sorted(self.matches, key=lambda match: match.seed):
            found.setdefault((match.family, match.budget), []).append(match)
        return found


def contender(text: str) -> Contender:
    """What `NAME` or `NAME:option=value,option=value` stands for; a value is read as TOML, and as text if it is none.

    ConfigError says which policies and options there are.
    """
    name, colon, options = text.partition(":")
    pairs = [pair.partition("=") for pair in options.split(",")] if colon else []
    if not all(option.strip() and equals for option, equals, _ in pairs):
        raise ConfigError(
            f"policy {shortened(text)}: write NAME:option=value,option=value, e.g. hgm:root_evaluations=0"
        )
    return Contender(text, make_policy(name, **{option.strip(): _value(value.strip()) for option, _, value in pairs}))


def contenders(texts: Sequence[str]) -> tuple[Contender, ...]:
    """The reference, then the others as they are named."""
    return tuple(contender(text) for text in dict.fromkeys((REFERENCE, *texts)))


def play(plan: Plan, chunk: Chunk) -> tuple[Match, ...]:
    """All policies and budgets in one world."""
    world = chunk.landscape.world(chunk.seed)
    return tuple(_match(plan, world, budget) for budget in plan.budgets if chunk.seed in plan.seeds_of(budget))


def _match(plan: Plan, world: Playable[Any], budget: int) -> Match:
    reference = _simulated(plan, plan.contenders[0], world, budget, None)
    most_nodes = reference.children + 1 if plan.equal == "evaluations" else None
    others = [_simulated(plan, each, world, budget, most_nodes) for each in plan.contenders[1:]]
    return Match(
        family=world.landscape.name,
        seed=world.seed,
        budget=budget,
        o1=reference.best_score,
        o2=oracle(world, reference.children),
        played=tuple(map(_played, plan.contenders, (reference, *others))),
    )


def _simulated(plan: Plan, one: Contender, world: Playable[Any], budget: int, most_nodes: int | None) -> Simulated:
    cost, evaluations = (budget, None) if plan.equal == "cost" else (None, budget)
    return simulate(
        one.policy,
        world,
        cost=cost,
        evaluations=evaluations,
        most_nodes=most_nodes,
        workers=plan.workers,
        seed=world.seed,
    )


def _played(one: Contender, done: Simulated) -> Played:
    guided_by = guide(one.policy, done.view)
    return Played(
        score=done.score,
        best=done.best_score,
        children=done.children,
        evaluations=done.evaluations,
        expansions=done.expansions,
        correlation=nan if guided_by is None else done.cmp_correlation(guided_by),
    )


def _share_of_way(gains: NDArray[np.float64], ways: NDArray[np.float64]) -> Gain | None:
    return ratio_interval(gains.tolist(), ways.tolist()) if ways.mean() > _NO_WAY else None


def _mean_known(values: Sequence[float]) -> float:
    known = [value for value in values if isfinite(value)]
    return float(np.mean(known)) if known else nan


def _value(text: str) -> object:
    try:
        parsed = tables(f"value = {text}")
    except ValueError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _require_whole(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{name}: a comparison needs a whole number from {least} to {most:,}, not {value}")
