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
from pathlib import Path
from statistics import median

from benchmarks.timed import MANIFEST, evaluations
from evaluators.base import Split
from evaluators.swebench import SwebenchBenchmark
from sandboxes.base import File, Files

BAR_S = 1.5
AGENT = b"""\
import pathlib, subprocess, sys
if "--self-test" in sys.argv:
    sys.exit(0)
for patch in sorted(pathlib.Path("/hgm/agent").glob("*.diff")):
    if not subprocess.run(["git", "apply", "--check", str(patch)], capture_output=True).returncode:
        subprocess.run(["git", "apply", str(patch)], check=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found = evaluated(args.data, args.repeats)
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


def evaluated(data: Path, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Instance -> seconds of its evaluations in all, and of the lab's own."""
    benchmark = SwebenchBenchmark(data=data)
    tasks = [benchmark.task(task) for split in Split for task in benchmark.tasks(split)]
    return evaluations(benchmark, tasks, gold_agent(benchmark), repeats)


def gold_agent(benchmark: SwebenchBenchmark) -> Files:
    """An agent that makes the gold edit, whichever of the instances it works on."""
    tasks = [benchmark.task(task) for split in Split for task in benchmark.tasks(split)]
    patches = {f"{task.name}.diff".encode(): File(task.grading.gold) for task in tasks}
    return {b"agent.toml": File(MANIFEST), b"main.py": File(AGENT), **patches}


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
