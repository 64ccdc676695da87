"""What a budget buys, as a range, before anything is spent: from past runs of the same kind, else from an assumption.

Pure but for `basis_of`, which reads the runs that are there.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, TypeAlias

from hgm.budget import Budget
from hgm.config import SearchConfig, is_builtin
from hgm.errors import ConfigError, HGMError, RunError, boundary
from hgm.gateway.prices import Price, Tokens
from hgm.gateway.records import Usage
from hgm.meter import MOST_HELD_BACK, Unit, used
from hgm.names import all_runs
from hgm.run import read
from hgm.state import RunState
from trees.policies import make_policy
from trees.records import Expansion, Outcome

LOW = 20
HIGH = 100 - LOW
"""Percentiles of what jobs took."""
NEWEST = 20
"""So many past runs are looked at."""
FEWEST_EVALUATIONS, FEWEST_EXPANSIONS = 5, 2
"""With fewer, past runs say nothing."""
OUTPUT = 0.05
"""Of the tokens that are assumed; the others go in, and none comes from a cache."""
_UNITS: tuple[Unit, ...] = ("usd", "tokens", "seconds")


@dataclass(frozen=True)
class Range:
    """From a low to a high guess."""

    low: float
    high: float


Costs: TypeAlias = Mapping[Unit, Range]
"""What one job takes; a unit that nobody knows is not there."""


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What an estimate rests on."""

    words: str
    evaluation: Costs
    expansion: Costs
    births: Range
    """Children per expansion."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a budget buys; the low end is that of dear jobs."""

    basis: Basis
    evaluations: Range
    """Of the search."""
    children: Range
    takes: Costs
    """Everything, confirming and the sealed comparison included, within the budget."""


def basis_of(
    config: SearchConfig, created: Mapping[str, Any], prices: Mapping[str, Price | None], runs_dir: Path
) -> Basis:
    """Past runs of the same benchmark and backbones below `runs_dir`, at today's prices; else an assumption."""
    past = list(_alike(config, created, runs_dir))
    evaluations = [
        (item.usage, item.wall_s)
        for state in past
        for item in state.evaluations
        if item.outcome is not Outcome.UNMEASURED
    ]
    expansions = [item for state in past for item in state.expansions if item.kind is not Expansion.UNMEASURED]
    if len(evaluations) < FEWEST_EVALUATIONS or len(expansions) < FEWEST_EXPANSIONS:
        return _assumed(config, prices)
    born = sum(item.kind is Expansion.CHILD for item in expansions) / len(expansions)
    return Basis(
        words=f"{len(evaluations)} evaluations and {len(expansions)} expansions of past runs of this benchmark with "
        f"these backbones (percentiles {LOW} and {HIGH})",
        evaluation=_seen(evaluations, [prices[config.backbones.solver]]),
        expansion=_seen([(item.usage, item.wall_s) for item in expansions], _of_expansions(config, prices)),
        births=Range(born, born),
    )


def estimate(config: SearchConfig, created: Mapping[str, Any], basis: Basis) -> Estimate:
    """What the configuration's budget buys."""
    top = _on_top(config, created)
    dear, cheap = (_most(config, created, basis, top, pick) for pick in (_high, _low))
    takes = {
        unit: _between(
            _takes(config, created, basis, unit, dear, top, _high),
            _takes(config, created, basis, unit, cheap, top, _low),
        )
        for unit in _UNITS
        if unit in basis.evaluation and unit in basis.expansion
    }
    return Estimate(
        basis=basis,
        evaluations=Range(dear, cheap),
        children=Range(
            int(expansions(config, created, dear) * basis.births.low),
            math.ceil(expansions(config, created, cheap) * basis.births.high),
        ),
        takes={unit: _within(range_, _total(config.budget, unit)) for unit, range_ in takes.items()},
    )


def check_round(config: SearchConfig, created: Mapping[str, Any], basis: Basis) -> None:
    """Refuse a budget that cannot buy one round: the root's evaluations, one expansion, one evaluation of its child.

    Raises:
        ConfigError: with the smallest budget that can.
    """
    needed = {unit: _needed(config, created, basis, unit) for unit in ("evaluations", *_UNITS)}
    short = [unit for unit in config.budget.units if needed[unit] > getattr(config.budget, unit)]
    if short:
        smallest = Budget(**{unit: max(getattr(config.budget, unit), needed[unit]) for unit in config.budget.units})
        raise ConfigError(
            f"--budget {config.budget} cannot buy one round ({_rooted(config, created)} evaluations of the seed agent, "
            f"one expansion, one evaluation of its child); the smallest that can is --budget {smallest}"
            + ("" if short == ["evaluations"] else f". Based on {basis.words}")
        )


def expansions(config: SearchConfig, created: Mapping[str, Any], evaluations: int) -> int:
    """Roughly how many come with so many evaluations, once the root had its share."""
    policy = make_policy(config.policy.name, **config.policy.options)
    return policy.expected_expansions(evaluations, len(created["search_tasks"]))


Pick: TypeAlias = Callable[[Range], float]


def _between(one: float, other: float) -> Range:
    return Range(min(one, other), max(one, other))


def _low(range_: Range) -> float:
    return range_.low


def _high(range_: Range) -> float:
    return range_.high


def _alike(config: SearchConfig, created: Mapping[str, Any], runs_dir: Path) -> Iterator[RunState]:
    newest = sorted(all_runs(runs_dir), key=lambda path: path.stat().st_mtime, reverse=True)[:NEWEST]
    for path in newest:
        with suppress(HGMError), boundary(RunError, f"cannot read {path}"):
            state = read(path)
            same = state.created["benchmark"]["name"] == created["benchmark"]["name"]
            if same and state.config.backbones == config.backbones and state.config.edits_by == config.edits_by:
                yield state


