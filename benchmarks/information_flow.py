"""What the builtin backbone lives on: the seed agent with one source of information taken away at a time.

usage: python benchmarks/information_flow.py [--tasks 240] [--repeats 1] [--split dev] [--seed 0] [--save FILE]

Each row is a copy of the seed agent with a few lines added: its tools answer with noise, the visible tests are gone,
prompt and statement are empty, or the model sees one message of the history. Each must lower the solve rate; all four
together must make it 0. Same tasks, same model seeds, real sandboxes; gains against the seed agent are paired by task.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

from hgm.agents_by_name import BUNDLED
from trees.statistics import paired_gain_interval

NOISE = """
import random

def _noise(text):
    return "".join(random.Random(len(text)).choices("abcdefgh \\n", k=len(text)))

_use, _run_tests = tools.use, tools.run_tests
tools.use = lambda name, arguments: _noise(_use(name, arguments))
tools.run_tests = lambda command: (_noise("x" * 200), _run_tests(command)[1])
"""
NO_TESTS = """
_work_with_tests = work

def work(task, model):
    if os.path.exists("check.py"):
        os.remove("check.py")
    task.pop("test_command", None)
    return _work_with_tests(task, model)
"""
NO_PROMPT = """
def opening(task):
    return [{"role": "system", "content": ""}, {"role": "user", "content": ""}]
"""
NO_HISTORY = """
KEEP = 1
"""
ROWS = {
    "seed agent": "",
    "noise for tool output": NOISE,
    "no tests": NO_TESTS,
    "empty prompt": NO_PROMPT,
    "history of one message": NO_HISTORY,
    "all four": NOISE + NO_TESTS + NO_PROMPT + NO_HISTORY,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=240)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found: dict[str, dict[str, object]] = {}
    rates: dict[str, dict[str, float]] = {}
    print(
        f"| {args.tasks} {args.split} tasks, {args.repeats} of each | solved | against the seed agent, points [95 %] |"
    )
    print("|---|---|---|")
    for name, lines in ROWS.items():
        rates[name] = solve_rates(lines, args)
        gain = paired_gain_interval(*([list(rates[arm].values()) for arm in ("seed agent", name)]))
        found[name] = {"pass_rate": mean(rates[name].values()), "gain": gain.mean, "interval": [gain.low, gain.high]}
        against = "" if not lines else f"{100 * gain.mean:+.0f} [{100 * gain.low:+.0f}, {100 * gain.high:+.0f}]"
        print(f"| {name} | {100 * mean(rates[name].values()):.0f} % | {against} |", flush=True)
    if args.save:
        args.save.write_text(
            json.dumps({"tasks": args.tasks, "repeats": args.repeats, "split": args.split, "rows": found}, indent=1)
            + "\n"
        )


def solve_rates(lines: str, args: argparse.Namespace) -> dict[str, float]:
    """Task -> pass rate of one altered seed agent, in one order for all agents."""
    with tempfile.TemporaryDirectory(prefix="hgm-flow-") as place:
        agent, out = Path(place) / "agent", Path(place) / "result.json"
        shutil.copytree(BUNDLED / "seed", agent, ignore=shutil.ignore_patterns("__pycache__"))
        with (agent / "loop.py").open("a") as code:
            code.write(lines)
        command = [
            sys.executable,
            "-m",
            "hgm",
            "evaluate",
            str(agent),
            "--quiet",
            "--sandbox",
            "bubblewrap",
            "--json",
            str(out),
        ]
        command += ["--split", args.split, "--limit", str(args.tasks), "--repeats", str(args.repeats)]
        subprocess.run([*command, "--seed", str(args.seed)], check=True, stdout=subprocess.DEVNULL)
        evaluations = json.loads(out.read_text())["evaluations"]
    outcomes: dict[str, list[bool]] = {}
    for item in evaluations:
        if item["outcome"] == "unmeasured":
            sys.exit(f"{item['task']} could not be measured: {item['cause']}")
        outcomes.setdefault(item["task"], []).append(item["outcome"] == "passed")
    return {task: mean(passed) for task, passed in sorted(outcomes.items())}


if __name__ == "__main__":
    main()
