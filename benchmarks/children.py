"""What self-modification by the builtin backbone is worth: a census of children, all evaluated on the same tasks.

usage: python benchmarks/children.py --run DIR [--children 100] [--tasks 30] [--seed 0] [--save FILE] [--report]
       [--agent gui_seed --editor seed --benchmark miniwob --every 6]

The root gets 30 children, each of these two, and theirs the rest. Every agent runs once on the same search tasks (one
of every N, where neighbours are alike), with the same model seeds. A child is helpful if it passes at least two tasks
more than its parent, harmful if at least two fewer, broken if it passes none where its parent passes two or more,
neutral otherwise. The rank correlation (Spearman) is between a node's own score and that of its best descendant. A run
that is there is resumed.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from evaluators.base import Split
from hgm.agents_by_name import find_agent
from hgm.config import SearchConfig
from hgm.executors.local import LocalExecutor
from hgm.loop import Watch, search
from hgm.run import Folder, create, opened, read
from hgm.session import benchmark_of, event_zero, lab_for, work_in
from hgm.state import RunState
from trees.records import NO_PARENT, ROOT, Decision, Evaluate, Expand, Outcome, Stop, TreeView

ROOT_CHILDREN = 30
CLEAR = 2
"""Tasks by which two agents must differ to be called different."""


@dataclass(frozen=True)
class Census:
    """Grow the tree to its full size, evaluating every agent on every task."""

    nodes: int
    name: str = "census"

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        unseen = np.flatnonzero(~view.seen.all(axis=1))
        if len(unseen):
            node = int(unseen[0])
            return Evaluate(node, int(view.unseen(node)[0]))
        if len(view) + view.pending_expansions >= self.nodes:
            return Stop("everybody is counted")
        return Expand(self._parent(view))

    def _parent(self, view: TreeView) -> int:
        if view.children[ROOT] < ROOT_CHILDREN:
            return ROOT
        fewest = np.flatnonzero((view.parent == ROOT) & (view.children < 2))
        if len(fewest):
            return int(fewest[np.argmin(view.expansions[fewest])])
        rest = np.flatnonzero(view.parent != NO_PARENT)
        return int(rest[np.argmin(view.expansions[rest])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--children", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--agent", default="seed")
    parser.add_argument("--editor", default="self")
    parser.add_argument("--benchmark", default="builtin")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    if not args.report:
        census(args)
    found = figures(read(args.run))
    print(json.dumps(found, indent=1))
    if args.save:
        args.save.write_text(json.dumps(found, indent=1) + "\n")


def census(args: argparse.Namespace) -> None:
    """Make the run, or go on with it."""
    nodes = args.children + 1
    confirmation = {"select_tasks": 0, "sealed_tasks": 0}
    config = SearchConfig(
        budget=nodes * args.tasks,
        seed=args.seed,
        confirmation=confirmation,
        agent=args.agent,
        editor=args.editor,
        benchmark=args.benchmark,
    )
    seed_agent = find_agent(args.agent, args.run.parent)
    if not Folder(args.run).journal.is_file():
        created = event_zero(config, benchmark_of(config), "bubblewrap")
        created["search_tasks"] = created["search_tasks"][:: args.every][: args.tasks]
        create(args.run, created, seed_agent)
    with (
        opened(args.run) as run,
        lab_for(
            run.folder,
            run.state.config,
            run.archive,
            seed_agent,
            editor=None if args.editor == "self" else find_agent(args.editor, args.run.parent),
            sandbox="bubblewrap",
            progress=lambda job, stage: None,
        ) as lab,
    ):
        executor = LocalExecutor(work_in(lab), config.workers)
        try:
            search(run, Census(nodes), executor, watch=Watch())
        finally:
            executor.close()


def figures(state: RunState) -> dict[str, object]:
    """Shares, correlation and counts."""
    scores = [
        sum(item.outcome is Outcome.PASSED for item in state.on_split(node.id, Split.SEARCH)) for node in state.nodes
    ]
    kinds = [kind(scores[node.id], scores[node.parent]) for node in state.nodes if node.parent is not None]
    best = [max((scores[other] for other in descendants(state, node.id)), default=None) for node in state.nodes]
    pairs = [(own, top) for own, top in zip(scores[1:], best[1:], strict=True) if top is not None]
    return {
        "children": len(kinds),
        "tasks": len(state.search_tasks),
        "seed_passes": scores[ROOT],
        "best_passes": max(scores),
        "shares": {name: kinds.count(name) / len(kinds) for name in ("helpful", "neutral", "harmful", "broken")},
        "rejected": len(state.failed_expansions),
        "rank_correlation": float(spearmanr(pairs).statistic) if len(pairs) > 2 else None,
        "nodes_with_descendants": len(pairs),
    }


def kind(own: int, parents: int) -> str:
    """Which of the four a child is."""
    if own == 0 and parents >= CLEAR:
        return "broken"
    if abs(own - parents) < CLEAR:
        return "neutral"
    return "helpful" if own > parents else "harmful"


def descendants(state: RunState, node: int) -> list[int]:
    """All of a node's descendants."""
    found = {node}
    for other in state.nodes:
        if other.parent in found:
            found.add(other.id)
    return sorted(found - {node})


if __name__ == "__main__":
    main()
