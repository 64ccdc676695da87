"""A dialect behind an official SDK: what the SDK sends is read by it, what it answers is what the SDK reads."""

import json
from collections.abc import Mapping, Sequence
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
