"""A new run that shares the beginning of another: its events up to one, its agents born by then, another policy.

With event zero alone a run begins as another did, and shares nothing that happened later.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from hgm.errors import RunError, boundary
from hgm.run import Folder, drafted, fill, read, read_events, reconcile
from hgm.state import RunState
from hgm.summary import sealed_openings
from trees.archive import Archive
from trees.journal import Event
from trees.policies import POLICIES, make_policy

_NOT_SHARED = ("record", "replay", "saturation")
"""Of event zero: a fork of a table of agents is a search."""


def fork(origin: Path, target: Path, *, at: int, policy: str | None = None) -> RunState:
    """Make the run `target` of what `origin` was after event `at`; from there the given policy decides.

    Jobs that were running at that moment are run again when the fork is resumed. How often sealed tasks were opened in
    the origin, before or after that event, is counted on.

    Raises:
        RunError: no such run or event, the search was over by then, or `target` exists.
        ConfigError: there is no such policy, or none is given and the origin's is that of a table of agents.
    """
    events = read_events(origin)
    _check(events, at)
    whole, state = RunState.replay(events), RunState.replay(events[:at])
    created = {
        **{name: kept for name, kept in whole.created.items() if name not in _NOT_SHARED},
        "config": _with_policy(whole.created["config"], policy or whole.config.policy.name),
        "sealed_openings": sealed_openings(whole),
        "forked_from": {"run": origin.name, "event": at},
    }
    with drafted(target) as folder, boundary(RunError, f"cannot copy {origin}"):
        fill(folder, [("created", created), *((event.kind, event.payload) for event in events[1:at])])
        _copy_archive(Folder(origin), folder, state)
        _copy_records(Folder(origin), folder, state)
    return state


def beginning(origin: str, whole: RunState, config: Mapping[str, Any]) -> dict[str, Any]:
    """Event zero of a run that begins as `whole`, the run `origin`, did, but for its configuration."""
    return {
        **{name: kept for name, kept in whole.created.items() if name not in _NOT_SHARED},
        "config": config,
        "sealed_openings": sealed_openings(whole),
        "forked_from": {"run": origin, "event": 1},
    }


def begin_as(origin: Path, target: Path, created: Mapping[str, Any]) -> None:
    """Make the run `target` of this event zero and the agents that `origin` began with. Nothing is run yet.

    Raises:
        RunError: `target` exists, or `origin` cannot be copied.
    """
    with drafted(target) as folder, boundary(RunError, f"cannot copy {origin}"):
        fill(folder, [("created", created)])
        _copy_archive(Folder(origin), folder, read(folder.path))


def _check(events: Sequence[Event], at: int) -> None:
    if not 1 <= at <= len(events):
        raise RunError(f"no event {at}: this run has events 1 to {len(events)} (see `hgm runs show RUN --events`)")
    ends = [event for event in events[:at] if event.kind in ("confirming", "budget raised")]
    if ends and ends[-1].kind == "confirming":
        over = ends[-1].seq
        raise RunError(
            f"the search was over at event {over}, and no policy decides after it: fork at {over - 1} or before"
        )


def _with_policy(config: Mapping[str, Any], policy: str) -> dict[str, Any]:
    """The configuration under another policy, which keeps those options that it has."""
    make_policy(policy)
    known = {field.name for field in fields(POLICIES[policy])}
    options = {name: value for name, value in config["policy"]["options"].items() if name in known}
    return {**config, "policy": {"name": policy, "options": options}}


def _copy_archive(origin: Folder, folder: Folder, state: RunState) -> None:
    """Give a drafted run another's archive, with the names of those agents that `state` knows."""
    shutil.copytree(origin.archive, folder.archive, ignore=shutil.ignore_patterns("tmp_*"))
    reconcile(Archive.open(folder.archive), state)


def _copy_records(origin: Folder, folder: Folder, state: RunState) -> None:
    """Trajectories and grading of what was finished: later diagnoses read them."""
    finished = {item.job for item in state.evaluations} | {item.job for item in state.failed_expansions}
    finished |= {node.job for node in state.nodes if node.job}
    for source, copy in ((origin.trajectories, folder.trajectories), (origin.grading, folder.grading)):
        for file in source.iterdir():
            if file.name.partition(".")[0].partition("-")[0] in finished:
                shutil.copy2(file, copy / file.name)
