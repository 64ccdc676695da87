"""The whole lab from the command line: real sandboxes, gateway, seed agent and the offline backbone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hgm import trajectories
from hgm.agents_by_name import BUNDLED, find_agent
from hgm.contract import read_agent
from hgm.plan import is_finished
from hgm.run import Folder, is_locked, read, read_events
from hgm.scratch import run_id
from sandboxes.base import File
from sandboxes.leftovers import leftovers
from tests.cli.command import Command
from trees.archive import Archive

pytestmark = [pytest.mark.needs("bubblewrap"), pytest.mark.usefixtures("own_folder")]

BUBBLEWRAP = ("--sandbox", "bubblewrap")
SMALL = (
    *BUBBLEWRAP,
    *("--workers", "2", "--sealed-tasks", "2", "-o", "confirmation.select_tasks=1", "-o", "confirmation.candidates=1"),
    *("-o", "confirmation.sealed_repeats=1", "-o", "policy.options.root_evaluations=2"),
    *("-o", "policy.options.initial_expansions=2"),
)


def test_a_search_grows_a_tree_and_everything_can_be_asked_about_it(hgm: Command, tmp_path: Path) -> None:
    said = hgm("search", "--budget", "6", "--run", "first", *SMALL)
    assert said.code == 0
    assert all("of the budget is used" in line for line in said.err.splitlines()), said.err
    assert "not a language model" in said.out
    assert "\x1b" not in said.out
    run = tmp_path / "runs" / "first"
    state = read(run)
    assert is_finished(state)
    assert said.out.count("[searching ") + said.out.count("[confirming ") >= 6
    assert sum(1 for line in said.out.splitlines() if line.startswith("[")) == state.jobs
    assert_nothing_is_left(run)

    assert hgm("resume", "first").code == 0, "a finished run shows its result again"
    assert read(run).jobs == state.jobs
    assert hgm("tree", "show", "first").code == 0
    assert hgm("runs", "list").out.count("finished") == 1
    assert hgm("tree", "best", "first", "--export", "mine").code == 0

    said = hgm("evaluate", "./mine", "--limit", "2", "--repeats", "2", "--json", "result.json", *BUBBLEWRAP)
    assert said.code == 0
    result = json.loads(Path("result.json").read_text())
    assert result["measured"] + len(result["unmeasured"]) == len(result["evaluations"]) == 4
    assert [item["repeat"] for item in result["evaluations"]] == [0, 0, 1, 1]
    assert find_agent("./mine", Path("runs")) == find_agent("first:best", Path("runs"))


def test_a_placebo_says_so(hgm: Command, tmp_path: Path) -> None:
    said = hgm("search", "--budget", "4", "--run", "placebo", "--editor", "placebo", *SMALL)
    assert said.code == 0
    assert "placebo" in said.out.partition("[searching")[0]
    assert "This was a placebo" in said.out
    assert len(read(tmp_path / "runs" / "placebo").nodes) > 1


def test_edits_by_chance_are_those_of_the_seed_and_go_on_after_a_resume(hgm: Command, tmp_path: Path) -> None:
    flags = (*SMALL, "--editor", "random", "--seed", "5", "--workers", "1", "--quiet")
    flags = (*flags, "--sealed-tasks", "0", "-o", "confirmation.select_tasks=0")
    for name in ("one", "other"):
        assert hgm("search", "--budget", "3", "--run", name, *flags).code == 0
    one, other = (read(tmp_path / "runs" / name) for name in ("one", "other"))
    assert one.essence() == other.essence()
    assert len(one.expansions) >= 2
    roles = {record.get("role") for record in records(tmp_path / "runs" / "one")} - {None}
    assert roles == {"solver"}, "no editor's and no diagnosis's model"
    said = hgm("resume", "other", "--budget", "+1")
    assert said.code == 0
    assert "These were random edits" in said.out
    assert "hgm (editor random)" in hgm("runs", "list").out


def test_a_fixed_editor_is_the_first_agent_for_good(hgm: Command, tmp_path: Path) -> None:
    shutil.copytree(BUNDLED / "seed", "mine")
    said = hgm("search", "--budget", "3", "--run", "fixed", "--agent", "./mine", "--editor", "fixed", *SMALL)
    assert said.code == 0
    assert "edited by the first agent" in said.out
    assert "The first agent made every child" in said.out
    before = read(tmp_path / "runs" / "fixed")
    assert before.created["editor"]["tree"] == before.nodes[0].tree
    shutil.rmtree("mine")
    assert hgm("resume", "fixed", "--budget", "+1", "--quiet").code == 0
    after = read(tmp_path / "runs" / "fixed")
    assert after.budget.evaluations == 4
    assert {"editor", "solver"} <= {record.get("role") for record in records(tmp_path / "runs" / "fixed")}


def records(run: Path) -> Iterator[dict[str, Any]]:
    """What the gateway wrote of all jobs."""
    for file in Folder(run).trajectories.iterdir():
        yield from trajectories.read(file)


def test_a_backbone_that_is_not_there_leaves_no_run(hgm: Command, tmp_path: Path) -> None:
    said = hgm("search", "--budget", "4", "--run", "none", "--backbone", "nobody/nothing", *SMALL)
    assert (said.code, "unknown provider 'nobody'" in said.err) == (2, True)
    assert os.listdir(tmp_path / "runs") == []


def test_quiet_is_quiet(hgm: Command) -> None:
    said = hgm("evaluate", "seed", "--limit", "1", "--quiet", *BUBBLEWRAP)
    assert said.code == 0
    assert not [line for line in said.out.splitlines() if line.startswith("[")], "no progress"
    assert said.out.startswith("seed on builtin, search tasks: ")


def test_calibration(hgm: Command) -> None:
    said = hgm(
        *("benchmark", "calibrate", "builtin", "--limit", "2", "--repeats", "2", "--write", "c.json", "--quiet"),
        *BUBBLEWRAP,
    )
    assert said.code == 0
    assert "noise band" in said.out
    assert json.loads(Path("c.json").read_text())["agent"] == "seed"


@contextmanager
def started(tmp_path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A search in a process group of its own, when its first evaluation has ended; it ends with the block."""
    with going("search", "--budget", "200", "--run", "r", *SMALL, *words, at=tmp_path) as process:
        yield process


