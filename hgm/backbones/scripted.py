"""A backbone that answers from a script: for tests, demonstrations and checking what an agent really sends.

`python3 -I -S scripted.py --script FILE (--socket PATH | --port N)`; port 0 takes a free one and prints `port N`. It
speaks Chat Completions, Responses and Messages by path, streamed if asked; `--paths` leaves only some of them. The
script is a JSON list of steps, used up in order by all callers together; when it runs out, every further call is an
error. A step is an object with one of

    {"text": "..."}                           an answer in words
    {"tool_calls": [{"name": "...", "arguments": {...}}]}      arguments that are a text go out as they are
    {"tokens": 200000}                        an answer of so many words, counted as such
    {"message": {...}}                        put over the assistant's message (Chat) or the answer as it is
    {"echo": true}                            the request itself, as JSON text
    {"status": 500, "body": {...}}            an error; a body that is a text goes out as it is
    {"hang": true}                            no answer until the caller goes away
    {"malformed": "..."}                      these bytes as the body of a 200
    {"cut": true, "text": "..."}              the connection ends in the middle of the answer
    {"break_after": 2, "text": "..."}         streamed: the connection ends after so many events

and, beside it,

    "repeat": true                            answer with this step for ever
    "probe": true                             only, and for ever, for requests of at most 16 tokens of answer
    "usage": {"input": 1, "cache_read": 2, "cache_write": 3, "output": 4}      other names are put in as they are
    "billed": true                            counted although it is cut
    "finish": "length" or "refusal"
    "headers": {"Retry-After": "1"}, "retry_after": 1
    "check": {"authorization": "Bearer k"}    401 unless the request's headers say so

`GET /health` is 200; `GET /tally` counts the answers given and their tokens by bucket. Standard library only; holds no
key.
"""

import argparse
import json
import os
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn, UnixStreamServer
from typing import Any

if __package__ in (None, ""):  # started by its path in isolated mode: find the package that this file belongs to
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 2)))

from hgm.backbones.scripted_wire import WIRES, Call, Chat, Reply, Wire

PROBE_TOKENS = 16
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
BUCKETS = ("input", "cache_read", "cache_write", "output")
Step = dict[str, Any]


