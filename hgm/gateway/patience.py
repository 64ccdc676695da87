"""How long the gateway tries: back-off that it waits out itself, so that no agent need or is charged for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import TypeVar

from hgm.gateway.failures import Broken, Transient
from hgm.gateway.pace import Pace
from hgm.gateway.settings import Settings
from hgm.gateway.waits import Wait, Waits

T = TypeVar("T")


class Patience:
    """The attempts of one call. Rate limits are waited out for so long, other failures so many times."""

    def __init__(self, settings: Settings, waits: Waits, *, pace: Pace, seed: int) -> None:
        self.attempts = 0
        self.lost = 0
        """Attempts that failed and may be billed."""
        self.trying = False
        """Whether an attempt is under way, or ended in no way that says that it is not billed."""
        self._settings = settings
        self._waits = waits
        self._pace = pace
        self._random = random.Random(seed)
        self._began = monotonic()
        self._wait: Wait | None = None
        self._failed = 0
        self._limited = 0

    @property
    def waited_s(self) -> float:
        """From the call's start to its latest attempt's."""
        return round(self._wait.seconds(), 3) if self._wait else 0.0

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What the first successful attempt returns.

        Raises:
            Broken: every attempt was Transient. (Broken and Rejected attempts end it at once.)
        """
        try:
            while True:
                try:
                    return await self._try(attempt)
                except Transient as trouble:
                    pause_s = self._pause(trouble)
                    told = str(trouble).partition(":")[0]
                    rate_limited = trouble.rate_limited
                why = f"{self._pace.name}: {told}, trying again in {pause_s:.0f} s"
                self._waiting(why, rate_limited=rate_limited)
                await asyncio.sleep(pause_s)
        finally:
            self._go_on()

    async def _try(self, attempt: Callable[[], Awaitable[T]]) -> T:
        async with self._pace.place(partial(self._waiting, rate_limited=True)):
            self._go_on()
            self.attempts += 1
            self.trying = True
            try:
                return await attempt()
            except Transient as trouble:
                self.lost += trouble.charged
                self.trying = False
                raise

    def _pause(self, trouble: Transient) -> float:
        """Seconds to wait after an attempt that failed so.

        Raises:
            Broken: it was the last one.
        """
        self._limited += trouble.rate_limited
        self._failed += not trouble.rate_limited
        before = self._limited if trouble.rate_limited else self._failed
        pause_s = pause(before, trouble.retry_after_s, self._settings, jitter=self._random.random())
        elapsed = monotonic() - self._began
        enough = self._failed >= self._settings.attempts
        if trouble.rate_limited:
            enough = elapsed + pause_s > self._settings.max_wait_s
        if enough:
            raise Broken(f"{self.attempts} attempts failed in {elapsed:.0f} s, the last one so: {trouble}") from trouble
        return pause_s

    def _waiting(self, why: str, *, rate_limited: bool) -> None:
        """From its start on the call is waiting, also where it has tried in between."""
        if self._wait is None:
            self._wait = self._waits.begin(self._began)
        self._wait.end, self._wait.why, self._wait.rate_limited = None, why, rate_limited
        self._waits.changed()

    def _go_on(self) -> None:
        if self._wait is not None and self._wait.end is None:
            self._wait.end = monotonic()
            self._waits.changed()


def pause(failed: int, retry_after_s: float, settings: Settings, *, jitter: float) -> float:
    """Seconds to wait after `failed` attempts: doubling, spread by `jitter` in [0, 1), never less than is asked for.

    What a provider asks for has a cap of its own, and a spread above it: all its callers heard the same.
    """
    backoff_s = min(settings.max_backoff_s, settings.backoff_s * 2.0 ** min(failed - 1, 30)) * (1 + jitter) / 2
    return max(backoff_s, min(settings.max_retry_after_s, retry_after_s * (1 + jitter / 10)))
