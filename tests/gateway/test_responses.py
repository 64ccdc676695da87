"""OpenAI Responses: what may pass, what must not, and what agents get; against the official SDK."""

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.gateway import providers
from hgm.gateway.client import LeaseSpec
from hgm.gateway.dialects.known import RESPONSES
from hgm.gateway.failures import Transient
from hgm.gateway.prices import Tokens
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from tests.gateway.spoken import again, client, gathered, imposed, line, provider
from tests.gateway.test_allow_list import JSON, PIXEL_URL

TOOL = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}, "strict": None}
IMAGE = {"type": "input_image", "image_url": PIXEL_URL, "detail": "high"}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "c2VhbGVk",
}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "phase": "commentary",
    "content": [{"type": "output_text", "text": "I run it", "annotations": []}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "run",
    "arguments": '{"a": 1}',
    "status": "completed",
}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 3},
    "output_tokens": 11,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 41,
}
RAW = {
    "id": "resp_random",
    "object": "response",
    "created_at": 1234567890.5,
    "model": "gpt",
    "status": "completed",
    "output": [THOUGHT, SAID, CALL],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [TOOL],
    "usage": USAGE,
    "service_tier": "default",
}
REFUSAL = {**SAID, "content": [{"type": "refusal", "refusal": "no"}]}


def read(asked="hello", **fields):
    return RESPONSES.read({"model": "m", "input": asked, **fields}, Settings())


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def image(url, **more):
    return user({"type": "input_image", "image_url": url, **more})


DROPPED = {
    "store": True,
    "include": ["web_search_call.results"],
    "metadata": {"a": "b"},
    "service_tier": "priority",
    "temperature": 2,
    "top_p": 0.1,
    "max_output_tokens": 10**6,
    "max_tool_calls": 5,
    "reasoning": {"effort": "xhigh"},
    "text": {"format": {"type": "json_object"}, "verbosity": "high"},
    "truncation": "auto",
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "safety_identifier": "me",
    "stream_options": {"include_obfuscation": False},
    "context_management": [{"type": "compaction"}],
    "moderation": {"model": "m"},
    "background_options": {"completion_window": "8h"},
    "top_logprobs": 5,
    "user": "me",
    "seed": 1,
    "api_base": "http://evil",
}


@pytest.mark.parametrize("name", DROPPED)
def test_fields_that_only_tune_store_or_price_stay_behind_and_are_noted(name):
    wanted = read(**{name: DROPPED[name]})
    assert (wanted.request, wanted.dropped) == ({"input": "hello"}, (name,))


