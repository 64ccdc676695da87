"""How a search shows itself while it runs: a picture that redraws itself, plain lines, or nothing."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hgm.cli.board import Board, best_so_far, counts
from hgm.cli.costs import spent
from hgm.cli.terminal import is_live, one_line, out, percent, plural, shown_name
from hgm.jobs import Job, Result
from hgm.state import RunState

SHOW_CURSOR = b"\x1b[?25h\n"
_PER_SECOND = 4
_BAR = 40


class Silent:
    """Shows nothing but that it is stopping."""

    def __init__(self, run: Path) -> None:
        self.is_stopping = False
        """Whether a person has asked for it."""
        self._run = run
        self._running = 0

    def preparing(self, what: str) -> None:
        """See `Display`."""

    def opened(self, state: RunState) -> None:
        """See `Display`."""
        self._state = state

    def started(self, job: Job) -> None:
        """See `Display`."""
        self._running += 1

    def finished(self, job: Job, result: Result) -> None:
        """See `Display`."""
        self._running -= 1

    def stage(self, job: str, stage: str) -> None:
        """See `Display`."""

    def spent(self, share: float) -> None:
        """See `Display`."""
        print(_warning(share, self._state), file=sys.stderr, flush=True)

    def stopping(self) -> None:
        """See `Display`."""
        self.is_stopping = True
        _say(draining(self._running, self._run))

    def leaving(self) -> None:
        """See `Display`."""
        _say(stopped(self._run))


class Plain(Silent):
    """One line per finished job."""

    def preparing(self, what: str) -> None:
        """See `Display`."""
        print(one_line(what, 200), flush=True)

    def opened(self, state: RunState) -> None:
        """See `Display`."""
        super().opened(state)
        self._board = Board(state)

    def started(self, job: Job) -> None:
        """See `Display`."""
        super().started(job)
        self._board.started(job)

    def finished(self, job: Job, result: Result) -> None:
        """See `Display`."""
        super().finished(job, result)
        line = self._board.finished(job, result)
        seen = self._board.picture
        progress = f"[{seen.stage} {seen.progress}]"
        print(f"{progress} {line}; {plural(seen.agents, 'agent')}, best {best_so_far(seen)}", flush=True)


class Redrawn(Silent):
    """A picture at the bottom of the terminal, redrawn four times a second."""

    def __init__(self, run: Path, console: Console) -> None:
        super().__init__(run)
        self._board: Board | None = None
        self._preparing = "Bringing up sandboxes and models …"
        self.live = Live(get_renderable=self._draw, console=console, refresh_per_second=_PER_SECOND, transient=True)

    def preparing(self, what: str) -> None:
        """See `Display`."""
        self._preparing = one_line(what, 200)

    def opened(self, state: RunState) -> None:
        """See `Display`."""
        super().opened(state)
        self._board = Board(state)

    def started(self, job: Job) -> None:
        """See `Display`."""
        super().started(job)
        if self._board:
            self._board.started(job)

    def finished(self, job: Job, result: Result) -> None:
        """See `Display`."""
        super().finished(job, result)
        if self._board:
            self._board.finished(job, result)

    def stage(self, job: str, stage: str) -> None:
        """See `Display`."""
        if self._board:
            self._board.stage(job, stage)

    def spent(self, share: float) -> None:
        """See `Display`."""
        self.live.console.print(Text(_warning(share, self._state), style="yellow"))

    def stopping(self) -> None:
        """See `Display`."""
        self.is_stopping = True

    def leaving(self) -> None:
        """See `Display`."""
        os.write(1, SHOW_CURSOR)
        super().leaving()

    def _draw(self) -> RenderableType:
        note = draining(self._running, self._run) if self.is_stopping else "Ctrl-C finishes what runs and stops."
        if self._board is None:
            return Text(self._preparing, style="dim")
        return picture(self._board, note)


def picture(board: Board, note: str) -> RenderableType:
    """The board as something to draw: every word of it is plain text, never markup."""
    seen = board.picture
    head = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(seen.goal, 1), completed=seen.done, width=_BAR)
    head.add_row(Text(seen.stage, style="bold"), bar, Text(f"{seen.progress}; {seen.spent}"))
    facts = Text.assemble("best so far: ", (best_so_far(seen), "bold"), f"   {counts(seen)}")
    works = Table.grid(padding=(0, 2))
    for work, seconds in board.works():
        again = f" (attempt {work.attempt})" if work.attempt > 1 else ""
        works.add_row(Text(f"{seconds:5.0f} s", style="dim"), Text(work.what), Text(work.stage + again, style="cyan"))
    latest = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in seen.lines]
    return Group(head, facts, works, *latest, Text(note, style="dim"))


@contextmanager
def shown(run: Path, *, quiet: bool) -> Iterator[Silent]:
    """The display that suits the terminal, for the time of the block."""
    if quiet:
        yield Silent(run)
    elif is_live():
        redrawn = Redrawn(run, out())
        with redrawn.live:
            yield redrawn
    else:
        yield Plain(run)


def draining(running: int, run: Path) -> str:
    """What the first Ctrl-C is answered with."""
    what = f"finishing {plural(running, 'running job')}" if running else "stopping"
    return f"{what}; Ctrl-C again to stop at once; continue with hgm resume {shown_name(run)}"


def stopped(run: Path) -> str:
    """What the second Ctrl-C is answered with."""
    return f"stopped at once; continue with hgm resume {shown_name(run)}"


def _warning(share: float, state: RunState) -> str:
    return f"{percent(share)} of the budget is used: {spent(state)}"


def _say(line: str) -> None:
    os.write(2, f"\n{line}\n".encode())
