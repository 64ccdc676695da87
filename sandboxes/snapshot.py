"""A folder of files that untrusted code left behind, read without believing any of it.

Stops: links (never followed, in no part of a path), FIFOs, sockets and devices (never opened), sparse files, deep or
huge trees: the first broken limit ends the reading.
Does not stop: names that are not UTF-8, or that hold control characters, which are kept as the bytes they are, to be
escaped by whoever prints them; a file that changes while it is read; whoever wrote the folder must be dead by then.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from hgm.errors import WorkspaceRejected
from sandboxes.base import File, Files, Limits

MIB = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may come back from a sandbox."""

    entries: int
    """Files, folders, links and everything else together."""
    total_bytes: int
    file_bytes: int
    depth: int = 64
    name_bytes: int = 255
    path_bytes: int = 1024

    @classmethod
    def of(cls, limits: Limits) -> "Bounds":
        """The bounds that belong to a sandbox's limits."""
        return cls(
            entries=limits.workspace_inodes,
            total_bytes=limits.workspace_mb * MIB,
            file_bytes=limits.file_mb * MIB,
        )


@dataclass(frozen=True)
class Snapshot:
    """What a folder held; links as they are, for the caller to judge."""

    files: Files
    skipped: tuple[bytes, ...] = ()
    """Paths of FIFOs, sockets and devices, which are never part of a result."""


