import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.errors import SandboxError
from sandboxes.keeper import keeper
from sandboxes.launch import Launch, Report
from sandboxes.watch import Capped, Deadline, drain, follow, is_ready


def _nothing() -> None: ...


@contextmanager
def launched(first_orders: str = "") -> Iterator[Launch]:
    launch = Launch(keeper(_nothing), ["/bin/sh"], first_orders, env={})
    try:
        yield launch
    finally:
        launch.close()


def output_of(launch: Launch) -> bytes:
    output = Capped(10_000)
    sinks = {launch.output: output.feed, launch.status: launch.hear}
    assert not follow(launch.ended, sinks, deadline=Deadline(20), at_deadline=launch.stop)
    drain(launch.output, output.feed)
    drain(launch.status, launch.hear)
    return output.kept


STREAM = b'{ "child-pid": 12, "mnt-namespace": 3 }\nsh: some trouble\n{ "exit-code": 137 }\n[1, 2]\n"x"\nnull\n'


@given(st.lists(st.integers(0, len(STREAM))))
def test_a_report_comes_in_any_pieces(cuts: list[int]) -> None:
    report = Report()
    edges = sorted({0, *cuts, len(STREAM)})
    for start, end in pairwise(edges):
        report.feed(STREAM[start:end])
    assert (report.first_process, report.exit_code) == (12, 137)
    assert report.errors.startswith(b"sh: some trouble\n")


def test_it_becomes_the_command_with_its_descriptors(tmp_path) -> None:
    (tmp_path / "in").write_text("given")
    with launched("cd /\n") as launch:
        launch.become(
            ["/bin/sh", "-c", 'cat; echo "$1"; echo \'{"exit-code": 5}\' >&5', "x", "a b\n'"],
            f"<{tmp_path}/in 5>&2 2>&1",
        )
        assert output_of(launch) == b"givena b\n'\n"
        assert launch.report.exit_code == 5


def test_its_environment_is_empty() -> None:
    with launched() as launch:
        launch.become(["/usr/bin/env"], "")
        names = {line.partition(b"=")[0] for line in output_of(launch).splitlines()}
        assert names <= {b"PWD", b"OLDPWD", b"SHLVL", b"_"}  # what shells set for themselves


def test_it_ends_with_its_orders() -> None:
    with launched() as launch:
        process = os.pidfd_open(launch.pid)
        assert not is_ready(process, 0)
    assert is_ready(process, 0)
    os.close(process)


def test_a_first_process_that_lingers_is_killed_and_nobodys_trouble(tmp_path) -> None:
    os.mkfifo(tmp_path / "go on")
    with launched() as launch:
        lingers = 'sleep 1000 & echo "{\\"child-pid\\": $!}" >&5; exec <"$1"'
        launch.become(["/bin/sh", "-c", lingers, "x", str(tmp_path / "go on")], "5>&2 2>&1")
        assert is_ready(launch.status, 20)
        drain(launch.status, launch.hear)
        first = os.pidfd_open(launch.report.first_process)
        (tmp_path / "go on").write_bytes(b"")
        launch.wait()
        assert is_ready(first, 0)
        os.close(first)


def test_trouble_of_the_launcher_is_told() -> None:
    with launched("echo $$ > /nowhere/cgroup.procs || exit\n") as launch:
        output_of(launch)
        launch.order("echo too late\n")
        assert "/nowhere/cgroup.procs" in launch.message(b"\x1b[31m")
        assert launch.message(b"\x1b[31m").isprintable()


def test_a_line_is_awaited() -> None:
    with launched("echo\n") as launch:
        launch.await_line(20)
    with launched("echo this went wrong >&2; exit 1\n") as launch, pytest.raises(SandboxError, match="went wrong"):
        launch.await_line(20)
    with launched("exec sleep 1000\n") as launch, pytest.raises(SandboxError, match="cannot prepare"):
        launch.await_line(0.05)


def test_somebody_stays_in_the_group_until_the_end(tmp_path) -> None:
    with launched() as launch:
        launch.become(["/bin/sh", "-c", "kill -TERM 0"], "", hold=True)
        output_of(launch)
        (holder,) = [
            int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _session(path) == launch.pid
        ]
        process = os.pidfd_open(holder)
        assert not is_ready(process, 0)
    assert is_ready(process, 20)
    os.close(process)


def test_a_command_beyond_what_the_shell_reads_at_once_is_held_too() -> None:
    with launched() as launch:
        launch.become(["/bin/echo", "x" * 100_000], "", hold=True)
        output = Capped(0)
        follow(launch.ended, {launch.output: output.feed}, deadline=Deadline(20), at_deadline=launch.stop)
        drain(launch.output, output.feed)
        assert output.dropped == 100_001


def _session(stat: Path) -> int:
    try:
        fields = stat.read_bytes().rpartition(b")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == b"Z" else int(fields[3])


def test_programs_that_cannot_start_are_the_hosts_trouble() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SandboxError, match="/nowhere/sh"):
        Launch(keeper(_nothing), ["/nowhere/sh"], "", env={})
    assert len(os.listdir("/proc/self/fd")) == before
