"""Keys: in the gateway's environment and nowhere else."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from hgm.gateway.client import Gateway, LeaseSpec

from .test_restart import children

USER = [{"role": "user", "content": "hello"}]
KEY = 'sk-test-0123456789/abcdef"quoted'
SECRETS = {"OPENAI_API_KEY": KEY, "SOME_TOKEN": "tok-0123456789", "AWS_SECRET": "aws-0123456789"}


@pytest.fixture
def guarded(lab, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return lab.gateway()


def of_process(pid):
    seen = b""
    for name in ("environ", "cmdline"):
        with suppress(OSError):
            seen += Path(f"/proc/{pid}/{name}").read_bytes()
    return seen.decode(errors="replace")


def test_only_the_gateways_environment_holds_keys(lab, guarded):
    guarded.lease(LeaseSpec(job="j", role="solver", backbone="scripted/ok", seed=1))
    guarded.lease(LeaseSpec(job="k", role="solver", backbone="builtin/rules", seed=1))
    backbones = children(guarded.pid)
    assert len(backbones) == 2
    assert all(value in of_process(guarded.pid) for value in SECRETS.values())
    everyone = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != guarded.pid]
    assert {*backbones, os.getpid()} <= {*everyone}
    for pid in everyone:
        assert not any(value in of_process(pid) for value in SECRETS.values()), pid


def test_what_the_controller_starts_inherits_no_key_and_gets_it_back_afterwards(lab, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Gateway(lab.folder / "own", lab.trajectories):
        assert "OPENAI_API_KEY" not in os.environ
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_a_restarted_gateway_has_its_keys(guarded):
    from .test_restart import killed

    assert KEY in of_process(killed(guarded).pid)


def test_no_key_and_no_token_is_written_anywhere(lab, guarded, post):
    lease = guarded.lease(LeaseSpec(job="leak", role="solver", backbone="scripted/echo", seed=1))
    words = f"my token is {lease.token}, the key is {KEY}, another {SECRETS['SOME_TOKEN']}"
    assert post(lease, {"messages": [{"role": "user", "content": words}], lease.token: 1}).status_code == 200
    lease.close()
    text = str(lab.records("leak"))
    assert "my token is [redacted], the key is [redacted], another [redacted]" in text
    for secret in (*SECRETS.values(), lease.token, "sk-test-0123456789"):
        assert secret not in text
    for path in [*guarded.folder.rglob("*"), *lab.trajectories.rglob("*")]:
        if path.is_file():
            assert not any(value.encode() in path.read_bytes() for value in SECRETS.values()), path


def test_the_token_does_not_reach_the_model_so_that_equal_runs_ask_equal_questions(take, post):
    def seen(lease):
        body = {"messages": [{"role": "user", "content": f"HGM_TOKEN={lease.token}"}]}
        return json.loads(post(lease, body).json()["choices"][0]["message"]["content"])

    assert seen(take()) == seen(take())
    assert seen(take())["messages"][0]["content"] == "HGM_TOKEN=[redacted]"


def test_no_spelling_of_the_token_reaches_the_model(take, post):
    lease = take()
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in lease.token)
    token = lease.token
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": f"a {token} b"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {token: [token]}}}],
    }
    answer = post(lease, json.dumps(body).replace(token, spelled).encode())
    assert answer.status_code == 200
    seen = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert token not in json.dumps(seen)
    assert seen["messages"][0]["content"][0]["text"] == "a [redacted] b"
    assert seen["tools"][0]["function"]["parameters"] == {"[redacted]": ["[redacted]"]}


def test_the_token_is_on_disk_only_while_the_lease_lives(guarded):
    lease = guarded.lease(LeaseSpec(job="disk", role="solver", backbone="scripted/ok", seed=1))

    def holders():
        return [path.name for path in guarded.folder.rglob("*") if path.is_file() and lease.token in path.read_text()]

    assert holders() == ["disk"]
    lease.close()
    assert holders() == []
    assert lease.token not in repr(lease)
