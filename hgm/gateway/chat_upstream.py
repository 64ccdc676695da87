"""A backbone that speaks OpenAI Chat Completions over HTTP, here on the Unix socket of a child process."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from hgm.backbones.process import ProcessBackbone
from hgm.errors import BackboneError
from hgm.gateway.dialects.known import CHAT
from hgm.gateway.failures import Broken, Rejected, Transient
from hgm.gateway.live import Call
from hgm.gateway.records import Json
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import load
from hgm.gateway.upstream import Probed

HOSTS_FAULT = frozenset({401, 402, 403, 404})
"""The key, the account or the model's name is wrong: the agent has no part in it and nobody tries again."""
PASSING = frozenset({408, 409, 425, 429})
"""4xx that say "later"."""
SPENT = "insufficient_quota"
"""A 429 that no waiting mends."""


class ChatProcess:
    """Chat completions from a child process; no key, no network."""

    dialects = frozenset({CHAT.name})

    def __init__(self, process: ProcessBackbone, *, settings: Settings, streams: bool) -> None:
        self._streams = streams
        self._process = process
        self._settings = settings
        self._client = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(
                uds=str(process.socket),
                limits=httpx2.Limits(max_keepalive_connections=32, keepalive_expiry=None),
                verify=False,
                trust_env=False,
            ),
            base_url="http://backbone",
            timeout=settings.attempt_timeout_s,
            trust_env=False,
        )

    async def start(self) -> None:
        """See `Upstream.start`."""
        await self._process.start()

    async def answer(self, call: Call) -> Json:
        """See `Upstream.answer`."""
        if call.wanted.stream and self._streams:
            return await self._gathered(call)
        async with self._sent(call.request) as response:
            return _parsed(await _body(response, self._settings.max_answer_bytes))

    async def probe(self) -> Probed:
        """See `Upstream.probe`."""
        try:
            await self.start()
            response = await self._client.get("/health", timeout=self._settings.probe_timeout_s)
        except (BackboneError, httpx2.TransportError) as trouble:
            return Probed(ok=False, trouble=f"{type(trouble).__name__}: {trouble}")
        return Probed(ok=response.status_code == 200, trouble=f"HTTP {response.status_code}")

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._client.aclose()
        await self._process.close()

    async def _gathered(self, call: Call) -> Json:
        """The answer, put together from a stream of it."""
        gatherer, size = call.dialect.gatherer(), 0
        request = {**call.request, "stream": True, "stream_options": {"include_usage": True}}
        async with self._sent(request) as response:
            async for line in response.aiter_lines():
                size += len(line)
                if size > self._settings.max_answer_bytes:
                    raise Transient(
                        f"the backbone's answer is over {self._settings.max_answer_bytes} bytes", charged=True
                    )
                if line.startswith("data:") and (data := line[5:].strip()) != "[DONE]":
                    gatherer.add(_parsed(data))
        return gatherer.answer()

    @asynccontextmanager
    async def _sent(self, request: Mapping[str, Json]) -> AsyncIterator[httpx2.Response]:
        """The response to one attempt, if it is a 200."""
        content = json.dumps(request, separators=(",", ":"), allow_nan=False).encode()
        headers = {"content-type": "application/json"}
        try:
            await self.start()
            async with self._client.stream(
                "POST", "/v1/chat/completions", content=content, headers=headers
            ) as response:
                if response.status_code != 200:
                    raise await self._failure(response)
                yield response
        except (BackboneError, httpx2.TransportError, httpx2.DecodingError) as trouble:
            refused = isinstance(trouble, BackboneError | httpx2.ConnectError | httpx2.ConnectTimeout)
            raise Transient(f"{type(trouble).__name__}: {trouble}", charged=not refused) from trouble

    async def _failure(self, response: httpx2.Response) -> Exception:
        text = (await _body(response, self._settings.max_answer_bytes)).decode(errors="replace")
        return failure(response.status_code, text, response.headers)


def failure(status: int, text: str, headers: Mapping[str, str]) -> Exception:
    """What a provider's answer other than 200 means: the table "whose fault?" for one attempt."""
    said = f"HTTP {status}: {text[:500]}"
    if status in HOSTS_FAULT or (status == 429 and SPENT in text):
        return Broken(said, hosts_fault=True)
    if status in PASSING or not 400 <= status < 500:
        return Transient(said, retry_after_s=_seconds(headers.get("retry-after", "")), rate_limited=status == 429)
    try:
        return Rejected(status, json.loads(text))
    except ValueError:
        return Rejected(status, {"error": {"message": text[:2000], "type": "invalid_request_error", "code": None}})


async def _body(response: httpx2.Response, limit: int) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > limit:
            raise Transient(f"the backbone's answer is over {limit} bytes", charged=True)
    return bytes(body)


def _parsed(data: bytes | str) -> Json:
    try:
        return load(data)
    except (ValueError, RecursionError):
        raise Transient(f"the backbone's answer is not JSON: {data[:100]!r}", charged=True) from None


def _seconds(text: str) -> float:
    """A Retry-After in seconds; dates and nonsense are 0, our own back-off then rules."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
