"""What a dialect is: one wire format's requests, as far as they may pass, and its answers, as agents get them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hgm.gateway.prices import Tokens
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

SIGNS = {
    "context_overflow": "the request was longer than the model's context",
    "refusal": "the model, or the provider's filter, declined to answer",
    "malformed_tool_call": "a tool call whose arguments are not a JSON object",
    "empty_reply": "neither text nor a tool call",
    "cut_off": "the answer ended at the limit on output tokens",
}
"""What can be odd about the end of a call, by name; recorded in the trajectory, the agent sees the answer itself."""


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
    """Whether a streamed answer tells its usage, in the dialects where that is for the client to say."""
    dropped: tuple[str, ...]
    """Names of fields that were not passed on."""
    image_tokens: int = 0
    """What its images may cost beyond a token for each of their bytes."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What an answer says it cost."""

    tokens: Tokens
    usd: float | None = None
    """Where the provider tells the money, too."""


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    data: Json
    name: str = ""
    """Of the `event:` line; empty: there is none."""


class Gatherer(Protocol):
    """Puts the events of a stream together to the answer that would have come in one piece."""

    over: bool
    """Whether the last event has come, where this dialect has one that says so."""

    def add(self, data: Json) -> None:
        """Take the data of one event in.

        Raises:
            Transient: it is not an event of this dialect, or says that the stream failed.
        """

    def answer(self) -> Json:
        """The raw answer, for `Dialect.answer`.

        Raises:
            Transient: the stream ended before its end.
        """


class Dialect(Protocol):
    """One wire format."""

    name: str
    """As a manifest says it, e.g. openai_chat_completions."""
    path: str
    """Where it is served, below the socket's root, and below a provider's root in the same words."""

    def read(self, body: Mapping[str, Json], settings: Settings) -> Wanted:
        """Pick what may pass out of a request body.

        Raises:
            Refusal: the request is malformed, or means something that leaving a field out would change.
        """

    def request(self, wanted: Wanted, imposed: Imposed) -> dict[str, Json]:
        """The normalised request: what is sent to the backbone and what a replay compares."""

    def answer(self, raw: Json, *, index: int, model: str) -> dict[str, Json]:
        """The answer that the agent gets: checked, and without an id, time or name that differs between equal runs.

        Raises:
            Transient: it is not an answer of this dialect.
        """

    def gatherer(self) -> Gatherer:
        """For one stream."""

    def events(self, answer: Mapping[str, Json], *, include_usage: bool) -> Sequence[Event]:
        """An answer as the events of a stream, to its very end."""

    def counted(self, answer: Mapping[str, Json]) -> Counted | None:
        """What an answer says it cost; None where it does not."""

    def signs(self, answer: Mapping[str, Json]) -> tuple[str, ...]:
        """Which of `SIGNS` an answer shows."""

    def error(self, refusal: Refusal) -> dict[str, Json]:
        """The body of a refusal, as clients of this dialect read it."""

    def error_event(self, error: Mapping[str, Json]) -> Event:
        """A body of an error as the last event of a stream that has begun."""


def call_seed(lease_seed: int, index: int) -> int:
    """The seed of one call: the first 31 bits of SHA-256 over the text `<lease seed>:<call index>`."""
    digest = hashlib.sha256(f"{lease_seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