class Tally:
    """Counts entries on their way out of a sandbox, from a folder or a tar stream, and rejects at the first limit."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._entries = 0
        self._bytes = 0

    def enter(self, path: bytes) -> None:
        """One more entry of any kind.

        Raises:
            WorkspaceRejected: too many, too deep, or a path that cannot be one.
        """
        bounds = self._bounds
        self._entries += 1
        if self._entries > bounds.entries:
            raise WorkspaceRejected(f"more than {bounds.entries} files and folders")
        if len(path) > bounds.path_bytes:
            raise WorkspaceRejected(f"a path of {len(path)} bytes (at most {bounds.path_bytes}): {shown(path)}")
        parts = path.split(b"/")
        if len(parts) > bounds.depth:
            raise WorkspaceRejected(f"folders nested deeper than {bounds.depth}: {shown(path)}")
        if not is_relative(path):
            raise WorkspaceRejected(f"not a path inside the workspace: {shown(path)}")
        if max(map(len, parts)) > bounds.name_bytes:
            raise WorkspaceRejected(f"a name longer than {bounds.name_bytes} bytes: {shown(path)}")

    def weigh(self, path: bytes, size: int) -> None:
        """Bytes that are about to be read; sparse files count in full, hard links every time.

        Raises:
            WorkspaceRejected: the file or all files together are too large.
        """
        bounds = self._bounds
        if size > bounds.file_bytes:
            raise WorkspaceRejected(f"a file of {size} bytes (at most {bounds.file_bytes}): {shown(path)}")
        self._bytes += size
        if self._bytes > bounds.total_bytes:
            raise WorkspaceRejected(f"more than {bounds.total_bytes} bytes in all, at {shown(path)}")


def is_relative(path: bytes) -> bool:
    """Whether a path stays inside, with nothing to resolve on the way."""
    return b"\0" not in path and all(part not in (b"", b".", b"..") for part in path.split(b"/"))


def shown(path: bytes) -> str:
    """A hostile path as printable ASCII, shortened."""
    text = repr(path)[2:-1]
    return text if len(text) <= 120 else f"{text[:58]}…{text[-58:]}"


def read_folder(folder: int, bounds: Bounds) -> Snapshot:
    """Read everything below an open folder, except a top-level `.git`. Names come back as bytes, in sorted order.

    Raises:
        WorkspaceRejected: a bound is broken.
    """
    tally = Tally(bounds)
    files: dict[bytes, File] = {}
    skipped: list[bytes] = []
    for path, file in _walk(folder, b"", tally):
        if file is None:
            skipped.append(path)
        else:
            files[path] = file
    return Snapshot(dict(sorted(files.items())), tuple(sorted(skipped)))


def read_paths(folder: int, paths: Iterable[bytes], bounds: Bounds) -> Snapshot:
    """What lies at these paths below an open folder; folders, and what is reached only through a link, are passed over.

    Raises:
        WorkspaceRejected: a bound is broken.
    """
    tally = Tally(bounds)
    files: dict[bytes, File] = {}
    skipped: list[bytes] = []
    for path in paths:
        tally.enter(path)
        with suppress(FileNotFoundError, NotADirectoryError), _holder(folder, path) as (inner, name):
            mode = os.stat(name, dir_fd=inner, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                files[path] = _read_link(inner, name, path, tally)
            elif stat.S_ISREG(mode) and (file := _read_file(inner, name, path, mode, tally)) is not None:
                files[path] = file
            elif not stat.S_ISDIR(mode):
                skipped.append(path)
    return Snapshot(dict(sorted(files.items())), tuple(sorted(skipped)))


@contextmanager
def _holder(folder: int, path: bytes) -> Iterator[tuple[int, bytes]]:
    """The folder that a path's last name is in, open, and that name.

    Raises:
        NotADirectoryError: something on the way is a link, or no folder.
    """
    *above, name = path.split(b"/")
    with ExitStack() as opened:
        for part in above:
            try:
                folder = os.open(part, _DIRECTORY, dir_fd=folder)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise NotADirectoryError(error.errno, error.strerror) from error
                raise
            opened.callback(os.close, folder)
        yield folder, name


def _walk(folder: int, above: bytes, tally: Tally) -> Iterator[tuple[bytes, File | None]]:
    if (mode := os.fstat(folder).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
        os.fchmod(folder, stat.S_IMODE(mode) | stat.S_IRWXU)  # only root reads what the agent has closed
    with os.scandir(folder) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if not above and name == b".git":
                continue
            path = above + name
            tally.enter(path)
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                inner = _open(folder, name, _DIRECTORY, status.st_mode)
                try:
                    yield from _walk(inner, path + b"/", tally)
                finally:
                    os.close(inner)
            elif stat.S_ISLNK(status.st_mode):
                yield path, _read_link(folder, name, path, tally)
            elif stat.S_ISREG(status.st_mode):
                yield path, _read_file(folder, name, path, status.st_mode, tally)
            else:
                yield path, None


def _open(folder: int, name: bytes, flags: int, mode: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except PermissionError:
        # Not root, and the agent took the owner's read bit away; what was a link a moment ago was not listed as this.
        os.chmod(name, stat.S_IMODE(mode) | stat.S_IRWXU, dir_fd=folder)
        return os.open(name, flags, dir_fd=folder)


def _read_link(folder: int, name: bytes, path: bytes, tally: Tally) -> File:
    target = os.readlink(name, dir_fd=folder)
    tally.weigh(path, len(target))
    return File(target, "120000")


def _read_file(folder: int, name: bytes, path: bytes, mode: int, tally: Tally) -> File | None:
    handle = _open(folder, name, _REGULAR, mode)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return None
        tally.weigh(path, status.st_size)
        data = _exactly(handle, status.st_size)
    finally:
        os.close(handle)
    return File(data, "100755" if mode & stat.S_IXUSR else "100644")


def _exactly(handle: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(handle, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_files(folder: int, files: Files, *, uid: int, gid: int) -> None:
    """Put trusted files below an open, empty folder, owned by `uid` and `gid`; their folders too.

    Raises:
        ValueError: a path leads outside, or a mode is not one that git knows.
        OSError: they do not fit, or two of them collide (also a file below a link).
    """
    chain = _Chain(folder, uid, gid)
    with ExitStack() as clean_up:
        clean_up.callback(chain.rise_to, 0)
        for path, file in sorted(files.items(), key=lambda item: item[0].split(b"/")):
            if not is_relative(path):
                raise ValueError(f"not a path inside the workspace: {shown(path)}")
            *above, name = path.split(b"/")
            _write(chain.folder(above), name, file, uid, gid)


class _Chain:
    """The open folders on the way to the file that is being written, so that no path is ever resolved twice."""

    def __init__(self, folder: int, uid: int, gid: int) -> None:
        self._handles = [folder]
        self._names: list[bytes] = []
        self._owner = (uid, gid)

    def folder(self, names: list[bytes]) -> int:
        common = 0
        while common < min(len(names), len(self._names)) and names[common] == self._names[common]:
            common += 1
        self.rise_to(common)
        for name in names[common:]:
            os.mkdir(name, dir_fd=self._handles[-1])
            self._handles.append(os.open(name, _DIRECTORY, dir_fd=self._handles[-1]))
            self._names.append(name)
            os.fchmod(self._handles[-1], 0o755)
            os.fchown(self._handles[-1], *self._owner)
        return self._handles[-1]

    def rise_to(self, depth: int) -> None:
        while len(self._names) > depth:
            self._names.pop()
            os.close(self._handles.pop())


def _write(folder: int, name: bytes, file: File, uid: int, gid: int) -> None:
    if file.mode == "120000":
        os.symlink(file.data, name, dir_fd=folder)
        os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
        return
    if file.mode not in ("100644", "100755"):
        raise ValueError(f"mode {file.mode} of {shown(name)}")
    handle = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        left = memoryview(file.data)
        while left:
            left = left[os.write(handle, left) :]
        os.fchmod(handle, 0o755 if file.mode == "100755" else 0o644)
        os.fchown(handle, uid, gid)
    finally:
        os.close(handle)
