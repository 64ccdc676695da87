"""Anthropic Messages: the allow-list of its requests.

What may pass is all that is named here. Fields that would only tune, store, price or label the call are dropped and
noted; what would make the provider act or fetch by itself is refused: its own tools, whoever executes them, MCP
servers, containers, documents, files and remote images.
"""

from collections.abc import Mapping, Sequence

from hgm.gateway.dialects import messages_answers
from hgm.gateway.dialects.allow import (
    LONGEST_NAME,
    Check,
    Reading,
    boolean,
    by_kind,
    either,
    fields,
    identifier,
    json_object,
    json_schema,
    many,
    one_of,
    refuse_fields,
    short_text,
    text,
    wrong,
)
from hgm.gateway.dialects.base import Counted, Event, Gatherer, Imposed, Wanted
from hgm.gateway.images import check_image_source
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

REFUSED = {
    "container": "code runs with you, not with the provider",
    "mcp_servers": "the provider calls nobody",
}
"""Fields whose absence would change what the request means."""

NAME = short_text(128)
THINKING = frozenset({"thinking", "redacted_thinking"})
DISABLED = {"type": "disabled"}
FORCED = frozenset({"any", "tool"})
"""Choices of a tool with which the API takes no thinking."""
EFFORTS = {"minimal": "low"}
"""Words of other providers for this one's."""
CHOSEN = ("temperature", "top_p")
"""Sampling that the API has; it takes none of it together with thinking."""
ERRORS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


def _source(value: Json, where: str, reading: Reading) -> dict[str, Json]:
    reading.count_image(where)
    passed: dict[str, Json] = _BASE64(value, where, reading)
    reading.image_tokens += check_image_source(passed, reading.settings, param=where)
    return passed


