"""What stands behind the gateway: one protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hgm.gateway.dialects.base import Counted
from hgm.gateway.live import Call
from hgm.gateway.pace import Pace
from hgm.gateway.prices import Tokens
from hgm.gateway.records import NO_SAMPLING, Json


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What came of the gateway's own fixed request."""

    ok: bool
    trouble: str = ""
    """What to check when it failed: endpoint, key variable, model, and what the provider said."""
    counted: Counted = field(default_factory=lambda: Counted(tokens=Tokens()))
    """What the probe itself cost."""


class Upstream(Protocol):
    """One backbone. Its attempts fail as `hgm.gateway.failures` says, and in no other way on purpose."""

    dialects: frozenset[str]
    """Names of the dialects in which it may be asked."""
    pace: Pace
    """The places for attempts, shared by all upstreams of one provider."""

    async def start(self) -> None:
        """Be ready to answer. Called before every lease; cheap when ready already.

        Raises:
            BackboneError: it cannot be.
        """

    async def answer(self, call: Call) -> Json:
        """One attempt at the whole answer, in the call's dialect."""

    async def probe(self, sampling: Mapping[str, Json] = NO_SAMPLING) -> Probed:
        """Whether it works right now, tried with something fixed and small that no agent has a say in.

        `sampling` is imposed as on a lease's calls: a provider may refuse that.
        """

    async def close(self) -> None:
        """Let go of everything."""
