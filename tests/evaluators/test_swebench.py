"""SWE-bench: records, and three real instances graded by us and by the harness itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluators import grade_harness, swebench_data
from evaluators.base import Harness, Split, Task
from evaluators.environments import provider_for
from evaluators.grading import grade_patch, room_for
from evaluators.registry import open_benchmark, validate
from evaluators.selection import Selection, selected
from evaluators.swebench import SwebenchBenchmark
from evaluators.swebench_classic import converted
from hgm.contract import read_manifest
from hgm.errors import ConfigError, EvaluatorError, SandboxError
from hgm.evaluate import evaluate
from hgm.lab import Lab
from hgm.leaks import first_leak, secrets
from sandboxes.base import File, Limits, SandboxProvider, SandboxSpec
from sandboxes.choose import choose
from tests.conftest import DATA
from tests.hgm.small_lab import evaluation, small_lab
from trees.records import Outcome

NAMES = ("django__django-16527", "pallets__flask-5063", "pytest-dev__pytest-5227")
WRONG = b"diff --git a/hgm.txt b/hgm.txt\nnew file mode 100644\n--- /dev/null\n+++ b/hgm.txt\n@@ -0,0 +1 @@\n+x\n"
LOST = b"diff --git a/hgm.txt b/hgm.txt\n--- a/hgm.txt\n+++ b/hgm.txt\n@@ -1 +1 @@\n-nowhere\n+x\n"
ROW = {
    "instance_id": "a__b-1",
    "repo": "a/b",
    "base_commit": "0123abc",
    "patch": "p",
    "test_patch": "t",
    "problem_statement": "s",
    "FAIL_TO_PASS": '["x"]',
    "PASS_TO_PASS": ["y"],
    "image": "i",
    "eval_script": "e",
    "log_parser": "parse_log_pytest",
    "eval_type": "pass_and_fail",
}


def written(folder: Path, *rows: object, name: str = "rows.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


class TestRecords:
    def test_a_record_of_either_spelling(self, tmp_path: Path) -> None:
        (record,) = swebench_data.records("", written(tmp_path, ROW | {"more": 1, "difficulty": None}))
        assert (record.FAIL_TO_PASS, record.PASS_TO_PASS, record.is_classic) == (("x",), ("y",), False)
        assert record.groups == {"repo": "a/b"}

    @pytest.mark.parametrize(
        ("rows", "complaint"),
        [
            ([ROW, ROW], "record 2: a__b-1 comes twice"),
            ([ROW | {"instance_id": "../x"}], "record 1: instance_id"),
            ([ROW | {"base_commit": "--upload-pack=x"}], "record 1: base_commit"),
            ([ROW | {"FAIL_TO_PASS": "no json"}], "record 1: FAIL_TO_PASS"),
            ([ROW | {"FAIL_TO_PASS": []}], "record 1: FAIL_TO_PASS"),
            (["text"], "record 1"),
        ],
    )
    def test_an_unusable_record_says_which(self, rows: list[object], complaint: str, tmp_path: Path) -> None:
        with pytest.raises(EvaluatorError, match=complaint):
            swebench_data.records("", written(tmp_path, *rows))

    def test_what_else_ends_a_line_may_be_in_a_record(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.jsonl"
        row = ROW | {"problem_statement": "a\u2028b\x85c", "log_parser": None, "eval_type": None, "version": None}
        file.write_text(json.dumps(row, ensure_ascii=False) + "\r\n")
        (record,) = swebench_data.records("", file)
        assert (record.problem_statement, record.is_classic, record.version) == ("a\u2028b\x85c", True, "")

    def test_a_dataset_chooses_from_a_file(self, tmp_path: Path) -> None:
        rows = [ROW | {"instance_id": f"a__b-{n}", "datasets": d} for n, d in enumerate((["lite"], ["verified"]))]
        (record,) = swebench_data.records("verified", written(tmp_path, *rows))
        assert record.instance_id == "a__b-1"
        with pytest.raises(ConfigError, match="holds no instance of swebench:full"):
            swebench_data.records("full", written(tmp_path, *rows))

    def test_what_cannot_be_read_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot read the records"):
            swebench_data.records("", tmp_path / "none.jsonl")
        with pytest.raises(ConfigError, match="swebench:verified"):
            swebench_data.records("", None)
        with pytest.raises(ConfigError, match="no benchmark swebench:best"):
            open_benchmark("swebench:best")

    def test_published_images_have_their_harness_name(self) -> None:
        assert swebench_data.published_image("Django__django-1") == (
            "swebench/sweb.eval.x86_64.django_1776_django-1:latest"
        )

    def test_classic_records_get_the_script_that_graded_them(self) -> None:
        file = DATA / "swebench_instances.jsonl"
        if not file.is_file():
            pytest.skip("shared data are not beside the project")
        whole = swebench_data.records("", file)
        bare = {"image": "", "eval_script": "", "log_parser": "", "eval_type": ""}
        try:
            made = converted([record.model_copy(update=bare) for record in whole])
        except ConfigError as error:
            pytest.skip(f"no package index answers: {error}")
        fields = ("eval_script", "log_parser", "eval_type")
        assert [[getattr(record, name) for name in fields] for record in made] == [
            [getattr(record, name) for name in fields] for record in whole
        ]


@pytest.fixture(scope="module")
def benchmark(swebench_rows: Path) -> SwebenchBenchmark:
    return SwebenchBenchmark(data=swebench_rows)


@pytest.fixture(scope="module")
def tasks(benchmark: SwebenchBenchmark) -> dict[str, Task]:
    found = [benchmark.task(task) for split in Split for task in benchmark.tasks(split)]
    return {task.name: task for task in found}


@pytest.mark.needs("swebench")
@pytest.mark.timeout(900)
class TestInstances:
    def test_the_harness_and_we_agree(self, tasks: dict[str, Task], swebench_rows: Path, tmp_path: Path) -> None:
        assert sorted(tasks) == sorted(NAMES)
        provider = choose("docker")
        for kind, resolved in (("gold", set(NAMES)), ("wrong", set()), ("lost", set())):
            patches = {
                name: {"gold": task.grading.gold, "wrong": WRONG, "lost": LOST}[kind] for name, task in tasks.items()
            }
            found = {
                name: grade_patch(task, patches[name], provider, run="swe", job=f"{kind}", slot=0)
                for name, task in tasks.items()
            }
            assert {name for name, verdict in found.items() if verdict.official} == resolved
            assert {name for name, verdict in found.items() if verdict.outcome is Outcome.PASSED} == resolved
            assert {verdict.cause for verdict in found.values()} == {
                {"gold": "", "wrong": "tests", "lost": "does-not-apply"}[kind]
            }
            assert all(not verdict.note for verdict in found.values()), "each has its canary"
            assert official(swebench_rows, patches, kind, tmp_path) == resolved

    def test_the_commands_that_apply_a_patch_are_the_harness_own(self) -> None:
        from swebench.harness.run_evaluation import GIT_APPLY_CMDS

        assert list(grade_harness.APPLY) == GIT_APPLY_CMDS

    def test_an_instance_is_validated_as_any_task(self, swebench_rows: Path) -> None:
        flask = selected(SwebenchBenchmark(data=swebench_rows), Selection(ids=(NAMES[1],)))
        (check,) = validate(flask, choose("docker"), run="swe", repeats=1)
        assert check.problem == ""

    def test_no_agent_may_hold_its_solution_or_its_tests(self, tasks: dict[str, Task]) -> None:
        task = tasks[NAMES[1]]
        known = secrets([task])
        for told, kind in (
            (task.name, "the name of a task"),
            (added_lines(task.grading.gold.decode()), "a line of a solution"),
            (added_lines(str(task.grading.row["test_patch"])), "a line of a hidden test"),
        ):
            leak = first_leak({}, {b"notes.py": File(told.encode())}, known)
            assert leak is not None, kind
            assert leak.kind in (kind, "the name of a hidden test")

    def test_an_empty_patch_is_not_run(self, tasks: dict[str, Task]) -> None:
        verdict = grade_patch(tasks[NAMES[1]], b"\n", choose("docker"), run="swe", job="empty", slot=0)
        assert (verdict.outcome, verdict.cause, verdict.official) == (Outcome.FAILED, "unchanged", False)

    def test_a_log_without_results_is_judged_by_the_solutions(self, tasks: dict[str, Task]) -> None:
        task = tasks[NAMES[1]]
        assert isinstance(task.grading, Harness)
        row = task.grading.row
        full = Harness(row={**row, "eval_script": "echo No space left on device"}, gold=task.grading.gold)
        with pytest.raises(SandboxError, match="finds no results in its own solution's log"):
            grade_patch(replace(task, grading=full), WRONG, choose("docker"), run="swe", job="full", slot=0)
        script = f"cd /testbed; [ -e hgm.txt ] && exit\n{row['eval_script']}"
        mute = Harness(row={**row, "eval_script": script}, gold=task.grading.gold)
        verdict = grade_patch(replace(task, grading=mute), WRONG, choose("docker"), run="swe", job="mute", slot=0)
        assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "tests")

    def test_a_canary_that_takes_too_long_is_no_tampering(
        self, tasks: dict[str, Task], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = tasks[NAMES[1]]
        assert isinstance(task.grading, Harness)
        monkeypatch.setattr(grade_harness, "_SETUP_S", 0.0)
        before, mark, after = str(task.grading.row["eval_script"]).partition(": '>>>>> Start Test Output'")
        script = f"{before}grep -rqs hgm_canary tests && sleep 300\n{mark}{after}"
        assert mark
        slow = Harness(row={**task.grading.row, "eval_script": script}, gold=task.grading.gold, deadline_s=15.0)
        room = room_for(task, choose("docker"), run="swe", job="slow", slot=0)
        verdict = grade_harness.grade(slow, task.grading.gold, room)
        assert (verdict.outcome, verdict.cause, verdict.official) == (Outcome.FAILED, "deadline", True)

    def test_a_patch_that_makes_every_test_pass_is_tampering(self, tasks: dict[str, Task]) -> None:
        task = tasks[NAMES[1]]
        hook = (
            "import pytest\n\n\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
            "    report = yield\n    report.outcome = 'passed'\n    report.longrepr = None\n    return report\n"
        )
        lines = "".join(f"+{line}\n" for line in hook.splitlines())
        count = len(hook.splitlines())
        head = "diff --git a/conftest.py b/conftest.py\nnew file mode 100644\n--- /dev/null\n+++ b/conftest.py\n"
        cheat = f"{head}@@ -0,0 +1,{count} @@\n{lines}"
        verdict = grade_patch(task, cheat.encode(), choose("docker"), run="swe", job="cheat", slot=0)
        assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "tampering")
        assert verdict.official, "the harness's own verdict stays as it is"

    def test_nothing_hidden_is_in_the_agents_sandbox(self, tasks: dict[str, Task]) -> None:
        for task in tasks.values():
            hidden = blocks(str(task.grading.row["test_patch"]))
            told = looked(provider_for(task, choose("docker")), hidden)
            assert hidden
            assert told["commits"] == 1
            assert told["files"] > 500
            assert told["objects"] > 100
            assert told["found"] == [], task.name


def looked(provider: SandboxProvider, hidden: list[str]) -> dict[str, Any]:
    """What LOOK finds in a sandbox."""
    spec = SandboxSpec(run="swe", job="look", limits=Limits(memory_mb=2048, deadline_s=300.0))
    with provider.open(spec) as box:
        ended = box.run([provider.python, "-c", LOOK], stdin=json.dumps(hidden).encode())
    found: dict[str, Any] = json.loads(ended.output)
    return found


def added_lines(patch: str) -> str:
    return "\n".join(line[1:] for line in patch.splitlines() if line.startswith("+") and not line.startswith("+++"))


def blocks(patch: str) -> list[str]:
    """What a patch adds, each run of lines as one text."""
    found: list[list[str]] = [[]]
    for line in patch.splitlines():
        if line.startswith("+") and not line.startswith("+++"):
            found[-1].append(line[1:])
        elif found[-1]:
            found.append([])
    return [text for lines in found if len(text := "\n".join(lines).strip()) > 60]


LOOK = r"""
import json, os, subprocess, sys
hidden = [line.encode() for line in json.load(sys.stdin)]
found, files, objects = set(), 0, 0
def look(data):
    found.update(line.decode() for line in hidden if line in data)
