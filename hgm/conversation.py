"""What an agent and its model said to each other, whatever dialect they spoke: turns of words and tool calls.

Requests and answers are an agent's and a provider's data: what has another shape than its dialect says is left out.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

CHAT = "openai_chat_completions"
RESPONSES = "openai_responses"
MESSAGES = "anthropic_messages"
ROLES = ("system", "developer", "user", "assistant", "tool")

_Object: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class ToolCall:
    """A call that a model asked for."""

    name: str
    arguments: str
    """As the model wrote them: JSON, if it was right."""


@dataclass(frozen=True)
class Turn:
    """Who said what."""

    role: str
    """One of `ROLES`, or "other"."""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()

    @property
    def words(self) -> str:
        """The text, and each call on a line of its own."""
        return self.text + "".join(f"\n{call.name} {call.arguments}" for call in self.calls)


def turns(dialect: str, request: Any, answer: Any) -> list[Turn]:
    """A request's conversation and what came back; a dialect that is not known has none."""
    reader = _READERS.get(dialect)
    return list(reader(_object(request), _object(answer))) if reader else []


def holds_picture(request: Any) -> bool:
    """Whether a request's messages show a picture, in any dialect."""
    said = _object(request)
    parts = [item for name in ("messages", "input") for item in _objects(said.get(name))]
    return any(_shows(part) for message in parts for part in _objects(message.get("content")))


def _shows(part: _Object) -> bool:
    if part.get("type") == "tool_result":
        return any(map(_shows, _objects(part.get("content"))))
    return part.get("type") in ("image_url", "image", "input_image")


def _chat(request: _Object, answer: _Object) -> Iterator[Turn]:
    for message in [*_objects(request.get("messages")), *_chosen(answer)]:
        calls = tuple(
            ToolCall(str(function.get("name")), _arguments(function.get("arguments")))
            for function in (_object(call.get("function")) for call in _objects(message.get("tool_calls")))
        )
        yield Turn(_role(message), _text(message.get("content")) or _plain(message.get("refusal")), calls)


def _chosen(answer: _Object) -> list[_Object]:
    """The message of the first choice."""
    return [message for choice in _objects(answer.get("choices"))[:1] if (message := _object(choice.get("message")))]


def _responses(request: _Object, answer: _Object) -> Iterator[Turn]:
    if instructions := _plain(request.get("instructions")):
        yield Turn("system", instructions)
    if said := _plain(request.get("input")):
        yield Turn("user", said)
    for item in [*_objects(request.get("input")), *_objects(answer.get("output"))]:
        match item.get("type", "message"):
            case "message":
                yield Turn(_role(item), _text(item.get("content")))
            case "function_call" | "custom_tool_call":
                arguments = item.get("arguments", item.get("input"))
                yield Turn("assistant", calls=(ToolCall(str(item.get("name")), _arguments(arguments)),))
            case "function_call_output" | "custom_tool_call_output":
                yield Turn("tool", _text(item.get("output")))
            case "reasoning":
                yield Turn("assistant", _text(item.get("summary")) or _text(item.get("content")))


def _messages(request: _Object, answer: _Object) -> Iterator[Turn]:
    if system := _text(request.get("system")):
        yield Turn("system", system)
    for message in [*_objects(request.get("messages")), *([answer] if answer.get("content") else [])]:
        blocks = _objects(message.get("content"))
        for block in blocks:
            if block.get("type") == "tool_result":
                yield Turn("tool", _text(block.get("content")))
        calls = tuple(
            ToolCall(str(block.get("name")), _arguments(block.get("input")))
            for block in blocks
            if block.get("type") == "tool_use"
        )
        said = _text(message.get("content"))
        if said or calls or not blocks:
            yield Turn(_role(message), said, calls)


_READERS: dict[str, Callable[[_Object, _Object], Iterator[Turn]]] = {
    CHAT: _chat,
    RESPONSES: _responses,
    MESSAGES: _messages,
}


def _role(message: _Object) -> str:
    role = message.get("role")
    return role if role in ROLES else "other"


def _text(content: Any) -> str:
    """Words of a content: a string, or parts of which some are words and others only have a kind."""
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, map(_part, _objects(content))))


def _part(part: _Object) -> str:
    for name in ("text", "thinking", "refusal"):
        if words := _plain(part.get(name)):
            return words
    kind = str(part.get("type"))
    return "" if kind in ("tool_use", "tool_result") else f"({kind})"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _object(value: Any) -> _Object:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[_Object]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
