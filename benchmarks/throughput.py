"""How fast evaluations are: the seed agent on all workers, and what an evaluation costs when the agent does nothing.

usage: python benchmarks/throughput.py [--tasks 60] [--save FILE]

The null agent copies the reference solution and exits, so that its time is all the lab's own: repository, sandbox,
lease, agent start, patch, grading. Generated builtin tasks, bubblewrap, grading included.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

from evaluators.base import Split
from evaluators.builtin import BuiltinBenchmark
from hgm.agents_by_name import find_agent
from hgm.config import SearchConfig
from hgm.measure import Measured, measure
from sandboxes.base import File, Files
from trees.records import Outcome

NULL_MAIN = b"""\
import json
import sys

if "--self-test" not in sys.argv:
    here = __file__.rpartition("/")[0]
    with open("/hgm/task.json") as file:
        statement = json.load(file)["statement"]
    with open(here + "/solutions.json") as file:
        solution = json.load(file)[statement]
    for path, text in solution.items():
        with open(path, "w") as file:
            file.write(text)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    benchmark = BuiltinBenchmark()
    tasks = [(Split.DEV, task) for task in benchmark.tasks(Split.DEV) if task.startswith("b-")][: args.tasks]
    seed = timed(find_agent("seed", Path("runs")), tasks, workers=None)
    null = timed(null_agent(benchmark, [task for _, task in tasks]), tasks, workers=1)
    found = {
        "seed_evaluations_per_minute": seed["per_minute"],
        "null_passed": f"{null['passed']} of {len(tasks)}",
        "null_seconds_median": null["median_s"],
        "null_seconds_slowest": null["slowest_s"],
    }
    print(json.dumps(found, indent=1))
    if args.save:
        args.save.write_text(json.dumps(found, indent=1) + "\n")


def timed(agent: Files, tasks: list[tuple[Split, str]], *, workers: int | None) -> dict[str, float]:
    """Rates from the first result to the last, so that bringing up the lab does not count."""
    moments: list[float] = []

    def watch(done: Measured) -> None:
        moments.append(time.monotonic())

    chosen = {} if workers is None else {"workers": workers}
    config = SearchConfig(budget=1, sandbox="bubblewrap", **chosen)
    results, _ = measure(agent, tasks, config, repeats=1, watch=watch)
    seconds = [item.result.wall_s for item in results]
    return {
        "per_minute": 60 * (len(moments) - 1) / (moments[-1] - moments[0]),
        "median_s": median(seconds),
        "slowest_s": max(seconds),
        "passed": sum(item.result.outcome is Outcome.PASSED for item in results),
    }


def null_agent(benchmark: BuiltinBenchmark, tasks: list[str]) -> Files:
    """An agent that knows every answer."""
    made = [benchmark.task(task) for task in tasks]
    solutions = {
        task.statement: {path.decode(): file.data.decode() for path, file in task.reference.items()} for task in made
    }
    manifest = (
        b'protocol = 1\nname = "null"\ncommand = ["python3", "-S", "-E", "-s", "/hgm/agent/main.py"]\nrelay = false\n'
    )
    return {
        b"agent.toml": File(manifest),
        b"main.py": File(NULL_MAIN),
        b"solutions.json": File(json.dumps(solutions).encode()),
    }


if __name__ == "__main__":
    main()
