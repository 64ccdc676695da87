"""Leases: limits in time, one per job, cheap to take and to give back, and what their trajectories say."""

import hashlib
import json
import random
import resource
import socket
import stat

import openai
import pytest

from hgm import trajectories
from hgm.backbones.ask import complete
from hgm.errors import BackboneError, ConfigError, GatewayError, ReplyError
from hgm.gateway.client import Gateway, LeaseSpec
from hgm.gateway.dialects.base import call_seed

from .conftest import client_of

USER = [{"role": "user", "content": "hello"}]


def events(lab, lease):
    return [record["event"] for record in lab.records(lease.job)]


def test_a_trajectory_tells_the_whole_lease(lab, take, post):
    lease = take(seed=5, max_calls=9)
    post(lease, {"messages": USER, "store": True})
    used = lease.close()
    opened, started, settled, closed = lab.records(lease.job)
    assert (opened["event"], opened["seed"], opened["max_calls"]) == ("lease opened", 5, 9)
    assert started["request"]["messages"] == USER
    assert started["request"]["seed"] == call_seed(5, 0)
    assert started["dropped"] == ["store"]
    assert started["reserved"]["output_tokens"] == 4096
    assert settled["usage"]["input_tokens"] == used.input_tokens <= started["reserved"]["input_tokens"]
    assert settled["response"]["choices"][0]["message"]["role"] == "assistant"
    assert (settled["index"], settled["status"]) == (0, 200)
    assert settled["ms"] > 0
    assert closed["usage"]["calls"] == used.calls == 1


def test_the_host_adds_its_own_record_after_the_lease(lab, take):
    lease = take()
    path = lab.trajectories / f"{lease.job}.jsonl.zst"
    with pytest.raises(GatewayError, match="being written"):
        trajectories.append(path, {"event": "host"})
    lease.close()
    trajectories.append(path, {"event": "host", "outcome": "passed"})
    assert events(lab, lease) == ["lease opened", "lease closed", "host"]


def test_the_call_started_line_is_there_while_the_call_runs(lab, gateway, post, pool):
    backbone = lab.script("hang-line", [{"hang": True, "repeat": True}])
    lease = gateway.lease(LeaseSpec(job="line", role="solver", backbone=backbone, seed=1))
    answer = pool.submit(post, lease, {"messages": USER})
    while lease.usage().calls == 0:
        assert not answer.done()
    assert lab.records("line")[-1]["event"] == "call started"
    lease.close()
    assert answer.result().status_code == 409


@pytest.mark.parametrize("stream", [False, True])
def test_closing_cancels_a_running_call_with_409(lab, gateway, sdk, pool, stream):
    backbone = lab.script(f"hang-{stream}", [{"hang": True, "repeat": True}])
    lease = gateway.lease(LeaseSpec(job=f"hang-{stream}", role="solver", backbone=backbone, seed=1))
    client = sdk(lease)
    answer = pool.submit(client.chat.completions.create, model="m", messages=USER, stream=stream)
    while lease.usage().calls == 0:
        assert not answer.done()
    lease.close()
    with pytest.raises(openai.ConflictError):
        answer.result()
    assert [record.get("status") for record in lab.records(lease.job)] == [None, None, 409, None]


def test_after_closing_every_call_gets_409_on_old_and_new_connections(take):
    lease = take(backbone="scripted/ok")
    headers = {"authorization": f"Bearer {lease.token}"}
    with client_of(lease) as old, client_of(lease) as new:
        assert old.post("/v1/chat/completions", json={"messages": USER}, headers=headers).status_code == 200
        final = lease.close()
        for client in (old, new, old):
            answer = client.post("/v1/chat/completions", json={"messages": USER}, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "lease_closed")
        assert new.get("/v1/models", headers=headers).status_code == 409
    assert lease.usage() == final == lease.close()


