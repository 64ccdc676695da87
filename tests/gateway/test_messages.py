"""Anthropic Messages: what may pass, what must not, and what agents get; against the official SDK."""

from time import process_time

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.gateway import providers
from hgm.gateway.client import LeaseSpec
from hgm.gateway.dialects.known import CHAT, MESSAGES
from hgm.gateway.failures import Transient
from hgm.gateway.prices import Tokens
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from tests.gateway.conftest import client_of
from tests.gateway.spoken import again, client, gathered, imposed, line, provider
from tests.gateway.test_allow_list import JSON, PIXEL_URL

DATA = PIXEL_URL.partition(",")[2]
USER = [{"role": "user", "content": "hello"}]
TOOL = {"name": "run", "input_schema": {"type": "object"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
SEALED = {"type": "redacted_thinking", "data": "c2VhbGVk"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {"a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}
CACHED = {"cache_control": {"type": "ephemeral"}}
USAGE = {
    "input_tokens": 7,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 3,
    "output_tokens": 11,
    "service_tier": "standard",
}
RAW = {
    "id": "msg_random",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [THOUGHT, SEALED, {"type": "text", "text": "I run it"}, USE],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE,
}


def read(messages=None, **fields):
    body = {"model": "m", "max_tokens": 10**6, "messages": USER if messages is None else messages, **fields}
    return MESSAGES.read(body, Settings())


def user(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def assistant(*blocks):
    return [{"role": "assistant", "content": list(blocks)}]


def source(**more):
    return user({"type": "image", "source": {**IMAGE["source"], **more}})


DROPPED = {
    "metadata": {"user_id": "me"},
    "service_tier": "auto",
    "speed": "fast",
    "inference_geo": "us",
    "temperature": 2,
    "top_p": 0.1,
    "top_k": 1,
    "thinking": {"type": "enabled", "budget_tokens": 10**6},
    "output_config": {"effort": "max"},
    "context_management": {"edits": [{"type": "compact_20260112"}]},
    "betas": ["mcp-client-2025-11-20"],
    "diagnostics": {"previous_message_id": "msg_1"},
    "fallbacks": [{"model": "other"}],
    "user_profile_id": "me",
    "extra_headers": {"anthropic-beta": "x"},
}


@pytest.mark.parametrize("name", DROPPED)
def test_fields_that_only_tune_store_or_price_stay_behind_and_are_noted(name):
    wanted = read(**{name: DROPPED[name]})
    assert (wanted.request, wanted.dropped) == ({"messages": USER}, (name,))


HOSTED = (
    "bash_20250124",
    "code_execution_20260521",
    "computer_20251124",
    "computer_toolset_20260801",
    "browser_toolset_20260801",
    "mcp_toolset",
    "memory_20250818",
    "text_editor_20250728",
    "tool_search_tool_regex_20251119",
    "web_fetch_20260318",
    "web_search_20260318",
)
FOREIGN = (
    "bash_code_execution_tool_result",
    "code_execution_tool_result",
    "compaction",
    "container_upload",
    "document",
    "mcp_tool_result",
    "mcp_tool_use",
    "search_result",
    "server_tool_use",
    "text_editor_code_execution_tool_result",
    "tool_reference",
    "tool_search_tool_result",
    "web_fetch_tool_result",
    "web_search_tool_result",
)
REFUSED = {
    "container": {"container": "container_1"},
    "skills": {"container": {"skills": [{"type": "custom", "skill_id": "s"}]}},
    "mcp servers": {"mcp_servers": [{"type": "url", "url": "https://evil", "name": "x"}]},
    **{f"tool {kind}": {"tools": [{**TOOL, "type": kind}]} for kind in HOSTED},
    "tool without a schema": {"tools": [{"name": "web_search"}]},
    "type is no text": {"tools": [{**TOOL, "type": ["custom"]}]},
    "remote schema": {"tools": [{"name": "f", "input_schema": {"a": [{"$ref": "http://evil/s.json"}]}}]},
    "hosted choice": {"tools": [TOOL], "tool_choice": {"type": "web_search"}},
    "choice without a name": {"tools": [TOOL], "tool_choice": {"type": "tool"}},
    **{f"{kind} from the user": {"messages": user({"type": kind})} for kind in FOREIGN},
    **{f"{kind} from the assistant": {"messages": assistant({"type": kind})} for kind in FOREIGN},
    **{
        f"{kind} from a tool": {"messages": user({**RESULT, "content": [{"type": kind}]})}
        for kind in ("document", "search_result", "tool_reference", "thinking", "tool_result")
    },
    "thought of the user's": {"messages": user(THOUGHT)},
    "call of the user's": {"messages": user(USE)},
    "result of the assistant's": {"messages": assistant(RESULT)},
    "image of the assistant's": {"messages": assistant(IMAGE)},
    "image in the instructions": {"system": [IMAGE]},
    "thought without a signature": {"messages": assistant({"type": "thinking", "thinking": "hm"})},
    "input that is no object": {"messages": assistant({**USE, "input": "x"})},
    "unknown role": {"messages": [{"role": "tool", "content": "x"}]},
    "remote image": {"messages": source(type="url", url="https://example.com/a.png")},
    "stored image": {"messages": source(type="file", file_id="file_1")},
    "gif": {"messages": source(media_type="image/gif")},
    "svg": {"messages": source(media_type="image/svg+xml")},
    "smuggled kind": {"messages": source(media_type="image/png;base64,AAAA")},
    "not a png": {"messages": source(data="AAAA")},
    "not base64": {"messages": source(data="%89PNG")},
    "image data of other type": {"messages": source(data={"a": 1})},
    "too many images": {"messages": user(*[IMAGE] * 9, {**RESULT, "content": [IMAGE] * 8})},
    "lasting cache": {"system": [{"type": "text", "text": "x", "cache_control": {"type": "persistent"}}]},
    "stop of other types": {"stop_sequences": [1]},
    "stop that is no list": {"stop_sequences": "END"},
    "stream of other type": {"stream": "yes"},
    "no messages": {"messages": []},
    "message of other type": {"messages": ["hello"]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_mean_something_else_without_it_is_refused(name):
    with pytest.raises(Refusal) as refused:
        read(**REFUSED[name])
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"system": "be brief"},
        {"system": [{"type": "text", "text": "be brief", **CACHED}], **CACHED},
        {"tools": [TOOL, {**TOOL, "type": "custom", "description": "d", "strict": True, **CACHED}]},
        {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        {"tool_choice": {"type": "tool", "name": "run"}, "stop_sequences": ["a", "b"]},
        {"messages": user({"type": "text", "text": "look", **CACHED}, {**IMAGE, **CACHED})},
        {"messages": [*USER, *assistant(THOUGHT, SEALED, {"type": "text", "text": "x"}, USE), *user(RESULT)]},
        {"messages": user({**RESULT, "content": [{"type": "text", "text": "x"}, IMAGE], "is_error": True, **CACHED})},
        {"messages": [*USER, {"role": "system", "content": "new rules"}]},
    ],
)
def test_what_may_pass_passes_unchanged(fields):
    wanted = read(**fields)
    assert (wanted.request, wanted.dropped) == ({"messages": USER, **fields}, ())


def test_a_longer_cache_which_costs_more_is_a_common_one():
    wanted = read(cache_control={"type": "ephemeral", "ttl": "1h"})
    assert (wanted.request["cache_control"], wanted.dropped) == ({"type": "ephemeral"}, ("cache_control.ttl",))


@given(JSON)
def test_whatever_comes_is_read_or_refused_and_nothing_unnamed_passes(value):
    for body in ({"messages": value}, {"messages": user(value)}, {"messages": USER, "system": value, "tools": value}):
        try:
            wanted = MESSAGES.read({**body, "tool_choice": value, "stop_sequences": value}, Settings())
        except Refusal:
            continue
        assert wanted.request.keys() <= {"messages", "system", "tools", "tool_choice", "stop_sequences"}


def asked(messages=None, *, sampling=None, **fields):
    return MESSAGES.request(read(messages, **fields), imposed(**(sampling or {})))


def test_model_limit_and_sampling_are_the_leases():
    request = asked(temperature=2, sampling={"temperature": 0.5, "top_p": 0.1})
    expected = {"model": "real-model", "messages": USER, "max_tokens": 4096, "temperature": 0.5, "top_p": 0.1}
    assert request == expected


BUDGET = {"thinking_tokens": 2048}


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({"reasoning_effort": "high"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ({"reasoning_effort": "minimal"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}, "temperature": 0.5}),
        (BUDGET, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    ],
)
def test_thinking_is_the_leases_and_takes_no_temperature_beside_it(sampling, expected):
    request = asked(thinking={"type": "disabled"}, sampling={"temperature": 0.5, **sampling})
    assert {name: request[name] for name in request if name not in ("model", "messages", "max_tokens")} == expected


ROUND = [*USER, *assistant(THOUGHT, USE), *user(RESULT)]
UNTHOUGHT = [*USER, *assistant(USE), *user(RESULT)]


@pytest.mark.parametrize(
    ("messages", "fields"),
    [
        (UNTHOUGHT, {}),
        ([*ROUND, *assistant(USE), *user(RESULT)], {}),
        (ROUND, {"tool_choice": {"type": "any"}}),
        ([*ROUND, *assistant({"type": "text", "text": "It is"})], {}),
    ],
)
def test_what_the_api_takes_no_thinking_with_goes_without_it_and_without_old_thoughts(messages, fields):
    request = asked(messages, tools=[TOOL], sampling={"temperature": 0.5, **BUDGET}, **fields)
    assert "thinking" not in request
    assert request["temperature"] == 0.5
    kinds = [block["type"] for message in request["messages"] for block in message["content"] if message != USER[0]]
    assert "thinking" not in kinds
    assert "tool_use" in kinds


def test_a_round_that_began_with_a_thought_goes_on_with_it():
    assert asked(ROUND, tools=[TOOL], sampling=BUDGET)["messages"] == ROUND
    adaptive = asked(UNTHOUGHT, tools=[TOOL], sampling={"reasoning_effort": "low"})
    assert adaptive["thinking"] == {"type": "adaptive"}


def sdk(raw, seen=None):
    http = client(MESSAGES, raw, [] if seen is None else seen)
    return anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=http, max_retries=0)


ASKED = {"model": "claude-opus-4-1", "max_tokens": 100, "messages": USER, "tools": [TOOL]}


def test_the_sdk_gets_an_answer_and_may_give_it_back():
    seen = []
    answer = sdk(RAW, seen).messages.create(**ASKED)
    assert (answer.id, answer.model, answer.stop_reason) == ("msg_0", "lab/model", "tool_use")
    assert answer.usage.cache_read_input_tokens == 20
    history = [*USER, {"role": "assistant", "content": answer.content}, *user(RESULT)]
    sdk(RAW, seen).messages.create(**{**ASKED, "messages": history})
    assert seen[1]["messages"][1]["content"] == RAW["content"]


def test_the_sdk_puts_a_stream_together():
    with sdk(RAW).messages.stream(**ASKED) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_message()
    whole = sdk(RAW).messages.create(**ASKED)
    assert streamed.to_dict() == whole.to_dict()
    assert {"thinking", "signature", "text", "input_json", "message_stop"} <= set(kinds)


def test_the_sdk_understands_a_refusal_and_an_error_within_a_stream():
    with pytest.raises(anthropic.BadRequestError, match="never the provider's") as caught:
        sdk(RAW).messages.create(**{**ASKED, "tools": [{"type": "web_search_20260318", "name": "web_search"}]})
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    body = line(MESSAGES.error_event(MESSAGES.error(Refusal(502, "the model failed", code="backbone_failed"))))
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers=headers))
    broken = anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport), max_retries=0)
    with pytest.raises(anthropic.APIStatusError, match="the model failed"), broken.messages.stream(**ASKED) as stream:
        stream.get_final_message()


