"""What a dialect is: how one wire format's request becomes the request that the host is willing to send."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hgm.gateway.records import Json
from hgm.gateway.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Imposed:
    """What the lease decides and the agent does not."""

    model: str
    max_output_tokens: int
    sampling: Mapping[str, Json]
    seed: int
    """Of this one call: `call_seed(lease seed, call index)`."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an agent asked for, as far as it may: built afresh from an allow-list, never a copy with parts taken out."""

    request: Mapping[str, Json]
    """Without anything that `Imposed` decides."""
    stream: bool
    include_usage: bool
    dropped: tuple[str, ...]
    """Names of fields that were not passed on."""


class Dialect(Protocol):
    """One wire format."""

    path: str
    """Where it is served, below the socket's root."""

    def read(self, body: Mapping[str, Json], settings: Settings) -> Wanted:
        """Pick what may pass out of a request body.

        Raises:
            Refusal: the request is malformed, or means something that leaving a field out would change.
        """

    def request(self, wanted: Wanted, imposed: Imposed) -> dict[str, Json]:
        """The normalised request: what is sent to the backbone and what a replay compares."""


def call_seed(lease_seed: int, index: int) -> int:
    """The seed of one call: the first 31 bits of SHA-256 over the text `<lease seed>:<call index>`."""
    digest = hashlib.sha256(f"{lease_seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
