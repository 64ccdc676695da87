"""How the host reaches the workspace of a running container: through the kernel where it may, else through the engine.

Both believe nothing: see `sandboxes.snapshot` and `sandboxes.stream`. Through the kernel takes a tenth of the time.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sandboxes.base import WORKSPACE, Files
from sandboxes.calls import archive
from sandboxes.engine import Engine
from sandboxes.fixed import USER
from sandboxes.snapshot import Bounds, Snapshot, read_folder, write_files
from sandboxes.stream import packed, unpacked

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Reach(Protocol):
    """A way to a container's workspace."""

    @property
    def outlives(self) -> bool:
        """Whether it leads there even when the container is dead."""

    def write(self, files: Files) -> None:
        """Put trusted files into the empty workspace, owned by the command's user."""

    def read(self, bounds: Bounds) -> Snapshot:
        """What is there, while nothing of the command's runs; may be asked of a frozen container."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True)
class Near(Reach):
    """The workspace as a folder of this machine's, for root."""

    folder: int
    outlives: bool = True

    def write(self, files: Files) -> None:
        write_files(self.folder, files, uid=USER, gid=USER)

    def read(self, bounds: Bounds) -> Snapshot:
        return read_folder(self.folder, bounds)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.folder)


@dataclass(frozen=True)
class Far(Reach):
    """Tar streams, which any engine takes and gives."""

    engine: Engine
    container: str
    outlives: bool = False

    def write(self, files: Files) -> None:
        self.engine.api.put_archive(self.container, WORKSPACE, packed(files, owner=USER))

    def read(self, bounds: Bounds) -> Snapshot:
        with archive(self.engine, self.container, WORKSPACE) as chunks:
            return unpacked(chunks, bounds)

    def close(self) -> None:
        pass


def near(process: int) -> Near | None:
    """Through a process of the container on this machine; None where what is there is not a sandbox's new workspace."""
    with suppress(OSError):
        found = Near(os.open(f"/proc/{process}/root{WORKSPACE}", _FOLDER))
        if os.fstat(found.folder).st_uid == USER and not os.listdir(found.folder):
            return found
        found.close()
    return None
