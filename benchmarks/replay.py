"""What it takes to replay a run of 1,000,000 events: 5,000 agents and 495,000 evaluations.

    python -m benchmarks.replay --folder DIR [--agents N] [--evaluations N] [--times N]

Makes the run in DIR, unless it is there from the last time, and replays its journal in fresh processes. Seconds are of
the replay alone: those of the clock, and those of the processor, which others on the machine lengthen less; of each the
least of all times. Memory is the largest that a process held.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.viewer import make
from hgm.run import read

AGENTS, EVALUATIONS = 5000, 495_000
MOST_SECONDS, MOST_MIB = 8.0, 1024
RESULTS = Path(__file__).parent / "results" / "replay.json"


def replayed(path: Path) -> dict[str, float]:
    """Replay in this process: seconds by the clock and by the processor, and MiB at most."""
    began, worked = time.monotonic(), time.process_time()
    state = read(path)
    return {
        "events": state.last_event,
        "seconds": round(time.monotonic() - began, 2),
        "processor_s": round(time.process_time() - worked, 2),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def apart(path: Path) -> dict[str, float]:
    """The same in a process of its own."""
    code = f"import json; from benchmarks.replay import *; print(json.dumps(replayed(Path({str(path)!r}))))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    path = asked.folder / f"run-{asked.agents}-{asked.evaluations}"
    if not path.is_dir():
        print("making the run (two minutes) ...", flush=True)
        draft = asked.folder / f".{path.name}"
        shutil.rmtree(draft, ignore_errors=True)
        make(draft, asked.agents, asked.evaluations)
        draft.rename(path)
    runs = [apart(path) for _ in range(asked.times)]
    found: dict[str, Any] = {"agents": asked.agents, "evaluations": asked.evaluations, "events": runs[0]["events"]}
    found |= {name: min(run[name] for run in runs) for name in ("seconds", "processor_s")}
    found["memory_mib"] = max(run["memory_mib"] for run in runs)
    found["bar"] = {"seconds": MOST_SECONDS, "memory_mib": MOST_MIB}
    found["is_kept"] = found["seconds"] <= MOST_SECONDS and found["memory_mib"] <= MOST_MIB
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    if (asked.agents, asked.evaluations) == (AGENTS, EVALUATIONS):
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
