"""The controller's side of the gateway: start the process, take leases and give them back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hgm.gateway.records import Usage


@dataclass(frozen=True, kw_only=True)
class LeaseSpec:
    """A revocable right to use one backbone for one job, with its own limits."""

    job: str
    role: str
    """editor, solver, diagnosis or judge."""
    backbone: str
    """`provider/model`, e.g. `builtin/rules`."""
    seed: int
    """Call number i of the lease is sampled with a seed derived from (seed, i)."""
    max_calls: int = 200
    max_output_tokens: int = 4096
    """Per call."""
    sampling: dict[str, float | int | str] = field(default_factory=dict)
    """Temperature, top_p, reasoning effort …: what the agent asks for is dropped."""


class Lease(Protocol):
    """One live lease: mount `folder` at /hgm/gateway, hand `token` over as HGM_TOKEN."""

    folder: Path
    token: str

    def usage(self) -> Usage:
        """So far."""

    def close(self) -> Usage:
        """Revoke it: later and still running calls get 409. Idempotent."""
