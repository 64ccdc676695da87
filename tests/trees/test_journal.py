import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hgm.errors import JournalError
from tests.assets.make_journal_v1 import EVENTS
from tests.contracts.journal import JournalContract
from trees.journal import VERSION, Event, Journal, upgrade

ASSETS = Path(__file__).parents[1] / "assets"
WRITER = Path(__file__).with_name("journal_writer.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.sqlite"


@pytest.fixture
def journal(path: Path):
    path.parent.mkdir()
    with Journal.create(path) as journal:
        yield journal


def listing(path: Path) -> dict[str, tuple[int, int]]:
    """Files, sizes and times; no time of the shared memory of a living writer, in which readers leave their marks."""
    found = {entry.name: entry.stat() for entry in path.parent.iterdir()}
    return {name: (stat.st_size, 0 if name.endswith("-shm") else stat.st_mtime_ns) for name, stat in found.items()}


def read(path: Path) -> list[Event]:
    """All events through a read-only journal, which leaves everything as it was."""
    before = listing(path)
    with Journal.open(path, readonly=True) as reader:
        events = list(reader.events())
    assert listing(path) == before
    return events


class TestContractBesideTheWriter(JournalContract):
    @pytest.fixture
    def journal(self, journal: Journal) -> Journal:
        return journal

    @pytest.fixture
    def reread(self, journal: Journal) -> Callable[[], list[Event]]:
        return lambda: read(journal.path)


def copy(path: Path, folder: Path) -> Path:
    """A journal and its log, copied beneath a living writer without the index in shared memory."""
    folder.mkdir(exist_ok=True)
    for name in (path.name, f"{path.name}-wal"):
        shutil.copyfile(path.with_name(name), folder / name)
    return folder / path.name


class TestContractOfACopy(TestContractBesideTheWriter):
    @pytest.fixture
    def reread(self, journal: Journal, path: Path, tmp_path: Path) -> Callable[[], list[Event]]:
        return lambda: read(copy(path, tmp_path / "copy"))


class TestContractAfterTheWriter(TestContractBesideTheWriter):
    @pytest.fixture
    def reread(self, journal: Journal, path: Path, tmp_path: Path) -> Callable[[], list[Event]]:
        def close_a_copy_and_read() -> list[Event]:
            closed = copy(path, tmp_path / "closed")
            Journal.open(closed).close()
            assert os.listdir(closed.parent) == [closed.name]
            return read(closed)

        return close_a_copy_and_read


def test_create_and_open(path):
    with pytest.raises(JournalError, match="there is no journal"):
        Journal.open(path)
    with pytest.raises(JournalError):
        Journal.create(path)  # its folder is not there
    path.parent.mkdir()
    for readonly in (False, True):
        with pytest.raises(JournalError, match="there is no journal"):
            Journal.open(path, readonly=readonly)
    assert os.listdir(path.parent) == []
    Journal.create(path).close()
    assert os.listdir(path.parent) == [path.name]
    with pytest.raises(JournalError, match="exists already"):
        Journal.create(path)


def test_goes_on_where_it_ended(path, journal):
    first = journal.append("one", {})
    journal.close()
    with Journal.open(path) as again:
        second = again.append("two", {})
        assert second.seq == 2
        assert list(again.events()) == [first, second]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET payload = '{}'",
        "UPDATE events SET seq = 7",
        "DELETE FROM events",
        "DELETE FROM events WHERE seq = 2",
        "INSERT OR REPLACE INTO events VALUES (1, 1, 'x', '{}', 0.0)",
        "REPLACE INTO events VALUES (2, 1, 'x', '{}', 0.0)",
        "INSERT INTO events VALUES (4, 1, 'x', '{}', 0.0)",
        "INSERT INTO events VALUES (0, 1, 'x', '{}', 0.0)",
        "INSERT INTO events VALUES (3, 1, 'x', NULL, 0.0)",
        "INSERT INTO events VALUES (3, 'one', 'x', '{}', 0.0)",
        "UPDATE writers SET hgm = 'x'",
        "DELETE FROM writers",
    ],
)
def test_the_file_itself_refuses_changes(path, journal, statement):
    added = journal.append_all([("one", {"n": 1}), ("two", {"n": 2})])
    with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.IntegrityError), other:
        other.execute(statement)
    assert read(path) == added


