"""Whether policies rank on a recorded table as they do in real searches.

usage: python -m benchmarks.ranking TABLE.json LIVE.json [--budget B] [--draws N]

TABLE.json is of `hgm compare policies --table T -o TABLE.json`, LIVE.json of `hgm compare policies --live RUN -o
LIVE.json`. Printed are both orders of the policies that are in both, best first, and Kendall's tau-b between them, with
a percentile interval of 95 % over live seeds: a bootstrap that draws whole seeds, each with all its policies.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from hgm.errors import ConfigError
from trees.escape import shortened
from trees.simulation.files import content

LEAST_POLICIES = 6
MOST_POLICIES = 100
MOST_RUNS = 100_000
MOST_BYTES = 64 * 2**20
MOST_TEXT = 500
DRAWS = 2_000
SEED = 0
FEW_SEEDS = 5
"""With fewer a bootstrap draws the same few samples again and again."""
_DIGITS = 9
"""Closer than that, scores are level: sums of the same numbers differ by less."""
TABLE = ("hgm-policy-comparison", 2, "hgm compare policies --table TABLE -o FILE")
LIVE = ("hgm-live-comparison", 1, "hgm compare policies --live RUN -o FILE")


@dataclass(frozen=True, kw_only=True)
class Live:
    """Scores of real searches, of those seeds in which every policy has one."""

    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: NDArray[np.float64]
    """(seeds, policies)"""
    left_out: int
    """Seeds in which some policy has no score."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How two rankings agree."""

    tau: float
    low: float
    high: float
    lost: int
    """Draws in which all policies were level, which have no tau."""


def main(words: Sequence[str] | None = None) -> int:
    """Print it; 2 where a file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE.json")
    parser.add_argument("live", type=Path, metavar="LIVE.json")
    parser.add_argument("--budget", type=int, metavar="B", help="of the table's, where it has several")
    parser.add_argument("--draws", type=int, default=DRAWS, metavar="N", help="of the bootstrap")
    given = parser.parse_args(words)
    try:
        for line in told(given.table, given.live, given.budget, given.draws):
            print(line)
    except ConfigError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def told(table: Path, live: Path, budget: int | None, draws: int) -> list[str]:
    """What is printed.

    Raises:
        ConfigError: a file is not of its kind, they share too few policies, or the table has no such budget.
    """
    if not 1 <= draws <= 1_000_000:
        raise ConfigError(f"--draws {draws}: a whole number from 1 to 1,000,000 is wanted")
    at, recorded = table_scores(read(table, TABLE), budget, where=table)
    found = live_scores(read(live, LIVE), where=live)
    shared = tuple(name for name in found.policies if name in recorded)
    if len(shared) < LEAST_POLICIES:
        raise ConfigError(f"{table} and {live} share {len(shared)} policies, and {LEAST_POLICIES} at least are wanted")
    columns = [found.policies.index(name) for name in shared]
    of_table, of_live = np.array([recorded[name] for name in shared]), found.scores[:, columns]
    result = ranking(of_table, of_live, draws=draws)
    lines = [
        f"{len(shared)} policies, at a cost of {at:,} on the table; {len(found.seeds)} live seeds",
        f"  on the table: {order(shared, of_table)}",
        f"  live:         {order(shared, of_live.mean(axis=0))}",
        f"  Kendall's tau-b {result.tau:.2f}, 95 % [{result.low:.2f}, {result.high:.2f}] over live seeds",
    ]
    if len(found.seeds) < FEW_SEEDS:
        lines.append(
            f"  {len(found.seeds)} seeds are too few for a bootstrap: this interval is narrower than what is known"
        )
    if found.left_out:
        lines.append(f"  left out: {found.left_out} live seeds in which a policy has no score")
    if result.lost:
        lines.append(f"  {result.lost} of {draws:,} draws had all policies level, and count nowhere")
    return lines


def order(names: Sequence[str], scores: NDArray[np.float64]) -> str:
    """Best first, with scores; `=` between those that are level."""
    best = sorted(range(len(names)), key=lambda at: -scores[at])
    text = f"{shortened(names[best[0]], 40)} {scores[best[0]]:.3f}"
    for before, at in pairwise(best):
        sign = "=" if abs(scores[at] - scores[before]) < 10**-_DIGITS else ">"
        text += f" {sign} {shortened(names[at], 40)} {scores[at]:.3f}"
    return text


def ranking(of_table: NDArray[np.float64], of_live: NDArray[np.float64], *, draws: int, seed: int = SEED) -> Ranking:
    """Tau-b of the table's scores and the means over live seeds, with its interval over draws of seeds."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(of_live), size=(draws, len(of_live)))
    taus = np.array([tau_b(of_table, of_live[seeds].mean(axis=0)) for seeds in drawn])
    known = taus[np.isfinite(taus)]
    tau = tau_b(of_table, of_live.mean(axis=0))
    if not len(known) or not isfinite(tau):
        raise ConfigError("all policies are level, so there is no ranking: more live seeds or sealed tasks are wanted")
    low, high = np.quantile(known, (0.025, 0.975))
    return Ranking(tau=tau, low=float(low), high=float(high), lost=draws - len(known))


