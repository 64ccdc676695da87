"""OpenAI Responses: the allow-list of its requests.

What may pass is all that is named here. Fields that would only tune, store, price or label the call are dropped and
noted; what would make the provider remember, act or fetch by itself is refused: stored conversations and prompts, work
in the background, hosted tools and what comes of them, files and remote images. Nothing is stored; reasoning comes back
sealed instead (`encrypted_content`), and passes from one call to the next unchanged.
"""

from collections.abc import Mapping, Sequence

from hgm.gateway.dialects import responses_answers
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
    never,
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
    "previous_response_id": "conversations are not stored",
    "conversation": "conversations are not stored",
    "prompt": "prompts are not stored",
    "background": "an answer is waited for",
}
"""Fields whose absence would change what the request means."""

STATELESS = {"store": False, "include": ["reasoning.encrypted_content"]}
CHOSEN = ("temperature", "top_p")
"""Sampling that the API has under the names that a lease has for it."""
NAME = short_text(128)


def _image_url(value: Json, where: str, reading: Reading) -> Json:
    reading.count_image(where)
    reading.image_tokens += check_image_url(value, reading.settings, param=where)
    return value


def _no_annotations(value: Json, where: str, reading: Reading) -> list[Json]:
    """They speak of files and addresses; servers still want the list."""
    if value:
        reading.drop(where, "[]")
    return []


def _item(value: Json, where: str, reading: Reading) -> Json:
    """One item of the input. A message need not say that it is one."""
    if isinstance(value, dict) and value.get("type") is None and "role" in value:
        value = {**value, "type": "message"}
    return _ITEM(value, where, reading)


_ONLY = "text, and images as data: URLs from the user, are what a message may hold"
_STATUS = one_of("in_progress", "completed", "incomplete")
_RETURNED: dict[str, Check] = {"id": identifier, "status": _STATUS}
"""What an item has that came from the model before."""
_TEXT = fields({"type": text, "text": text}, {})
_IMAGE = fields(
    {"type": text, "image_url": _image_url},
    {"detail": one_of("auto", "low", "high", "original"), "file_id": never("files are not stored")},
)


def _content(parts: Mapping[str, Check]) -> Check:
    return either(str, text, many(by_kind("type", parts, otherwise=_ONLY), at_most=1_000))


_SEEN = _content({"input_text": _TEXT, "input_image": _IMAGE})
_SAID = _content(
    {
        "output_text": fields({"type": text, "text": text}, {"annotations": _no_annotations}),
        "refusal": fields({"type": text, "refusal": text}, {}),
    }
)
_INSTRUCTION = fields({"type": text, "role": text, "content": _content({"input_text": _TEXT})}, _RETURNED)
_MESSAGE = by_kind(
    "role",
    {
        "system": _INSTRUCTION,
        "developer": _INSTRUCTION,
        "user": fields({"type": text, "role": text, "content": _SEEN}, _RETURNED),
        "assistant": fields(
            {"type": text, "role": text, "content": _SAID},
            {"phase": one_of("commentary", "final_answer"), **_RETURNED},
        ),
    },
    otherwise="roles are system, developer, user and assistant",
)
_SUMMARY = by_kind("type", {"summary_text": _TEXT}, otherwise="a summary is text")
_THOUGHT = by_kind("type", {"reasoning_text": _TEXT}, otherwise="a thought is text")
_ITEM = by_kind(
    "type",
    {
        "message": _MESSAGE,
        "function_call": fields({"type": text, "call_id": identifier, "name": NAME, "arguments": text}, _RETURNED),
        "function_call_output": fields({"type": text, "call_id": identifier, "output": _SEEN}, _RETURNED),
        "reasoning": fields(
            {"type": text, "summary": many(_SUMMARY, at_most=1_000)},
            {"content": many(_THOUGHT, at_most=1_000), "encrypted_content": text, **_RETURNED},
            nullable=("content", "encrypted_content", "status"),
        ),
    },
    otherwise="only messages, function calls with their output, and reasoning; nothing that the provider has stored",
)
_TOOL = by_kind(
    "type",
    {
        "function": fields(
            {"type": text, "name": NAME},
            {"description": text, "parameters": json_schema, "strict": boolean},
            nullable=("parameters", "strict"),
        )
    },
    otherwise="only tools of type function, never the provider's own",
)
_CHOICE = by_kind(
    "type", {"function": fields({"type": text, "name": NAME}, {})}, otherwise="only a function can be chosen"
)
_IGNORED = frozenset({"model"})
"""Every client must send one; not worth a note."""


class Responses:
    """The dialect `openai_responses`."""

    name = "openai_responses"
    path = "/v1/responses"

    def read(self, body: Mapping[str, Json], settings: Settings) -> Wanted:
        """See `Dialect.read`."""
        refuse_fields(body, REFUSED)
        reading = Reading(settings)
        known: dict[str, Check] = {
            "input": either(str, text, many(_item, at_least=1, at_most=settings.max_messages)),
            "instructions": text,
            "tools": many(_TOOL, at_most=settings.max_tools),
            "tool_choice": either(str, one_of("none", "auto", "required"), _CHOICE),
            "stream": boolean,
        }
        passed = {name: known[name](body[name], name, reading) for name in known if body.get(name) is not None}
        if "input" not in passed:
            raise wrong("input", "present")
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
        """See `Dialect.request`. The API has no seed, and of the sampling effort, temperature and top_p."""
        sampling = imposed.sampling
        effort = {"reasoning": {"effort": sampling["reasoning_effort"]}} if "reasoning_effort" in sampling else {}
        return {
            "model": imposed.model,
            **wanted.request,
            **{name: sampling[name] for name in CHOSEN if name in sampling},
            **effort,
            "max_output_tokens": imposed.max_output_tokens,
            **STATELESS,
        }

    def answer(self, raw: Json, *, index: int, model: str) -> dict[str, Json]:
        """See `Dialect.answer`."""
        return responses_answers.tidy(raw, index=index, model=model)

    def gatherer(self) -> Gatherer:
        """See `Dialect.gatherer`."""
        return responses_answers.Gathered()

    def events(self, answer: Mapping[str, Json], *, include_usage: bool) -> Sequence[Event]:
        """See `Dialect.events`. The API always tells the usage."""
        return responses_answers.events(answer)

    def counted(self, answer: Mapping[str, Json]) -> Counted | None:
        """See `Dialect.counted`."""
        return responses_answers.counted(answer)

    def signs(self, answer: Mapping[str, Json]) -> tuple[str, ...]:
        """See `Dialect.signs`."""
        return responses_answers.signs(answer)

    def error(self, refusal: Refusal) -> dict[str, Json]:
        """See `Dialect.error`."""
        return refusal.body()

    def error_event(self, error: Mapping[str, Json]) -> Event:
        """See `Dialect.error_event`. Clients look for the error in one place or the other."""
        told = error.get("error") if isinstance(error, Mapping) else None
        flat = {name: told.get(name) for name in ("code", "message", "param")} if isinstance(told, Mapping) else {}
        return Event({"type": "error", "sequence_number": 0, **flat, "error": told or error}, "error")
