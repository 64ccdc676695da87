"""What a job has cost, from its trajectories: every attempt, also those that failed or that a kill cut off."""

from collections.abc import Iterator
from pathlib import Path

from hgm.errors import GatewayError
from hgm.gateway.records import Usage, usage_from_json
from hgm.trajectories import Record, read

_EVENTS = ("lease opened", "call settled", "lease closed")
_COUNTED = ("event", "usage", "waited_s")


def spent(job: str, trajectories: Path) -> Usage:
    """All leases of the job together: diagnosis, edits, handshakes, and each time that it was tried.

    A call that never settled counts nothing, as in the gateway, and so does a trajectory that cannot be read.
    """
    files = [trajectories / f"{job}.jsonl.zst", *sorted(trajectories.glob(f"{job}-*.jsonl.zst"))]
    return sum((_of_lease(lease) for file in files for lease in _leases(file)), Usage())


def _leases(file: Path) -> Iterator[list[Record]]:
    """The records of each lease."""
    lease: list[Record] = []
    try:
        for record in read(file, events=_EVENTS):
            if record.get("event") == "lease opened":
                yield lease
                lease = []
            lease.append({name: record[name] for name in _COUNTED if name in record})
    except GatewayError:
        return
    yield lease


def _of_lease(records: list[Record]) -> Usage:
    """What the gateway said at its end, or what it had settled when it was killed."""
    ends = [record["usage"] for record in records if record.get("event") == "lease closed"]
    if ends:
        return usage_from_json(ends[-1])
    settled = [record for record in records if record.get("event") == "call settled"]
    tokens = [record["usage"] or {} for record in settled]
    return Usage(
        calls=len(settled),
        input_tokens=sum(used.get("input_tokens", 0) for used in tokens),
        output_tokens=sum(used.get("output_tokens", 0) for used in tokens),
        waited_s=sum(record["waited_s"] for record in settled),
    )
