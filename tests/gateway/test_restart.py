"""Processes that die: the gateway under its controller, the controller over its gateway, the backbone behind both."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from time import monotonic

import httpx2
import pytest

from hgm.gateway.client import LeaseSpec, Settings
from hgm.gateway.dialects.base import call_seed
from hgm.spending import spent, unsettled

from .conftest import client_of

USER = [{"role": "user", "content": "hello"}]
BOX = [
    *("bwrap", "--unshare-all", "--die-with-parent", "--proc", "/proc", "--ro-bind", "/usr", "/usr"),
    *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin"),
]
PATIENT = Settings(attempts=3, backoff_s=0.05)


def killed(gateway):
    """Kill the gateway and return once a new process has taken its place."""
    old = gateway.pid
    os.kill(old, signal.SIGKILL)
    deadline = monotonic() + 20
    while gateway.pid == old:
        assert monotonic() < deadline
    return gateway


def children(pid):
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                found.append(int(entry.parent.name))
    return found


def gone(pid):
    """Whether a process ends soon."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        import select

        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def asked(answer):
    return json.loads(answer.json()["choices"][0]["message"]["content"])


def test_a_lease_survives_the_death_of_the_gateway(lab, post):
    gateway = lab.gateway(PATIENT)
    lease = gateway.lease(LeaseSpec(job="j", role="solver", backbone="scripted/echo", seed=5, max_calls=3))
    for _ in range(2):
        post(lease, {"messages": USER, "store": True})
    before = lease.usage()
    killed(gateway)
    assert lease.usage() == before
    assert asked(post(lease, {"messages": USER}))["seed"] == call_seed(5, 2)
    assert post(lease, {"messages": USER}).status_code == 403
    assert lease.close().calls == 3
    events = [record["event"] for record in lab.records("j")]
    assert events == ["lease opened", *["call started", "call settled"] * 3, "lease closed"]


def test_a_call_cut_off_by_the_death_is_asked_again_with_the_same_seed(lab, post, pool):
    gateway = lab.gateway(PATIENT)
    backbone = lab.script("once", [{"hang": True, "repeat": True}])
    lease = gateway.lease(LeaseSpec(job="cut", role="solver", backbone=backbone, seed=5))
    answer = pool.submit(post, lease, {"messages": USER})
    while lease.usage().calls == 0:
        assert not answer.done()
    lab.script("once", [{"text": "fine"}])
    killed(gateway)
    with pytest.raises(httpx2.TransportError):
        answer.result()
    gateway.probe(backbone)
    assert post(lease, {"messages": USER}).json()["choices"][0]["message"]["content"] == "fine"
    lease.close()
    starts = [record for record in lab.records("cut") if record["event"] == "call started"]
    assert [start["index"] for start in starts] == [0, 0]
    assert starts[0]["request"] == starts[1]["request"]


def test_a_wait_that_a_kill_takes_is_over_in_the_records(lab, post, pool):
    gateway = lab.gateway(PATIENT)
    backbone = lab.script("limited", [{"status": 429, "retry_after": 60, "repeat": True}])
    lease = gateway.lease(LeaseSpec(job="limited", role="solver", backbone=backbone, seed=5))
    answer = pool.submit(post, lease, {"messages": USER})
    while lab.records("limited")[-1]["event"] != "waits":
        assert not answer.done()
    killed(gateway)
    with pytest.raises(httpx2.TransportError):
        answer.result()
    gateway.probe("builtin/rules")
    began, ended = (record["why"] for record in lab.records("limited") if record["event"] == "waits")
    assert "HTTP 429" in began
    assert ended == ""
    lease.close()


def test_every_attempt_that_may_be_billed_is_charged_when_a_kill_takes_the_call(lab, post, pool):
    gateway = lab.gateway(PATIENT)
    backbone = lab.script("lossy", [{"malformed": "{"}, {"malformed": "{"}, {"hang": True}])
    lease = gateway.lease(LeaseSpec(job="lossy", role="solver", backbone=backbone, seed=5, max_output_tokens=100))
    answer = pool.submit(post, lease, {"messages": USER})
    events = []
    while events.count("attempt lost") < 2:
        assert not answer.done()
        events = [record["event"] for record in lab.records("lossy")]
    killed(gateway)
    with pytest.raises(httpx2.TransportError):
        answer.result()
    usage = lease.close()
    assert (usage.output_tokens, usage.unsettled_calls) == (3 * 100, 1)
    assert spent("lossy", lab.trajectories).tokens == usage.tokens
    (lost,) = unsettled("lossy", lab.trajectories)
    assert sum(lost["reserved"].values()) == usage.tokens.total


