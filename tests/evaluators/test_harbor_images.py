"""Tasks in Harbor's format that bring images, lists of splits, and wishes that cannot be granted here."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluators.base import Split
from evaluators.grading import grade_once, grade_reference
from evaluators.harbor import HarborBenchmark
from evaluators.registry import validate
from hgm.cli.app import app
from hgm.errors import ConfigError, EvaluatorError
from sandboxes import shelf
from sandboxes.base import File, SandboxProvider
from sandboxes.choose import choose
from sandboxes.engine import connect
from sandboxes.images import image_name
from sandboxes.recipes import build
from tests.evaluators.test_harbor import TOML, only_task
from trees.records import Outcome

IMAGE_TASK = {
    "task.toml": TOML,
    "instruction.md": "Move the numbers of old.txt, sorted, to new.txt.\n",
    "environment/Dockerfile": f"FROM {image_name()}\nRUN mkdir /srv/work && seq 9 -1 1 >/srv/work/old.txt\n"
    "COPY note.txt /srv/work/\nWORKDIR /srv/work\n",
    "environment/note.txt": "Numbers.\n",
    "tests/test.sh": '[ ! -e old.txt ] && [ "$PWD" = /srv/work ] && seq 1 9 | cmp - new.txt && [ -s note.txt ] && '
    "echo 1 >/logs/verifier/reward.txt || echo 0 >/logs/verifier/reward.txt\n",
    "solution/solve.sh": "sort -n old.txt >new.txt\nrm old.txt\n",
}

SORTED = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"


def write(folder: Path, files: Mapping[str, str], name: str = "sort") -> HarborBenchmark:
    for path, text in files.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(text)
    return HarborBenchmark(folder)


@pytest.fixture
def benchmark(tmp_path: Path) -> HarborBenchmark:
    return write(tmp_path / "own", IMAGE_TASK)


@pytest.fixture
def docker(benchmark: HarborBenchmark) -> Iterator[SandboxProvider]:
    """With the image of the task, which is gone afterwards."""
    environment = only_task(benchmark).environment
    assert environment is not None
    assert environment.recipe is not None
    build(connect(), environment.recipe, progress=lambda line: None)
    yield choose("docker")
    shelf.remove_name(connect(), environment.image)


def test_an_image_of_its_own_is_named_by_what_it_is_made_of(benchmark, tmp_path) -> None:
    task = only_task(benchmark)
    assert (task.workspace, task.environment.folder, task.environment.is_ours) == ({}, "/srv/work", False)
    other = write(tmp_path / "other", {**IMAGE_TASK, "environment/note.txt": "Other.\n"})
    assert only_task(other).environment.image != task.environment.image


def test_a_published_image_needs_no_dockerfile(tmp_path) -> None:
    files = {name: text for name, text in IMAGE_TASK.items() if not name.startswith("environment/")}
    table = '[environment]\ndocker_image = "example.org/sort:1"\nworkdir = "/data"\nmemory = "8G"\n'
    needs = only_task(write(tmp_path, {**files, "task.toml": TOML + table})).environment
    assert (needs.image, needs.recipe, needs.folder) == ("example.org/sort:1", None, "/data")
    assert needs.memory_mb == 8192


@pytest.mark.needs("docker")
def test_such_a_task_is_sound(benchmark, docker) -> None:
    assert [check.problem for check in validate(benchmark, docker, run="harbor", repeats=2)] == [""]


@pytest.mark.needs("docker")
@pytest.mark.parametrize(
    ("removed", "new", "outcome"),
    [
        (True, SORTED, Outcome.PASSED),
        (True, b"9\n", Outcome.FAILED),
        (False, SORTED, Outcome.FAILED),
    ],
)
def test_what_an_agent_removed_and_added_counts(benchmark, docker, removed, new, outcome) -> None:
    task = replace(only_task(benchmark), workspace={b"old.txt": File(b"x")} if removed else {})
    files = {b"new.txt": File(new)} if new else {}
    assert grade_once(task, files, docker, run="harbor", job="g", slot=0).outcome is outcome


@pytest.mark.needs("docker")
def test_the_verifiers_variables_reach_its_script(tmp_path, docker) -> None:
    script = '#!/bin/bash\n[ "$WANTED" = "a b" ] && echo 1 > /logs/verifier/reward.txt\n'
    table = TOML + '[verifier.env]\nWANTED = "a b"\n'
    task = only_task(write(tmp_path / "own", {**IMAGE_TASK, "task.toml": table, "tests/test.sh": script}))
    assert grade_once(task, {}, docker, run="harbor", job="g", slot=0).outcome is Outcome.PASSED


@pytest.mark.needs("docker")
def test_a_solution_that_does_not_work_is_seen(tmp_path, docker) -> None:
    task = only_task(write(tmp_path / "own", {**IMAGE_TASK, "solution/solve.sh": "touch new.txt\n"}))
    assert grade_reference(task, docker, run="harbor", job="g", slot=0).cause == "tests"


@pytest.mark.needs("docker")
def test_nothing_is_built_unless_allowed(benchmark, tmp_path) -> None:
    ask = CliRunner()
    command = ["evaluate", "seed", "--benchmark", str(benchmark.folder), "--runs-dir", str(tmp_path / "runs")]
    told = ask.invoke(app, [*command, "--sandbox", "docker"])
    assert "hgm-task:" in str(told.exception)
    assert "--allow-build" in str(told.exception)
    told = ask.invoke(app, [*command, "--sandbox", "bubblewrap", "--allow-build"])
    assert "images of their own" in str(told.exception)
    told = ask.invoke(app, [*command, "--sandbox", "docker", "--allow-build"])
    try:
        assert told.exit_code == 0
        assert "with the network" in told.output
    finally:
        told = ask.invoke(app, ["benchmark", "images", str(benchmark.folder), "--prune"])
        assert "removed 1 image" in told.output


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"task.toml": TOML + "[environment]\ngpus = 1\n"}, "it needs a GPU or TPU"),
        ({"task.toml": TOML + '[environment]\nos = "windows"\n'}, "it is for another system than Linux"),
        ({"task.toml": TOML + "[environment]\nallow_internet = true\n"}, "it needs a network"),
        ({"task.toml": TOML + '[environment]\nnetwork_mode = "public"\n'}, "it needs a network"),
        ({"task.toml": TOML + '[environment.env]\nKEY = "${KEY}"\n'}, "its environment takes variables of the host"),
        ({"task.toml": TOML + '[verifier.env]\nKEY = "${KEY}"\n'}, "its verifier takes variables of the host"),
        ({"environment/docker-compose.yaml": "x"}, "it needs other services (environment/docker-compose.yaml)"),
        (
            {"tests/test.sh": "#!/bin/bash\napt-get update\npytest\n"},
            "its tests download something ('apt-get update' in tests/test.sh): grading has no network",
        ),
        (
            {"tests/test.sh": "curl -LsSf https://example.org/install.sh | sh\n"},
            "its tests download something ('curl -' in tests/test.sh): grading has no network",
        ),
    ],
)
def test_a_task_that_cannot_be_done_here_is_left_out_by_name(tmp_path, changed, reason) -> None:
    with pytest.raises(ConfigError, match=r"no task of .* can be done here; me/add, for one: "):
        write(tmp_path / "alone", {**IMAGE_TASK, **changed})
    write(tmp_path / "both", {**IMAGE_TASK, "task.toml": TOML.replace("me/add", "me/sort")})
    benchmark = write(tmp_path / "both", {**IMAGE_TASK, **changed}, name="other")
    assert benchmark.refused == {"me/add": reason}
    assert only_task(benchmark).name == "me/sort"


@pytest.mark.parametrize("line", ["curl http://localhost:8000/x\n", "# apt-get update\n", "echo curly; updates=1\n"])
def test_what_only_looks_like_a_download_is_none(tmp_path, line) -> None:
    assert write(tmp_path, {**IMAGE_TASK, "tests/test.sh": line}).refused == {}


def test_the_older_spellings_are_read(tmp_path) -> None:
    record = 'version = "1.0"\n[metadata]\ndifficulty = "easy"\ncategory = "files"\n'
    task = only_task(write(tmp_path, {**IMAGE_TASK, "task.toml": record}))
    assert (task.name, task.groups) == ("sort", {"difficulty": "easy", "category": "files"})


def test_a_dataset_may_keep_its_tasks_in_a_folder(tmp_path) -> None:
    write(tmp_path / "tasks", IMAGE_TASK)
    assert only_task(HarborBenchmark(tmp_path)).name == "me/add"


def test_lists_say_the_split(tmp_path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "sealed.txt").write_text("# secret\nme/add\n")
    assert only_task(write(tmp_path, IMAGE_TASK)).split is Split.SEALED
    (tmp_path / "splits" / "dev.txt").write_text("me/add\n")
    with pytest.raises(EvaluatorError, match=r"'me/add' is in dev\.txt and in sealed\.txt"):
        HarborBenchmark(tmp_path)
    (tmp_path / "splits" / "dev.txt").write_text("me/ad\n")
    with pytest.raises(EvaluatorError, match="'me/ad', which is no task"):
        HarborBenchmark(tmp_path)