def tau_b(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Kendall's, with its correction for ties; NaN where one of the two has nothing but ties."""
    one, other = np.round(one, _DIGITS), np.round(other, _DIGITS)
    return round(float(kendalltau(one, other, variant="b").statistic), _DIGITS)


def table_scores(told: Mapping[str, Any], budget: int | None, *, where: Path) -> tuple[int, dict[str, float]]:
    """The budget and every policy's mean score.

    Raises:
        ConfigError: the document contradicts itself, or several budgets are in it and none is named.
    """
    played = field(field(told, "arguments", str(where)), "landscapes", f"{where}: arguments")
    if not isinstance(played, list) or len(played) != 1 or not isinstance(played[0], dict) or "table" not in played[0]:
        raise ConfigError(f"{where} is of something else than one recorded table: hgm compare policies --table FILE")
    found: dict[int, dict[str, float]] = {}
    for number, each in enumerate(listed(told, "results", MOST_RUNS, where)):
        what = f"{where}: results[{number}]"
        of_budget = found.setdefault(whole(field(each, "budget", what), f"{what}.budget"), {})
        name = label(field(each, "policy", what), f"{what}.policy")
        if name in of_budget:
            raise ConfigError(f"{what}: {name} is there twice with that budget")
        of_budget[name] = share(field(field(each, "all", what), "mean", f"{what}.all"), f"{what}.all.mean")
    names = ", ".join(map(str, sorted(found)))
    if budget is None and len(found) > 1:
        raise ConfigError(f"{where} has the budgets {names}: name one by --budget")
    at = next(iter(found)) if budget is None else budget
    if at not in found:
        raise ConfigError(f"--budget {at}: {where} has the budgets {names}")
    return at, found[at]


def live_scores(told: Mapping[str, Any], *, where: Path) -> Live:
    """Each run's score.

    Raises:
        ConfigError: the document contradicts itself, or fewer than two seeds are whole.
    """
    found: dict[tuple[int, str], float | None] = {}
    for number, each in enumerate(listed(told, "runs", MOST_RUNS, where)):
        what = f"{where}: runs[{number}]"
        name = label(field(each, "policy", what), f"{what}.policy")
        seed, score = whole(field(each, "seed", what), f"{what}.seed"), field(each, "score", what)
        if (seed, name) in found:
            raise ConfigError(f"{what}: {name} is there twice with seed {seed}")
        found[seed, name] = None if score is None else share(score, f"{what}.score")
    policies, seeds = (tuple(dict.fromkeys(key[at] for key in found)) for at in (1, 0))
    if len(policies) > MOST_POLICIES:
        raise ConfigError(f"{where}: at most {MOST_POLICIES} policies can be ranked")
    complete = tuple(seed for seed in seeds if all(found.get((seed, name)) is not None for name in policies))
    if len(complete) < 2:
        raise ConfigError(f"{where}: {len(complete)} seeds have a score of every policy, and two at least are wanted")
    return Live(
        policies=tuple(map(str, policies)),
        seeds=tuple(map(int, complete)),
        scores=np.array([[found[seed, name] for name in policies] for seed in complete], dtype=np.float64),
        left_out=len(seeds) - len(complete),
    )


def read(file: Path, kind: tuple[str, int, str]) -> Mapping[str, Any]:
    """The document in a file.

    Raises:
        ConfigError: it cannot be read, or is no document of this kind.
    """
    schema, version, command = kind

    def refuse(word: str) -> None:
        raise ConfigError(f"{file}: {word} is no JSON")

    try:
        told = json.loads(content(file, what="a comparison", most_bytes=MOST_BYTES), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: no JSON: {shortened(str(error), MOST_TEXT)}") from error
    if not isinstance(told, dict) or told.get("schema") != schema:
        other = LIVE if kind is TABLE else TABLE
        swapped = isinstance(told, dict) and told.get("schema") == other[0]
        advice = "the table's comes first, the live one second" if swapped else f"one is made by {command}"
        raise ConfigError(f"{file}: no document of the schema {schema}: {advice}")
    if told.get("version") != version:
        raise ConfigError(
            f"{file}: of version {shown(told.get('version'))}, and version {version} is read: make it anew"
        )
    return told


def listed(told: Mapping[str, Any], name: str, most: int, where: Path) -> Sequence[Any]:
    """A list that is not empty."""
    found = told.get(name)
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        raise ConfigError(f"{where}: {name}: a list of 1 to {most:,} is wanted")
    return found


def field(told: object, name: str, what: str) -> Any:
    """What a record says."""
    if not isinstance(told, dict) or name not in told:
        raise ConfigError(f"{what}: a record with {name} is wanted")
    return told[name]


def label(told: object, what: str) -> str:
    """A policy's name, which is printed."""
    if not isinstance(told, str) or not 0 < len(told) <= MOST_TEXT or not told.isprintable():
        raise ConfigError(f"{what}: 1 to {MOST_TEXT} printable characters are wanted")
    return told


def whole(told: object, what: str) -> int:
    """A seed or a budget."""
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= 10**18:
        raise ConfigError(f"{what}: a whole number from 0 is wanted, not {shown(told)}")
    return told


def share(told: object, what: str) -> float:
    """A score."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= 1:
        raise ConfigError(f"{what}: a number from 0 to 1 is wanted, not {shown(told)}")
    return float(told)


def shown(told: object) -> str:
    """For a message, short and without anything that a terminal obeys."""
    return ascii(told)[:60] if told is None or isinstance(told, str | int | float) else f"a {type(told).__name__}"


if __name__ == "__main__":
    sys.exit(main())
