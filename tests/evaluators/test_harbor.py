import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from evaluators.base import Compared, Script, Split, Suite
from evaluators.builtin import hand_written
from evaluators.grade_script import read_reward
from evaluators.grading import grade, grade_once
from evaluators.harbor import HarborBenchmark
from evaluators.patches import overlay
from evaluators.registry import validate
from evaluators.solutions import solve
from evaluators.splits import split_of
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import File
from tests.evaluators.conftest import make_task
from trees.records import Outcome

TASKS = Path(hand_written().folder)
TOML = """\
schema_version = "1.4"
artifacts = ["/workspace"]

[task]
name = "me/add"

[agent]
timeout_sec = 30.0

[metadata.other]
anything = 1
"""
FILES = {
    "task.toml": TOML,
    "instruction.md": "Make `add` add.\n",
    "environment/Dockerfile": "FROM python:3.12-slim\n# plain\nWORKDIR /workspace\nCOPY workspace/ /workspace/\n",
    "environment/workspace/add.py": "def add(a, b):\n    return a - b\n",
    "tests/test.sh": "cd /workspace\nmkdir -p /logs/verifier\npython3 /tests/try.py > /logs/verifier/reward.txt\n",
    "tests/try.py": "import sys\nsys.path[0] = '/workspace'\nfrom add import add\nprint(1 if add(1, 2) == 3 else 0)\n",
    "solution/solve.sh": "sed -i 's/a - b/a + b/' add.py\n",
}


def write(folder: Path, *, name: str = "add", **changed: str | None) -> HarborBenchmark:
    """A benchmark of one task; `changed` replaces files, None leaves one out (`/` and `.` written as `__` and `_`)."""
    names = {path.replace("/", "__").replace(".", "_"): path for path in FILES}
    files = {**FILES, **{names.get(key, key): text for key, text in changed.items()}}
    for path, text in files.items():
        if text is not None:
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)
    return HarborBenchmark(folder)


def only_task(benchmark: HarborBenchmark):
    (task_id,) = (task_id for split in Split for task_id in benchmark.tasks(split))
    return benchmark.task(task_id)


def test_a_foreign_task_is_read(tmp_path):
    task = only_task(write(tmp_path))
    assert task.statement == "Make `add` add.\n"
    assert task.workspace == {b"add.py": File(FILES["environment/workspace/add.py"].encode())}
    assert task.deadline_s == 30
    assert isinstance(task.grading, Script)
    assert set(task.grading.files) == {b"test.sh", b"try.py"}
    assert set(task.solution) == {b"solve.sh"}
    assert "add" not in task.id


