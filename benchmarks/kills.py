"""Kill a real search with SIGKILL at random moments, resume it, and compare with the run that nobody disturbed.

usage: python benchmarks/kills.py [--kills 50] [--budget 12] [--seed 0] [--sandbox bubblewrap] [--save FILE]
       python benchmarks/kills.py --sandbox docker --kills 10 --budget 200 --workers 2 --patience 40 --alone

For each run seed: an uninterrupted search; then the same search, killed at uniformly random moments after its start,
ten times at most, and left to finish. With one worker both must have the same parents, git trees, decisions and
outcomes. No job may be finished twice, and after `hgm gc` no process, cgroup, mount, folder, container, volume or
network of theirs may be left. With --alone there is no uninterrupted search to compare with.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hgm.run import Folder, read
from hgm.scratch import run_id
from trees.journal import Journal

KILLS_PER_RUN = 10
SHORTEST_S = 0.3
HGM = [sys.executable, "-m", "hgm"]
SMALL = ["--quiet", "-o", "confirmation.select_tasks=2", "-o", "confirmation.sealed_tasks=2",
         "-o", "confirmation.sealed_repeats=1"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--budget", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--patience", type=float, default=8.0, help="longest time before a kill, in seconds")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="hgm-kills-") as folder:
        runs = Path(folder)
        while sum(int(str(row["kills"])) for row in rows) < args.kills:
            rows.append(disturb(runs, args.seed + len(rows), args, rng))
            print(json.dumps(rows[-1]), flush=True)
    total = sum(int(str(row["kills"])) for row in rows)
    failed = [row for row in rows if not all(row.get(key, True) for key in ("equal", "no_job_twice", "nothing_left"))]
    print(f"{total} kills over {len(rows)} runs; not as it must be: {len(failed)}")
    if args.save:
        conditions = {name: vars(args)[name] for name in ("sandbox", "workers", "budget")}
        args.save.write_text(json.dumps({**conditions, "kills": total, "rows": rows}, indent=1) + "\n")
    sys.exit(bool(failed))


def disturb(runs: Path, seed: int, args: argparse.Namespace, rng: random.Random) -> dict[str, object]:
    """One run seed: undisturbed, then killed until it is finished."""
    calm, killed = runs / f"calm-{seed}", runs / f"kill-{seed}"
    start = ["--runs-dir", str(runs), "--budget", str(args.budget), "--seed", str(seed), "--sandbox", args.sandbox]
    start += ["--workers", str(args.workers), *SMALL]
    if not args.alone:
        subprocess.run([*HGM, "search", "--run", calm.name, *start], check=True, stdout=subprocess.DEVNULL)
    kills = 0
    while not finished_undisturbed(killed, start, patience(rng, args.patience) if kills < KILLS_PER_RUN else None):
        kills += 1
    subprocess.run([*HGM, "gc", "--runs-dir", str(runs)], check=True, stdout=subprocess.DEVNULL)
    return {
        "seed": seed,
        "kills": kills,
        "jobs": read(killed).jobs,
        **({} if args.alone else {"equal": read(calm).essence() == read(killed).essence()}),
        "no_job_twice": no_job_twice(killed),
        "nothing_left": not left_behind(killed),
    }


def patience(rng: random.Random, longest: float) -> float:
    """Seconds until the next kill."""
    return rng.uniform(SHORTEST_S, longest)


def finished_undisturbed(run: Path, start: list[str], patience: float | None) -> bool:
    """Start or resume the run; kill it when patience ends, if ever. Whether it came to its end before that."""
    begun = Folder(run).journal.is_file()
    command = ["resume", str(run), "--quiet"] if begun else ["search", "--run", run.name, *start]
    process = subprocess.Popen([*HGM, *command], stdout=subprocess.DEVNULL)
    try:
        status = process.wait(patience)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False
    if status:
        raise SystemExit(f"hgm {command[0]} ended with {status} by itself")
    return True


def no_job_twice(run: Path) -> bool:
    """Every job was started once and finished once, over all the lives of the run."""
    journal = Journal.open(Folder(run).journal, readonly=True)
    events = list(journal.events())
    journal.close()
    started = Counter(event.payload["id"] for event in events if event.kind == "started")
    finished = Counter(event.payload["job"] for event in events if event.kind == "finished")
    return started == finished and set(started.values()) == {1}


def left_behind(run: Path) -> list[str]:
    """Processes, mounts, cgroups, folders, and things of the engine that still carry the run's name."""
    name = run_id(run)
    found = [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    found += [str(path) for path in Path("/sys/fs/cgroup").rglob(f"*{name}*")]
    found += [str(path) for path in Path(tempfile.gettempdir()).glob(f"hgm-*/{name}")]
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [str(cmdline)] if name.encode() in cmdline.read_bytes() else []
        except OSError:
            continue  # it ended while we looked
    return found + (on_engine(name) if shutil.which("docker") else [])


def on_engine(name: str) -> list[str]:
    """Containers, volumes and networks with the run's label, as the engine's own client tells them."""
    label = f"label=hgm.run={name}"
    found: list[str] = []
    for words in (("ps", "-aq"), ("volume", "ls", "-q"), ("network", "ls", "-q")):
        listed = subprocess.run(["docker", *words, "--filter", label], capture_output=True, text=True, check=False)
        found += [f"{words[0]} {line}" for line in listed.stdout.splitlines()]
    return found


if __name__ == "__main__":
    main()
