"""Answers in the form of chat completions: checked, made reproducible, cut into chunks and put together from them."""

from typing import Any

from hgm.gateway.records import Json
from hgm.gateway.upstream import Transient


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


def tidy_chunk(chunk: Json, *, index: int, model: str) -> dict[str, Json]:
    """The same for one chunk, without its usage.

    Raises:
        Transient: it is not a chunk of a chat completion.
    """
    check_chunk(chunk)
    choices = [choice for choice in chunk["choices"] if choice.get("index", 0) == 0]
    return {**_head(index, model, "chat.completion.chunk"), "choices": choices}


def check_chunk(chunk: Json) -> None:
    """See to it that `tidy_chunk` and `Gathered` can do with it.

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


def tokens(usage: Json) -> dict[str, int] | None:
    """Input and output tokens of a usage object; None where it does not say."""
    if not isinstance(usage, dict):
        return None
    counted = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not all(isinstance(count, int) and count >= 0 for count in counted):
        return None
    return {"input_tokens": int(counted[0] or 0), "output_tokens": int(counted[1] or 0)}


def chunks(answer: dict[str, Json]) -> list[dict[str, Json]]:
    """A tidy answer as the chunks of a stream, without the usage."""
    choice = answer["choices"][0]
    delta = dict(choice["message"])
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
    head = {**answer, "object": "chat.completion.chunk"}
    del head["usage"]
    return [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice.get("finish_reason", "stop")}]},
    ]


def usage_chunk(answer: dict[str, Json]) -> dict[str, Json]:
    """The last chunk, for a client that asked for the usage."""
    return {**answer, "object": "chat.completion.chunk", "choices": []}


class Gathered:
    """Puts the chunks of a stream together to the answer that would have come in one piece."""

    def __init__(self) -> None:
        self._message: dict[str, Json] = {"role": "assistant", "content": None}
        self._calls: dict[int, dict[str, Json]] = {}
        self._finish: Json = None
        self.usage: Json = None

    def add(self, chunk: Json) -> None:
        """Take one raw chunk in."""
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            self._finish = choice.get("finish_reason") or self._finish
            self._merge(choice.get("delta") or {})

    def answer(self) -> dict[str, Json]:
        """All of it."""
        message = dict(self._message)
        if self._calls:
            message["tool_calls"] = [self._calls[at] for at in sorted(self._calls)]
        return {"choices": [{"index": 0, "message": message, "finish_reason": self._finish}], "usage": self.usage}

    def _merge(self, delta: dict[str, Json]) -> None:
        for name, value in delta.items():
            if name == "tool_calls":
                for call in value or ():
                    _merge_call(self._calls.setdefault(call.get("index", 0), {}), call)
            elif isinstance(value, (str, list)) and type(self._message.get(name)) is type(value) and name != "role":
                self._message[name] += value
            elif value is not None:
                self._message[name] = value


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


def _merge_call(call: dict[str, Json], delta: dict[str, Json]) -> None:
    function = delta.get("function") or {}
    known = call.setdefault("function", {"name": "", "arguments": ""})
    known["name"] += function.get("name") or ""
    known["arguments"] += function.get("arguments") or ""
    call.update({name: delta[name] for name in ("id", "type") if delta.get(name)})


def _head(index: int, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{index}", "object": kind, "created": 0, "model": model}


def _first_choice(answer: Json) -> dict[str, Json]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Transient("the backbone's answer is not a chat completion")
    return choices[0]
