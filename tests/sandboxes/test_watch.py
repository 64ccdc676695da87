import os
import subprocess
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.watch import Capped, Deadline, drain, follow, is_ready


@given(st.lists(st.binary(max_size=20)), st.integers(0, 60))
def test_capped_keeps_the_first_and_counts_the_rest(parts: list[bytes], limit: int) -> None:
    capped = Capped(limit)
    for part in parts:
        capped.feed(part)
    whole = b"".join(parts)
    assert (capped.kept, capped.dropped) == (whole[:limit], max(0, len(whole) - limit))


@pytest.fixture
def started():
    """Starts a shell; gives its pidfd and the reading end of its output, and kills it in the end."""
    processes: list[tuple[subprocess.Popen[bytes], int]] = []

    def start(script: str) -> tuple[subprocess.Popen[bytes], int]:
        process = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
        processes.append((process, os.pidfd_open(process.pid)))
        return processes[-1]

    yield start
    for process, handle in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.communicate()
        os.close(handle)


def test_follow_ends_with_the_process_though_the_output_is_held(started) -> None:
    process, ended = started("sleep 1000 & echo out")
    output = Capped(100)
    descriptor = process.stdout.fileno()
    was_late = follow(ended, {descriptor: output.feed}, deadline=Deadline(30), at_deadline=process.kill)
    drain(descriptor, output.feed)
    assert (was_late, output.kept) == (False, b"out\n")


def test_follow_goes_on_after_the_output_is_closed(started) -> None:
    process, ended = started("exec >&-; sleep 0.1; exit 3")
    began = time.process_time()
    assert not follow(ended, {process.stdout.fileno(): lambda _: None}, deadline=Deadline(30), at_deadline=process.kill)
    assert process.wait() == 3
    assert time.process_time() - began < 0.2  # it did not spin on the closed pipe


def test_follow_calls_once_at_the_deadline(started) -> None:
    process, ended = started("sleep 1000")
    calls = []

    def stop() -> None:
        calls.append(1)
        process.kill()

    assert follow(ended, {}, deadline=Deadline(0.05), at_deadline=stop)
    assert calls == [1]


def test_a_deadline_in_the_past_stops_at_once(started) -> None:
    process, ended = started("sleep 1000")
    assert follow(ended, {}, deadline=Deadline(-5), at_deadline=process.kill)


def test_a_deadline_that_another_thread_moves_is_waited_for(started) -> None:
    process, ended = started("exec sleep 1000")
    began = time.monotonic()
    deadline = Deadline(1.0)
    mover = threading.Timer(0.05, deadline.extend, [0.2])
    mover.start()
    assert follow(ended, {}, deadline=deadline, at_deadline=process.kill)
    assert time.monotonic() - began >= 1.2
    mover.join()


def test_a_moved_deadline_comes_later(started) -> None:
    process, ended = started("exec sleep 1000")
    began = time.monotonic()
    deadline = Deadline(0.2)
    deadline.extend(0.3)
    assert follow(ended, {}, deadline=deadline, at_deadline=process.kill)
    assert time.monotonic() - began >= 0.5


def test_a_process_that_ends_makes_its_handle_ready(started) -> None:
    process, ended = started("exec sleep 1000")
    assert not is_ready(ended, 0)
    process.kill()
    assert is_ready(ended, 10)
