"""A search on a terminal: its display while it runs, its report afterwards, and the exit code that it deserves."""

from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from hgm.allowance import unpriced_advice
from hgm.cli.displays import shown
from hgm.cli.report import report
from hgm.cli.terminal import out, safe, shown_name
from hgm.controller import Display
from hgm.loop import Ending
from hgm.run import read

STATUS = {Ending.FINISHED: 0, Ending.RECORDED: 0, Ending.INTERRUPTED: 130, Ending.HOST: 3, Ending.UNPRICED: 2}


def conduct(path: Path, go: Callable[[Display], Ending], *, quiet: bool) -> None:
    """Run the search with a display and end the command as the search ended."""
    with shown(path, quiet=quiet) as display:
        ending = go(display)
    report(out(), path, read(path), ending)
    if ending is Ending.HOST:
        out().print("[yellow]The host needs you: see `hgm doctor`, then resume.[/yellow]")
    if ending is Ending.UNPRICED:
        for line in _unpriced(path):
            out().print(f"[yellow]{safe(line)}[/yellow]")
    raise typer.Exit(STATUS[ending])


def _unpriced(path: Path) -> Iterator[str]:
    """Nothing is lost where dollars cannot be counted any more: what can be done with what there is."""
    state = read(path)
    unpriced = [backbone for backbone, price in state.prices.items() if price is None]
    yield unpriced_advice(unpriced[0] if unpriced else state.config.backbones.solver)
    yield f"This run keeps all it has: go on from its best agent with `hgm search --agent {shown_name(path)}:best`."
