"""What reaches the terminal: the console, and the only ways in which text of agents, models and tasks does."""

import sys
from functools import cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from hgm.cli.options import RUNS_DIR
from hgm.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPED_WIDTH = 120
"""Columns where standard output is no terminal."""


@cache
def out() -> "Console":
    """Standard output; no colour or control code unless it is a terminal."""
    from rich.console import Console

    live = sys.stdout.isatty()
    return Console(
        highlight=False,
        emoji=False,
        soft_wrap=not live,
        force_terminal=None if live else False,
        no_color=None if live else True,
        width=None if live else PIPED_WIDTH,
    )


def encoding() -> str:
    """What standard output can hold; the rest of Unicode is written as numbers."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def is_live() -> bool:
    """Whether a display may move the cursor."""
    console = out()
    return console.is_terminal and not console.is_dumb_terminal


def untrusted(text: str, limit: int = 10_000, *, style: str = "") -> "Text":
    """Text of an agent, a model or a benchmark, as a value that holds neither escape codes nor markup."""
    from rich.text import Text

    return Text(printable(text, limit), style=style)


def one_line(text: str, limit: int = 80) -> str:
    """The beginning of untrusted text on one line, with nothing in it that a terminal obeys; not yet safe as markup."""
    flat = " ".join(printable(text, 4 * limit).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def safe(text: object, limit: int = 2_000) -> str:
    """Untrusted text for use inside markup."""
    from rich.markup import escape

    return escape(printable(str(text), limit))


def shown_name(run: Path) -> str:
    """A run as it is typed on a command line: a bare name where it lies in ./runs, else a path with a slash."""
    if run.parent == RUNS_DIR:
        return quote(run.name)
    return quote(str(run) if "/" in str(run) else f"./{run}")


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:.0f} %"


def points(gain: float) -> str:
    """A difference of shares."""
    return f"{100 * gain:+.1f}"


def plural(count: int, word: str) -> str:
    """`1 agent`, `2 agents`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
