"""What a running job is at, as far as its own records tell; whoever looks changes nothing."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgm.errors import GatewayError
from hgm.run import Folder
from hgm.trajectories import Latest, latest_lease

_ENDING = ".jsonl.zst"
_LOST, _STARTED, _SETTLED = "attempt lost", "call started", "call settled"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What holds a job up."""

    why: str
    """As the gateway says it, e.g. "openai: HTTP 429, trying again in 30 s"."""
    since: float
    """Unix seconds: when the call began that waits."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Of one job, in the lease that it uses now."""

    doing: str = "starts"
    waiting: Waiting | None = None
    """None: it does not wait, or its records are older than that they would say it."""
    calls: int = 0
    tokens: int = 0


def records(path: Path, job: str) -> Path | None:
    """The trajectory that a job of the run at `path` has written last; None where there is none."""
    folder = Folder(path).trajectories
    found = [*folder.glob(f"{job}{_ENDING}"), *folder.glob(f"{job}-*{_ENDING}")]
    return max(found, key=_written, default=None)


def all_records(path: Path) -> dict[str, Path]:
    """`records` of every job that has any, by one look at the folder."""
    found: dict[str, Path] = {}
    for file in Folder(path).trajectories.glob(f"*{_ENDING}"):
        job = file.name.removesuffix(_ENDING).partition("-")[0]
        if job not in found or _written(found[job]) < _written(file):
            found[job] = file
    return found


def _written(file: Path) -> float:
    return file.stat().st_mtime


def progress(path: Path, job: str) -> Progress:
    """What a job is at."""
    with suppress(GatewayError, OSError):
        file = records(path, job)
        return Progress() if file is None else _told(latest_lease(file))
    return Progress(doing="works")


def _told(latest: dict[str, Latest]) -> Progress:
    calls, settled = (_count(latest, event) for event in (_STARTED, _SETTLED))
    tokens = _tokens(latest)
    if "lease closed" in latest:
        return Progress(doing="is graded", calls=calls, tokens=tokens)
    if calls <= settled:
        acts = _count(latest, "env asked") > _count(latest, "env answered")
        return Progress(doing="acts on its page" if acts else "works", calls=calls, tokens=tokens)
    return Progress(doing=_asking(latest), waiting=_waiting(latest), calls=calls, tokens=tokens)


def _count(latest: dict[str, Latest], event: str) -> int:
    return latest[event].count if event in latest else 0


def _asking(latest: dict[str, Latest]) -> str:
    """What a job does one of whose calls has not ended."""
    if _waiting(latest):
        is_limited = latest["waits"].record["rate_limited"]
        return "waits for a rate limit" if is_limited else "waits for its model again"
    if _LOST in latest and _index(latest, _LOST) == _index(latest, _STARTED):
        return "asks its model again after a lost attempt"
    return "asks its model"


def _waiting(latest: dict[str, Latest]) -> Waiting | None:
    told: dict[str, Any] = latest["waits"].record if "waits" in latest else {"why": ""}
    return Waiting(why=told["why"], since=told["since"]) if told["why"] else None


def _index(latest: dict[str, Latest], event: str) -> Any:
    return latest[event].record.get("index")


def _tokens(latest: dict[str, Latest]) -> int:
    """Of the last call; what the whole job took is known when it has ended."""
    usage = latest[_SETTLED].record.get("usage") if _SETTLED in latest else None
    counts = usage.values() if isinstance(usage, dict) else ()
    return sum(count for count in counts if isinstance(count, int))
