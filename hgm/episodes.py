"""Episodes between the gateway and a browser: one served on a socket of the host's, and a stage made when it is needed.

Only the host's own user can open the socket; what comes through it was checked by the gateway, and is an attacker's all
the same. An episode's trouble is remembered, so that the host does not take it for the agent's.
"""

import base64
import json
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from evaluators.base import Json, Task
from evaluators.gui.base import Episode, Observation, Stage
from evaluators.gui.desktop import desktop
from evaluators.gui.pool import open_stage
from hgm.errors import EvaluatorError, SandboxError, SandboxLost, boundary
from hgm.text import clip
from sandboxes.base import SandboxProvider

SOCKET = "sock"
MOST_BYTES = 1_000_000
"""Of a request: more than the gateway lets through."""
MOST_TEXT = 200_000
"""Characters of an observation's text; an agent can write a page full."""
MOST_WORDS = 10_000
"""Of its goal and of an error."""
PATIENCE_S = 10.0
"""For a request to arrive that has begun."""
_WHAT = {"observe": {"what", "screenshot"}, "step": {"what", "screenshot", "action"}}


@dataclass
class Playing:
    """An episode that is being served. Its fields are for whoever has left the block."""

    episode: Episode
    deadline_s: float
    """What `seconds_left` counts down from, beginning now."""
    began: float = field(default_factory=monotonic)
    trouble: SandboxError | None = None
    """The first trouble of the episode's; nothing is done behind it."""
    is_done: bool = False
    """Whether the page has said so."""
    exchanges: int = 0
    has_acted: bool = False
    """Whether an action came before any trouble, or with it."""

    def answer(self, line: bytes) -> Json:
        """To one request of the gateway's."""
        try:
            asked = json.loads(line)
            what, screenshot = asked["what"], asked["screenshot"]
            if asked.keys() != _WHAT[what] or not isinstance(screenshot, bool):
                raise ValueError("another shape")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return {"trouble": f"the gateway asks for what it never should: {error}"}
        self.exchanges += 1
        if self.trouble is None:
            try:
                with boundary(SandboxLost, "the episode broke"):
                    return {"observation": self._observed(self._done(what, screenshot, asked.get("action")))}
            except SandboxError as trouble:
                self.trouble = trouble
        return {"trouble": str(self.trouble)}

    def _done(self, what: str, screenshot: bool, action: Json) -> Observation:
        if what == "observe":
            return self.episode.observe(screenshot=screenshot)
        self.has_acted = True
        return self.episode.step(action, screenshot=screenshot)

    def _observed(self, seen: Observation) -> Json:
        self.is_done = self.is_done or seen.done
        left = self.deadline_s - (monotonic() - self.began)
        return {
            "goal": clip(seen.goal, MOST_WORDS),
            "text": clip(seen.text, MOST_TEXT),
            "size": list(seen.size),
            "error": clip(seen.error, MOST_WORDS),
            "step": seen.step,
            "steps_left": seen.steps_left,
            "seconds_left": max(0.0, round(left, 1)),
            "done": seen.done,
            "screenshot": None if seen.screenshot is None else data_url(seen.screenshot),
        }


def data_url(png: bytes) -> str:
    """A picture as a model takes it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@contextmanager
def served(episode: Episode, folder: Path, *, deadline_s: float) -> Iterator[Playing]:
    """Answer on `folder`/sock, in a thread, one request after the other; when the block is left, none is under way.

    Raises:
        SandboxError: the socket cannot be made.
    """
    playing = Playing(episode, deadline_s)
    with boundary(SandboxError, "cannot serve an episode"), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / SOCKET))
        os.chmod(folder / SOCKET, 0o600)
        listener.listen(16)
        over, wake = socket.socketpair()
        with over, wake:
            thread = threading.Thread(target=_serve, args=(playing, listener, over), name="episode", daemon=True)
            thread.start()
            try:
                yield playing
            finally:
                wake.send(b"x")
                thread.join()


def _serve(playing: Playing, listener: socket.socket, over: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(over, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if over in ready:
                return
            with suppress(OSError):  # whoever asked has gone
                _exchange(playing, listener.accept()[0])


def _exchange(playing: Playing, client: socket.socket) -> None:
    with client:
        client.settimeout(PATIENCE_S)
        with client.makefile("rwb") as stream:
            if line := stream.readline(MOST_BYTES):
                stream.write(json.dumps(playing.answer(line)).encode() + b"\n")
                stream.flush()


class Backstage:
    """A stage that is set when the first episode begins, and not before."""

    def __init__(self, make: Callable[[], Stage]) -> None:
        self._make = make
        self._changing = threading.Lock()
        self._stage: Stage | None = None

    def episode(self, task: Task, *, job: str, slot: int) -> AbstractContextManager[Episode]:
        """See `Stage.episode`.

        Raises:
            SandboxError: this machine has no browser, or it does not start.
        """
        with self._changing:
            if self._stage is None:
                self._stage = self._make()
            stage = self._stage
        return stage.episode(task, job=job, slot=slot)

    def close(self) -> None:
        """See `Stage.close`."""
        with self._changing:
            if self._stage is not None:
                self._stage.close()
                self._stage = None


def stage_for(provider: SandboxProvider, *, run: str, headed: bool = False) -> Stage:
    """The stage that fits a lab's sandboxes; its browsers show themselves on the user's desktop, or nowhere.

    Raises:
        SandboxError: this machine has no browser.
    """
    try:
        return open_stage(provider, run=run, shown_on=desktop() if headed else None)
    except EvaluatorError as missing:
        raise SandboxError(str(missing)) from missing
