"""How often the true score of the agent that a search hands over is above the 95 % bound that is believed of it.

    python -m benchmarks.coverage [--seeds N] [--budget B] > benchmarks/coverage.md

In simulated worlds, where the truth is known. The bound is one-sided: of `hgm` the 5 % quantile of Beta(1 + s, 1 + f)
of the agent's own results, of `lineage` that of its belief about all of them.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np

from trees.policies import make_policy
from trees.policies.inheritance import Prior, believe
from trees.simulation import FAMILIES, World, simulate
from trees.simulation.outcome import Simulated
from trees.statistics import wilson

POLICIES = ("hgm", "lineage")


class Case(NamedTuple):
    """One search."""

    policy: str
    family: str
    seed: int


def bound(policy: str, found: Simulated) -> float:
    """What the handed-over agent's score is believed to be above, with 95 %."""
    from scipy.stats import beta

    view, chosen = found.view, found.chosen
    if policy == "lineage":
        return float(believe(view, Prior()).lower_score()[chosen])
    return float(beta.ppf(0.05, 1 + view.successes[chosen], 1 + view.failures[chosen]))


def holds(case: Case, *, budget: float) -> bool:
    """Whether the truth is above the bound."""
    world = World(FAMILIES[case.family], case.seed)
    found = simulate(make_policy(case.policy), world, cost=budget, seed=case.seed)
    return found.score >= bound(case.policy, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=20_000)
    parser.add_argument("--budget", type=float, default=800.0)
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    cases = [Case(policy, family, seed) for policy in POLICIES for family in FAMILIES for seed in seeds]
    found = []
    with ProcessPoolExecutor() as pool:
        for number, held in enumerate(pool.map(partial(holds, budget=asked.budget), cases, chunksize=10), 1):
            found.append(held)
            if number % 100 == 0:
                print(f"{number} of {len(cases)}", file=sys.stderr)
    shares = np.reshape(found, (len(POLICIES), len(FAMILIES), len(seeds))).sum(axis=2)
    print("# How often the 95 % bound of the handed-over agent holds\n")
    print(
        f"Made by `python -m benchmarks.coverage --seeds {len(seeds)} --budget {asked.budget:g}`; Wilson's intervals.\n"
    )
    print("| family | " + " | ".join(f"`{policy}`" for policy in POLICIES) + " |")
    print("|---|" + "---|" * len(POLICIES))
    for number, family in enumerate(FAMILIES):
        print(f"| `{family}` | " + " | ".join(_written(int(row[number]), len(seeds)) for row in shares) + " |")


def _written(held: int, of: int) -> str:
    ends = wilson(held, of)
    return f"{held / of:.1%} ({ends.low:.1%} – {ends.high:.1%})"


if __name__ == "__main__":
    main()
