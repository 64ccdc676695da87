"""What graphical tasks promise: an agent sees observations and names actions; the page alone decides, as it is played.

An episode is one play of one task. Its browser runs in a sandbox of the lab's own; the agent, in another sandbox,
reaches it through the gateway alone. A page's verdict is taken at the first moment when it says that the episode is
done, from the page's own raw reward, and nothing that comes later changes it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from evaluators.base import Json, Task, Verdict


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What an agent may know after a step."""

    goal: str
    """What the page asks for."""
    text: str
    """The accessibility tree: one line per element, with its role, name, state, `[ref=e4]` and `[box=x,y,width,height]`
    in the pixels that a screenshot has and that `mouse_click` takes."""
    size: tuple[int, int]
    """Width and height of what is seen."""
    error: str = ""
    """Why the last action did nothing, or what was kept from the page meanwhile, such as a dialog; else empty."""
    step: int = 0
    """Steps taken, bad ones included."""
    steps_left: int = 0
    done: bool = False
    """The episode is over; whether it was a success is not said."""
    screenshot: bytes | None = None
    """A PNG of `size`, where it was asked for."""


class Episode(Protocol):
    """One play of one task. Not thread-safe."""

    def observe(self, *, screenshot: bool = False) -> Observation:
        """What there is to see; takes no step.

        Raises:
            SandboxError: the browser's or the host's trouble, never the agent's.
        """

    def step(self, action: Json, *, screenshot: bool = False) -> Observation:
        """Do one action (`evaluators.gui.actions`), given as JSON from an attacker.

        What is no action, or cannot be done, takes its step, does nothing, and is told in `error`. After the end
        nothing is done any more.

        Raises:
            SandboxError: the browser's or the host's trouble, never the agent's.
        """

    def verdict(self) -> Verdict:
        """Of the whole episode: passed, or failed as `unfinished`, `wrong` or `tampering`. Ends it."""


class Stage(Protocol):
    """Where episodes are played: browsers that are kept for the next episode, at most one per slot at a time."""

    def episode(self, task: Task, *, job: str, slot: int) -> AbstractContextManager[Episode]:
        """Begin one; leaving the block ends it.

        Raises:
            SandboxError: no browser could be started, or its page does not load.
        """

    def close(self) -> None:
        """End all browsers; idempotent."""
