"""What a user gets wrong: every mistake ends with exit code 2, names its remedy and shows no traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evaluators.builtin import hand_written
from hgm.agents_by_name import BUNDLED
from hgm.run import Folder, create, locked
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, created

CALIBRATE = ("benchmark", "calibrate", "builtin")
SEARCH = ("search", "--budget", "6")

MISTAKES = {
    "no budget": (("search",), "--budget 40"),
    "a budget of nothing": (("search", "--budget", "0"), "above 0"),
    "a negative budget": (("search", "--budget", "-3"), "e.g. --budget 40, 25usd, 10Mtok, 2h"),
    "a huge budget": (("search", "--budget", "9" * 9), "at most 1,000,000"),
    "a budget of words": (("search", "--budget", "plenty"), "e.g. --budget 40"),
    "half an evaluation": (("search", "--budget", "1.5"), "whole numbers"),
    "money as a shell would not pass it": (("search", "--budget", "$25"), "write 25usd"),
    "money where all is free": (("search", "--budget", "10usd"), "free"),
    "money and a model without a price": (
        ("search", "--budget", "10usd", "--backbone", "local/x", "--base-url", "http://127.0.0.1:1/v1"),
        """-o 'prices."local/x".input=""",
    ),
    "tokens of what": (("search", "--budget", "1M"), "1Mtok"),
    "a budget below one round": (("search", "--budget", "5"), "the smallest that can is --budget 6"),
    "a budget that is not more": (("resume", "none", "--budget", "10usd"), "--budget +10usd"),
    "an empty budget": (("search", "--budget", ""), "--budget 40"),
    "lines and silence": ((*SEARCH, "--json", "--quiet"), "leave one of them out"),
    "lines of nothing": ((*SEARCH, "--json", "--dry-run"), "leave one of them out"),
    "a resume with lines and silence": (("resume", "none", "--json", "--quiet"), "leave one of them out"),
    "an unknown flag": (("search", "--bugdet", "5"), "--budget"),
    "an unknown command": (("serach",), "search"),
    "an unknown key": ((*SEARCH, "-o", "bugdet=5"), "did you mean budget?"),
    "an unknown nested key": ((*SEARCH, "-o", "limits.memory=5"), "did you mean limits.memory_mb?"),
    "a key without a value": ((*SEARCH, "-o", "seed"), "KEY=VALUE"),
    "a key of nothing": ((*SEARCH, "-o", "=3"), "KEY=VALUE"),
    "a key twice, differently": ((*SEARCH, "-o", "limits=3", "-o", "limits.pids=9"), "value of its own"),
    "a value out of range": ((*SEARCH, "-o", "limits.memory_mb=1"), "greater than or equal to 64"),
    "no workers": ((*SEARCH, "--workers", "0"), "greater than or equal to 1"),
    "a negative seed": ((*SEARCH, "--seed", "-1"), "greater than or equal to 0"),
    "a missing configuration file": ((*SEARCH, "--config", "nowhere.toml"), "nowhere.toml"),
    "an unknown policy": ((*SEARCH, "--policy", "luck"), "hgm, greedy, random"),
    "a policy that is no way to search": ((*SEARCH, "--policy", "saturate"), "choose one of: hgm, greedy, random"),
    "no way to search, compared": (("compare", "policies", "--policy", "saturate"), "choose one of: hgm, greedy"),
    "an unknown option of a policy": ((*SEARCH, "-o", "policy.options.beta=2"), "alpha"),
    "a bad option of a policy": ((*SEARCH, "-o", "policy.options.alpha=2"), "at most 1"),
    "a huge option of a policy": ((*SEARCH, "-o", f"policy.options.alpha=0x{'f' * 5_000}"), "20,000 bits"),
    "a huge option, compared": (("compare", "policies", "--policy", f"hgm:alpha=0x{'f' * 5_000}"), "at most 1"),
    "a huge count, compared": (("compare", "policies", "--policy", f"hgm:root_evaluations={10**30}"), "to 1,000,000"),
    "more evaluations of the root than tasks": (
        (*SEARCH, "-o", "policy.options.root_evaluations=900000"),
        "the smallest that can is --budget 61",
    ),
    "an unknown sandbox": ((*SEARCH, "--sandbox", "chroot"), "'auto', 'bubblewrap' or 'docker'"),
    "an engine's runtime for bubblewrap": (
        (*SEARCH, "--sandbox", "bubblewrap", "--docker-runtime", "runsc"),
        "leave it out, or --sandbox bubblewrap",
    ),
    "a transport that is none": ((*SEARCH, "-o", "docker.transport=pigeon"), "'auto', 'mounted' or 'copied'"),
    "an unknown benchmark": ((*SEARCH, "--benchmark", "imagenet"), "builtin"),
    "a missing folder of tasks": ((*SEARCH, "--benchmark", "./nowhere"), "nowhere"),
    "a benchmark without its data": ((*SEARCH, "--benchmark", "quixbugs"), "--data"),
    "missing data": ((*SEARCH, "--benchmark", "quixbugs", "--data", "nowhere.jsonl"), "nowhere.jsonl"),
    "an unknown agent": ((*SEARCH, "--agent", "smith"), "RUN:best"),
    "an agent of a missing run": ((*SEARCH, "--agent", "nowhere:best"), "hgm runs list"),
    "an unknown editor": ((*SEARCH, "--editor", "smith"), "RUN:best"),
    "a placebo by a flag": ((*SEARCH, "--placebo"), "No such option: --placebo"),
    "a missing calibration": ((*SEARCH, "--calibration", "nowhere.json"), "nowhere.json"),
    "a run above its folder": ((*SEARCH, "--run", ".."), "--run first-try"),
    "a run out of its folder": ((*SEARCH, "--run", "../x"), "--run first-try"),
    "a run with a control character": ((*SEARCH, "--run", "a\x1b[31mb"), "--run first-try"),
    "a run with a long name": ((*SEARCH, "--run", "a" * 25), "1 to 24"),
    "a run without a name": ((*SEARCH, "--run", ""), "--run first-try"),
    "a hidden run": ((*SEARCH, "--run", ".a"), "--run first-try"),
    "a missing run, resumed": (("resume", "nowhere"), "hgm runs list"),
    "a missing run, resumed by path": (("resume", "./no/where"), "hgm runs list"),
    "too many workers": ((*SEARCH, "--workers", "65"), "less than or equal to 64"),
    "too many workers for a resume": (("resume", "nowhere", "--workers", "1000"), "at most 64"),
    "an endless deadline": ((*SEARCH, "-o", "limits.solve_deadline_s=inf"), "finite"),
    "a missing run, shown": (("runs", "show", "nowhere"), "hgm runs list"),
    "a missing run, drawn": (("tree", "show", "nowhere"), "hgm runs list"),
    "a missing run, exported": (("tree", "export", "nowhere"), "hgm runs list"),
    "a missing run, forked": (("fork", "nowhere", "--at", "3"), "hgm runs list"),
    "a fork from nowhere": (("fork", "nowhere"), "--at"),
    "an unknown agent, evaluated": (("evaluate", "smith"), "RUN:best"),
    "no repeats": (("evaluate", "seed", "--repeats", "0"), "at least 1"),
    "a setting with a flag, evaluated": (("evaluate", "seed", "-o", "seed=5"), "give it as --seed"),
    "an agent as a setting, evaluated": (("evaluate", "seed", "-o", "agent=nope"), "give it as AGENT"),
    "a backbone as a setting, evaluated": (("evaluate", "seed", "-o", "backbones.solver=a/b"), "as --backbone"),
    "a setting of searches, evaluated": (("evaluate", "seed", "-o", "policy.options.alpha=1"), "only a search"),
    "an idle deadline, evaluated": (("evaluate", "seed", "-o", "limits.improve_deadline_s=9"), "only a search"),
    "an unknown key, evaluated": (("evaluate", "seed", "-o", "limits.memory=9"), "did you mean limits.memory_mb?"),
    "a value out of range, evaluated": (("evaluate", "seed", "-o", "limits.memory_mb=1"), "equal to 64"),
    "a setting with a flag, calibrated": ((*CALIBRATE, "-o", "benchmark=quixbugs"), "give it as NAME"),
    "an agent as a setting, calibrated": ((*CALIBRATE, "-o", "agent=nope"), "give it as --agent"),
    "a setting of searches, calibrated": ((*CALIBRATE, "-o", "budget=3"), "only a search"),
    "no tasks": (("evaluate", "seed", "--limit", "0"), "at least 1"),
    "an unknown split": (("evaluate", "seed", "--split", "train"), "search"),
    "results in a missing folder": (("evaluate", "seed", "--json", "no/where.json"), "folder that exists"),
    "one repeat for a calibration": (("benchmark", "calibrate", "builtin", "--repeats", "1"), "at least 2"),
    "an unknown benchmark, shown": (("benchmark", "show", "imagenet"), "builtin"),
    "an unknown task": (("benchmark", "show", "builtin", "--task", "nope"), "nope"),
}


