"""Print what deciding costs on large trees: `python -m benchmarks.decisions > benchmarks/decisions.md`."""

import platform
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np

from trees.policies import POLICIES, make_policy
from trees.records import ROOT, Expansion, Outcome
from trees.statistics import best_belief
from trees.tree import Tree

SIZES = (100, 1000, 10_000, 100_000)
TASKS = 60
EVALUATIONS_PER_NODE = 8


def grown(nodes: int) -> Tree:
    """A tree of random shape whose nodes have random results."""
    rng = np.random.default_rng(nodes)
    tree = Tree(TASKS, 2 * nodes * EVALUATIONS_PER_NODE)
    for size in range(1, nodes):
        parent = int(rng.integers(size))
        tree.start_expansion(parent)
        tree.finish_expansion(parent, Expansion.CHILD)
    for node, skill in enumerate(rng.random(nodes)):
        for task in range(EVALUATIONS_PER_NODE):
            tree.start_evaluation(node, task)
            tree.finish_evaluation(node, task, Outcome.PASSED if rng.random() < skill else Outcome.FAILED)
    return tree


def count_one_result(tree: Tree) -> None:
    """Start and finish an evaluation of the youngest node, and look at the tree."""
    node = len(tree) - 1
    task = int(tree.view().unseen(node)[0])
    tree.start_evaluation(node, task)
    tree.finish_evaluation(node, task, Outcome.UNMEASURED)


def microseconds(call: Callable[[], object], *, times: int) -> float:
    """The median of `times` calls."""
    spent = []
    for _ in range(times):
        begin = perf_counter()
        call()
        spent.append(perf_counter() - begin)
    return median(spent) * 1e6


def rows(tree: Tree) -> dict[str, float]:
    """Microseconds per operation."""
    times = 300 if len(tree) <= 10_000 else 50
    rng = np.random.default_rng(0)
    everything, root_alone = np.ones_like(tree.view().seen), tree.view().seen.copy()
    root_alone[ROOT] = True
    expanding = replace(tree.view(), evaluations=10**12, seen=everything)
    evaluating = replace(tree.view(), evaluations=0, seen=root_alone)
    costs = {}
    for name, kind in POLICIES.items():
        first = {"initial_expansions": 0} if "initial_expansions" in kind.__dataclass_fields__ else {}
        policy = make_policy(name, **first)
        costs[f"`{name}` expands"] = microseconds(lambda policy=policy: policy.choose(expanding, rng), times=times)
        costs[f"`{name}` evaluates"] = microseconds(lambda policy=policy: policy.choose(evaluating, rng), times=times)
    best_belief(tree.view())  # imports scipy
    costs["best belief"] = microseconds(lambda: best_belief(tree.view()), times=times)
    costs["start, finish and two views of one evaluation"] = microseconds(lambda: count_one_result(tree), times=times)
    return costs


def main() -> None:
    columns = {size: rows(grown(size)) for size in SIZES}
    print("# Microseconds per decision\n")
    print(f"Made by `python -m benchmarks.decisions` with Python {platform.python_version()}, numpy {np.__version__}.")
    print(
        f"Median of repeated calls; trees of random shape, {TASKS} search tasks, {EVALUATIONS_PER_NODE} of them seen.\n"
    )
    print("| nodes | " + " | ".join(f"{size:,}" for size in SIZES) + " |")
    print("|---|" + "--:|" * len(SIZES))
    for row in columns[SIZES[0]]:
        print(f"| {row} | " + " | ".join(f"{columns[size][row]:,.0f}" for size in SIZES) + " |")


if __name__ == "__main__":
    main()
