"""`hgm resume`: go on with a run that was stopped or killed."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, JsonLines, Quiet, RunName, RunsDir, Workers


def resume(
    run: RunName,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="+BUDGET", help="So much more, e.g. +200, +10usd or +1h,+5Mtok.")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    workers: Workers = None,
    json: JsonLines = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was interrupted, stopped or killed; a finished one shows its result again.

    Nothing that was finished is done again. What was running is run again first, with the same seeds. With more
    budget a finished run goes on searching; it is confirmed again, and opening its sealed tasks again is counted.

    \b
    Examples:
      hgm resume builtin-1
      hgm resume builtin-1 --budget +10usd
      hgm resume ./elsewhere/builtin-1 --workers 2
      hgm resume builtin-1 --json | jq -c 'select(.event == "ended")'
    """
    from hgm.agents_by_name import find_run
    from hgm.budget import parsed_raise
    from hgm.cli.conduct import conduct
    from hgm.cli.options import at_least_one, at_most, only_lines
    from hgm.config import MOST_WORKERS
    from hgm.controller import go_on
    from hgm.errors import ConfigError
    from hgm.run import read

    only_lines(json=json, quiet=quiet)
    at_least_one(workers, "--workers")
    at_most(workers, MOST_WORKERS, "--workers")
    more = None if budget is None else parsed_raise(budget)
    path = find_run(run, runs_dir)
    if (planned := read(path).planned) is not None:
        from hgm.cli import evaluation

        if json:
            raise ConfigError(f"{run} is an evaluation, and --json tells of searches: leave it out")
        total = len(planned)
        wanted = evaluation.Wanted()
        evaluation.conduct(
            path, total, lambda show: go_on(path, display=show, workers=workers, more=more), wanted=wanted, quiet=quiet
        )
    conduct(path, lambda display: go_on(path, display=display, workers=workers, more=more), quiet=quiet, json=json)
