"""Which repeats of a table of agents are still to be started: the first of them without a look at all the others."""

from collections.abc import Iterable


class Repeats:
    """Slots by repeat, from 1 on, and place; a place is open from the first, until it is taken.

    Taking and reading the first one cost the same at any size, but for places that were given back.
    """

    def __init__(self, repeats: int) -> None:
        self._taken: list[set[int]] = [set() for _ in range(1, repeats)]
        self._first = [0] * (repeats - 1)
        """Of each repeat, the first place that is open."""

    def __contains__(self, repeat: int) -> bool:
        """Whether it is one of these."""
        return 1 <= repeat <= len(self._taken)

    def take(self, repeat: int, place: int) -> None:
        """It is running, or has been."""
        taken = self._taken[repeat - 1]
        taken.add(place)
        while self._first[repeat - 1] in taken:
            self._first[repeat - 1] += 1

    def give_back(self, repeat: int, place: int) -> None:
        """It is to be started again."""
        self._taken[repeat - 1].discard(place)
        self._first[repeat - 1] = min(self._first[repeat - 1], place)

    def first(self, places: int) -> tuple[int, int] | None:
        """The first open (repeat, place) among places 0 to `places` - 1, repeat by repeat."""
        found: Iterable[tuple[int, int]] = enumerate(self._first, start=1)
        return next(((repeat, place) for repeat, place in found if place < places), None)
