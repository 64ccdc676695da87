"""Follow a running command: a capped reader for what it prints and a deadline that can be moved."""

import contextlib
import os
import select
import selectors
import threading
import time
from collections.abc import Callable, Mapping

_CHUNK = 1 << 16


class Deadline:
    """A moment that other threads may move away while somebody waits for it."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._at = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Move it away by `seconds`."""
        with self._lock:
            self._at += seconds

    def left(self) -> float:
        """Seconds from now; negative once it has passed."""
        with self._lock:
            return self._at - time.monotonic()


class Capped:
    """Keeps the first bytes, counts the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        room = self._limit - len(self._kept)
        self._kept += data[:room]
        self.dropped += max(0, len(data) - room)

    @property
    def kept(self) -> bytes:
        """The first bytes, at most as many as the limit says."""
        return bytes(self._kept)


def follow(
    ended: int, sinks: Mapping[int, Callable[[bytes], None]], *, deadline: Deadline, at_deadline: Callable[[], None]
) -> bool:
    """Feed what arrives at each descriptor to its sink until `ended` is readable; whether the deadline came first.

    Who still holds the other end of a descriptor does not matter: nothing is waited for but `ended`. After the
    deadline `at_deadline` has been called once, and must see to it that `ended` comes.
    """
    passed = False
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        for descriptor, sink in sinks.items():
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ, sink)
        while True:
            ready = selector.select(None if passed else max(0.0, deadline.left()))
            for key, _ in ready:
                if key.data and not _pass_on(key.fd, key.data):
                    selector.unregister(key.fd)
            if any(key.fd == ended for key, _ in ready):
                return passed
            if not passed and deadline.left() <= 0:
                passed = True
                at_deadline()


def drain(descriptor: int, sink: Callable[[bytes], None]) -> None:
    """Feed what is left in a pipe whose writers are all dead."""
    os.set_blocking(descriptor, False)
    while _pass_on(descriptor, sink) and is_ready(descriptor, 0):
        pass


def is_ready(descriptor: int, seconds: float) -> bool:
    """Whether a descriptor becomes readable (a pidfd: whether its process ends) in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _pass_on(descriptor: int, sink: Callable[[bytes], None]) -> bool:
    """Whether more may follow."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        if not (data := os.read(descriptor, _CHUNK)):
            return False
    sink(data)
    return True
