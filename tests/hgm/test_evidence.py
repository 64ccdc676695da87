"""What an editor and a diagnosis are shown, with real records, and what they never are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evaluators.base import Case, Compared, Split, Task
from hgm import trajectories
from hgm.diagnose import MOST_COMPARED, change
from hgm.evaluate import evaluate
from hgm.evidence import MOST_BYTES, MOST_FILES, contents
from hgm.expand import expand
from hgm.jobs import EvaluateJob, Exhibit, ExpandJob, ExpansionResult, Finding, Mode
from hgm.lab import Lab
from sandboxes.base import File, Files
from tests.hgm.small_lab import ASKS, SELF_TEST, OneTask, agent, root_of, scripted, small_lab
from trees.records import Expansion, Outcome

pytestmark = pytest.mark.needs("bubblewrap")
CANARY = "canary-of-the-grader-4fd1"
TASK_ID = "acme__doubling-4242"
WORKS = (
    f"{ASKS}open('answer.py', 'w').write('def double(n):\\n    return 3 * n  # a guess\\n')\nprint('I print this')\n"
)
numbers = count(100)
BRIEF = [{"text": "Work better.\nExpect: fewer guesses.", "repeat": True}]
LISTS = """\
import os
found = []
for where, _, names in sorted(os.walk("/hgm/evidence")):
    for name in sorted(names):
        path = os.path.join(where, name)
        found.append("== " + path + "\\n" + open(path).read())
try:
    open("/hgm/evidence/README.txt", "a").write("x")
except OSError:
    found.append("== read-only")
