"""What an evaluation on SWE-bench costs beside the agent and the tests, and the harness on the same gold patches.

usage: python -m benchmarks.swebench --data ROWS.jsonl [--repeats 3] [--save FILE]

The agent makes the gold edit in its sandbox and exits. From each evaluation's time that of every command in a sandbox
is taken away: the agent's, that of the harness's script, and that of its second run with a canary; what is left is the
lab's own. `swebench eval --gold` grades the same patches, one at a time. The bar: at most 1.5 s at the median, where
the sealed images are there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from evaluators.base import Split
from evaluators.environments import provider_for
from evaluators.swebench import SwebenchBenchmark
from hgm.config import SearchConfig
from hgm.evaluate import evaluate
from hgm.jobs import EvaluateJob
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.base import Exit, File, SandboxSpec
from sandboxes.docker import Docker
from sandboxes.docker_sandbox import DockerSandbox
from trees.archive import Archive
from trees.records import Outcome

BAR_S = 1.5
MANIFEST = b'protocol = 1\nname = "gold"\ncommand = ["python3", "-S", "/hgm/agent/main.py"]\nrelay = false\n'
AGENT = b"""\
import pathlib, subprocess, sys
if "--self-test" in sys.argv:
    sys.exit(0)
for patch in sorted(pathlib.Path("/hgm/agent").glob("*.diff")):
    if not subprocess.run(["git", "apply", "--check", str(patch)], capture_output=True).returncode:
        subprocess.run(["git", "apply", str(patch)], check=True)
"""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found = evaluations(args.data, args.repeats)
    overhead = median(item for instance in found.values() for item in instance["overhead_s"])
    result = {
        "repeats": args.repeats,
        "load": os.getloadavg()[0],
        "overhead_s": round(overhead, 3),
        "bar_s": BAR_S,
        "instances": found,
        "swebench_eval_gold_s": harness(args.data),
    }
    print(json.dumps(result, indent=1))
    if args.save:
        args.save.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(overhead > BAR_S)


def evaluations(data: Path, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Instance -> seconds of its evaluations in all, and of the lab's own."""
    benchmark = SwebenchBenchmark(data=data)
    tasks = [benchmark.task(task) for split in Split for task in benchmark.tasks(split)]
    patches = {f"{task.name}.diff".encode(): File(task.grading.gold) for task in tasks}
    agent = {b"agent.toml": File(MANIFEST), b"main.py": File(AGENT), **patches}
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


def harness(data: Path) -> float:
    """Seconds that the harness needs for the gold patches, one after the other."""
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        command = [Path(sys.executable).parent / "swebench", "eval", str(data.absolute()), "--gold", "-j", "1"]
        options = ["--run-id", "hgm-bench", "--report-dir", place]
        subprocess.run([*command, *options], cwd=place, check=True, capture_output=True)
        return round(time.perf_counter() - began, 1)


if __name__ == "__main__":
    main()
