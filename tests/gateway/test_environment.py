"""An environment behind a lease's socket: what passes, what is refused, who counts, and whose trouble it is."""

import json
import socket
import threading
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from hgm.errors import ConfigError
from hgm.gateway.client import LeaseSpec, Settings
from hgm.gateway.records import EnvironmentSpec, spec_from_json

from .conftest import FAST, client_of
from .test_restart import killed

CLICK = {"action": {"name": "click", "bid": "e4"}}
PIXEL = "data:image/png;base64," + "A" * 400


class Page:
    """A host's end of the socket: answers each document by `answer`, and remembers it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[dict] = []
        self.together = 0
        self.most_together = 0
        self.answer = self.observed
        self.changing = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def observed(self, asked: dict) -> dict:
        picture = PIXEL if asked["screenshot"] else None
        return {"observation": {"text": f"page {len(self.seen)}", "error": "", "done": False, "screenshot": picture}}

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.exchange, args=(client,), daemon=True).start()

    def exchange(self, client: socket.socket) -> None:
        with client, client.makefile("rwb") as stream:
            asked = json.loads(stream.readline())
            with self.changing:
                self.seen.append(asked)
                self.together += 1
                self.most_together = max(self.most_together, self.together)
            answer = self.answer(asked)
            with self.changing:
                self.together -= 1
            if answer is not None:
                with suppress(OSError):
                    stream.write((answer if isinstance(answer, bytes) else json.dumps(answer).encode()) + b"\n")
                    stream.flush()


@pytest.fixture
def page(lab, request):
    path = lab.folder / f"p{abs(hash(request.node.name)) % 10**9}"
    page = Page(path)
    yield page
    page.listener.close()
    path.unlink(missing_ok=True)


@pytest.fixture
def acts(take, page):
    """A lease with that page as its environment."""
    return take(environment=EnvironmentSpec(socket=str(page.path), steps=3))


def send(lease, route, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {lease.token}", **headers}
    with client_of(lease) as client:
        return client.post(route, content=content, headers=headers)


def observe(lease, body=None):
    return send(lease, "/env/observe", body or {})


def step(lease, body=CLICK):
    return send(lease, "/env/step", body)


def code(response):
    return response.status_code, response.json()["error"]["code"]


def test_what_is_asked_passes_and_what_is_seen_comes_back(lab, acts, page):
    assert observe(acts).json() == {"text": "page 1", "error": "", "done": False, "screenshot": None}
    assert step(acts, {**CLICK, "screenshot": True}).json()["screenshot"] == PIXEL
    assert page.seen == [{"what": "observe", "screenshot": False}, {"what": "step", "screenshot": True, **CLICK}]
    used = acts.close()
    assert (used.steps, used.refused, used.environment_failed) == (1, 0, "")
    opened, *records, closed = lab.records(acts.job)
    assert opened["environment"] == {"steps": 3}
    assert [record["event"] for record in records] == [*["env asked", "env answered"] * 2, "env screenshot"]
    assert records[0] == {"event": "env asked", "index": 0, "what": "observe", "screenshot": False}
    assert records[2] == {"event": "env asked", "index": 1, "what": "step", "screenshot": True, **CLICK}
    assert records[1]["observation"]["text"] == "page 1"
    assert "screenshot" not in records[3]["observation"]
    assert (records[3]["screenshot"], records[4]["url"]) == ("kept", PIXEL)
    assert closed["usage"]["steps"] == 1


def test_a_lease_without_an_environment_says_so(take, page):
    lease = take()
    for answer in (observe(lease), step(lease)):
        assert code(answer) == (404, "no_environment")
        assert "gui" in answer.json()["error"]["message"]
    assert not page.seen


@pytest.mark.parametrize(
    ("route", "body", "found"),
    [
        ("/env/observe", {"screenshot": "yes"}, (400, "invalid_type")),
        ("/env/observe", {"action": {}}, (400, "unknown_field")),
        ("/env/observe", {"what": "step"}, (400, "unknown_field")),
        ("/env/observe", [], (400, "invalid_json")),
        ("/env/observe", b"{", (400, "invalid_json")),
        ("/env/step", {}, (400, "missing_field")),
        ("/env/step", {**CLICK, "seed": 1}, (400, "unknown_field")),
        ("/env/step", {**CLICK, "screenshot": 1}, (400, "invalid_type")),
        ("/env/step", b'{"action": ' + b"[" * 50 + b"]" * 50 + b"}", (400, "too_deep")),
        ("/env/step", b'{"action": [' + b"0," * 300_000 + b"0]}", (400, "too_many_values")),
        ("/env/step", {"action": {"name": "fill", "bid": "e1", "value": "x" * 200_000}}, (413, "action_too_large")),
        ("/env/step", b" " * 8_000_001, (413, "body_too_large")),
        ("/env/reset", {}, (404, "no_route")),
        ("/env/verdict", {}, (404, "no_route")),
        ("/env", {}, (404, "no_route")),
    ],
)
def test_nothing_else_reaches_the_page(acts, page, route, body, found):
    assert code(send(acts, route, body)) == found
    assert not page.seen
    assert acts.usage().steps == 0
    assert acts.usage().refused == 1


def test_a_get_and_a_wrong_token(acts, page, take):
    with client_of(acts) as client:
        assert client.get("/env/observe", headers={"authorization": f"Bearer {acts.token}"}).status_code == 405
    other = take()
    for token in ("wrong", other.token, acts.token + "x"):
        assert send(acts, "/env/step", CLICK, authorization=f"Bearer {token}").status_code == 401
    assert not page.seen


@pytest.mark.parametrize("action", [None, 5, "click", [], {}, {"name": "goto", "url": "file:///etc/passwd"}])
def test_what_is_no_action_is_the_pages_to_refuse(acts, page, action):
    """It takes its step, and the page says why it did nothing."""
    assert step(acts, {"action": action}).status_code == 200
    assert page.seen[0]["action"] == action
    assert acts.usage().steps == 1


def test_steps_beyond_the_limit_are_refused_and_observing_goes_on(acts, page):
    assert [step(acts).status_code for _ in range(3)] == [200] * 3
    assert code(step(acts)) == (403, "step_limit")
    assert observe(acts).status_code == 200
    assert [asked["what"] for asked in page.seen] == ["step"] * 3 + ["observe"]
    assert acts.usage().steps == 3


def test_the_count_of_steps_survives_the_gateway(lab, page):
    gateway = lab.gateway()
    spec = LeaseSpec(
        job="acts-on",
        role="solver",
        backbone="scripted/ok",
        seed=1,
        environment=EnvironmentSpec(socket=str(page.path), steps=2),
    )
    lease = gateway.lease(spec)
    assert step(lease).status_code == 200
    killed(gateway)
    assert lease.usage().steps == 1
    assert step(lease).status_code == 200
    assert code(step(lease)) == (403, "step_limit")
    indices = [record["index"] for record in lab.records("acts-on") if record["event"] == "env asked"]
    assert indices == [0, 1]


def test_a_step_counts_before_it_is_taken(lab, page):
    """A gateway that dies in the middle of one has spent it."""
    gateway = lab.gateway()
    hold = threading.Event()
    page.answer = lambda asked: hold.wait(20) and None
    spec = LeaseSpec(
        job="half-acted",
        role="solver",
        backbone="scripted/ok",
        seed=1,
        environment=EnvironmentSpec(socket=str(page.path), steps=1),
    )
    lease = gateway.lease(spec)
    killer = threading.Thread(target=lambda: (wait_for(lambda: page.seen), killed(gateway)))
    killer.start()
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        step(lease)
    killer.join()
    hold.set()
    wait_for(lambda: lease.usage().steps == 1)
    assert code(step(lease)) == (403, "step_limit")


def wait_for(said):
    over = threading.Event()
    for _ in range(1000):
        if said():
            return
        over.wait(0.01)
    raise AssertionError("never")


def test_two_at_once_are_one_after_the_other(acts, page, pool):
    over = threading.Event()
    page.answer = lambda asked: (over.wait(0.05), page.observed(asked))[1]
    answers = list(pool.map(lambda _: observe(acts).status_code, range(4)))
    assert answers == [200] * 4
    assert (page.most_together, len(page.seen)) == (1, 4)


def test_models_and_the_environment_share_a_lease(acts, post):
    assert post(acts, {"messages": [{"role": "user", "content": "hello"}]}).status_code == 200
    assert step(acts).status_code == 200
    used = acts.close()
    assert (used.calls, used.steps) == (1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"not json",
        b"[]",
        {"observation": "x"},
        {"trouble": "the browser is gone"},
        b'{"observation": {"text": "' + b"x" * 9_000_000 + b'"}}',
    ],
    ids=["silence", "no json", "a list", "no observation", "trouble", "too long"],
)
def test_trouble_of_the_environment_is_the_hosts(lab, acts, page, answer):
    page.answer = lambda asked: answer
    found = observe(acts)
    assert code(found) == (502, "environment_failed")
    assert "browser is gone" not in found.text
    used = acts.close()
    assert used.environment_failed
    assert not used.backbone_failed
    assert [record["event"] for record in lab.records(acts.job)[1:-1]] == ["env asked", "env answered", "env failed"]


def test_a_socket_that_is_gone_is_the_hosts_trouble_too(acts, page):
    page.path.unlink()
    assert code(step(acts)) == (502, "environment_failed")
    assert acts.close().environment_failed


def test_an_environment_that_never_answers(lab, page):
    gateway = lab.gateway(Settings(**{**vars(FAST), "environment_timeout_s": 0.2}))
    hold = threading.Event()
    page.answer = lambda asked: hold.wait(20) and None
    environment = EnvironmentSpec(socket=str(page.path), steps=1)
    spec = LeaseSpec(job="never", role="solver", backbone="scripted/ok", seed=1, environment=environment)
    lease = gateway.lease(spec)
    assert code(observe(lease)) == (502, "environment_failed")
    hold.set()
    assert "TimeoutError" in lease.close().environment_failed


def test_closing_a_lease_ends_its_exchange(lab, acts, page, pool):
    hold = threading.Event()
    page.answer = lambda asked: hold.wait(20) and None
    answer = pool.submit(step, acts)
    wait_for(lambda: page.seen)
    acts.close()
    assert answer.result().status_code == 409
    hold.set()
    assert step(acts).status_code == 409
    assert lab.records(acts.job)[-2]["status"] == 409
    assert len(page.seen) == 1


def abandon(lease, route, body, until=lambda: True):
    """Ask, and hang up as soon as `until` holds."""
    content = json.dumps(body).encode()
    head = (
        f"POST {route} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {lease.token}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(lease.folder / "sock"))
        client.sendall(head.encode() + content)
        wait_for(until)


def test_what_comes_after_a_hang_up_waits_for_what_is_under_way(lab, acts, page, pool):
    never = threading.Event()
    page.answer = lambda asked: (never.wait(0.3), page.observed(asked))[1]
    abandon(acts, "/env/step", CLICK, until=lambda: page.seen)
    assert list(pool.map(lambda _: observe(acts).status_code, range(3))) == [200] * 3
    assert (page.most_together, acts.usage().steps, acts.usage().environment_failed) == (1, 1, "")
    answered = next(record for record in lab.records(acts.job) if record["event"] == "env answered")
    assert (answered["status"], answered["observation"]["text"]) == (200, "page 1"), "it is recorded all the same"


def test_screenshots_beyond_their_room_are_mentioned_only(lab, page):
    gateway = lab.gateway(Settings(**{**vars(FAST), "max_screenshot_bytes": 500, "max_screenshots_bytes": 900}))
    environment = EnvironmentSpec(socket=str(page.path), steps=1)
    spec = LeaseSpec(job="pictures", role="solver", backbone="scripted/ok", seed=1, environment=environment)
    lease = gateway.lease(spec)
    for _ in range(3):
        assert observe(lease, {"screenshot": True}).json()["screenshot"] == PIXEL
    lease.close()
    records = lab.records("pictures")
    shown = [record["screenshot"] for record in records if record["event"] == "env answered"]
    assert shown == ["kept", "kept", "left out"]
    assert sum(record["event"] == "env screenshot" for record in records) == 2


def test_an_agents_token_is_nowhere_in_what_is_kept(lab, acts, page):
    step(acts, {"action": {"name": "fill", "bid": "e1", "value": acts.token}})
    acts.close()
    assert acts.token not in json.dumps(page.seen)
    assert acts.token not in json.dumps(lab.records(acts.job))


def test_a_specification_goes_through_json():
    from dataclasses import asdict

    spec = LeaseSpec(
        job="j", role="solver", backbone="a/b", seed=1, environment=EnvironmentSpec(socket="/tmp/x", steps=4)
    )
    assert spec_from_json(json.loads(json.dumps(asdict(spec)))) == spec
    with pytest.raises(ConfigError, match="at least one step"):
        LeaseSpec(job="j", role="solver", backbone="a/b", seed=1, environment=EnvironmentSpec(socket="/tmp/x", steps=0))
