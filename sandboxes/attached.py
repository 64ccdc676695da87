"""A process that was started in a running container, and its standard streams over one connection to the engine."""

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sandboxes.engine import Engine

STDOUT, STDERR = 1, 2
HEARD = b"\n"
"""Tells a process that it is listened to: some engines (Podman) lose what is printed before that."""
WAITING = ("/bin/sh", "-c", 'read -r heard && exec "$@"', "sh")
"""Before a command that does not wait for `HEARD` by itself."""
_HEAD = struct.Struct("!BxxxI")
_CHUNK = 1 << 16


class Attached:
    """One process in a container: what it prints, as it comes, and its standard input, which begins with `HEARD`."""

    def __init__(
        self,
        engine: Engine,
        container: str,
        command: Sequence[str],
        *,
        user: int,
        folder: str = "/",
        env: Mapping[str, str] | None = None,
        patience_s: float | None = None,
    ) -> None:
        """Start it; it may print nothing before it has read `HEARD`.

        `patience_s` is how long it may be silent before `pieces` ends.
        """
        self._api = engine.api
        self._id = engine.api.exec_create(
            container,
            list(command),
            user=f"{user}:{user}",
            workdir=folder,
            environment=dict(env or {}),
            stdin=True,
        )["Id"]
        self._stream: Any = engine.api.exec_start(self._id, socket=True)
        self._line: socket.socket = getattr(self._stream, "_sock", self._stream)
        self._line.settimeout(patience_s)
        self._is_closed = False
        with suppress(OSError):  # it is gone, as `pieces` will show
            self.send(HEARD)

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Stream number and bytes, until nobody holds the streams open, the container is gone, or `close` is called.

        Raises:
            OSError: the connection broke.
        """
        try:
            while head := self._exactly(_HEAD.size):
                which, left = _HEAD.unpack(head)
                while left:
                    if not (piece := self._line.recv(min(left, _CHUNK))):
                        raise ConnectionResetError("the engine's connection ends in the middle of what was printed")
                    left -= len(piece)
                    yield which, piece
        except OSError:
            if not self._is_closed:
                raise

    def send(self, data: bytes) -> None:
        """Write to its standard input.

        Raises:
            OSError: it is gone.
        """
        self._line.sendall(data)

    def status(self) -> int | None:
        """Its exit status as a shell gives it; None while it runs, or is only now being started."""
        found = self._api.exec_inspect(self._id)
        return None if found["Running"] or found["ExitCode"] is None else int(found["ExitCode"])

    def close(self) -> None:
        """End the connection, which ends `pieces` in whatever thread."""
        self._is_closed = True
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        for end in {id(end): end for end in (self._stream, self._line)}.values():
            with suppress(OSError):  # of a connection over ssh, whose process may be gone
                end.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (piece := self._line.recv(size - len(data))):
                if data:
                    raise ConnectionResetError("the engine's connection ends in the middle of what was printed")
                return b""
            data += piece
        return data