def answer(**more):
    return MESSAGES.answer({**RAW, **more}, index=0, model="lab/model")


@pytest.mark.parametrize(
    ("raw", "signs"),
    [
        ({}, ()),
        ({"stop_reason": "refusal", "content": []}, ("refusal",)),
        ({"stop_reason": "end_turn", "content": [THOUGHT]}, ("empty_reply",)),
        ({"stop_reason": "max_tokens"}, ("cut_off",)),
        ({"stop_reason": "model_context_window_exceeded"}, ("context_overflow",)),
        ({"content": [{**USE, "input": '{"a": '}]}, ("malformed_tool_call",)),
        ({"content": [{**USE, "input": [1]}]}, ("malformed_tool_call",)),
    ],
)
def test_signs(raw, signs):
    assert MESSAGES.signs(answer(**raw)) == signs


def test_what_it_cost():
    assert MESSAGES.counted(answer()).tokens == Tokens(input=7, cache_read=20, cache_write=3, output=11)
    assert MESSAGES.counted(answer(usage=None)) is None
    assert MESSAGES.counted(answer(usage={"input_tokens": 1, "output_tokens": -1})) is None


NOT_ANSWERS = [
    None,
    [],
    {"content": "text", "stop_reason": "end_turn"},
    {"content": [], "stop_reason": None},
    {"content": ["x"], "stop_reason": "end_turn"},
    {"content": [{"type": ["text"]}], "stop_reason": "end_turn"},
    {"content": [{"type": "text"}], "stop_reason": "end_turn"},
    {"content": [{"type": "tool_use", "input": {}, "id": 1, "name": "x"}], "stop_reason": "tool_use"},
]


