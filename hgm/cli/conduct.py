"""A search on a terminal: its display while it runs, its report afterwards, and the exit code that it deserves."""

from collections.abc import Callable
from pathlib import Path

import typer

from hgm.cli.displays import shown
from hgm.cli.report import report
from hgm.cli.terminal import out
from hgm.controller import Display
from hgm.loop import Ending
from hgm.run import read

STATUS = {Ending.FINISHED: 0, Ending.RECORDED: 0, Ending.INTERRUPTED: 130, Ending.HOST: 3}


def conduct(path: Path, go: Callable[[Display], Ending], *, quiet: bool) -> None:
    """Run the search with a display and end the command as the search ended."""
    with shown(path, quiet=quiet) as display:
        ending = go(display)
    report(out(), path, read(path), ending)
    if ending is Ending.HOST:
        out().print("[yellow]The host needs you: see `hgm doctor`, then resume.[/yellow]")
    raise typer.Exit(STATUS[ending])