@pytest.mark.needs("bubblewrap")
class TestInSandbox:
    def test_a_foreign_task_is_solved_and_graded_by_its_own_scripts(self, tmp_path, provider):
        task = only_task(write(tmp_path))
        base, solved = solve(task, provider, run="test", job="solve", slot=0)
        assert base == task.workspace
        assert solved[b"add.py"].data == b"def add(a, b):\n    return a + b\n"
        assert grade(task, solved, provider, run="test", job="g", slot=0).outcome is Outcome.PASSED
        found = grade(task, task.workspace, provider, run="test", job="g", slot=0)
        assert (found.outcome, found.cause) == (Outcome.FAILED, "tests")

    @pytest.mark.parametrize(
        ("script", "cause"),
        [
            ("exit 0\n", "no-reward"),
            ("echo nonsense > /logs/verifier/reward.txt\n", "no-reward"),
            ("echo nan > /logs/verifier/reward.txt\n", "no-reward"),
            ("echo 0.99 > /logs/verifier/reward.txt\n", "tests"),
            ("ln -s /etc/passwd /logs/verifier/reward.txt\n", "no-reward"),
            ('echo \'{"a": 1, "b": 1}\' > /logs/verifier/reward.json\n', "no-reward"),
        ],
    )
    def test_only_a_reward_passes(self, tmp_path, provider, script, cause):
        task = only_task(write(tmp_path, tests__test_sh=script))
        found = grade(task, task.workspace, provider, run="test", job="g", slot=0)
        assert (found.outcome, found.cause) == (Outcome.FAILED, cause)

    def test_a_reward_in_json_passes(self, tmp_path, provider):
        task = only_task(write(tmp_path, tests__test_sh="echo '{\"reward\": 1}' > /logs/verifier/reward.json\n"))
        assert grade(task, task.workspace, provider, run="test", job="g", slot=0).outcome is Outcome.PASSED

    def test_a_reward_that_the_agent_left_behind_is_dropped(self, tmp_path, provider):
        task = only_task(write(tmp_path, tests__test_sh="exit 0\n"))
        files = {**task.workspace, b".hgm-logs/verifier/reward.txt": File(b"1")}
        assert grade(task, files, provider, run="test", job="g", slot=0).cause == "no-reward"

    def test_an_endless_script_fails(self, tmp_path, provider):
        task = only_task(write(tmp_path, tests__test_sh="while true; do :; done\n"))
        task = replace(task, grading=replace(task.grading, deadline_s=0.5))
        assert grade_once(task, task.workspace, provider, run="test", job="g", slot=0).cause == "deadline"

    def test_a_solution_that_fails_is_the_benchmarks_fault(self, tmp_path, provider):
        benchmark = write(tmp_path, solution__solve_sh="exit 3\n")
        (row,) = validate(benchmark, provider, run="validate")
        assert "solution/solve.sh ends with exited, 3" in row.problem

    def test_a_task_that_is_solved_already_is_named(self, tmp_path, provider):
        benchmark = write(tmp_path, tests__test_sh="echo 1 > /logs/verifier/reward.txt\n")
        (row,) = validate(benchmark, provider, run="validate")
        assert "untouched workspace passes" in row.problem

    def test_a_suite_task_is_graded_by_its_expected_tests(self, tmp_path, provider):
        toml = TOML + '[metadata.hgm]\ngrading = "suite"\n[metadata.hgm.suite]\nexpected = ["test_add.py::test_add"]\n'
        tests = "from add import add\n\n\ndef test_add():\n    assert add(2, 2) == 4\n"
        benchmark = write(tmp_path, task_toml=toml, **{"tests/test_add.py": tests})
        assert isinstance(only_task(benchmark).grading, Suite)
        (row,) = validate(benchmark, provider, run="validate")
        assert row.problem == ""

    def test_every_hand_written_task_is_sound(self, provider):
        assert [
            (row.task, row.problem) for row in validate(hand_written(), provider, run="validate") if row.problem
        ] == []

    def test_the_scripts_of_hand_written_tasks_agree_with_our_grader(self, provider):
        """What Harbor itself would run: solve.sh, then test.sh."""
        benchmark = hand_written()
        for task_id in (task_id for split in Split for task_id in benchmark.tasks(split)[:2]):
            folder = benchmark._places[task_id][0]
            tests = {path.name.encode(): File(path.read_bytes()) for path in (folder / "tests").iterdir()}
            solution = {
                str(path.relative_to(folder / "solution")).encode(): File(path.read_bytes())
                for path in (folder / "solution").rglob("*")
                if path.is_file()
            }
            task = replace(benchmark.task(task_id), grading=Script(files=tests), solution=solution)
            _, solved = solve(task, provider, run="test", job="solve", slot=0)
            assert solved == overlay(task.workspace, task.reference)
            assert grade(task, solved, provider, run="test", job="g", slot=0).outcome is Outcome.PASSED
            assert grade(task, task.workspace, provider, run="test", job="g", slot=0).cause == "tests"

    @pytest.mark.parametrize(
        "source",
        [
            "import os\nos._exit(0)\n",
            "import sys\nsys.exit(0)\n",
            "def allowed(*args):\n    import os\n    os._exit(0)\n",
            "open('/logs/verifier/reward.txt', 'w').write('1')\n",
            "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n",
            "from right import allowed as old\ndef allowed(*args):\n    return [int(x) for x in old(*args)]\n",
            "from right import allowed as old\ndef allowed(*args):\n    print('[true]')\n    return old(*args) + [0]\n",
        ],
    )
    def test_the_scripts_of_hand_written_tasks_stop_an_early_end_and_equal_values(self, provider, source):
        files = scripted("limiter", source)
        task = make_task(Script(files=files.tests), workspace=files.workspace)
        found = grade(task, task.workspace, provider, run="test", job="g", slot=0)
        assert (found.outcome, found.cause) == (Outcome.FAILED, "tests")

    def test_the_scripts_of_hand_written_tasks_pass_a_solution_that_prints(self, provider):
        files = scripted("limiter", "from right import allowed\nprint('noise')\n")
        task = make_task(Script(files=files.tests), workspace=files.workspace)
        assert grade(task, task.workspace, provider, run="test", job="g", slot=0).outcome is Outcome.PASSED


class Scripted(NamedTuple):
    tests: dict[bytes, File]
    workspace: dict[bytes, File]


def scripted(name: str, source: str) -> Scripted:
    """A hand-written task's own tests, and this in place of its module; `right` is the reference."""
    folder = TASKS / name
    tests = {path.name.encode(): File(path.read_bytes()) for path in (folder / "tests").iterdir()}
    (module,) = (folder / "solution" / "workspace").iterdir()
    return Scripted(tests, {module.name.encode(): File(source.encode()), b"right.py": File(module.read_bytes())})


