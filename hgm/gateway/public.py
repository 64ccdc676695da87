"""What an agent can reach: one small HTTP application, the same on every lease's socket.

The lease comes with the connection (`request.state.lease`), never from the request; its token is checked before any
byte of a body is read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hgm.errors import GatewayError
from hgm.gateway import calls, environment
from hgm.gateway.ascii_json import AsciiJSON
from hgm.gateway.dialects.base import Dialect, Event
from hgm.gateway.dialects.known import CHAT, DIALECTS
from hgm.gateway.live import Call, LiveLease, Settled, closed
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import parse_object, with_text
from hgm.gateway.upstream import Upstream
from hgm.redaction import MARK

FINAL = {"x-should-retry": "false"}
"""OpenAI's clients obey it: the gateway has tried, or trying again cannot help."""
DONE = b"data: [DONE]\n\n"
"""Ends a stream of chat completions; the other dialects have an event of their own for that."""
HANG_UP = frozenset({"ambiguous_length", "headers_too_large", "body_timeout"})
"""After these, what follows on the connection cannot be trusted to be a request."""

UpstreamOf = Callable[[str], Upstream]


def public_app(upstream_of: UpstreamOf) -> ASGIApp:
    """The application of every lease's socket: one route per dialect, and the list of the one model."""
    app = Starlette(
        routes=[
            *(_route(dialect, upstream_of) for dialect in DIALECTS.values()),
            Route("/v1/models", _models, methods=["GET"]),
            *(Route(f"/env/{what}", _act(what), methods=["POST"]) for what in environment.FIELDS),
        ],
        exception_handlers={
            HTTPException: _no_route,
            GatewayError: _own_trouble,
            ClientDisconnect: _hung_up,
        },
    )
    return Door(app)


def _route(dialect: Dialect, upstream_of: UpstreamOf) -> Route:
    async def call(request: Request) -> Response:
        return await _call(request, dialect, upstream_of)

    return Route(dialect.path, call, methods=["POST"])


def _spoken(path: str) -> Dialect:
    """In whose words a refusal is said."""
    return next((dialect for dialect in DIALECTS.values() if dialect.path == path), CHAT)


