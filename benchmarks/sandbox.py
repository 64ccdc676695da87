"""What a sandbox costs, phase by phase, for a command that does nothing.

usage: python benchmarks/sandbox.py [--boxes 200] [--save FILE]

Opens sandboxes one after the other with a workspace of 20 small files and a mounted folder. "alone" is bubblewrap by
itself with the same namespaces, started as the same kind of process. The bar is 25 ms in all, at the median.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from sandboxes.base import File, Mount, SandboxSpec
from sandboxes.bubblewrap import Bubblewrap

BAR_S = 0.025
FILES = {b"folder/%d.py" % number: File(b"print('hello')\n" * 20) for number in range(20)}
PHASES = ("open", "put", "run", "take", "close")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    provider = Bubblewrap()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        box(provider, Path(folder))
        processor = processor_s()
        boxes = [box(provider, Path(folder)) for _ in range(args.boxes)]
        processor = (processor_s() - processor) / args.boxes
    alone = [bubblewrap_alone() for _ in range(args.boxes)]
    text = table(provider, boxes, alone, processor)
    print(text)
    if args.save:
        args.save.write_text(text)
    sys.exit(median(map(sum, boxes)) > BAR_S)


def box(provider: Bubblewrap, folder: Path) -> tuple[float, ...]:
    """Seconds that each phase of one sandbox took."""
    times = [time.perf_counter()]
    spec = SandboxSpec(run="benchmark", job="box", mounts=(Mount(source=folder, target="/hgm/agent"),))
    with provider.open(spec) as opened:
        times.append(time.perf_counter())
        opened.put(FILES)
        times.append(time.perf_counter())
        opened.run(["/usr/bin/true"])
        times.append(time.perf_counter())
        opened.take()
        times.append(time.perf_counter())
    times.append(time.perf_counter())
    return tuple(after - before for before, after in pairwise(times))


def bubblewrap_alone() -> float:
    """Seconds of a bubblewrap that is waited for by nobody but us."""
    words = "bwrap --unshare-all --unshare-user --disable-userns --ro-bind /usr /usr --symlink usr/bin /bin"
    words += " --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev /usr/bin/true"
    began = time.perf_counter()
    subprocess.run(words.split(), check=True)
    return time.perf_counter() - began


def processor_s() -> float:
    """Processor seconds of this process and of all that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def table(provider: Bubblewrap, boxes: list[tuple[float, ...]], alone: list[float], processor: float) -> str:
    """Everything as Markdown."""
    hierarchy = provider.tools.hierarchy
    limits = f"control groups version {hierarchy.version}" if hierarchy else "no control groups"
    columns = {**dict(zip(PHASES, zip(*boxes, strict=True), strict=True)), "in all": [*map(sum, boxes)], "alone": alone}
    rows = [(name, *(1000 * f(times) for f in (min, median, max))) for name, times in columns.items()]
    python, load = platform.python_version(), os.getloadavg()[0]
    lines = [
        "# Milliseconds of one sandbox",
        "",
        f"Made by `python benchmarks/sandbox.py` with Python {python}, {len(boxes)} boxes, {limits};",
        f"load average {load:.1f} on {os.cpu_count()} processors. The bar is {1000 * BAR_S:.0f} ms in all.",
        "",
        "| | least | median | most |",
        "|---|--:|--:|--:|",
        *(f"| {name} | {least:.1f} | {middle:.1f} | {most:.1f} |" for name, least, middle, most in rows),
        "",
        f"Processor time per sandbox, everything included: {1000 * processor:.1f} ms.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
