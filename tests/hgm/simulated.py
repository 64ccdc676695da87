"""Runs whose jobs are a pure function of the job: real journal, archive, plan and loop, without sandboxes or models."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from hgm.config import SearchConfig
from hgm.executors.local import LocalExecutor
from hgm.jobs import EvaluationResult, ExpandJob, ExpansionResult, Job, Result, derive_seed
from hgm.loop import Watch, search
from hgm.run import Folder, create, opened
from sandboxes.base import File
from trees.journal import Journal
from trees.policies import policy_of_run
from trees.records import Expansion, Outcome

SEED_AGENT = {
    b"agent.toml": File(b'protocol = 1\nname = "seed"\ncommand = ["python3", "main.py"]\n'),
    b"main.py": File(b""),
}


Work: TypeAlias = Callable[[Job, int], Result]


def created(budget: int = 30, policy: str = "hgm", **config: Any) -> dict[str, Any]:
    """An event 0."""
    settings = SearchConfig(
        budget=budget,
        policy={"name": policy},
        confirmation={"candidates": 2, "select_tasks": 3, "sealed_tasks": 2, "sealed_repeats": 2},
        **config,
    )
    return {
        "config": settings.model_dump(mode="json"),
        "sandbox": "bubblewrap",
        "benchmark": {"name": "simulated", "fingerprint": "0"},
        "search_tasks": [f"t{number}" for number in range(20)],
        "select_tasks": ["s0", "s1", "s2"],
        "sealed_tasks": ["z0", "z1"],
        "versions": {},
        "sealed_openings": 0,
    }


def make(path: Path, **options: Any) -> Path:
    """A fresh run."""
    create(path, created(**options), SEED_AGENT)
    return path


def work(job: Job, slot: int) -> Result:
    """The same result for the same job: some children are rejected, some evaluations unmeasured."""
    chance = derive_seed("result", job.id, job.seed) % 100
    if isinstance(job, ExpandJob):
        if chance < 20:
            return ExpansionResult(job=job.id, kind=Expansion.REJECTED, reason="empty: nothing", files=SEED_AGENT)
        files = {**SEED_AGENT, b"main.py": File(f"# {job.seed}\n".encode())}
        return ExpansionResult(job=job.id, kind=Expansion.CHILD, brief="try", files=files)
    if chance < 5:
        return EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED, cause="host")
    outcome = Outcome.PASSED if chance < 50 else Outcome.FAILED
    return EvaluationResult(job=job.id, outcome=outcome, cause="" if outcome is Outcome.PASSED else "crashed")


def go_on(path: Path, *, workers: int = 1, stop_after: int | None = None, by: Work = work) -> str:
    """Go on with a run, to its end or until so many results were told."""
    told: list[Result] = []
    executor = LocalExecutor(by, workers)
    try:
        with opened(path) as run:
            return search(
                run,
                policy_of_run(run.state.config.policy.name, **run.state.config.policy.options),
                executor,
                watch=Watch(finished=lambda job, result: told.append(result)),
                stopping=lambda: stop_after is not None and len(told) >= stop_after,
            )
    finally:
        executor.close()


def cut(path: Path, copy: Path, events: int) -> Path:
    """A copy of a run as a kill after so many events would have left it: the archive may know more than the journal."""
    shutil.copytree(path, copy)
    whole = Journal.open(Folder(path).journal, readonly=True)
    kept = list(whole.events())[:events]
    whole.close()
    for file in copy.glob("journal.sqlite*"):
        file.unlink()
    journal = Journal.create(Folder(copy).journal)
    journal.append_all([(event.kind, event.payload) for event in kept])
    journal.close()
    return copy


def events_of(path: Path) -> int:
    """How many events a run has."""
    journal = Journal.open(Folder(path).journal, readonly=True)
    try:
        return sum(1 for _ in journal.events())
    finally:
        journal.close()