HOSTED = (
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use_preview",
    "custom",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_preview",
)
STORED = (
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "compaction",
    "compaction_trigger",
    "computer_call",
    "computer_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "file_search_call",
    "image_generation_call",
    "item_reference",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
)
REFUSED = {
    "previous response": {"previous_response_id": "resp_1"},
    "conversation": {"conversation": {"id": "conv_1"}},
    "stored prompt": {"prompt": {"id": "pmpt_1"}},
    "background": {"background": True},
    **{f"tool {kind}": {"tools": [{**TOOL, "type": kind}]} for kind in HOSTED},
    **{f"choice {kind}": {"tools": [TOOL], "tool_choice": {"type": kind, "name": "x"}} for kind in HOSTED},
    "allowed tools": {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}},
    **{f"item {kind}": {"asked": [{"type": kind, "id": "x_1"}]} for kind in STORED},
    "reference without a type": {"asked": [{"id": "msg_1"}]},
    "reference that says null": {"asked": [{"type": None, "id": "msg_1"}]},
    "remote schema": {"tools": [{**TOOL, "parameters": {"a": [{"$ref": "http://evil/s.json"}]}}]},
    "stored file": {"asked": user({"type": "input_file", "file_id": "file-1"})},
    "remote file": {"asked": user({"type": "input_file", "file_url": "https://evil"})},
    "file as data": {"asked": user({"type": "input_file", "file_data": "AAAA", "filename": "a.pdf"})},
    "audio": {"asked": user({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})},
    "stored image": {"asked": user({"type": "input_image", "file_id": "file-1"})},
    "stored image beside data": {"asked": image(PIXEL_URL, file_id="file-1")},
    "remote image": {"asked": image("http://169.254.169.254/latest")},
    "image as an object": {"asked": image({"url": "https://example.com/a.png"})},
    "svg": {"asked": image("data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=")},
    "not a png": {"asked": image("data:image/png;base64,AAAA")},
    "unknown detail": {"asked": image(PIXEL_URL, detail="ultra")},
    "too many images": {"asked": [*user(*[IMAGE] * 9), {**OUTPUT, "output": [IMAGE] * 8}]},
    "image from the assistant": {"asked": [{"role": "assistant", "content": [IMAGE]}]},
    "image in the instructions": {"asked": [{"role": "developer", "content": [IMAGE]}]},
    "remote image from a tool": {"asked": [{**OUTPUT, "output": [{**IMAGE, "image_url": "https://evil"}]}]},
    "file from a tool": {"asked": [{**OUTPUT, "output": [{"type": "input_file", "file_id": "file-1"}]}]},
    "unknown role": {"asked": [{"role": "tool", "content": "x"}]},
    "instructions of other type": {"instructions": ["x"]},
    "no input": {"asked": []},
    "input of other type": {"asked": {"role": "user"}},
    "item of other type": {"asked": ["hello"]},
    "type is no text": {"tools": [{**TOOL, "type": ["function"]}]},
    "stream of other type": {"stream": 1},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_mean_something_else_without_it_is_refused(name):
    with pytest.raises(Refusal) as refused:
        read(**REFUSED[name])
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "x" * 1000, "instructions": "be brief"},
        {"input": [{"type": "message", "role": "user", "content": "x"}], "tool_choice": "required"},
        {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}, IMAGE]}]},
        {"input": [{"type": "message", "role": "developer", "content": "x"}], "tools": [TOOL]},
        {"input": [THOUGHT, SAID, CALL, OUTPUT], "tool_choice": {"type": "function", "name": "run"}},
        {"input": [{**THOUGHT, "content": None, "status": None, "summary": []}, CALL, {**OUTPUT, "output": [IMAGE]}]},
        {"input": [REFUSAL]},
    ],
)
def test_what_may_pass_passes_unchanged(fields):
    wanted = read(**{"asked": fields["input"], **{name: fields[name] for name in fields if name != "input"}})
    assert (wanted.request, wanted.dropped) == (fields, ())


def test_what_is_within_is_picked_too():
    said = {**SAID, "content": [{**SAID["content"][0], "annotations": [{"url": "https://x"}], "logprobs": []}]}
    wanted = read([said, {**CALL, "namespace": "n"}], tools=[{**TOOL, "defer_loading": True}])
    assert wanted.request == {"input": [SAID, CALL], "tools": [TOOL]}
    assert wanted.dropped == (
        "input[].content[].annotations[]",
        "input[].content[].logprobs",
        "input[].namespace",
        "tools[].defer_loading",
    )


@given(JSON)
def test_whatever_comes_is_read_or_refused_and_nothing_unnamed_passes(value):
    for asked in (value, [value], user(value), [{"type": "reasoning", "summary": value, "content": value}]):
        try:
            wanted = RESPONSES.read({"input": asked, "tools": value, "tool_choice": value}, Settings())
        except Refusal:
            continue
        assert wanted.request.keys() <= {"input", "tools", "tool_choice"}


def test_model_limit_and_sampling_are_the_leases_and_nothing_is_stored():
    wanted = read(store=True, temperature=2, reasoning={"effort": "xhigh"})
    assert RESPONSES.request(wanted, imposed(temperature=0.5, reasoning_effort="low")) == {
        "model": "real-model",
        "input": "hello",
        "temperature": 0.5,
        "reasoning": {"effort": "low"},
        "max_output_tokens": 4096,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }


def openai_on(raw, seen=None):
    http = client(RESPONSES, raw, [] if seen is None else seen)
    return openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http, max_retries=0)


ASKED = {"model": "gpt-5", "input": "hello", "tools": [TOOL]}


def test_the_sdk_gets_an_answer_and_may_give_it_back():
    seen = []
    answer = openai_on(RAW, seen).responses.create(**ASKED)
    assert (answer.id, answer.created_at, answer.model) == ("resp_0", 0, "lab/model")
    assert (answer.output_text, answer.usage.total_tokens) == ("I run it", 41)
    history = [{"role": "user", "content": "hello"}, *answer.output, OUTPUT]
    openai_on(RAW, seen).responses.create(**{**ASKED, "input": history})
    assert seen[1]["input"][1:] == [*RAW["output"], OUTPUT]