import json
found.append("== asked\\n" + json.load(open("/hgm/task.json"))["statement"])
open("seen.py", "w").write("SEEN = " + ascii("\\n".join(found)) + "\\n")
"""


@dataclass(frozen=True)
class Planted:
    """The one task, with a canary in all that is hidden: reference, cases and what grading prints."""

    name: str = "planted"

    def fingerprint(self) -> str:
        return "planted"

    def tasks(self, split: Split) -> tuple[str, ...]:
        return (TASK_ID,) if split is Split.SEARCH else ()

    def task(self, task_id: str) -> Task:
        task = OneTask().task(task_id)
        cases = (Case(args=(12345,), expected=f"{CANARY}-expected"),)
        return replace(
            task,
            grading=Compared(module="answer.py", function="double", cases=cases),
            reference={b"answer.py": File(f"def double(n):\n    return 2 * n  # {CANARY}-reference\n".encode())},
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("evidence") / "run", agent()) as lab:
        yield replace(lab, benchmark=Planted())


def added(lab: Lab, main: str, **files: str) -> str:
    return lab.archive.add_child(root_of(lab), agent(main, **files), "an agent", next(numbers)).commit


def evaluated(lab: Lab, commit: str) -> str:
    """An evaluation that fails, with the canary beside it in the folder of grading output."""
    number = next(numbers)
    job = EvaluateJob(
        id=f"e{number:05d}", node=1, commit=commit, split=Split.SEARCH, task=TASK_ID, repeat=0, seed=number
    )
    result = evaluate(job, lab, 0)
    assert (result.outcome, result.cause) == (Outcome.FAILED, "tests"), result.detail
    (lab.grading / f"{job.id}.log").write_text(f"{CANARY}-grading")
    return job.id


def job_of(mode: Mode, commit: str, seen: str, lab: Lab, **more: Any) -> ExpandJob:
    number = next(numbers)
    findings = (Finding(task=7, outcome=Outcome.FAILED, cause="tests", job=seen),)
    lineage = (
        Exhibit(node=1, commit=commit, base=root_of(lab), findings=findings),
        Exhibit(node=0, commit=root_of(lab), base=""),
    )
    about = {"evidence": (seen,), "lineage": lineage, **more}
    return ExpandJob(id=f"x{number:05d}", node=1, commit=commit, seed=number, mode=mode, **about)


def expanded(lab: Lab, job: ExpandJob, source: str) -> ExpansionResult:
    result = expand(job, replace(lab, editor=lab.agent(added(lab, SELF_TEST + source))), 0)
    assert result.kind is Expansion.CHILD, result.reason
    return result


def prompts(lab: Lab, job: ExpandJob) -> list[Mapping[str, Any]]:
    """What the diagnosis was sent."""
    file = lab.trajectories / f"{job.id}-diagnosis.jsonl.zst"
    if not file.exists():
        return []
    (started,) = trajectories.read(file, events=("call started",))
    return list(started["request"]["messages"])


def test_the_editor_finds_raw_records_of_its_own_line_and_diffs_of_the_others(lab: Lab, tmp_path: Path) -> None:
    with scripted(lab, tmp_path, BRIEF) as asked:
        commit, other = added(asked, WORKS), added(asked, ASKS, trick_py="TRICK = 'of another'\n")
        seen = evaluated(asked, commit)
        exhibit = Exhibit(
            node=2, commit=other, base=root_of(asked), findings=(Finding(task=7, outcome=Outcome.PASSED),)
        )
        job = job_of(Mode.FILESYSTEM, commit, seen, asked, others=(exhibit,))
        result = expanded(asked, job, LISTS)
    assert result.files is not None
    said = json.loads(json.dumps(result.files[b"seen.py"].data.decode())).encode().decode("unicode_escape")
    for shown in (
        "/hgm/evidence/agents/1/task-7/transcript.txt",
        "1. user:\n| hello",
        "2. assistant:\n| Work better.",
        "| I print this",
        "| +    return 3 * n  # a guess",
        "/hgm/evidence/agents/1/change.diff",
        "/hgm/evidence/others/2/results.txt\ntask 7: passed\n",
        "| +TRICK = 'of another'",
        "== read-only",
        "Look for yourself: it is in the folder /hgm/evidence",
    ):
        assert shown in said, shown
    assert CANARY not in said
    assert TASK_ID not in said
    assert not prompts(lab, job), "nobody is asked for a diagnosis"


@pytest.mark.parametrize("mode", [Mode.CROSS_LINEAGE, Mode.REACTION_NORM, Mode.SINGLE, Mode.GENERIC])
def test_a_diagnosis_is_asked_in_the_words_of_its_mode(lab: Lab, tmp_path: Path, mode: Mode) -> None:
    with scripted(lab, tmp_path, BRIEF) as asked:
        commit, other = added(asked, WORKS), added(asked, ASKS, trick_py="TRICK = 'of another'\n")
        seen = evaluated(asked, commit)
        exhibit = Exhibit(
            node=2, commit=other, base=root_of(asked), findings=(Finding(task=7, outcome=Outcome.PASSED),)
        )
        job = job_of(mode, commit, seen, asked, others=(exhibit,) if mode is Mode.CROSS_LINEAGE else ())
        result = expanded(asked, job, f"open('new.py', 'w').write('x = {next(numbers)}\\n')\n")
    assert result.brief.endswith("Expect: fewer guesses.")
    system, user = (message["content"] for message in prompts(lab, job))
    assert "Expect: " in system
    assert "| +    return 3 * n  # a guess" in user
    assert ("| +TRICK = 'of another'" in user) == (mode is Mode.CROSS_LINEAGE)
    assert ("- 1 ended as tests" in user.splitlines()) == (mode is Mode.GENERIC)
    assert CANARY not in user
    assert TASK_ID not in user


def test_a_folder_keeps_its_limits_and_says_so(lab: Lab, tmp_path: Path) -> None:
    """However much was recorded: results and changes first, then failures."""
    flood = {"event": "host", "outcome": "failed", "cause": "tests", "patch": "+" * 200_000, "log": "\x1b[2J"}
    request = {"messages": [{"role": "us\ner", "content": "x" * 9_000} for _ in range(90)]}
    jobs = []
    for _ in range(30):
        jobs.append(f"e{next(numbers):05d}")
        with trajectories.Writer(lab.trajectories / f"{jobs[-1]}.jsonl.zst", redact=lambda text: text) as writer:
            for record in ({"event": "call started", "request": request}, flood):
                writer.write(record)
    findings = tuple(Finding(task=at, outcome=Outcome.FAILED, cause="tests", job=job) for at, job in enumerate(jobs))
    job = job_of(Mode.FILESYSTEM, root_of(lab), jobs[0], lab, lineage=())
    lineage = tuple(Exhibit(node=at, commit=root_of(lab), base="", findings=findings) for at in range(4))
    found: Files = contents(replace(job, lineage=lineage), lab)
    assert len(found) <= MOST_FILES
    assert sum(len(file.data) for file in found.values()) <= MOST_BYTES
    assert b"For want of room" in found[b"README.txt"].data
    assert {f"agents/{at}/results.txt".encode() for at in range(4)} <= found.keys()
    assert not any(b"\x1b" in file.data or b"us\ner" in file.data for file in found.values())
    assert b"turns left out" in found[b"agents/0/task-0/transcript.txt"].data


def test_a_change_too_large_to_compare_is_told_instead(lab: Lab) -> None:
    commit = added(lab, "pass\n", **{"table.txt": "".join(f"{number % 7}\n" for number in range(MOST_COMPARED))})
    assert change(root_of(lab), commit, lab, 1000).endswith("bytes: too much to show)")
    small = added(lab, "pass\n")
    assert "+pass" in change(root_of(lab), small, lab, 10_000)


def test_signs_that_the_gateway_saw_are_counted(lab: Lab, tmp_path: Path) -> None:
    with scripted(lab, tmp_path, BRIEF) as asked:
        seen = f"e{next(numbers):05d}"
        with trajectories.Writer(lab.trajectories / f"{seen}.jsonl.zst", redact=lambda text: text) as writer:
            for signs in (["context_overflow"], ["context_overflow", "empty_reply"], []):
                writer.write({"event": "call settled", "response": None, "signs": signs})
            writer.write({"event": "host", "outcome": "failed", "cause": "tests"})
        job = job_of(Mode.GENERIC, root_of(asked), seen, asked)
        expanded(asked, job, f"open('new.py', 'w').write('x = {next(numbers)}\\n')\n")
    (_, user) = (message["content"] for message in prompts(lab, job))
    assert "- 1 had a model call that ended as context_overflow" in user
    assert "- 1 had a model call that ended as empty_reply" in user


def test_a_child_that_knows_a_task_is_refused_without_the_secret(lab: Lab) -> None:
    name = f"open('main.py', 'a').write('# {TASK_ID}\\\\n')\n"
    for source in (name, f"open('main.py', 'a').write('A = \"{CANARY}-expected\"\\n')\n"):
        job = ExpandJob(id=f"x{next(numbers):05d}", node=0, commit=root_of(lab), evidence=(), seed=1)
        result = expand(job, replace(lab, editor=lab.agent(added(lab, SELF_TEST + source))), 0)
        assert (result.kind, result.reason.partition(":")[0]) == (Expansion.REJECTED, "leak"), result.reason
        assert "main.py, line " in result.reason
        assert not (lab.trajectories / f"{job.id}-repair.jsonl.zst").exists(), "no editor may learn that it was right"
        assert TASK_ID not in result.reason
        assert CANARY not in result.reason


@pytest.mark.parametrize("rule", ["note", "reject"])
def test_a_child_that_only_tries_harder(lab: Lab, rule: Any) -> None:
    parent = added(lab, f"{ASKS}MAX_STEPS = 3\n")
    source = "text = open('main.py').read()\nopen('main.py', 'w').write(text.replace('STEPS = 3', 'STEPS = 30'))\n"
    job = ExpandJob(id=f"x{next(numbers):05d}", node=0, commit=parent, evidence=(), seed=1)
    editor = lab.agent(added(lab, SELF_TEST + source))
    result = expand(job, replace(lab, editor=editor, more_effort=rule), 0)
    note = "raises MAX_STEPS in main.py from 3 to 30"
    if rule == "note":
        assert (result.kind, result.notes) == (Expansion.CHILD, (note,))
    else:
        assert result.kind is Expansion.REJECTED
        assert result.reason.startswith("effort: ")
        assert note in result.reason


def test_a_child_that_brings_back_what_an_ancestor_deleted(lab: Lab) -> None:
    elder = lab.archive.add_child(root_of(lab), agent(f"{ASKS}take_the_edit_back = True\n"), "", next(numbers)).commit
    parent = lab.archive.add_child(elder, agent(f"{ASKS}# without\n"), "", next(numbers)).commit
    source = "open('main.py', 'a').write('take_the_edit_back = True\\n')\n"
    job = ExpandJob(id=f"x{next(numbers):05d}", node=0, commit=parent, evidence=(), seed=1)
    editor = lab.agent(added(lab, SELF_TEST + source))
    result = expand(job, replace(lab, editor=editor, more_effort="reject"), 0)
    assert (result.kind, result.reason.partition(":")[0]) == (Expansion.REJECTED, "revert"), result.reason