def test_an_agent_that_hangs_up_ends_its_call(lab, gateway):
    backbone = lab.script("hang-up", [{"hang": True, "repeat": True}])
    lease = gateway.lease(LeaseSpec(job="hang-up", role="solver", backbone=backbone, seed=1))
    body = json.dumps({"messages": USER}).encode()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(lease.folder / "sock"))
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
            % (lease.token.encode(), len(body), body)
        )
        while lease.usage().calls == 0:
            pass
    while lab.records("hang-up")[-1]["event"] != "call settled":
        pass
    assert lab.records("hang-up")[-1]["status"] == 499
    assert not lease.close().backbone_failed


def test_one_live_lease_per_job_and_a_new_one_after_it(lab, take, post):
    lease = take(job="twice", backbone="scripted/ok", seed=1)
    with pytest.raises(GatewayError, match="live lease already"):
        take(job="twice")
    post(lease, {"messages": USER})
    lease.close()
    again = take(job="twice", backbone="scripted/ok", seed=1)
    assert again.token != lease.token
    assert again.usage().calls == 0
    assert post(again, {"messages": USER}).json()["id"] == "chatcmpl-0"
    assert post(again, {"messages": USER}, token=lease.token).status_code == 401


def test_permissions_are_as_a_sandbox_needs_them_and_no_wider(gateway, take):
    lease = take()

    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    assert (mode(lease.folder), mode(lease.folder / "sock")) == (0o711, 0o666)
    assert [entry.name for entry in lease.folder.iterdir()] == ["sock"]
    assert (mode(gateway.folder), mode(gateway.control.socket)) == (0o700, 0o600)
    assert (mode(gateway.folder / ".leases"), mode(gateway.folder / ".leases" / lease.job)) == (0o700, 0o600)
    assert len(bytes(lease.folder / "sock")) < 90


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "openrouter/x"}, "unknown provider 'openrouter'; there are anthropic, builtin, local, openai"),
        ({"backbone": "openrouter/x"}, "-o providers.openrouter.base_url="),
        ({"backbone": "openai/"}, "unknown provider"),
        ({"backbone": "builtin/gpt"}, "builtin/rules"),
        ({"backbone": "scripted/none"}, "no script of that name"),
        ({"backbone": "scripted/../../etc/passwd"}, "no script of that name"),
        ({"backbone": "rules"}, "provider/model"),
        ({"job": "../../etc"}, "job name"),
        ({"job": ".leases"}, "job name"),
        ({"job": "x" * 49}, "job name"),
        ({"job": ""}, "job name"),
        ({"role": "root"}, "role 'root'"),
        ({"sampling": {"tools": 1}}, "sampling option 'tools'"),
        ({"max_calls": -1}, "max_calls"),
    ],
)
def test_a_specification_that_makes_no_sense_is_the_users_error(gateway, changes, message):
    with pytest.raises(ConfigError) as caught:
        gateway.lease(LeaseSpec(**{"job": "j", "role": "solver", "backbone": "scripted/ok", "seed": 1, **changes}))
    assert message in str(caught.value)


def test_a_path_too_long_for_a_socket_is_said(lab):
    with Gateway(lab.folder / ("x" * 60), lab.trajectories, scripts=lab.folder / "scripts") as gateway:
        assert gateway.lease(LeaseSpec(job="j", role="solver", backbone="scripted/ok", seed=1))
        with pytest.raises(ConfigError, match="under 90"):
            gateway.lease(LeaseSpec(job="j" * 40, role="solver", backbone="scripted/ok", seed=1))


def test_a_backbone_that_does_not_start_is_said_when_the_lease_is_taken(lab, gateway):
    (lab.folder / "scripts" / "garbage.json").write_text("not json")
    with pytest.raises(BackboneError, match="before it listened"):
        gateway.lease(LeaseSpec(job="g", role="solver", backbone="scripted/garbage", seed=1))


def test_a_gateway_that_cannot_start_says_why(lab):
    (lab.folder / "file").write_text("")
    with pytest.raises(GatewayError, match="file"), Gateway(lab.folder / "file" / "g", lab.trajectories):
        pass


def test_host_roles_call_through_a_lease(take):
    lease = take(backbone="scripted/ok", role="diagnosis")
    assert complete(lease, "scripted/ok", USER) == "fine"
    lease.close()
    with pytest.raises(BackboneError, match="409"):
        complete(lease, "scripted/ok", USER)


