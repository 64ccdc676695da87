"""The wire format: an OpenAI Chat Completions request in, a completion out. Nothing else is kept between the two."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

MAX_MESSAGES = 2000
MAX_CHARS = 1_500_000
"""Of all messages together; more is refused, so that the work per request is bounded."""
CHARS_PER_TOKEN = 4
"""Usage is an estimate: one token per four characters of text, rounded up, plus four per message."""


class BadRequest(ValueError):
    """The request cannot be answered; the text says why."""


@dataclass(frozen=True)
class Call:
    """A tool call as it stands in an assistant message."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Message:
    """One message, its text parts joined."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    answers: str = ""
    """For a tool message: the id of the call."""


@dataclass(frozen=True)
class Tool:
    """A function the model may call."""

    name: str
    description: str
    parameters: dict[str, str]
    """Parameter name -> its description."""
    required: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """What one answer depends on, all of it."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    seed: int


@dataclass(frozen=True)
class Reply:
    """What the model says: text, and at most one tool call."""

    text: str
    tool: str = ""
    arguments: dict[str, Any] | None = None


def parse(body: bytes) -> Request:
    """Read a request.

    Raises:
        BadRequest: it is not a Chat Completions request, or too large.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {type(error).__name__}") from error
    if not isinstance(data, dict):
        raise BadRequest("the body is not an object")
    if data.get("stream"):
        raise BadRequest("streaming is not offered")
    messages, tools, seed = data.get("messages"), data.get("tools") or [], data.get("seed") or 0
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message")
    if len(messages) > MAX_MESSAGES:
        raise BadRequest(f"more than {MAX_MESSAGES} messages")
    if not isinstance(tools, list) or not isinstance(seed, int):
        raise BadRequest("tools must be a list, seed a number")
    read = tuple(_message(message) for message in messages)
    if sum(len(message.text) for message in read) > MAX_CHARS:
        raise BadRequest(f"more than {MAX_CHARS} characters of messages")
    return Request(messages=read, tools=tuple(tool for item in tools[:64] if (tool := _tool(item))), seed=seed)


def render(request: Request, reply: Reply) -> bytes:
    """The completion: the same bytes for the same request and reply."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool:
        arguments = json.dumps(reply.arguments or {})
        name = hashlib.sha256(f"{request.seed}/{len(request.messages)}/{arguments}".encode()).hexdigest()[:16]
        function = {"name": reply.tool, "arguments": arguments}
        message["tool_calls"] = [{"id": f"call_{name}", "type": "function", "function": function}]
    prompt = sum(_tokens(message.text) + 4 for message in request.messages)
    prompt += sum(_tokens(json.dumps(call.arguments)) for message in request.messages for call in message.calls)
    completion = _tokens(reply.text) + (_tokens(json.dumps(reply.arguments or {})) if reply.tool else 0) + 4
    data = {
        "id": "chatcmpl-builtin",
        "object": "chat.completion",
        "created": 0,
        "model": "builtin/rules",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if reply.tool else "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }
    return json.dumps(data).encode()


def _tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)


def _message(data: Any) -> Message:
    if not isinstance(data, dict) or not isinstance(data.get("role"), str):
        raise BadRequest("a message must be an object with a role")
    calls = data.get("tool_calls") or []
    return Message(
        role=data["role"],
        text=_text(data.get("content")),
        calls=tuple(call for item in calls[:16] if (call := _call(item))) if isinstance(calls, list) else (),
        answers=str(data.get("tool_call_id") or ""),
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _call(data: Any) -> Call | None:
    function = data.get("function") if isinstance(data, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (TypeError, ValueError, RecursionError):
        arguments = {}
    return Call(str(data.get("id") or ""), function["name"], arguments if isinstance(arguments, dict) else {})


def _tool(data: Any) -> Tool | None:
    function = data.get("function") if isinstance(data, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    schema = function.get("parameters")
    schema = schema if isinstance(schema, dict) else {}
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    described = {
        str(name): str(value.get("description") or "") if isinstance(value, dict) else ""
        for name, value in list(properties.items())[:32]
    }
    required = schema.get("required")
    named = tuple(str(name) for name in required) if isinstance(required, list) else tuple(described)
    return Tool(function["name"], str(function.get("description") or ""), described, named)
