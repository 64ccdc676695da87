"""Chat completions for a backbone of Messages: through the OpenAI SDK, there and back, with hostile histories."""

import asyncio
import json

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.gateway import providers
from hgm.gateway.client import LeaseSpec
from hgm.gateway.dialects.known import CHAT, MESSAGES
from hgm.gateway.failures import Rejected, Transient
from hgm.gateway.live import Call
from hgm.gateway.overflow import overflow
from hgm.gateway.pace import Pace
from hgm.gateway.prices import Tokens
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.translate import Translated, to_chat, to_messages
from hgm.gateway.upstream import Probed
from tests.gateway.spoken import client, imposed, provider
from tests.gateway.test_allow_list import JSON, PIXEL_URL
from tests.gateway.test_messages import DATA, RAW, SEALED, THOUGHT, USE

USER = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "run", "parameters": {"properties": {}}}}
MARK = {"cache_control": {"type": "ephemeral"}}


def call(arguments='{"a": 1}', *, name="call_1"):
    return {"id": name, "type": "function", "function": {"name": "run", "arguments": arguments}}


def asked(messages=None, *, sampling=None, **fields):
    """The request that goes out: what the allow-list of chat completions passes on, translated."""
    wanted = CHAT.read({"messages": USER if messages is None else messages, **fields}, Settings())
    return to_messages(CHAT.request(wanted, imposed(**(sampling or {}))))


def unmarked(value):
    """Without the marks for the cache."""
    if isinstance(value, dict):
        return {name: unmarked(value[name]) for name in value if name != "cache_control"}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def turns(*messages, **fields):
    return unmarked(asked([*USER, *messages], **fields)["messages"][1:])


def test_a_request_is_translated_whole():
    request = asked(
        [
            {"role": "system", "content": "be brief"},
            {
                "role": "user",
                "name": "me",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": PIXEL_URL, "detail": "high"}},
                ],
            },
            {"role": "assistant", "content": "I run both", "tool_calls": [call(), call("", name="call_2")]},
            {"role": "tool", "tool_call_id": "call_1", "content": "42"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "43"}]},
            {"role": "user", "content": "go on"},
            {"role": "developer", "content": "still brief"},
        ],
        tools=[TOOL],
        tool_choice="required",
        stop=["END", "\n"],
        sampling={"temperature": 0.5},
    )
    text = {"type": "text"}
    assert request == {
        "model": "real-model",
        "system": [{**text, "text": "be brief"}, {**text, "text": "still brief", **MARK}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {**text, "text": "look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {**text, "text": "I run both"},
                    {"type": "tool_use", "id": "call_1", "name": "run", "input": {"a": 1}},
                    {"type": "tool_use", "id": "call_2", "name": "run", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": [{**text, "text": "42"}]},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": [{**text, "text": "43"}]},
                    {**text, "text": "go on", **MARK},
                ],
            },
        ],
        "tools": [{"name": "run", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any"},
        "stop_sequences": ["END"],
        "temperature": 0.5,
        "max_tokens": 4096,
    }


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
        ({"type": "function", "function": {"name": "run"}}, {"type": "tool", "name": "run"}),
    ],
)
def test_choices_of_tools(choice, expected):
    assert asked(tools=[TOOL], tool_choice=choice)["tool_choice"] == expected
    assert "tool_choice" not in asked(tool_choice=choice)


def test_a_history_of_calls_without_tools_keeps_its_calls():
    request = asked([*USER, {"role": "assistant", "tool_calls": [call()]}])
    assert unmarked(request["tools"]) == [{"name": "run", "input_schema": {"type": "object"}}]
    assert request["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    "arguments", ['{"a": ', "[1]", "rm -rf", '{"a": NaN}', '{"a":' * 500 + "1" + "}" * 500, '"\ud800"']
)
def test_malformed_arguments_go_out_as_text_and_come_back_from_it(arguments):
    (turn,) = turns({"role": "assistant", "tool_calls": [call(arguments)]})
    assert turn["content"][0]["input"] == {"_malformed": arguments}
    answer = to_chat(MESSAGES.answer({**RAW, "content": turn["content"]}, index=0, model="m"))
    assert answer["choices"][0]["message"]["tool_calls"] == [call(arguments)]


def test_ids_that_the_api_does_not_take_stay_pairs():
    odd = "functions.run:0|fc_1"
    (used, told) = turns(
        {"role": "assistant", "tool_calls": [call(name=odd)]}, {"role": "tool", "tool_call_id": odd, "content": "x"}
    )
    name = used["content"][0]["id"]
    assert told["content"][0]["tool_use_id"] == name
    assert name.startswith("call_")


def test_what_has_no_text_goes_and_results_stand_first():
    talk = turns(
        {"role": "assistant", "content": " ", "tool_calls": [call()]},
        {"role": "user", "content": "meanwhile"},
        {"role": "tool", "tool_call_id": "call_1", "content": ""},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "\n"},
    )
    assert [[block["type"] for block in turn["content"]] for turn in talk] == [["tool_use"], ["tool_result", "text"]]


