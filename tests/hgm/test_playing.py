"""Graphical tasks end to end but for the browser: who is to blame for what, row by row, in real sandboxes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from evaluators.gui.base import Episode, Observation
from hgm import trajectories
from hgm.errors import SandboxError, SandboxLost
from hgm.evaluate import evaluate
from hgm.jobs import EvaluationResult
from hgm.lab import Lab
from tests.hgm.paper_stage import STEPS, OnePage, PaperEpisode, PaperStage, Stubborn
from tests.hgm.small_gui import gui_agent
from tests.hgm.small_lab import evaluation, root_of, small_lab
from trees.records import Outcome

pytestmark = pytest.mark.needs("bubblewrap")
SLEEPS = "import time\ntime.sleep(60)\n"
DEEP = "import os\nfor _ in range(70):\n    os.mkdir('d')\n    os.chdir('d')\n"
numbers = count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("playing") / "run", gui_agent("click('e1')\n")) as lab:
        yield replace(lab, benchmark=OnePage())


def played(
    lab: Lab, main: str, make: Callable[[], Episode] = PaperEpisode, *, deadline_s: float = 20.0
) -> EvaluationResult:
    """How an agent with this `main.py` fares on the one page."""
    commit = lab.archive.add_child(root_of(lab), gui_agent(main), "a player", next(numbers)).commit
    stage = PaperStage(make)
    lab = replace(lab, stage=stage, benchmark=OnePage(deadline_s=deadline_s))
    found = evaluate(evaluation(lab, next(numbers))._replace(commit=commit, task="g-button"), lab, 0)
    assert stage.playing == 0
    assert not list((lab.scratch.root / "env").iterdir())
    return found


def records(lab: Lab, result: EvaluationResult) -> list[dict[str, Any]]:
    return list(trajectories.read(lab.trajectories / f"{result.job}.jsonl.zst"))


@pytest.mark.parametrize(
    ("main", "outcome", "cause"),
    [
        ("click('e1')\n", Outcome.PASSED, ""),
        ("click('e2')\n", Outcome.FAILED, "wrong"),
        ("click('e2')\nclick('e1')\n", Outcome.FAILED, "wrong"),
        ("click('e1')\nclick('e2')\n", Outcome.PASSED, ""),
        ("click('cheat')\n", Outcome.FAILED, "tampering"),
        ("", Outcome.FAILED, "unfinished"),
        ("observe()\n", Outcome.FAILED, "unfinished"),
        (f"for _ in range({STEPS + 3}):\n    click('e9')\nclick('e1')\n", Outcome.FAILED, "unfinished"),
        ("observe()\nraise SystemExit(3)\n", Outcome.FAILED, "crashed"),
        ("click('e1')\nraise SystemExit(3)\n", Outcome.PASSED, ""),
        ("click('e2')\nraise SystemExit(3)\n", Outcome.FAILED, "wrong"),
        (f"observe()\n{DEEP}", Outcome.FAILED, "bad-workspace"),
        (f"click('e1')\n{DEEP}", Outcome.PASSED, ""),
        ("open('/workspace/left', 'w').write('x')\n", Outcome.FAILED, "unfinished"),
        ("raise SystemExit(send('reset', {})[0] != 404)\n", Outcome.FAILED, "unfinished"),
    ],
    ids=[
        "right",
        "wrong",
        "right too late",
        "wrong too late",
        "a page that was talked over",
        "nothing done",
        "only looked",
        "out of steps",
        "crashed",
        "crashed behind a success",
        "crashed behind a failure",
        "a bad workspace",
        "a bad workspace behind a success",
        "a file is no deed",
        "another route",
    ],
)
def test_the_page_has_the_first_word_and_the_agent_what_comes_before(
    lab: Lab, main: str, outcome: Outcome, cause: str
) -> None:
    result = played(lab, main)
    assert (result.outcome, result.cause) == (outcome, cause), result.detail


def test_time_is_the_agents_until_the_page_is_done(lab: Lab) -> None:
    for first, outcome, cause in (
        ("observe()\n", Outcome.FAILED, "deadline"),
        ("click('e1')\n", Outcome.PASSED, ""),
    ):
        result = played(lab, first + SLEEPS, deadline_s=2.0)
        assert (result.outcome, result.cause) == (outcome, cause)


def test_an_agent_sees_what_the_contract_says_and_no_more(lab: Lab) -> None:
    main = (
        "import json\nprint(json.dumps(observe()[1]))\n"
        "print(json.dumps(click('e9', screenshot=True)[1]))\nprint(open('/hgm/task.json').read())\n"
        "raise SystemExit(1)\n"
    )
    result = played(lab, main)
    host = records(lab, result)[-1]
    first, second, task = (json.loads(line) for line in host["log"].splitlines())
    assert first.keys() == {
        "goal",
        "text",
        "size",
        "error",
        "step",
        "steps_left",
        "seconds_left",
        "done",
        "screenshot",
    }
    assert (first["step"], first["steps_left"], first["done"], first["screenshot"]) == (0, STEPS, False, None)
    assert 0 < first["seconds_left"] <= 20
    assert second["screenshot"].startswith("data:image/png;base64,")
    assert second["error"] == "no such action: {'name': 'click', 'bid': 'e9'}"
    assert task == {
        "protocol": 1,
        "kind": "gui",
        "statement": "Do what the page asks for.",
        "deadline_s": 20.0,
        "test_command": [],
    }


def test_a_trajectory_tells_the_episode(lab: Lab) -> None:
    result = played(lab, "observe()\nclick('e9', screenshot=True)\nclick('e1')\n")
    told = records(lab, result)
    events = [record["event"] for record in told]
    asked, answered = "env asked", "env answered"
    assert events == [
        *("lease opened", asked, answered, asked, answered, "env screenshot", asked, answered),
        *("lease closed", "host"),
    ]
    assert [record["observation"]["done"] for record in told if record["event"] == answered] == [False, False, True]
    assert (told[-1]["outcome"], told[-1]["patch"]) == ("passed", "")
    assert result.usage.steps == 2


@pytest.mark.parametrize(("times", "outcome"), [(1, Outcome.PASSED), (2, Outcome.PASSED), (3, Outcome.UNMEASURED)])
def test_a_browser_that_does_not_start_is_the_hosts(lab: Lab, times: int, outcome: Outcome) -> None:
    lab = replace(lab, stage=Stubborn(times))
    found = evaluate(evaluation(lab, next(numbers))._replace(task="g-button"), lab, 0)
    assert (found.outcome, found.cause) == (outcome, "host" if outcome is Outcome.UNMEASURED else "")


def breaking(times: int, at: int, trouble: type[SandboxError] = SandboxLost) -> Callable[[], Episode]:
    """Episodes of which the first so many break at that exchange."""
    made = count()
    return lambda: PaperEpisode(broken_at=at if next(made) < times else None, trouble=trouble)


def test_a_browser_that_breaks_before_anything_is_done_is_the_hosts(lab: Lab) -> None:
    assert played(lab, "observe()\nclick('e1')\n", breaking(1, 0)).outcome is Outcome.PASSED
    result = played(lab, "observe()\nclick('e1')\n", breaking(3, 0))
    assert (result.outcome, result.cause) == (Outcome.UNMEASURED, "host")
    assert "the browser is gone" in result.detail


def test_what_is_known_to_be_the_hosts_is_never_the_agents(lab: Lab) -> None:
    result = played(lab, "click('e9')\nclick('e1')\n", breaking(3, 0, SandboxError))
    assert (result.outcome, result.cause) == (Outcome.UNMEASURED, "host")


def test_whoever_breaks_every_browser_has_done_it(lab: Lab) -> None:
    for times, outcome, cause in ((2, Outcome.PASSED, ""), (3, Outcome.FAILED, "lost")):
        result = played(lab, "click('e9')\nclick('e1')\n", breaking(times, 0))
        assert (result.outcome, result.cause) == (outcome, cause)


def test_what_breaks_behind_the_end_changes_nothing(lab: Lab) -> None:
    result = played(lab, "click('e1')\nobserve()\nraise SystemExit(observe()[0] != 502)\n", breaking(1, 1))
    assert (result.outcome, result.cause) == (Outcome.PASSED, "")


class Chatty(PaperEpisode):
    """A page that an agent has filled with text."""

    def _seen(self, error: str, screenshot: bool) -> Observation:
        return replace(super()._seen(error, screenshot), text="x" * 3_000_000, error="\ud800" * 50_000)


def test_a_page_full_of_text_is_cut_and_no_trouble(lab: Lab) -> None:
    main = "found = click('e1')[1]\nraise SystemExit(len(found['text']) > 200_000 or len(found['error']) > 10_000)\n"
    result = played(lab, main, Chatty)
    assert result.outcome is Outcome.PASSED


class Raising(PaperEpisode):
    """An episode with a defect."""

    def step(self, action: object, *, screenshot: bool = False) -> Observation:
        raise ZeroDivisionError(str(action))


def test_a_defect_of_the_stage_is_no_result_of_the_agents_alone(lab: Lab) -> None:
    result = played(lab, "click('e1')\n", Raising)
    assert (result.outcome, result.cause) == (Outcome.FAILED, "lost")
    assert "ZeroDivisionError" in result.detail
