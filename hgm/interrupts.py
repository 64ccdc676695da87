"""Ctrl-C and SIGTERM: the first asks to finish what runs; the second makes this process its own cleaner at once.

The second is not an exception on its way through everything: worker threads would still be starting sandboxes behind
it. `exec` ends all threads, and with them their sandboxes, in one step; what they leave is then removed by `hgm.sweep`.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STATUS = 130


class Interrupts:
    """While entered, in the main thread: the first signal turns `requested` true, the second never returns.

    Both callables are called from the signal handler, in the middle of anything: they may set flags and write to
    descriptors. `leaving` makes the terminal usable again.
    """

    def __init__(
        self,
        runs: Sequence[str] = (),
        *,
        told: Callable[[], None] = lambda: None,
        leaving: Callable[[], None] = lambda: None,
    ) -> None:
        """`runs` are the run ids whose leavings the cleaner removes."""
        self.requested = False
        self._runs = tuple(runs)
        self._told = told
        self._leaving = leaving
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def stopping(self) -> bool:
        """Whether to start nothing more."""
        return self.requested

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            self._told()
            return
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        self._leaving()
        os.execv(sys.executable, [sys.executable, "-P", "-m", "hgm.sweep", str(STATUS), *self._runs])