def test_the_scripts_of_hand_written_tasks_differ_in_what_they_call_only():
    texts = [path.read_text().splitlines() for path in sorted(TASKS.glob("*/tests/grade.py"))]
    assert len(texts) >= 15
    assert len({"\n".join(line for line in text if not line.startswith("MODULE, ")) for text in texts}) == 1
    assert len({path.read_text() for path in TASKS.glob("*/tests/test.sh")}) == 1


def test_hand_written_tasks_are_many_and_hide_their_cases():
    ids = [task_id for split in Split for task_id in hand_written().tasks(split)]
    assert len(ids) >= 15
    for task_id in ids:
        task = hand_written().task(task_id)
        assert isinstance(task.grading, Compared)
        assert len(task.grading.cases) >= 8
        assert b"check.py" in task.workspace
        assert task.reference.keys() <= task.workspace.keys()
        assert all(task.workspace[path] != file for path, file in task.reference.items())


HGM = "[metadata.hgm]\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"task_toml": TOML.replace("1.4", "2.0")}, "schema_version: Input should be '1.0'"),
        ({"task_toml": "schema_version = "}, "Invalid value"),
        ({"task_toml": TOML.replace("me/add", "../../etc")}, "task.name: String should match"),
        ({"task_toml": TOML.replace("30.0", "-1")}, "agent.timeout_sec: Input should be greater"),
        ({"task_toml": TOML + '[environment]\ndocker_image = "--x"\n'}, "environment.docker_image"),
        ({"task_toml": TOML + '[environment]\nmemory = "much"\n'}, "write it as 2G or 512M"),
        ({"task_toml": TOML + "[verifier.environment]\ncpus = 1\n"}, "verifier.environment"),
        ({"task_toml": TOML + "[[steps]]\n"}, "steps"),
        ({"task_toml": TOML + HGM + "gradign = 1\n"}, "metadata.hgm.gradign: Extra inputs"),
        ({"task_toml": TOML + HGM + 'split = "train"\n'}, "metadata.hgm.split"),
        (
            {"task_toml": TOML + "[metadata.hgm.compared]\n" + 'module = "/etc/x.py"\nfunction = "f"\n'},
            "compared.module",
        ),
        ({"task_toml": "a = " + "[" * 100_000}, "task.toml"),
    ],
)
def test_a_task_file_with_a_mistake_is_refused_when_the_benchmark_is_opened(tmp_path, changed, said):
    with pytest.raises(EvaluatorError) as caught:
        write(tmp_path, **changed)
    assert said in str(caught.value)
    assert str(tmp_path / "add") in str(caught.value)


COMPARED = TOML + HGM + 'grading = "compared"\n[metadata.hgm.compared]\nmodule = "add.py"\nfunction = "add"\n'


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instruction_md": None}, "instruction.md is missing"),
        ({"tests__test_sh": None}, "tests/test.sh is missing"),
        ({"environment__Dockerfile": None}, "environment/Dockerfile is missing"),
        ({"solution__solve_sh": None}, "solution/solve.sh is missing"),
        ({"environment__Dockerfile": "FROM x\nRUN true\nWORKDIR /\n"}, "its working directory '/'"),
        ({"environment__Dockerfile": "FROM x\nRUN true\nWORKDIR ../x\n"}, "its working directory '../x'"),
        (
            {"environment__Dockerfile": "FROM x\nRUN true\n", "task_toml": TOML + HGM + 'reference = "solution"\n'},
            "in an image of its own a task is graded by its script",
        ),
        ({"task_toml": TOML + HGM + 'grading = "compared"\n'}, "no [metadata.hgm.compared]"),
        ({"task_toml": TOML + HGM + 'grading = "suite"\n'}, "no [metadata.hgm.suite]"),
        ({"task_toml": TOML + HGM + 'grading = "suite"\n[metadata.hgm.suite]\nexpected = []\n'}, "ids of its tests"),
        ({"task_toml": TOML + HGM + 'reference = "solution/none"\n'}, "no file below solution/none"),
        ({"task_toml": COMPARED}, "tests/cases.jsonl is missing"),
        ({"task_toml": COMPARED, "tests/cases.jsonl": "\n\n"}, "holds no case"),
        ({"task_toml": COMPARED, "tests/cases.jsonl": "{"}, "cases.jsonl, line 1"),
        ({"task_toml": COMPARED, "tests/cases.jsonl": '{"args": [1]}'}, "expected: Field required"),
        ({"task_toml": COMPARED, "tests/cases.jsonl": '{"args": [1], "expected": NaN}'}, "not a finite number"),
        ({"task_toml": COMPARED, "tests/cases.jsonl": "[" * 100_000}, "cases.jsonl, line 1"),
    ],
)
def test_a_part_that_is_missing_or_unusable_is_named(tmp_path, changed, said):
    benchmark = write(tmp_path, **changed)
    with pytest.raises(EvaluatorError) as caught:
        only_task(benchmark)
    assert said in str(caught.value)


