"""One browser in a sandbox of its own, as the host speaks to it: over a socket, with a deadline for every answer.

Stops: a page or a browser that hangs, dies or says too much from reaching the host; whatever is opened in it from
reading anything but the pages, from writing anywhere, and from any network.
Does not stop: code that breaks out of the page into the browser's processes, which run without Chromium's own sandbox:
it could forge a verdict, though not leave the sandbox of the lab's.
"""

import base64
import json
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from evaluators.base import Json
from evaluators.gui.desktop import Desktop
from evaluators.gui.pages import address
from evaluators.layers import PLAYWRIGHT
from hgm.errors import SandboxError, SandboxLost, boundary
from sandboxes.base import Exit, Limits, Mount, Sandbox, SandboxProvider, SandboxSpec
from sandboxes.rooms import SLOTS
from sandboxes.sockets import listening

SIZE = (332, 214)
"""Of what is seen, in pixels: the pages' own canvas and their display beside it."""
LIMITS = Limits(deadline_s=20 * 86_400.0, memory_mb=1536, pids=512, workspace_mb=256, output_bytes=20_000)
_SOCKET_FOLDER = "/hgm/browser"
_HEAD = struct.Struct("!I")
_MOST = 8 << 20
"""Bytes of one answer."""
_PNG = b"\x89PNG\r\n\x1a\n"
_START_S, _LOAD_S = 60.0, 45.0
_POLL_S = 0.1
_HEADED = "--hgm-headed"
"""For the driver, not for the browser."""
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What a browser needs in sandboxes of one kind."""

    provider: SandboxProvider
    executable: str
    """The browser's path inside."""
    mounts: tuple[Mount, ...]
    desktop: Desktop | None = None
    """Where it shows itself; None: nowhere."""
    patience_s: float = 20.0
    """For one answer about a page that is open."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One answer of the driver's."""

    goal: str = ""
    text: str = ""
    screenshot: bytes | None = None
    """A PNG of `SIZE`."""
    error: str = ""
    notes: tuple[str, ...] = ()
    first: float | None = None
    """The raw reward when the page first said that it was done; None until then."""
    away: str = ""
    """Where the page went: `reloaded`, `elsewhere`; empty where it ought to be."""