class Script:
    """Steps, used up one by one from any thread, and a tally of what was answered."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = [step for step in steps if not step.get("probe")]
        self._probe = next((step for step in steps if step.get("probe")), None)
        self._at = 0
        self._lock = threading.Lock()
        self._tally: Counter[str] = Counter()

    def next(self, request: dict[str, Any]) -> Step | None:
        """The step to answer with; None when there is none left."""
        if self._probe and min((request[name] for name in LIMITS if name in request), default=1e9) <= PROBE_TOKENS:
            return self._probe
        with self._lock:
            if self._at >= len(self._steps):
                return None
            step = self._steps[self._at]
            self._at += 0 if step.get("repeat") else 1
            return step

    def count(self, tokens: dict[str, int]) -> None:
        """Note an answer that went out whole."""
        with self._lock:
            self._tally.update(answers=1, **tokens)

    def tally(self) -> dict[str, int]:
        """So far."""
        with self._lock:
            return {name: self._tally[name] for name in ("answers", *BUCKETS)}


class Server(ThreadingMixIn):
    """One thread per connection; they end with the process."""

    daemon_threads = True
    request_queue_size = 256
    script: Script
    paths: frozenset[str]


class OnSocket(Server, UnixStreamServer):
    """On a Unix socket."""


class OnPort(Server, TCPServer):
    """On 127.0.0.1."""

    allow_reuse_address = True


class Handler(BaseHTTPRequestHandler):
    """The routes."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = False
    server: Server  # type: ignore[assignment]

    def do_GET(self) -> None:
        """GET /health and /tally."""
        found = {"/health": lambda: {"ok": True}, "/tally": self.server.script.tally}.get(self.path)
        self._send(200, found()) if found else self._send(404, Chat().error("no such path", "path"))

    def do_POST(self) -> None:
        """POST to one of the paths."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wire = WIRES.get(self.path)
        if wire is None or self.path not in self.server.paths:
            self._send(404, Chat().error("no such path", "path"))
            return
        step = self.server.script.next(request)
        if step is None:
            self._send(400, wire.error("the script has run out of steps", "script_exhausted"))
        elif any(self.headers.get(name) != value for name, value in step.get("check", {}).items()):
            self._send(401, wire.error("the key is not the script's", "authentication_error"))
        else:
            self._take(step, wire, request)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _take(self, step: Step, wire: Wire, request: dict[str, Any]) -> None:
        headers = {**step.get("headers", {})}
        if "retry_after" in step:
            headers["Retry-After"] = str(step["retry_after"])
        if step.get("hang"):
            self.rfile.read(1)
            self.close_connection = True
        elif "malformed" in step:
            self._send_bytes(200, step["malformed"].encode(), headers)
        elif "status" in step:
            body = step.get("body", wire.error(f"scripted {step['status']}", "scripted"))
            self._send(step["status"], body, headers)
        elif request.get("stream"):
            self._stream(wire, _reply(step, wire, request), step, headers)
        else:
            self._whole(wire, _reply(step, wire, request), step, headers)

    def _whole(self, wire: Wire, reply: Reply, step: Step, headers: dict[str, str]) -> None:
        data = json.dumps(wire.whole(reply), ensure_ascii=False).encode()
        if step.get("cut"):
            self._bill(step, reply)
            self._head(200, {**headers, "Content-Length": str(len(data))})
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        self.server.script.count(dict(reply.tokens))
        self._send_bytes(200, data, headers)

    def _stream(self, wire: Wire, reply: Reply, step: Step, headers: dict[str, str]) -> None:
        """Each event sent at once; the end of the connection ends the stream."""
        events = [*wire.events(reply)]
        end = step.get("break_after", len(events) // 2 if step.get("cut") else len(events))
        self._head(200, {**headers, "Connection": "close"}, kind="text/event-stream")
        if end >= len(events):
            self.server.script.count(dict(reply.tokens))
        else:
            self._bill(step, reply)
        for event in events[:end]:
            self.wfile.write(event.encode())
            self.wfile.flush()

    def _bill(self, step: Step, reply: Reply) -> None:
        """For an answer that is cut: some providers do."""
        if step.get("billed"):
            self.server.script.count(dict(reply.tokens))

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, str) else json.dumps(body)
        self._send_bytes(status, data.encode(), headers or {})

    def _send_bytes(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self._head(status, {**headers, "Content-Length": str(len(data))})
        self.wfile.write(data)
        self.wfile.flush()

    def _head(self, status: int, headers: dict[str, str], *, kind: str = "application/json") -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


_numbers = count()


def _reply(step: Step, wire: Wire, request: dict[str, Any]) -> Reply:
    text, calls = _said(step, request), tuple(_call(at, call) for at, call in enumerate(step.get("tool_calls", ())))
    raw, usage = step.get("message", {}), step.get("usage", {})
    output = len(json.dumps([text, *(call.arguments for call in calls), raw]).split())
    counted = {
        "input": sum(len(json.dumps(item).split()) for item in wire.asked(request)),
        "cache_read": 0,
        "cache_write": 0,
        "output": step.get("tokens", output),
    }
    return Reply(
        number=next(_numbers),
        model=request["model"],
        text=text,
        calls=calls,
        finish=step.get("finish", "tool_calls" if calls or raw.get("tool_calls") else "stop"),
        tokens={**counted, **{name: usage[name] for name in usage if name in BUCKETS}},
        raw=raw,
        usage={name: usage[name] for name in usage if name not in BUCKETS},
    )


def _said(step: Step, request: dict[str, Any]) -> str | None:
    if "tokens" in step:
        return " ".join(["word"] * step["tokens"])
    text: str | None = json.dumps(request) if step.get("echo") else step.get("text")
    return text


def _call(at: int, call: dict[str, Any]) -> Call:
    arguments = call["arguments"]
    return Call(f"call_{at}", call["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--paths", nargs="+", default=[*WIRES])
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--socket")
    place.add_argument("--port", type=int)
    arguments = parser.parse_args()
    script = Script(json.loads(arguments.script.read_text()))  # before anybody can connect
    server: OnPort | OnSocket
    if arguments.port is not None:
        server = OnPort(("127.0.0.1", arguments.port), Handler)
        print(f"port {server.socket.getsockname()[1]}", flush=True)
    else:
        server = OnSocket(arguments.socket, Handler)
    with server:
        server.script = script
        server.paths = frozenset(arguments.paths)
        server.serve_forever()


if __name__ == "__main__":
    main()
