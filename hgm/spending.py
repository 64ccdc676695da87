"""What a job has cost, from its trajectories: every attempt, also those that failed or that a kill cut off."""

from collections.abc import Iterator
from pathlib import Path

from hgm.errors import GatewayError
from hgm.gateway.ledger import Ledger
from hgm.gateway.prices import price_from_json
from hgm.gateway.records import Usage
from hgm.trajectories import Record, read

_SUMS = ("lease opened", "call settled", "lease closed")
_ALL = (*_SUMS, "call started", "attempt lost", "env asked", "env failed")
"""Much longer to read: each holds a whole conversation."""


def spent(job: str, trajectories: Path) -> Usage:
    """All leases of the job together: diagnosis, edits, handshakes, and each time that it was tried.

    A call that never settled counts at its reservation, as in the gateway; a trajectory that cannot be read counts
    nothing.
    """
    return sum((ledger.usage() for ledger in ledgers(job, trajectories)), Usage())


def unsettled(job: str, trajectories: Path) -> list[Record]:
    """The "call started" records of the job's calls that never settled: their gateway was killed."""
    return [dict(record) for ledger in ledgers(job, trajectories) for record in ledger.unsettled]


def ledgers(job: str, trajectories: Path) -> Iterator[Ledger]:
    """One per lease."""
    for file in [trajectories / f"{job}.jsonl.zst", *sorted(trajectories.glob(f"{job}-*.jsonl.zst"))]:
        yield from _of_file(file)


def _of_file(file: Path) -> list[Ledger]:
    closed = list(_leases(file, _SUMS))
    # A lease that outlived its gateway has said its sum, but not which calls were lost.
    told = all(ledger.is_closed and not ledger.usage().unsettled_calls for ledger in closed)
    return closed if told else list(_leases(file, _ALL))


def _leases(file: Path, events: tuple[str, ...]) -> Iterator[Ledger]:
    ledger = None
    try:
        for record in read(file, events=events):
            if record["event"] == "lease opened":
                if ledger:
                    yield ledger
                ledger = Ledger(price_from_json(record.get("price")))
            elif ledger:
                ledger.add(_without_texts(record))
    except GatewayError:
        return
    if ledger:
        yield ledger


def _without_texts(record: Record) -> Record:
    """The same without the request and the answer, which may be long."""
    return {name: value for name, value in record.items() if name not in ("request", "response")}