@pytest.mark.parametrize("output", [RAW["output"], [REFUSAL], [{**THOUGHT, "summary": [], "content": []}], []])
def test_the_sdk_puts_a_stream_together(output):
    raw = {**RAW, "output": output}
    with openai_on(raw).responses.stream(**ASKED) as stream:
        events = list(stream)
        streamed = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.to_dict() for item in streamed.output] == [
        item.to_dict() for item in openai_on(raw).responses.parse(**ASKED).output
    ]
    assert streamed.usage.to_dict() == USAGE


def test_a_stream_has_what_the_documentation_says():
    kinds = [event.type for event in openai_on(RAW).responses.create(**ASKED, stream=True)]
    part = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
    thought = [f"reasoning_summary_{name}" for name in ("part.added", "text.delta", "text.done", "part.done")]
    call = ["function_call_arguments.delta", "function_call_arguments.done"]
    items = [name for middle in (thought, part, call) for name in ("output_item.added", *middle, "output_item.done")]
    assert kinds == [f"response.{name}" for name in ("created", "in_progress", *items, "completed")]


def test_the_sdk_understands_a_refusal_and_an_error_within_a_stream():
    with pytest.raises(openai.BadRequestError, match="never the provider's own") as caught:
        openai_on(RAW).responses.create(**{**ASKED, "tools": [{"type": "web_search"}]})
    assert caught.value.code == "not_allowed"
    body = line(RESPONSES.error_event(RESPONSES.error(Refusal(502, "the model failed", code="backbone_failed"))))
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers=headers))
    broken = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport), max_retries=0)
    with pytest.raises(openai.APIError, match="the model failed"):
        list(broken.responses.create(**ASKED, stream=True))


def answer(**more):
    return RESPONSES.answer({**RAW, **more}, index=0, model="lab/model")


def failed(code):
    return {"status": "failed", "output": [], "error": {"code": code, "message": "x"}, "usage": None}


@pytest.mark.parametrize(
    ("raw", "signs"),
    [
        ({}, ()),
        ({"output": [REFUSAL]}, ("refusal",)),
        ({"output": [THOUGHT]}, ("empty_reply",)),
        ({"output": [{**SAID, "content": []}]}, ("empty_reply",)),
        ({"output": [{**CALL, "arguments": '{"a": '}]}, ("malformed_tool_call",)),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ("cut_off",)),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ("refusal",)),
        (failed("invalid_prompt"), ("refusal",)),
        (failed("context_length_exceeded"), ("context_overflow",)),
    ],
)
def test_signs(raw, signs):
    assert RESPONSES.signs(answer(**raw)) == signs


def test_what_it_cost():
    assert RESPONSES.counted(answer()).tokens == Tokens(input=7, cache_read=20, cache_write=3, output=11)
    assert RESPONSES.counted(answer(usage=None)) is None
    more_cached_than_sent = {**USAGE, "input_tokens": 5}
    assert RESPONSES.counted(answer(usage=more_cached_than_sent)) is None


def test_items_without_ids_get_some_that_do_not_differ_between_runs():
    bare = [{name: item[name] for name in item if name != "id"} for item in RAW["output"]]
    assert [item["id"] for item in answer(output=bare)["output"]] == ["rs_0_0", "msg_0_1", "fc_0_2"]


NOT_ANSWERS = [
    None,
    [],
    {"output": "text"},
    {"output": ["x"]},
    {"output": [{"type": ["message"]}]},
    {"output": [{"type": "function_call", "call_id": "c", "name": "x", "arguments": {}}]},
    {"output": [{"type": "message", "content": "x"}]},
    {"output": [{"type": "message", "content": [{"type": "output_text"}]}]},
    {"output": [], "status": "in_progress"},
    {"output": [], "status": ["completed"]},
    {"output": [], "status": "failed"},
]


@pytest.mark.parametrize("raw", NOT_ANSWERS)
def test_what_is_no_answer_is_tried_again(raw):
    with pytest.raises(Transient) as trouble:
        RESPONSES.answer(raw, index=0, model="m")
    assert not trouble.value.rate_limited


