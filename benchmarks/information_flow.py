"""What the builtin backbone lives on: the seed agent with one source of information taken away at a time.

usage: python benchmarks/information_flow.py [--tasks 60] [--split dev] [--seed 0] [--save FILE]

Each row is a copy of the seed agent with a few lines added: its tools answer with noise, the visible tests are gone,
prompt and statement are empty, or the model sees one message of the history. Each must lower the solve rate; all four
together must make it 0. Same tasks, same model seeds, real sandboxes.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hgm.agents_by_name import BUNDLED

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
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found = {}
    print(f"| {args.tasks} {args.split} tasks | solved | 95 % |\n|---|---|---|")
    for name, lines in ROWS.items():
        found[name] = measured(lines, args)
        low, high = found[name]["interval"]
        print(
            f"| {name} | {100 * found[name]['pass_rate']:.0f} % | {100 * low:.0f} to {100 * high:.0f} % |", flush=True
        )
    if args.save:
        args.save.write_text(json.dumps(found, indent=1) + "\n")


def measured(lines: str, args: argparse.Namespace) -> dict[str, object]:
    """The result of one altered seed agent."""
    with tempfile.TemporaryDirectory(prefix="hgm-flow-") as place:
        agent, out = Path(place) / "agent", Path(place) / "result.json"
        shutil.copytree(BUNDLED / "seed", agent, ignore=shutil.ignore_patterns("__pycache__"))
        with (agent / "loop.py").open("a") as code:
            code.write(lines)
        command = [sys.executable, "-m", "hgm", "evaluate", str(agent), "--quiet", "--json", str(out)]
        command += ["--split", args.split, "--limit", str(args.tasks), "--seed", str(args.seed)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result = json.loads(out.read_text())
        return {key: result[key] for key in ("passed", "measured", "pass_rate", "interval")}


if __name__ == "__main__":
    main()