def test_bytes_that_are_not_text_are_refused(tmp_path):
    benchmark = write(tmp_path)
    (tmp_path / "add" / "instruction.md").write_bytes(b"\xff\xfe")
    with pytest.raises(EvaluatorError, match="not UTF-8"):
        only_task(benchmark)


@pytest.mark.parametrize("place", ["environment/workspace/leak", "tests/leak", "solution/leak", "leak"])
def test_a_link_is_refused_wherever_it_leads(tmp_path, place):
    benchmark = write(tmp_path)
    (tmp_path / "add" / place).symlink_to("/etc/passwd")
    with pytest.raises(EvaluatorError, match="links and devices are refused"):
        only_task(benchmark)


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    benchmark = write(tmp_path / "real")
    shutil.rmtree(tmp_path / "real" / "add" / "tests")
    (tmp_path / "real" / "add" / "tests").symlink_to("/etc")
    with pytest.raises(EvaluatorError, match="links and devices"):
        only_task(benchmark)


def test_a_fifo_does_not_hang(tmp_path):
    benchmark = write(tmp_path)
    os.mkfifo(tmp_path / "add" / "tests" / "pipe")
    with pytest.raises(EvaluatorError, match="not a regular file"):
        only_task(benchmark)


def test_a_task_file_that_is_a_link_is_refused(tmp_path):
    write(tmp_path)
    (tmp_path / "other.toml").write_text(TOML)
    (tmp_path / "add" / "task.toml").unlink()
    (tmp_path / "add" / "task.toml").symlink_to(tmp_path / "other.toml")
    with pytest.raises(EvaluatorError):
        HarborBenchmark(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"), [("nothing", "No such file"), ("file", "Not a directory"), ("empty", "task.toml")]
)
def test_a_folder_without_tasks_is_the_users_error(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=said):
        HarborBenchmark(tmp_path / name)


def test_two_tasks_of_one_name_are_refused(tmp_path):
    write(tmp_path, name="one")
    with pytest.raises(EvaluatorError, match="another task has the name 'me/add' too"):
        write(tmp_path, name="two")


def test_the_fingerprint_covers_every_byte_of_every_task(tmp_path):
    before = write(tmp_path).fingerprint()
    assert HarborBenchmark(tmp_path).fingerprint() == before
    (tmp_path / "add" / "tests" / "try.py").write_text("print(1)\n")
    assert HarborBenchmark(tmp_path).fingerprint() != before


def test_the_split_is_the_tasks_own_or_a_hash_of_its_name(tmp_path):
    one = only_task(write(tmp_path / "a"))
    assert one.split == split_of("harbor", "me/add")
    own = write(tmp_path / "b", task_toml=TOML + HGM + 'split = "sealed"\n')
    assert len(own.tasks(Split.SEALED)) == 1


def test_most_tasks_are_for_search_and_some_for_each_split_but_dev():
    found = Counter(split_of("some benchmark", str(number)) for number in range(1000))
    assert found[Split.SEARCH] > found[Split.SEALED] > found[Split.SELECT] > 100
    assert found[Split.DEV] == 0


@pytest.mark.parametrize(
    ("name", "text", "reward"),
    [
        ("reward.txt", b"1\n", 1.0), ("reward.txt", b" 0.5 ", 0.5), ("reward.txt", b"", None),
        ("reward.txt", b"inf", None), ("reward.txt", b"\xff", None), ("reward.txt", b"3 of 3 passed\n1\n", None),
        ("reward.json", b'{"reward": 0.25}', 0.25), ("reward.json", b'{"score": 1}', 1.0),
        ("reward.json", b"[1]", None), ("reward.json", b"{", None), ("reward.json", b"1e999", None),
        ("reward.json", b'{"reward": "1"}', None), ("reward.json", b"[" * 100_000, None),
        ("other", b"1", None),
        ("reward.json", b'{"reward": 1' + b"0" * 400 + b"}", None),
    ],
)  # fmt: skip
def test_rewards_are_finite_numbers(name, text, reward):
    assert read_reward({b".hgm-logs/verifier/" + name.encode(): File(text)}) == reward
