"""What a lease may use in tokens and money: no call starts, and none is tried again, that could go beyond it."""

import json

import pytest

from hgm.gateway.prices import Price, Rates, Tokens
from tests.gateway.conftest import FAST
from tests.gateway.test_images import png, url

USER = [{"role": "user", "content": "hello"}]
PRICE = Price(bands=(Rates(input=1.0, output=2.0), Rates(input=2.0, output=4.0, above=1000)))
SPENDS = {"text": "fine", "usage": {"prompt_tokens": 900, "completion_tokens": 50}, "repeat": True}


@pytest.mark.parametrize(
    ("limit", "code"), [({"max_tokens": 5000}, "token_limit"), ({"max_usd": 0.01, "price": PRICE}, "money_limit")]
)
def test_a_call_that_could_go_beyond_is_refused_and_what_was_used_stays_within(lab, take, post, limit, code):
    lab.script("spends", [SPENDS])
    lease = take(backbone="scripted/spends", max_output_tokens=1000, **limit)
    answers = [post(lease, {"messages": USER}) for _ in range(12)]
    codes = [answer.status_code for answer in answers]
    assert codes == sorted(codes)
    assert {200, 403} == set(codes)
    assert answers[-1].json()["error"]["code"] == code
    usage = lease.close()
    assert usage.calls == codes.count(200)
    assert usage.tokens.total == 950 * usage.calls <= limit.get("max_tokens", 10**9)
    if code == "money_limit":
        assert usage.usd == pytest.approx(usage.calls * 0.001)
        assert usage.usd <= limit["max_usd"]


def test_attempts_that_may_have_been_billed_count_before_the_next_one(lab, take, post):
    lab.script("garbles", [{"malformed": "{", "repeat": True}])
    lease = take(backbone="scripted/garbles", max_output_tokens=1000, max_tokens=2500)
    assert post(lease, {"messages": USER}).status_code == 502
    usage = lease.close()
    (settled,) = [record for record in lab.records(lease.job) if record["event"] == "call settled"]
    assert settled["lost"] == 2 < FAST.attempts, "each may cost a little more than 1000 tokens"
    assert usage.tokens.total <= 2500
    assert (usage.backbone_failed, usage.hosts_fault) == (True, False), "the size of a request is the agent's to choose"


@pytest.mark.parametrize(
    ("size", "tokens"), [((3100, 3100), 51_000), ((500, 500), 9_000), ((1, 4000), 51_000), ((513, 512), 15_000)]
)
def test_an_image_is_reserved_by_its_pixels_and_tools_by_what_comes_with_them(lab, take, post, size, tokens):
    image = {"type": "image_url", "image_url": {"url": url("png", png(*size))}}
    tool = {"type": "function", "function": {"name": "run"}}
    body = {"messages": [{"role": "user", "content": [image]}], "tools": [tool]}
    around = len(json.dumps(body)) - len(image["image_url"]["url"])
    lease = take(backbone="scripted/ok", max_tokens=tokens + 1000 + around + 4096)
    assert post(lease, body).status_code == 200
    lease.close()
    started = next(record for record in lab.records(lease.job) if record["event"] == "call started")
    assert started["reserved"]["input_tokens"] == tokens + 1000 + around
    tight = take(backbone="scripted/ok", max_tokens=tokens + 1000 + around + 4095)
    assert post(tight, body).json()["error"]["code"] == "token_limit"


def test_a_dearer_band_begins_above_its_threshold():
    assert PRICE.cost(Tokens(input=1000)) == pytest.approx(0.001)
    assert PRICE.cost(Tokens(input=1001)) == pytest.approx(0.002002)
    assert PRICE.bound(Tokens(input=1001)) >= PRICE.cost(Tokens(input=1001))