def tombstone_app() -> ASGIApp:
    """What answers in the place of leases that are closed."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer_refusal(closed(), scope["path"])(scope, receive, send)

    return app


class Door:
    """Turns a request away by its headers alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        lease: LiveLease = scope["state"]["lease"]
        try:
            _check_headers(lease, scope["headers"])
        except Refusal as refusal:
            await lease.refuse()
            await _answer_refusal(refusal, scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _check_headers(lease: LiveLease, headers: list[tuple[bytes, bytes]]) -> None:
    settings = lease.settings
    if len(headers) > settings.max_header_count:
        raise Refusal(431, f"more than {settings.max_header_count} headers", code="headers_too_large")
    if sum(len(name) + len(value) + 4 for name, value in headers) > settings.max_header_bytes:
        raise Refusal(431, f"headers are over {settings.max_header_bytes} bytes", code="headers_too_large")
    named = dict(headers)
    if b"content-length" in named and any(name == b"transfer-encoding" for name, _ in headers):
        raise Refusal(400, "Content-Length and Transfer-Encoding in one request", code="ambiguous_length")
    if not _is_admitted(lease, named):
        raise Refusal(401, "the token is not this lease's", code="invalid_api_key")
    if lease.closed:
        raise closed()
    if int(named.get(b"content-length", b"0")) > settings.max_body_bytes:
        raise _too_large(settings)


def _is_admitted(lease: LiveLease, named: dict[bytes, bytes]) -> bool:
    """By the header of OpenAI's clients, or by that of Anthropic's."""
    scheme, _, token = named.get(b"authorization", b"").decode("latin-1").partition(" ")
    return lease.admits(token if scheme == "Bearer" else named.get(b"x-api-key", b"").decode("latin-1"))


async def _models(request: Request) -> Response:
    lease: LiveLease = request.state.lease
    model = {"id": lease.spec.backbone, "object": "model", "created": 0, "owned_by": "hgm"}
    return AsciiJSON({"object": "list", "data": [model]})


def _act(what: str) -> Callable[[Request], Awaitable[Response]]:
    async def act(request: Request) -> Response:
        lease: LiveLease = request.state.lease
        async with lease.slots:
            try:
                environment.must_be_there(lease)
                asked = _parsed(lease, await _read(request, lease.settings))
                acted = environment.act(lease, what, environment.check(what, asked, lease.settings))
                observed = await calls.while_present(lease, acted, _gone(request))
                return Sent() if observed is None else AsciiJSON(observed)
            except Refusal as refusal:
                return await _refused(request, refusal)

    return act


async def _call(request: Request, dialect: Dialect, upstream_of: UpstreamOf) -> Response:
    async with request.state.lease.slots:
        try:
            return await _admitted(request, dialect, upstream_of)
        except Refusal as refusal:
            return await _refused(request, refusal)


async def _admitted(request: Request, dialect: Dialect, upstream_of: UpstreamOf) -> Response:
    lease: LiveLease = request.state.lease
    body = await _read(request, lease.settings)
    asked = _parsed(lease, body)
    wanted = dialect.read(asked, lease.settings)
    upstream = upstream_of(lease.spec.backbone)
    call = lease.begin(wanted, dialect, size=len(body))
    if wanted.stream:
        return await _streamed(request, lease, upstream, call)
    settled = await calls.while_present(lease, calls.settle(lease, upstream, call), _gone(request))
    if settled is None:
        return Sent()
    headers = {} if settled.status == 200 else FINAL
    return AsciiJSON(settled.response, settled.status, headers=headers)


def _parsed(lease: LiveLease, body: bytes) -> dict[str, Json]:
    asked = parse_object(body, lease.settings)
    if lease.token.encode() in body or b"\\u" in body:  # nothing else can spell it
        # An agent may show its environment to the model; a random token there would make every run differ.
        with_mark: dict[str, Json] = with_text(asked, lease.token, MARK)
        return with_mark
    return asked


async def _streamed(request: Request, lease: LiveLease, upstream: Upstream, call: Call) -> Response:
    """The whole stream is sent from here, where the lease can cut it off; what is returned only says that it was."""
    stream = EventStream(request, call.dialect)
    async with stream.kept_alive(lease.settings.stream_comment_s):
        try:
            settled = await calls.while_present(lease, calls.settle(lease, upstream, call), _gone(request))
        except Refusal as refusal:
            if not stream.begun:
                raise
            settled = Settled(status=refusal.status, response=call.dialect.error(refusal))
    if settled is None:
        return Sent()
    if settled.status == 200:
        await stream.end(call.dialect.events(settled.response, include_usage=call.wanted.include_usage))
    elif stream.begun:
        await stream.end([call.dialect.error_event(settled.response)])
    else:
        return AsciiJSON(settled.response, settled.status, headers=FINAL)
    return Sent()


class EventStream:
    """Server-sent events to one agent: comments as long as its answer is waited for, then all of it.

    The status line goes out with whatever is first.
    """

    def __init__(self, request: Request, dialect: Dialect) -> None:
        self._send: Send = request._send
        self._done = DONE if dialect is CHAT else b""
        self.begun = False

    @asynccontextmanager
    async def kept_alive(self, pause_s: float) -> AsyncIterator[None]:
        """Send a comment now and then, so that no client takes the connection for dead."""
        task = asyncio.create_task(self._comment(pause_s))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def end(self, events: Sequence[Event]) -> None:
        """Send the answer, or why there will never be one, and the end."""
        await self._begin()
        parts = [b"".join(map(_line, events)), self._done]
        await self._send({"type": "http.response.body", "body": b"".join(parts), "more_body": False})

    async def _comment(self, pause_s: float) -> None:
        while True:
            await asyncio.sleep(pause_s)
            await self._begin()
            await self._send({"type": "http.response.body", "body": b": waiting\n\n", "more_body": True})

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})


def _line(event: Event) -> bytes:
    data = f"data: {json.dumps(event.data, separators=(',', ':'))}\n\n"
    return (f"event: {event.name}\n{data}" if event.name else data).encode()


class Sent(Response):
    """A response that has been sent already, or that nobody waits for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing is left to send."""


async def _read(request: Request, settings: Settings) -> bytes:
    """The body, within its limits on size and time.

    Raises:
        Refusal: a limit is broken.
    """
    body = bytearray()
    request.state.body_bytes = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for part in request.stream():
                body += part
                request.state.body_bytes = len(body)
                if len(body) > settings.max_body_bytes:
                    raise _too_large(settings)
    except TimeoutError:
        message = f"the body did not arrive within {settings.body_timeout_s:g} s"
        raise Refusal(408, message, code="body_timeout") from None
    return bytes(body)


async def _gone(request: Request) -> None:
    """Returns when the agent hangs up."""
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await request.receive()


def _too_large(settings: Settings) -> Refusal:
    return Refusal(413, f"the request body is over {settings.max_body_bytes} bytes", code="body_too_large")


async def _refused(request: Request, refusal: Refusal) -> Response:
    await request.state.lease.refuse(getattr(request.state, "body_bytes", 0))
    return _answer_refusal(refusal, request.url.path)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return await _refused(request, Refusal(error.status_code, str(error.detail), code="no_route"))


async def _hung_up(request: Request, error: Exception) -> Response:
    return Sent()


async def _own_trouble(request: Request, error: Exception) -> Response:
    """The gateway's own failure (a full disk, say): the host learns why, the agent only that."""
    request.state.lease.fail(str(error))
    return _answer_refusal(calls.backbone_failed(), request.url.path)


def _answer_refusal(refusal: Refusal, path: str) -> Response:
    headers = {**FINAL, "connection": "close"} if refusal.code in HANG_UP else FINAL
    return AsciiJSON(_spoken(path).error(refusal), refusal.status, headers=headers)
