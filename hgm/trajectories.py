"""Trajectories on disk: `<job>.jsonl.zst`, one JSON object per line, written by the gateway and then by the host.

Each writer adds one zstd frame and flushes it line by line, so that whatever dies by `kill -9` leaves every line that
it had finished, and a conversation that is sent again with each call costs next to nothing. (Flushed to the kernel, not
to the disk: a power cut may take the last seconds.) A frame that was cut off ends the readable part, so the next writer
first rewrites the file without it.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import zstandard

from hgm.errors import GatewayError, boundary
from hgm.redaction import Redactor, without_secrets

Record: TypeAlias = dict[str, Any]
Redact: TypeAlias = Callable[[str], str]

LEVEL = 3
_CHUNK = 1 << 20
_SLICE = 256
"""Of a file, unpacked at once: no four bytes of zstd are more than 128 kB."""
_HEAD = b'{"event":"'


class Writer:
    """The only writer of one trajectory while it is open (flock), as a context manager or with `close`.

    Raises:
        GatewayError: somebody else is writing this trajectory, or the file cannot be used.
    """

    def __init__(self, path: Path, *, redact: Redact) -> None:
        self._redact = redact
        with boundary(GatewayError, f"cannot write the trajectory {path}"):
            self._file, self.text_size = _open_for_writing(path)
        self._frame = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self._broken = False
        self.size = self._file.seek(0, os.SEEK_END)
        """Of the file in bytes, as it is on disk; `text_size` is that of all its lines, unpacked."""

    def write(self, record: Record) -> None:
        """Add one line, without any secret in it; once this returns, a killed process no longer loses it.

        Raises:
            GatewayError: it could not be written whole, now or earlier (a full disk).
        """
        line = (_line(record, self._redact) + "\n").encode()
        self._put(self._frame.compress(line) + self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        self.text_size += len(line)

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


def _line(record: Record, redact: Redact) -> str:
    text = json.dumps(record, separators=(",", ":"))
    clean = redact(text)
    return text if clean == text else json.dumps(without_secrets(record, redact), separators=(",", ":"))


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


@dataclass(frozen=True, kw_only=True)
class Latest:
    """Of one kind of record: how many there are, and the last one."""

    count: int
    record: Record


def latest_lease(path: Path) -> dict[str, Latest]:
    """Event -> its records in the lease opened last: a job that is tried again starts over.

    However much an agent said, no more than the last line of each kind is held.

    Raises:
        GatewayError: it cannot be read.
    """
    counts: Counter[bytes] = Counter()
    last: dict[bytes, bytes] = {}
    with boundary(GatewayError, f"cannot read the trajectory {path}"):
        for line in _lines(path):
            event = line[: line.find(b'"', len(_HEAD))].removeprefix(_HEAD)
            if event == b"lease opened":
                counts.clear()
                last.clear()
            counts[event] += 1
            last[event] = line
        records = [(counts[event], json.loads(line)) for event, line in last.items()]
    return {str(record.get("event")): Latest(count=count, record=record) for count, record in records}


def _open_for_writing(path: Path) -> tuple[BinaryIO, int]:
    """The locked file, at its end, holding whole frames only; and how many bytes its lines are, unpacked."""
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
        text = _Text(file)
        text.survey()
        return (file if text.whole else _replaced(path, file, text)), text.end
    except BaseException:
        file.close()
        raise


def _same_file(file: BinaryIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _replaced(path: Path, torn: BinaryIO, text: "_Text") -> BinaryIO:
    """A new file with the whole lines of `torn`, in its place; `torn` stays locked until then."""
    with torn:
        fresh = path.with_name(path.name + ".part").open("wb+", buffering=0)
        fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.truncate(0)
        with zstandard.ZstdCompressor(level=LEVEL).stream_writer(fresh, closefd=False) as frame:
            for piece in text.lines():
                frame.write(piece)
        os.replace(fresh.name, path)
    return fresh


class _Text:
    """What can be unpacked of a file, piece by piece: a few bytes on disk may be gigabytes of text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.end = 0
        """Where the last whole line ends. Set by `survey`, like `whole`."""
        self.whole = True
        """Whether the file is whole frames and nothing else."""

    def survey(self) -> None:
        """Go through all of it, once."""
        at = 0
        for piece in self._pieces():
            if b"\n" in piece:
                self.end = at + piece.rindex(b"\n") + 1
            at += len(piece)

    def lines(self) -> Iterator[bytes]:
        """The text up to `end`, in pieces."""
        left = self.end
        for piece in self._pieces():
            if left <= 0:
                break
            yield piece[:left]
            left -= len(piece)

    def _pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        frame = None
        while data := self._file.read(_CHUNK):
            for start in range(0, len(data), _SLICE):
                rest = data[start : start + _SLICE]
                while rest:
                    frame = frame or zstandard.ZstdDecompressor().decompressobj()
                    yield frame.decompress(rest)
                    rest, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
        self.whole = frame is None
