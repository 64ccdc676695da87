"""Files as a tar stream, on their way into a container and, without believing any of it, out again.

Stops, on the way back: links (never followed: the stream is never unpacked onto a disk), devices, FIFOs and sockets,
sparse files, deep or huge trees: the first broken limit ends the reading.
Does not stop: names that are not UTF-8, or that hold control characters, which are kept as the bytes they are, to be
escaped by whoever prints them.
"""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress

from sandboxes.base import File, Files
from sandboxes.snapshot import Bounds, Snapshot, Tally, is_relative, shown

_EXECUTABLE = 0o100


def packed(files: Files, *, owner: int) -> bytes:
    """Trusted files as a tar archive, they and their folders owned by uid and gid `owner`.

    Raises:
        ValueError: a path leads outside or through a link or file, or a mode is not one that git knows.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folders = set[bytes]()
        for path, file in sorted(files.items(), key=lambda item: item[0].split(b"/")):
            if not is_relative(path):
                raise ValueError(f"not a path inside the workspace: {shown(path)}")
            for folder in _above(path):
                if folder in files:
                    raise ValueError(f"{shown(path)} is below something that is no folder")
                if folder not in folders:
                    archive.addfile(_entry(folder, owner, tarfile.DIRTYPE, 0o755))
                    folders.add(folder)
            archive.addfile(*_file(path, file, owner))
    return buffer.getvalue()


def _above(path: bytes) -> Iterator[bytes]:
    parts = path.split(b"/")
    return (b"/".join(parts[:depth]) for depth in range(1, len(parts)))


def _entry(path: bytes, owner: int, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(os.fsdecode(path))
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, owner, owner
    return entry


def _file(path: bytes, file: File, owner: int) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    if file.mode == "120000":
        entry = _entry(path, owner, tarfile.SYMTYPE, 0o777)
        entry.linkname = os.fsdecode(file.data)
        return entry, None
    if file.mode not in ("100644", "100755"):
        raise ValueError(f"mode {file.mode} of {shown(path)}")
    entry = _entry(path, owner, tarfile.REGTYPE, 0o755 if file.mode == "100755" else 0o644)
    entry.size = len(file.data)
    return entry, io.BytesIO(file.data)


def unpacked(chunks: Iterable[bytes], bounds: Bounds) -> Snapshot:
    """Everything in a stream whose entries are all below one folder, except that folder's `.git`; in sorted order.

    Raises:
        WorkspaceRejected: a bound is broken.
        tarfile.TarError: it is no tar stream.
    """
    tally = Tally(bounds)
    files: dict[bytes, File] = {}
    skipped: list[bytes] = []
    with tarfile.open(fileobj=_Chunks(chunks), mode="r|", encoding="utf-8", errors="surrogateescape") as archive:
        for entry in archive:
            path = _below(entry.name)
            if not path or path == b".git" or path.startswith(b".git/"):
                continue
            tally.enter(path)
            if entry.isdir():
                continue
            if (file := _read(archive, entry, path, files, tally)) is None:
                skipped.append(path)
            else:
                files[path] = file
    return Snapshot(dict(sorted(files.items())), tuple(sorted(skipped)))


def _below(name: str) -> bytes:
    return os.fsencode(name).rstrip(b"/").partition(b"/")[2]


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: bytes, files: Files, tally: Tally) -> File | None:
    if entry.issym():
        target = os.fsencode(entry.linkname)
        tally.weigh(path, len(target))
        return File(target, "120000")
    if entry.islnk():
        if (same := files.get(_below(entry.linkname))) is not None:
            tally.weigh(path, len(same.data))
        return same
    if not entry.isreg():
        return None
    tally.weigh(path, entry.size)
    stream = archive.extractfile(entry)
    return File(stream.read() if stream else b"", "100755" if entry.mode & _EXECUTABLE else "100644")


class _Chunks(io.RawIOBase):
    """An iterable of bytes as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, wanted = [], size
        while wanted:
            if not self._rest:
                with suppress(StopIteration):
                    self._rest = next(self._chunks)
                if not self._rest:
                    break
            part = self._rest if wanted < 0 else self._rest[:wanted]
            self._rest = self._rest[len(part) :]
            wanted -= len(part) if wanted > 0 else 0
            parts.append(part)
        return b"".join(parts)
