"""`hgm fork`: go another way from some point of a run."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunName, RunsDir


def fork(
    run: RunName,
    at: Annotated[int, typer.Option("--at", metavar="EVENT", help="The last event to share: see `hgm runs show`.")],
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="NAME", help="Who decides from there; the same if not given.")
    ] = None,
    new: Annotated[
        str | None, typer.Option("--run", metavar="NEW", help="The new run's name.  [default: <benchmark>-<n>]")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Make a new run that shares another's beginning, and may decide differently from there.

    Nothing is run: `hgm resume` goes on with the new one. The other run is not touched.

    \b
    Examples:
      hgm fork builtin-1 --at 57 --policy greedy
      hgm fork builtin-1 --at 57 --policy greedy --run greedy-from-57
    """
    from hgm.agents_by_name import find_run
    from hgm.cli.terminal import out, plural, safe, shown_name
    from hgm.fork import fork as make
    from hgm.names import default_run, new_run
    from hgm.run import read

    origin = find_run(run, runs_dir)
    target = new_run(default_run(read(origin).config.benchmark, runs_dir) if new is None else new, runs_dir)
    state = make(origin, target, at=at, policy=policy)
    evaluations = sum(1 for item in state.evaluations)
    out().print(
        f"[bold]{safe(shown_name(target))}[/bold] shares {plural(at, 'event')} of {safe(shown_name(origin))}: "
        f"{plural(len(state.nodes), 'agent')}, {plural(evaluations, 'evaluation')}"
    )
    out().print(f"  hgm resume {safe(shown_name(target))}   [dim]go on with it[/dim]")