def _seen(jobs: Sequence[tuple[Usage, float]], prices: Sequence[Price | None]) -> Costs:
    found: dict[Unit, Range] = {
        "tokens": _percentiles([used(usage, "tokens") for usage, _ in jobs]),
        "seconds": _percentiles([wall_s for _, wall_s in jobs]),
    }
    if all(prices):
        found["usd"] = _percentiles([_dearest(prices, usage.tokens) for usage, _ in jobs])
    return found


def _assumed(config: SearchConfig, prices: Mapping[str, Price | None]) -> Basis:
    limits = config.limits
    if all(map(is_builtin, config.backbones.model_dump().values())):
        evaluation, expansion = (Range(1e3, 3e4), Range(0.5, 5)), (Range(1e3, 3e4), Range(1, 10))
    else:
        solve, improve = limits.solve_deadline_s, limits.improve_deadline_s
        evaluation, expansion = (
            (Range(2e4, 2e5), Range(min(10, solve), solve)),
            (Range(6e4, 6e5), Range(min(30, improve), 2 * improve)),
        )
    return Basis(
        words=f"an assumption, as there is no past run of this kind: {_thousands(evaluation[0])} tokens for an "
        f"evaluation, {_thousands(expansion[0])} for an expansion, {100 * OUTPUT:.0f} % of them output, nothing cached",
        evaluation=_guessed(*evaluation, [prices[config.backbones.solver]]),
        expansion=_guessed(*expansion, _of_expansions(config, prices)),
        births=Range(0.4, 1.0),
    )


def _guessed(tokens: Range, seconds: Range, prices: Sequence[Price | None]) -> Costs:
    found: dict[Unit, Range] = {"tokens": tokens, "seconds": seconds}
    if all(prices):
        found["usd"] = Range(*(_dearest(prices, _split(count)) for count in (tokens.low, tokens.high)))
    return found


def _split(tokens: float) -> Tokens:
    output = int(OUTPUT * tokens)
    return Tokens(input=int(tokens) - output, output=output)


def _dearest(prices: Sequence[Price | None], tokens: Tokens) -> float:
    """At the rates of short calls: a job is many of them."""
    return max((price.bands[0].cost(tokens) for price in prices if price), default=0.0)


def _of_expansions(config: SearchConfig, prices: Mapping[str, Price | None]) -> list[Price | None]:
    roles = config.backbones
    return [prices[backbone] for backbone in {roles.editor, roles.diagnosis, roles.solver}]


def _percentiles(values: Sequence[float]) -> Range:
    if len(values) < 2:
        return Range(values[0], values[0])
    steps = quantiles(values, n=100 // LOW, method="inclusive")
    return Range(steps[0], steps[-1])


def _thousands(tokens: Range) -> str:
    return f"{tokens.low / 1e3:g}k to {tokens.high / 1e3:g}k"


def _on_top(config: SearchConfig, created: Mapping[str, Any]) -> int:
    """Evaluations that confirm and compare, at most."""
    confirmation = config.confirmation
    select = len(created["select_tasks"]) * (confirmation.candidates + 1)
    return select + 2 * len(created["sealed_tasks"]) * confirmation.sealed_repeats


def _total(budget: Budget, unit: Unit) -> float | None:
    found: Mapping[Unit, float | None] = {"usd": budget.usd, "tokens": budget.tokens, "seconds": budget.seconds}
    return found[unit]


def _takes(
    config: SearchConfig, created: Mapping[str, Any], basis: Basis, unit: Unit, evaluations: int, top: int, pick: Pick
) -> float:
    """All in all, with confirming at most half of the budget."""
    total = _total(config.budget, unit)
    side_by_side = config.workers if unit == "seconds" else 1
    each, expansion = pick(basis.evaluation[unit]) / side_by_side, pick(basis.expansion[unit]) / side_by_side
    on_top = top * each if total is None else min(top * each, MOST_HELD_BACK * total)
    return evaluations * each + expansions(config, created, evaluations) * expansion + on_top


def _most(config: SearchConfig, created: Mapping[str, Any], basis: Basis, top: int, pick: Pick) -> int:
    """The most evaluations that every unit pays for."""
    low, high = 0, config.budget.evaluations or 1_000_000
    while low < high:
        middle = (low + high + 1) // 2
        if all(
            _takes(config, created, basis, unit, middle, top, pick) <= total
            for unit in _UNITS
            if (total := _total(config.budget, unit)) is not None and unit in basis.evaluation
        ):
            low = middle
        else:
            high = middle - 1
    return low


def _within(range_: Range, total: float | None) -> Range:
    return range_ if total is None else Range(min(range_.low, total), min(range_.high, total))


def _rooted(config: SearchConfig, created: Mapping[str, Any]) -> int:
    policy = make_policy(config.policy.name, **config.policy.options)
    return policy.opening(len(created["search_tasks"]))


def _needed(config: SearchConfig, created: Mapping[str, Any], basis: Basis, unit: str) -> float:
    """The least of a unit that buys one round where jobs are cheap, and keeps enough for the comparison, or half."""
    evaluations = _rooted(config, created) + 1
    name: Unit
    if unit == "evaluations":
        return evaluations
    name = next(known for known in _UNITS if known == unit)
    if name not in basis.evaluation or name not in basis.expansion:
        return 0.0
    each, expansion = basis.evaluation[name].low, basis.expansion[name].low
    side_by_side = min(config.workers, evaluations) if name == "seconds" else 1
    round_ = evaluations * each / side_by_side + expansion
    needed = min(round_ / MOST_HELD_BACK, round_ + _on_top(config, created) * each / side_by_side)
    return math.ceil(100 * needed) / 100 if name == "usd" else math.ceil(needed)
