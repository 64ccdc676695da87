"""The journal of a run: an append-only log of events in one SQLite file; all state is its replay.

An event that `append` returned is on the disk. Nothing is ever changed or removed: the file itself refuses it. A
reader works beside the controller and creates no file.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

from hgm.errors import JournalError
from trees.canonical import dump_object, load_object
from trees.folders import reach_disk
from trees.sqlite import DAMAGED, connect_for_writing, converted, read_rows, transaction

VERSION = 1
"""The version of the events that this code writes; it reads all up to this one."""
APPLICATION_ID = 0x68676D6A
"""`hgmj`: what `file` sees in the header."""
SCHEMA_VERSION = 1
_BATCH = 10000
_NEXT = "SELECT seq, version, kind, payload, at FROM events WHERE seq > ? ORDER BY seq LIMIT ?"

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
CREATE TABLE writers (  -- the first hgm that wrote events of a version here: whom to ask for when they are too new
    version INTEGER PRIMARY KEY,
    hgm TEXT NOT NULL
) STRICT;
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
CREATE TRIGGER events_follow_each_other BEFORE INSERT ON events
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
    BEGIN SELECT RAISE(ABORT, 'events are only added at the end'); END;
CREATE TRIGGER writers_are_not_changed BEFORE UPDATE ON writers
    BEGIN SELECT RAISE(ABORT, 'writers are never changed'); END;
CREATE TRIGGER writers_are_not_removed BEFORE DELETE ON writers
    BEGIN SELECT RAISE(ABORT, 'writers are never removed'); END;
"""


class Event(NamedTuple):
    """One thing that happened: `seq` counts from 1 without gaps, `at` is the host's clock in Unix seconds."""

    seq: int
    version: int
    kind: str
    payload: Mapping[str, Any]
    at: float


Upgrade: TypeAlias = Callable[[Event], Event]
UPGRADES: Mapping[int, Upgrade] = {}
"""Version n -> what makes an event of version n one of version n + 1."""


def upgrade(event: Event, *, to: int = VERSION, steps: Mapping[int, Upgrade] = UPGRADES) -> Event:
    """An event as this code writes it today.

    Raises:
        JournalError: it is of a version that this code does not know.
    """
    if not 1 <= event.version <= to:
        raise JournalError(f"event {event.seq} is of version {event.version}; known are 1 to {to}")
    while event.version < to:
        event = steps[event.version](event)._replace(version=event.version + 1)
    return event


