"""SQLite as the journal needs it: one writer whose commits are on the disk, readers that create no file."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from hgm.errors import JournalError

_BUSY_S = 5
_TRIES = 20
_WHAT_TO_DO: dict[int, tuple[str, ...]] = {
    sqlite3.SQLITE_BUSY: ("another process is writing to it: stop that one, or wait",),
    sqlite3.SQLITE_FULL: ("the disk is full: make room, then `hgm resume`",),
    sqlite3.SQLITE_READONLY: ("it cannot be written: check the permissions of the file and of its folder",),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened: check the permissions of the file and of its folder",),
}
DAMAGED = (
    "keep a copy of the file with its -wal beside it, and take back a backup, or save what can be read with "
    "`sqlite3 FILE .recover`; the agents in archive.git do not depend on it"
)


def connect_for_writing(path: Path) -> sqlite3.Connection:
    """A connection for any thread (one at a time) whose commits return when they are on the disk."""
    uri = f"{_uri(path)}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def converted(path: Path) -> Iterator[None]:
    """SQLite's and the disk's errors become a JournalError that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise JournalError(f"{path} is damaged ({error}): {DAMAGED}") from error
        raise JournalError(": ".join([f"the journal {path}", str(error), *_WHAT_TO_DO.get(code, ())])) from error


def read_rows(path: Path, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Rows as of one moment, beside a living writer or after a dead one; makes and changes no file beside `path`."""
    for _ in range(_TRIES):
        before = _state(path)
        try:
            rows = _read_once(path, before, query, parameters)
        except (sqlite3.Error, FileNotFoundError):
            if _state(path) == before:
                raise
            continue
        if before.lockable or _state(path) == before:
            return rows
    raise JournalError(f"{path} is being opened and closed all the time: try again")


class _State(NamedTuple):
    """What must not change under a read that takes no lock."""

    log: bool
    """The writer's log is there: a writer is at work, or was killed."""
    lockable: bool
    """So is the log's index in shared memory, through which readers and writers lock."""
    stamp: tuple[int, int, int]


def _state(path: Path) -> _State:
    log, shared = (path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-shm"))
    status = path.stat()
    return _State(log, log and shared, (status.st_ino, status.st_size, status.st_mtime_ns))


def _read_once(path: Path, state: _State, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    if state.lockable:
        return _rows(f"{_uri(path)}?mode=ro&readonly_shm=1", query, parameters)
    if not state.log:
        # Without `immutable` SQLite would make the log and its index just to read.
        return _rows(f"{_uri(path)}?immutable=1", query, parameters)
    # A copy of a run may lack the index: only a copy of our own may have one made.
    with tempfile.TemporaryDirectory(prefix="hgm-journal-") as folder:
        copy = Path(folder) / "journal"
        for suffix in ("", "-wal"):
            shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
        return _rows(f"{_uri(copy)}?mode=rw", query, parameters)


def _rows(uri: str, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_S)) as connection:
        return connection.execute(query, parameters).fetchall()


def _uri(path: Path) -> str:
    return "file:" + quote(os.fsencode(path.absolute()))
