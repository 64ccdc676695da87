"""Trajectories on disk: `<job>.jsonl.zst`, one JSON object per line, written by the gateway and then by the host.

Each writer adds one zstd frame and flushes it line by line, so that whatever dies by `kill -9` leaves every line that
it had finished, and a conversation that is sent again with each call costs next to nothing. (Flushed to the kernel, not
to the disk: a power cut may take the last seconds.) A frame that was cut off ends the readable part, so the next writer
first rewrites the file without it.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import zstandard

from hgm.errors import GatewayError, boundary
from hgm.redaction import Redactor

Record: TypeAlias = dict[str, Any]
Redact: TypeAlias = Callable[[str], str]

LEVEL = 3
_CHUNK = 1 << 20


class Writer:
    """The only writer of one trajectory while it is open (flock), as a context manager or with `close`.

    Raises:
        GatewayError: somebody else is writing this trajectory, or the file cannot be used.
    """

    def __init__(self, path: Path, *, redact: Redact) -> None:
        self._redact = redact
        with boundary(GatewayError, f"cannot write the trajectory {path}"):
            self._file = _open_for_writing(path)
        self._frame = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self._broken = False
        self.size = self._file.seek(0, os.SEEK_END)
        """Of the file in bytes, as it is on disk."""

    def write(self, record: Record) -> None:
        """Add one line, without any secret in it; once this returns, a killed process no longer loses it.

        Raises:
            GatewayError: it could not be written whole, now or earlier (a full disk).
        """
        line = self._redact(json.dumps(record, separators=(",", ":"))) + "\n"
        self._put(self._frame.compress(line.encode()) + self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def close(self) -> None:
        """End the frame. Idempotent; says nothing of what `write` has complained about."""
        with self._file:
            if not self._file.closed and not self._broken:
                self._put(self._frame.flush())

    def _put(self, data: bytes) -> None:
        if self._broken:
            raise GatewayError("this trajectory could not be written before")
        # What follows a hole in a frame cannot be read: one failure ends this writer.
        self._broken = True
        with boundary(GatewayError, "cannot write a trajectory"):
            while data:
                written = self._file.write(data)
                self.size += written
                data = data[written:]
        self._broken = False

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def append(path: Path, record: Record, *, redact: Redact | None = None) -> None:
    """Add the host's own record (exit status, resources, patch, outcome) to a trajectory whose lease is closed.

    `redact` defaults to one that knows the keys of this process's environment.

    Raises:
        GatewayError: the gateway is still writing it, or the file cannot be used.
    """
    with Writer(path, redact=redact or Redactor.of(os.environ)) as writer:
        writer.write(record)


def read(path: Path, *, events: Collection[str] = ()) -> Iterator[Record]:
    """Every whole line of a trajectory; what a killed writer left unfinished at the end is passed over.

    With `events`, only those of these kinds, and the others are not even parsed.

    Raises:
        GatewayError: the file is missing or damaged before its end.
    """
    wanted = tuple(f'{{"event":"{event}"'.encode() for event in events) or b""
    with boundary(GatewayError, f"cannot read the trajectory {path}"):
        for line in _lines(path):
            if line.startswith(wanted):
                yield json.loads(line)


def _lines(path: Path) -> Iterator[bytes]:
    """One after the other: an agent may have filled gigabytes that are next to nothing on disk."""
    zstd = zstandard.ZstdDecompressor()
    with path.open("rb") as file, zstd.stream_reader(file, read_across_frames=True) as stream:
        rest = b""
        while chunk := stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines


def latest_lease(path: Path) -> list[Record]:
    """The part of a trajectory that belongs to the lease opened last: a job that is tried again starts over.

    Raises:
        GatewayError: it cannot be read.
    """
    records: list[Record] = []
    for record in read(path):
        if record.get("event") == "lease opened":
            records = []
        records.append(record)
    return records


def _open_for_writing(path: Path) -> BinaryIO:
    """The locked file, at its end, holding whole frames only."""
    while True:
        file = path.open("ab+", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise GatewayError(f"{path} is being written by another lease") from None
        # The writer before us may have put another file in its place while we were opening this one.
        if _same_file(file, path):
            break
        file.close()
    try:
        file.seek(0)
        text, whole = _unpack(file.read())
        return file if whole else _replaced(path, file, text)
    except BaseException:
        file.close()
        raise


def _same_file(file: BinaryIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _replaced(path: Path, torn: BinaryIO, text: bytes) -> BinaryIO:
    """A new file in the place of `torn`, which stays locked until then."""
    with torn:
        fresh = path.with_name(path.name + ".part").open("wb+", buffering=0)
        fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.truncate(0)
        fresh.write(zstandard.ZstdCompressor(level=LEVEL).compress(text))
        os.replace(fresh.name, path)
    return fresh


def _unpack(data: bytes) -> tuple[bytes, bool]:
    """All whole lines, and whether the data are whole frames of whole lines."""
    text = b""
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        text += frame.decompress(data)
        if not frame.eof:
            return text[: text.rfind(b"\n") + 1], False
        data = frame.unused_data
    return text, True
