"""The upstream `replay`: answers from recorded trajectories, and insists on being asked the same questions."""

from pathlib import Path

from hgm import trajectories
from hgm.gateway.dialects.known import DIALECTS
from hgm.gateway.failures import Broken, Rejected
from hgm.gateway.live import Call
from hgm.gateway.records import Json
from hgm.gateway.upstream import Probed


class Replay:
    """Recorded exchanges, keyed by (job, role, call index); of a job that was tried again the last lease counts.

    A question that differs from the recorded one, or that was never asked, is Broken: the message names the difference.
    """

    dialects = frozenset(DIALECTS)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[tuple[str, str], dict[int, trajectories.Record]] = {}

    async def start(self) -> None:
        """See `Upstream.start`."""

    async def answer(self, call: Call) -> Json:
        """See `Upstream.answer`."""
        recorded = self._recorded(call.job, call.role).get(call.index)
        where = f"call {call.index} of {call.role} in {call.job}"
        if recorded is None:
            raise Broken(f"replay: {where} was never recorded", differs=True)
        asked = {**call.request, "model": call.request["model"].rpartition("/")[2]}
        told = {**recorded["request"], "model": recorded["request"]["model"].rpartition("/")[2]}
        if asked != told:
            raise Broken(
                f"replay: {where} asks something else than was recorded: {difference(told, asked)}", differs=True
            )
        if recorded["status"] != 200:
            raise Rejected(recorded["status"], recorded["response"])
        return recorded["response"]

    async def probe(self) -> Probed:
        """See `Upstream.probe`."""
        return Probed(ok=self._folder.is_dir(), trouble=f"{self._folder} is not there")

    async def close(self) -> None:
        """See `Upstream.close`."""

    def _recorded(self, job: str, role: str) -> dict[int, trajectories.Record]:
        if (job, role) not in self._jobs:
            path = self._folder / f"{job}.jsonl.zst"
            self._jobs[job, role] = exchanges(path, role) if path.exists() else {}
        return self._jobs[job, role]


def exchanges(path: Path, role: str) -> dict[int, trajectories.Record]:
    """Call index -> its settled record with the request added, of the last lease that this role had in a trajectory."""
    started: dict[int, Json] = {}
    settled: dict[int, trajectories.Record] = {}
    for record in trajectories.read(path):
        if record.get("role") != role:
            continue
        match record.get("event"):
            case "lease opened":
                started, settled = {}, {}
            case "call started":
                started[record["index"]] = record["request"]
            case "call settled":
                settled[record["index"]] = {**record, "request": started[record["index"]]}
    return settled


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
    return f"{where} is {ascii(asked)[:200]} instead of {ascii(told)[:200]}"
