"""Hostile clients on a lease's socket: each test breaks one limit, and the lease goes on working."""

import json
import random
import socket
from contextlib import suppress
from time import monotonic

import pytest

from hgm.gateway.client import LeaseSpec, Settings

from .conftest import FAST

USER = [{"role": "user", "content": "hello"}]
BODY = json.dumps({"messages": USER}).encode()
PAUSES = ("attempt lost", "waits")
PATH = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"


@pytest.fixture
def lease(take):
    return take(backbone="scripted/ok")


@pytest.fixture(autouse=True)
def _the_lease_still_works(lease, post):
    yield
    assert post(lease, {"messages": USER}).status_code == 200


def auth(lease):
    return b"Authorization: Bearer " + lease.token.encode() + b"\r\n"


def connect(lease):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(lease.folder / "sock"))
    return client


def talk(lease, data):
    """Everything that comes back until the gateway hangs up or stays silent with the connection open."""
    with connect(lease) as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: receive(client), b""))


def receive(client):
    try:
        return client.recv(65536)
    except ConnectionResetError:
        return b""


def ask(lease, *headers, body=BODY, length=None):
    """One request that asks for the connection to be closed; the whole answer."""
    head = PATH + auth(lease) + b"Connection: close\r\n" + b"".join(header + b"\r\n" for header in headers)
    size = len(body) if length is None else length
    with connect(lease) as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % size + body)
        return b"".join(iter(lambda: receive(client), b""))


def status(answer):
    return int(answer.split(b" ", 2)[1])


def test_a_wrong_token_another_leases_token_and_none(take, lease, post):
    other = take(job="other")
    for token in ("wrong", other.token, lease.token + "x", lease.token[:-1], lease.token.swapcase()):
        assert post(lease, {"messages": USER}, token=token).status_code == 401
    for line in (b"", b"Authorization: \xff\r\n", b"Authorization: Basic x\r\n", b"X: Bearer y\r\n"):
        with connect(lease) as client:
            client.sendall(PATH + line + b"Content-Length: 2\r\n\r\n{}")
            assert status(receive(client)) == 401
    assert (lease.usage().calls, lease.usage().refused) == (0, 9)
    assert other.usage().refused == 0


def test_the_token_is_checked_before_any_of_the_body_is_read(lease):
    with connect(lease) as client:
        client.sendall(PATH + b"Authorization: Bearer no\r\nContent-Length: 1000000\r\n\r\n")
        start = monotonic()
        answer = client.makefile("rb")
        assert answer_status(answer) == 401
        assert monotonic() - start < FAST.header_timeout_s
        assert answer.read() == b"", "and then it is cut off"


def test_a_refused_request_is_read_to_its_end_so_that_simple_clients_see_why(lease, post):
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 5_000_000}]}).encode()
    with connect(lease) as client:
        for token in (b"no", lease.token.encode()):
            client.sendall(PATH + b"Authorization: Bearer " + token + b"\r\nContent-Length: %d\r\n\r\n" % len(body))
            client.sendall(body)
        answer = client.makefile("rb")
        assert [answer_status(answer), answer_status(answer)] == [401, 200]


