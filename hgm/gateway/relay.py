"""Lets clients that only speak TCP reach the gateway: 127.0.0.1:8377 -> the Unix socket $HGM_SOCKET.

    python3 relay.py -- COMMAND ...

listens, then runs the command and ends with its status. Standard library only, Python 3.9 or later: it is copied into
sandboxes. It holds no secret and reads nothing of what passes through.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import threading

ADDRESS = ("127.0.0.1", 8377)
CHUNK = 65536
NOT_FOUND = 127


class Half:
    """One direction of a connection: what was read from `source` and `target` has not taken yet."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.waiting = b""
        self.ended = False

    def move(self) -> None:
        """Read when there is room, write what waits. Neither ever blocks."""
        if not self.waiting and not self.ended:
            self._read()
        if self.waiting:
            self._write()

    def _read(self) -> None:
        try:
            self.waiting = self.source.recv(CHUNK)
            self.ended = not self.waiting
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def _write(self) -> None:
        try:
            self.waiting = self.waiting[self.target.send(self.waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self.waiting, self.ended = b"", True


class Pair:
    """One client's connection and its own connection to the gateway."""

    def __init__(self, client: socket.socket, gateway: socket.socket) -> None:
        self.ends = (client, gateway)
        self.halves = (Half(client, gateway), Half(gateway, client))

    def step(self, selector: selectors.BaseSelector) -> None:
        """Move what can be moved, and say what to wait for next. HTTP needs no half-closed connection."""
        for half in self.halves:
            half.move()
        if any(half.ended and not half.waiting for half in self.halves):
            self._close(selector)
            return
        for end in self.ends:
            wanted = self._wanted(end)
            if wanted:
                self._register(selector, end, wanted)
            else:
                self._forget(selector, end)

    def _wanted(self, end: socket.socket) -> int:
        wanted = 0
        for half in self.halves:
            if half.source is end and not half.waiting and not half.ended:
                wanted |= selectors.EVENT_READ
            if half.target is end and half.waiting:
                wanted |= selectors.EVENT_WRITE
        return wanted

    def _register(self, selector: selectors.BaseSelector, end: socket.socket, wanted: int) -> None:
        if end.fileno() in selector.get_map():
            selector.modify(end, wanted, self)
        else:
            selector.register(end, wanted, self)

    def _forget(self, selector: selectors.BaseSelector, end: socket.socket) -> None:
        if end.fileno() in selector.get_map():
            selector.unregister(end)

    def _close(self, selector: selectors.BaseSelector) -> None:
        for end in self.ends:
            if end.fileno() >= 0:
                self._forget(selector, end)
                end.close()


def forward(listener: socket.socket, path: str) -> None:
    """Serve for ever, all connections in this one thread: threads count against a sandbox's process limit."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                accept(listener, path, selector)
            elif isinstance(key.fileobj, socket.socket) and key.fileobj.fileno() >= 0:
                key.data.step(selector)


def accept(listener: socket.socket, path: str, selector: selectors.BaseSelector) -> None:
    """Take one client in; without a gateway it finds its connection closed."""
    client, _ = listener.accept()
    gateway = socket.socket(socket.AF_UNIX)
    try:
        gateway.connect(path)
    except OSError:
        client.close()
        gateway.close()
        return
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setblocking(False)
    gateway.setblocking(False)
    Pair(client, gateway).step(selector)


def run(command: list[str]) -> int:
    """The command's status, as a shell gives it."""
    try:
        child = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        print(f"relay: cannot run {command[0]}: {error}", file=sys.stderr)
        return NOT_FOUND
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: os.kill(child, received))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def main(arguments: list[str]) -> int:
    """Relay while the command after `--` runs."""
    if arguments[:1] != ["--"] or not arguments[1:]:
        print("usage: relay.py -- COMMAND ...", file=sys.stderr)
        return 2
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(ADDRESS)
    listener.listen(64)
    threading.Thread(target=forward, args=(listener, os.environ["HGM_SOCKET"]), daemon=True).start()
    return run(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