@contextmanager
def resumed(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The run, gone on with, when another evaluation has ended."""
    with going("resume", "r", at=tmp_path) as process:
        yield process


@contextmanager
def going(*words: str, at: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hgm", *words],
        cwd=at,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process, ExitStack() as on_failure:
        on_failure.callback(process.kill)
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(line.startswith("[searching") for line in process.stdout), process.stderr.read()
        yield process
        on_failure.pop_all()


def test_the_first_interrupt_finishes_what_runs(hgm: Command, tmp_path: Path) -> None:
    with started(tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert "Ctrl-C again to stop at once; continue with hgm resume r" in err
    assert "hgm resume r" in out
    state = read(tmp_path / "runs" / "r")
    assert not state.running, "what ran was finished"
    assert read_events(tmp_path / "runs" / "r")[-1].payload == {"reason": "interrupted"}
    assert_nothing_is_left(tmp_path / "runs" / "r")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_interrupt_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as process:
        process.send_signal(number)
        assert process.stderr is not None
        while "Ctrl-C again" not in process.stderr.readline():
            pass
        process.send_signal(number)
        process.communicate()
    assert process.returncode == 130
    assert not is_locked(Folder(tmp_path / "runs" / "r"))
    assert_nothing_is_left(tmp_path / "runs" / "r")


def test_a_reader_of_lines_may_leave(hgm: Command, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hgm", "search", "--budget", "200", "--run", "r", "--json", *SMALL]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = iter(process.stdout)
        events = [json.loads(next(lines))["event"] for _ in range(3)]
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 141)
    assert events[-1] == "started"
    run = tmp_path / "runs" / "r"
    assert not is_locked(Folder(run))
    assert read(run).jobs < 200
    assert_nothing_is_left(run)


def test_the_editor_stays_what_it_was(tmp_path: Path) -> None:
    shutil.copytree(BUNDLED / "seed", tmp_path / "ed")
    with started(tmp_path, "--editor", "./ed") as process:
        process.kill()
    shutil.rmtree(tmp_path / "ed")
    with resumed(tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    run = tmp_path / "runs" / "r"
    kept = Archive.open(Folder(run).archive).files(read(run).created["editor"]["commit"])
    assert {path: File(*file) for path, file in kept.items()} == read_agent(BUNDLED / "seed")


@pytest.mark.usefixtures("only_sweeper")
@pytest.mark.parametrize("sandbox", ["bubblewrap", pytest.param("docker", marks=pytest.mark.needs("docker"))])
def test_killed_it_goes_on_and_leaves_nothing(hgm: Command, tmp_path: Path, sandbox: str) -> None:
    with started(tmp_path, "--sandbox", sandbox) as process:
        process.kill()
    run = tmp_path / "runs" / "r"
    done = [item.job for item in read(run).evaluations]
    assert hgm("gc", "--dry-run").out.startswith("left: ")
    assert hgm("gc").code == 0
    assert_nothing_is_left(run)
    assert hgm("gc").out == "nothing is left of dead runs\n"
    with resumed(tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
    jobs = [item.job for item in read(run).evaluations]
    assert len(jobs) > len(done)
    assert len(jobs) == len(set(jobs)), "no evaluation is repeated"
    assert set(done) <= set(jobs)
    assert read(run).created["sandbox"] == sandbox
    assert_nothing_is_left(run)


def assert_nothing_is_left(run: Path) -> None:
    """No folder, control group, container or process carries the run's name."""
    name = run_id(run)
    assert not (Path(tempfile.gettempdir()) / f"hgm-{os.getuid()}" / name).exists()
    assert not list(Path("/sys/fs/cgroup").rglob(f"*{name}*"))
    assert leftovers(name) == []
    assert name not in "".join(map(cmdline, Path("/proc").glob("[0-9]*/cmdline")))


def cmdline(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it ended while we looked
