"""How long `hgm --help` takes, from the shell's point of view, and which imports it pays for.

usage: python benchmarks/startup.py [--runs 20] [--save FILE]

Prints the median and the slowest of so many starts with warm caches (one start before them is not counted), and the
modules that `python -X importtime` blames most, by their own time. The bar is 0.3 s.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

COMMANDS = (["--help"], ["search", "--help"], ["--version"])
BAR_S = 0.3
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|\s*(\S+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    rows = [row(words, args.runs) for words in COMMANDS]
    for found in rows:
        print(f"hgm {found['command']:<14} median {found['median_s']:.3f} s, slowest {found['slowest_s']:.3f} s")
    dearest = imports()
    for module, seconds in dearest:
        print(f"  {seconds * 1000:6.1f} ms  {module}")
    if args.save:
        args.save.write_text(
            json.dumps({"bar_s": BAR_S, "commands": rows, "imports_s": dict(dearest)}, indent=1) + "\n"
        )
    sys.exit(rows[0]["median_s"] > BAR_S)


def row(words: list[str], runs: int) -> dict[str, object]:
    """One command, started so many times."""
    took = [start(words) for _ in range(runs + 1)][1:]
    return {"command": " ".join(words), "runs": runs, "median_s": median(took), "slowest_s": max(took)}


def start(words: list[str]) -> float:
    """Seconds of one start."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hgm", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def imports(most: int = 8) -> list[tuple[str, float]]:
    """The modules with the largest import time of their own."""
    command = [sys.executable, "-X", "importtime", "-m", "hgm", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    own = [(match[3], int(match[1]) / 1e6) for match in _LINE.finditer(said)]
    return sorted(own, key=lambda item: -item[1])[:most]


if __name__ == "__main__":
    main()
