"""Folders with a socket of the host's that one sandbox alone may see: its way out to a program of the host.

The folder, not the socket, is what is mounted; where it cannot be mounted, `sandboxes.stdio` relays. It carries its
maker's name, so that `hgm gc` knows what a dead process has left.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sandboxes.engine import FOLDER_PREFIX, this_process

NAME = "sock"
"""Of the socket, in its folder."""


class Listening(NamedTuple):
    """A socket that is listened at, and the folder to be mounted."""

    folder: Path
    listener: socket.socket


@contextmanager
def own_folder() -> Iterator[Path]:
    """Open to the command, for which it is mounted, and closed to everybody else, who cannot get past its parent."""
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER_PREFIX}{this_process()}-") as parent:
        folder = Path(parent) / "in"
        folder.mkdir()
        folder.chmod(0o711)
        yield folder


@contextmanager
def listening() -> Iterator[Listening]:
    """Listen in a folder of one sandbox.

    Raises:
        OSError: the machine's own trouble.
    """
    with own_folder() as folder, socket.socket(socket.AF_UNIX) as listener, _short_path(folder) as short:
        listener.bind(f"{short}/{NAME}")
        (folder / NAME).chmod(0o666)
        listener.listen()
        yield Listening(folder, listener)


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """Another way to this folder: a socket's path has about a hundred bytes, and `TMPDIR` may have more."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