def test_a_closed_lease_stays_closed_and_a_used_token_dead(lab, post):
    gateway = lab.gateway(PATIENT)
    closed = gateway.lease(LeaseSpec(job="closed", role="solver", backbone="scripted/ok", seed=1))
    live = gateway.lease(LeaseSpec(job="live", role="solver", backbone="scripted/ok", seed=1))
    final = closed.close()
    killed(gateway)
    assert gateway.control.usage("closed") == final
    assert gateway.control.close("closed") == final
    assert post(live, {"messages": USER}).status_code == 200
    assert post(live, {"messages": USER}, token=closed.token).status_code == 401
    assert list((gateway.folder / ".leases").iterdir()) == [gateway.folder / ".leases" / "live"]


@pytest.mark.needs("bubblewrap")
def test_a_mounted_folder_does_not_notice_that_the_gateway_was_killed(lab):
    gateway = lab.gateway(PATIENT)
    lease = gateway.lease(LeaseSpec(job="mount", role="solver", backbone="scripted/ok", seed=1))
    program = textwrap.dedent("""
        import json, socket, sys
        for line in sys.stdin:
            s = socket.socket(socket.AF_UNIX)
            s.connect("/hgm/gateway/sock")
            body = b'{"messages":[{"role":"user","content":"hello"}]}'
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\\r\\nHost: g\\r\\nConnection: close\\r\\n"
                      b"Authorization: Bearer " + line.strip().encode() +
                      b"\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            print(s.makefile("rb").readline().split()[1].decode(), flush=True)
    """)
    box = subprocess.Popen(
        [*BOX, "--ro-bind", str(lease.folder), "/hgm/gateway", "/usr/bin/python3", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask():
        box.stdin.write(lease.token + "\n")
        box.stdin.flush()
        return box.stdout.readline().strip()

    with box:
        assert ask() == "200"
        killed(gateway)
        lease.usage()
        assert ask() == "200"
        lease.close()
        assert ask() == "409"


def test_the_gateway_and_its_backbones_die_with_the_controller(lab):
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from hgm.gateway.client import Gateway, LeaseSpec
        folder = Path({str(lab.folder)!r})
        with Gateway(folder / "orphan", folder / "t", scripts=folder / "scripts") as gateway:
            gateway.lease(LeaseSpec(job="orphan", role="solver", backbone="scripted/ok", seed=1))
            print(gateway.pid, flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as controller:
        pid = int(controller.stdout.readline())
        backbones = children(pid)
        assert len(backbones) == 1
        controller.kill()
        assert gone(pid)
        assert gone(backbones[0])
    assert not (lab.folder / "orphan").exists()
    assert lab.records("orphan")[-1]["event"] == "lease closed"


def test_a_fork_that_keeps_the_pipe_open_does_not_keep_the_gateway_alive(lab):
    program = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        from hgm.gateway.client import Gateway
        folder = Path({str(lab.folder)!r})
        with Gateway(folder / "forked", folder / "t") as gateway:
            if os.fork() == 0:
                signal.pause()
            print(gateway.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as controller:
        assert gone(int(controller.stdout.readline()))
        os.killpg(controller.pid, signal.SIGKILL)


def test_the_backbones_die_with_a_killed_gateway_and_start_again(lab, post):
    gateway = lab.gateway(PATIENT)
    lease = gateway.lease(LeaseSpec(job="b", role="solver", backbone="scripted/ok", seed=1))
    (backbone,) = children(gateway.pid)
    killed(gateway)
    assert gone(backbone)
    assert post(lease, {"messages": USER}).status_code == 200


def test_a_killed_backbone_is_started_again_and_the_agent_does_not_notice(lab, post):
    gateway = lab.gateway(PATIENT)
    lease = gateway.lease(LeaseSpec(job="bb", role="solver", backbone="scripted/ok", seed=1))
    for _ in range(2):
        assert post(lease, {"messages": USER}).status_code == 200
        (backbone,) = children(gateway.pid)
        os.kill(backbone, signal.SIGKILL)
        assert gone(backbone)
    assert post(lease, {"messages": USER}).status_code == 200
    assert not lease.close().backbone_failed


def test_ctrl_c_does_not_reach_the_gateway(lab, gateway):
    assert os.getsid(gateway.pid) != os.getsid(0)
    os.kill(gateway.pid, signal.SIGINT)
    assert gateway.probe("scripted/ok")


def test_open_connections_are_cut_and_can_be_made_anew(lab, post):
    gateway = lab.gateway(PATIENT)
    lease = gateway.lease(LeaseSpec(job="c", role="solver", backbone="scripted/ok", seed=1))
    headers = {"authorization": f"Bearer {lease.token}"}
    with client_of(lease) as client:
        assert client.post("/v1/chat/completions", json={"messages": USER}, headers=headers).status_code == 200
        killed(gateway)
        lease.usage()
        assert client.post("/v1/chat/completions", json={"messages": USER}, headers=headers).status_code == 200
