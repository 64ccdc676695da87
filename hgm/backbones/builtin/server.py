"""The offline backbone `builtin`: a rule-based program that speaks Chat Completions. It is not a language model.

    python3 -I -S server.py --socket PATH

Promises: standard library only; opens no file besides its own modules; every answer depends on the one request alone
(its draws on the request's `seed`), so the same request gets the same bytes; work per request is bounded; a request
that cannot be answered is an error in JSON, and the server goes on.
"""

import json
import os
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

if __package__ in (None, ""):  # started by its path in isolated mode: find the package that this file belongs to
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))

from hgm.backbones.builtin import wire
from hgm.backbones.builtin.model import answer
from hgm.errors import BackboneError, boundary

MAX_BODY = 8_000_000
IDLE_S = 600.0
"""A connection that sends nothing for so long is closed."""
STACK = 64 * 1024 * 1024
"""Per connection: parsing deeply nested source must end in an exception, not in a crash."""


class Handler(BaseHTTPRequestHandler):
    """One connection: keep-alive, one answer per request."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        """GET /health."""
        if self.path == "/health":
            self._send(200, b'{"status": "ok", "model": "builtin/rules", "language_model": false}')
        else:
            self._fail(404, "no such page")

    def do_POST(self) -> None:
        """POST /v1/chat/completions."""
        body = self._body()
        if body is None:
            return
        if self.path.partition("?")[0] not in ("/v1/chat/completions", "/chat/completions"):
            self._fail(404, "no such page")
            return
        try:
            request = wire.parse(body)
            with boundary(BackboneError, "answering"):
                data = wire.render(request, answer(request))
        except wire.BadRequest as error:
            self._fail(400, str(error))
        except BackboneError as error:
            self._fail(500, str(error))
        else:
            self._send(200, data)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._fail(411, "Content-Length is needed", close=True)
        elif len(length) > 12 or int(length) > MAX_BODY:
            self._fail(413, f"the body is larger than {MAX_BODY} bytes", close=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _fail(self, status: int, message: str, *, close: bool = False) -> None:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        self._send(status, json.dumps({"error": {"message": message, "type": kind}}).encode(), close=close)

    def _send(self, status: int, data: bytes, *, close: bool = False) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if close:
            self.send_header("Connection", "close")  # sets close_connection too
        self.end_headers()
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Malformed HTTP: the same JSON as any other error."""
        self._fail(code, message or "malformed request", close=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Nothing is logged: the gateway records exchanges."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """One thread per connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the client's business."""


def serve(path: str) -> None:
    """Listen on the socket `path` until the process ends."""
    if os.path.lexists(path):
        os.unlink(path)
    threading.stack_size(STACK)
    with Server(path, Handler) as server:
        os.chmod(path, 0o600)
        server.serve_forever(poll_interval=3600)


def main(arguments: list[str]) -> int:
    """Run as a program."""
    if len(arguments) != 2 or arguments[0] != "--socket":
        print("usage: server.py --socket PATH", file=sys.stderr)
        return 2
    socket.setdefaulttimeout(None)
    serve(arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
