"""Chat Completions spoken to a backbone that only speaks Messages: the one translation there is.

What it does where the two differ, so that agents live on unchanged:
- Instructions go to the top, wherever they stood. Turns without any text go; so do stops of white space alone.
- A tool call whose arguments are no JSON object (the agent's history may hold one) goes out with that text under
  `_malformed`, and comes back from there.
- Thoughts come back in `reasoning_details`, as the provider sent them and with their place, and as `reasoning_content`
  for readers. An agent that keeps them in its history has them passed on; of anything else in there nothing is.
- The prompt is marked for the provider's cache: tools with instructions, and all up to the last turn.
"""

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

from hgm.gateway.dialects import messages_answers
from hgm.gateway.dialects.base import SIGNS
from hgm.gateway.dialects.known import CHAT, MESSAGES
from hgm.gateway.dialects.messages import impose
from hgm.gateway.failures import Rejected
from hgm.gateway.live import Call
from hgm.gateway.records import NO_SAMPLING, SAMPLING, Json
from hgm.gateway.upstream import Probed, Upstream

CACHED = {"cache_control": {"type": "ephemeral"}}
FINISHES = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""Why it stopped, in the words of chat completions; all else is stop."""
CHOICES = {"none": "none", "auto": "auto", "required": "any"}
TOOL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
THOUGHTS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""Kind of thought -> all that one has beside it, as text."""


class Translated:
    """An upstream that speaks Messages, for agents that speak Messages or chat completions."""

    dialects = frozenset({CHAT.name, MESSAGES.name})

    def __init__(self, upstream: Upstream) -> None:
        self.pace = upstream.pace
        self._upstream = upstream

    async def start(self) -> None:
        """See `Upstream.start`."""
        await self._upstream.start()

    async def answer(self, call: Call) -> Json:
        """See `Upstream.answer`."""
        if call.dialect.name == MESSAGES.name:
            return await self._upstream.answer(call)
        asked = replace(call, dialect=MESSAGES, request=to_messages(call.request))
        try:
            raw = await self._upstream.answer(asked)
        except Rejected as refused:
            told = to_chat_error(refused)
            raise Rejected(refused.status, told, signs=refused.signs, counted=refused.counted) from refused
        return to_chat(MESSAGES.answer(raw, index=call.index, model=call.request["model"]))

    async def probe(self, sampling: Mapping[str, Json] = NO_SAMPLING) -> Probed:
        """See `Upstream.probe`."""
        return await self._upstream.probe(sampling)

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._upstream.close()


def to_messages(request: Mapping[str, Json]) -> dict[str, Json]:
    """A normalised request of chat completions as one of Messages."""
    system = [block for message in request["messages"] for block in _instructions(message)]
    turns = _turns(request["messages"])
    tools = [_tool(tool["function"]) for tool in request.get("tools") or ()]
    choice = _choice(request.get("tool_choice")) if tools else None
    if not tools and (names := _called(turns)):
        # The API takes no calls in a history without the tools that they called.
        tools, choice = [{"name": name, "input_schema": {"type": "object"}} for name in names], {"type": "none"}
    stops = [stop for stop in _listed(request.get("stop")) if stop.strip()]
    asked = {
        "system": system,
        "messages": turns,
        "tools": tools,
        "tool_choice": choice,
        "stop_sequences": stops,
    }
    asked = {name: value for name, value in asked.items() if value or name == "messages"}
    sampling = {name: request[name] for name in SAMPLING if name in request}
    imposed = _cached(impose(asked, sampling)) if turns else asked
    return {"model": request["model"], **imposed, "max_tokens": request["max_tokens"]}


def to_chat(answer: Mapping[str, Json]) -> dict[str, Json]:
    """A checked answer of Messages as one of chat completions."""
    blocks = answer["content"]
    thoughts = [{**block, "index": at} for at, block in enumerate(blocks) if block["type"] in THOUGHTS]
    aloud = "".join(block["thinking"] for block in thoughts if block["type"] == "thinking")
    calls = [_call(block) for block in blocks if block["type"] == "tool_use"]
    message = {
        "role": "assistant",
        "content": "".join(block["text"] for block in blocks if block["type"] == "text") or None,
        **({"refusal": _refusal(answer)} if answer["stop_reason"] == "refusal" else {}),
        **({"tool_calls": calls} if calls else {}),
        **({"reasoning_content": aloud} if aloud else {}),
        **({"reasoning_details": thoughts} if thoughts else {}),
    }
    finish = FINISHES.get(answer["stop_reason"], "stop")
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": _usage(answer)}


def to_chat_error(refused: Rejected) -> dict[str, Json]:
    """A refusal of the provider's in the words of chat completions."""
    body = refused.body
    error = body.get("error", body) if isinstance(body, Mapping) else body
    told = error if isinstance(error, Mapping) else {"message": str(error)}
    code = "context_length_exceeded" if "context_overflow" in refused.signs else None
    kind = told.get("type") or "invalid_request_error"
    return {"error": {"message": told.get("message"), "type": kind, "param": None, "code": code}}


def _instructions(message: Mapping[str, Json]) -> list[Json]:
    return _texts(message["content"]) if message["role"] in ("system", "developer") else []