def answer_status(stream):
    """The status of the next answer, which is read whole."""
    first = stream.readline()
    headers = dict(line.lower().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
    stream.read(int(headers[b"content-length"]))
    return status(first)


def test_what_is_ignored_has_an_end(lease):
    with connect(lease) as client:
        client.sendall(PATH + b"Authorization: Bearer no\r\nContent-Length: %d\r\n\r\n" % 10**12)
        sent = 0
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
            while sent < 10**9:
                sent += client.send(b"x" * 1_000_000)
    assert sent < 5 * FAST.max_body_bytes


def test_a_body_that_says_it_is_too_large(lease):
    assert status(ask(lease, length=FAST.max_body_bytes + 1, body=b"")) == 413


def test_a_body_that_turns_out_too_large(lab, gateway, take):
    chunk = b"%x\r\n" % 1_000_000 + b" " * 1_000_000 + b"\r\n"
    lease = take(job="big")
    with connect(lease) as client:
        client.sendall(PATH + auth(lease) + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
            for _ in range(100):
                client.sendall(chunk)
    assert lease.usage().refused == 1


def test_a_chunked_body_is_fine(lease):
    head = PATH + auth(lease) + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(lease) as client:
        client.sendall(head + b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n")
        assert status(receive(client)) == 200


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: -4\r\n",
        b"Content-Length: 4, 5\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length\0: 4\r\n",
    ],
)
def test_a_request_whose_length_can_be_read_two_ways_is_refused_and_hides_no_second_one(lease, headers):
    hidden = PATH + auth(lease) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    answer = talk(lease, PATH + auth(lease) + headers + b"\r\n0\r\n\r\n" + hidden)
    assert 400 <= status(answer) < 600
    assert answer.count(b"HTTP/1.1") == 1
    assert lease.usage().calls == 0


def test_pipelined_requests_are_answered_one_by_one_in_order(lease):
    good = PATH + auth(lease) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    bad = PATH + auth(lease) + b"Content-Length: 2\r\n\r\n[]"
    models = b"GET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: close\r\n" + auth(lease) + b"\r\n"
    with connect(lease) as client:
        client.sendall(good + bad + good + models)
        answer = b"".join(iter(lambda: receive(client), b""))
    assert [status(b"HTTP/1.1 " + part) for part in answer.split(b"HTTP/1.1 ")[1:]] == [200, 400, 200, 200]


def test_each_pipelined_request_needs_the_token(lease):
    good = PATH + auth(lease) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    with connect(lease) as client:
        client.sendall(good + good.replace(lease.token.encode(), b"x" * len(lease.token)) + good)
        answer = client.makefile("rb")
        assert [answer_status(answer) for _ in range(3)] == [200, 401, 200]


def test_many_headers(lease):
    assert status(ask(lease, *[b"X-%d: y" % number for number in range(70)])) == 431


def test_large_headers(lease):
    assert status(ask(lease, b"X: " + b"y" * 20_000)) in (400, 431)
    assert status(ask(lease, *[b"X%d: " % number + b"y" * 2_000 for number in range(10)])) in (400, 431)


def test_a_header_without_end(lease):
    with connect(lease) as client, pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
        client.sendall(PATH + b"X: ")
        for _ in range(1_000):
            client.sendall(b"y" * 10_000)


def test_headers_that_trickle_are_cut_off(lease):
    with connect(lease) as client:
        start = monotonic()
        client.sendall(PATH)
        client.settimeout(0.05)
        for _ in range(100):
            try:
                client.sendall(b"X: y\r\n")
                if receive(client) == b"":
                    break
            except TimeoutError:
                continue
            except BrokenPipeError:
                break
    assert FAST.header_timeout_s * 0.9 < monotonic() - start < 3


def test_a_second_request_that_trickles_is_cut_off_too(lease):
    with connect(lease) as client:
        client.sendall(PATH + auth(lease) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY + b"POST /v1")
        answer = b"".join(iter(lambda: receive(client), b""))
    assert status(answer) == 200


def test_an_idle_connection_may_wait_longer_than_a_slow_one(lease):
    with connect(lease) as idle, connect(lease) as slow:
        slow.sendall(b"P")
        assert receive(slow) == b""
        idle.sendall(PATH + auth(lease) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        assert status(receive(idle)) == 200


def test_a_body_that_trickles(lease):
    assert status(ask(lease, body=b'{"me', length=1000)) == 408


def test_more_connections_than_allowed_are_cut_and_the_others_live(lease):
    clients = [connect(lease) for _ in range(FAST.max_connections + 5)]
    for client in clients[FAST.max_connections :]:
        assert receive(client) == b""
    clients[0].sendall(PATH + auth(lease) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert status(receive(clients[0])) == 200
    for client in clients:
        client.close()


def test_a_body_nested_deeply(lease, post):
    answer = post(lease, b'{"messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "too_deep")


def test_calls_are_counted_down(gateway, post):
    lease = gateway.lease(LeaseSpec(job="two", role="solver", backbone="scripted/ok", seed=1, max_calls=2))
    answers = [post(lease, {"messages": USER}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert answers[2].json()["error"]["code"] == "call_limit"
    assert answers[2].headers["x-should-retry"] == "false"
    assert lease.usage().calls == 2


def test_a_lease_without_calls(gateway, post):
    lease = gateway.lease(LeaseSpec(job="none", role="solver", backbone="scripted/ok", seed=1, max_calls=0))
    assert post(lease, {"messages": USER}).status_code == 403


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET /v1/chat/completions", 405),
        (b"POST /v1/responses", 400),
        (b"POST /v1/messages", 400),
        (b"POST /v1/messages/count_tokens", 404),
        (b"GET /v1/files", 404),
        (b"POST /v1/chat/completions/../../leases", 404),
        (b"DELETE /leases/job", 404),
        (b"GET http://api.openai.com/v1/models", 404),
        (b"CONNECT api.openai.com:443", 404),
        (b"GET /v1/models?x=y", 200),
        (b"OPTIONS *", 404),
    ],
)
def test_nothing_else_can_be_reached(lease, line, expected):
    with connect(lease) as client:
        client.sendall(line + b" HTTP/1.1\r\nHost: g\r\n" + auth(lease) + b"\r\n")
        assert status(receive(client)) == expected


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
def test_no_upgrade_happens(lease, upgrade):
    answer = ask(lease, b"Connection: Upgrade", b"Upgrade: " + upgrade, b"Sec-WebSocket-Key: x", b"HTTP2-Settings: x")
    assert status(answer) in (200, 400)


@pytest.mark.parametrize(
    "noise", [b"\0" * 100, b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n" * 50]
)
def test_noise_is_not_answered_with_anything_but_an_error(lease, noise):
    answer = talk(lease, noise)
    assert not answer or status(answer) in (400, 401)
    assert lease.usage().calls == 0


def test_four_calls_run_at_once_and_the_fifth_waits(lab, gateway, post, pool):
    lab.script("hang", [{"hang": True}] * 4)
    lease = gateway.lease(LeaseSpec(job="h", role="solver", backbone="scripted/hang", seed=1))
    answers = [pool.submit(post, lease, {"messages": USER}) for _ in range(5)]
    assert {answer.result().status_code for answer in answers} == {400}
    lease.close()
    events = [record["event"] for record in lab.records("h") if record["event"] not in PAUSES]
    assert events[:6] == ["lease opened", *["call started"] * 4, "call settled"]


def test_the_settings_are_the_controllers(lab, post):
    gateway = lab.gateway(Settings(max_body_bytes=50))
    lease = gateway.lease(LeaseSpec(job="s", role="solver", backbone="scripted/ok", seed=1))
    assert post(lease, {"messages": [{"role": "user", "content": "x" * 100}]}).status_code == 413


def test_a_flood_of_refused_requests_gets_slow_and_other_leases_do_not(lab, post, pool):
    gateway = lab.gateway(Settings(free_refusals=5, refusal_pause_s=0.2))
    noisy, quiet = (gateway.lease(LeaseSpec(job=job, role="solver", backbone="scripted/ok", seed=1)) for job in "nq")
    start = monotonic()
    flood = [pool.submit(post, noisy, b"[]") for _ in range(15)]
    assert post(quiet, {"messages": USER}).status_code == 200
    assert {answer.result().status_code for answer in flood} == {400}
    assert monotonic() - start > 0.2 * 10 / 4
    assert noisy.usage().refused == 15


def test_refused_bytes_get_slow_too(lab, post):
    pause = 0.8  # more than the first answer takes on a busy machine
    gateway = lab.gateway(Settings(free_refused_bytes=1_000_000, refusal_pause_s=pause))
    lease = gateway.lease(LeaseSpec(job="bytes", role="solver", backbone="scripted/ok", seed=1))
    took = []
    for size in (900_000, 3_000_000, 10):
        start = monotonic()
        assert post(lease, b"[" + b" " * size + b"]").status_code == 400
        took.append(monotonic() - start)
    assert took[0] < pause <= took[2]
    assert took[1] > 3 * pause
    assert lease.usage().refused == 3


def test_what_is_recorded_has_a_limit_on_disk(lab, post):
    gateway = lab.gateway(Settings(max_trajectory_bytes=50_000))
    lease = gateway.lease(LeaseSpec(job="disk", role="solver", backbone="scripted/ok", seed=1))
    same = [{"role": "user", "content": "x" * 40_000}]
    assert [post(lease, {"messages": same}).status_code for _ in range(5)] == [200] * 5
    noise = [{"role": "user", "content": random.randbytes(60_000).hex()}]
    answers = [post(lease, {"messages": noise}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["error"]["code"] == "trajectory_limit"


def test_what_is_recorded_has_a_limit_unpacked(lab, post):
    gateway = lab.gateway(Settings(max_trajectory_text_bytes=1_000_000))
    lease = gateway.lease(LeaseSpec(job="text", role="solver", backbone="scripted/ok", seed=1))
    same = [{"role": "user", "content": "x" * 600_000}]
    assert [post(lease, {"messages": same}).status_code for _ in range(3)] == [200, 200, 403]
    assert (lab.trajectories / "text.jsonl.zst").stat().st_size < 10_000
