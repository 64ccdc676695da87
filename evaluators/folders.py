"""Reads a folder that somebody else made: regular files only, under limits, never through a link."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hgm.errors import EvaluatorError, boundary
from sandboxes.base import File, Files

MAX_FILES = 2000
MAX_BYTES = 32 << 20
MAX_DEPTH = 12
_CACHES = (b"__pycache__", b".pytest_cache")


def read_tree(folder: Path, *, only: bytes | None = None) -> Files:
    """Every file below `folder` but caches of Python, or the one with the name `only`.

    Raises:
        EvaluatorError: a link, a device, an odd name, or more than the limits allow; says where.
    """
    files: dict[bytes, File] = {}
    left = MAX_BYTES
    with boundary(EvaluatorError, f"cannot read {folder}"):
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for path, file in [(only, _read(root, only, left))] if only else _walk(root, b"", 0, MAX_BYTES):
                files[path] = file
                left -= len(file.data)
                if left < 0 or len(files) > MAX_FILES:
                    raise EvaluatorError(f"{folder} is beyond {MAX_FILES} files or {MAX_BYTES >> 20} MiB")
        finally:
            os.close(root)
    return files


def _walk(folder: int, prefix: bytes, depth: int, most: int) -> Iterator[tuple[bytes, File]]:
    if depth > MAX_DEPTH:
        raise EvaluatorError(f"{os.fsdecode(prefix)!r} is nested more than {MAX_DEPTH} deep")
    with os.scandir(folder) as entries:
        found = sorted((os.fsencode(entry.name), entry.stat(follow_symlinks=False).st_mode) for entry in entries)
    if len(found) > MAX_FILES:
        raise EvaluatorError(f"{os.fsdecode(prefix)!r} holds more than {MAX_FILES} files")
    for name, mode in found:
        if name in _CACHES:
            continue
        path = prefix + name
        if stat.S_ISDIR(mode):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                yield from _walk(below, path + b"/", depth + 1, most)
            finally:
                os.close(below)
        elif stat.S_ISREG(mode):
            yield path, _read(folder, name, most, shown=path)
        else:
            raise EvaluatorError(f"{os.fsdecode(path)!r} is not a regular file; links and devices are refused")


def _read(folder: int, name: bytes, most: int, *, shown: bytes = b"") -> File:
    # Not blocking, in case the name became a FIFO since it was listed.
    number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(number, "rb") as file:
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            raise EvaluatorError(f"{os.fsdecode(shown or name)!r} is not a regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise EvaluatorError(f"{os.fsdecode(shown or name)!r} is larger than {most >> 20} MiB")
    return File(data, "100755" if mode & 0o100 else "100644")
