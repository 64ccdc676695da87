"""Trees of files on disk: written whole or not at all, never through a link."""

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hgm.errors import ArchiveError, boundary
from trees.paths import LINK_MODE, FileLike, check_path, leaving_links

_WRITE_BITS = 0o222


def write_folder(files: Mapping[bytes, FileLike], folder: Path, *, read_only: bool) -> bool:
    """Make `folder`, at once and whole, with these files; False where a folder with content is there already.

    Everyone may read it. `read_only`: nobody may write in it, as far as permissions say so.

    Raises:
        ArchiveError: a path that no tree may hold, a link that leaves the folder, or the disk's own trouble.
    """
    for path in files:
        check_path(path)
    if leaving := leaving_links(files):
        raise ArchiveError(f"symbolic links that lead out of the folder: {', '.join(map(repr, leaving[:3]))}")
    with boundary(ArchiveError, f"cannot write {folder}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=".new-", dir=folder.parent)
        try:
            _fill(os.fsencode(temporary), files, read_only=read_only)
            return _move(temporary, folder)
        finally:
            remove_folder(Path(temporary))


def read_folder(folder: Path) -> dict[bytes, tuple[bytes, str]]:
    """What `write_folder` wrote: path -> (content or link target, git mode). Empty folders count for nothing."""
    root = os.fsencode(folder)
    found = {}
    with boundary(ArchiveError, f"cannot read {folder}"):
        for where, folders, names in os.walk(root):
            for name in names + [name for name in folders if os.path.islink(os.path.join(where, name))]:
                path = os.path.join(where, name)
                found[os.path.relpath(path, root)] = _read(path)
    return found


def remove_folder(folder: Path) -> None:
    """Delete a folder, read-only ones too; no error where there is none."""
    for where, _, _ in os.walk(folder):
        os.chmod(where, 0o755)
    shutil.rmtree(folder, ignore_errors=True)


def reach_disk(path: str | Path) -> None:
    """Return when a file's content, or a folder's entries, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(root: bytes, files: Mapping[bytes, FileLike], *, read_only: bool) -> None:
    folders = {root}
    # Links last: nothing is ever written through one.
    for path, file in sorted(files.items(), key=lambda item: item[1].mode == LINK_MODE):
        full = os.path.join(root, path)
        folder = os.path.dirname(full)
        if folder not in folders:
            os.makedirs(folder, exist_ok=True)
            folders |= {os.path.join(root, part) for part in _parents(path)}
        if file.mode == LINK_MODE:
            os.symlink(file.data, full)
            continue
        mode = 0o755 if file.mode == "100755" else 0o644
        with open(full, "xb") as stream:
            stream.write(file.data)
            os.fchmod(stream.fileno(), mode & ~_WRITE_BITS if read_only else mode)
    for folder in folders:
        os.chmod(folder, 0o555 if read_only else 0o755)


def _parents(path: bytes) -> list[bytes]:
    names = path.split(b"/")[:-1]
    return [b"/".join(names[: count + 1]) for count in range(len(names))]


def _move(temporary: str, folder: Path) -> bool:
    try:
        os.rename(temporary, folder)
    except OSError:
        if os.path.lexists(folder):
            return False
        raise
    return True


def _read(path: bytes) -> tuple[bytes, str]:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return os.readlink(path), LINK_MODE
    with open(path, "rb") as stream:
        return stream.read(), "100755" if mode & stat.S_IXUSR else "100644"
