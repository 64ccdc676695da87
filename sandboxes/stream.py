"""Files as a tar stream, on their way into a container and, without believing any of it, out again.

Stops, on the way back: links (never followed: the stream is never unpacked onto a disk), devices, FIFOs and sockets,
sparse files, deep or huge trees: the first broken limit ends the reading. A stream that breaks off is an error, and
never a smaller workspace.
Does not stop: names that are not UTF-8, or that hold control characters, which are kept as the bytes they are, to be
escaped by whoever prints them.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Self

from hgm.errors import WorkspaceRejected
from sandboxes.base import File, Files
from sandboxes.snapshot import Bounds, Snapshot, Tally, is_relative, shown

_EXECUTABLE = 0o100
_End: type[tarfile.HeaderError] = tarfile.EOFHeaderError  # type: ignore[attr-defined]  # typeshed lacks it


def packed(files: Files, *, owner: int) -> bytes:
    """Trusted files as a tar archive, they and their folders owned by uid and gid `owner`.

    Raises:
        ValueError: a path leads outside or through a link or file, or a mode is not one that git knows.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        folders = set[bytes]()
        for path, file in sorted(files.items(), key=lambda item: item[0].split(b"/")):
            if not is_relative(path):
                raise ValueError(f"not a path inside the workspace: {shown(path)}")
            for folder in parents(path):
                if folder in files:
                    raise ValueError(f"{shown(path)} is below something that is no folder")
                if folder not in folders:
                    archive.addfile(_entry(folder, owner, tarfile.DIRTYPE, 0o755))
                    folders.add(folder)
            archive.addfile(*_file(path, file, owner))
    return buffer.getvalue()


def parents(path: bytes) -> Iterator[bytes]:
    """The folders that a path leads through, the outermost first."""
    parts = path.split(b"/")
    return (b"/".join(parts[:depth]) for depth in range(1, len(parts)))


def _entry(path: bytes, owner: int, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(_text(path))
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, owner, owner
    return entry


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")  # whatever this machine's own encoding of names is


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _file(path: bytes, file: File, owner: int) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    if file.mode == "120000":
        entry = _entry(path, owner, tarfile.SYMTYPE, 0o777)
        entry.linkname = _text(file.data)
        return entry, None
    if file.mode not in ("100644", "100755"):
        raise ValueError(f"mode {file.mode} of {shown(path)}")
    entry = _entry(path, owner, tarfile.REGTYPE, 0o755 if file.mode == "100755" else 0o644)
    entry.size = len(file.data)
    return entry, io.BytesIO(file.data)


def unpacked(chunks: Iterable[bytes], bounds: Bounds, *, at: bytes = b"") -> Snapshot:
    """Everything in a stream whose entries are all below one folder, except that folder's `.git`; in sorted order.

    With `at`, the stream is of that file or folder, and the paths are those of what holds it.

    What shares its content with something in `.git` alone, as another name of one file, is left out like that.

    Raises:
        WorkspaceRejected: a bound is broken.
        tarfile.TarError: it is no whole tar stream of a folder.
    """
    tally, beside = Tally(bounds), Tally(replace(bounds, file_bytes=bounds.total_bytes))
    files: dict[bytes, File] = {}
    skipped: list[bytes] = []
    with tarfile.open(
        fileobj=_Chunks(chunks), mode="r|", tarinfo=_Entry, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for entry in archive:
            path = b"/".join(filter(None, (at, _below(entry.name))))
            if path == b".git" or path.startswith(b".git/"):
                beside.weigh(path, entry.size)  # the stream holds it all the same
                continue
            if not path or (path == at and entry.isdir()):
                continue
            tally.enter(path)
            if entry.isdir():
                continue
            if path in files:
                raise tarfile.ReadError(f"{shown(path)} comes twice")
            if (file := _read(archive, entry, path, files, tally)) is None:
                skipped.append(path)
            else:
                files[path] = file
    if torn := next((path for path in files for folder in parents(path) if folder in files), None):
        raise tarfile.ReadError(f"{shown(torn)} is below something that is no folder")
    return Snapshot(dict(sorted(files.items())), tuple(sorted(skipped)))


class _Entry(tarfile.TarInfo):
    """Where the library takes a stream that breaks off, or goes on with something else, for the end, an error."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            entry = super().fromtarfile(archive)
        except _End:
            raise
        except tarfile.HeaderError as cause:
            raise tarfile.ReadError(f"no entry and no end: {cause}") from cause
        except ValueError as cause:
            # The library looks for a header's encoding in all of it: also in a name with `hdrcharset` on a line.
            raise WorkspaceRejected("a name that looks like part of an archive's header") from cause
        if entry.size < 0:
            raise tarfile.ReadError("a size below zero")
        return entry


def _below(name: str) -> bytes:
    return _bytes(name).rstrip(b"/").partition(b"/")[2]


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: bytes, files: Files, tally: Tally) -> File | None:
    if entry.issym():
        target = _bytes(entry.linkname)
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
