"""Trajectories survive whatever kills their writers."""

import json
import os
import signal
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hgm import trajectories
from hgm.errors import GatewayError
from hgm.redaction import Redactor

KEEP = Redactor([])
LINES = [{"n": number, "text": "zstd\n" * number} for number in range(5)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "job.jsonl.zst"


def write(path, lines):
    with trajectories.Writer(path, redact=KEEP) as writer:
        for line in lines:
            writer.write(line)


def test_what_was_written_is_read_by_us_and_by_the_zstd_program(path):
    write(path, LINES)
    trajectories.append(path, {"event": "host"}, redact=KEEP)
    assert list(trajectories.read(path)) == [*LINES, {"event": "host"}]
    import io

    import zstandard

    text = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True).read()
    assert [json.loads(line) for line in text.splitlines()] == [*LINES, {"event": "host"}]


def test_each_line_is_readable_as_soon_as_it_is_written(path):
    with trajectories.Writer(path, redact=KEEP) as writer:
        for number, line in enumerate(LINES):
            writer.write(line)
            assert list(trajectories.read(path)) == LINES[: number + 1]


def test_a_file_cut_at_any_byte_keeps_its_whole_lines_and_takes_new_ones(path):
    write(path, LINES[:3])
    write(path, LINES[3:])
    whole = path.read_bytes()
    counts = set()
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        left = list(trajectories.read(path))
        assert left == LINES[: len(left)]
        counts.add(len(left))
        trajectories.append(path, {"event": "host"}, redact=KEEP)
        assert list(trajectories.read(path)) == [*left, {"event": "host"}]
    assert counts == {*range(6)}


def test_a_writer_killed_by_kill_9_loses_no_finished_line(path):
    program = f"""
import os, signal
from pathlib import Path
from hgm import trajectories
writer = trajectories.Writer(Path({str(path)!r}), redact=str)
for n in range(50):
    writer.write({{"n": n}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    assert [record["n"] for record in trajectories.read(path)] == list(range(50))
    trajectories.append(path, {"n": 50}, redact=KEEP)
    assert [record["n"] for record in trajectories.read(path)] == list(range(51))


def test_one_writer_at_a_time(path):
    with trajectories.Writer(path, redact=KEEP), pytest.raises(GatewayError, match="being written"):
        trajectories.append(path, {}, redact=KEEP)
    trajectories.append(path, {}, redact=KEEP)


def test_damage_before_the_end_is_an_error_and_not_silence(path):
    write(path, LINES)
    path.write_bytes(b"x" * 20 + path.read_bytes())
    with pytest.raises(GatewayError, match="cannot read"):
        list(trajectories.read(path))
    with pytest.raises(GatewayError, match="cannot write"):
        trajectories.append(path, {}, redact=KEEP)


def test_a_missing_file_is_an_error(path):
    with pytest.raises(GatewayError, match=r"job\.jsonl\.zst"):
        list(trajectories.read(path))


def test_a_conversation_sent_again_with_each_call_costs_little(path):
    messages, noise = [], os.urandom(40_000).hex()
    with trajectories.Writer(path, redact=KEEP) as writer:
        for turn in range(40):
            messages.append(noise[turn * 2_000 : turn * 2_000 + 2_000])
            writer.write({"messages": messages})
    assert path.stat().st_size < 2 * 40_000


def test_keys_of_the_environment_do_not_get_in_by_default(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    trajectories.append(path, {"log": "key sk-0123456789!"})
    assert list(trajectories.read(path)) == [{"log": "key [redacted]!"}]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.sampled_from(["\ud800", "\u2028\n\r"]))))
def test_any_text_survives(path, lines):
    path.unlink(missing_ok=True)
    write(path, lines)
    assert list(trajectories.read(path)) == lines


LARGE = {"event": "call started", "text": "x" * 8_000_000}
MOST = 50_000_000


def peak(work):
    """Bytes that Python held at once while it worked."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_file_that_is_small_on_disk_and_large_unpacked_is_never_held_whole(path):
    with trajectories.Writer(path, redact=KEEP) as writer:
        for _ in range(15):
            writer.write(LARGE)
        assert writer.text_size > 15 * 8_000_000
    assert path.stat().st_size < 50_000
    assert peak(lambda: trajectories.append(path, {"event": "host"}, redact=KEEP)) < MOST
    assert peak(lambda: [None for _ in trajectories.read(path)]) < MOST
    assert peak(lambda: trajectories.latest_lease(path)) < MOST
    path.write_bytes(path.read_bytes()[:-3])
    assert peak(lambda: trajectories.append(path, {"event": "again"}, redact=KEEP)) < MOST
    assert [record["event"] for record in trajectories.read(path)][14:] == ["call started", "host", "again"]


def test_a_writer_counts_what_earlier_ones_wrote(path):
    sizes = []
    for end in (None, None, -2):
        with trajectories.Writer(path, redact=KEEP) as writer:
            sizes.append(writer.text_size)
            writer.write({"n": 1})
        path.write_bytes(path.read_bytes()[:end])
    trajectories.append(path, {}, redact=KEEP)
    assert sizes == [0, 8, 16]


def test_the_latest_lease_is_all_that_counts(path):
    first = [{"event": "lease opened", "n": 1}, {"event": "call settled", "n": 2}, {"event": "host", "n": 3}]
    again = [{"event": "lease opened", "n": 4}, {"event": "call settled", "n": 5}, {"event": "call settled", "n": 6}]
    write(path, [*first, *again])
    found = trajectories.latest_lease(path)
    assert {event: (latest.count, latest.record["n"]) for event, latest in found.items()} == {
        "lease opened": (1, 4),
        "call settled": (2, 6),
    }
