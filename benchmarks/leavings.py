"""Many evaluations in containers, four at a time: nothing of them is left on the engine, and its disk is as before.

usage: python -m benchmarks.leavings --polyglot FILE|CLONE [--swebench ROWS.jsonl] [--evaluations 500] [--save FILE]

The seed agent, on the built-in backbone, works on Polyglot's exercises; where rows are given, an agent that makes the
gold edit works on SWE-bench's instances for a fifth of the evaluations. Containers, volumes, networks, images and
temporary folders are listed before and after; of the disk, what images take is not counted. The bar: the lists are the
same, and the disk within 100 MB.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.swebench import gold_agent
from evaluators.base import Benchmark, Split
from evaluators.polyglot import PolyglotBenchmark
from evaluators.swebench import SwebenchBenchmark
from hgm.run import read
from sandboxes.choose import choose
from sandboxes.engine import Engine, connect
from trees.archive import put_files

WORKERS = 4
DISK_BYTES = 100_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polyglot", type=Path, required=True)
    parser.add_argument("--swebench", type=Path)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    engine = connect()
    share = args.evaluations // 5 if args.swebench else 0
    with tempfile.TemporaryDirectory(prefix="leavings-") as place:
        gold = Path(place) / "gold"
        plans: list[tuple[str, str, Benchmark, Path, int]] = [
            ("polyglot", "seed", PolyglotBenchmark(args.polyglot), args.polyglot, args.evaluations - share)
        ]
        if args.swebench:
            benchmark = SwebenchBenchmark(data=args.swebench)
            put_files(gold_agent(benchmark), gold)
            plans.append(("swebench", str(gold), benchmark, args.swebench, share))
        for name, agent, benchmark, data, _ in plans:  # images are built and sealed first
            evaluate(Path(place), f"{name}-first", agent, name, data, limit=size(benchmark), repeats=1)
        before, used, began = listed(engine), disk(engine), time.monotonic()
        outcomes: dict[str, int] = {}
        for name, agent, benchmark, data, wanted in plans:
            limit = min(size(benchmark), wanted)
            repeats = math.ceil(wanted / limit)
            run = evaluate(Path(place), name, agent, name, data, limit=limit, repeats=repeats)
            for item in read(run).evaluations:
                outcomes[item.outcome.value] = outcomes.get(item.outcome.value, 0) + 1
        took = time.monotonic() - began
        after, grown = listed(engine), disk(engine) - used - folder_bytes(Path(place))
    new = {kind: sorted(after[kind] - before[kind]) for kind in after}
    result = {
        "evaluations": sum(outcomes.values()),
        "workers": WORKERS,
        "outcomes": outcomes,
        "seconds": round(took, 1),
        "left": new,
        "disk_grown_bytes": grown,
    }
    print(json.dumps(result, indent=1))
    if args.save:
        args.save.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(any(new.values()) or grown > DISK_BYTES)


def size(benchmark: Benchmark) -> int:
    return sum(len(benchmark.tasks(split)) for split in Split)


def evaluate(place: Path, run: str, agent: str, name: str, data: Path, *, limit: int, repeats: int) -> Path:
    words = [name, "--data", str(data), "--limit", str(limit), "--repeats", str(repeats), "--run", run]
    options = ["--runs-dir", str(place), "--workers", str(WORKERS), "--sandbox", "docker", "--quiet"]
    subprocess.run([sys.executable, "-m", "hgm", "evaluate", agent, "--benchmark", *words, *options], check=True)
    return place / run


def listed(engine: Engine) -> dict[str, set[str]]:
    """Kind -> names of what is there."""
    api = engine.api
    return {
        "containers": {item["Id"] for item in api.containers(all=True)},
        "volumes": {item["Name"] for item in api.volumes()["Volumes"] or []},
        "networks": {item["Id"] for item in api.networks()},
        "images": {item["Id"] for item in api.images(all=True)},
        "folders": {path.name for path in Path(tempfile.gettempdir()).glob("hgm-*")},
    }


def disk(engine: Engine) -> int:
    """Bytes in use where the engine keeps its data, without images' layers."""
    choose("docker")
    return shutil.disk_usage(engine.root).used - int(engine.api.df()["LayersSize"])


def folder_bytes(folder: Path) -> int:
    """Of the runs themselves, which lie on the same disk here."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


if __name__ == "__main__":
    main()
