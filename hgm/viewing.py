"""What the viewer shows beside a document: diffs, trajectories and the log of a run. Sealed tasks are not shown."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.base import Split
from hgm.acts import ANSWERED, Played, acts
from hgm.conversation import Turn
from hgm.diagnose import conversation
from hgm.document import TOLD, document_of
from hgm.doing import all_records, records
from hgm.errors import GatewayError
from hgm.history import FAILED, History, history
from hgm.run import Folder, require_search
from hgm.state import RunState
from hgm.summary import lineage
from hgm.text import clip
from hgm.trajectories import latest_lease
from trees.archive import Archive
from trees.export.html import Talk, packed, page
from trees.export.json import text_of
from trees.journal import Event, Journal

MOST_BYTES = 20_000_000
"""Of packed trajectories in a page."""
MOST_DIFFS = 50_000_000
"""Characters of diffs in a page."""
JOB = re.compile(r"[ex][0-9]{1,12}")
"""The name of a job."""
MOST_PICTURES = 1_500_000
"""Characters of the pictures of one episode."""
_TURNS = 2_000
_ERROR_CHARS = 2_000
_LOGGED = 1_000


def viewer_page(paths: Sequence[Path]) -> Iterator[str]:
    """The page of these runs, in pieces; of trajectories as many as fit: first those of the best agents' lines.

    Raises:
        RunError: there is no such run.
    """
    for path in paths:
        require_search(path)
    told = {path: history(path) for path in paths}
    names = dict(zip(paths, unique([path.name for path in paths]), strict=True))
    return page(
        [text_of({**document_of(told[path], path), "run": names[path]}) for path in paths],
        title=f"hgm: {', '.join(names.values())}",
        diffs={names[path]: dict(_diffs(told[path].state, path)) for path in paths},
        logs={names[path]: log(path) for path in paths},
        talks=_talks(told, names),
    )


def unique(names: Sequence[str]) -> list[str]:
    """Names of runs, told apart by a number where two are the same."""
    found: list[str] = []
    for name in names:
        numbered = chain([name], (f"{name} ({number})" for number in count(2)))
        found.append(next(candidate for candidate in numbered if candidate not in found))
    return found


def diff(path: Path, state: RunState, node: int) -> str | None:
    """A node's patch against its parent; None for the root and for what is no node."""
    if not 0 < node < len(state.nodes):
        return None
    parent = state.nodes[node].parent or 0
    archive = Archive.open(Folder(path).archive)
    return archive.diff(state.nodes[parent].commit, state.nodes[node].commit).decode(errors="backslashreplace")


def trajectory(path: Path, job: str) -> dict[str, Any] | None:
    """What was said in a job; None where nothing was written down.

    Raises:
        GatewayError: it is damaged.
    """
    file = records(path, job)
    return None if file is None else _talk(file, job)


def _talk(file: Path, job: str) -> dict[str, Any]:
    turns = conversation(latest_lease(file))
    first = _TURNS // 4
    shown = turns if len(turns) <= _TURNS else [*turns[:first], *turns[first - _TURNS :]]
    told = {"job": job, "turns": [_turn(turn) for turn in shown], "omitted": len(turns) - len(shown)}
    played = acts(file)
    return {**told, "acts": _acts(played), "acts_omitted": played.omitted} if played.first else told


def _acts(played: Played) -> list[dict[str, Any]]:
    """Of an episode: what was done, what came of it, and pictures as long as there is room for them."""
    room, shown = MOST_PICTURES, []
    for act in played.acts:
        picture = act.screenshot if len(act.screenshot) <= room else ""
        room -= len(picture)
        error = clip(act.error, _ERROR_CHARS)
        if act.status != ANSWERED:
            error = f"no answer (status {act.status})"
        done = {"step": act.step if act.is_step else None, "action": act.words, "error": error, "done": act.is_done}
        shown.append({**done, "picture": picture or None})
    return shown


