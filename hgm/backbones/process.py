"""A backbone that runs in a child process of the gateway and answers on a Unix socket.

Its contract: `COMMAND --socket PATH` is an HTTP/1.1 server on that socket (several connections at once, keep-alive)
with `GET /health` and `POST /v1/chat/completions`. It gets an empty environment, so it holds no key, and dies with the
gateway.
"""

import asyncio
import ctypes
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from hgm.errors import BackboneError, boundary

START_S = 20.0
POLL_S = 0.005
ISOLATED_PYTHON = (sys.executable, "-I", "-S")
PR_SET_PDEATHSIG = 1


class ProcessBackbone:
    """Starts the process when it is first needed, and again when it has died."""

    def __init__(self, command: Sequence[str], socket: Path) -> None:
        self.socket = socket
        self._command = (*command, "--socket", str(socket))
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Return once the socket answers.

        Raises:
            BackboneError: the process ended or did not listen in time.
        """
        async with self._starting:
            if self.alive:
                return
            self.socket.unlink(missing_ok=True)
            with boundary(BackboneError, f"cannot start {self._command[0]}"):
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    preexec_fn=_die_with_parent,
                )
            await self._listening(self._process)

    async def close(self) -> None:
        """Kill the process."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        deadline = monotonic() + START_S
        while not await _connects(self.socket):
            if process.returncode is not None:
                raise BackboneError(f"{self._command[-3]} ended with status {process.returncode} before it listened")
            if monotonic() > deadline:
                await self.close()
                raise BackboneError(f"{self._command[-3]} did not listen within {START_S:g} s")
            await asyncio.sleep(POLL_S)


async def _connects(socket: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    writer.close()
    return True


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