def test_a_reader_cannot_write(path, journal):
    with Journal.open(path, readonly=True) as reader, pytest.raises(JournalError, match="opened for reading"):
        reader.append("x", {})


def test_a_reader_sees_what_comes_later(path, journal):
    with Journal.open(path, readonly=True) as reader:
        assert list(reader.events()) == []
        one = journal.append("one", {})
        assert list(reader.events()) == [one]
        journal.close()
        assert list(reader.events()) == [one]
        with Journal.open(path) as again:
            two = again.append("two", {})
            assert list(reader.events(after=1)) == [two]


def test_readers_hold_nothing_up(path, journal):
    """A half-read iterator neither blocks the writer nor keeps its log from being folded in."""
    journal.append_all([("n", {"n": n}) for n in range(2000)])
    with Journal.open(path, readonly=True) as reader:
        half = reader.events()
        next(half)
        journal.append("n", {"n": 2000})
        journal.close()
        assert os.listdir(path.parent) == [path.name]
        assert len(list(half)) == 2000


def test_two_writers_never_make_two_histories(path, journal):
    with Journal.open(path) as other:
        seqs = [writer.append("n", {}).seq for writer in (journal, other, other, journal)]
    assert seqs == [1, 2, 3, 4]


def test_a_writer_in_the_middle_of_something_is_named(path, journal):
    with closing(sqlite3.connect(path, isolation_level=None)) as other, Journal.open(path) as second:
        second._writer.execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="another process is writing"):
            second.append("x", {})
        other.execute("ROLLBACK")
        assert second.append("x", {}).seq == 1


def test_a_full_disk_is_said_and_loses_nothing(path, journal):
    added = journal.append("one", {})
    pages = journal._writer.execute("PRAGMA page_count").fetchone()[0]
    journal._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="disk is full: make room"):
        journal.append("big", {"x": "x" * 100_000})
    assert read(path) == [added]
    journal._writer.execute("PRAGMA max_page_count = 1000000")
    assert journal.append("two", {}).seq == 2


# Versions


def test_the_journal_of_version_1_opens(tmp_path):
    """Written by tests/assets/make_journal_v1.py; this asset never changes."""
    for readonly in (True, False):
        old = tmp_path / f"{readonly}.sqlite"
        shutil.copyfile(ASSETS / "journal_v1.sqlite", old)
        with Journal.open(old, readonly=readonly) as journal:
            events = list(journal.events())
            assert [(event.kind, event.payload) for event in events] == EVENTS
            assert [event.at for event in events] == [1_700_000_000.0 + n for n in range(4)]
            assert {event.version for event in events} == {VERSION}
            if not readonly:
                assert journal.append("more", {}).seq == 5


def test_old_events_are_upgraded_step_by_step():
    steps = {
        1: lambda event: event._replace(payload={"agent": event.payload["node"]}),
        2: lambda event: event._replace(kind=event.kind.upper()),
    }
    event = Event(seq=4, version=1, kind="x", payload={"node": 3}, at=0.0)
    assert upgrade(event, to=3, steps=steps) == Event(seq=4, version=3, kind="X", payload={"agent": 3}, at=0.0)
    assert upgrade(event._replace(version=3), to=3, steps=steps) == event._replace(version=3)
    for version in (0, 4):
        with pytest.raises(JournalError, match=f"event 4 is of version {version}"):
            upgrade(event._replace(version=version), to=3, steps=steps)


@pytest.mark.parametrize(("writer", "advice"), [("hgm-lab 9.1", "use hgm-lab 9.1 or later"), (None, "use a newer hgm")])
def test_an_event_of_a_newer_hgm_is_an_error_that_says_which(path, journal, writer, advice):
    known = journal.append("one", {})
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute("INSERT INTO events VALUES (2, 3, 'new', '{}', 0.0)")
        if writer:
            newer.execute("INSERT INTO writers VALUES (3, ?)", (writer,))
    with Journal.open(path, readonly=True) as reader:
        events = reader.events()
        assert next(events) == known
        with pytest.raises(JournalError, match=f"event 2 is of version 3.*reads up to 1: {advice}"):
            next(events)


def test_a_layout_of_a_newer_hgm_is_an_error(path, journal):
    journal._writer.execute("PRAGMA user_version = 2")
    for readonly in (False, True):
        with pytest.raises(JournalError, match=r"layout 2.*newer hgm"):
            Journal.open(path, readonly=readonly)