for place, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(place, f) not in ("/proc", "/sys", "/dev", "/hgm.in")]
    for name in names:
        path = os.path.join(place, name)
        if os.path.isfile(path) and not os.path.islink(path):
            files += 1
            try:
                look(open(path, "rb").read())
            except PermissionError:
                pass
    if "objects" in folders and "refs" in folders:
        every = ["git", "--git-dir", place, "cat-file", "--batch-all-objects"]
        look(subprocess.run([*every, "--batch"], capture_output=True).stdout)
        listed = subprocess.run([*every, "--batch-check"], capture_output=True, text=True).stdout
        objects += len(listed.splitlines())
        commits = listed.count(" commit ")
print(json.dumps({"found": sorted(found), "files": files, "objects": objects, "commits": commits}))
"""


def official(rows: Path, patches: dict[str, bytes], kind: str, folder: Path) -> set[str]:
    """What `swebench eval` resolves."""
    lines = [
        {"instance_id": name, "model_name_or_path": "m", "model_patch": patch.decode()}
        for name, patch in patches.items()
    ]
    predictions = written(folder, *lines, name=f"{kind}.jsonl")
    command = [str(Path(sys.executable).parent / "swebench"), "eval", str(rows), "-p", str(predictions)]
    command += ["--run-id", f"hgm-{kind}-{folder.name}", "-j", "2", "--report-dir", str(folder)]
    for _ in range(5):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        # Its report lists all containers here and fails if another test's goes meanwhile; what is graded stays.
        if "No such container" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr[-2000:]
    (report,) = folder.glob(f"m.hgm-{kind}-*.json")
    return set(json.loads(report.read_text())["resolved_ids"])


AGENT = """\
import pathlib, subprocess, sys
if "--self-test" in sys.argv:
    sys.exit(0)
