"""Search policies at equal cost: what each one's winner is worth on tasks that no search has seen.

usage: python benchmarks/compare.py --runs-dir DIR [--budget 200] [--seeds 5] [--sealed-tasks 40]
                                    [--quixbugs FILE.jsonl] [--quixbugs-repeats 3] [--save FILE] [--report]

Arms: hgm, greedy, random, flat_children, and a placebo whose editor changes a comment only. Each arm searches the
builtin benchmark with every run seed; then winner and seed agent run on the same sealed tasks, 3 repeats each, and when
all searches are done on QuixBugs, which no search here reads. The unit of an interval is the search run,
as `hgm compare RUN...` has it for sealed tasks. Runs that are
there already are resumed or read, so the command can be stopped and given again; --report prints what is there.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

from evaluators.base import Split
from hgm.agents_by_name import best_node
from hgm.gains import ArmGain, RunGain, report, searched
from hgm.plan import is_finished
from hgm.run import Folder, read
from hgm.summary import score
from trees.records import ROOT
from trees.statistics import mean_interval

HGM = [sys.executable, "-m", "hgm"]
ARMS = ("hgm", "greedy", "random", "flat_children", "placebo")


def main() -> None:
    args = arguments()
    if not args.report:
        pairs = [(arm, seed) for seed in range(args.seeds) for arm in ARMS]
        for arm, seed in pairs:
            search(args, arm, seed)
        for arm, seed in pairs if args.quixbugs else []:
            quixbugs(args, arm, seed)
    named = [(args.runs_dir / name_of(arm, seed), arm) for arm in ARMS for seed in range(args.seeds)]
    named = [(path, arm) for path, arm in named if is_there(path)]
    if not named:
        sys.exit(f"no finished run in {args.runs_dir}")
    told = report(searched(named))
    rows = [row(args.runs_dir, gain) for gain in told.runs]
    table = {arm.arm: summary(arm, [item for item in rows if item["arm"] == arm.arm]) for arm in told.arms}
    for line in lines(table):
        print(line)
    if args.save:
        args.save.write_text(json.dumps(as_saved(args, table, rows), indent=1) + "\n")


def as_saved(args: argparse.Namespace, table: dict[str, dict[str, object]], rows: list[dict[str, object]]) -> object:
    """What --save writes."""
    conditions = {name: vars(args)[name] for name in ("budget", "seeds", "sealed_tasks", "quixbugs_repeats")}
    return {**conditions, "arms": table, "runs": rows}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs-dir", type=Path, required=True)
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sealed-tasks", type=int, default=40)
    parser.add_argument("--quixbugs", type=Path)
    parser.add_argument("--quixbugs-repeats", type=int, default=3)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--report", action="store_true")
    return parser.parse_args()


def name_of(arm: str, seed: int) -> str:
    """The run's name."""
    return f"{arm}-{seed}"


def is_there(path: Path) -> bool:
    """Whether the run is finished."""
    return Folder(path).journal.is_file() and is_finished(read(path))


def search(args: argparse.Namespace, arm: str, seed: int) -> None:
    """Make the run, or finish it."""
    path = args.runs_dir / name_of(arm, seed)
    if is_there(path):
        return
    if Folder(path).journal.is_file():
        command = ["resume", str(path), "--quiet"]
    else:
        command = ["search", "--quiet", "--runs-dir", str(args.runs_dir), "--run", path.name, "--seed", str(seed)]
        command += ["--budget", str(args.budget), "--sealed-tasks", str(args.sealed_tasks), "--sandbox", "bubblewrap"]
        command += ["--editor", "placebo"] if arm == "placebo" else ["--policy", arm]
    print(f"{path.name} …", file=sys.stderr, flush=True)
    subprocess.run([*HGM, *command], check=True, stdout=subprocess.DEVNULL)


def quixbugs(args: argparse.Namespace, arm: str, seed: int) -> None:
    """Winner and seed agent on QuixBugs; an arm whose winner is the seed shares the seed's figures."""
    path = args.runs_dir / name_of(arm, seed)
    winner = best_node(read(path))
    for agent, file in ((f"{path}:{winner}", f"{path.name}.winner.json"), ("seed", f"seed-{seed}.json")):
        out = args.runs_dir / file
        if (winner == ROOT and agent != "seed") or out.exists():
            continue
        command = ["evaluate", agent, "--benchmark", "quixbugs", "--data", str(args.quixbugs), "--split", "all"]
        command += ["--repeats", str(args.quixbugs_repeats), "--seed", str(seed), "--json", str(out), "--quiet"]
        command += ["--sandbox", "bubblewrap"]
        subprocess.run([*HGM, *command], check=True, stdout=subprocess.DEVNULL)


def row(runs: Path, gain: RunGain) -> dict[str, object]:
    """What one run came to."""
    state = read(runs / gain.name)
    winner = best_node(state)
    found: dict[str, object] = {
        "arm": gain.arm,
        "seed": gain.seed,
        "nodes": len(state.nodes),
        "rejected": len(state.failed_expansions),
        "winner": winner,
        "search_score": score(state, winner, Split.SEARCH).share,
        "seed_sealed": gain.seed_rate,
        "winner_sealed": gain.winner_rate,
    }
    seed_file = runs / f"seed-{gain.seed}.json"
    winner_file = seed_file if winner == ROOT else runs / f"{gain.name}.winner.json"
    if seed_file.exists() and winner_file.exists():
        found["seed_quixbugs"] = json.loads(seed_file.read_text())["pass_rate"]
        found["winner_quixbugs"] = json.loads(winner_file.read_text())["pass_rate"]
    return found


def summary(arm: ArmGain, rows: list[dict[str, object]]) -> dict[str, object]:
    """Means over the runs of an arm, gains with the 95 % interval over runs; of sealed tasks over tasks, too."""
    found: dict[str, object] = {"runs": len(rows)}
    if arm.gain is not None:
        found["sealed"] = figures(arm.seed_rate, arm.winner_rate, arm.gain, arm.interval or (None, None))
    pairs = [(item["seed_quixbugs"], item["winner_quixbugs"]) for item in rows if "seed_quixbugs" in item]
    if len(pairs) > 1:
        before, after = ([float(str(rate)) for rate in rates] for rates in zip(*pairs, strict=True))
        gain = mean_interval([b - a for a, b in zip(before, after, strict=True)])
        found["quixbugs"] = figures(mean(before), mean(after), gain.mean, gain[1:])
    return found


def figures(
    seed: float | None, winner: float | None, gain: float | None, ends: Sequence[float | None]
) -> dict[str, object]:
    """One benchmark's cells."""
    return {"seed": seed, "winner": winner, "gain": gain, "low": ends[0], "high": ends[1]}


def lines(table: dict[str, dict[str, object]]) -> Iterator[str]:
    """The table as Markdown."""
    yield "| arm | runs | sealed: seed | winner | gain [95 % over runs] | QuixBugs: seed | winner | gain [95 %] |"
    yield "|---|---|---|---|---|---|---|---|"
    for arm, found in table.items():
        yield f"| {arm} | {found['runs']} | {' | '.join(cells(found.get(name)) for name in ('sealed', 'quixbugs'))} |"


def cells(found: object) -> str:
    """Three cells of one benchmark."""
    if not isinstance(found, dict):
        return "– | – | –"
    ends = "" if found["low"] is None else f" [{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]"
    gain = f"{100 * found['gain']:+.1f}{ends}"
    return f"{100 * found['seed']:.1f} % | {100 * found['winner']:.1f} % | {gain}"


if __name__ == "__main__":
    main()
