"""The upstream of a replay: calls end as they were recorded, if they ask the same questions.

It stands in the place of every backbone, so that whatever depends on a backbone's name is as it was.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

from hgm import trajectories
from hgm.gateway.dialects.known import CHAT, DIALECTS
from hgm.gateway.failures import Broken
from hgm.gateway.live import Call, Settled
from hgm.gateway.pace import Pace
from hgm.gateway.records import NO_SAMPLING, Json
from hgm.gateway.upstream import Probed

UNHEARD = frozenset({409, 499})
"""Ends of calls that nobody was told of: the lease was closed, or the agent had hung up."""
MOST_KEPT = 128
"""Leases whose exchanges are held at the same time; more than ever run at once."""
_END = tuple(field.name for field in fields(Settled) if field.name != "waited_s")


class Recorded(Exception):
    """No failure: how the call ended when it was recorded, with what it cost then."""

    def __init__(self, ended: Settled) -> None:
        super().__init__(f"HTTP {ended.status}")
        self.ended = ended


class Replay:
    """Recorded exchanges, keyed by (job, role, call index); of a job that was tried again the last lease counts.

    A question that differs from the recorded one, or that was never asked, is Broken: the message names the difference.
    """

    dialects = frozenset(DIALECTS)

    def __init__(self, folder: Path) -> None:
        self.pace = Pace("replay")
        self._folder = folder
        self._jobs: dict[tuple[str, str], dict[int, trajectories.Record]] = {}

    async def start(self) -> None:
        """See `Upstream.start`."""

    async def answer(self, call: Call) -> Json:
        """See `Upstream.answer`."""
        where = f"call {call.index} of {call.role} in {call.job}"
        recorded = self._recorded(call.job, call.role).get(call.index)
        if recorded is None:
            _differ(f"{where} was never recorded")
        if recorded["dialect"] != call.dialect.name:
            _differ(f"{where} is in the dialect {call.dialect.name} and was recorded in {recorded['dialect']}")
        if recorded["request"] != digest(call.request):
            found = difference(asked(self._path(call.job), call.role, call.index), call.request)
            _differ(f"{where} asks something else than was recorded: {found}")
        if recorded["status"] in UNHEARD:
            await asyncio.Event().wait()  # until whoever did not wait for the answer then does not wait again
        raise Recorded(Settled(**{name: recorded[name] for name in _END if name in recorded}))

    async def probe(self, sampling: Mapping[str, Json] = NO_SAMPLING) -> Probed:
        """See `Upstream.probe`."""
        return Probed(ok=self._folder.is_dir(), trouble=f"{self._folder} is not there")

    async def close(self) -> None:
        """See `Upstream.close`."""

    def _recorded(self, job: str, role: str) -> dict[int, trajectories.Record]:
        if (job, role) not in self._jobs:
            path = self._path(job)
            self._jobs[job, role] = exchanges(path, role) if path.exists() else {}
            while len(self._jobs) > MOST_KEPT:
                self._jobs.pop(next(iter(self._jobs)))
        return self._jobs[job, role]

    def _path(self, job: str) -> Path:
        return self._folder / f"{job}.jsonl.zst"


def _differ(what: str) -> NoReturn:
    raise Broken(f"replay: {what}", differs=True)


def exchanges(path: Path, role: str) -> dict[int, trajectories.Record]:
    """Call index -> its settled record, with its dialect and its request's digest, of the last lease of this role.

    Each request holds the conversation so far: all of them together may be more than there is memory.
    """
    started: dict[int, trajectories.Record] = {}
    settled: dict[int, trajectories.Record] = {}
    for record in trajectories.read(path):
        if record.get("role") != role:
            continue
        match record.get("event"):
            case "lease opened":
                started, settled = {}, {}
            case "call started":
                dialect = record.get("dialect", CHAT.name)  # there was only one once
                started[record["index"]] = {"request": digest(record["request"]), "dialect": dialect}
            case "call settled":
                settled[record["index"]] = {**record, **started[record["index"]]}
    return settled


def asked(path: Path, role: str, index: int) -> Json:
    """The request of one call in the last lease of this role in a trajectory."""
    found = None
    for record in trajectories.read(path):
        if (record["event"], record.get("role"), record.get("index")) == ("call started", role, index):
            found = record["request"]
    return found


def digest(request: Json) -> str:
    """Equal for equal requests."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def difference(told: Json, asked: Json, where: str = "request") -> str:
    """The first place where two JSON values differ, with both sides cut short."""
    if isinstance(told, dict) and isinstance(asked, dict):
        for key in [*told, *(key for key in asked if key not in told)]:
            if key not in told or key not in asked or told[key] != asked[key]:
                return difference(told.get(key), asked.get(key), f"{where}.{key}")
    if isinstance(told, list) and isinstance(asked, list):
        for at, (one, other) in enumerate(zip(told, asked, strict=False)):
            if one != other:
                return difference(one, other, f"{where}[{at}]")
        return f"{where} has {len(asked)} entries instead of {len(told)}"
    if isinstance(told, str) and isinstance(asked, str):
        return f"{where} is {_around(asked, told)} instead of {_around(told, asked)}"
    return f"{where} is {ascii(asked)[:_SHOWN]} instead of {ascii(told)[:_SHOWN]}"


_SHOWN = 200


def _around(text: str, other: str) -> str:
    """A text where it begins to differ from another one."""
    pairs = enumerate(zip(text, other, strict=False))
    at = next((at for at, (one, two) in pairs if one != two), min(len(text), len(other)))
    begin = max(0, at - 40) if max(len(text), len(other)) > _SHOWN else 0
    return ("…" if begin else "") + ascii(text[begin : begin + _SHOWN])