def is_told(told: History, job: str) -> bool:
    """Whether a job of the run may be shown: an expansion, or an evaluation of no sealed task."""
    if job.startswith("x"):
        return True
    found = told.evaluations
    place = np.flatnonzero(found.job == int(job[1:]))
    if len(place):
        return bool(found.split[place[0]] in TOLD)
    return job in told.running and told.running[job].split in (Split.SEARCH, Split.SELECT)


def log(path: Path, *, before: int | None = None, most: int = _LOGGED) -> dict[str, Any]:
    """Entries of a run's log, oldest first: the youngest `most`, of those before event `before` if it is given.

    `omitted` is how many older ones there are.
    """
    with Journal.open(Folder(path).journal, readonly=True) as journal:
        end = journal.last() + 1
        if before is not None:
            end = max(1, min(end, before))
        omitted = max(0, end - 1 - most)
        events = list(islice(journal.events(omitted), end - 1 - omitted))
    entries = [{"seq": event.seq, "at": event.at, "text": said} for event in events if (said := _said(event))]
    return {"entries": entries, "omitted": omitted}


def _said(event: Event) -> str:
    told = event.payload
    match event.kind:
        case "started" if told["type"] == "expand":
            return f"{told['id']}: agent {told['node']} makes a child ({told['mode']}){_drawn(told)}"
        case "started":
            task = "a sealed task" if told["split"] == Split.SEALED else told["task"]
            return f"{told['id']}: agent {told['node']} on {task}{_drawn(told)}"
        case "finished" if "outcome" in told:
            return f"{told['job']}: {told['outcome']}" + (f" ({told['cause']})" if told["cause"] else "")
        case "finished":
            return f"{told['job']}: {told['kind']}" + (f" ({told['reason']})" if told["reason"] else "")
        case "confirming":
            return f"the search is over; candidates: {', '.join(map(str, told['candidates']))}"
        case "winner":
            return f"the winner is agent {told['node']}"
        case "stopped":
            return f"stopped: {told['reason']}"
        case _:
            return event.kind


def _drawn(told: Mapping[str, Any]) -> str:
    draws = [f"agent {node} {value:.3f}" for node, value in told.get("drawn", ())]
    return f"; drawn: {', '.join(draws)}" if draws else ""


def _turn(turn: Turn) -> dict[str, Any]:
    calls = [{"name": call.name, "arguments": call.arguments} for call in turn.calls]
    return {"role": turn.role, "text": turn.text, "calls": calls}


def _diffs(state: RunState, path: Path) -> Iterator[tuple[int, str]]:
    numbers = {node.commit: node.id for node in state.nodes}
    size = 0
    for commit, patch in Archive.open(Folder(path).archive).changes([node.commit for node in state.nodes[1:]]):
        text = patch.decode(errors="backslashreplace")
        size += len(text)
        if size > MOST_DIFFS:
            return
        yield numbers[commit], text


def _talks(told: dict[Path, History], names: dict[Path, str]) -> Iterator[Talk]:
    size = 0
    for path, history_ in told.items():
        files = all_records(path)
        for job in filter(files.__contains__, _worth_showing(history_)):
            with suppress(GatewayError):
                talk = Talk(names[path], job, packed(json.dumps(_talk(files[job], job))))
                size += len(talk.packed) * 3 // 4
                if size > MOST_BYTES:
                    return
                yield talk


def _worth_showing(told: History) -> Iterator[str]:
    """Jobs of the best agent's line, then the last failure of every other agent, the youngest first."""
    line = lineage(told.state, told.best)
    found = told.evaluations
    shown = np.isin(found.split, TOLD)
    for node in reversed(line):
        if (made := told.state.nodes[node].job) is not None:
            yield made
        yield from (f"e{job:05d}" for job in found.job[shown & (found.node == node)].tolist())
    failed = found.only(shown & (found.outcome == FAILED) & ~np.isin(found.node, line))
    _, last = np.unique(failed.node[::-1], return_index=True)
    yield from (f"e{job:05d}" for job in failed.job[::-1][last][::-1].tolist())