def test_a_failure_that_passes_is_tried_again():
    with pytest.raises(Transient) as trouble:
        answer(**failed("rate_limit_exceeded"))
    assert trouble.value.rate_limited


def test_a_server_whose_last_event_lacks_the_items_has_sent_them_before():
    items = [{"type": "response.output_item.done", "output_index": at, "item": [SAID, CALL][at]} for at in (1, 0)]
    last = {"type": "response.completed", "response": {"output": [], "usage": USAGE}}
    assert gathered(RESPONSES, [*items, last])["output"] == [SAID, CALL]


@pytest.mark.parametrize(
    ("events", "rate_limited"),
    [
        ([], False),
        ([{"type": "response.created", "response": RAW}], False),
        (["x"], False),
        ([{"type": "response.completed"}], False),
        ([{"type": "error", "code": "server_error", "message": "x"}], False),
        ([{"type": "error", "code": "rate_limit_exceeded", "message": "x"}], True),
        ([{"type": "error", "error": {"code": "rate_limit_exceeded", "message": "x"}}], True),
    ],
)
def test_a_stream_that_breaks_is_tried_again_and_may_be_billed(events, rate_limited):
    with pytest.raises(Transient) as trouble:
        gathered(RESPONSES, events)
    assert (trouble.value.charged, trouble.value.rate_limited) == (True, rate_limited)


TEXT = st.text(max_size=6)
PARTS = st.one_of(
    st.builds(lambda text: {"type": "output_text", "text": text}, TEXT),
    st.builds(lambda text: {"type": "refusal", "refusal": text}, TEXT),
)
ITEMS = st.one_of(
    st.builds(lambda parts: {"type": "message", "content": parts}, st.lists(PARTS, max_size=3)),
    st.builds(lambda text: {"type": "function_call", "call_id": text, "name": text, "arguments": text}, TEXT),
    st.builds(
        lambda texts, sealed: {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": text} for text in texts],
            "content": [{"type": "reasoning_text", "text": text} for text in texts],
            "encrypted_content": sealed,
        },
        st.lists(TEXT, max_size=2),
        st.none() | TEXT,
    ),
    st.builds(lambda value: {"type": "unheard_of", "value": value}, JSON),
)


@given(st.lists(ITEMS, max_size=4), st.sampled_from(["completed", "incomplete"]), st.none() | st.just(USAGE))
def test_an_answer_comes_out_of_its_own_stream_unchanged(output, status, usage):
    whole = answer(output=output, status=status, usage=usage, incomplete_details={"reason": "max_output_tokens"})
    assert RESPONSES.answer(whole, index=0, model="lab/model") == whole
    assert again(RESPONSES, whole) == whole


@given(JSON, JSON)
def test_whatever_a_backbone_streams_is_an_answer_or_a_passing_failure(one, other):
    gatherer = RESPONSES.gatherer()
    try:
        gatherer.add({"type": "response.output_item.done", "output_index": 0, "item": one})
        gatherer.add({"type": "response.completed", "response": {"output": other, "error": one, "usage": one}})
        answer = RESPONSES.answer(gatherer.answer(), index=0, model="m")
        RESPONSES.signs(answer)
        RESPONSES.counted(answer)
        RESPONSES.events(answer, include_usage=True)
    except Transient:
        return


def test_an_agent_speaks_it_to_a_provider_through_the_gateway(lab, sdk):
    with provider(RESPONSES, RAW) as there:
        gateway = lab.gateway(providers=[providers.provider("local", base_url=there.url)])
        lease = gateway.lease(LeaseSpec(job="responses", role="solver", backbone="local/llama", seed=1))
        agent = sdk(lease)
        whole = agent.responses.create(**ASKED, store=True)
        with agent.responses.stream(**ASKED) as stream:
            streamed = stream.get_final_response()
        with pytest.raises(openai.BadRequestError, match="conversations are not stored"):
            agent.responses.create(**ASKED, previous_response_id="resp_0")
    assert (whole.output_text, streamed.output_text, whole.model) == ("I run it", "I run it", "local/llama")
    assert [body["store"] for body in there.asked] == [False, False]
    assert [body["model"] for body in there.asked] == ["llama", "llama"]
    usage = lease.close()
    assert usage.tokens == Tokens(input=14, cache_read=40, cache_write=6, output=22)
    assert (usage.dropped_fields, usage.refused) == (("store",), 1)
