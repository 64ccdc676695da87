"""One agent on chosen tasks, outside any search: the same lab, no tree and no journal."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

from evaluators.base import Benchmark, Split
from hgm.config import SearchConfig
from hgm.errors import ConfigError, SandboxError
from hgm.executors.base import Executor
from hgm.executors.local import LocalExecutor
from hgm.interrupts import Interrupts
from hgm.jobs import EvaluateJob, EvaluationResult, derive_seed
from hgm.layers import Preparing
from hgm.plan import UNMEASURED_IN_ROW
from hgm.run import Folder
from hgm.scratch import Scratch, run_id
from hgm.session import lab_for, sandboxes_of, work_in
from hgm.summary import Score
from sandboxes.base import Files
from trees.archive import Archive
from trees.records import ROOT, Outcome

VERSION = 1
ALL = "all"
_SPLITS = {ALL: (Split.SEARCH, Split.SELECT, Split.SEALED), **{split.value: (split,) for split in Split}}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One evaluation and how it ended."""

    job: EvaluateJob
    result: EvaluationResult


Watcher = Callable[[Measured], None]


def chosen_tasks(benchmark: Benchmark, split: str, limit: int | None = None) -> list[tuple[Split, str]]:
    """The tasks of a split by name, or of all but dev.

    Raises:
        ConfigError: no such split, or it is empty.
    """
    if split not in _SPLITS:
        raise ConfigError(f"--split {split}: choose one of {', '.join(_SPLITS)}")
    tasks = [(part, task) for part in _SPLITS[split] for task in benchmark.tasks(part)]
    if not tasks:
        raise ConfigError(f"benchmark {benchmark.name} has no {split} tasks: there is nothing to evaluate on")
    return tasks[:limit]


def measure(
    agent: Files,
    tasks: Sequence[tuple[Split, str]],
    config: SearchConfig,
    *,
    repeats: int,
    watch: Watcher = lambda done: None,
    stage: Callable[[str, str], None] = lambda job, stage: None,
    stopping: Callable[[], None] = lambda: None,
    leaving: Callable[[], None] = lambda: None,
    preparing: Preparing = lambda what: None,
) -> tuple[list[Measured], bool]:
    """Every task `repeats` times, repeat by repeat; and whether that was interrupted.

    Raises:
        SandboxError: ten in a row could not be measured.
        HGMError: the lab does not come up.
    """
    with _place(config) as (folder, runs):
        archive = Archive.create(folder.archive)
        commit = archive.add_root(agent).commit
        jobs = list(_jobs(tasks, commit, config.seed, repeats))
        sandbox = sandboxes_of(config, config.sandbox).name
        with (
            Interrupts(runs, told=stopping, leaving=leaving) as interrupts,
            lab_for(folder, config, archive, agent, sandbox=sandbox, progress=stage, preparing=preparing) as lab,
        ):
            executor = LocalExecutor(work_in(lab), config.workers)
            try:
                done = list(_run(jobs, executor, watch, interrupts))
            finally:
                executor.close()
    return done, interrupts.requested and len(done) < len(jobs)


def score(done: Sequence[Measured]) -> Score:
    """Passes among what was measured."""
    outcomes = [item.result.outcome for item in done if item.result.outcome is not Outcome.UNMEASURED]
    return Score(sum(outcome is Outcome.PASSED for outcome in outcomes), len(outcomes))


def unmeasured(done: Sequence[Measured]) -> int:
    """What enters no rate."""
    return sum(item.result.outcome is Outcome.UNMEASURED for item in done)


def document(done: Sequence[Measured], benchmark: Benchmark, *, agent: str, split: str, seed: int) -> dict[str, Any]:
    """Everything as plain JSON values."""
    found = score(done)
    tokens = [item.result.usage.input_tokens + item.result.usage.output_tokens for item in done]
    return {
        "schema": "hgm.evaluation",
        "version": VERSION,
        "agent": agent,
        "benchmark": benchmark.name,
        "fingerprint": benchmark.fingerprint(),
        "split": split,
        "seed": seed,
        "passed": found.passed,
        "measured": found.measured,
        "unmeasured": unmeasured(done),
        "pass_rate": found.share if found.measured else None,
        "interval": list(found.interval),
        "tokens_per_evaluation": mean(tokens) if tokens else None,
        "evaluations": [
            {
                "task": item.job.task,
                "split": item.job.split.value,
                "repeat": item.job.repeat,
                "outcome": item.result.outcome.value,
                "cause": item.result.cause,
                "calls": item.result.usage.calls,
                "input_tokens": item.result.usage.input_tokens,
                "output_tokens": item.result.usage.output_tokens,
                "seconds": round(item.result.wall_s, 3),
            }
            for item in sorted(done, key=lambda item: item.job.id)
        ],
    }


def write(value: dict[str, Any], file: Path) -> None:
    """Write a JSON file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        file.write_text(json.dumps(value, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written ({error.strerror}): name another file") from error


@contextmanager
def _place(config: SearchConfig) -> Iterator[tuple[Folder, list[str]]]:
    """A directory like a run's, and the run ids that name what belongs to it."""
    with Scratch(f"evaluate-{os.getpid()}") as scratch:
        folder = Folder(scratch.root / "evaluation")
        for made in (folder.path, folder.trajectories, folder.grading):
            made.mkdir(mode=0o700)
        yield folder, [run_id(folder.path), scratch.run]


def _jobs(tasks: Sequence[tuple[Split, str]], commit: str, seed: int, repeats: int) -> Iterator[EvaluateJob]:
    for number, (repeat, (split, task)) in enumerate(product(range(repeats), tasks)):
        yield EvaluateJob(
            id=f"e{number:05d}",
            node=ROOT,
            commit=commit,
            split=split,
            task=task,
            repeat=repeat,
            seed=derive_seed(seed, task, repeat),
        )


def _run(jobs: list[EvaluateJob], executor: Executor, watch: Watcher, interrupts: Interrupts) -> Iterator[Measured]:
    waiting, running, in_row = iter(jobs), dict[str, EvaluateJob](), 0
    while True:
        while not interrupts.requested and executor.busy() < executor.slots:
            job = next(waiting, None)
            if job is None:
                break
            running[job.id] = job
            executor.submit(job)
        if not executor.busy():
            return
        for result in executor.wait():
            if not isinstance(result, EvaluationResult):
                raise TypeError(f"{result.job} is no evaluation")
            in_row = in_row + 1 if result.outcome is Outcome.UNMEASURED else 0
            if in_row >= UNMEASURED_IN_ROW:
                raise SandboxError(f"{in_row} in a row could not be measured: {result.detail} (see `hgm doctor`)")
            done = Measured(job=running.pop(result.job), result=result)
            watch(done)
            yield done
