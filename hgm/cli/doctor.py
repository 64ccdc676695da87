"""`hgm doctor`: what works on this machine."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunsDir

HOST_TROUBLE = 3


def doctor(
    runs_dir: RunsDir = RUNS_DIR,
    short: Annotated[bool, typer.Option("--short", help="Only what is missing.")] = False,
) -> None:
    """Check this machine: what is there, what its absence costs, and the one line that mends it.

    Of keys only their presence is looked at. Ends with 0 if a search can run here, else with 3.

    \b
    Example:
      hgm doctor
    """
    from hgm.checks import Level, checks
    from hgm.cli.terminal import out, safe

    marks = {
        Level.GOOD: "[green]ok     [/green]",
        Level.LACKING: "[yellow]lacking[/yellow]",
        Level.BAD: "[red]bad    [/red]",
    }
    worst = Level.GOOD
    for check in checks(runs_dir):
        worst = max(worst, check.level)
        if short and check.level is Level.GOOD:
            continue
        out().print(f"{marks[check.level]}  [bold]{safe(check.part)}[/bold]: {safe(check.found)}")
        for label, text in (("costs", check.cost), ("mend it", check.remedy)):
            if text:
                out().print(f"         {label}: {safe(text)}")
    if worst is Level.BAD:
        out().print("[red]A search cannot run here until what is bad is mended.[/red]")
        raise typer.Exit(HOST_TROUBLE)
    out().print("[green]A search can run here.[/green]")