@pytest.mark.parametrize(("words", "remedy"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_explained(hgm: Command, words: tuple[str, ...], remedy: str) -> None:
    said = hgm(*words)
    assert said.code == 2
    assert remedy in said.err
    assert "Traceback" not in said.err + said.out
    assert "\x1b" not in said.err + said.out
    assert not Path("runs").exists(), "a mistake leaves nothing behind"


def test_a_file_that_is_not_toml(hgm: Command) -> None:
    Path("search.toml").write_text("budget = [")
    said = hgm("search", "--config", "search.toml")
    assert (said.code, "not a TOML file" in said.err) == (2, True)


def test_an_unknown_key_in_a_file(hgm: Command) -> None:
    Path("search.toml").write_text("budget = 5\n[limits]\nmemory = 3\n")
    said = hgm("search", "--config", "search.toml")
    assert (said.code, "limits.memory_mb" in said.err) == (2, True)


def test_a_run_that_exists(hgm: Command, finished: Path) -> None:
    said = hgm(*SEARCH, "--run", "done")
    assert (said.code, "hgm resume done" in said.err) == (2, True)


def test_a_run_that_is_locked(hgm: Command, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "busy"
    create(path, created(), SEED_AGENT)
    with locked(Folder(path)):
        said = hgm("resume", "busy")
    assert (said.code, f'"pid": {os.getpid()}' in said.err) == (2, True)


def test_a_run_of_another_version(hgm: Command, tmp_path: Path) -> None:
    create(tmp_path / "runs" / "old", {**created(), "versions": {"hgm": "0.0.1", "python": "3"}}, SEED_AGENT)
    said = hgm("resume", "old")
    assert (said.code, "install hgm 0.0.1" in said.err) == (2, True)


def test_a_node_that_is_not_there(hgm: Command, finished: Path) -> None:
    for words in (("tree", "diff", "done", "99"), ("tree", "diff", "done", "-1"), ("evaluate", "done:99")):
        said = hgm(*words)
        assert said.code == 2
        assert "Traceback" not in said.err


def test_the_seed_agent_has_no_parent(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "diff", "done", "0")
    assert (said.code, "no parent" in said.err) == (2, True)


def test_a_folder_that_is_no_agent(hgm: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = hgm(*SEARCH, "--agent", "./empty")
    assert (said.code, "agent.toml" in said.err) == (2, True)


@pytest.mark.parametrize("number", ["9" * 5_000, "[" * 5_000], ids=["digits", "brackets"])
def test_a_manifest_that_python_does_not_read(hgm: Command, tmp_path: Path, number: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "agent.toml").write_text(f"protocol = {number}\n")
    said = hgm(*SEARCH, "--agent", "./mine")
    assert (said.code, "agent.toml is not TOML: " in said.err) == (2, True)


def test_an_export_over_something(hgm: Command, finished: Path) -> None:
    Path("mine").mkdir()
    Path("mine/precious").write_text("")
    said = hgm("tree", "best", "done", "--export", "mine")
    assert (said.code, "new folder" in said.err) == (2, True)
    assert os.listdir("mine") == ["precious"]


@pytest.mark.parametrize("at", ["0", "-1", "100000"])
def test_a_fork_at_no_event(hgm: Command, finished: Path, at: str) -> None:
    said = hgm("fork", "done", "--at", at)
    assert (said.code, "events 1 to" in said.err) == (2, True)


def test_a_benchmark_without_tasks(hgm: Command, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for words in ((*SEARCH, "--benchmark", "./tasks"), ("evaluate", "seed", "--benchmark", "./tasks")):
        said = hgm(*words)
        assert said.code == 2, said
        assert "no " in said.err
        assert "Traceback" not in said.err


def test_a_runs_dir_that_cannot_be_made(hgm: Command) -> None:
    Path("file").write_text("")
    said = hgm(*SEARCH, "--runs-dir", "file/runs", "--run", "new")
    assert (said.code, "--runs-dir" in said.err) == (2, True)
    assert hgm("runs", "list", "--runs-dir", "file").code == 2


@pytest.mark.parametrize("role", ["--agent", "--editor", "--benchmark"])
def test_a_path_that_is_not_text(hgm: Command, tmp_path: Path, role: str) -> None:
    folder = "./odd\udcff"
    if role == "--benchmark":
        shutil.copytree(hand_written().folder, folder)
    else:
        shutil.copytree(BUNDLED / "seed", folder)
    said = hgm(*SEARCH, role, folder)
    assert (said.code, "UTF-8" in said.err, "Traceback" in said.err) == (2, True, False)
    assert not Path("runs").exists()


def test_a_document_on_a_full_disk(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "export", "done", "-o", "/dev/full")
    assert (said.code, "name another file" in said.err, "Traceback" in said.err) == (2, True, False)


@pytest.mark.parametrize("command", [("gc",), ("evaluate", "seed")])
def test_a_temporary_folder_with_a_file_in_the_way(
    hgm: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"hgm-{os.getuid()}").write_text("")
    said = hgm(*command)
    assert (said.code, "set TMPDIR" in said.err, "Traceback" in said.err) == (2, True, False)
    doctor = hgm("doctor", "--short")
    assert (doctor.code, "set TMPDIR" in doctor.out, "Traceback" in doctor.err) == (3, True, False)


@pytest.mark.needs("bubblewrap")
def test_a_temporary_folder_with_a_long_path(hgm: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ("t" * 50)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * 50)))
    for command in (("evaluate", "seed"), (*SEARCH, "--run", "new")):
        said = hgm(*command)
        assert (said.code, "bytes shorter, e.g. /tmp" in said.err) == (2, True), said.err
    assert os.listdir("runs") == []
    doctor = hgm("doctor", "--short")
    assert (doctor.code, "mend it: set TMPDIR" in doctor.out) == (3, True)


@pytest.mark.parametrize("words", [("runs", "show", "done", "--events"), ("tree", "export", "done"), ("--help",)])
@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_goes_away(finished: Path, tmp_path: Path, words: tuple[str, ...], lines: int) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "hgm", *words], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writer)
        if lines:
            os.read(reader, 1)
        os.close(reader)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    # what fits into the pipe at once may all have been written before
    assert process.returncode in ((0, 141) if lines else (141,))


def test_output_that_nothing_can_take(finished: Path, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "hgm", "tree", "export", "done"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 3
    assert "No space left" in ended.stderr


BROKEN = """\
from hgm.cli.app import app, run

@app.command()
def broken():
    raise RuntimeError("\\x1b[31mboo")

run(["broken"])
"""


def test_a_defect_keeps_its_traceback(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 3
    assert "Traceback" in ended.stderr
    assert "RuntimeError" in ended.stderr
    assert "defect of hgm" in ended.stderr.splitlines()[-1]
    assert "\x1b" not in ended.stderr
