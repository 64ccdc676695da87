"""Where the viewer listens, and the viewer of a search that is about to begin."""

import os
import signal
import socket
import subprocess
import sys
import threading
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
_LAST_NEWS_S = 2.0


@contextmanager
def listening(host: str, port: int | None) -> Iterator[socket.socket]:
    """A socket that listens; without a port, on the usual one or the next that is free.

    Raises:
        ConfigError: it cannot.
    """
    try:
        family, *_ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--host {host}: {error.strerror}: name an address of this machine") from error
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
                    said = f"cannot listen on {host}, port {place}: {error.strerror}"
                    raise ConfigError(f"{said}: choose another --port (0 is any that is free) or --host") from error
        yield listener


def address(listener: socket.socket) -> str:
    """Its URL."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def wait_for(runs: Sequence[str], runs_dir: Path) -> None:
    """Return once these runs are there. This process ends when whoever holds the other end of its input is gone."""

    def follow() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    for run in runs:
        path = Path(run) if "/" in run else runs_dir / run
        while not Folder(path).journal.is_file():
            time.sleep(_LOOK_S)


@contextmanager
def shown_at(run: Path) -> Iterator[str]:
    """The URL at which a process of its own shows a run, from when it is there to a moment after the end of the block.

    In that moment open pages get to know how the run ended.
    """
    with listening("127.0.0.1", None) as free:
        url = address(free)
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "hgm", "serve", str(run.absolute()), "--port", str(port), "--wait"]
    held, unheard = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=held, stdout=unheard, start_new_session=True) as viewer:
        try:
            yield url
            time.sleep(_LAST_NEWS_S)
        finally:
            viewer.terminate()
