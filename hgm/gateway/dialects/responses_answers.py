"""Answers in the form of Responses: checked, made reproducible, cut into events and put together from them."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from hgm.gateway.dialects.base import Counted, Event
from hgm.gateway.dialects.chat_answers import is_count, is_object, money
from hgm.gateway.failures import Transient
from hgm.gateway.prices import Tokens
from hgm.gateway.records import Json

ENDED = ("completed", "incomplete", "failed")
"""How a response may have ended. All others are still to come."""
REQUESTS_FAULT = (
    "invalid_",
    "image_",
    "empty_image",
    "unsupported_image",
    "failed_to_download_image",
    "bio_policy",
    "misalignment_policy",
    "data_residency",
    "context_length_exceeded",
)
"""How codes of failures begin that no second attempt mends; the agent gets to see those."""
DECLINED = ("invalid_prompt", "bio_policy", "misalignment_policy")
LIMITED = "rate_limit_exceeded"

_TEXTS = {"function_call": ("call_id", "name", "arguments"), "output_text": ("text",), "refusal": ("refusal",)}
"""Kind of item or part -> what in it must be text."""
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_EMPTY = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
"""Kind of part -> its text, which a stream sends after it."""


def tidy(answer: Json, *, index: int, model: str) -> dict[str, Json]:
    """The answer that the agent gets: its own id and time would differ between equal runs.

    The ids of items stay as they are, since they have to be passed back.

    Raises:
        Transient: it is not a response, not at its end, or failed for a reason that passes.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("output"), list):
        raise _broken("the backbone's answer is not a response")
    status, error = answer.get("status") or "completed", answer.get("error")
    if status not in ENDED:
        raise _broken(f"the backbone's response is not at its end: {str(status)[:64]}")
    if status == "failed" and not _code(error).startswith(REQUESTS_FAULT):
        raise _failed(error)
    tools = answer.get("tools")
    return {
        "id": f"resp_{index}",
        "object": "response",
        "created_at": 0,
        "model": model,
        "status": status,
        "error": _details(error),
        "incomplete_details": _details(answer.get("incomplete_details")),
        "output": [_tidy_item(item, f"{index}_{at}") for at, item in enumerate(answer["output"])],
        "parallel_tool_calls": answer.get("parallel_tool_calls", True),
        "tool_choice": answer.get("tool_choice") or "auto",
        "tools": tools if isinstance(tools, list) else [],
        "usage": answer.get("usage"),
    }


def counted(answer: Mapping[str, Json]) -> Counted | None:
    """Tokens; None where the usage is not told or no usage. `input_tokens` includes what has to do with a cache."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("input_tokens_details")
    cached = details if isinstance(details, dict) else {}
    counts: tuple[Json, ...] = (
        usage.get("input_tokens"),
        cached.get("cached_tokens") or 0,
        cached.get("cache_write_tokens") or 0,
        usage.get("output_tokens"),
    )
    prompt, read, written, output = counts
    if not all(map(is_count, counts)) or read + written > prompt:
        return None
    tokens = Tokens(input=prompt - read - written, cache_read=read, cache_write=written, output=output)
    return Counted(tokens=tokens, usd=money(usage.get("cost")))


def signs(answer: Mapping[str, Json]) -> tuple[str, ...]:
    """See `Dialect.signs`."""
    calls = [item for item in answer["output"] if item["type"] == "function_call"]
    parts = [part for item in answer["output"] if item["type"] == "message" for part in item["content"]]
    reason, code = (answer["incomplete_details"] or {}).get("reason"), _code(answer["error"])
    found = []
    refused = any(part["type"] == "refusal" for part in parts)
    if refused or reason == "content_filter" or code.startswith(DECLINED):
        found.append("refusal")
    if any(not is_object(call["arguments"]) for call in calls):
        found.append("malformed_tool_call")
    if reason == "max_output_tokens":
        found.append("cut_off")
    if code == "context_length_exceeded":
        found.append("context_overflow")
    if not calls and not refused and not code and not any(part.get("text") for part in parts):
        found.append("empty_reply")
    return tuple(found)


def events(answer: Mapping[str, Json]) -> list[Event]:
    """See `Dialect.events`."""
    numbers = count()
    begun = {**answer, "status": "in_progress", "error": None, "incomplete_details": None, "output": [], "usage": None}
    told = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        *(event for at, item in enumerate(answer["output"]) for event in _item_events(at, item)),
        (f"response.{answer['status']}", {"response": answer}),
    ]
    return [Event({"type": name, "sequence_number": next(numbers), **data}, name) for name, data in told]


class Gathered:
    """Waits for the event that has the whole answer in it; fills the items in where a server leaves them out there."""

    def __init__(self) -> None:
        self._answer: dict[str, Json] | None = None
        self._items: dict[int, Json] = {}
        self.over = False

    def add(self, data: Json) -> None:
        """See `Gatherer.add`. Kinds of events that are not known yet are passed over."""
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):
            raise _broken("the backbone sent something that is not an event")
        match data["type"].removeprefix("response."):
            case "error":
                raise _failed(data.get("error") or data)
            case "output_item.done":
                place = data.get("output_index")  # llama.cpp leaves it out, and sends them in their order
                self._items[place if isinstance(place, int) else len(self._items)] = data.get("item")
            case "completed" | "incomplete" | "failed" as status:
                if not isinstance(data.get("response"), dict):
                    raise _broken("the backbone's last event has no response")
                self._answer = {"status": status, **data["response"]}
                self.over = True

    def answer(self) -> dict[str, Json]:
        """See `Gatherer.answer`."""
        if self._answer is None:
            raise Transient("the backbone's stream broke off", charged=True)
        return {**self._answer, "output": self._answer.get("output") or [self._items[at] for at in sorted(self._items)]}


def _tidy_item(told: Json, place: str) -> dict[str, Json]:
    item = _checked(told)
    kind = item["type"]
    if kind not in _PREFIXES:
        return item
    passed = {**item, "id": item["id"] if isinstance(item.get("id"), str) else f"{_PREFIXES[kind]}_{place}"}
    if kind == "message":
        passed |= {"role": "assistant", "content": _parts(item, "content"), "status": item.get("status") or "completed"}
    if kind == "reasoning":
        passed |= {name: _parts(item, name) for name in ("summary", "content") if name == "summary" or item.get(name)}
    return passed


def _parts(item: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    parts = item.get(name) or []
    if not isinstance(parts, list):
        raise _broken(f"the backbone's answer has a {name} that is no list")
    return [{"annotations": [], **part} if part["type"] == "output_text" else part for part in map(_checked, parts)]


def _checked(value: Json) -> dict[str, Json]:
    """An item or a part."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not all(isinstance(value.get(name), str) for name in _TEXTS.get(kind, ())):
        raise _broken(f"the backbone's answer has something that is none of its parts: {ascii(kind)[:64]}")
    checked: dict[str, Json] = value
    return checked


