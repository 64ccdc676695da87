"""AGENT on a command line: a folder, a bundled name, `RUN:best`, `RUN:<node>` or the URL of a git repository.

RUN is a name or a path with a `/`; a URL may end with @REF and #FOLDER (`trees.checkouts`).
"""

import os
from importlib.resources import files as package_files
from pathlib import Path

from hgm.contract import read_agent
from hgm.errors import AgentError, RunError
from hgm.run import Folder, read
from hgm.state import RunState
from sandboxes.base import File, Files
from trees.archive import Archive
from trees.checkouts import checkout, is_address
from trees.policies import policy_of_run
from trees.records import TreeView

BUNDLED = Path(str(package_files("hgm"))) / "agents"


def find_run(name: str, runs_dir: Path) -> Path:
    """The directory of a run.

    Raises:
        RunError: there is none.
    """
    path = Path(name) if "/" in name else runs_dir / name
    if not os.path.isfile(Folder(path).journal):
        raise RunError(f"{name}: no such run under {path.parent} (see `hgm runs list`)")
    return path


def find_node(state: RunState, which: str) -> int:
    """A node's number from `best` or digits.

    Raises:
        RunError: the run has no such node.
    """
    if which == "best":
        return best_node(state)
    if which.isdecimal() and int(which) < len(state.nodes):
        return int(which)
    raise RunError(f"no node {which!r}: this run has nodes 0 to {len(state.nodes) - 1}, and `best`")


def best_node(state: RunState, view: TreeView | None = None) -> int:
    """The confirmed winner, or the node that the run's policy would hand over now; by `view`, if given."""
    if state.winner is not None:
        return state.winner
    policy = policy_of_run(state.config.policy.name, **state.config.policy.options)
    return int(policy.ranking(view or state.tree.view(), minimum=state.config.minimum_evaluations)[0])


def find_agent(agent: str, runs_dir: Path) -> Files:
    """The files of an AGENT.

    Raises:
        AgentError: nothing of that name, or the folder is no agent.
        ConfigError: a repository that cannot be fetched.
        RunError: RUN or its node does not exist.
    """
    if is_address(agent):
        return read_agent(checkout(agent).folder)
    if os.path.isdir(agent) and "/" in agent:
        return read_agent(Path(agent))
    if os.path.isfile(BUNDLED / agent / "agent.toml"):
        return read_agent(BUNDLED / agent)
    if ":" in agent:
        run, _, which = agent.rpartition(":")
        path = find_run(run, runs_dir)
        state = read(path)
        stored = Archive.open(Folder(path).archive).files(state.nodes[find_node(state, which)].commit)
        return {name: File(*file) for name, file in stored.items()}
    if os.path.isdir(agent):
        return read_agent(Path(agent))
    names = ", ".join(sorted(path.parent.name for path in BUNDLED.glob("*/agent.toml")))
    raise AgentError(f"{agent}: neither a folder, a bundled agent ({names}), RUN:best or RUN:<node>, nor a git URL")
