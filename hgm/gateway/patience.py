"""How long the gateway tries: back-off that it waits out itself, so that no agent need or is charged for it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from hgm.gateway.failures import Broken, Transient
from hgm.gateway.settings import Settings
from hgm.gateway.waits import Waits

T = TypeVar("T")


class Patience:
    """The attempts of one call."""

    def __init__(self, settings: Settings, waits: Waits) -> None:
        self.attempts = 0
        self.lost = 0
        """Attempts that failed and may be billed."""
        self.trying = False
        """Whether an attempt is under way."""
        self.waited_s = 0.0
        self._settings = settings
        self._waits = waits

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What the first successful attempt returns. The wait lasts from the first attempt to the last one's start.

        Raises:
            Broken: every attempt was Transient. (Broken and Rejected attempts end it at once.)
        """
        began = monotonic()
        try:
            return await self._try(attempt)
        except Transient as trouble:
            last = trouble
        with self._waits.since(began) as wait:
            try:
                while self.attempts < self._settings.attempts:
                    wait.why = str(last)[:200]
                    await asyncio.sleep(pause(self.attempts, last.retry_after_s, self._settings))
                    start = monotonic()
                    try:
                        value = await self._try(attempt)
                    except Transient as trouble:
                        last = trouble
                    else:
                        wait.end = start
                        return value
            finally:
                self.waited_s = round(wait.seconds(), 3)
        raise Broken(f"{self.attempts} attempts failed, the last one so: {last}")

    async def _try(self, attempt: Callable[[], Awaitable[T]]) -> T:
        self.attempts += 1
        self.trying = True
        try:
            value = await attempt()
        except Transient as trouble:
            self.lost += trouble.charged
            self.trying = False
            raise
        self.trying = False
        return value


def pause(failed: int, retry_after_s: float, settings: Settings) -> float:
    """Seconds to wait after `failed` attempts: doubling, or what the provider asks for, never over the cap."""
    return min(settings.max_backoff_s, max(settings.backoff_s * 2.0 ** (failed - 1), retry_after_s))
