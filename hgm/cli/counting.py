"""The display of evaluations outside a search: a bar that counts, or plain lines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hgm.cli.board import WORDS, describe
from hgm.cli.displays import SHOW_CURSOR
from hgm.cli.terminal import is_live, one_line, out
from hgm.measure import Measured, score, unmeasured

INTERRUPTED = 130


def tell_stopping() -> None:
    """The first Ctrl-C, from a signal handler."""
    os.write(2, b"\nfinishing what runs; Ctrl-C again to stop at once\n")


def tell_leaving() -> None:
    """The second."""
    os.write(2, b"\nstopped at once\n")


class Counting:
    """Told of every evaluation."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done: list[Measured] = []

    def finished(self, done: Measured) -> None:
        """One more."""
        self._done.append(done)

    def preparing(self, what: str) -> None:
        """What takes its time before the first evaluation."""

    def summary(self) -> str:
        """Counts so far."""
        found = score(self._done)
        return f"{found.passed} passed, {found.measured - found.passed} failed, {unmeasured(self._done)} unmeasured"

    def stopping(self) -> None:
        """The first Ctrl-C, from a signal handler."""
        tell_stopping()

    def leaving(self) -> None:
        """The second."""
        tell_leaving()


class Lines(Counting):
    """One line per evaluation."""

    def preparing(self, what: str) -> None:
        """See `Counting`."""
        print(one_line(what, 200), flush=True)

    def finished(self, done: Measured) -> None:
        """One more."""
        super().finished(done)
        cause = f" ({one_line(done.result.cause, 40)})" if done.result.cause else ""
        outcome = f"{WORDS[done.result.outcome]}{cause}, {done.result.wall_s:.1f} s"
        what = describe(done.job).removeprefix("agent 0 on ")
        print(f"[{len(self._done)}/{self._total}] {what}: {outcome}; {self.summary()}", flush=True)


class Bar(Counting):
    """A bar at the bottom of the terminal."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=out(), transient=True)
        self._task = self.progress.add_task("", total=total)

    def preparing(self, what: str) -> None:
        """What takes its time before the first evaluation."""
        self.progress.update(self._task, description=one_line(what, 200))

    def finished(self, done: Measured) -> None:
        """One more."""
        super().finished(done)
        self.progress.update(self._task, advance=1, description=self.summary())

    def leaving(self) -> None:
        """The second Ctrl-C."""
        os.write(1, SHOW_CURSOR)
        super().leaving()


@contextmanager
def counting(total: int, *, quiet: bool) -> Iterator[Counting]:
    """The display that suits the terminal."""
    if quiet:
        yield Counting(total)
    elif is_live():
        bar = Bar(total)
        with bar.progress:
            yield bar
    else:
        yield Lines(total)
