"""Where the viewer listens, and the viewer of a search that is about to begin."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hgm.errors import ConfigError
from hgm.run import Folder
from hgm.serving import PORT

_TRIED = 20
"""Ports, from the usual one on."""
_LOOK_S = 0.2


@contextmanager
def listening(host: str, port: int | None) -> Iterator[socket.socket]:
    """A socket that listens; without a port, on the usual one or the next that is free.

    Raises:
        ConfigError: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(PORT, PORT + _TRIED) if port is None else (port,)
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for place in ports:
            try:
                listener.bind((host, place))
                listener.listen()
                break
            except OSError as error:
                if place == ports[-1]:
                    raise ConfigError(f"cannot listen on {host}, port {place}: {error.strerror}: --port 0") from error
        yield listener


def address(listener: socket.socket) -> str:
    """Its URL."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def wait_for(runs: Sequence[str], runs_dir: Path) -> None:
    """Return once these runs are there, or never, if whoever asked is gone."""
    parent = os.getppid()
    for run in runs:
        path = Path(run) if "/" in run else runs_dir / run
        while not Folder(path).journal.is_file():
            if os.getppid() != parent:
                sys.exit(0)
            time.sleep(_LOOK_S)


@contextmanager
def shown_at(run: Path) -> Iterator[str]:
    """The URL at which a process of its own shows a run, from when it is there to the end of the block."""
    with listening("127.0.0.1", None) as free:
        url = address(free)
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "hgm", "serve", str(run.absolute()), "--port", str(port), "--wait"]
    viewer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield url
    finally:
        viewer.terminate()
        viewer.wait()
