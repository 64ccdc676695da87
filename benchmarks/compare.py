"""Search policies at equal cost: what each one's winner is worth on tasks that no search has seen.

usage: python benchmarks/compare.py --runs-dir DIR [--budget 200] [--seeds 5] [--sealed-tasks 40]
                                    [--quixbugs FILE.jsonl] [--quixbugs-repeats 3] [--save FILE] [--report]

Arms: hgm, greedy, random, flat_children, and a placebo whose editor changes a comment only. Each arm searches the
builtin benchmark with every run seed; then winner and seed agent run on the same sealed tasks, 3 repeats each, and when
all searches are done on QuixBugs, which no search here reads. The unit of an interval is the search run. Runs that are
there already are resumed or read, so the command can be stopped and given again; --report prints what is there.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from evaluators.base import Split
from hgm.agents_by_name import best_node
from hgm.plan import is_finished
from hgm.run import Folder, read
from hgm.state import RunState
from trees.records import ROOT, Outcome
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
    rows = [
        row(args.runs_dir, arm, seed) for arm in ARMS for seed in range(args.seeds) if there(args.runs_dir, arm, seed)
    ]
    table = {arm: summary([item for item in rows if item["arm"] == arm]) for arm in ARMS}
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


def there(runs: Path, arm: str, seed: int) -> bool:
    """Whether the run is finished."""
    path = runs / name_of(arm, seed)
    return Folder(path).journal.is_file() and is_finished(read(path))


def search(args: argparse.Namespace, arm: str, seed: int) -> None:
    """Make the run, or finish it."""
    path = args.runs_dir / name_of(arm, seed)
    if there(args.runs_dir, arm, seed):
        return
    if Folder(path).journal.is_file():
        command = ["resume", str(path), "--quiet"]
    else:
        command = ["search", "--quiet", "--runs-dir", str(args.runs_dir), "--run", path.name, "--seed", str(seed)]
        command += ["--budget", str(args.budget), "--sealed-tasks", str(args.sealed_tasks), "--sandbox", "bubblewrap"]
        command += ["--placebo"] if arm == "placebo" else ["--policy", arm]
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


def row(runs: Path, arm: str, seed: int) -> dict[str, object]:
    """What one run came to."""
    state = read(runs / name_of(arm, seed))
    winner = best_node(state)
    found: dict[str, object] = {
        "arm": arm,
        "seed": seed,
        "nodes": len(state.nodes),
        "rejected": len(state.failed_expansions),
        "winner": winner,
        "search_score": rate(state, winner, Split.SEARCH),
        "seed_sealed": rate(state, ROOT, Split.SEALED),
        "winner_sealed": rate(state, winner, Split.SEALED),
    }
    seed_file = runs / f"seed-{seed}.json"
    winner_file = seed_file if winner == ROOT else runs / f"{name_of(arm, seed)}.winner.json"
    if seed_file.exists() and winner_file.exists():
        found["seed_quixbugs"] = json.loads(seed_file.read_text())["pass_rate"]
        found["winner_quixbugs"] = json.loads(winner_file.read_text())["pass_rate"]
    return found


def rate(state: RunState, node: int, split: Split) -> float:
    """Share of measured evaluations that passed."""
    return mean(item.outcome is Outcome.PASSED for item in state.on_split(node, split))


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    """Means over the runs of an arm, gains with the 95 % interval over runs."""
    found: dict[str, object] = {"runs": len(rows)}
    for name in ("sealed", "quixbugs"):
        pairs = [
            (float(str(item[f"seed_{name}"])), float(str(item[f"winner_{name}"])))
            for item in rows
            if f"seed_{name}" in item
        ]
        if len(pairs) > 1:
            gain = mean_interval([after - before for before, after in pairs])
            found[name] = {
                "seed": mean(before for before, _ in pairs),
                "winner": mean(after for _, after in pairs),
                "gain": gain.mean,
                "low": gain.low,
                "high": gain.high,
            }
    return found


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
    gain = f"{100 * found['gain']:+.1f} [{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]"
    return f"{100 * found['seed']:.1f} % | {100 * found['winner']:.1f} % | {gain}"


if __name__ == "__main__":
    main()
