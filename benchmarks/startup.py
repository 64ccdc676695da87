"""How long `hgm --help` takes, from the shell's point of view, and which imports it pays for.

usage: python benchmarks/startup.py [--runs 20] [--save FILE]

Prints the median and the slowest of so many starts with warm caches (one start before them is not counted), and the
modules that `python -X importtime` blames most, by their own time. The bar is 0.3 s.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

COMMANDS = (["--help"], ["search", "--help"], ["tree", "--help"])
BAR_S = 0.3
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|\s*(\S+)")


class Row(NamedTuple):
    """One command."""

    command: str
    median_s: float
    slowest_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    rows = [row(words, args.runs) for words in COMMANDS]
    text = table(rows, imports(), args.runs)
    print(text)
    if args.save:
        args.save.write_text(text)
    sys.exit(rows[0].median_s > BAR_S)


def table(rows: list[Row], dearest: list[tuple[str, float]], runs: int) -> str:
    """Everything as Markdown."""
    lines = [
        "# Seconds from the shell to the first answer",
        "",
        f"Made by `python benchmarks/startup.py` with Python {platform.python_version()}, {runs} warm starts each;",
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors. The bar is {BAR_S} s for `hgm --help`.",
        "",
        "| | median | slowest |",
        "|---|--:|--:|",
        *(f"| `hgm {row.command}` | {row.median_s:.3f} | {row.slowest_s:.3f} |" for row in rows),
        "",
        "Own import times of `hgm --help`, in milliseconds: "
        + ", ".join(f"{module} {seconds * 1000:.1f}" for module, seconds in dearest)
        + ".",
    ]
    return "\n".join(lines) + "\n"


def row(words: list[str], runs: int) -> Row:
    """One command, started so many times."""
    took = [start(words) for _ in range(runs + 1)][1:]
    return Row(" ".join(words), median(took), max(took))


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
