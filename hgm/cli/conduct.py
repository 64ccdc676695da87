"""A search on a terminal: its display while it runs, its report afterwards, and the exit code that it deserves."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import typer

from hgm.allowance import unpriced_advice
from hgm.cli.displays import shown
from hgm.cli.json_lines import JsonLines
from hgm.cli.report import report
from hgm.cli.terminal import out, safe, shown_name
from hgm.controller import Display
from hgm.loop import Ending
from hgm.run import read
from hgm.text import printable

STATUS = {Ending.FINISHED: 0, Ending.RECORDED: 0, Ending.INTERRUPTED: 130, Ending.HOST: 3, Ending.UNPRICED: 2}


def conduct(path: Path, go: Callable[[Display], Ending], *, quiet: bool, json: bool = False) -> None:
    """Run the search with a display and end the command as the search ended."""
    if json:
        _tell(path, go)
    with shown(path, quiet=quiet) as display:
        ending = go(display)
    report(out(), path, read(path), ending)
    for line in advice(path, ending):
        out().print(f"[yellow]{safe(line)}[/yellow]")
    raise typer.Exit(STATUS[ending])


def _tell(path: Path, go: Callable[[Display], Ending]) -> NoReturn:
    """The same for another program: JSON lines alone on standard output."""
    lines = JsonLines(path)
    ending = go(lines)
    for line in advice(path, ending):
        print(printable(line), file=sys.stderr, flush=True)
    lines.ended(read(path), ending, STATUS[ending])
    raise typer.Exit(STATUS[ending])


def advice(path: Path, ending: Ending) -> Iterator[str]:
    """What a person can do about an end that is none."""
    if ending is Ending.HOST:
        yield "The host needs you: see `hgm doctor`, then resume."
    if ending is Ending.UNPRICED:
        yield from _unpriced(path)


def _unpriced(path: Path) -> Iterator[str]:
    """Nothing is lost where dollars cannot be counted any more: what can be done with what there is."""
    state = read(path)
    unpriced = [backbone for backbone, price in state.prices.items() if price is None]
    yield unpriced_advice(unpriced[0] if unpriced else state.config.backbones.solver)
    yield f"This run keeps all it has: go on from its best agent with `hgm search --agent {shown_name(path)}:best`."
