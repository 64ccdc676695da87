"""What of a workspace that an agent returns counts, and how files are laid over each other.

The agent's git folder, caches and links have no effect: they are left out, not punished. Everything works on plain
mappings of bytes; nothing is extracted or followed.
"""

import tempfile
from pathlib import Path

from hgm.errors import ArchiveError
from sandboxes.base import File, Files
from trees.git import BareRepository
from trees.paths import check_path

REGULAR, SCRIPT, LINK = "100644", "100755", "120000"
_IGNORED = frozenset({b".git", b"__pycache__", b".pytest_cache", b".mypy_cache", b".ruff_cache"})


def sanitise(base: Files, taken: Files) -> Files:
    """The agent's version of the workspace: what of `taken` counts, given the pristine `base`.

    Regular files count; of links only those that are in the base unchanged. A file is executable if it was in the
    base, or if it is new and a script (begins with `#!`).
    """
    return {path: _settled(base.get(path), file) for path, file in taken.items() if _counts(path, file, base)}


def _counts(path: bytes, file: File, base: Files) -> bool:
    if path in base:
        return file.mode != LINK or base[path] == file
    ignored = any(part in _IGNORED for part in path.split(b"/")) or path.endswith(b".pyc")
    return not ignored and file.mode != LINK and _storable(path)


def _storable(path: bytes) -> bool:
    """Whether git could keep it: no other spelling of `.git`, no name that would leave the workspace."""
    try:
        check_path(path)
    except ArchiveError:
        return False
    return True


def _settled(before: File | None, file: File) -> File:
    if file.mode == LINK:
        return file
    if before is not None and before.mode != LINK:
        return File(file.data, before.mode)
    executable = file.mode == SCRIPT and file.data.startswith(b"#!")
    return File(file.data, SCRIPT if executable else REGULAR)


def exact_patch(base: Files, files: Files) -> bytes:
    """The change as `git apply` takes it, binary files included, by nobody's settings; empty where there is none.

    Raises:
        ArchiveError: a path that no repository may hold.
    """
    changed = [path for path in base.keys() | files.keys() if base.get(path) != files.get(path)]
    if not changed:
        return b""
    with tempfile.TemporaryDirectory(prefix="hgm-patch-") as place:
        repository = BareRepository.create(Path(place) / "patch.git")
        before, after = (
            repository.write_tree({path: side[path] for path in changed if path in side}) for side in (base, files)
        )
        return repository.diff(before, after)


def overlay(base: Files, changed: Files) -> Files:
    """`base` with the files of `changed` laid over it; where a file meets a folder, `changed` wins."""
    folders = {parent for path in changed for parent in _parents(path)}
    kept = {
        path: file
        for path, file in base.items()
        if path not in folders and not any(parent in changed for parent in _parents(path))
    }
    return {**kept, **changed}


def _parents(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:count]) for count in range(1, len(parts))]
