"""MiniWoB++ as the lab plays it: whether pages are determined by their seeds and can be solved, and what it costs.

usage: python -m benchmarks.miniwob [--sandbox docker] [--sandbox bubblewrap] [--seeds 5] [--save FILE]

For each sandbox: every sound page is loaded twice per seed, in two browsers, and goal and text must be the same; every
scripted oracle plays every seed of its page, in two browsers at once; so do an agent that does nothing and one that
acts at random. The bars: median reset 0.2 s, median step 60 ms with a text observation, 3 oracle episodes a second.
A file that is there keeps what it says of other sandboxes.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from random import Random
from statistics import median
from typing import Any, NamedTuple

from evaluators.base import Json, Task
from evaluators.gui.base import Episode, Observation, Stage
from evaluators.gui.oracles import ORACLES, Solve, at_random, do_nothing, play
from evaluators.gui.pages import EXCLUDED, SOUND
from evaluators.gui.pool import open_stage
from evaluators.miniwob import MiniwobBenchmark
from sandboxes.choose import choose
from trees.records import Outcome

BROWSERS = 2
BARS = {"reset_s": 0.2, "step_s": 0.06, "oracle_episodes_per_s": 3.0}
Run = Callable[[Task, int], Any]


@dataclass
class Clock:
    """Seconds of what was timed, by kind."""

    took: dict[str, list[float]] = field(default_factory=lambda: {"reset_s": [], "step_s": []})

    @contextmanager
    def time(self, kind: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.took[kind].append(time.perf_counter() - began)

    def medians(self) -> dict[str, float]:
        return {kind: round(median(seconds), 4) for kind, seconds in self.took.items() if seconds}


class Timed:
    """An episode whose steps are timed; those that wait on purpose are not."""

    def __init__(self, episode: Episode, clock: Clock) -> None:
        self._episode, self._clock = episode, clock

    def observe(self, *, screenshot: bool = False) -> Observation:
        return self._episode.observe(screenshot=screenshot)

    def step(self, action: Json, *, screenshot: bool = False) -> Observation:
        if action["name"] == "noop":
            return self._episode.step(action, screenshot=screenshot)
        with self._clock.time("step_s"):
            return self._episode.step(action, screenshot=screenshot)

    def verdict(self) -> Any:
        return self._episode.verdict()


class Played(NamedTuple):
    page: str
    passed: bool
    told: str
    """What an oracle that failed has met."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandbox", action="append", choices=("docker", "bubblewrap"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    benchmark = MiniwobBenchmark(seeds=args.seeds)
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "versions": {name: metadata.version(name) for name in ("miniwob", "playwright")},
        "sound_pages": len(SOUND),
        "excluded": dict(EXCLUDED),
        "bars": BARS,
    }
    for sandbox in args.sandbox or ("docker", "bubblewrap"):
        found[sandbox] = measured(benchmark, sandbox, args.seeds)
        print(json.dumps({name: value for name, value in found[sandbox].items() if name != "oracles"}, indent=1))
    if args.save:
        if args.save.is_file():
            found = {**json.loads(args.save.read_text()), **found}
        args.save.write_text(json.dumps(found, indent=1) + "\n")


def measured(benchmark: MiniwobBenchmark, sandbox: str, seeds: int) -> dict[str, Any]:
    """Everything about one kind of sandbox."""
    clock, busy = Clock(), [round(os.getloadavg()[0], 1)]
    with closing(open_stage(choose(sandbox), run=f"benchmark-miniwob-{os.getpid()}")) as stage:
        began = time.perf_counter()
        every(stage, tasks(benchmark, SOUND[:BROWSERS], 1), partial(solved, stage, Clock(), do_nothing))
        first_s = time.perf_counter() - began
        differing = undetermined(stage, tasks(benchmark, SOUND, seeds))
        began = time.perf_counter()
        oracles = every(stage, tasks(benchmark, tuple(ORACLES), seeds), partial(by_oracle, stage, clock))
        oracle_s = time.perf_counter() - began
        nothing = every(stage, tasks(benchmark, SOUND, 1), partial(solved, stage, Clock(), do_nothing))
        random = every(stage, tasks(benchmark, SOUND, 1), partial(at_hazard, stage))
        busy.append(round(os.getloadavg()[0], 1))
    return {
        "seeds": seeds,
        "load_average_before_and_after": busy,
        "start_s": round(first_s, 2),
        "not_determined_by_the_seed": differing,
        **clock.medians(),
        "oracle_episodes_per_s": round(len(oracles) / oracle_s, 2),
        "oracle_pages": len(ORACLES),
        "oracle_pages_always_passed": sum(passed == seeds for passed in by_page(oracles).values()),
        "oracles_failed": [found.told for found in oracles if found.told],
        "nothing_passes": sorted(found.page for found in nothing if found.passed),
        "random_passes": sorted(found.page for found in random if found.passed),
        "oracles": by_page(oracles),
    }


def tasks(benchmark: MiniwobBenchmark, pages: Sequence[str], seeds: int) -> list[Task]:
    return [benchmark.task(f"{page}@{seed}") for page in pages for seed in range(seeds)]


def every(stage: Stage, wanted: Sequence[Task], run: Run) -> list[Any]:
    """Each task once, in as many browsers as there are slots."""
    slots = SimpleQueue[int]()
    for slot in range(BROWSERS):
        slots.put(slot)

    def one(task: Task) -> Any:
        slot = slots.get()
        try:
            return run(task, slot)
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(BROWSERS) as pool:
        return list(pool.map(one, wanted))


def solved(stage: Stage, clock: Clock, solve: Solve, task: Task, slot: int) -> Played:
    began = time.perf_counter()
    with stage.episode(task, job=task.id, slot=slot) as episode:
        clock.took["reset_s"].append(time.perf_counter() - began)
        stuck = play(Timed(episode, clock), solve)
        verdict = episode.verdict()
    passed = verdict.outcome is Outcome.PASSED
    return Played(task.groups["page"], passed, "" if passed else f"{task.id}: {verdict.cause}: {stuck}")


def by_oracle(stage: Stage, clock: Clock, task: Task, slot: int) -> Played:
    return solved(stage, clock, ORACLES[task.groups["page"]], task, slot)


def at_hazard(stage: Stage, task: Task, slot: int) -> Played:
    return solved(stage, Clock(), at_random(Random(task.id)), task, slot)


def undetermined(stage: Stage, wanted: Sequence[Task]) -> list[str]:
    """Tasks whose goal or text is not the same in another browser."""

    def seen(task: Task, slot: int) -> tuple[str, str]:
        with stage.episode(task, job=task.id, slot=slot) as episode:
            found = episode.observe()
            return found.goal, found.text

    def all_in(slot: int) -> list[tuple[str, str]]:
        return [seen(task, slot) for task in (wanted if slot else reversed(wanted))]

    with ThreadPoolExecutor(BROWSERS) as pool:
        backward, forward = pool.map(all_in, range(BROWSERS))
    pairs = zip(wanted, reversed(backward), forward, strict=True)
    return [task.id for task, one, other in pairs if one != other]


def by_page(found: Sequence[Played]) -> Mapping[str, int]:
    """How many seeds of each page were passed."""
    counts: dict[str, int] = {}
    for played in found:
        counts[played.page] = counts.get(played.page, 0) + played.passed
    return counts


if __name__ == "__main__":
    main()
