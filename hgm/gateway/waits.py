"""How long calls of one lease have waited for rate limits and retries, counted once where they overlap."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic


@dataclass
class Wait:
    """One call's wait: from its start, once an attempt has failed or found no place, to its latest attempt's start."""

    start: float
    end: float | None = None
    """None: it lasts."""
    why: str = ""
    rate_limited: bool = False
    """Whether it is for a rate limit, not for another attempt after any other trouble."""

    def seconds(self) -> float:
        """So far."""
        return (monotonic() if self.end is None else self.end) - self.start


@dataclass
class Waits:
    """All waits of one lease."""

    before_s: float = 0.0
    """What earlier gateway processes measured."""
    changed: Callable[[], None] = lambda: None
    """Called whenever a call begins to wait, waits for something else or goes on."""
    _waits: list[Wait] = field(default_factory=list)

    def begin(self, start: float) -> Wait:
        """A wait that began at `start`; whoever waits says when it is over."""
        wait = Wait(start)
        self._waits.append(wait)
        return wait

    @property
    def lasting(self) -> Wait | None:
        """The latest wait that still lasts."""
        return next((wait for wait in reversed(self._waits) if wait.end is None), None)

    @property
    def why(self) -> str:
        """Why the latest wait that still lasts does; empty when none does."""
        return "" if self.lasting is None else self.lasting.why

    def seconds(self) -> float:
        """Time in which at least one call was waiting, up to now."""
        total, reached, now = self.before_s, float("-inf"), monotonic()
        for wait in sorted(self._waits, key=lambda wait: wait.start):
            end = now if wait.end is None else wait.end
            total += max(0.0, end - max(wait.start, reached))
            reached = max(reached, end)
        return total
