"""Whose fault is it: what the gateway tries again, what it hands to the agent, and what it tells the host."""

import asyncio
import json
import re
from datetime import UTC, datetime
from time import monotonic, time

import openai
import pytest

from hgm import trajectories
from hgm.errors import GatewayError
from hgm.gateway import calls
from hgm.gateway.blame import retry_after
from hgm.gateway.client import LeaseSpec, Settings
from hgm.gateway.dialects.chat import ChatCompletions
from hgm.gateway.dialects.known import CHAT
from hgm.gateway.failures import Transient
from hgm.gateway.live import LiveLease, Settled
from hgm.gateway.pace import RISE_AFTER, Pace
from hgm.gateway.patience import pause
from hgm.gateway.prices import Tokens
from hgm.gateway.waits import Waits

from .conftest import FAST

USER = [{"role": "user", "content": "hello"}]
OK = {"text": "fine"}


def settled(lab, lease):
    lease.close()
    return [record for record in lab.records(lease.job) if record["event"] == "call settled"]


@pytest.mark.parametrize(
    "failure",
    [
        {"status": 500},
        {"status": 503},
        {"status": 529},
        {"status": 429},
        {"status": 408},
        {"hang": True},
        {"malformed": "{"},
        {"malformed": "[]"},
        {"malformed": '{"choices": []}'},
        {"malformed": '{"choices": [{"message": "text"}]}'},
        {"malformed": "[" * 100_000},
        {"malformed": '{"choices": [{"message": {"content": "x"}, "logprobs": NaN}]}'},
        {"malformed": '{"choices": [{"message": {"content": "x"}, "logprobs": 1e999}]}'},
        {"malformed": '{"choices": [{"message": {"content": "x", "deep": ' + "[" * 600 + "]" * 600 + "}}]}"},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_passes_is_tried_again_and_the_agent_sees_only_the_answer(lab, take, sdk, failure, stream):
    lab.script("once", [failure, OK])
    lease = restarted(lab, take)
    if stream:
        chunks = list(sdk(lease).chat.completions.create(model="m", messages=USER, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "fine"
    else:
        assert sdk(lease).chat.completions.create(model="m", messages=USER).choices[0].message.content == "fine"
    usage = lease.usage()
    assert (usage.calls, usage.backbone_failed) == (1, False)
    assert usage.waited_s >= FAST.backoff_s
    assert settled(lab, lease)[0]["attempts"] == 2


def restarted(lab, take):
    """A lease on a fresh process for the script `once`: its name is used up with the process that read it."""
    name = f"once-{len(list((lab.folder / 'scripts').iterdir()))}"
    (lab.folder / "scripts" / "once.json").rename(lab.folder / "scripts" / f"{name}.json")
    return take(backbone=f"scripted/{name}")


@pytest.mark.parametrize("failure", [{"status": 500}, {"hang": True}, {"malformed": "x"}])
@pytest.mark.parametrize("stream", [False, True])
def test_when_patience_ends_the_agent_gets_a_502_and_the_host_the_reason(lab, take, sdk, failure, stream):
    lab.script("once", [{**failure, "repeat": True}])
    lease = restarted(lab, take)
    with pytest.raises(openai.InternalServerError) as caught:
        sdk(lease).chat.completions.create(model="m", messages=USER, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (502, "backbone_failed")
    usage = lease.usage()
    assert usage.calls == 1, "the SDK must not try again what the gateway has given up on"
    assert usage.backbone_failed
    assert "3 attempts failed" in usage.trouble
    assert settled(lab, lease)[0]["attempts"] == 3


@pytest.mark.parametrize(("status", "hosts_fault"), [(401, True), (402, True), (403, False), (404, True)])
def test_a_refused_key_or_model_is_never_tried_again_and_not_quoted(lab, take, sdk, status, hosts_fault):
    body = {"error": {"message": "Incorrect API key provided: sk-abc", "type": "x", "code": "y"}}
    lab.script("once", [{"status": status, "body": body}, OK])
    lease = restarted(lab, take)
    with pytest.raises(openai.InternalServerError) as caught:
        sdk(lease).chat.completions.create(model="m", messages=USER)
    assert "sk-abc" not in str(caught.value)
    usage = lease.usage()
    assert (usage.backbone_failed, usage.hosts_fault) == (True, hosts_fault)
    assert "sk-abc" in usage.trouble
    assert settled(lab, lease)[0]["attempts"] == 1


def test_a_spent_quota_is_not_waited_for(lab, take, sdk):
    lab.script("once", [{"status": 429, "body": {"error": {"code": "insufficient_quota"}}}, OK])
    lease = restarted(lab, take)
    with pytest.raises(openai.InternalServerError):
        sdk(lease).chat.completions.create(model="m", messages=USER)
    assert (lease.usage().waited_s, lease.usage().hosts_fault) == (0, True)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_providers_4xx_goes_to_the_agent(lab, take, post, status):
    lab.script("once", [{"status": status, "body": {"error": {"message": "no", "code": "c"}}}])
    lease = restarted(lab, take)
    answer = post(lease, {"messages": USER})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "c")
    assert not lease.usage().backbone_failed


def test_an_agents_words_cannot_pass_for_a_spent_quota(lab, take, post):
    lab.script("once", [{"status": 400, "body": {"error": {"message": "bad name: insufficient_quota", "code": "c"}}}])
    lease = restarted(lab, take)
    assert post(lease, {"messages": USER}).status_code == 400
    assert not lease.usage().backbone_failed


def test_a_script_that_has_run_out_says_so(lab, take, post):
    lab.script("once", [OK])
    lease = restarted(lab, take)
    assert post(lease, {"messages": USER}).status_code == 200
    assert post(lease, {"messages": USER}).json()["error"]["code"] == "script_exhausted"


def test_a_stream_that_breaks_off_is_tried_again_and_no_agent_sees_half_an_answer(lab, take, sdk):
    lab.script("once", [{"text": "one two three four", "break_after": 3}, OK])
    lease = restarted(lab, take)
    chunks = list(sdk(lease).chat.completions.create(model="m", messages=USER, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "fine"
    assert not lease.usage().backbone_failed
    assert [(record["attempts"], record["lost"]) for record in settled(lab, lease)] == [(2, 1)]


ODD = [
    "[]",
    '"x"',
    '{"choices": ["x"]}',
    '{"choices": [{"delta": "x"}]}',
    '{"choices": [{"delta": {"tool_calls": "x"}}]}',
    '{"choices": [{"delta": {"tool_calls": ["x"]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"index": null}, {"index": 1}]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"function": "x"}]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"function": {"arguments": {}}}]}}]}',
]
"""Chunks of a stream that are none."""


@pytest.mark.parametrize("chunk", ODD)
def test_a_first_chunk_that_is_none_is_tried_again(lab, take, sdk, chunk):
    lab.script("once", [{"malformed": f"data: {chunk}\n\ndata: [DONE]\n\n"}, OK])
    lease = restarted(lab, take)
    chunks = list(sdk(lease).chat.completions.create(model="m", messages=USER, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "fine"
    assert [record["attempts"] for record in settled(lab, lease)] == [2]


@pytest.mark.parametrize("chunk", ODD)
def test_a_later_chunk_that_is_none_is_tried_again_too(lab, take, sdk, chunk):
    good = '{"choices": [{"index": 0, "delta": {"content": "one"}}]}'
    lab.script("once", [{"malformed": f"data: {good}\n\ndata: {chunk}\n\ndata: [DONE]\n\n"}, OK])
    lease = restarted(lab, take)
    chunks = list(sdk(lease).chat.completions.create(model="m", messages=USER, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "fine"
    assert [record["attempts"] for record in settled(lab, lease)] == [2]


@pytest.mark.parametrize("odd", ['"x"', '["x"]', '[{"function": "x"}]'])
def test_a_whole_answer_with_odd_tool_calls_is_tried_again(lab, take, sdk, odd):
    answer = f'{{"choices": [{{"message": {{"content": "no", "tool_calls": {odd}}}}}]}}'
    lab.script("once", [{"malformed": answer}, OK])
    lease = restarted(lab, take)
    assert sdk(lease).chat.completions.create(model="m", messages=USER).choices[0].message.content == "fine"
    assert [record["attempts"] for record in settled(lab, lease)] == [2]


class Defective:
    """An upstream that breaks its promise: it fails in a way of its own."""

    dialects = frozenset({CHAT.name})

    def __init__(self, answer=None):
        self.pace = Pace("defective")
        self._answer = answer

    async def answer(self, call):
        if self._answer is None:
            raise AttributeError("no such thing")
        return self._answer


@pytest.fixture
def begun(tmp_path):
    """A lease in this process and its first call, of 1 byte and at most 100 tokens of answer."""

    def begun(dialect=CHAT):
        spec = LeaseSpec(job="j", role="solver", backbone="a/b", seed=1, max_output_tokens=100)
        lease = LiveLease.open(spec, "token", path=tmp_path / "t", redact=str, settings=FAST)
        return lease, lease.begin(CHAT.read({"messages": USER}, FAST), dialect, size=1)

    return begun


class Careless(ChatCompletions):
    """A dialect that stumbles over an answer once it has it."""

    def signs(self, answer):
        raise AttributeError("no such thing")


@pytest.mark.parametrize("answer", [None, {"choices": [{"message": {"content": "x"}}]}], ids=["asking", "reading"])
def test_a_defect_ends_the_call_too_and_is_charged_at_the_reservation(tmp_path, begun, answer):
    async def ask():
        lease, call = begun(Careless())
        return (await calls.settle(lease, Defective(answer), call)).status, await lease.close()

    status, usage = asyncio.run(ask())
    assert (status, usage.backbone_failed) == (502, True)
    assert "AttributeError: no such thing" in usage.trouble
    assert (usage.tokens, usage.unsettled_calls) == (Tokens(input=1, output=100), 1)
    records = list(trajectories.read(tmp_path / "t"))
    assert [record["event"] for record in records] == ["lease opened", "call started", "call settled", "lease closed"]
    assert records[2]["lost"] == 1


def test_a_call_whose_end_cannot_be_recorded_counts_at_its_reservation(begun):
    async def end():
        lease, call = begun()
        with pytest.raises(GatewayError, match="cannot record a call"):
            lease.settle(call, Settled(status=200, response={"never JSON": {1, 2}}, usage={"input_tokens": 1}))
        return await lease.close()

    usage = asyncio.run(end())
    assert (usage.tokens, usage.unsettled_calls) == (Tokens(input=1, output=100), 1)


@pytest.mark.parametrize("figures", [{"prompt_tokens": 10**400}, {"cost": 10**400}, {"prompt_tokens": 10**9 + 1}])
def test_figures_that_no_call_has_are_none(lab, take, post, figures):
    usage = {"prompt_tokens": 3000, "completion_tokens": 1000, **figures}
    answer = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}
    lab.script("once", [{"malformed": json.dumps(answer)}])
    lease = restarted(lab, take)
    assert post(lease, {"messages": USER}).status_code == 200
    used = lease.close()
    if "cost" in figures:
        assert (used.tokens.total, used.unpriced_calls) == (4000, 1)
    else:
        assert (used.output_tokens, used.unsettled_calls) == (4096, 1)


def test_a_wait_shows_while_it_lasts_and_says_why(lab, post, pool):
    gateway = lab.gateway(Settings(backoff_s=0.5, max_backoff_s=0.5, attempts=4))
    backbone = lab.script("slow", [{"status": 500}] * 3 + [OK])
    lease = gateway.lease(LeaseSpec(job="w", role="solver", backbone=backbone, seed=1))
    answer = pool.submit(post, lease, {"messages": USER})
    seen = set()
    while not answer.done():
        seen.add(lease.usage())
    assert len({usage.waited_s for usage in seen if 0 < usage.waited_s < 0.7}) > 5
    assert {usage.waiting for usage in seen if usage.waiting} == {"scripted: HTTP 500, trying again in 0 s"}
    usage = lease.usage()
    assert (usage.waiting, usage.waited_s >= 0.75) == ("", True)


def test_back_off_doubles_is_spread_and_has_a_cap():
    settings = Settings(backoff_s=1, max_backoff_s=8)
    assert [pause(failed, 0, settings, jitter=1) for failed in (1, 2, 3, 4, 5, 9, 5000)] == [1, 2, 4, 8, 8, 8, 8]
    assert pause(3, 0, settings, jitter=0) == 2


def test_retry_after_is_heard_but_our_clock_rules():
    settings = Settings(backoff_s=1, max_backoff_s=8, max_retry_after_s=600)
    assert pause(1, 89, settings, jitter=0) == 89
    assert 89 < pause(1, 89, settings, jitter=0.5) < 98
    assert pause(1, 86_400, settings, jitter=0.9) == 600


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        *(({"retry-after": odd}, 0) for odd in ("nan", "inf", "-1", "x", "", "Thu, 99 Foo 2026", "1e999")),
        *(({"retry-after": f"Thu, 01 Jan {odd}"}, 0) for odd in ("99999999999 00:00:00 GMT", "0001 00:00:00 +2359")),
        ({}, 0),
    ],
)
def test_every_spelling_of_retry_after_is_read(headers, seconds):
    assert retry_after(headers, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("asked", [3600, "Wed, 21 Oct 2099 07:28:00 GMT", "nan", "-1", "x"])
def test_no_retry_after_freezes_the_gateway(lab, take, post, asked):
    lab.script("once", [{"status": 429, "retry_after": asked}, OK])
    lease = restarted(lab, take)
    start = monotonic()
    assert post(lease, {"messages": USER}).status_code == 200
    assert monotonic() - start < 2


def test_rate_limits_are_waited_out_by_time_not_by_attempts(lab, take, post):
    lab.script("once", [*[{"status": 429}] * 20, OK])
    lease = restarted(lab, take)
    assert post(lease, {"messages": USER}).status_code == 200
    assert settled(lab, lease)[0]["attempts"] == 21 > FAST.attempts


@pytest.mark.parametrize(("failure", "rate_limited"), [({"status": 429}, True), ({"status": 500}, False)])
def test_what_a_call_waits_for_is_in_its_records_and_that_it_goes_on(lab, take, post, failure, rate_limited):
    lab.script("once", [failure, OK])
    lease = restarted(lab, take)
    assert post(lease, {"messages": USER}).status_code == 200
    lease.close()
    records = lab.records(lease.job)
    assert [record["event"] for record in records[2:5]] == ["waits", "waits", "call settled"]
    began, ended = records[2:4]
    assert re.fullmatch(rf"scripted: HTTP {failure['status']}, trying again in \d+ s", began["why"])
    assert began["rate_limited"] is rate_limited
    assert time() - 60 < began["since"] <= time()
    assert (ended["why"], ended["since"]) == ("", None)


def test_but_not_for_ever(lab, post):
    gateway = lab.gateway(Settings(backoff_s=0.01, max_backoff_s=0.02, max_wait_s=0.3))
    backbone = lab.script("always", [{"status": 429, "repeat": True}])
    lease = gateway.lease(LeaseSpec(job="e", role="solver", backbone=backbone, seed=1))
    assert post(lease, {"messages": USER}).status_code == 502
    assert (lease.usage().backbone_failed, lease.usage().hosts_fault) == (True, False)


def test_waits_that_overlap_count_once():
    waits = Waits()
    now = monotonic()
    for start, end in ((10, 20), (15, 30), (16, 18), (40, 41)):
        waits.begin(now - 100 + start).end = now - 100 + end
    assert waits.seconds() == pytest.approx(21)


def test_a_rate_limit_halves_what_runs_at_once_and_answers_bring_it_up_again():
    pace, waited = Pace("p"), []

    async def attempt(go, trouble=None):
        async with pace.place(waited.append):
            await go.wait()
            if trouble:
                raise trouble

    async def burst(number, trouble=None):
        go = asyncio.Event()
        tasks = [asyncio.create_task(attempt(go, trouble)) for _ in range(number)]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def story():
        await burst(16, Transient("HTTP 429", rate_limited=True))
        assert pace.most == 8, "one burst of 429s is one cut"
        await burst(4, Transient("HTTP 500"))
        assert pace.most == 8
        for _ in range(6):
            await burst(8, Transient("HTTP 429", rate_limited=True))
        assert pace.most == 1
        waited.clear()
        await burst(2)
        assert waited == ["p: 1 call at a time after rate limits"]
        await burst(RISE_AFTER)
        assert pace.most == 2

    asyncio.run(story())


def test_whoever_gives_up_waiting_for_a_place_leaves_none_behind():
    async def story():
        pace = Pace("p")
        pace.most = 1
        go, order = asyncio.Event(), []

        async def attempt(name):
            async with pace.place(lambda why: None):
                order.append(name)
                await go.wait()

        first, second, third = (asyncio.create_task(attempt(name)) for name in "abc")
        await asyncio.sleep(0)
        second.cancel()
        go.set()
        await asyncio.gather(first, third)
        await asyncio.gather(second, return_exceptions=True)
        assert order == ["a", "c"]
        async with asyncio.timeout(5), pace.place(lambda why: None):
            pass

    asyncio.run(story())


def test_a_probe_says_whether_the_backbone_works(lab, gateway):
    assert gateway.probe("scripted/ok").ok
    (lab.folder / "scripts" / "broken.json").write_text("not json")
    assert not gateway.probe("scripted/broken").ok
    assert gateway.probe("builtin/rules").ok