@pytest.mark.parametrize("raw", NOT_ANSWERS)
def test_what_is_no_answer_is_tried_again(raw):
    with pytest.raises(Transient):
        MESSAGES.answer(raw, index=0, model="m")


BEGUN = {"type": "message_start", "message": {**RAW, "content": [], "stop_reason": None, "usage": {"input_tokens": 7}}}


def test_usage_in_a_stream_is_of_the_whole_answer_so_far():
    events = [
        BEGUN,
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {**USE, "input": {}}},
        *[
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}}
            for part in ("", '{"a"', ": 1}")
        ],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "input_tokens": None}},
        {"type": "message_stop"},
    ]
    whole = gathered(MESSAGES, events)
    assert (whole["content"], whole["usage"]) == ([USE], {"input_tokens": 7, "output_tokens": 9})


@pytest.mark.parametrize(
    "events",
    [
        [],
        [BEGUN],
        ["x"],
        [{"type": "message_start"}],
        [BEGUN, {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"}}],
        [BEGUN, {"type": "content_block_start", "index": "0", "content_block": {"type": "text"}}],
        [
            BEGUN,
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 1}},
        ],
        [BEGUN, {"type": "error", "error": {"type": "api_error", "message": "x"}}],
    ],
)
def test_a_stream_that_breaks_is_tried_again_and_may_be_billed(events):
    with pytest.raises(Transient) as trouble:
        gathered(MESSAGES, events)
    assert trouble.value.charged
    assert not trouble.value.rate_limited


