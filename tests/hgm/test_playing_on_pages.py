"""Agents on real pages: a browser in its sandbox, the gateway between, an agent of a few lines in another."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from evaluators.base import Played, Split, Task
from evaluators.registry import open_benchmark
from hgm.acts import acts
from hgm.evaluate import evaluate
from hgm.gates import Candidate, first_rejection
from hgm.jobs import EvaluationResult
from hgm.lab import Lab
from sandboxes.base import Files
from tests.hgm.small_gui import gui_agent
from tests.hgm.small_lab import MANIFEST, evaluation, root_of, small_lab
from trees.records import Outcome

pytestmark = [pytest.mark.needs("bubblewrap"), pytest.mark.needs("chromium")]
GUI = f'{MANIFEST}kinds = ["gui"]\n'
FINDS = (
    "import re\nseen = observe()[1]\n"
    "def ref(line):\n    return re.search(line + r'[^\\n]*?\\[ref=(\\w+)\\]', seen['text'])[1]\n"
)
CLICKS = FINDS + "found = click(ref('- button'), screenshot=True)[1]\n"
ASKS = "from model import ask\nask('what now?')\n"
numbers = count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = gui_agent(CLICKS, manifest=GUI)
    with small_lab(tmp_path_factory.mktemp("pages") / "run", root) as lab:
        yield replace(lab, benchmark=open_benchmark("miniwob"))


def played(lab: Lab, main: str, task: str) -> EvaluationResult:
    commit = lab.archive.add_child(root_of(lab), gui_agent(main, manifest=GUI), "a player", next(numbers)).commit
    return evaluate(evaluation(lab, next(numbers))._replace(commit=commit, task=task), lab, 0)


@pytest.mark.parametrize(
    ("task", "main", "outcome", "cause"),
    [
        ("click-test@0", CLICKS, Outcome.PASSED, ""),
        ("click-test@0", f"{CLICKS}raise SystemExit(not found['done'])\n", Outcome.PASSED, ""),
        ("click-test@0", f"{FINDS}raise SystemExit(1)\n", Outcome.FAILED, "crashed"),
        ("click-test@0", FINDS, Outcome.FAILED, "unfinished"),
        ("click-test-2@0", f"{FINDS}click(ref('- button \"TWO\"'))\n", Outcome.FAILED, "wrong"),
        ("click-test-2@0", f"{FINDS}click(ref('- button \"ONE\"'))\nclick('e1')\n", Outcome.PASSED, ""),
        (
            "click-test@0",
            "send('step', {'action': {'name': 'goto', 'url': 'file:///'}})\n",
            Outcome.FAILED,
            "unfinished",
        ),
        (
            "click-test@0",
            "send('step', {'action': None})\nsend('step', {'action': [[]]})\n",
            Outcome.FAILED,
            "unfinished",
        ),
    ],
    ids=[
        "right",
        "is told that it is done",
        "crashes",
        "looks only",
        "wrong",
        "right first",
        "no address",
        "no action",
    ],
)
def test_pages_decide(lab: Lab, task: str, main: str, outcome: Outcome, cause: str) -> None:
    result = played(lab, main, task)
    assert (result.outcome, result.cause) == (outcome, cause), result.detail


def test_what_was_seen_and_done_is_kept(lab: Lab) -> None:
    result = played(lab, CLICKS, "click-test@1")
    looked, clicked = acts(lab.trajectories / f"{result.job}.jsonl.zst").acts
    assert looked.goal == "Click the button."
    assert 'button "Click Me!"' in looked.text
    assert (clicked.action["name"], clicked.error, clicked.is_done) == ("click", "", True)


def test_a_screenshot_of_a_page_is_kept_while_it_plays(lab: Lab) -> None:
    result = played(lab, "observe(screenshot=True)\n", "click-test@1")
    (looked,) = acts(lab.trajectories / f"{result.job}.jsonl.zst").acts
    assert looked.screenshot.startswith("data:image/png;base64,iVBOR")


def test_two_agents_at_once_have_a_browser_each(lab: Lab) -> None:
    from concurrent.futures import ThreadPoolExecutor

    jobs = [evaluation(lab, 900 + slot)._replace(task=f"click-test@{slot}") for slot in range(2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(evaluate, jobs, [lab] * 2, range(2)))
    assert [result.outcome for result in found] == [Outcome.PASSED] * 2


def child(main: str) -> Files:
    return gui_agent(main, manifest=GUI)


def test_children_shake_hands_on_a_page_of_the_labs_own(lab: Lab) -> None:
    parent = gui_agent(CLICKS, manifest=GUI)
    for number, (main, says) in enumerate(((f"{CLICKS}{ASKS}", ""), (f"{ASKS}raise SystemExit(5)\n", "crashed")), 1):
        job = f"x{number:05d}"
        found = first_rejection(Candidate(job=job, seed=1, parent=parent, files=child(main)), lab, 0)
        assert says in (found.message if found else "")
        assert bool(found) == bool(says)
    looked, clicked = acts(lab.trajectories / "x00001-handshake.jsonl.zst").acts
    assert (looked.goal, clicked.is_done) == ("Click the button.", True)


def test_the_page_for_handshakes_is_no_task() -> None:
    benchmark = open_benchmark("miniwob")
    tasks = [benchmark.task(task) for split in Split for task in benchmark.tasks(split)]
    assert not [task for task in tasks if page(task) == "handshake"]


def page(task: Task) -> str:
    assert isinstance(task.grading, Played)
    return task.grading.page
