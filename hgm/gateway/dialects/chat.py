"""OpenAI Chat Completions: the allow-list of its requests.

What may pass is all that is named here. Fields that would only tune, store, price or label the call are dropped and
noted; what would make the provider act or fetch by itself, or would answer something else if it were left out, is
refused: hosted tools, remote images, files and audio, stored conversations, several choices.
"""

from collections.abc import Mapping, Sequence

from hgm.gateway.dialects import chat_answers
from hgm.gateway.dialects.allow import (
    Check,
    Reading,
    boolean,
    by_kind,
    either,
    fields,
    identifier,
    json_schema,
    many,
    one_of,
    refuse_fields,
    short_text,
    text,
    wrong,
)
from hgm.gateway.dialects.base import Counted, Event, Gatherer, Imposed, Wanted
from hgm.gateway.images import check_image_url
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

REFUSED = {
    "functions": "use tools",
    "function_call": "use tool_choice",
    "web_search_options": "web search is a tool of the provider's",
    "previous_response_id": "conversations are not stored",
    "conversation": "conversations are not stored",
}
"""Fields whose absence would change what the request means."""

NAME = short_text(64)


def _image_url(value: Json, where: str, reading: Reading) -> dict[str, Json]:
    reading.count_image(where)
    passed: dict[str, Json] = _IMAGE(value, where, reading)
    reading.image_tokens += check_image_url(passed["url"], reading.settings, param=where)
    return passed


def _verbatim(value: Json, where: str, _: Reading) -> list[Json]:
    """Reasoning blocks: providers want back exactly what they sent."""
    if not isinstance(value, list) or not all(isinstance(block, dict) for block in value):
        raise wrong(where, "a list of objects")
    return value


_IMAGE = fields({"url": text}, {"detail": one_of("auto", "low", "high")})
_TEXT_PART = fields({"type": text, "text": text}, {})
_REFUSAL_PART = fields({"type": text, "refusal": text}, {})
_IMAGE_PART = fields({"type": text, "image_url": _image_url}, {})
_ONLY = "text, and images as data: URLs from the user, are what a message may hold"


def _content(parts: Mapping[str, Check]) -> Check:
    return either(str, text, many(by_kind("type", parts, otherwise=_ONLY), at_most=1_000))


_TEXT = _content({"text": _TEXT_PART})
_INSTRUCTION = fields({"role": text, "content": _TEXT}, {"name": NAME})
_CALLED = fields({"name": NAME, "arguments": text}, {})
_TOOL_CALL = by_kind(
    "type",
    {"function": fields({"id": identifier, "type": text, "function": _CALLED}, {})},
    otherwise="only function calls",
)
_MESSAGE = by_kind(
    "role",
    {
        "system": _INSTRUCTION,
        "developer": _INSTRUCTION,
        "user": fields(
            {"role": text, "content": _content({"text": _TEXT_PART, "image_url": _IMAGE_PART})}, {"name": NAME}
        ),
        "assistant": fields(
            {"role": text},
            {
                "content": _content({"text": _TEXT_PART, "refusal": _REFUSAL_PART}),
                "name": NAME,
                "refusal": text,
                "tool_calls": many(_TOOL_CALL, at_most=128),
                "reasoning": text,
                "reasoning_content": text,
                "reasoning_details": _verbatim,
            },
            nullable=("content",),
        ),
        "tool": fields({"role": text, "content": _TEXT, "tool_call_id": identifier}, {}),
    },
    otherwise="roles are system, developer, user, assistant and tool",
)
_DEFINITION = fields({"name": NAME}, {"description": text, "parameters": json_schema, "strict": boolean})
_TOOL = by_kind(
    "type",
    {"function": fields({"type": text, "function": _DEFINITION}, {})},
    otherwise="only tools of type function, never the provider's own",
)
_CHOICE = by_kind(
    "type",
    {"function": fields({"type": text, "function": fields({"name": NAME}, {})}, {})},
    otherwise="only a function can be chosen",
)
_IGNORED = frozenset({"model"})
"""Every client must send one; not worth a note."""


class ChatCompletions:
    """The dialect `openai_chat_completions`."""

    name = "openai_chat_completions"
    path = "/v1/chat/completions"

    def read(self, body: Mapping[str, Json], settings: Settings) -> Wanted:
        """See `Dialect.read`."""
        _refuse_what_changes_meaning(body)
        reading = Reading(settings)
        known: dict[str, Check] = {
            "messages": many(_MESSAGE, at_least=1, at_most=settings.max_messages),
            "tools": many(_TOOL, at_most=settings.max_tools),
            "tool_choice": either(str, one_of("none", "auto", "required"), _CHOICE),
            "stop": either(str, text, many(text, at_most=4)),
            "stream": boolean,
            "stream_options": fields({}, {"include_usage": boolean}),
        }
        passed = {name: known[name](body[name], name, reading) for name in known if body.get(name) is not None}
        if "messages" not in passed:
            raise wrong("messages", "present")
        for name in body.keys() - known.keys() - _IGNORED:
            reading.drop("", name)
        stream = passed.pop("stream", False)
        include_usage = passed.pop("stream_options", {}).get("include_usage", False)
        return Wanted(
            request=passed,
            stream=stream,
            include_usage=include_usage,
            dropped=reading.dropped,
            image_tokens=reading.image_tokens,
        )

    def request(self, wanted: Wanted, imposed: Imposed) -> dict[str, Json]:
        """See `Dialect.request`."""
        return {
            "model": imposed.model,
            **wanted.request,
            **imposed.sampling,
            "max_tokens": imposed.max_output_tokens,
            "seed": imposed.seed,
        }

    def answer(self, raw: Json, *, index: int, model: str) -> dict[str, Json]:
        """See `Dialect.answer`."""
        return chat_answers.tidy(raw, index=index, model=model)

    def gatherer(self) -> Gatherer:
        """See `Dialect.gatherer`."""
        return chat_answers.Gathered()

    def events(self, answer: Mapping[str, Json], *, include_usage: bool) -> Sequence[Event]:
        """See `Dialect.events`."""
        return chat_answers.events(answer, include_usage=include_usage)

    def counted(self, answer: Mapping[str, Json]) -> Counted | None:
        """See `Dialect.counted`."""
        return chat_answers.counted(answer)

    def signs(self, answer: Mapping[str, Json]) -> tuple[str, ...]:
        """See `Dialect.signs`."""
        return chat_answers.signs(answer)

    def error(self, refusal: Refusal) -> dict[str, Json]:
        """See `Dialect.error`."""
        return refusal.body()

    def error_event(self, error: Mapping[str, Json]) -> Event:
        """See `Dialect.error_event`."""
        return Event(error)


def _refuse_what_changes_meaning(body: Mapping[str, Json]) -> None:
    refuse_fields(body, REFUSED)
    if body.get("n") not in (None, 1):
        raise Refusal(400, "n does not pass here: one choice per call", code="not_allowed", param="n")
