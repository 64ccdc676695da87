"""`hgm compare policies --live`: searches that are simulated, and a few with sandboxes, gateway and seed agent."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from evaluators.base import Split
from evaluators.registry import open_benchmark
from hgm.live import Search, begin, folder_name, pattern
from hgm.plan import is_finished
from hgm.run import create, read
from hgm.scratch import run_id
from sandboxes.leftovers import leftovers
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, created, go_on
from trees.simulation.comparison import contenders

COMPARE = ("compare", "policies", "--live")
SHORT = "random:root_evaluations=1,initial_expansions=1"


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A temporary folder that no other test's runs are in, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="hgm-t-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield


@pytest.fixture
def searched(finished: Path) -> Path:
    """The folder of four searches that begin as runs/done did, and whose jobs were simulated."""
    folder = finished.parent / "done-live"
    for contender in contenders(["greedy"]):
        for seed in (0, 1):
            path = folder / folder_name(contender.label, seed)
            begin(pattern(finished), Search(contender, seed), path)
            go_on(path)
    return folder


def contents(path: Path) -> dict[str, str]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): sha256(file.read_bytes()).hexdigest() for file in files}


def test_what_is_finished_is_read_and_not_run_again(hgm: Command, searched: Path) -> None:
    before = contents(searched)
    files = ("-o", "live.json", "--plot", "live.svg")
    said = hgm(*COMPARE, "done", "--policy", "greedy", "--seeds", "2", "--quiet", *files)
    assert said.code == 0
    assert contents(searched) == before
    assert "each policy searches as done did, with the budget of 60 that it began with" in said.out
    assert "2 policies x 2 seeds = 4 searches in runs/done-live, 4 of which are finished" in said.out
    assert "Equal for all: evaluations of the search itself, and not cost" in said.out
    rows = {line.split()[0]: line.split() for line in said.out.splitlines() if line.startswith(("hgm ", "greedy "))}
    assert {*rows} == {"hgm", "greedy"}
    told = json.loads(Path("live.json").read_text())
    assert told["kind"] == "live"
    means = {each["policy"]: each["mean"] for each in told["results"]}
    assert {name: row[1] for name, row in rows.items()} == {name: f"{mean:.3f}" for name, mean in means.items()}
    assert rows["hgm"][4] == "-", "the reference gains nothing over itself"
    progress = [line for line in said.err.splitlines() if line.startswith("[")]
    assert [line.partition(":")[0] for line in progress] == [
        f"[{number}/4] {policy}, seed {seed}"
        for number, (seed, policy) in enumerate([(s, p) for s in (0, 1) for p in ("hgm", "greedy")], start=1)
    ]
    assert "Real agents." in Path("live.svg").read_text()


def test_both_pictures_go_into_a_folder(hgm: Command, searched: Path) -> None:
    assert hgm(*COMPARE, "done", "--policy", "greedy", "--seeds", "2", "--plot", ".").code == 0
    assert "searches like done" in Path("scores.svg").read_text()
    assert "minus that of hgm with the same seed" in Path("differences.svg").read_text()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("nothing",), "no such run"),
        (("open",), "has no sealed tasks"),
        (("done", "--budget", "5"), "--budget does not go with --live: every search has the budget of RUN"),
        (("done", "--equal", "cost"), "--equal does not go with --live"),
        (("done", "-j", "0"), "-j does not go with --live"),
        (("done", "--family", "rare"), "--family does not go with --live"),
        (("done", "--landscape", "none.toml"), "--landscape does not go with --live"),
        (("done", "--table", "none.json"), "--table does not go with --live"),
        (("done", "--seeds", "1"), "--seeds 1"),
        (("done", "--first-seed", "-1"), "--first-seed -1"),
        (("done", "--workers", "0"), "--workers 0"),
        (("done", "--workers", "65"), "--workers 65"),
        (("done", "--policy", "luck"), "choose one of: hgm"),
        (("done", "-o", "nowhere/live.json"), "a folder that exists"),
        (("done", "--plot", "live.png"), ".svg"),
    ],
)
def test_what_cannot_be_is_a_users_error(hgm: Command, finished: Path, words: tuple[str, ...], remedy: str) -> None:
    create(finished.parent / "open", {**created(), "sealed_tasks": []}, SEED_AGENT)
    said = hgm(*COMPARE, *words)
    assert said.code == 2
    assert remedy in said.err
    assert not said.out
    assert {file.name for file in finished.parent.iterdir()} == {"done", "open"}


@pytest.mark.parametrize("words", [("--quiet",), ("--runs-dir", "elsewhere")])
def test_flags_of_real_searches_need_some(hgm: Command, words: tuple[str, ...]) -> None:
    said = hgm("compare", "policies", *words)
    assert said.code == 2
    assert f"{words[0]} is of real searches: it goes with --live RUN" in said.err


def test_a_folder_that_was_begun_differently_is_refused_before_anything_runs(hgm: Command, searched: Path) -> None:
    before = contents(searched)
    said = hgm(*COMPARE, "done", "--policy", "greedy", "--policy", "random", "--seeds", "2", "--workers", "5")
    assert said.code == 2
    assert "was begun differently, with config.workers" in said.err
    assert not said.out
    assert contents(searched) == before, "and no search of the new policy was begun"


@pytest.mark.needs("bubblewrap")
@pytest.mark.usefixtures("own_folder")
def test_real_searches_go_on_after_an_interrupt_and_are_compared(hgm: Command, tmp_path: Path) -> None:
    builtin = open_benchmark("builtin", None)
    tasks = [*builtin.tasks(Split.SEARCH)[:2], *builtin.tasks(Split.SEALED)[:1]]
    settings = (
        *("confirmation.select_tasks=0", "confirmation.sealed_repeats=1"),
        *("policy.options.initial_expansions=0", "policy.options.root_evaluations=1"),
    )
    options = [word for setting in settings for word in ("-o", setting)]
    words = ("--sandbox", "bubblewrap", "--workers", "2", "--sealed-tasks", "1", "--ids", ",".join(tasks), *options)
    assert hgm("search", "--budget", "2", "--run", "first", *words).code == 0
    before = contents(tmp_path / "runs" / "first")

    compare = (*COMPARE, "first", "--policy", SHORT, "--seeds", "2", "-o", "live.json")
    code, err = interrupted(compare, tmp_path)
    assert code == 130
    assert "interrupted: 1 of 4 searches are finished; the same command again goes on" in err
    assert not Path("live.json").exists()
    folder = tmp_path / "runs" / "first-live"
    first, second = folder / "hgm-0", folder / folder_name(SHORT, 0)
    assert {path.name for path in folder.iterdir()} == {first.name, second.name}, "all policies of a seed come first"
    assert is_finished(read(first))
    assert not is_finished(read(second))
    kept, begun = contents(first), read(second).jobs
    assert begun > 0

    said = hgm(*compare)
    assert said.code == 0, said.err
    assert "4 searches in runs/first-live, 1 of which are finished" in said.out
    assert "not a language model" in said.out
    assert "[searching " in said.out, "the usual display"
    assert contents(first) == kept, "what was finished is not run again"
    jobs = [item.job for item in read(second).evaluations]
    assert len(jobs) == len({*jobs}), "and nothing of what was begun either"
    told = json.loads((tmp_path / "live.json").read_text())
    assert [(each["run"], each["evaluations"]) for each in told["runs"]] == [
        (folder_name(label, seed), 2) for seed in (0, 1) for label in ("hgm", SHORT)
    ]
    assert all(each["shared_tasks"] == 1 and each["score"] in (0, 1) for each in told["runs"])
    assert contents(tmp_path / "runs" / "first") == before, "the run that they begin as is not touched"
    for path in folder.iterdir():
        assert read(path).created["sealed_tasks"] == read(tmp_path / "runs" / "first").created["sealed_tasks"]
        assert leftovers(run_id(path)) == []
        assert hgm("tree", "show", f"runs/first-live/{path.name}").code == 0


def interrupted(words: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """How the command ends on Ctrl-C in its second search, and what it says on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hgm", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            is_second = False
            for line in process.stdout:
                is_second = is_second or line.startswith("[finished")
                if is_second and line.startswith("[searching"):
                    break
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate()
        except BaseException:
            process.kill()
            raise
    return process.returncode, err
