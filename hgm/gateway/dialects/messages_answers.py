"""Answers in the form of Messages: checked, made reproducible, cut into events and put together from them."""

import json
from collections.abc import Mapping
from typing import Any

from hgm.gateway.dialects.base import Counted, Event
from hgm.gateway.dialects.chat_answers import is_count, money
from hgm.gateway.failures import Transient
from hgm.gateway.prices import Tokens
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import parse_object

MALFORMED = "_malformed"
"""The one field of a tool's input whose text was not a JSON object: that text, for whoever has to answer it."""
TOO_MANY = frozenset({"rate_limit_error", "overloaded_error"})
LIMITS = Settings()

_TEXTS = {
    "text": ("text",),
    "thinking": ("thinking",),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name"),
}
"""Kind of block -> what in it must be text."""
_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
"""Kind of delta -> the field that has its text, and that of the block which it goes on with."""
_STREAMED = {"text": ("text",), "thinking": ("thinking", "signature")}
"""Kind of block -> what of it comes in deltas of the same name."""


def tidy(answer: Json, *, index: int, model: str) -> dict[str, Json]:
    """The answer that the agent gets, without an id, time or name that would differ between equal runs.

    Raises:
        Transient: it is not a message.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("content"), list):
        raise _broken("the backbone's answer is not a message")
    if not isinstance(answer.get("stop_reason"), str):
        raise _broken("the backbone's answer does not say why it stopped")
    return {
        "id": f"msg_{index}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_tidy_block(block) for block in answer["content"]],
        "stop_reason": answer["stop_reason"],
        "stop_sequence": answer.get("stop_sequence"),
        "stop_details": answer.get("stop_details"),
        "usage": answer.get("usage"),
    }


def tool_input(arguments: str) -> dict[str, Json]:
    """The arguments of a tool call as the object that this dialect wants; under `MALFORMED` where they are none.

    They come from agents and models, and nobody has counted their nesting yet.
    """
    try:
        return parse_object(arguments.encode(), LIMITS)
    except (Refusal, UnicodeEncodeError):
        return {MALFORMED: arguments}


def counted(answer: Mapping[str, Json]) -> Counted | None:
    """Tokens; None where the usage is not told or no usage. `input_tokens` has nothing of the caches in it."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    counts: tuple[Json, ...] = (
        usage.get("input_tokens"),
        usage.get("cache_read_input_tokens") or 0,
        usage.get("cache_creation_input_tokens") or 0,
        usage.get("output_tokens"),
    )
    if not all(map(is_count, counts)):
        return None
    plain, read, written, output = counts
    tokens = Tokens(input=plain, cache_read=read, cache_write=written, output=output)
    return Counted(tokens=tokens, usd=money(usage.get("cost")))


def signs(answer: Mapping[str, Json]) -> tuple[str, ...]:
    """See `Dialect.signs`."""
    reason, blocks = answer["stop_reason"], answer["content"]
    calls = [block for block in blocks if block["type"] == "tool_use"]
    found = []
    if reason == "refusal":
        found.append("refusal")
    if any(is_malformed(call["input"]) for call in calls):
        found.append("malformed_tool_call")
    if reason == "max_tokens":
        found.append("cut_off")
    if reason == "model_context_window_exceeded":
        found.append("context_overflow")
    if not calls and reason != "refusal" and not any(block.get("text") for block in blocks if block["type"] == "text"):
        found.append("empty_reply")
    return tuple(found)


def is_malformed(arguments: Mapping[str, Json]) -> bool:
    """Whether a tool's input is a text that was no input."""
    return arguments.keys() == {MALFORMED}