class Journal:
    """An open journal. Thread-safe; one process writes, any number read."""

    def __init__(self, path: Path, *, writer: sqlite3.Connection | None, clock: Callable[[], float]) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._writer = writer

    @classmethod
    def create(cls, path: Path, *, clock: Callable[[], float] = time.time) -> "Journal":
        """Make an empty journal; a kill leaves either none or a whole one.

        Raises:
            JournalError: there is a file of that name, or it cannot be written.
        """
        if path.exists():
            raise JournalError(f"{path} exists already: nothing was written over it")
        unfinished = path.with_name(f"{path.name}.new")
        with converted(path):
            unfinished.write_bytes(b"")
            with closing(connect_for_writing(unfinished)) as connection:
                connection.executescript(_SCHEMA)
            unfinished.rename(path)
            reach_disk(path.parent)
        return cls.open(path, clock=clock)

    @classmethod
    def open(cls, path: Path, readonly: bool = False, *, clock: Callable[[], float] = time.time) -> "Journal":
        """Open what `create` made.

        Raises:
            JournalError: no such file, a damaged one, or one of a newer hgm.
        """
        if not path.is_file():
            raise JournalError(f"there is no journal {path}")
        journal = cls(path, writer=None, clock=clock)
        journal._check_kind()  # before a writer, whose first act would be to change the file
        if not readonly:
            journal._start_writing()
        return journal

    def append(self, kind: str, payload: Mapping[str, Any]) -> Event:
        """Add one event and return it as every reader will see it, once it is on the disk.

        Raises:
            JournalError: the payload is not JSON (NaN and infinities are not), or the disk's own trouble; nothing
                was added.
        """
        return self.append_all([(kind, payload)])[0]

    def append_all(self, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Event]:
        """Add events, all or none of them, as `append` does."""
        if self._writer is None:
            raise JournalError(f"{self.path} was opened for reading")
        try:
            texts = [(kind, dump_object(payload)) for kind, payload in entries]
        except ValueError as error:
            raise JournalError(f"an event's payload is not JSON: {error}") from error
        with self._lock, converted(self.path), transaction(self._writer):
            (last,) = self._writer.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
            rows = [(last + number, VERSION, *text, self._clock()) for number, text in enumerate(texts, start=1)]
            self._writer.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        return [self._event(row) for row in rows]

    def events(self, after: int = 0) -> Iterator[Event]:
        """All events with a larger `seq`, oldest first, upgraded to this code's version; ends at the newest.

        Raises:
            JournalError: one is missing, damaged or of a newer hgm.
        """
        while rows := self._rows(_NEXT, (after, _BATCH)):
            for row in rows:
                if row[0] != after + 1:
                    raise JournalError(f"{self.path} has no event {after + 1}, but later ones: {DAMAGED}")
                yield self._upgraded(self._event(row))
                after += 1

    def last(self) -> int:
        """The number of the newest event; 0 if there is none. Every event is of this code's version.

        Raises:
            JournalError: one is not: only `events` can read such a journal.
        """
        ((last, oldest, newest),) = self._rows("SELECT coalesce(max(seq), 0), min(version), max(version) FROM events")
        if last and (oldest, newest) != (VERSION, VERSION):
            raise JournalError(f"{self.path} has events of version {oldest} to {newest}, {self._who_wrote(newest)}")
        return int(last)

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query over `events` (seq, version, kind, payload as JSON text, at) finds.

        For who needs a few values of very many events, and has made sure by `last` that it knows their version.

        Raises:
            JournalError: the disk's own trouble, or a damaged file.
        """
        return self._rows(query, parameters)

    def chosen(self, query: str, parameters: Sequence[object] = ()) -> list[Event]:
        """The events that a query for (seq, version, kind, payload, at) finds; see `rows`.

        Raises:
            JournalError: one is damaged.
        """
        return [self._upgraded(self._event(row)) for row in self._rows(query, parameters)]

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_kind(self) -> None:
        """Refuse what is no journal, or one of a newer hgm."""
        query = "SELECT application_id, user_version FROM pragma_application_id(), pragma_user_version()"
        ((application, schema),) = self._rows(query)
        if application != APPLICATION_ID:
            raise JournalError(f"{self.path} is not a journal of hgm")
        if schema > SCHEMA_VERSION:
            raise JournalError(f"{self.path} has layout {schema}, {self._who_wrote(schema)}")

    def _start_writing(self) -> None:
        with converted(self.path), ExitStack() as undo:
            writer = undo.enter_context(closing(connect_for_writing(self.path)))
            ((verdict,),) = writer.execute("PRAGMA quick_check(1)").fetchall()
            if verdict != "ok":
                raise JournalError(f"{self.path} is damaged ({' '.join(verdict.split())}): {DAMAGED}")
            with transaction(writer):
                writer.execute("INSERT OR IGNORE INTO writers VALUES (?, ?)", (VERSION, this_hgm()))
            undo.pop_all()
            self._writer = writer

    def _upgraded(self, event: Event) -> Event:
        if event.version == VERSION:
            return event
        if event.version > VERSION:
            raise JournalError(
                f"{self.path}: event {event.seq} is of version {event.version}, {self._who_wrote(event.version)}"
            )
        return upgrade(event)

    def _who_wrote(self, version: int) -> str:
        found = self._rows("SELECT hgm FROM writers WHERE version >= ? ORDER BY version LIMIT 1", (version,))
        writer = found[0][0] if found else "a newer hgm"
        return f"written by {writer}; this is {this_hgm()}, which reads up to {VERSION}: use {writer} or later"

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with converted(self.path):
            if self._writer is None:
                return read_rows(self.path, query, parameters)
            with self._lock:
                return self._writer.execute(query, parameters).fetchall()

    def _event(self, row: tuple[Any, ...]) -> Event:
        seq, version, kind, payload, at = row
        try:
            return Event(seq, version, kind, load_object(payload), at)
        except ValueError as error:
            raise JournalError(f"event {seq} of {self.path} is damaged ({error}): {DAMAGED}") from error


def this_hgm() -> str:
    """The name and version of this code."""
    try:
        return f"hgm-lab {installed_version('hgm-lab')}"
    except PackageNotFoundError:
        return "hgm-lab (not installed)"
