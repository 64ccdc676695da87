"""Locks on files and folders that end with the process that holds them. Who only looks never makes another fail."""

import fcntl
import time

_PATIENCE_S = 0.5
"""Longer than any look at a lock takes."""
_POLL_S = 0.01


def take(handle: int) -> bool:
    """Hold an open file until it is closed; False where a live process holds it."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        else:
            return True


def is_held(handle: int) -> bool:
    """Whether a live process holds the file. Looking is a shared lock for a moment, which `take` waits out."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False