def _turns(messages: Sequence[Json]) -> list[Json]:
    """Turns of user and assistant by turns, the results of tools first in theirs: the API insists on both."""
    turns: list[Json] = []
    for message in messages:
        role, blocks = _turn(message)
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        turn["content"].sort(key=lambda block: block["type"] != "tool_result" and turn["role"] == "user")
    return turns


def _turn(message: Mapping[str, Json]) -> tuple[str, list[Json]]:
    match message["role"]:
        case "user":
            return "user", _seen(message["content"])
        case "assistant":
            return "assistant", _said(message)
        case "tool":
            result = {"type": "tool_result", "tool_use_id": _tool_id(message["tool_call_id"])}
            return "user", [{**result, "content": _texts(message["content"])}]
        case _:
            return "", []


def _texts(content: Json) -> list[Json]:
    """The API takes no text of white space alone."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or ()
    texts = [part["text"] if part["type"] == "text" else part["refusal"] for part in parts]
    return [{"type": "text", "text": text} for text in texts if text.strip()]


def _seen(content: Json) -> list[Json]:
    if isinstance(content, str):
        return _texts(content)
    return [block for part in content for block in (_texts([part]) if part["type"] == "text" else [_image(part)])]


def _image(part: Mapping[str, Json]) -> Json:
    kind, _, data = part["image_url"]["url"].removeprefix("data:").partition(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _said(message: Mapping[str, Json]) -> list[Json]:
    blocks = [*_texts(message.get("content")), *_texts(message.get("refusal"))]
    blocks += [_use(call) for call in message.get("tool_calls") or ()]
    return _merged(blocks, sorted(_thoughts(message.get("reasoning_details") or ()), key=itemgetter(0)))


def _merged(blocks: Sequence[Json], thoughts: Sequence[tuple[int, Json]]) -> list[Json]:
    """Thoughts at their places among the blocks, or behind them; in one pass, for there may be very many."""
    merged: list[Json] = []
    left = deque(blocks)
    for place, thought in thoughts:
        while left and len(merged) < place:
            merged.append(left.popleft())
        merged.append(thought)
    return [*merged, *left]


def _thoughts(details: Sequence[Mapping[str, Json]]) -> Iterator[tuple[int, Json]]:
    """Thoughts of this provider's, with their places. Built afresh: an agent could put any block at all here."""
    for at, detail in enumerate(details):
        fields = THOUGHTS.get(str(detail.get("type")), ())
        if fields and all(isinstance(detail.get(name), str) for name in fields):
            place = detail.get("index")
            thought = {"type": detail["type"], **{name: detail[name] for name in fields}}
            yield (place if isinstance(place, int) and place >= 0 else at), thought


def _use(call: Mapping[str, Json]) -> Json:
    function = call["function"]
    given = messages_answers.tool_input(function["arguments"] or "{}")
    return {"type": "tool_use", "id": _tool_id(call["id"]), "name": function["name"], "input": given}


def _tool_id(name: str) -> str:
    """The API takes fewer characters in an id than agents may write."""
    if TOOL_ID.fullmatch(name):
        return name
    return "call_" + hashlib.sha256(name.encode(errors="replace")).hexdigest()[:32]


def _tool(function: Mapping[str, Json]) -> Json:
    described = {"description": function["description"]} if function.get("description") else {}
    schema = {"type": "object", **(function.get("parameters") or {})}
    return {"name": function["name"], **described, "input_schema": schema}


def _choice(choice: Json) -> Json:
    if choice is None:
        return None
    return (
        {"type": CHOICES[choice]} if isinstance(choice, str) else {"type": "tool", "name": choice["function"]["name"]}
    )


def _called(turns: Sequence[Json]) -> list[str]:
    uses = (block for turn in turns for block in turn["content"] if block["type"] == "tool_use")
    return list(dict.fromkeys(block["name"] for block in uses))


def _listed(stop: Json) -> list[str]:
    return [stop] if isinstance(stop, str) else list(stop or ())


def _cached(asked: dict[str, Json]) -> dict[str, Json]:
    """The request with its marks: tools come before instructions, so the last of these ends both."""
    prefix = next((name for name in ("system", "tools") if asked.get(name)), None)
    marked = {**asked, prefix: _marked(asked[prefix])} if prefix else dict(asked)
    turns = list(asked["messages"])
    last = max((at for at, turn in enumerate(turns) if turn["role"] == "user"), default=None)
    if last is not None:
        turns[last] = {**turns[last], "content": _marked(turns[last]["content"])}
    return {**marked, "messages": turns}


def _marked(blocks: Sequence[Json]) -> list[Json]:
    return [*blocks[:-1], {**blocks[-1], **CACHED}]


def _call(block: Mapping[str, Json]) -> Json:
    given = block["input"]
    text = given[messages_answers.MALFORMED] if messages_answers.is_malformed(given) else json.dumps(given)
    return {"id": block["id"], "type": "function", "function": {"name": block["name"], "arguments": str(text)}}


def _refusal(answer: Mapping[str, Json]) -> str:
    details = answer.get("stop_details")
    told = details.get("explanation") if isinstance(details, Mapping) else None
    return told if isinstance(told, str) and told else SIGNS["refusal"]


def _usage(answer: Mapping[str, Json]) -> Json:
    counted = MESSAGES.counted(answer)
    if counted is None:
        return None
    tokens = counted.tokens
    usage = {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.total,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
    }
    return usage if counted.usd is None else {**usage, "cost": counted.usd}
