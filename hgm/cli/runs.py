"""`hgm runs`: which runs there are, and what one of them holds."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunName, RunsDir

app = typer.Typer(help="Which runs there are, and what one of them holds.", no_args_is_help=True)


@app.command("list")
def list_(runs_dir: RunsDir = RUNS_DIR) -> None:
    """All runs below --runs-dir.

    \b
    Example:
      hgm runs list
    """
    from hgm.cli.ledger import table
    from hgm.cli.terminal import out, safe
    from hgm.names import all_runs

    found = all_runs(runs_dir)
    if found:
        out().print(table(found))
    else:
        out().print(f"no runs in {safe(runs_dir)}: begin one with `hgm search --budget 40`")


@app.command()
def show(
    run: RunName,
    runs_dir: RunsDir = RUNS_DIR,
    events: Annotated[bool, typer.Option("--events", help="List every event, for `hgm fork --at`.")] = False,
) -> None:
    """One run: its configuration, what it spent, what was rejected and why, and its events.

    \b
    Examples:
      hgm runs show builtin-1
      hgm runs show builtin-1 --events
    """
    from hgm.agents_by_name import find_run
    from hgm.cli.ledger import account
    from hgm.cli.terminal import out

    for line in account(find_run(run, runs_dir), every_event=events):
        out().print(line)
