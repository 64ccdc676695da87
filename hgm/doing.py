"""What a running job is at, as far as its own records tell; whoever looks changes nothing."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hgm.errors import GatewayError
from hgm.run import Folder
from hgm.trajectories import Latest, latest_lease


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Of one job, in the lease that it uses now."""

    doing: str = "starts"
    calls: int = 0
    tokens: int = 0


def records(path: Path, job: str) -> Path | None:
    """The trajectory that a job of the run at `path` has written last; None where there is none."""
    folder = Folder(path).trajectories
    found = [*folder.glob(f"{job}.jsonl.zst"), *folder.glob(f"{job}-*.jsonl.zst")]
    return max(found, key=lambda file: file.stat().st_mtime, default=None)


def progress(path: Path, job: str) -> Progress:
    """What a job is at."""
    with suppress(GatewayError, OSError):
        file = records(path, job)
        return Progress() if file is None else _told(latest_lease(file))
    return Progress(doing="works")


def _told(latest: dict[str, Latest]) -> Progress:
    calls, settled = (latest[event].count if event in latest else 0 for event in ("call started", "call settled"))
    if "lease closed" in latest:
        doing = "is graded"
    elif calls > settled:
        doing = "waits for its model again" if "attempt lost" in latest else "asks its model"
    else:
        doing = "works"
    return Progress(doing=doing, calls=calls, tokens=_tokens(latest))


def _tokens(latest: dict[str, Latest]) -> int:
    """Of the last call; what the whole job took is known when it has ended."""
    usage = latest["call settled"].record.get("usage") if "call settled" in latest else None
    counts = usage.values() if isinstance(usage, dict) else ()
    return sum(count for count in counts if isinstance(count, int))