class Browser:
    """A running browser. Not thread-safe, but for `close`."""

    def __init__(self, equipment: Equipment, *, run: str, slot: int) -> None:
        """Start it.

        Raises:
            SandboxError: it does not start.
        """
        self.episodes = 0
        self._patience_s = equipment.patience_s
        self._stack = ExitStack()
        self._ended: Exit | SandboxError | None = None
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            with boundary(SandboxError, "no browser"):
                self._start(equipment, run, slot)
            on_failure.pop_all()

    def _start(self, equipment: Equipment, run: str, slot: int) -> None:
        folder, listener = self._stack.enter_context(listening())
        mounts = (*equipment.mounts, Mount(source=folder, target=_SOCKET_FOLDER))
        place = (SLOTS - 2 - slot) % SLOTS  # another user than the agents' of the same slot
        env: Mapping[str, str] = {}
        flags: tuple[str, ...] = _FLAGS
        if equipment.desktop is not None:
            more, env = self._stack.enter_context(equipment.desktop.shared())
            mounts, flags = (*mounts, *more), (_HEADED, *_FLAGS)
        spec = SandboxSpec(run=run, job=f"browser-{slot}", slot=place, limits=LIMITS, mounts=mounts, env=env)
        box = self._stack.enter_context(equipment.provider.open(spec))
        command = (f"{PLAYWRIGHT}/driver/node", "/hgm/driver/browser.js", equipment.executable, *flags)
        self._thread = threading.Thread(target=self._run, args=(box, command), name=f"browser-{slot}", daemon=True)
        self._thread.start()
        self._connection = self._stack.enter_context(self._accepted(listener))
        try:
            self._hear(time.monotonic() + _START_S)
        except (OSError, EOFError) as error:
            raise SandboxError(f"the browser does not start{self._why()}") from error

    def _run(self, box: Sandbox, command: Sequence[str]) -> None:
        try:
            self._ended = box.run(command)
        except SandboxError as error:
            self._ended = error

    def _accepted(self, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + _START_S
        listener.settimeout(_POLL_S)
        while time.monotonic() < deadline:
            try:
                return listener.accept()[0]
            except TimeoutError:
                if not self._thread.is_alive():
                    break
        raise SandboxError(f"the browser's driver does not start{self._why()}")

    def _why(self) -> str:
        """What the sandbox said at its end, if that has come."""
        self._thread.join(1.0)
        if isinstance(self._ended, SandboxError):
            return f": {self._ended}"
        if self._ended is None:
            return ""
        lines = self._ended.output.decode(errors="replace").strip().splitlines()
        return f": {self._ended.end}, status {self._ended.status}: {ascii(' | '.join(lines[:3]))[1:-1][:500]}"

    def load(self, page: str, seed: int) -> Seen:
        """Open a page and begin an episode.

        Raises:
            SandboxLost: it does not answer, or the page does not load.
        """
        self.episodes += 1
        return self._ask({"do": "load", "url": address(page), "seed": seed}, _LOAD_S)

    def observe(self, *, screenshot: bool) -> Seen:
        """What there is to see.

        Raises:
            SandboxLost: it does not answer.
        """
        return self._ask({"do": "observe", "screenshot": screenshot}, self._patience_s)

    def act(self, action: Mapping[str, Json], *, screenshot: bool) -> Seen:
        """Do one checked action (`evaluators.gui.actions`), and say what there is to see then.

        Raises:
            SandboxLost: it does not answer.
        """
        return self._ask({"do": "act", "action": dict(action), "screenshot": screenshot}, self._patience_s)

    def _ask(self, message: Mapping[str, Json], patience_s: float) -> Seen:
        deadline = time.monotonic() + patience_s
        data = json.dumps(message).encode()
        try:
            self._connection.settimeout(patience_s)
            self._connection.sendall(_HEAD.pack(len(data)) + data)
            answer = self._hear(deadline)
        except (OSError, EOFError) as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else f"it has ended{self._why()}"
            raise SandboxLost(f"the browser is lost: {why}") from error
        if "trouble" in answer:
            raise SandboxLost(f"the browser is in trouble: {ascii(answer['trouble'])[1:-1][:300]}")
        return seen_of(answer)

    def _hear(self, deadline: float) -> dict[str, Json]:
        (length,) = _HEAD.unpack(self._exactly(_HEAD.size, deadline))
        if length > _MOST:
            raise SandboxLost(f"the browser says too much: {length} bytes")
        try:
            answer = json.loads(self._exactly(length, deadline))
        except (ValueError, RecursionError) as error:
            raise SandboxLost("the browser's driver does not speak JSON") from error
        if not isinstance(answer, dict):
            raise SandboxLost("the browser's driver does not answer with an object")
        return answer

    def _exactly(self, count: int, deadline: float) -> bytes:
        data = b""
        while len(data) < count:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            if not (piece := self._connection.recv(min(count - len(data), 1 << 20))):
                raise EOFError
            data += piece
        return data

    def close(self) -> None:
        """End it, with all its processes. Idempotent."""
        self._stack.close()


def seen_of(answer: Mapping[str, Json]) -> Seen:
    """What an answer of the driver's says, which may be anything.

    Raises:
        SandboxLost: it is none.
    """
    with boundary(SandboxLost, "the browser's driver answers oddly"):
        return _seen(answer)


def _seen(answer: Mapping[str, Json]) -> Seen:
    first, notes, taken = answer.get("first"), answer.get("notes", []), answer.get("screenshot")
    if first is not None and type(first) not in (int, float):
        raise SandboxLost("the browser's driver gives a reward that is no number")
    if not isinstance(notes, list):
        raise SandboxLost("the browser's driver gives notes that are no list")
    return Seen(
        goal=_text(answer.get("goal", "")),
        text=_text(answer.get("text", "")),
        screenshot=None if taken is None else _png(str(taken)),
        error=_text(answer.get("error", "")),
        notes=tuple(map(_text, notes)),
        first=None if first is None else float(first),
        away=str(answer.get("away", "")),
    )


def _png(encoded: str) -> bytes:
    data = base64.b64decode(encoded, validate=True)
    if data[:8] != _PNG or struct.unpack(">II", data[16:24]) != SIZE:
        raise SandboxLost("the browser's driver sends a picture that is none of the page")
    return data


def _text(value: Json) -> str:
    """What can be written as UTF-8: a page's text may hold halves of characters."""
    return str(value).encode("utf-8", "replace").decode()
