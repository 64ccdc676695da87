"""The wire formats of the scripted backbone: one reply as Chat Completions, Responses or Messages, whole or streamed.

Written from the providers' documentation, apart from what the gateway makes of it: the one checks the other.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Json = Any


@dataclass(frozen=True)
class Call:
    """A tool call; its arguments as they go over the wire."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """What is answered, whatever the format."""

    number: int
    model: str
    text: str | None
    calls: tuple[Call, ...]
    finish: str
    """stop, tool_calls, length or refusal."""
    tokens: Mapping[str, int]
    """By bucket: input, cache_read, cache_write, output."""
    raw: Mapping[str, Json]
    """Put over the message (Chat Completions) or over the answer (the others) as it is."""
    usage: Mapping[str, Json]
    """Put over the usage as it is."""

    @property
    def prompt(self) -> int:
        """All three buckets of what went in."""
        return self.tokens["input"] + self.tokens["cache_read"] + self.tokens["cache_write"]


@dataclass(frozen=True)
class Event:
    """One server-sent event; `data` is text where it is no JSON."""

    data: Json
    name: str = ""

    def encode(self) -> bytes:
        """As bytes on the wire, with whatever Unicode is in it unescaped."""
        data = self.data if isinstance(self.data, str) else json.dumps(self.data, ensure_ascii=False)
        return (f"event: {self.name}\n" if self.name else "").encode() + f"data: {data}\n\n".encode()


class Wire(Protocol):
    """One format."""

    path: str

    def asked(self, request: Mapping[str, Json]) -> Json:
        """The conversation in a request."""

    def whole(self, reply: Reply) -> Json:
        """The answer in one piece."""

    def events(self, reply: Reply) -> Iterator[Event]:
        """The answer as a stream."""

    def error(self, message: str, code: str) -> Json:
        """The body of an error."""


class Chat:
    """OpenAI Chat Completions."""

    path = "/v1/chat/completions"

    def asked(self, request: Mapping[str, Json]) -> Json:
        """See `Wire.asked`."""
        return request["messages"]

    def whole(self, reply: Reply) -> Json:
        """See `Wire.whole`."""
        finish = {"refusal": "content_filter"}.get(reply.finish, reply.finish)
        return {
            "id": f"scripted-{reply.number}",
            "object": "chat.completion",
            "created": 1,
            "model": reply.model,
            "choices": [{"index": 0, "message": self._message(reply), "finish_reason": finish}],
            "usage": self._usage(reply),
        }

    def events(self, reply: Reply) -> Iterator[Event]:
        """See `Wire.events`. Word by word, the usage in the last chunk."""
        head = {**self.whole(reply), "object": "chat.completion.chunk"}
        usage, choice = head.pop("usage"), head.pop("choices")[0]
        for delta in self._deltas(choice["message"]):
            yield Event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield Event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
        yield Event({**head, "choices": [], "usage": usage})
        yield Event("[DONE]")

    def error(self, message: str, code: str) -> Json:
        """See `Wire.error`."""
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}

    def _message(self, reply: Reply) -> dict[str, Json]:
        message: dict[str, Json] = {"role": "assistant", "content": reply.text}
        if reply.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in reply.calls
            ]
        if reply.finish == "refusal":
            message.update(content=None, refusal=reply.text)
        return {**message, **reply.raw}

    def _deltas(self, message: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
        yield {"role": "assistant"}
        for word in words(message.get("content") or ""):
            yield {"content": word}
        for at, call in enumerate(message.get("tool_calls") or ()):
            function = call["function"]
            yield {"tool_calls": [{"index": at, **call, "function": {**function, "arguments": ""}}]}
            yield {"tool_calls": [{"index": at, "function": {"arguments": function["arguments"]}}]}
        rest = {name: message[name] for name in message if name not in ("role", "content", "tool_calls")}
        if rest:
            yield rest

    def _usage(self, reply: Reply) -> dict[str, Json]:
        output, cached = reply.tokens["output"], {}
        if reply.tokens["cache_read"]:
            cached["cached_tokens"] = reply.tokens["cache_read"]
        if reply.tokens["cache_write"]:
            cached["cache_write_tokens"] = reply.tokens["cache_write"]
        return {
            "prompt_tokens": reply.prompt,
            "completion_tokens": output,
            "total_tokens": reply.prompt + output,
            **({"prompt_tokens_details": cached} if cached else {}),
            **reply.usage,
        }


class Responses:
    """OpenAI Responses."""

    path = "/v1/responses"

    def asked(self, request: Mapping[str, Json]) -> Json:
        """See `Wire.asked`."""
        return request["input"]

    def whole(self, reply: Reply) -> Json:
        """See `Wire.whole`."""
        cut = reply.finish == "length"
        return {
            "id": f"resp_{reply.number}",
            "object": "response",
            "created_at": 1,
            "model": reply.model,
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "error": None,
            "output": [*self._message(reply), *self._calls(reply)],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": self._usage(reply),
            **reply.raw,
        }

    def events(self, reply: Reply) -> Iterator[Event]:
        """See `Wire.events`."""
        for number, (name, data) in enumerate(self._stream(reply)):
            yield Event({"type": name, "sequence_number": number, **data}, name)

    def error(self, message: str, code: str) -> Json:
        """See `Wire.error`."""
        return Chat().error(message, code)

    def _stream(self, reply: Reply) -> Iterator[tuple[str, dict[str, Json]]]:
        answer = self.whole(reply)
        begun = {**answer, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
        yield "response.created", {"response": begun}
        yield "response.in_progress", {"response": begun}
        for at, item in enumerate(answer["output"]):
            yield "response.output_item.added", {"output_index": at, "item": {**item, "status": "in_progress"}}
            yield from self._parts(at, item)
            yield "response.output_item.done", {"output_index": at, "item": item}
        yield f"response.{answer['status']}", {"response": answer}

    def _parts(self, at: int, item: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
        where = {"item_id": item.get("id", ""), "output_index": at}
        if item["type"] == "function_call":
            yield "response.function_call_arguments.delta", {**where, "delta": item["arguments"]}
            yield (
                "response.function_call_arguments.done",
                {**where, "arguments": item["arguments"], "name": item["name"]},
            )
        for number, part in enumerate(item.get("content") or () if item["type"] == "message" else ()):
            kind, field = ("output_text", "text") if part["type"] == "output_text" else ("refusal", "refusal")
            here = {**where, "content_index": number}
            yield "response.content_part.added", {**here, "part": {**part, field: ""}}
            for word in words(part[field]):
                yield f"response.{kind}.delta", {**here, "delta": word, "logprobs": []}
            yield f"response.{kind}.done", {**here, field: part[field], "logprobs": []}
            yield "response.content_part.done", {**here, "part": part}

    def _message(self, reply: Reply) -> Iterator[dict[str, Json]]:
        if reply.text is None:
            return
        part: dict[str, Json] = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        if reply.finish == "refusal":
            part = {"type": "refusal", "refusal": reply.text}
        status = "incomplete" if reply.finish == "length" else "completed"
        name = f"msg_{reply.number}"
        yield {"id": name, "type": "message", "role": "assistant", "status": status, "content": [part]}

    def _calls(self, reply: Reply) -> Iterator[dict[str, Json]]:
        for call in reply.calls:
            yield {
                "id": f"fc_{reply.number}_{call.id}",
                "type": "function_call",
                "status": "completed",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }

    def _usage(self, reply: Reply) -> dict[str, Json]:
        written = reply.tokens["cache_write"]
        return {
            "input_tokens": reply.prompt,
            "input_tokens_details": {
                "cached_tokens": reply.tokens["cache_read"],
                **({"cache_write_tokens": written} if written else {}),
            },
            "output_tokens": reply.tokens["output"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.prompt + reply.tokens["output"],
            **reply.usage,
        }


class Messages:
    """Anthropic Messages."""

    path = "/v1/messages"

    def asked(self, request: Mapping[str, Json]) -> Json:
        """See `Wire.asked`."""
        return [*([request["system"]] if request.get("system") else []), *request["messages"]]

    def whole(self, reply: Reply) -> Json:
        """See `Wire.whole`."""
        stop = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}.get(reply.finish, reply.finish)
        return {
            "id": f"msg_{reply.number}",
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": [*self._blocks(reply)],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": self._usage(reply),
            **reply.raw,
        }

    def events(self, reply: Reply) -> Iterator[Event]:
        """See `Wire.events`. The input is counted at the start, the output at the end."""
        answer = self.whole(reply)
        begun = {**answer, "content": [], "stop_reason": None, "usage": {**answer["usage"], "output_tokens": 1}}
        yield Event({"type": "message_start", "message": begun}, "message_start")
        yield Event({"type": "ping"}, "ping")
        for at, block in enumerate(answer["content"]):
            for data in self._pieces(block):
                yield Event({**data, "index": at}, data["type"])
        delta = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
        usage = {"output_tokens": answer["usage"]["output_tokens"]}
        yield Event({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta")
        yield Event({"type": "message_stop"}, "message_stop")

    def error(self, message: str, code: str) -> Json:
        """See `Wire.error`."""
        return {"type": "error", "error": {"type": code, "message": message}}

    def _pieces(self, block: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
        empty: dict[str, dict[str, Json]] = {
            "text": {"text": ""},
            "tool_use": {"input": {}},
            "thinking": {"thinking": "", "signature": ""},
        }
        yield {"type": "content_block_start", "content_block": {**block, **(empty.get(block["type"]) or {})}}
        for delta in self._deltas(block):
            yield {"type": "content_block_delta", "delta": delta}
        yield {"type": "content_block_stop"}

    def _deltas(self, block: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
        if block["type"] == "text":
            for word in words(block["text"]):
                yield {"type": "text_delta", "text": word}
        elif block["type"] == "tool_use":
            text = json.dumps(block["input"])
            for part in (text[: len(text) // 2], text[len(text) // 2 :]):
                yield {"type": "input_json_delta", "partial_json": part}
        elif block["type"] == "thinking":
            yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block["signature"]}

    def _blocks(self, reply: Reply) -> Iterator[dict[str, Json]]:
        if reply.text:
            yield {"type": "text", "text": reply.text}
        for call in reply.calls:
            yield {"type": "tool_use", "id": call.id, "name": call.name, "input": _object(call.arguments)}

    def _usage(self, reply: Reply) -> dict[str, Json]:
        return {
            "input_tokens": reply.tokens["input"],
            "cache_read_input_tokens": reply.tokens["cache_read"],
            "cache_creation_input_tokens": reply.tokens["cache_write"],
            "output_tokens": reply.tokens["output"],
            **reply.usage,
        }


WIRES: Mapping[str, Wire] = {wire.path: wire for wire in (Chat(), Responses(), Messages())}


def words(text: str) -> list[str]:
    """Its words, each with the space behind it."""
    return text.replace(" ", " \0").split("\0") if text else []


def _object(arguments: str) -> Json:
    """Messages have no text for arguments: what is no JSON goes out as the text itself, which is no object."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