def _tool(value: Json, where: str, reading: Reading) -> Json:
    """One that is declared as the client's own. The provider's have a type, also those that clients execute."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in (None, "custom"):
        message = (
            f"{where}.type {ascii(kind)[:LONGEST_NAME]} does not pass here: only custom tools, never the provider's"
        )
        raise Refusal(400, message, code="not_allowed", param=where)
    return _CUSTOM(value, where, reading)


# Without a `ttl`: an hour costs more than five minutes, and a lease's price has one rate for what is written.
_CACHED: dict[str, Check] = {"cache_control": fields({"type": one_of("ephemeral")}, {})}
_BASE64 = by_kind(
    "type",
    {"base64": fields({"type": text, "media_type": one_of("image/png", "image/jpeg", "image/webp"), "data": text}, {})},
    otherwise="images come as base64, nothing is fetched",
)
_TEXT = fields({"type": text, "text": text}, _CACHED)
_IMAGE = fields({"type": text, "source": _source}, _CACHED)
_ONLY = "text, images, tool_use, tool_result and thinking, each where it belongs, are what a message may hold"


def _content(blocks: Mapping[str, Check]) -> Check:
    return either(str, text, many(by_kind("type", blocks, otherwise=_ONLY), at_most=1_000))


_RESULT = fields(
    {"type": text, "tool_use_id": identifier},
    {"content": _content({"text": _TEXT, "image": _IMAGE}), "is_error": boolean, **_CACHED},
)
_CALL = fields({"type": text, "id": identifier, "name": NAME, "input": json_object}, _CACHED)
_THOUGHT = fields({"type": text, "thinking": text, "signature": text}, {})
_SEALED_THOUGHT = fields({"type": text, "data": text}, {})
_USER = _content({"text": _TEXT, "image": _IMAGE, "tool_result": _RESULT})
_ASSISTANT = _content({"text": _TEXT, "thinking": _THOUGHT, "redacted_thinking": _SEALED_THOUGHT, "tool_use": _CALL})
_INSTRUCTION = _content({"text": _TEXT})
_MESSAGE = by_kind(
    "role",
    {
        "user": fields({"role": text, "content": _USER}, {}),
        "assistant": fields({"role": text, "content": _ASSISTANT}, {}),
        "system": fields({"role": text, "content": _INSTRUCTION}, {}),
    },
    otherwise="roles are user, assistant and system",
)
_CUSTOM = fields(
    {"name": NAME, "input_schema": json_schema},
    {"type": text, "description": text, "strict": boolean, **_CACHED},
)
_SINGLY: dict[str, Check] = {"disable_parallel_tool_use": boolean}
_CHOICE = by_kind(
    "type",
    {
        "auto": fields({"type": text}, _SINGLY),
        "any": fields({"type": text}, _SINGLY),
        "tool": fields({"type": text, "name": NAME}, _SINGLY),
        "none": fields({"type": text}, {}),
    },
    otherwise="it is auto, any, tool or none",
)
_IGNORED = frozenset({"model", "max_tokens"})
"""Every client must send them; not worth a note."""


class Messages:
    """The dialect `anthropic_messages`."""

    name = "anthropic_messages"
    path = "/v1/messages"

    def read(self, body: Mapping[str, Json], settings: Settings) -> Wanted:
        """See `Dialect.read`."""
        refuse_fields(body, REFUSED)
        reading = Reading(settings)
        known: dict[str, Check] = {
            "system": _INSTRUCTION,
            "messages": many(_MESSAGE, at_least=1, at_most=settings.max_messages),
            "tools": many(_tool, at_most=settings.max_tools),
            "tool_choice": _CHOICE,
            "stop_sequences": many(text, at_most=64),
            "stream": boolean,
            **_CACHED,
        }
        passed = {name: known[name](body[name], name, reading) for name in known if body.get(name) is not None}
        if "messages" not in passed:
            raise wrong("messages", "present")
        for name in body.keys() - known.keys() - _IGNORED:
            reading.drop("", name)
        stream = passed.pop("stream", False)
        return Wanted(
            request=passed,
            stream=stream,
            include_usage=True,
            dropped=reading.dropped,
            image_tokens=reading.image_tokens,
        )

    def request(self, wanted: Wanted, imposed: Imposed) -> dict[str, Json]:
        """See `Dialect.request`. The API has no seed."""
        asked = impose(wanted.request, imposed.sampling)
        return {"model": imposed.model, **asked, "max_tokens": imposed.max_output_tokens}

    def answer(self, raw: Json, *, index: int, model: str) -> dict[str, Json]:
        """See `Dialect.answer`."""
        return messages_answers.tidy(raw, index=index, model=model)

    def gatherer(self) -> Gatherer:
        """See `Dialect.gatherer`."""
        return messages_answers.Gathered()

    def events(self, answer: Mapping[str, Json], *, include_usage: bool) -> Sequence[Event]:
        """See `Dialect.events`. The API always tells the usage."""
        return messages_answers.events(answer)

    def counted(self, answer: Mapping[str, Json]) -> Counted | None:
        """See `Dialect.counted`."""
        return messages_answers.counted(answer)

    def signs(self, answer: Mapping[str, Json]) -> tuple[str, ...]:
        """See `Dialect.signs`."""
        return messages_answers.signs(answer)

    def error(self, refusal: Refusal) -> dict[str, Json]:
        """See `Dialect.error`."""
        kind = ERRORS.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": refusal.message}}

    def error_event(self, error: Mapping[str, Json]) -> Event:
        """See `Dialect.error_event`."""
        return Event(error, "error")


def impose(request: Mapping[str, Json], sampling: Mapping[str, Json]) -> dict[str, Json]:
    """The request with the lease's sampling, as far as the API has it.

    Where the API would refuse thinking because of what the agent asks (a forced tool, an answer that it has begun
    itself, a round of tools that began without a thought), this one request goes without, and without old thoughts.
    """
    asked = dict(request)
    thinking, config = _thinking(sampling)
    if thinking and not _may_think(request, thinking):
        asked["messages"] = _without_thoughts(request["messages"])
        thinking = thinking if thinking == DISABLED else None
    if thinking:
        asked["thinking"] = thinking
    if thinking in (None, DISABLED):
        asked |= {name: sampling[name] for name in CHOSEN if name in sampling}
    return {**asked, **config}


def _thinking(sampling: Mapping[str, Json]) -> tuple[dict[str, Json] | None, dict[str, Json]]:
    """How to think, if it is said at all, and the `output_config` that goes with it."""
    effort = sampling.get("reasoning_effort")
    config = {} if effort in (None, "none") else {"output_config": {"effort": EFFORTS.get(effort, effort)}}
    if "thinking_tokens" in sampling:
        return {"type": "enabled", "budget_tokens": sampling["thinking_tokens"]}, config
    if effort is None:
        return None, config
    return DISABLED if effort == "none" else {"type": "adaptive"}, config


def _may_think(request: Mapping[str, Json], thinking: Mapping[str, Json]) -> bool:
    messages, choice = request["messages"], request.get("tool_choice", {})
    if thinking == DISABLED or choice.get("type") in FORCED or messages[-1]["role"] == "assistant":
        return False
    if thinking["type"] == "adaptive":
        return True
    last = next((message["content"] for message in reversed(messages) if message["role"] == "assistant"), "")
    kinds = [block["type"] for block in last] if isinstance(last, list) else []
    return "tool_use" not in kinds or kinds[0] in THINKING


def _without_thoughts(messages: Sequence[Json]) -> list[Json]:
    kept = []
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            content = [block for block in content if block["type"] not in THINKING]
        if content or not message["content"]:
            kept.append({**message, "content": content})
    return kept