for patch in sorted(pathlib.Path("/hgm/agent").glob("*.diff")):
    if not subprocess.run(["git", "apply", "--check", str(patch)], capture_output=True).returncode:
        subprocess.run(["git", "apply", str(patch)], check=True)
"""
MANIFEST = b'protocol = 1\nname = "knows"\ncommand = ["python3", "/hgm/agent/main.py"]\nrelay = false\n'


@pytest.fixture(scope="module")
def lab(
    benchmark: SwebenchBenchmark, tasks: dict[str, Task], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """Whose agent makes the gold edit in the sandbox."""
    patches = {f"{name}.diff".encode(): File(task.grading.gold) for name, task in tasks.items()}
    agent = {b"agent.toml": File(MANIFEST), b"main.py": File(AGENT.encode()), **patches}
    assert read_manifest(agent).name == "knows"
    with small_lab(tmp_path_factory.mktemp("swe") / "run", agent, sandbox="docker") as lab:
        yield replace(lab, benchmark=benchmark)


@pytest.mark.needs("swebench")
@pytest.mark.timeout(900)
def test_an_agent_that_makes_the_gold_edit_resolves_all(lab: Lab, tasks: dict[str, Task]) -> None:
    for number, task in enumerate(tasks.values()):
        job = evaluation(lab, number)._replace(task=task.id, split=task.split)
        found = evaluate(job, lab, 0)
        assert (found.outcome, found.cause, found.official) == (Outcome.PASSED, "", True), found.detail
        assert (lab.grading / f"{job.id}.patch").read_bytes().startswith(b"diff --git")


@pytest.mark.needs("swebench")
def test_an_agent_that_does_nothing_resolves_nothing(lab: Lab, tasks: dict[str, Task], tmp_path: Path) -> None:
    idle = {b"agent.toml": File(MANIFEST), b"main.py": File(b"")}
    with small_lab(tmp_path / "run", idle, sandbox="docker") as other:
        task = tasks[NAMES[1]]
        job = evaluation(other)._replace(task=task.id, split=task.split)
        found = evaluate(job, replace(other, benchmark=lab.benchmark), 0)
    assert (found.outcome, found.cause) == (Outcome.FAILED, "unchanged")
