"""Replay: the same questions get the recorded answers, any other question an error that names the difference."""

from itertools import count

import pytest

from hgm.errors import RecordingError
from hgm.gateway.client import LeaseSpec
from hgm.gateway.replay import difference

from .conftest import client_of

_folders = count()
USER = [{"role": "user", "content": "hello"}]
OTHER = [{"role": "user", "content": "hullo"}]


@pytest.fixture
def recorded(lab, post):
    """Two calls, one of them refused by the provider, and an earlier try of the same job that came to nothing."""
    backbone = lab.script(
        "recorded",
        [{"text": "lost"}, {"tool_calls": [{"name": "run", "arguments": {"a": 1}}]}, {"status": 400}, {"text": "d"}],
    )
    lab.trajectories = lab.folder / f"told-{next(_folders)}"
    gateway = lab.gateway()
    answers = []
    for messages in ([OTHER], [USER, OTHER]):
        lease = gateway.lease(LeaseSpec(job="r", role="solver", backbone=backbone, seed=4))
        answers = [post(lease, {"messages": each}) for each in messages]
        lease.close()
    diagnosis = gateway.lease(LeaseSpec(job="r", role="diagnosis", backbone=backbone, seed=4))
    answers.append(post(diagnosis, {"messages": USER}))
    diagnosis.close()
    return [answer.json() for answer in answers]


@pytest.fixture
def replayed(lab, recorded):
    told, lab.trajectories = lab.trajectories, lab.folder / f"asked-{next(_folders)}"
    return lab.gateway(replay=told)


def spec(role="solver", **changes):
    return LeaseSpec(**{"job": "r", "role": role, "backbone": "scripted/recorded", "seed": 4, **changes})


def test_the_same_questions_get_the_same_answers_at_the_same_cost(lab, recorded, replayed, post):
    lease = replayed.lease(spec())
    answers = [post(lease, {"messages": each}) for each in (USER, OTHER)]
    used = lease.close()
    diagnosis = replayed.lease(spec("diagnosis"))
    answers.append(post(diagnosis, {"messages": USER}))
    assert [answer.json() for answer in answers] == recorded
    assert [answer.status_code for answer in answers] == [200, 400, 200]
    assert (used.backbone_failed, used.output_tokens > 0, used.waited_s) == (False, True, 0)


def test_a_stream_is_replayed_too(replayed, sdk):
    lease = replayed.lease(spec())
    with sdk(lease).chat.completions.stream(model="m", messages=USER) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [call.function.arguments for call in calls] == ['{"a": 1}']


@pytest.mark.parametrize(
    ("changes", "messages", "said"),
    [
        ({}, OTHER, "request.messages[0].content is 'hullo' instead of 'hello'"),
        ({"seed": 5}, USER, "request.seed"),
        ({"max_output_tokens": 5}, USER, "request.max_tokens is 5 instead of 4096"),
        ({"sampling": {"temperature": 1}}, USER, "request.temperature is 1 instead of None"),
        ({"backbone": "scripted/another"}, USER, "request.model is 'another' instead of 'recorded'"),
        ({"role": "judge"}, USER, "call 0 of judge in r was never recorded"),
        ({"job": "unknown"}, USER, "call 0 of solver in unknown was never recorded"),
    ],
)
def test_another_question_is_an_error_that_names_the_difference(replayed, post, changes, messages, said):
    lease = replayed.lease(spec(**changes))
    answer = post(lease, {"messages": messages})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (502, "false")
    usage = lease.usage()
    assert usage.backbone_failed
    assert said in usage.differs
    for _ in range(2):
        with pytest.raises(RecordingError, match="replay: call 0"):
            lease.close()


def test_a_question_too_many(replayed, post):
    lease = replayed.lease(spec())
    for messages in (USER, OTHER, USER):
        post(lease, {"messages": messages})
    with pytest.raises(RecordingError, match="call 2 of solver in r was never recorded"):
        lease.close()


def test_a_call_whose_end_nobody_heard_of_is_left_unanswered_again(lab, pool, post):
    lab.trajectories = lab.folder / f"told-{next(_folders)}"
    gateway = lab.gateway()
    hangs = lab.script("hangs", [{"hang": True, "repeat": True}])
    for replay in (None, lab.trajectories):
        if replay:
            lab.trajectories = lab.folder / f"asked-{next(_folders)}"
            gateway = lab.gateway(replay=replay)
        lease = gateway.lease(LeaseSpec(job="h", role="solver", backbone=hangs, seed=4))
        answer = pool.submit(post, lease, {"messages": USER})
        while not lease.usage().calls:
            assert not answer.done()
        lease.close()
        assert answer.result().status_code == 409


def test_a_dialect_that_was_not_spoken_is_not_spoken_in_the_replay(lab, post):
    for again in (False, True):
        told, lab.trajectories = lab.trajectories, lab.folder / f"told-{next(_folders)}"
        gateway = lab.gateway(replay=told) if again else lab.gateway()
        lease = gateway.lease(LeaseSpec(job="d", role="solver", backbone="builtin/rules", seed=4))
        with client_of(lease) as client:
            headers = {"x-api-key": lease.token}
            body = {"model": "m", "max_tokens": 9, "messages": USER}
            answer = client.post("/v1/messages", json=body, headers=headers)
        assert (answer.status_code, "use /v1/chat/completions" in answer.text) == (404, True)
        lease.close()


def test_what_failed_for_good_fails_again_and_is_paid_again_in_the_books_alone(lab, post):
    backbone = lab.script("fails", [{"malformed": "no"}, {"malformed": "no"}, {"malformed": "no"}])
    used = []
    for again in (False, True):
        told, lab.trajectories = lab.trajectories, lab.folder / f"told-{next(_folders)}"
        gateway = lab.gateway(replay=told) if again else lab.gateway()
        lease = gateway.lease(LeaseSpec(job="f", role="solver", backbone=backbone, seed=4))
        assert post(lease, {"messages": USER}).status_code == 502
        used.append(lease.close())
    assert used[0].unsettled_calls > 0
    assert used[0].input_tokens > 0
    unhurried = {"waited_s": 0}
    assert {**used[0]._asdict(), **unhurried} == {**used[1]._asdict(), **unhurried}


@pytest.mark.parametrize(
    ("told", "asked", "said"),
    [
        ({"a": [1, 2]}, {"a": [1]}, "request.a has 1 entries instead of 2"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "request.a.b is 2 instead of 1"),
        ({}, {"z": 1}, "request.z is 1 instead of None"),
        ({"z": 1}, {}, "request.z is None instead of 1"),
        ({"a": "x" * 500 + "y"}, {"a": "x" * 500 + "z"}, f"request.a is …'{'x' * 40}z' instead of …'{'x' * 40}y'"),
    ],
)
def test_differences_are_named(told, asked, said):
    assert difference(told, asked) == said
