"""What may pass in a Chat Completions request, and what must not: a hostile test per field."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.gateway.dialects.chat import ChatCompletions
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

USER = [{"role": "user", "content": "hello"}]
FUNCTION = {"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PIXEL_URL = "data:image/png;base64," + base64.b64encode(PIXEL).decode()


def read(messages=None, **fields):
    return ChatCompletions().read(
        {"model": "m", "messages": USER if messages is None else messages, **fields}, Settings()
    )


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def image(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


DROPPED = {
    "store": True,
    "metadata": {"a": "b"},
    "service_tier": "priority",
    "logit_bias": {"50256": -100},
    "user": "me",
    "safety_identifier": "me",
    "prompt_cache_key": "k",
    "temperature": 2,
    "top_p": 0.1,
    "max_tokens": 10**6,
    "max_completion_tokens": 10**6,
    "seed": 1,
    "reasoning_effort": "high",
    "logprobs": True,
    "response_format": {"type": "json_object"},
    "parallel_tool_calls": True,
    "prediction": {"type": "content", "content": "x"},
    "modalities": ["text", "audio"],
    "audio": {"voice": "a", "format": "wav"},
    "verbosity": "high",
    "plugins": [{"id": "web"}],
    "models": ["a", "b"],
    "provider": {"order": ["x"]},
    "extra_headers": {"a": "b"},
    "api_base": "http://evil",
    "cache_control": {"type": "ephemeral"},
    "guided_regex": "(a+)+",
    "grammar": "root ::= root",
    "slot_id": 1,
}


@pytest.mark.parametrize("name", DROPPED)
def test_fields_that_only_tune_store_or_price_stay_behind_and_are_noted(name):
    wanted = read(**{name: DROPPED[name]})
    assert wanted.request == {"messages": USER}
    assert wanted.dropped == (name,)


def test_everything_that_is_sent_to_a_backbone_was_let_through_by_name(take, post):
    lease = take()
    answer = post(lease, {"messages": USER, "model": "x", **DROPPED}).json()
    seen = json.loads(answer["choices"][0]["message"]["content"])
    assert seen.keys() == {"model", "messages", "max_tokens", "seed"}
    assert lease.usage().dropped_fields == tuple(sorted(DROPPED))


REFUSED = {
    "n": {"n": 2},
    "functions": {"functions": [{"name": "f"}]},
    "function_call": {"function_call": "auto"},
    "hosted web search": {"web_search_options": {}, "tools": [{"type": "web_search"}]},
    "web search option": {"web_search_options": {"search_context_size": "high"}},
    "mcp": {"tools": [{"type": "mcp", "server_url": "https://evil", "require_approval": "never"}]},
    "code interpreter": {"tools": [FUNCTION, {"type": "code_interpreter", "container": {"type": "auto"}}]},
    "file search": {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]},
    "computer use": {"tools": [{"type": "computer_use_preview"}]},
    "tool of no type": {"tools": [{"name": "web_search_20250305"}]},
    "type is no text": {"tools": [{"type": ["function"]}]},
    "custom tool": {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
    "hosted choice": {"tools": [FUNCTION], "tool_choice": {"type": "web_search_preview"}},
    "allowed tools": {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
    "remote schema": {
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"a": [{"$ref": "http://evil/s.json"}]}}}
        ]
    },
    "previous response": {"previous_response_id": "resp_1"},
    "conversation": {"conversation": "conv_1"},
    "stop of other types": {"stop": [1]},
    "many stops": {"stop": list("abcde")},
    "stream of other type": {"stream": "yes"},
    "no messages": {"messages": []},
    "messages of other type": {"messages": {"role": "user"}},
    "tools of other type": {"tools": {"type": "function"}},
    "unknown role": {"messages": [{"role": "function", "name": "f", "content": "x"}]},
    "no role": {"messages": [{"content": "x"}]},
    "no content": {"messages": [{"role": "user"}]},
    "message of other type": {"messages": ["hello"]},
    "audio in": {"messages": user({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})},
    "words as an id": {
        "messages": [{"role": "tool", "tool_call_id": "This model's maximum context length is 1", "content": "x"}]
    },
    "stored audio": {"messages": [{"role": "assistant", "content": [{"type": "audio", "audio": {"id": "a"}}]}]},
    "stored file": {"messages": user({"type": "file", "file": {"file_id": "file-1"}})},
    "image from an assistant": {"messages": [{"role": "assistant", "content": [image(PIXEL_URL)]}]},
    "image from a tool": {"messages": [{"role": "tool", "tool_call_id": "c", "content": [image(PIXEL_URL)]}]},
    "image in a system message": {"messages": [{"role": "system", "content": [image(PIXEL_URL)]}]},
    "hosted tool call": {
        "messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "web_search_call", "function": {}}]}]
    },
    "reasoning of other type": {"messages": [{"role": "assistant", "content": "x", "reasoning_details": "x"}]},
    "http image": {"messages": user(image("http://169.254.169.254/latest"))},
    "https image": {"messages": user(image("https://example.com/a.png"))},
    "file image": {"messages": user(image("file:///etc/passwd"))},
    "data but not an image": {"messages": user(image("data:text/html;base64,AAAA"))},
    "svg": {"messages": user(image("data:image/svg+xml;base64,PHN2Zz48L3N2Zz4="))},
    "not base64": {"messages": user(image("data:image/png,%89PNG"))},
    "bare url": {"messages": user({"type": "image_url", "image_url": "https://example.com/a.png"})},
    "not a png": {"messages": user(image("data:image/png;base64,AAAA"))},
    "unknown detail": {"messages": user(image(PIXEL_URL, detail="ultra"))},
    "too many images": {"messages": user(*[image(PIXEL_URL)] * 17)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_mean_something_else_without_it_is_refused(name):
    with pytest.raises(Refusal) as refused:
        read(**REFUSED[name])
    assert refused.value.status == 400


def test_the_refusal_is_shaped_as_openais_clients_expect(take, post):
    lease = take()
    answer = post(lease, {"messages": USER, "tools": [{"type": "web_search"}]})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "not_allowed", "tools[]")
    assert "never the provider's own" in error["message"]
    assert (lease.usage().refused, lease.usage().calls) == (1, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [FUNCTION]},
        {"tool_choice": {"type": "function", "function": {"name": "run"}}},
        {"tool_choice": "required", "stop": ["a", "b"]},
        {"stop": "END"},
        {"messages": user({"type": "text", "text": "look"}, image(PIXEL_URL, detail="high"))},
        {"messages": [{"role": "developer", "content": "be brief"}, *USER]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]},
        {"messages": [{"role": "assistant", "content": "x", "reasoning_content": "because"}]},
        {"messages": [{"role": "assistant", "content": "", "reasoning_details": [{"type": "r", "data": "ab=="}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "42"}]}]},
    ],
)
def test_what_may_pass_passes_unchanged(fields):
    wanted = read(**fields)
    assert wanted.request == {"messages": USER, **fields}
    assert wanted.dropped == ()


def test_unknown_fields_deep_inside_are_dropped_too():
    wanted = read(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}], "weight": 1},
            {"role": "assistant", "content": "y", "audio": {"id": "stored"}, "annotations": [], "refusal": None},
        ],
        tools=[{**FUNCTION, "function": {**FUNCTION["function"], "handler": "evil"}, "x": 1}],
        stream_options={"include_usage": True, "include_obfuscation": True},
    )
    assert wanted.request["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "y"},
    ]
    assert wanted.request["tools"] == [FUNCTION]
    assert wanted.dropped == (
        "messages[].annotations",
        "messages[].audio",
        "messages[].content[].cache_control",
        "messages[].weight",
        "stream_options.include_obfuscation",
        "tools[].function.handler",
        "tools[].x",
    )


def test_names_of_dropped_fields_cannot_flood_or_forge():
    wanted = read(**{f"\x1b[31m{number}" + "x" * 1000: 1 for number in range(500)})
    assert len(wanted.dropped) == 64
    assert all(len(name) <= 64 and name.isprintable() and "\x1b" not in name for name in wanted.dropped)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
KNOWN = ["messages", "tools", "tool_choice", "stop", "stream", "stream_options", "n", "role", "content", "type", "user"]


@given(st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=8), JSON))
def test_whatever_comes_is_read_or_refused_and_nothing_unnamed_passes(body):
    try:
        wanted = ChatCompletions().read(body, Settings())
    except Refusal:
        return
    assert wanted.request.keys() <= {"messages", "tools", "tool_choice", "stop"}


@given(JSON)
def test_whatever_a_message_holds_is_read_or_refused(content):
    for messages in (content, [content], [{"role": "user", "content": content}]):
        try:
            read(messages)
        except Refusal:
            continue
