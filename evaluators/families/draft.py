"""What a family of programs gives the generator: one correct function, what it should do, and a source of inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, TypeAlias

Args: TypeAlias = tuple[Any, ...]


class Mistake(NamedTuple):
    """A wrong idea that only somebody who knows the algorithm would have: replace `old` (found once) by `new`."""

    kind: str
    """`wrong-step` or `wrong-structure`."""
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A correct program. `draw` makes one list of JSON arguments and may be called any number of times."""

    function: str
    source: str
    intent: str
    draw: Callable[[Random], Args]
    mistakes: tuple[Mistake, ...] = ()


Family: TypeAlias = Callable[[Random], Draft]


def step(old: str, new: str) -> Mistake:
    """A wrong algorithmic step."""
    return Mistake("wrong-step", old, new)


def structure(old: str, new: str) -> Mistake:
    """A wrong data structure."""
    return Mistake("wrong-structure", old, new)


def names(rng: Random, *pools: str) -> list[str]:
    """One identifier from each pool of words; pools of one program must not share a word."""
    return [rng.choice(pool.split()) for pool in pools]


def coin(rng: Random) -> bool:
    """True half of the time."""
    return rng.random() < 0.5


def ints(rng: Random, low: int, high: int, *, least: int = 0, most: int = 9) -> list[int]:
    """A list of `least` to `most` integers, both bounds inclusive; short lists and repeats are common."""
    return [rng.randint(low, high) for _ in range(rng.randint(least, most))]


def word(rng: Random, letters: str, *, least: int = 0, most: int = 9) -> str:
    """A string of `least` to `most` of the letters."""
    return "".join(rng.choice(letters) for _ in range(rng.randint(least, most)))