# Damage


def filled(path: Path) -> bytes:
    path.parent.mkdir(exist_ok=True)
    with Journal.create(path) as journal:
        journal.append_all([("n", {"n": n, "padding": "x" * 500}) for n in range(200)])
    return path.read_bytes()


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:50],
        lambda data: data[: len(data) // 2],
        lambda data: b"x" * len(data),
        lambda data: data[:4096] + b"\xff" * (len(data) - 4096),
        lambda data: b"SQLite format 3\0" + b"\0" * 5000,
        lambda data: b"this is a text file\n",
    ],
    ids=["empty", "short", "half", "noise", "noise after the header", "zeros", "text"],
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(path, damage, readonly):
    path.parent.mkdir()
    broken = damage(filled(path))
    path.write_bytes(broken)
    with (
        pytest.raises(JournalError, match=r"damaged.*backup|not a journal of hgm"),
        Journal.open(path, readonly=readonly) as journal,
    ):
        list(journal.events())
    assert path.read_bytes() == broken


def test_another_database_is_no_journal(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE events (seq, version, kind, payload, at)")
    for readonly in (False, True):
        with pytest.raises(JournalError, match="not a journal of hgm"):
            Journal.open(path, readonly=readonly)


def test_a_missing_event_is_an_error(path, journal):
    journal.append_all([("n", {}), ("n", {}), ("n", {})])
    journal._writer.execute("DROP TRIGGER events_are_not_removed")
    journal._writer.execute("DELETE FROM events WHERE seq = 2")
    with pytest.raises(JournalError, match="has no event 2"):
        read(path)


@pytest.mark.parametrize("payload", ["{", "[]", '{"x":NaN}', '{"x":Infinity}', "", "null"])
def test_a_payload_that_is_not_json_is_an_error(path, journal, payload):
    journal._writer.execute("INSERT INTO events VALUES (1, 1, 'x', ?, 0.0)", (payload,))
    with pytest.raises(JournalError, match=r"event 1 .* damaged"):
        read(path)


def test_a_torn_log_loses_only_what_was_never_whole(path, journal, tmp_path):
    """Cut anywhere, the writer's log gives back a beginning of the history."""
    added = [journal.append("n", {"n": n, "padding": "x" * 3000}) for n in range(20)]
    log = path.with_name(path.name + "-wal").read_bytes()
    torn = copy(path, tmp_path / "torn")
    counts = set()
    for cut in [*range(0, len(log), len(log) // 23), len(log)]:
        torn.with_name(torn.name + "-wal").write_bytes(log[:cut])
        events = read(torn)
        assert events == added[: len(events)]
        counts.add(len(events))
    assert len(counts) > 10
    assert max(counts) == 20


# Kills


def test_nothing_acknowledged_is_lost_by_kill_9(path):
    """Twenty kills of a process that appends without pause: at random moments, and some while it makes the file."""
    path.parent.mkdir()
    chance = random.Random(5)
    acknowledged = 0
    for kill in range(20):
        with subprocess.Popen([sys.executable, WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            lines = [writer.stdout.readline() for _ in range(0 if kill == 0 else chance.randint(1, 60))]
            # some turns of a loop, not a sleep: the moment is not tied to an acknowledgement
            sum(range(chance.randint(0, 200_000)))
            writer.kill()
            lines += writer.stdout.readlines()
        assert writer.returncode == -9
        acknowledged = max(
            [acknowledged, *(int(line) for line in lines if line.strip().isdigit() and line.endswith("\n"))]
        )
        if not path.exists():
            assert acknowledged == 0
            continue
        events = read(path)
        assert len(events) >= acknowledged
        triples = [event.payload["part"] for event in events if event.kind == "three"]
        assert triples == [0, 1, 2] * (len(triples) // 3)
        with Journal.open(path) as again:
            assert list(again.events()) == events
    assert acknowledged > 200


def test_a_kill_while_the_file_is_made_leaves_none_or_a_whole_one(path):
    path.parent.mkdir()
    path.with_name(path.name + ".new").write_bytes(b"SQLite format 3\0 half")
    path.with_name(path.name + ".new-wal").write_bytes(b"half")
    with pytest.raises(JournalError, match="there is no journal"):
        Journal.open(path)
    with Journal.create(path) as journal:
        journal.append("one", {})
    assert os.listdir(path.parent) == [path.name]