def events(answer: Mapping[str, Json]) -> list[Event]:
    """See `Dialect.events`. Clients count on a usage in two of the events: zeros stand there for an unknown one."""
    told = answer["usage"] if isinstance(answer["usage"], dict) else {}
    usage = {"input_tokens": 0, "output_tokens": 0, **told}
    ended = {name: answer[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    begun = {**answer, **dict.fromkeys(ended), "content": [], "usage": {**usage, "output_tokens": 0}}
    return [
        _event("message_start", message=begun),
        *(event for at, block in enumerate(answer["content"]) for event in _block_events(at, block)),
        _event("message_delta", delta=ended, usage=usage),
        _event("message_stop"),
    ]


class Gathered:
    """Puts the events of a stream together to the answer that would have come in one piece."""

    def __init__(self) -> None:
        self._answer: dict[str, Json] = {}
        self._blocks: dict[int, dict[str, Json]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}
        """(block, field) -> its deltas; joined at the end, for there may be very many."""
        self._usage: dict[str, Json] | None = None
        self.over = False

    def add(self, data: Json) -> None:
        """See `Gatherer.add`. Kinds of events that are not known yet are passed over, as the API asks clients to."""
        if not isinstance(data, dict):
            raise _broken("the backbone sent something that is not an event")
        match data.get("type"):
            case "error":
                raise _failed(data.get("error"))
            case "message_start":
                self._answer.update(_object(data, "message"))
                self._count(self._answer.get("usage"))
            case "content_block_start":
                self._blocks[_index(data)] = _object(data, "content_block")
            case "content_block_delta":
                self._extend(data)
            case "message_delta":
                self._answer.update(
                    {name: value for name, value in _object(data, "delta").items() if value is not None}
                )
                self._count(data.get("usage"))
            case "message_stop":
                self.over = True

    def answer(self) -> dict[str, Json]:
        """See `Gatherer.answer`. A stream that stopped before it said why is not over."""
        if not self._answer.get("stop_reason"):
            raise Transient("the backbone's stream broke off", charged=True)
        content = [self._whole(at) for at in sorted(self._blocks)]
        return {**self._answer, "content": content, "usage": self._usage}

    def _count(self, usage: Json) -> None:
        """Counts are of the whole answer so far: the last one stands."""
        if isinstance(usage, dict):
            known = self._usage or {}
            self._usage = {**known, **{name: value for name, value in usage.items() if value is not None}}

    def _extend(self, data: dict[str, Json]) -> None:
        delta = _object(data, "delta")
        if _index(data) not in self._blocks:
            raise _broken("the backbone went on with a block that it had not begun")
        name = _DELTAS.get(str(delta.get("type")))
        if name is not None:
            if not isinstance(delta.get(name), str):
                raise _broken("the backbone sent a delta without text")
            self._texts.setdefault((_index(data), name), []).append(delta[name])

    def _whole(self, at: int) -> dict[str, Json]:
        """A block, with what its deltas come to."""
        block = dict(self._blocks[at])
        for name in _DELTAS.values():
            text = "".join(self._texts.get((at, name), ()))
            if text and name == "partial_json":
                block["input"] = tool_input(text)
            elif text:
                block[name] = (block[name] if isinstance(block.get(name), str) else "") + text
        return block


def _tidy_block(block: Json) -> dict[str, Json]:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        raise _broken("the backbone's answer has a block that is none")
    if not all(isinstance(block.get(name), str) for name in _TEXTS.get(block["type"], ())):
        raise _broken(f"the backbone's answer has a block of {block['type'][:64]!r} that lacks something")
    if block["type"] == "thinking":
        return {"signature": "", **block}  # servers that sign nothing leave it out
    if block["type"] != "tool_use" or isinstance(block.get("input"), dict):
        return block
    told = block.get("input")
    return {**block, "input": tool_input(told if isinstance(told, str) else json.dumps(told))}


def _block_events(at: int, block: Mapping[str, Json]) -> list[Event]:
    begun = dict(block)
    deltas: list[Json] = []
    if block["type"] == "tool_use":
        begun["input"] = {}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    for name in _STREAMED.get(block["type"], ()):
        begun[name] = ""
        deltas.append({"type": f"{name}_delta", name: block[name]})
    return [
        _event("content_block_start", index=at, content_block=begun),
        *(_event("content_block_delta", index=at, delta=delta) for delta in deltas),
        _event("content_block_stop", index=at),
    ]


def _event(name: str, **data: Json) -> Event:
    return Event({"type": name, **data}, name)


def _object(data: Mapping[str, Json], name: str) -> dict[str, Any]:
    if not isinstance(data.get(name), dict):
        raise _broken(f"the backbone sent an event without its {name}")
    value: dict[str, Any] = data[name]
    return value


def _index(data: Mapping[str, Json]) -> int:
    index = data.get("index")
    if not isinstance(index, int):
        raise _broken("the backbone sent an event of no block")
    return index


def _failed(error: Json) -> Transient:
    kind = error.get("type") if isinstance(error, dict) else None
    message = f"the backbone's stream ended with an error: {str(error)[:500]}"
    return Transient(message, charged=True, rate_limited=isinstance(kind, str) and kind in TOO_MANY)


def _broken(message: str) -> Transient:
    return Transient(message, charged=True)
