"""`hgm runs`: which runs there are, and what one of them holds."""

from pathlib import Path
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


@app.command("export")
def export_(
    run: RunName,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder.")],
    format_: Annotated[str, typer.Option("--format", metavar="atif", help="The documents' format.")] = "atif",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """The trajectories of a run's evaluations for other programs, an ATIF-v1.8 document each. Sealed tasks stay sealed.

    \b
    Example:
      hgm runs export builtin-1 --format atif -o trajectories
    """
    import json

    from hgm.agents_by_name import find_run
    from hgm.atif import document, exportable, has_trajectory
    from hgm.cli.terminal import out, safe
    from hgm.errors import ConfigError, boundary
    from hgm.run import read

    if format_ != "atif":
        raise ConfigError(f"--format {format_}: there is atif")
    path = find_run(run, runs_dir)
    state = read(path)
    chosen = exportable(state)
    documents = {item.job: document(state, item, path) for item in chosen if has_trajectory(path, item)}
    with boundary(ConfigError, f"-o {output}: cannot be written: name a new folder"):
        output.mkdir(parents=True)
        for job, told in documents.items():
            (output / f"{job}.json").write_text(json.dumps(told, indent=1) + "\n")
    sealed = len(state.evaluations) - len(chosen)
    left = f"; {sealed} of sealed tasks are left out" if sealed else ""
    left += f"; {len(chosen) - len(documents)} have none" if len(chosen) > len(documents) else ""
    noun = "trajectory" if len(documents) == 1 else "trajectories"
    out().print(f"{len(documents)} {noun} written to {safe(output)}{left}")
