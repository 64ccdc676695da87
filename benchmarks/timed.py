"""Evaluations of an agent, each with the time that is the lab's own: what is left beside commands in sandboxes."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evaluators.base import Benchmark, Task
from evaluators.environments import provider_for
from hgm.config import SearchConfig
from hgm.evaluate import evaluate
from hgm.jobs import EvaluateJob
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.base import Exit, Files, SandboxSpec
from sandboxes.docker import Docker
from sandboxes.docker_sandbox import DockerSandbox
from trees.archive import Archive
from trees.records import Outcome

MANIFEST = b'protocol = 1\nname = "gold"\ncommand = ["python3", "-S", "/hgm/agent/main.py"]\nrelay = false\n'
commands: list[float] = []
"""Seconds of each command in a sandbox since the list was cleared."""


class Timed(Docker):
    """Notes how long commands take."""

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[DockerSandbox]:
        """See `SandboxProvider`."""
        with super().open(spec) as box:
            run = box.run

            def timed(command: Sequence[str], *, deadline_s: float | None = None, stdin: bytes = b"") -> Exit:
                began = time.perf_counter()
                try:
                    return run(command, deadline_s=deadline_s, stdin=stdin)
                finally:
                    commands.append(time.perf_counter() - began)

            box.run = timed  # type: ignore[method-assign]
            yield box


def evaluations(
    benchmark: Benchmark, tasks: Sequence[Task], agent: Files, repeats: int
) -> dict[str, dict[str, list[float]]]:
    """Task -> seconds of its evaluations in all, and of the lab's own; the first evaluation of each does not count.

    Every one must pass.
    """
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place) / "run")
        for made in (folder.path, folder.trajectories, folder.grading):
            made.mkdir()
        archive = Archive.create(folder.archive)
        commit = archive.add_root(agent).commit
        config = SearchConfig(budget=1, sandbox="docker")
        with lab_for(folder, config, archive, agent, sandbox="docker", progress=lambda job, stage: None) as lab:
            assert isinstance(lab.provider, Docker)
            provider = Timed(lab.provider.engine, image=lab.provider.image, transport="mounted")
            lab = replace(lab, provider=provider, benchmark=benchmark)
            number = 0
            for task in tasks:
                provider_for(task, provider)
                took: dict[str, list[float]] = {"evaluation_s": [], "overhead_s": []}
                for repeat in range(repeats + 1):
                    job = EvaluateJob(
                        id=f"e{number:05d}",
                        node=0,
                        commit=commit,
                        split=task.split,
                        task=task.id,
                        repeat=repeat,
                        seed=0,
                    )
                    number += 1
                    commands.clear()
                    result = evaluate(job, lab, 0)
                    if result.outcome is not Outcome.PASSED:
                        raise SystemExit(f"{task.name}: {result.outcome} {result.cause} {result.detail}")
                    if repeat:  # the first one makes what the others find
                        took["evaluation_s"].append(round(result.wall_s, 3))
                        took["overhead_s"].append(round(result.wall_s - sum(commands), 3))
                found[task.name] = took
    return found
