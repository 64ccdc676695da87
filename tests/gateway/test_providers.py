"""Providers over the network, as far as this machine is one: a scripted server in their place, told by its address."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import anthropic
import httpx2
import openai
import pytest

from hgm.backbones import scripted
from hgm.config import RoleSampling
from hgm.errors import ConfigError
from hgm.gateway.blame import IMPOSED, Answered, failure
from hgm.gateway.client import Gateway, Lease, LeaseSpec, Settings
from hgm.gateway.dialects.known import CHAT, MESSAGES, RESPONSES
from hgm.gateway.failures import Broken, Rejected, Transient
from hgm.gateway.http_upstream import Server
from hgm.gateway.providers import provider
from hgm.gateway.records import SAMPLING

from .conftest import FAST, client_of

USER = [{"role": "user", "content": "hello"}]
OK = {"text": "fine"}
ECHO = {"echo": True, "repeat": True}
PROBED = {"probe": True, "text": "OK", "usage": {"input": 3, "output": 1}}
KEY = "sk-of-this-test-alone"
SETTINGS = replace(FAST, probe_timeout_s=1.0)
CUT = {"cut": True, "text": "half an answer"}
BEARER = {"authorization": f"Bearer {KEY}"}


class Served:
    """A scripted server on a port."""

    def __init__(self, url: str) -> None:
        self.url = url

    def tally(self) -> dict[str, int]:
        return httpx2.get(f"{self.url}/tally", trust_env=False).json()


@pytest.fixture
def serve(lab) -> Iterator[Callable[..., Served]]:
    with ExitStack() as stack:

        def serve(*steps, paths=()) -> Served:
            file = lab.folder / "scripts" / "served.json"
            file.write_text(json.dumps(steps))
            command = [sys.executable, "-I", "-S", scripted.__file__, "--script", str(file), "--port", "0"]
            command += ["--paths", *paths] if paths else []
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={}))
            stack.callback(process.kill)
            assert process.stdout is not None
            return Served(f"http://127.0.0.1:{process.stdout.readline().split()[1]}")

        yield serve


@pytest.fixture
def asking(lab, monkeypatch):
    """A gateway with a provider at an address, the key in the environment when it starts."""

    @contextmanager
    def asking(
        name: str,
        url: str,
        *,
        key: str = KEY,
        key_name: str | None = None,
        seed: bool = True,
        settings: Settings = SETTINGS,
    ) -> Iterator[Gateway]:
        told = provider(name, base_url=url, key=key_name, seed=seed)
        monkeypatch.delenv(told.key, raising=False)
        if key:
            monkeypatch.setenv(told.key, key)
        folder = lab.folder / f"p{len(list(lab.folder.iterdir()))}"
        with Gateway(folder, lab.trajectories, settings=settings, providers=[told]) as gateway:
            yield gateway

    return asking


def take(gateway: Gateway, backbone: str, **more) -> Lease:
    job = f"j-{os.urandom(4).hex()}"
    return gateway.lease(LeaseSpec(job=job, **{"role": "solver", "backbone": backbone, "seed": 7, **more}))


def told(answer) -> dict:
    return json.loads(answer.choices[0].message.content)


@contextmanager
def claude(lease: Lease) -> Iterator[anthropic.Anthropic]:
    with client_of(lease) as client:
        yield anthropic.Anthropic(base_url="http://gateway", api_key=lease.token, http_client=client)


def test_openai_is_asked_in_the_words_that_all_its_models_take(serve, asking, sdk):
    server = serve({**ECHO, "check": BEARER})
    with asking("openai", server.url) as gateway:
        lease = take(gateway, "openai/gpt-x", max_output_tokens=99, sampling={"temperature": 0.5})
        client = sdk(lease)
        seen = told(client.chat.completions.create(model="m", messages=USER))
        assert seen == {"model": "gpt-x", "messages": USER, "temperature": 0.5, "max_completion_tokens": 99}
        chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
        streamed = json.loads("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
        assert streamed == {**seen, "stream": True, "stream_options": {"include_usage": True}}
        answer = client.responses.create(model="m", input="hello")
        assert json.loads(answer.output_text)["store"] is False
        assert lease.usage().calls == 3


def test_anthropic_is_asked_in_its_own_dialect_whatever_the_agent_speaks(serve, asking, sdk):
    check = {"x-api-key": KEY, "anthropic-version": "2023-06-01", "authorization": None}
    server = serve({**ECHO, "check": check})
    with asking("anthropic", server.url) as gateway:
        lease = take(gateway, "anthropic/claude-x", max_output_tokens=99)
        with claude(lease) as client:
            answer = client.messages.create(model="m", max_tokens=1, messages=USER)
            with client.messages.stream(model="m", max_tokens=1, messages=USER) as stream:
                streamed = stream.get_final_text()
        seen = json.loads(answer.content[0].text)
        assert (seen["model"], seen["max_tokens"], seen["messages"]) == ("claude-x", 99, USER)
        assert json.loads(streamed) == {**seen, "stream": True}
        translated = told(sdk(lease).chat.completions.create(model="m", messages=USER))
        assert (translated["model"], translated["max_tokens"]) == ("claude-x", 99)
        assert "seed" not in translated


def test_any_other_server_gets_a_seed_and_a_key_only_where_there_is_one(serve, asking, sdk):
    server = serve({**ECHO, "check": {"authorization": None}})
    with asking("local", f"{server.url}/v1/", key="") as gateway:
        seen = told(sdk(take(gateway, "local/org/model-7b")).chat.completions.create(model="m", messages=USER))
    assert (seen["model"], seen["max_tokens"], "seed" in seen) == ("org/model-7b", 4096, True)
    with asking("cloud", server.url, seed=False, key="") as gateway:
        assert "seed" not in told(sdk(take(gateway, "cloud/m")).chat.completions.create(model="m", messages=USER))


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://host:1", "http://host:1/v1"),
        ("http://host:1/v1/", "http://host:1/v1"),
        ("https://host/api/v1", "https://host/api/v1"),
        ("https://host/api/paas/v4", "https://host/api/paas/v4"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai"),
        ("https://host/some/proxy", "https://host/some/proxy/v1"),
    ],
)
def test_an_address_with_a_version_in_it_gets_no_other(base_url, root):
    assert provider("local", base_url=base_url).root == root


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_counted_is_what_the_provider_told_in_each_dialect(serve, asking, sdk, stream):
    usage = {"input": 11, "cache_read": 7, "cache_write": 0, "output": 5}
    server = serve({"text": "one two\u2028three\x85", "repeat": True, "usage": usage})
    with asking("local", server.url) as gateway:
        lease = take(gateway, "local/m")
        client = sdk(lease)
        chat = client.chat.completions.create(model="m", messages=USER, stream=stream)
        responses = client.responses.create(model="m", input="hello", stream=stream)
        if stream:
            said = "".join(chunk.choices[0].delta.content or "" for chunk in chat)
            ended = [event for event in responses if event.type == "response.completed"]
            assert (said, ended[0].response.output_text) == ("one two\u2028three\x85",) * 2
        with claude(lease) as other:
            answer = other.messages.create(model="m", max_tokens=1, messages=USER, stream=stream)
            assert not stream or [*answer][-1].type == "message_stop"
        used, tally = lease.close(), server.tally()
    assert tally == {"answers": 3, "input": 33, "cache_read": 21, "cache_write": 0, "output": 15}
    counted = (used.input_tokens, used.cache_read_tokens, used.cache_write_tokens, used.output_tokens)
    assert counted == (33, 21, 0, 15)


def test_a_missing_key_is_said_at_once_by_its_name(lab, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with (
        Gateway(lab.folder / "no-key", lab.trajectories) as gateway,
        pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"),
    ):
        gateway.probe("openai/gpt-x")


def test_a_key_that_redaction_would_miss_is_refused(asking):
    with (
        asking("local", "http://127.0.0.1:9", key="sk-1234") as gateway,
        pytest.raises(ConfigError, match="LOCAL_API_KEY holds a key of fewer than 8") as refused,
    ):
        gateway.probe("local/m")
    assert "sk-1234" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("[::1]", True), ("localhost", True), ("127.example.com", False)],
)
def test_a_name_that_looks_like_this_machine_is_elsewhere(host, here):
    assert provider("local", base_url=f"http://{host}:8000").is_here is here


def test_a_key_by_any_name_is_withheld_and_never_shown(lab, serve, asking, post):
    error = {"status": 400, "body": {"error": {"message": f"bad words, and is {KEY} a key?"}}}
    server = serve({**error, "check": BEARER})
    with asking("mine", server.url, key_name="MY_CREDIT") as gateway:
        assert "MY_CREDIT" not in os.environ
        lease = take(gateway, "mine/m")
        answer = post(lease, {"messages": USER})
        lease.close()
    assert "bad words" in answer.text
    assert KEY not in answer.text
    assert KEY not in json.dumps(lab.records(lease.job))
    unset = asking("mine", server.url, key_name="MY_CREDIT", key="")
    with unset as gateway, pytest.raises(ConfigError, match="MY_CREDIT is not set"):
        gateway.probe("mine/m")


def test_a_redirect_is_not_followed_lest_the_key_travels(serve, asking, post):
    elsewhere = serve(OK)
    server = serve({"status": 307, "headers": {"Location": f"{elsewhere.url}/v1/chat/completions"}, "repeat": True})
    with asking("openai", server.url) as gateway:
        lease = take(gateway, "openai/gpt-x")
        assert post(lease, {"messages": USER}).status_code == 502
        assert "redirects are not followed" in lease.usage().trouble
        assert lease.usage().hosts_fault
    assert elsewhere.tally()["answers"] == 0


def test_a_server_that_lacks_a_dialect_says_so_to_the_agent_and_is_nobodys_fault(serve, asking, sdk):
    server = serve(PROBED, OK, paths=["/v1/chat/completions"])
    with asking("local", server.url) as gateway:
        lease = take(gateway, "local/m")
        for _ in range(2):
            with pytest.raises(openai.NotFoundError, match="use /v1/chat/completions"):
                sdk(lease).responses.create(model="m", input="hello")
        assert not lease.usage().backbone_failed
        assert lease.usage().tokens.total == 4, "the call that brought it about pays for finding out, once"
        assert sdk(lease).chat.completions.create(model="m", messages=USER).choices[0].message.content == "fine"
        probed = gateway.probe("local/m")
        assert probed.dialects == {CHAT.name}
        assert probed.tokens.total == 0


def test_an_unknown_model_is_the_hosts_fault_and_names_what_to_check(serve, asking, post):
    body = {"error": {"message": "The model `gpt-x` does not exist", "code": "model_not_found"}}
    server = serve({"status": 404, "body": body, "repeat": True})
    with asking("openai", server.url) as gateway:
        lease = take(gateway, "openai/gpt-x")
        assert post(lease, {"messages": USER}).status_code == 502
        usage = lease.usage()
    assert usage.hosts_fault
    for part in (f"openai/gpt-x at {server.url}/v1", "OPENAI_API_KEY, set", "does not exist", "model's name"):
        assert part in usage.trouble


def test_an_agent_cannot_bring_a_404_on_the_host(serve, asking, post):
    """E.g. by naming a reasoning item that the provider never made."""
    server = serve(PROBED, {"status": 404, "body": {"error": {"message": "Item 'rs_1' not found"}}, "repeat": True})
    with asking("openai", server.url) as gateway:
        lease = take(gateway, "openai/gpt-x")
        answer = post(lease, {"messages": USER})
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Item 'rs_1' not found")
        usage = lease.usage()
        assert (usage.backbone_failed, usage.tokens.total > 0, usage.unpriced_calls) == (False, True, 1)


@pytest.mark.parametrize("step", [{"malformed": json.dumps({"choices": [{"message": {"content": "OK"}}]})}, CUT])
def test_a_probe_that_does_not_tell_its_cost_counts_at_its_worst(serve, asking, step):
    server = serve({**step, "repeat": True})
    with asking("local", server.url) as gateway:
        probed = gateway.probe("local/m")
    assert probed.tokens.output > 0
    assert probed.tokens.input > 50
    assert probed.usd is None, "and is unpriced where no table has it"


@pytest.mark.parametrize(
    ("steps", "parts"),
    [
        (
            [{"status": 401, "body": {"error": {"message": "Incorrect key"}}}],
            ["HTTP 401: Incorrect key", "check the key"],
        ),
        ([{"status": 403}], ["HTTP 403", "may use this model"]),
        ([{"status": 429}], ["HTTP 429", "limit"]),
        ([{"status": 500}], ["HTTP 500"]),
        ([{"malformed": "<html>hello</html>"}], ["is not JSON", "address of an API"]),
        ([{"malformed": "{}"}], ["chat completion"]),
        ([{"hang": True}], ["ReadTimeout"]),
    ],
)
def test_a_probe_that_fails_says_on_one_line_where_and_what_to_do(serve, asking, steps, parts):
    server = serve({**steps[0], "repeat": True})
    with asking("openai", server.url) as gateway:
        probed = gateway.probe("openai/gpt-x")
    assert not probed.ok
    for part in (f"openai/gpt-x at {server.url}/v1 (key: OPENAI_API_KEY, set)", *parts):
        assert part in probed.trouble
    assert "\n" not in probed.trouble


def test_a_server_that_is_not_there_is_named(asking):
    with asking("local", "http://127.0.0.1:9/v1", key="") as gateway:
        trouble = gateway.probe("local/m").trouble
    assert "local/m at http://127.0.0.1:9/v1 (key: LOCAL_API_KEY, not set)" in trouble
    assert "is it running" in trouble


@pytest.mark.parametrize(
    ("message", "ok"),
    [
        ("Could not finish the message because max_tokens or model output limit was reached.", True),
        ("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 32", True),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", False),
        ("no such thing", False),
    ],
)
def test_an_answer_that_would_be_too_short_proves_key_and_model(serve, asking, message, ok):
    server = serve({"status": 400, "body": {"error": {"message": message}}, "repeat": True})
    with asking("openai", server.url) as gateway:
        assert gateway.probe("openai/gpt-x").ok is ok


def test_many_who_ask_at_once_send_one_probe(serve, asking, pool):
    server = serve(PROBED)
    with asking("anthropic", server.url) as gateway:
        probes = list(pool.map(lambda _: gateway.probe("anthropic/c"), range(32)))
    assert all(probe.ok for probe in probes)
    assert server.tally()["answers"] == 1
    assert sum(probe.tokens.total for probe in probes) == 4


def test_a_probe_is_sampled_as_the_role_is_so_that_a_refused_setting_shows_at_once(serve, asking):
    body = {"error": {"message": "does not support 0.5", "param": "temperature"}}
    server = serve({"status": 400, "body": body, "repeat": True})
    with asking("openai", server.url) as gateway:
        assert "sampling.ROLE.temperature" in gateway.probe("openai/gpt-x", {"temperature": 0.5}).trouble
        assert "sampling.ROLE" not in gateway.probe("openai/gpt-x").trouble, "nobody imposed it"


def test_all_that_can_be_imposed_is_known_to_be_the_leases():
    assert {*IMPOSED.values()} >= SAMPLING
    assert {*RoleSampling.model_fields} == {*SAMPLING, "max_output_tokens"}, "all of it can be configured"


def chat_failure(status, message, request=None, **error):
    text = json.dumps({"error": {"message": message, **error}})
    return failure(Answered(status=status, headers={}, text=text), CHAT, request or {"max_tokens": 8192})


@pytest.mark.parametrize(
    ("message", "error", "setting"),
    [
        ("Unsupported value: 'temperature' does not support 0.5", {"param": "temperature"}, "temperature"),
        ("Unsupported parameter", {"param": "reasoning.effort"}, "reasoning_effort"),
        ("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens", {}, "max_output_tokens"),
        ("`temperature` and `top_p` cannot both be specified for this model.", {}, "temperature"),
        ("max_tokens is too large: 8192. This model's maximum context length is 4096 tokens", {}, "max_output_tokens"),
        ("'max_tokens' is too large: 9. This model's maximum context length is 8192 tokens", {}, "max_output_tokens"),
        ("'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 4096",
         {}, "max_output_tokens"),
        ("`max_tokens` must be greater than `thinking.budget_tokens`.", {}, "max_output_tokens"),
        ("Extra inputs are not permitted", {"param": "seed"}, "providers.NAME.seed=false"),
    ],
)  # fmt: skip
def test_what_the_lease_imposes_is_the_hosts_to_mend(message, error, setting):
    imposed = {"temperature": 0.5, "top_p": 0.9, "reasoning": {"effort": "low"}, "seed": 1, "max_tokens": 8192}
    found = chat_failure(400, message, imposed, **error)
    assert isinstance(found, Broken)
    assert found.hosts_fault
    assert setting in str(found)


@pytest.mark.parametrize(
    ("message", "error", "signs"),
    [
        ("Invalid value: 'tool'", {"param": "messages[2].role"}, ()),
        ("messages.1.content.0.thinking.signature: invalid", {}, ()),
        ("temperature", {}, ()),
        ("temperature: not asked for", {"param": "temperature"}, ()),
        ("No tool output found for function call maximum context length is 1.", {}, ("context_overflow",)),
        ("This model's maximum context length is 128000 tokens. 130000 were given", {}, ("context_overflow",)),
        ("max_tokens is too large: 8192. This model's maximum context length is 16384 tokens and your request has "
         "9000 input tokens", {}, ("context_overflow",)),
        ("input length and `max_tokens` exceed context limit: 199999 + 8192 > 200000", {}, ("context_overflow",)),
        ("x", {"code": "context_length_exceeded"}, ("context_overflow",)),
    ],
)  # fmt: skip
def test_what_the_agent_asked_is_told_to_the_agent(message, error, signs):
    found = chat_failure(400, message, **error)
    assert isinstance(found, Rejected)
    assert (found.status, found.signs) == (400, signs)


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (429, "You exceeded your current quota", {"code": "insufficient_quota"}),
        (429, "You exceeded your current quota", {"type": "insufficient_quota"}),
        (400, "Your credit balance is too low to access the Anthropic API.", {"type": "invalid_request_error"}),
        (402, "Insufficient credits", {}),
    ],
)
def test_an_empty_account_is_the_hosts_fault(status, message, error):
    found = chat_failure(status, message, **error)
    assert isinstance(found, Broken)
    assert found.hosts_fault


def test_a_refusal_that_is_no_json_is_said_in_the_agents_dialect():
    found = failure(Answered(status=413, headers={}, text="too\nlarge"), MESSAGES, {"max_tokens": 1})
    assert isinstance(found, Rejected)
    assert (found.body["type"], found.body["error"]["message"]) == ("error", "too\nlarge")


def test_a_proxy_is_used_for_the_network_and_not_for_this_machine(serve, asking, sdk, monkeypatch):
    proxy = serve(OK)  # it knows no path that begins with http://, which is how proxies are asked
    server = serve(OK)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with asking("local", server.url) as gateway:
        assert sdk(take(gateway, "local/m")).chat.completions.create(model="m", messages=USER)
    with asking("cloud", "http://cloud.invalid/v1") as gateway:
        assert "HTTP 404: no such path" in gateway.probe("cloud/m").trouble


@pytest.mark.parametrize("key", ["two\nlines-of-a-key", "bell\x07bell-bell"])
def test_a_key_that_no_header_takes_is_the_users_error(asking, key):
    with asking("openai", "http://127.0.0.1:9", key=key) as gateway:
        with pytest.raises(ConfigError, match="no key holds") as caught:
            gateway.probe("openai/m")
        assert key not in str(caught.value)


def test_a_key_beyond_ascii_goes_out_as_it_is(serve, asking, sdk):
    server = serve({**OK, "check": {"authorization": "Bearer schlüssel-zum-glück".encode().decode("latin-1")}})
    with asking("openai", server.url, key=" schlüssel-zum-glück\n") as gateway:
        assert sdk(take(gateway, "openai/m")).chat.completions.create(model="m", messages=USER)


@pytest.mark.parametrize(("sent", "charged"), [(b"", False), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", True)])
def test_only_what_may_have_been_worked_on_is_counted_as_lost(sent, charged):
    """A kept connection that its server has closed meanwhile is found out only when it is used."""

    async def close(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        writer.close()

    async def ask():
        async with await asyncio.start_server(close, "127.0.0.1", 0) as listening:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
            server = Server.at(url, {}, SETTINGS, proxies=False)
            try:
                await server.ask(CHAT, {"model": "m", "messages": USER}, stream=False)
            finally:
                await server.close()

    with pytest.raises(Transient) as caught:
        asyncio.run(ask())
    assert caught.value.charged is charged


def test_a_bad_day_is_survived_and_nothing_paid_is_lost(lab, serve, asking, sdk):
    """A 401 is never tried again; what passes is, and what may be billed counts at its worst."""
    server = serve(
        {"status": 401},
        {"status": 429, "retry_after": 0.2},
        {"status": 500},
        {"hang": True},
        {"cut": True, "text": "half an answer"},
        {"malformed": "<html>"},
        {"text": "fine", "usage": {"input": 5, "output": 2}},
        {"tool_calls": [{"name": "run", "arguments": '{"a": '}]},
        {"tokens": 200_000, "finish": "length"},
    )
    with asking("openai", server.url, settings=replace(SETTINGS, attempts=5, max_retry_after_s=1)) as gateway:
        lease = take(gateway, "openai/m", max_output_tokens=64)
        client = sdk(lease)
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="m", messages=USER)
        assert (lease.usage().hosts_fault, lease.usage().output_tokens) == (True, 0)
        assert client.chat.completions.create(model="m", messages=USER).choices[0].message.content == "fine"
        usage = lease.usage()
        assert (usage.output_tokens, usage.unsettled_calls, usage.waited_s > 0.2) == (2 + 3 * 64, 1, True)
        message = client.chat.completions.create(model="m", messages=USER).choices[0].message
        assert message.tool_calls[0].function.arguments == '{"a": '
        long = client.chat.completions.create(model="m", messages=USER)
        assert len(long.choices[0].message.content) == 5 * 200_000 - 1
        used = lease.close()
    assert used.signs == ("cut_off", "malformed_tool_call")
    settled = [record for record in lab.records(lease.job) if record["event"] == "call settled"]
    assert [(record["attempts"], record["lost"]) for record in settled] == [(1, 0), (6, 3), (1, 0), (1, 0)]


STREAMS = {
    CHAT: [
        {"choices": [{"index": 0, "delta": {"content": "fine"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
    ],
    MESSAGES: [
        {"type": "message_start", "message": {"usage": {"input_tokens": 10}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "fine"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
    RESPONSES: [
        {
            "type": "response.completed",
            "response": {"output": [], "usage": {"input_tokens": 10, "output_tokens": 2}},
        }
    ],
}


@pytest.mark.parametrize("dialect", STREAMS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("end", ["cut", "open", "unmarked"])
def test_a_stream_that_was_whole_is_not_bought_again_however_its_connection_ends(dialect, end):
    """No last chunk of length 0 comes; `unmarked`: neither does the event or mark that says that it is over."""
    over = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        lines = [f"data: {json.dumps(data)}\n\n".encode() for data in STREAMS[dialect]]
        lines += [b"data: [DONE]\n\n"] if dialect is CHAT else []
        if end == "unmarked" and dialect is not RESPONSES:
            lines.pop()
        for line in lines:
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        if end == "open":
            await over.wait()
        writer.close()

    async def ask():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
            server = Server.at(url, {}, replace(SETTINGS, attempt_timeout_s=5), proxies=False)
            try:
                return await server.ask(dialect, {"model": "m", "messages": USER}, stream=True)
            finally:
                over.set()
                await server.close()

    counted = dialect.counted(dialect.answer(asyncio.run(ask()), index=0, model="m"))
    assert counted is not None
    assert (counted.tokens.input, counted.tokens.output) == (10, 2)


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ({"malformed": '{"choices": [{"message": {"content": "half: \\ud83d"}, "finish_reason": "stop"}]}'}, 200),
        ({"status": 400, "body": '{"error": {"message": "half: \\ud83d"}}'}, 400),
        ({"status": 400, "body": '{"error": {"message": "half: \\ud83d", "n": NaN}}'}, 400),
        ({"status": 400, "body": '{"error": {"message": "half: \\ud83d", "n": ' + "[" * 600 + "]" * 600 + "}}"}, 400),
    ],
)
def test_whatever_a_provider_writes_its_answer_reaches_the_agent(serve, asking, post, step, status):
    server = serve(step)
    with asking("local", server.url) as gateway:
        answer = post(take(gateway, "local/m"), {"messages": USER})
    assert answer.status_code == status
    assert "half: " in json.dumps(answer.json())
    assert answer.headers.get("x-should-retry") == (None if status == 200 else "false")
