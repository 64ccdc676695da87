"""Unix sockets inside a sandbox whose clients talk to the host over this program's standard input and output.

    python3 stdio_relay.py SOCKET ...

Standard library only, Python 3.9 or later: it is copied into sandboxes, and holds no secret. Frames, both ways: a kind
(one byte), a connection's number and a length (4 bytes each, big-endian), then so many bytes. R: the sockets are
there; O: a client has connected, the bytes are the socket's number; D: data; C: one end is closed, so both are.
"""

import os
import selectors
import socket
import struct
import sys

HEAD = struct.Struct("!cII")
CHUNK = 65536
MOST_WAITING = 1 << 22
"""Bytes that a client may leave unread before it is cut off."""
MOST_CLIENTS = 512
"""At the same time: more than the host serves, and fewer than this program may open files."""


class Relay:
    """All connections in one thread: threads count against a sandbox's process limit."""

    def __init__(self, paths):
        self.selector = selectors.DefaultSelector()
        self.clients = {}
        self.waiting = {}
        self.closing = set()
        self.latest = 0
        self.unparsed = b""
        for number, path in enumerate(paths):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            os.chmod(path, 0o666)
            listener.listen(64)
            self.selector.register(listener, selectors.EVENT_READ, (self.accept, number))
        self.selector.register(0, selectors.EVENT_READ, (self.hear, None))
        say(b"R", 0, b"")

    def serve(self):
        """Until the host closes our input."""
        while True:
            for key, events in self.selector.select():
                work, number = key.data
                if work == self.hear:
                    if not self.hear():
                        return
                elif work == self.accept:
                    self.accept(key.fileobj, number)
                elif number in self.clients:
                    self.move(number, events)

    def accept(self, listener, number):
        client, _ = listener.accept()
        if len(self.clients) >= MOST_CLIENTS:
            client.close()
            return
        client.setblocking(False)
        self.latest += 1
        self.clients[self.latest], self.waiting[self.latest] = client, b""
        self.selector.register(client, selectors.EVENT_READ, (self.move, self.latest))
        say(b"O", self.latest, struct.pack("!I", number))

    def hear(self, _=None):
        """Take what the host says; False at its end."""
        data = os.read(0, CHUNK)
        self.unparsed += data
        while len(self.unparsed) >= HEAD.size:
            kind, number, length = HEAD.unpack_from(self.unparsed)
            if len(self.unparsed) < HEAD.size + length:
                break
            body = self.unparsed[HEAD.size : HEAD.size + length]
            self.unparsed = self.unparsed[HEAD.size + length :]
            if number in self.clients:
                self.waiting[number] += body
                if kind == b"C":
                    self.closing.add(number)
                self.flush(number)
        return bool(data)

    def move(self, number, events):
        if events & selectors.EVENT_WRITE:
            self.flush(number)
        if events & selectors.EVENT_READ and number in self.clients:
            try:
                data = self.clients[number].recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                say(b"D", number, data)
            else:
                say(b"C", number, b"")
                self.close(number)

    def flush(self, number):
        """Write what the client takes without waiting, and say what to wait for next."""
        client = self.clients[number]
        try:
            self.waiting[number] = self.waiting[number][client.send(self.waiting[number]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.waiting[number] = b""
        left = len(self.waiting[number])
        if left > MOST_WAITING or (number in self.closing and not left):
            say(b"C", number, b"")
            self.close(number)
            return
        more = selectors.EVENT_WRITE if left else 0
        self.selector.modify(client, selectors.EVENT_READ | more, (self.move, number))

    def close(self, number):
        self.waiting.pop(number)
        self.closing.discard(number)
        client = self.clients.pop(number)
        self.selector.unregister(client)
        client.close()


def say(kind, number, body):
    """Write one frame, whatever it takes: the host always reads."""
    left = memoryview(HEAD.pack(kind, number, len(body)) + body)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    Relay(sys.argv[1:]).serve()
