"""How many attempts run at one provider at once: all of them, until it says that they are too many.

Each such answer halves the number, whatever it was for (additive increase, multiplicative decrease, as TCP does it);
answers that come bring it up again one by one. Attempts that began before the last cut say nothing new.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hgm.gateway.failures import Rejected, Transient

RISE_AFTER = 8
"""Answers in a row, none of them a rate limit, before one more attempt may run."""


class Pace:
    """The places at one provider, for the attempts of all leases together; first come, first served."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.most: int | None = None
        """None: no limit has ever been met."""
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._calm = 0
        self._cuts = 0

    @asynccontextmanager
    async def place(self, waiting: Callable[[str], None]) -> AsyncIterator[None]:
        """One attempt's place, for the time of the block; `waiting` is told why if there is none yet."""
        if not self._is_free():
            many = "1 call" if self.most == 1 else f"{self.most} calls"
            waiting(f"{self.name}: {many} at a time after rate limits")
        await self._enter()
        cuts = self._cuts
        try:
            yield
            self._rise()
        except Rejected:
            self._rise()
            raise
        except Transient as trouble:
            if trouble.rate_limited and cuts == self._cuts:
                self._cut()
            raise
        finally:
            self._leave()

    def _is_free(self) -> bool:
        return self.most is None or self._running < self.most

    async def _enter(self) -> None:
        if self._is_free() and not self._waiting:
            self._running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place was handed over in the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        self._running -= 1
        self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting and self._is_free():
            turn = self._waiting.popleft()
            if not turn.cancelled():
                self._running += 1
                turn.set_result(None)

    def _cut(self) -> None:
        self.most = max(1, self._running // 2)
        self._cuts += 1
        self._calm = 0

    def _rise(self) -> None:
        if self.most is None:
            return
        self._calm += 1
        if self._calm >= RISE_AFTER:
            self.most += 1
            self._calm = 0