def test_the_openai_sdk_keeps_thoughts_in_its_history_and_they_go_back_unchanged():
    content = [THOUGHT, {"type": "text", "text": "I run it"}, {**THOUGHT, "thinking": "more"}, SEALED, USE]
    raw = to_chat(MESSAGES.answer({**RAW, "content": content}, index=0, model="m"))
    seen = []
    agent = openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=client(CHAT, raw, seen), max_retries=0)
    whole = agent.chat.completions.create(model="m", messages=USER, tools=[TOOL]).choices[0]
    with agent.chat.completions.stream(model="m", messages=USER, tools=[TOOL]) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert whole.message.reasoning_content == "hmmore"
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    for message in (whole.message, streamed.message):
        result = {"role": "tool", "tool_call_id": USE["id"], "content": "42"}
        history = [*USER, message.model_dump(exclude={"parsed"}), result]
        agent.chat.completions.create(model="m", messages=history, tools=[TOOL])
        assert to_messages(seen[-1])["messages"][1] == {"role": "assistant", "content": content}


def test_thoughts_are_left_out_where_the_agent_has_lost_them_while_thinking_is_imposed():
    kept = {"role": "assistant", "tool_calls": [call()], "reasoning_details": [THOUGHT]}
    lost = {"role": "assistant", "tool_calls": [call(name="call_2")]}
    results = [{"role": "tool", "tool_call_id": name, "content": "x"} for name in ("call_1", "call_2")]
    sampling = {"thinking_tokens": 2048}
    assert asked([*USER, kept, results[0]], tools=[TOOL], sampling=sampling)["thinking"]["budget_tokens"] == 2048
    request = asked([*USER, kept, results[0], lost, results[1]], tools=[TOOL], sampling=sampling)
    assert "thinking" not in request
    assert [block["type"] for turn in request["messages"] for block in turn["content"]].count("thinking") == 0


HOSTILE = [
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
    {"type": "image", "source": {"type": "url", "url": "http://169.254.169.254"}},
    {"type": "document", "source": {"type": "url", "url": "https://evil"}},
    {"type": ["thinking"], "thinking": "x", "signature": "y"},
    {"type": "thinking", "thinking": {"a": 1}, "signature": "y"},
    {"type": "redacted_thinking", "data": None},
]


@pytest.mark.parametrize("block", HOSTILE)
def test_nothing_but_thoughts_comes_in_through_reasoning(block):
    (turn,) = turns({"role": "assistant", "content": "x", "reasoning_details": [block]})
    assert turn["content"] == [{"type": "text", "text": "x"}]


def test_a_thought_brings_nothing_along_and_very_many_are_no_burden():
    evil = {**THOUGHT, "index": 10**30, "cache_control": {"type": "ephemeral"}, "source": {"type": "url"}}
    (turn,) = asked([*USER, {"role": "assistant", "content": "x", "reasoning_details": [evil]}])["messages"][1:]
    assert turn["content"] == [{"type": "text", "text": "x"}, THOUGHT]
    many = [{**SEALED, "index": 0}] * 60_000
    (turn,) = turns({"role": "assistant", "content": "x", "reasoning_details": many})
    assert turn["content"] == [*[SEALED] * 60_000, {"type": "text", "text": "x"}]


@pytest.mark.parametrize(
    ("reason", "finish", "signs"),
    [
        ("end_turn", "stop", ()),
        ("stop_sequence", "stop", ()),
        ("max_tokens", "length", ("cut_off",)),
        ("model_context_window_exceeded", "length", ("cut_off",)),
        ("refusal", "content_filter", ("refusal",)),
        ("unheard_of", "stop", ()),
    ],
)
def test_why_it_stopped(reason, finish, signs):
    raw = {**RAW, "content": [{"type": "text", "text": "x"}], "stop_reason": reason}
    answer = CHAT.answer(to_chat(MESSAGES.answer(raw, index=0, model="m")), index=0, model="m")
    assert answer["choices"][0]["finish_reason"] == finish
    assert CHAT.signs(answer) == signs


def test_usage_counts_the_same_in_both():
    answer = MESSAGES.answer(RAW, index=0, model="m")
    assert CHAT.counted(to_chat(answer)) == MESSAGES.counted(answer)
    assert CHAT.counted(to_chat(answer)).tokens == Tokens(input=7, cache_read=20, cache_write=3, output=11)
    assert to_chat({**answer, "usage": None})["usage"] is None


class Says:
    """Speaks Messages, and says what it was given to say."""

    dialects = frozenset({MESSAGES.name})

    def __init__(self, says) -> None:
        self.pace = Pace("provider")
        self.says = says
        self.asked = []

    async def start(self) -> None: ...

    async def answer(self, call):
        self.asked.append(call)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def probe(self, sampling=None) -> Probed:
        return Probed(ok=True)

    async def close(self) -> None: ...