_Told = Iterator[tuple[str, dict[str, Any]]]
"""Names and data of events, without their numbers."""


def _item_events(at: int, item: Mapping[str, Json]) -> _Told:
    begun = dict(item)
    middle: _Told = iter(())
    if item["type"] in _PREFIXES and "status" in item:
        begun["status"] = "in_progress"
    where = {"item_id": item.get("id", ""), "output_index": at}
    match item["type"]:
        case "message":
            begun["content"], middle = [], _part_events(item["content"], where)
        case "function_call":
            begun["arguments"], middle = "", _call_events(item["arguments"], where)
        case "reasoning":
            begun["summary"], middle = [], _thought_events(item, where)
    yield "response.output_item.added", {"output_index": at, "item": begun}
    yield from middle
    yield "response.output_item.done", {"output_index": at, "item": item}


def _part_events(parts: list[Json], where: Mapping[str, Json]) -> _Told:
    for at, part in enumerate(parts):
        here = {**where, "content_index": at}
        kind, field = part["type"], _EMPTY.get(part["type"])
        yield "response.content_part.added", {**here, "part": {**part, field: ""} if field else part}
        if field:
            more: dict[str, Json] = {"logprobs": []} if kind == "output_text" else {}
            yield f"response.{kind}.delta", {**here, **more, "delta": part[field]}
            yield f"response.{kind}.done", {**here, **more, field: part[field]}
        yield "response.content_part.done", {**here, "part": part}


def _call_events(arguments: str, where: Mapping[str, Json]) -> _Told:
    yield "response.function_call_arguments.delta", {**where, "delta": arguments}
    yield "response.function_call_arguments.done", {**where, "arguments": arguments}


def _thought_events(item: Mapping[str, Json], where: Mapping[str, Json]) -> _Told:
    for at, part in enumerate(item["summary"]):
        here, text = {**where, "summary_index": at}, part.get("text", "")
        yield "response.reasoning_summary_part.added", {**here, "part": {**part, "text": ""}}
        yield "response.reasoning_summary_text.delta", {**here, "delta": text}
        yield "response.reasoning_summary_text.done", {**here, "text": text}
        yield "response.reasoning_summary_part.done", {**here, "part": part}
    for at, part in enumerate(item.get("content") or ()):
        here, text = {**where, "content_index": at}, part.get("text", "")
        yield "response.reasoning_text.delta", {**here, "delta": text}
        yield "response.reasoning_text.done", {**here, "text": text}


def _details(value: Json) -> dict[str, Json] | None:
    return value if isinstance(value, dict) else None


def _code(error: Json) -> str:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _failed(error: Json) -> Transient:
    message = f"the backbone's response failed: {str(error)[:500]}"
    return Transient(message, charged=True, rate_limited=_code(error) == LIMITED)


def _broken(message: str) -> Transient:
    return Transient(message, charged=True)
