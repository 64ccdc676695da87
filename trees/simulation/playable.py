"""What a simulation plays in: what worlds that are drawn and worlds of a recorded table have in common."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class Agent(Protocol):
    """An agent as it truly is, which no policy sees."""

    @property
    def score(self) -> float:
        """Its true score."""

    @property
    def drift(self) -> float:
        """Mean gain of true score per edit of this agent; 0 where nobody knows it."""

    @property
    def is_broken(self) -> bool:
        """Whether something hides what it could do; False where nobody knows."""

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Per task, how long the evaluation takes."""


A = TypeVar("A", bound=Agent)


class Birth(NamedTuple, Generic[A]):
    """What an expansion ends as, and how long it takes."""

    child: A | None
    """None: the expansion is rejected."""
    seconds: float


class Playable(Protocol[A]):
    """A world: agents, their children and their results, the same for every policy that asks."""

    @property
    def landscape(self) -> "Source":
        """Where the world is from."""

    @property
    def seed(self) -> int:
        """Which of its worlds this is."""

    def root(self) -> A:
        """The seed agent."""

    def expansions(self, agent: A) -> float:
        """How many expansions of an agent there are to draw; infinity where they never end."""

    def birth(self, parent: A, j: int) -> Birth[A]:
        """What expansion number `j` of `parent` ends as, counted from 0 and below `expansions`."""

    def passes(self, agent: A, task: int) -> bool:
        """Whether `agent` passes: always the same answer."""


class Source(Protocol):
    """Where worlds are from: a landscape that draws them, or a table that recorded one tree."""

    @property
    def name(self) -> str:
        """What tables of a comparison call it."""

    @property
    def tasks(self) -> int:
        """How many there are."""

    @property
    def expansion_cost(self) -> float:
        """What one expansion costs, in evaluations; a rejected one too."""

    @property
    def is_recorded(self) -> bool:
        """Whether its agents are real and their results recorded."""

    def world(self, seed: int) -> Playable[Any]:
        """The world of a seed."""

    def described(self) -> Mapping[str, Any]:
        """What it takes to have it again, as JSON."""