def test_an_overloaded_provider_asks_for_patience():
    with pytest.raises(Transient) as trouble:
        MESSAGES.gatherer().add({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert trouble.value.rate_limited


@pytest.mark.parametrize(
    ("dialect", "begun", "part", "end"),
    [
        (
            MESSAGES,
            [BEGUN, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}],
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a few words "}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        ),
        (
            CHAT,
            [],
            {"choices": [{"delta": {"content": "a few words "}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        ),
    ],
)
def test_a_very_long_stream_keeps_nobody_waiting(dialect, begun, part, end):
    gatherer = dialect.gatherer()
    before = process_time()
    for data in [*begun, *[part] * 200_000, end]:
        gatherer.add(data)
    assert "a few words " * 200_000 in str(gatherer.answer())
    assert process_time() - before < 3  # all copied at each delta: ten times as much


TEXT = st.text(max_size=6)
BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text, "citations": None}, TEXT),
    st.builds(lambda text, sign: {"type": "thinking", "thinking": text, "signature": sign}, TEXT, TEXT),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, TEXT),
    st.builds(
        lambda given, name: {"type": "tool_use", "id": "toolu_" + name, "name": name, "input": given},
        st.one_of(st.dictionaries(TEXT, JSON, max_size=3), TEXT),
        TEXT,
    ),
    st.builds(lambda value: {"type": "unheard_of", "value": value}, JSON),
)


@given(
    st.lists(BLOCKS, max_size=4),
    st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal"]),
    st.none() | TEXT,
    st.fixed_dictionaries({"input_tokens": st.integers(0, 9), "output_tokens": st.integers(0, 9)}),
)
def test_an_answer_comes_out_of_its_own_stream_unchanged(content, reason, stop, usage):
    whole = answer(
        content=content, stop_reason=reason, stop_sequence=stop, usage=usage, stop_details={"type": "refusal"}
    )
    assert MESSAGES.answer(whole, index=0, model="lab/model") == whole
    assert again(MESSAGES, whole) == whole


@given(JSON, JSON)
def test_whatever_a_backbone_streams_is_an_answer_or_a_passing_failure(one, other):
    gatherer = MESSAGES.gatherer()
    try:
        gatherer.add(BEGUN)
        for kind in ("content_block_start", "content_block_delta", "message_delta", "error", one):
            delta = {"type": "text_delta", "text": one, "stop_reason": "end_turn"}
            gatherer.add({"type": kind, "index": 0, "content_block": other, "delta": delta, "usage": one, "error": one})
        MESSAGES.signs(MESSAGES.answer(gatherer.answer(), index=0, model="m"))
    except Transient:
        return


def test_an_agent_speaks_it_to_a_provider_through_the_gateway(lab, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-the-real-one")
    with provider(MESSAGES, RAW) as there:
        gateway = lab.gateway(providers=[providers.provider("anthropic", base_url=there.url)])
        spec = LeaseSpec(job="messages", role="solver", backbone="anthropic/claude-real", seed=1, max_output_tokens=99)
        lease = gateway.lease(spec)
        with client_of(lease) as http:
            beta = {"anthropic-beta": "mcp-client-2025-11-20", "anthropic-version": "1999-01-01"}
            agent = anthropic.Anthropic(
                api_key=lease.token, base_url="http://g", http_client=http, max_retries=0, default_headers=beta
            )
            whole = agent.messages.create(**ASKED, metadata={"user_id": "me"})
            with agent.messages.stream(**ASKED) as stream:
                streamed = stream.get_final_message()
            with pytest.raises(anthropic.BadRequestError, match="never the provider's"):
                agent.messages.create(**{**ASKED, "tools": [{"type": "web_search_20260318", "name": "w"}]})
    assert streamed.to_dict()["content"] == whole.to_dict()["content"] == RAW["content"]
    assert (whole.id, streamed.id, whole.model) == ("msg_0", "msg_1", "anthropic/claude-real")
    sent = {"model": "claude-real", "messages": USER, "tools": [TOOL], "max_tokens": 99}
    assert [{name: body[name] for name in body if name != "stream"} for body in there.asked] == [sent, sent]
    for headers in there.headers:
        assert "anthropic-beta" not in headers
        assert (headers["x-api-key"], headers["anthropic-version"]) == ("sk-ant-the-real-one", "2023-06-01")
    usage = lease.close()
    assert usage.tokens == Tokens(input=14, cache_read=40, cache_write=6, output=22)
    assert (usage.dropped_fields, usage.refused) == (("metadata",), 1)
