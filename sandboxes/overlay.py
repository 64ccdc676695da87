"""What differs from a container's image, read from its own layer as this machine's kernel keeps it (overlayfs).

Engines compare the whole file system, which takes more than a second for a large repository; the layer holds nothing
but the changes: files as they are now, a device 0:0 for what is gone, and a mark on folders that were made anew.
Nothing is opened but folders, none through a link.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from sandboxes.calls import Change
from sandboxes.engine import Engine

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPAQUE = "trusted.overlay.opaque"
_MOVED = frozenset({"trusted.overlay.redirect", "trusted.overlay.metacopy"})
"""Marks of what is kept elsewhere."""


class NotPlain(Exception):
    """The layer holds something whose content is elsewhere: the engine has to say what has changed."""


@dataclass(frozen=True)
class Layers:
    """The layers of one container on this machine."""

    own: str
    below: tuple[str, ...]
    """The image's, the uppermost first."""

    def changes(self, folder: str) -> Iterator[tuple[bytes, Change]]:
        """What has changed below a folder, which is no link; folders that are there still are not told.

        Raises:
            NotPlain: see there.
            OSError: the layer cannot be read.
        """
        with suppress(FileNotFoundError):
            handle = os.open(self.own, _FOLDER)
            for part in folder.strip("/").split("/"):
                inner = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            try:
                yield from self._walk(handle, folder.strip("/").encode(), b"")
            finally:
                os.close(handle)

    def _walk(self, folder: int, above: bytes, place: bytes) -> Iterator[tuple[bytes, Change]]:
        marks = set(os.listxattr(folder))
        if marks & _MOVED:
            raise NotPlain
        if place and _OPAQUE in marks and self._is_below(above + b"/" + place):
            yield place, Change.DELETED
        with os.scandir(folder) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                path = b"/".join(filter(None, (place, name)))
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    inner = os.open(name, _FOLDER, dir_fd=folder)
                    try:
                        yield from self._walk(inner, above, path)
                    finally:
                        os.close(inner)
                elif _is_whiteout(status):
                    yield path, Change.DELETED
                else:
                    _must_be_plain(folder, name)
                    yield path, Change.MODIFIED if self._is_below(above + b"/" + path) else Change.ADDED

    def _is_below(self, path: bytes) -> bool:
        """Whether the image has this path."""
        return any(self._holders(path))

    def _holders(self, path: bytes) -> Iterator[bool]:
        parts = path.split(b"/")
        for layer in self.below:
            at = os.fsencode(layer)
            for depth, part in enumerate(parts, 1):
                at += b"/" + part
                try:
                    status = os.lstat(at)
                except (FileNotFoundError, NotADirectoryError):
                    break
                if _is_whiteout(status):
                    return
                if depth == len(parts):
                    yield True
                    return
                if not stat.S_ISDIR(status.st_mode):
                    return
                if _OPAQUE in os.listxattr(at, follow_symlinks=False) and not os.path.lexists(
                    os.path.join(at, *parts[depth:])
                ):
                    return


def layers_of(engine: Engine, container: str) -> Layers | None:
    """The layers of a container, where this process may read them; None elsewhere."""
    told = engine.api.inspect_container(container).get("GraphDriver") or {}
    data = told.get("Data") or {}
    if told.get("Name") != "overlay2" or not {"UpperDir", "LowerDir"} <= data.keys():
        return None
    found = Layers(str(data["UpperDir"]), tuple(str(data["LowerDir"]).split(":")))
    return found if all(map(os.path.isdir, (found.own, *found.below))) else None


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _must_be_plain(folder: int, name: bytes) -> None:
    # Marks can be read by path only: this one leads through an open folder, and not through a link.
    if _MOVED & set(os.listxattr(f"/proc/self/fd/{folder}/{os.fsdecode(name)}", follow_symlinks=False)):
        raise NotPlain