def ask(upstream, dialect):
    wanted = dialect.read({"messages": USER}, Settings())
    request = dialect.request(wanted, imposed())
    reserved = Tokens(input=1, output=1)
    call = Call(job="j", role="solver", index=3, dialect=dialect, request=request, wanted=wanted, reserved=reserved)
    return asyncio.run(Translated(upstream).answer(call))


def test_the_upstream_is_asked_in_its_own_dialect_and_answers_in_the_agents():
    upstream = Says(RAW)
    assert ask(upstream, CHAT)["choices"][0]["message"]["content"] == "I run it"
    assert ask(upstream, MESSAGES) == RAW
    assert [call.dialect.name for call in upstream.asked] == [MESSAGES.name] * 2
    assert unmarked(upstream.asked[0].request["messages"])[0]["role"] == "user"


def test_what_is_no_message_is_tried_again_and_may_be_billed():
    with pytest.raises(Transient) as trouble:
        ask(Says({"content": "x"}), CHAT)
    assert trouble.value.charged


TOO_LONG = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 3 > 2"}}


@pytest.mark.parametrize(
    ("body", "signs", "error"),
    [
        (
            TOO_LONG,
            ("context_overflow",),
            ("prompt is too long: 3 > 2", "invalid_request_error", "context_length_exceeded"),
        ),
        (TOO_LONG, (), ("prompt is too long: 3 > 2", "invalid_request_error", None)),
        ("not json", (), ("not json", "invalid_request_error", None)),
        ([1], (), ("[1]", "invalid_request_error", None)),
    ],
)
def test_a_refusal_of_the_providers_is_said_in_the_agents_words(body, signs, error):
    with pytest.raises(Rejected) as refused:
        ask(Says(Rejected(400, body, signs=signs)), CHAT)
    told = refused.value.body["error"]
    assert (told["message"], told["type"], told["code"]) == error
    assert (refused.value.status, refused.value.signs) == (400, signs)


def test_an_agent_of_chat_completions_speaks_to_a_backbone_of_messages(lab, sdk, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-the-real-one")
    with provider(MESSAGES, RAW) as there:
        gateway = lab.gateway(providers=[providers.provider("anthropic", base_url=there.url)])
        lease = gateway.lease(LeaseSpec(job="chat", role="solver", backbone="anthropic/claude-real", seed=1))
        agent = sdk(lease)
        first = agent.chat.completions.create(model="m", messages=USER, tools=[TOOL]).choices[0].message
        result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "42"}
        with agent.chat.completions.stream(
            model="m", messages=[*USER, first.model_dump(), result], tools=[TOOL]
        ) as stream:
            assert stream.get_final_completion().choices[0].message.content == "I run it"
    assert json.loads(first.tool_calls[0].function.arguments) == {"a": 1}
    assert [turn["role"] for turn in there.asked[1]["messages"]] == ["user", "assistant", "user"]
    assert there.asked[1]["messages"][1]["content"] == RAW["content"]
    assert lease.close().tokens == Tokens(input=14, cache_read=40, cache_write=6, output=22)


MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool"]),
        "content": st.none() | st.text(max_size=4) | JSON,
    },
    optional={
        "tool_call_id": st.text(max_size=3),
        "reasoning_details": st.lists(st.dictionaries(st.sampled_from(["type", "data", "index"]), JSON), max_size=2),
        "tool_calls": st.lists(st.builds(call, st.text(max_size=4), name=st.text(max_size=3)), max_size=2),
    },
)


@given(st.lists(MESSAGE, max_size=5), st.sampled_from([{}, {"thinking_tokens": 2048}, {"reasoning_effort": "low"}]))
def test_whatever_chat_lets_through_becomes_a_request_that_messages_lets_through(messages, sampling):
    try:
        request = asked(messages, tools=[TOOL], sampling=sampling)
    except Refusal:
        return
    if request["messages"]:
        again = MESSAGES.read(json.loads(json.dumps(request)), Settings())
        assert set(again.dropped) <= {"thinking", "output_config"}
        assert {**request, **again.request} == request


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "x", "type": "invalid_request_error", "code": "context_length_exceeded"}}),
        (400, {"error": {"message": "Your input exceeds the context window of this model.", "code": None}}),
        (400, TOO_LONG),
        (400, {"error": {"message": "input length and `max_tokens` exceed context limit: 9 + 9 > 10"}}),
        (400, {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error", "n_ctx": 512}}),
        (400, {"object": "error", "message": "This model's maximum context length is 512 tokens.", "code": 400}),
        (413, {"error": "The input (9 tokens) is longer than the model's context length (8 tokens)."}),
        (400, "prompt is too long"),
    ],
)
def test_what_providers_say_when_it_was_too_long(status, body):
    assert overflow(status, body)
    assert not overflow(500, body)


@given(JSON)
def test_nothing_else_is_an_overflow(body):
    assert not overflow(400, body)
    assert not overflow(400, {"error": body})