@pytest.mark.parametrize("backbone", ["scripted/odd", "anthropic/odd"])
def test_a_host_role_gets_words_or_an_error_that_says_what_came_instead(lab, backbone):
    """Under either name, the SDK of that provider is used."""
    gateway = lab.gateway()
    call = {"tool_calls": [{"name": "x", "arguments": {}}]}
    steps = [
        call,
        {"text": "I", "finish": "length"},
        {"text": "No.", "finish": "refusal"},
        {"status": 400, "body": {"type": "error", "error": {"message": "prompt is too long", "type": "x"}}},
        {"status": 400, "body": {"error": {"message": "flagged", "code": "invalid_prompt"}}},
        {"status": 422},
        {"status": 401},
        {"text": "y"},
    ]
    lab.script("odd", steps)
    lease = gateway.lease(LeaseSpec(job=backbone.replace("/", "-"), role="judge", backbone="scripted/odd", seed=1))
    for said in ("without text", "cut off", "refused", "longer than the model's context", "flagged", "HTTP 422"):
        with pytest.raises(ReplyError, match=said):
            complete(lease, backbone, USER)
    with pytest.raises(BackboneError, match="502"):
        complete(lease, backbone, USER)
    assert complete(lease, backbone, [{"role": "system", "content": "be brief"}, *USER]) == "y"


def test_sixteen_leases_at_once_each_get_their_own(lab, gateway, pool):
    def work(number):
        lease = gateway.lease(LeaseSpec(job=f"p{number}", role="solver", backbone="scripted/echo", seed=number))
        with client_of(lease) as client:
            headers = {"authorization": f"Bearer {lease.token}"}
            for index in range(10):
                body = {"messages": [{"role": "user", "content": f"{number}/{index}"}]}
                answer = client.post("/v1/chat/completions", json=body, headers=headers).json()
                seen = json.loads(answer["choices"][0]["message"]["content"])
                assert seen["messages"] == body["messages"]
                assert seen["seed"] == call_seed(number, index)
        return lease.close().calls

    assert list(pool.map(work, range(16))) == [10] * 16
    for number in range(16):
        asked = [r["request"]["messages"][0]["content"] for r in lab.records(f"p{number}") if "request" in r]
        assert asked == [f"{number}/{index}" for index in range(10)]


def test_a_full_disk_is_the_hosts_trouble_and_not_the_agents(lab, post):
    gateway = lab.gateway()
    lease = gateway.lease(LeaseSpec(job="full", role="solver", backbone="scripted/ok", seed=1))
    assert post(lease, {"messages": USER}).status_code == 200
    path = lab.trajectories / "full.jsonl.zst"
    limits = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    for _ in range(2):
        answer = post(lease, {"messages": [{"role": "user", "content": str(random.getrandbits(5_000))}]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backbone_failed")
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, limits)
    assert lease.usage().backbone_failed
    assert "trajectory" in lease.usage().trouble
    with pytest.raises(GatewayError, match="could not be written"):
        lease.close()
    assert [record["event"] for record in lab.records("full")] == ["lease opened", "call started", "call settled"]
    again = gateway.lease(LeaseSpec(job="full", role="solver", backbone="scripted/ok", seed=1))
    assert post(again, {"messages": USER}).status_code == 200
    assert again.close().calls == 1
    assert len(lab.records("full")) == 7


def test_seeds_are_documented_and_stable():
    digest = hashlib.sha256(b"1:2").digest()
    assert call_seed(1, 2) == int.from_bytes(digest[:4], "big") // 2
    assert [call_seed(1, index) for index in range(3)] == [1395928989, 1801111726, 865957720]


def test_leases_are_gone_from_disk_when_the_gateway_is(lab):
    gateway = lab.gateway()
    folder = gateway.lease(LeaseSpec(job="j", role="solver", backbone="scripted/ok", seed=1)).folder
    assert folder.is_dir()
    gateway.__exit__()
    assert not gateway.folder.exists()
    assert lab.records("j")[-1]["event"] == "lease closed"
    gateway.__enter__()
