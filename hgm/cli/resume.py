"""`hgm resume`: go on with a run that was stopped or killed."""

from hgm.cli.options import RUNS_DIR, Quiet, RunName, RunsDir, Workers


def resume(run: RunName, runs_dir: RunsDir = RUNS_DIR, workers: Workers = None, quiet: Quiet = False) -> None:
    """Go on with a run that was interrupted, stopped or killed; a finished one shows its result again.

    Nothing that was finished is done again. What was running is run again first, with the same seeds.

    \b
    Examples:
      hgm resume builtin-1
      hgm resume ./elsewhere/builtin-1 --workers 2
    """
    from hgm.agents_by_name import find_run
    from hgm.cli.conduct import conduct
    from hgm.cli.options import at_least_one, at_most
    from hgm.config import MOST_WORKERS
    from hgm.controller import go_on

    at_least_one(workers, "--workers")
    at_most(workers, MOST_WORKERS, "--workers")
    path = find_run(run, runs_dir)
    conduct(path, lambda display: go_on(path, display=display, workers=workers), quiet=quiet)
