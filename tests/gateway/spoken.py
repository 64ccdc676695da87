"""A dialect behind an official SDK: what the SDK sends is read by it, what it answers is what the SDK reads."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx2

from hgm.gateway.dialects.base import Dialect, Event, Imposed
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings


def imposed(**sampling: Any) -> Imposed:
    return Imposed(model="real-model", max_output_tokens=4096, sampling=sampling, seed=5)


def client(dialect: Dialect, raw: Mapping[str, Any], seen: list[dict[str, Any]]) -> httpx2.Client:
    """Answers every call with `raw`, streamed where the SDK asks for it; `seen` are the requests that would go out."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        try:
            wanted = dialect.read(json.loads(request.content), Settings())
        except Refusal as refusal:
            return httpx2.Response(refusal.status, json=dialect.error(refusal))
        seen.append(dialect.request(wanted, imposed()))
        answer = dialect.answer(raw, index=0, model="lab/model")
        if not wanted.stream:
            return httpx2.Response(200, json=answer)
        body = b": waiting\n\n" + b"".join(map(line, dialect.events(answer, include_usage=wanted.include_usage)))
        return httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def line(event: Event) -> bytes:
    return f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n".encode()


def gathered(dialect: Dialect, events: Sequence[Any]) -> Any:
    """What the data of a stream's events come to, over the wire's JSON."""
    gatherer = dialect.gatherer()
    for data in events:
        gatherer.add(json.loads(json.dumps(data)))
    return dialect.answer(gatherer.answer(), index=0, model="lab/model")


def again(dialect: Dialect, answer: Mapping[str, Any]) -> Any:
    """An answer out of its own stream."""
    return gathered(dialect, [event.data for event in dialect.events(answer, include_usage=True)])


class Provider:
    """What a server on this machine was asked, and where it is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: list[dict[str, str]] = []
        self.asked: list[dict[str, Any]] = []


@contextmanager
def provider(dialect: Dialect, raw: Mapping[str, Any]) -> Iterator[Provider]:
    """A server that speaks one dialect alone, and always says the same."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path != dialect.path:
                return self.reply(404, "application/json", b'{"error": {"message": "no such path"}}')
            known.headers.append({name.lower(): value for name, value in self.headers.items()})
            known.asked.append(json.loads(body))
            if not known.asked[-1].get("stream"):
                return self.reply(200, "application/json", json.dumps(raw).encode())
            events = dialect.events(dialect.answer(raw, index=9, model="real"), include_usage=True)
            return self.reply(200, "text/event-stream", b"".join(map(line, events)))

        def reply(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    known = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
