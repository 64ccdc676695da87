"""The official OpenAI SDK against the gateway: directly and through the relay."""

import json
import os
import subprocess
import sys

import openai
import pytest

from hgm.gateway.client import LeaseSpec
from hgm.gateway.dialects.base import call_seed

USER = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {"name": "run", "description": "Run it", "parameters": {"type": "object", "properties": {}}},
}


def test_chat_gives_the_answer_and_counts_it(take, sdk):
    lease = take(backbone="scripted/ok")
    answer = sdk(lease).chat.completions.create(model="whatever", messages=USER)
    assert answer.choices[0].message.content == "fine"
    assert (answer.id, answer.created, answer.model) == ("chatcmpl-0", 0, "scripted/ok")
    usage = lease.usage()
    assert (usage.calls, usage.input_tokens) == (1, answer.usage.prompt_tokens)
    assert usage.output_tokens == answer.usage.completion_tokens > 0


def test_a_conversation_with_tools_goes_through_unchanged(lab, gateway, sdk):
    backbone = lab.script("tools", [{"tool_calls": [{"name": "run", "arguments": {"a": 1}}]}, {"echo": True}])
    lease = gateway.lease(LeaseSpec(job="j", role="solver", backbone=backbone, seed=3))
    client = sdk(lease)
    first = client.chat.completions.create(model="m", messages=USER, tools=[TOOL], tool_choice="auto", stop=["END"])
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("run", {"a": 1})
    assert first.choices[0].finish_reason == "tool_calls"
    history = [
        *USER,
        first.choices[0].message.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": "42"},
    ]
    second = client.chat.completions.create(model="m", messages=history, tools=[TOOL])
    seen = json.loads(second.choices[0].message.content)
    assert seen["messages"][1]["tool_calls"] == [call.model_dump()]
    assert seen["messages"][2] == history[2]
    assert seen["tools"] == [TOOL]


def test_model_seed_sampling_and_output_limit_are_the_leases(take, sdk):
    lease = take(seed=11, max_output_tokens=99, sampling={"temperature": 0.5})
    client = sdk(lease)
    for index in range(2):
        answer = client.chat.completions.create(
            model="gpt-expensive", messages=USER, temperature=2, seed=1, max_tokens=10**6, top_p=0.1
        )
        seen = json.loads(answer.choices[0].message.content)
        assert seen.keys() == {"model", "messages", "temperature", "max_tokens", "seed"}
        assert (seen["model"], seen["temperature"], seen["max_tokens"]) == ("echo", 0.5, 99)
        assert seen["seed"] == call_seed(11, index)
    assert lease.usage().dropped_fields == ("max_tokens", "seed", "temperature", "top_p")


def test_a_stream_brings_the_whole_answer_and_its_usage(take, lab, sdk):
    lab.script("words", [{"text": "one two three"}])
    lease = take(backbone="scripted/words")
    chunks = list(
        sdk(lease).chat.completions.create(
            model="m", messages=USER, stream=True, stream_options={"include_usage": True}
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(texts) == "one two three"
    assert chunks[-1].usage.completion_tokens == lease.usage().output_tokens > 0
    settled = lab_record(lab, lease)
    assert settled["response"]["choices"][0]["message"] == {"role": "assistant", "content": "one two three"}


def test_streamed_tool_calls_are_recorded_in_one_piece(take, lab, sdk):
    lab.script("call", [{"tool_calls": [{"name": "run", "arguments": {"a": 1}}, {"name": "two", "arguments": {}}]}])
    lease = take(backbone="scripted/call")
    with sdk(lease).chat.completions.stream(model="m", messages=USER, tools=[TOOL]) as stream:
        final = stream.get_final_completion().choices[0].message
    assert [call.function.name for call in final.tool_calls] == ["run", "two"]
    recorded = lab_record(lab, lease)["response"]["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in recorded] == ['{"a": 1}', "{}"]


def test_without_being_asked_a_stream_carries_no_usage_but_the_lease_counts_it(take, sdk):
    lease = take(backbone="scripted/ok")
    chunks = list(sdk(lease).chat.completions.create(model="m", messages=USER, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    assert lease.usage().output_tokens > 0


def test_the_gateway_makes_a_stream_of_a_backbone_that_has_none(gateway, sdk):
    lease = gateway.lease(LeaseSpec(job="b", role="solver", backbone="builtin/rules", seed=3))
    whole = sdk(lease).chat.completions.create(model="m", messages=USER, tools=[TOOL])
    again = gateway.lease(LeaseSpec(job="b2", role="solver", backbone="builtin/rules", seed=3))
    with sdk(again).chat.completions.stream(model="m", messages=USER, tools=[TOOL]) as stream:
        streamed = stream.get_final_completion()
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    assert len(streamed.choices[0].message.tool_calls or ()) == len(whole.choices[0].message.tool_calls or ())
    assert lease.usage().output_tokens == again.usage().output_tokens > 0


def test_models_lists_the_one_that_the_lease_has(take, sdk):
    assert [model.id for model in sdk(take(backbone="scripted/ok")).models.list()] == ["scripted/ok"]


def test_the_providers_own_refusal_reaches_the_agent(take, lab, sdk):
    body = {"error": {"message": "context too long", "type": "invalid_request_error", "code": "context_length"}}
    lab.script("long", [{"status": 400, "body": body}])
    with pytest.raises(openai.BadRequestError, match="context too long") as caught:
        sdk(take(backbone="scripted/long")).chat.completions.create(model="m", messages=USER)
    assert caught.value.code == "context_length"


def test_the_sdk_works_through_the_relay(take):
    lease = take(backbone="scripted/ok")
    program = (
        "import openai;"
        "c = openai.OpenAI();"
        "m = [{'role': 'user', 'content': 'hello ' * 50000}];"
        "print(c.chat.completions.create(model='m', messages=m).choices[0].message.content);"
        "print(''.join(k.choices[0].delta.content or '' for k in c.chat.completions.create("
        "model='m', messages=m, stream=True) if k.choices))"
    )
    ended = subprocess.run(
        [sys.executable, "-I", relay_path(), "--", sys.executable, "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "HGM_SOCKET": str(lease.folder / "sock"),
            "OPENAI_BASE_URL": "http://127.0.0.1:8377/v1",
            "OPENAI_API_KEY": lease.token,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout.split()) == (0, ["fine", "fine"]), ended.stderr
    assert lease.usage().calls == 2


def relay_path() -> str:
    from hgm.gateway import relay

    return relay.__file__


def lab_record(lab, lease):
    lease.close()
    return next(record for record in lab.records(lease.job) if record["event"] == "call settled")
