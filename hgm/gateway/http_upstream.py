"""An HTTP server that speaks dialects, asked: one attempt, whole or streamed, under limits on size and time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic

import httpx2

from hgm.gateway.blame import Answered, failure
from hgm.gateway.dialects.base import Dialect
from hgm.gateway.dialects.known import CHAT
from hgm.gateway.failures import Transient
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import parse

STREAM = "text/event-stream"
DONE = b"[DONE]"
"""Ends a stream of chat completions."""
END_S = 0.5
"""How long the end of a response may follow its last event."""
KEPT_S = 30.0
"""How long a connection may idle."""
MAX_ERROR_BYTES = 256_000
"""What is longer is cut: agents and trajectories get it."""
STALE_S = 1.0
"""A connection that ends so soon, without a byte, had been closed while it was kept: nothing was worked on."""
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_TROUBLE = (httpx2.TransportError, httpx2.DecodingError)
_CLOSED = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)


class Server:
    """A pool of kept connections to one server. Redirects are never followed."""

    def __init__(self, client: httpx2.AsyncClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    @classmethod
    def on_socket(cls, path: str, settings: Settings) -> "Server":
        """The server on a Unix socket of this machine."""
        transport = httpx2.AsyncHTTPTransport(uds=path, limits=_kept(None), verify=False, trust_env=False)
        client = httpx2.AsyncClient(
            transport=transport, base_url="http://backbone/v1", timeout=_patient(settings), trust_env=False
        )
        return cls(client, settings)

    @classmethod
    def at(cls, root: str, headers: Mapping[bytes, bytes], settings: Settings, *, proxies: bool) -> "Server":
        """The server at an address; `proxies`: whether those of the environment are used."""
        client = httpx2.AsyncClient(
            base_url=root, headers=dict(headers), timeout=_patient(settings), limits=_kept(KEPT_S), trust_env=proxies
        )
        return cls(client, settings)

    async def ask(
        self, dialect: Dialect, request: Mapping[str, Json], *, stream: bool, timeout_s: float | None = None
    ) -> Json:
        """The whole raw answer to one request, gathered where it is streamed.

        Raises:
            Transient, Rejected, Broken: see `hgm.gateway.blame`.
        """
        sent = {**request, **(_streamed(dialect) if stream else {})}
        async with self._answering(dialect, sent, timeout_s) as response:
            if stream and response.headers.get("content-type", "").startswith(STREAM):
                return await self._gathered(dialect, response)
            return self._parsed(await self._body(response))

    async def is_healthy(self) -> bool:
        """Whether `GET /health` is answered with 200.

        Raises:
            httpx2.TransportError: nobody answers.
        """
        response = await self._client.get("http://backbone/health", timeout=self._settings.probe_timeout_s)
        return response.status_code == 200

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answering(
        self, dialect: Dialect, request: Mapping[str, Json], timeout_s: float | None
    ) -> AsyncIterator[httpx2.Response]:
        """The response to one attempt, if it is a 200."""
        content = json.dumps(request, separators=(",", ":"), allow_nan=False).encode()
        timeout = _patient(self._settings) if timeout_s is None else httpx2.Timeout(timeout_s)
        began, answering = monotonic(), False
        try:
            async with self._client.stream(
                "POST",
                dialect.path.removeprefix("/v1"),
                content=content,
                headers={"content-type": "application/json"},
                timeout=timeout,
            ) as response:
                answering = True
                if response.status_code != 200:
                    text = (await self._body(response))[:MAX_ERROR_BYTES].decode(errors="replace")
                    answered = Answered(status=response.status_code, headers=response.headers, text=text)
                    raise failure(answered, dialect, request)
                yield response
        except _TROUBLE as trouble:
            stale = isinstance(trouble, _CLOSED) and not answering and monotonic() - began < STALE_S
            raise Transient(told(trouble), charged=not (stale or isinstance(trouble, _NEVER_SENT))) from trouble

    async def _gathered(self, dialect: Dialect, response: httpx2.Response) -> Json:
        """The answer out of a stream; once it is whole, no trouble with the connection takes it back."""
        gatherer, lines = dialect.gatherer(), self._lines(response)
        try:
            async for line in lines:
                if line.startswith(b"data:"):
                    data = line[5:].strip()
                    if data != DONE:
                        gatherer.add(self._parsed(data))
                    if data == DONE or gatherer.over:
                        await _used_up(lines)
                        break
        except _TROUBLE:
            with suppress(Transient):
                return gatherer.answer()
            raise
        return gatherer.answer()

    async def _lines(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        """Split at line feeds alone: JSON may hold what else Unicode takes for the end of a line."""
        size, rest = 0, b""
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._settings.max_stream_bytes or len(rest) > self._settings.max_answer_bytes:
                raise self._too_large()
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield line
        yield rest

    async def _body(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self._settings.max_answer_bytes:
                raise self._too_large()
        return bytes(body)

    def _parsed(self, data: bytes) -> Json:
        """Under the limits of requests: agents send answers back, and nothing that counts or records one may fail."""
        try:
            return parse(data, self._settings, what="the backbone's answer")
        except Refusal as trouble:
            raise Transient(f"{trouble.message}: {data[:100]!r}", charged=True) from None

    def _too_large(self) -> Transient:
        limits = f"{self._settings.max_answer_bytes} bytes, or {self._settings.max_stream_bytes} as a stream"
        return Transient(f"the backbone's answer is over {limits}", charged=True)


def told(trouble: Exception) -> str:
    """A failure of a connection in words; some have none of their own."""
    return f"{type(trouble).__name__}: {trouble}".rstrip(": ")


async def _used_up(lines: AsyncIterator[bytes]) -> None:
    """Read to the end of a response behind its last event, which is near: only then is the connection kept."""
    with suppress(TimeoutError, Transient, *_TROUBLE):
        async with asyncio.timeout(END_S):
            async for _ in lines:
                pass


def _streamed(dialect: Dialect) -> dict[str, Json]:
    return {"stream": True, "stream_options": {"include_usage": True}} if dialect is CHAT else {"stream": True}


def _kept(seconds: float | None) -> httpx2.Limits:
    """How many may be open is the business of `hgm.gateway.pace`."""
    return httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=seconds)


def _patient(settings: Settings) -> httpx2.Timeout:
    return httpx2.Timeout(settings.attempt_timeout_s, connect=settings.connect_timeout_s)
