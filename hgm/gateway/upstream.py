"""What stands behind the gateway: one protocol, and how an attempt may fail."""

from collections.abc import AsyncGenerator
from typing import Protocol

from hgm.gateway.live import Call
from hgm.gateway.records import Json


class Transient(Exception):
    """This attempt failed for a reason that passes: 5xx, 429, a time-out, a broken answer. The gateway tries again."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Rejected(Exception):
    """The provider turned the agent's request down: its answer goes to the agent."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class Broken(Exception):
    """No attempt can succeed, and not because of this request: a refused key, an unknown model, a replay that differs.

    The message is for the host; agents only learn that the backbone failed.
    """


class Upstream(Protocol):
    """One backbone. Its attempts raise Transient, Rejected or Broken, and nothing else on purpose."""

    streams: bool
    """Whether `stream` works; else the gateway makes the chunks from the whole answer."""

    async def start(self) -> None:
        """Be ready to answer. Called before every lease; cheap when ready already.

        Raises:
            BackboneError: it cannot be.
        """

    async def answer(self, call: Call) -> Json:
        """One attempt at the whole answer, as a chat completion."""

    def stream(self, call: Call) -> AsyncGenerator[Json, None]:
        """One attempt at the answer as chunks of a chat completion, the last one with the usage."""

    async def probe(self) -> bool:
        """Whether it works right now, tried with something fixed that no agent has a say in."""

    async def close(self) -> None:
        """Let go of everything."""
