"""The controller's side of the gateway: start the process, take leases and give them back."""

import os
import selectors
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import IO, Protocol

from hgm.errors import GatewayError, boundary
from hgm.gateway.order import CONTROL_SOCKET, Order
from hgm.gateway.providers import Provider
from hgm.gateway.records import NO_SAMPLING, Json, LeaseSpec, Usage
from hgm.gateway.remote import Control, Probe
from hgm.gateway.settings import Settings
from hgm.redaction import Redactor, withhold

__all__ = ["Control", "Gateway", "Lease", "LeaseSpec", "Probe", "Settings", "Usage"]

START_S = 20.0
LEAVE_S = 10.0
MOST_RESTARTS = 20


class Lease(Protocol):
    """One live lease: mount `folder` at /hgm/gateway, hand `token` over as HGM_TOKEN."""

    folder: Path
    token: str

    def usage(self) -> Usage:
        """So far."""

    def close(self) -> Usage:
        """Revoke it: later and still running calls get 409. Idempotent.

        Raises:
            RecordingError: in a replay it was asked something else than was recorded. Whatever the agent made of that
                is no result of its own.
        """


class Gateway:
    """The gateway's process, for the length of a `with` block; thread-safe inside it.

    `folder` is short-lived and private (a short path: sockets live below it); whatever an earlier gateway left there is
    removed. Inside the block the keys are taken out of `os.environ`, so that nothing else started from here inherits
    one. The process is started again when it dies, with all its leases; it dies when this process dies.
    """

    redact: Redactor
    """Removes every key from text; for what the host itself writes down."""
    _leaving: bool
    _trouble: GatewayError | None

    def __init__(
        self,
        folder: Path,
        trajectories: Path,
        *,
        scripts: Path | None = None,
        replay: Path | None = None,
        providers: Sequence[Provider] = (),
        settings: Settings | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.control = Control(self.folder / CONTROL_SOCKET)
        self._order = Order(
            trajectories=trajectories.absolute(),
            scripts=scripts and scripts.absolute(),
            replay=replay and replay.absolute(),
            providers=tuple(providers),
            settings=settings or Settings(),
        )
        self.redact = Redactor.of(os.environ, also=self._order.keys)
        self._keys: dict[str, str] = {}
        self._changing = threading.Lock()

    def __enter__(self) -> "Gateway":
        """Start it.

        Raises:
            GatewayError: it does not start; the message holds what it said.
        """
        with boundary(GatewayError, f"cannot use {self.folder}"):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(mode=0o700, parents=True)
            self._order.trajectories.mkdir(parents=True, exist_ok=True)
        self._keys = withhold(os.environ, also=self._order.keys)
        self._leaving, self._trouble = False, None
        try:
            self._process = self._start()
        except GatewayError:
            os.environ.update(self._keys)
            raise
        self._watcher = threading.Thread(target=self._watch, name="gateway", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changing:
            self._leaving = True
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._watcher.join()
        _pipe(self._process.stdout).close()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.environ.update(self._keys)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._process.pid

    def lease(self, spec: LeaseSpec) -> Lease:
        """Open a lease; see `Control.lease`."""
        if self._trouble is not None:
            raise self._trouble
        return self.control.lease(spec)

    def probe(self, backbone: str, sampling: Mapping[str, Json] = NO_SAMPLING) -> Probe:
        """Whether the backbone works right now; see `Control.probe`."""
        if self._trouble is not None:
            raise self._trouble
        return self.control.probe(backbone, sampling)

    def _start(self) -> subprocess.Popen[str]:
        said = self.folder / ".stderr"
        with boundary(GatewayError, "cannot start the gateway"), said.open("ab") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hgm.gateway", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **self._keys},
                text=True,
                # Ctrl-C is for the controller, which still needs the gateway while it drains.
                start_new_session=True,
            )
            _pipe(process.stdin).write(self._order.to_json())
            _pipe(process.stdin).flush()
            answer = _line(_pipe(process.stdout), START_S)
        if answer != "ready\n":
            process.kill()
            with process:
                pass
            raise GatewayError(f"the gateway does not start: {self._last_words(answer, said)}")
        return process

    def _last_words(self, answer: str, said: Path) -> str:
        return f"{answer.strip()} {self.redact(said.read_text(errors='replace'))[-2000:].strip()}"

    def _watch(self) -> None:
        for _ in range(MOST_RESTARTS):
            self._process.wait()
            with self._changing:
                if self._leaving:
                    return
                _pipe(self._process.stdin).close()
                _pipe(self._process.stdout).close()
                try:
                    self._process = self._start()
                except GatewayError as trouble:
                    self._trouble = trouble
                    return
        self._trouble = GatewayError(f"the gateway died {MOST_RESTARTS} times")


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _line(stream: IO[str], timeout_s: float) -> str:
    """The next line; empty if it does not come in time or the stream ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        deadline = monotonic() + timeout_s
        return stream.readline() if selector.select(deadline - monotonic()) else ""
