"""Mounts for engines that cannot see this machine's files: folders are copied in, sockets relayed over an `exec`.

Stops: the command changing what was copied, which belongs to another user; a client inside reaching any socket of the
host but those of its mounts.
Does not stop: a command from stopping its own connections: by using up all its memory, which takes the relay along, or
by sending on and on without reading what comes back.
"""

import io
import os
import socket
import stat
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from typing import Literal

from hgm.errors import SandboxError
from sandboxes.base import Mount
from sandboxes.container import KEEPER

Transport = Literal["auto", "mounted", "copied"]
"""How mounts get inside."""
PROGRAM = Path(__file__).parent / "inside" / "stdio_relay.py"
_HEAD = struct.Struct("!cII")
_CHUNK = 65536
_MOST_CONNECTIONS = 64
_MOST_REFUSED = 10_000
"""Not yet told so."""
_READY_S = 20.0


@dataclass(frozen=True)
class Copies:
    """Mounts as what is copied: volumes by the folder they are mounted at, and sockets that are relayed."""

    archives: Mapping[str, bytes] = field(default_factory=dict)
    """Top-level folder inside -> tar archive of what lies below it."""
    sockets: tuple[tuple[str, Path], ...] = ()
    """Path inside, path on this machine."""


def copies(mounts: Sequence[Mount]) -> Copies:
    """What to copy for these mounts; devices and FIFOs are left out.

    Raises:
        OSError: a source cannot be read.
    """
    buffers: dict[str, io.BytesIO] = {}
    sockets: list[tuple[str, Path]] = []
    with ExitStack() as opened:
        archives: dict[str, tarfile.TarFile] = {}
        for mount in mounts:
            top, *rest = PurePosixPath(mount.target).parts[1:]
            if top not in archives:
                buffers[top] = io.BytesIO()
                archive = tarfile.open(fileobj=buffers[top], mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
                archives[top] = opened.enter_context(archive)
            for path, name in _walk(mount.source, PurePosixPath(*rest)):
                mode = path.lstat().st_mode
                if stat.S_ISSOCK(mode):
                    sockets.append((f"/{top}/{name}", path))
                elif stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
                    archives[top].add(path, str(name), recursive=False, filter=_kept)
    return Copies({f"/{top}": buffer.getvalue() for top, buffer in buffers.items()}, tuple(sockets))


def _walk(source: Path, name: PurePosixPath) -> Iterator[tuple[Path, PurePosixPath]]:
    yield source, name
    if source.is_dir() and not source.is_symlink():
        for entry in sorted(os.listdir(source)):
            yield from _walk(source / entry, name / entry)


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = KEEPER
    entry.uname = entry.gname = ""
    return entry


class SocketRelay:
    """The host's end of `inside/stdio_relay.py`: a client of a socket inside gets a connection to that socket here."""

    def __init__(self, sockets: Sequence[Path], incoming: Iterator[bytes], send: Callable[[bytes], None]) -> None:
        """`incoming` is what the program prints, piece by piece; `send` writes to its standard input."""
        self._sockets = sockets
        self._incoming = incoming
        self._send = send
        self._sending = threading.Lock()
        self._ready = threading.Event()
        self._connections: dict[int, socket.socket] = {}
        self._refused: SimpleQueue[int | None] = SimpleQueue()
        threading.Thread(target=self._refuse, name="refuses", daemon=True).start()
        self._thread = threading.Thread(target=self._listen, name="relay", daemon=True)
        self._thread.start()

    def await_ready(self) -> None:
        """Return when the sockets inside are there.

        Raises:
            SandboxError: they are not, in time.
        """
        if not self._ready.wait(_READY_S):
            raise SandboxError("the relay inside does not start")

    def is_alive(self) -> bool:
        """Whether it still hears the program inside."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Close all connections and wait for it; what `incoming` comes from must have ended."""
        self._drop_all()  # or a server that does not read would be waited for
        self._thread.join(_READY_S)

    def _listen(self) -> None:
        rest = b""
        try:
            for piece in self._incoming:
                rest += piece
                while len(rest) >= _HEAD.size:
                    kind, number, length = _HEAD.unpack_from(rest)
                    if length > _CHUNK:
                        return
                    if len(rest) < _HEAD.size + length:
                        break
                    body, rest = rest[_HEAD.size : _HEAD.size + length], rest[_HEAD.size + length :]
                    self._take(kind, number, body)
        except (OSError, struct.error, LookupError):
            pass  # the container is gone, or what speaks there is not our program
        finally:
            self._refused.put(None)
            self._drop_all()

    def _take(self, kind: bytes, number: int, body: bytes) -> None:
        if kind == b"R":
            self._ready.set()
        elif kind == b"O":
            self._connect(number, *struct.unpack("!I", body))
        elif kind == b"D" and (connection := self._connections.get(number)):
            with suppress(OSError):
                connection.sendall(body)
        elif kind == b"C":
            self._drop(number)

    def _connect(self, number: int, which: int) -> None:
        if number in self._connections:
            raise LookupError(f"connection {number} comes twice")
        path = self._sockets[which]
        connection = socket.socket(socket.AF_UNIX)
        try:
            if len(self._connections) >= _MOST_CONNECTIONS:
                raise ConnectionRefusedError
            connection.connect(str(path))
        except OSError:
            connection.close()
            self._refused.put(number)
            return
        self._connections[number] = connection
        threading.Thread(target=self._forward, args=(number, connection), name="relayed", daemon=True).start()

    def _forward(self, number: int, connection: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(_CHUNK):
                self._say(b"D", number, data)
            self._say(b"C", number, b"")
        self._drop(number)

    def _refuse(self) -> None:
        """Apart from whoever listens: the program inside may first want to be heard to the end."""
        while (number := self._refused.get()) is not None:
            self._say(b"C", number, b"")

    def _say(self, kind: bytes, number: int, body: bytes) -> None:
        with self._sending, suppress(OSError):
            self._send(_HEAD.pack(kind, number, len(body)) + body)

    def _drop_all(self) -> None:
        for number in [*self._connections]:
            self._drop(number)

    def _drop(self, number: int) -> None:
        if connection := self._connections.pop(number, None):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
