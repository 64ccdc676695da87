"""The one thread of this process that sandboxes are started from.

`--die-with-parent` is about the *thread* that started a process: a box started from a worker's thread would be killed
when that thread ends, so all are started from one that lives as long as this process does. As root the keeper also
has a mount namespace of its own: what it mounts for sandboxes is seen by nobody else, and is gone when this process
is gone, even after kill -9.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hgm.errors import SandboxError

T = TypeVar("T")


class Keeper:
    """Runs short pieces of work one after the other in its thread, beginning with `prepare`."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(1, "sandbox-keeper")
        try:
            self.do(prepare)
        except BaseException:
            self._pool.shutdown(wait=False)
            raise

    def do(self, work: Callable[[], T]) -> T:
        """Run `work` in the keeper's thread; its result and exceptions are the caller's.

        Raises:
            SandboxError: this process is about to end.
        """
        try:
            done = self._pool.submit(work)
        except RuntimeError as cause:
            raise SandboxError(f"no sandboxes any more: {cause}") from cause
        return done.result()


_keepers: dict[Callable[[], None], Keeper] = {}
_lock = threading.Lock()


def keeper(prepare: Callable[[], None]) -> Keeper:
    """This process's keeper for that preparation, made at the first call; a forked process gets its own."""
    with _lock:
        if prepare not in _keepers:
            _keepers[prepare] = Keeper(prepare)
        return _keepers[prepare]


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _keepers.clear()


os.register_at_fork(after_in_child=_forget)
