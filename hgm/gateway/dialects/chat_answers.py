"""Answers in the form of chat completions: checked, made reproducible, cut into chunks and put together from them."""

import json
from collections.abc import Mapping
from typing import Any

from hgm.gateway.dialects.base import Counted, Event
from hgm.gateway.failures import Transient
from hgm.gateway.prices import Tokens
from hgm.gateway.records import Json

MOST_TOKENS = 10**9
MOST_USD = 10**6
"""Whoever tells more for one call has told nothing."""


def tidy(answer: Json, *, index: int, model: str) -> dict[str, Json]:
    """The answer that the agent gets: one choice, and no id, time or name that would differ between equal runs.

    Raises:
        Transient: it is not a chat completion.
    """
    choice = _first_choice(answer)
    if not isinstance(choice.get("message"), dict):
        raise Transient("the backbone's answer has no message")
    _check_calls(choice["message"].get("tool_calls"))
    return {
        **_head(index, model, "chat.completion"),
        "choices": [{**choice, "index": 0, "message": {"role": "assistant", **choice["message"]}}],
        "usage": answer.get("usage"),
    }


def check_chunk(chunk: Json) -> None:
    """See to it that `Gathered` can do with it.

    Raises:
        Transient: it is not a chunk of a chat completion.
    """
    if not isinstance(chunk, dict) or not _objects(chunk.get("choices")):
        raise Transient("the backbone sent something that is not a chunk")
    for choice in chunk["choices"]:
        delta = choice.get("delta")
        if delta is not None and not isinstance(delta, dict):
            raise Transient("the backbone sent a chunk whose delta is no object")
        _check_calls((delta or {}).get("tool_calls"))


def counted(answer: Mapping[str, Json]) -> Counted | None:
    """Tokens, and the money where a provider tells it (`usage.cost`); None where the usage is not told or no usage.

    `prompt_tokens` includes what was read from a cache and what was written into one.
    """
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details if isinstance(details, dict) else {}
    counts: tuple[Json, ...] = (
        usage.get("prompt_tokens"),
        cached.get("cached_tokens") or 0,
        cached.get("cache_write_tokens") or 0,
        usage.get("completion_tokens"),
    )
    prompt, read, written, output = counts
    if not all(map(is_count, counts)) or read + written > prompt:
        return None
    tokens = Tokens(input=prompt - read - written, cache_read=read, cache_write=written, output=output)
    return Counted(tokens=tokens, usd=money(usage.get("cost")))


def money(value: Json) -> float | None:
    """USD as a provider tells them; None where it does not, or none that a call can cost."""
    told = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_USD
    return float(value) if told else None


def is_count(value: Json) -> bool:
    """Whether it is a number of tokens that a call can have."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS


def signs(answer: Mapping[str, Json]) -> tuple[str, ...]:
    """See `Dialect.signs`."""
    choice = answer["choices"][0]
    message, finish = choice["message"], choice.get("finish_reason")
    calls = message.get("tool_calls") or []
    found = []
    if message.get("refusal") or finish == "content_filter":
        found.append("refusal")
    if any(not is_object((call.get("function") or {}).get("arguments")) for call in calls):
        found.append("malformed_tool_call")
    if finish == "length":
        found.append("cut_off")
    if not calls and not message.get("content") and not message.get("refusal"):
        found.append("empty_reply")
    return tuple(found)


def is_object(arguments: Json) -> bool:
    """Whether the arguments of a tool call are what a tool can take."""
    try:
        return isinstance(json.loads(arguments), dict)
    except (TypeError, ValueError, RecursionError):
        return False


def events(answer: Mapping[str, Json], *, include_usage: bool) -> list[Event]:
    """See `Dialect.events`. The mark that ends a stream of this dialect is no JSON: `DONE`."""
    choice = answer["choices"][0]
    delta = dict(choice["message"])
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
    head = {**answer, "object": "chat.completion.chunk"}
    usage = head.pop("usage")
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice.get("finish_reason", "stop")}]},
    ]
    if include_usage:
        chunks.append({**head, "choices": [], "usage": usage})
    return [Event(chunk) for chunk in chunks]


class Gathered:
    """Puts the chunks of a stream together to the answer that would have come in one piece."""

    def __init__(self) -> None:
        self._message: dict[str, Json] = {"role": "assistant", "content": None}
        self._texts: dict[str, list[str]] = {}
        """Field of the message -> its parts; joined at the end, for there may be very many."""
        self._calls: dict[int, dict[str, Json]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._finish: Json = None
        self.usage: Json = None
        self.over = False
        """Never: a mark that is no event ends a stream of this dialect."""

    def add(self, chunk: Json) -> None:
        """See `Gatherer.add`."""
        if isinstance(chunk, dict) and chunk.get("error"):
            raise Transient(f"the backbone's stream ended with an error: {str(chunk['error'])[:500]}", charged=True)
        check_chunk(chunk)
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            self._finish = choice.get("finish_reason") or self._finish
            self._merge(choice.get("delta") or {})

    def answer(self) -> dict[str, Json]:
        """See `Gatherer.answer`. A stream that stopped before it said why is not over, whatever mark follows."""
        if self._finish is None:
            raise Transient("the backbone's stream broke off", charged=True)
        message = {**self._message, **{name: "".join(parts) for name, parts in self._texts.items()}}
        if self._calls:
            message["tool_calls"] = [self._call(at) for at in sorted(self._calls)]
        return {"choices": [{"index": 0, "message": message, "finish_reason": self._finish}], "usage": self.usage}

    def _merge(self, delta: dict[str, Json]) -> None:
        for name, value in delta.items():
            if name == "tool_calls":
                for call in value or ():
                    self._merge_call(call)
            elif isinstance(value, str) and name != "role":
                self._texts.setdefault(name, []).append(value)
            elif isinstance(value, list) and isinstance(self._message.get(name), list):
                self._message[name] += value
            elif value is not None:
                self._message[name] = value

    def _merge_call(self, delta: dict[str, Json]) -> None:
        at, function = delta.get("index", 0), delta.get("function") or {}
        call = self._calls.setdefault(at, {"function": {"name": ""}})
        call["function"]["name"] += function.get("name") or ""
        self._arguments.setdefault(at, []).append(function.get("arguments") or "")
        call.update({name: delta[name] for name in ("id", "type") if delta.get(name)})

    def _call(self, at: int) -> dict[str, Json]:
        call = self._calls[at]
        return {**call, "function": {**call["function"], "arguments": "".join(self._arguments[at])}}


def _check_calls(calls: Json) -> None:
    if calls is not None and not (_objects(calls) and all(map(_is_call, calls))):
        raise Transient("the backbone sent tool calls that are none")


def _is_call(call: dict[str, Json]) -> bool:
    """Whether it is a tool call or a part of one."""
    function = call.get("function")
    if not isinstance(call.get("index", 0), int) or not isinstance(function, (dict, type(None))):
        return False
    return all(isinstance((function or {}).get(name), (str, type(None))) for name in ("name", "arguments"))


def _objects(values: Json) -> bool:
    return isinstance(values, list) and all(isinstance(value, dict) for value in values)


def _head(index: int, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{index}", "object": kind, "created": 0, "model": model}


def _first_choice(answer: Json) -> dict[str, Json]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Transient("the backbone's answer is not a chat completion")
    return choices[0]
