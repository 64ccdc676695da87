"""Write the golden decision traces: `python -m tests.golden.make`, or `--stdout` to print them.

A trace holds each decision of a search and each result in between. To be run again only when decisions are meant to
change: by a changed rule, or by numpy, which may change its draws between versions.
"""

import json
import sys
from pathlib import Path

from tests.trees.play import Asked, Script, Told, play
from trees.policies import make_policy
from trees.records import Evaluate, Expand
from trees.tree import Tree

FOLDER = Path(__file__).parent
TRACES = {
    "hgm": ("hgm", {}),
    "hgm_as_published": ("hgm", {"root_evaluations": 0}),
    "lineage": ("lineage", {}),
    "greedy": ("greedy", {}),
    "random": ("random", {}),
    "flat_children": ("flat_children", {"temperature": False}),
    "dgm": ("dgm", {}),
    "dgm_in_three_stages": ("dgm", {"first_stage": 3, "second_stage": 6}),
    "sica": ("sica", {}),
    "sica_released": ("sica", {"parent": "released"}),
    "hgm_released": ("hgm_released", {}),
}
TASKS, BUDGET = 12, 80
SCRIPT = Script(seed=7, workers=3)


def trace(name: str) -> str:
    """One trace as JSON, an event per line."""
    policy, options = TRACES[name]
    events = [words(event) for event in play(make_policy(policy, **options), Tree(TASKS, BUDGET), SCRIPT)]
    head = {"policy": policy, "options": options, "seed": SCRIPT.seed, "tasks": TASKS, "budget": BUDGET}
    lines = ",\n".join(json.dumps(event) for event in events)
    return json.dumps(head)[:-1] + f', "events": [\n{lines}\n]}}\n'


def words(event: Asked | Told) -> list[object]:
    """["expand", job, node], ["evaluate", job, node, task], ["stop", job], or [result, job, given up]."""
    match event:
        case Asked(job, Expand(node)):
            return ["expand", job, node]
        case Asked(job, Evaluate(node, task)):
            return ["evaluate", job, node, task]
        case Asked(job, _):
            return ["stop", job]
        case Told(job, _, result, give_up):
            return [str(result), job, give_up]


def main() -> None:
    if "--stdout" in sys.argv:
        print(json.dumps({name: trace(name) for name in TRACES}))
        return
    for name in TRACES:
        (FOLDER / f"{name}.json").write_text(trace(name))


if __name__ == "__main__":
    main()
