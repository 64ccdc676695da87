"""What a sandbox costs per evaluation, beside what the engine's own client needs for two empty containers.

usage: python -m benchmarks.overhead [--tasks 20] [--save FILE]

The agent is the null agent of `throughput.py`, which copies the reference solution and exits: all the time is the
lab's own, solve and grade together. After every evaluation `docker run --rm --network none IMAGE true` is timed twice,
so that both see the same machine. One worker. The bar: with Docker no more than 1.5 times the two containers, at the
median.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.throughput import null_agent
from evaluators.base import Split
from evaluators.builtin import BuiltinBenchmark
from hgm.config import SearchConfig
from hgm.measure import Measured, measure
from sandboxes.images import image_name
from trees.records import Outcome

BAR = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found = {sandbox: evaluations(sandbox, args.tasks) for sandbox in ("docker", "bubblewrap")}
    ratio = found["docker"]["evaluation_s"] / found["docker"]["two_containers_s"]
    result = {"tasks": args.tasks, "load": os.getloadavg()[0], **found, "docker_ratio": ratio, "bar": BAR}
    print(json.dumps(result, indent=1))
    if args.save:
        args.save.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(ratio > BAR)


def evaluations(sandbox: str, number: int) -> dict[str, float]:
    """Medians over so many evaluations of the null agent, each followed by two empty containers."""
    benchmark = BuiltinBenchmark()
    tasks = [(Split.DEV, task) for task in benchmark.tasks(Split.DEV) if task.startswith("b-")][: number + 1]
    containers: list[float] = []

    def watch(done: Measured) -> None:
        if done.result.outcome is not Outcome.PASSED:
            raise SystemExit(f"{done.job.task} on {sandbox}: {done.result.outcome} {done.result.cause}")
        containers.append(two_containers())

    agent = null_agent(benchmark, [task for _, task in tasks])
    config = SearchConfig(budget=1, workers=1, sandbox=sandbox)
    results, _ = measure(agent, tasks, config, repeats=1, watch=watch)
    seconds = [item.result.wall_s for item in results][1:]  # the first one makes what the others find
    return {"evaluation_s": median(seconds), "slowest_s": max(seconds), "two_containers_s": median(containers[1:])}


def two_containers() -> float:
    """Seconds that the engine's own client needs for two containers that do nothing."""
    began = time.perf_counter()
    for _ in range(2):
        subprocess.run(["docker", "run", "--rm", "--network", "none", image_name(), "true"], check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
