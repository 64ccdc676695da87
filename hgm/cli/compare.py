"""`hgm compare`: which way of searching is better, and by how much."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hgm.cli import gains
from hgm.cli.options import RUNS_DIR, Quiet, RunsDir

SEEDS = 40
MOST_JOBS = 256
INTERRUPTED = 130

_RUNS = "RUN ..."
"""The command for words that name none; no run is called so."""


class RunsOrPolicies(TyperGroup):
    """A group whose words are runs to compare, unless the first one is a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Click's, of words that begin with a command."""
        return super().parse_args(ctx, self.with_command(args))

    def with_command(self, args: list[str]) -> list[str]:
        """The words, beginning with that of a command."""
        return args if args and args[0] in self.commands else [_RUNS, *args]


class OfRuns(TyperCommand):
    """The command whose name nobody types."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """As if it were the group."""
        formatter.write_usage(ctx.parent.command_path, " ".join(self.collect_usage_pieces(ctx)))


app = typer.Typer(cls=RunsOrPolicies, short_help="Compare finished runs, or policies in simulated worlds.")
app.command(_RUNS, cls=OfRuns)(gains.runs)


@app.callback()
def compare() -> None:
    """Compare ways of searching: finished runs, or policies in simulated and recorded worlds."""


@app.command()
def policies(
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", metavar="NAME", help="Only this one beside hgm; repeatable. NAME:option=value,… sets options."
        ),
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", metavar="NAME", help="Only this landscape; repeatable.")
    ] = None,
    landscape: Annotated[
        list[Path] | None,
        typer.Option("--landscape", metavar="FILE", help="A landscape as TOML; repeatable. Beside --family, if any."),
    ] = None,
    table: Annotated[
        list[Path] | None,
        typer.Option(
            "--table", metavar="FILE", help="Recorded agents (hgm tree saturate); repeatable. Alone, or beside these."
        ),
    ] = None,
    live: Annotated[
        str | None,
        typer.Option(
            "--live", metavar="RUN", help="Search with real agents instead, as this run began and with its budget."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Worlds per landscape, or searches per policy; at least 2.  [default: 40; with --live 3]",
            show_default=False,
        ),
    ] = None,
    first_seed: Annotated[int, typer.Option("--first-seed", metavar="K", help="Seeds K to K + N - 1.")] = 0,
    budget: Annotated[
        list[int] | None,
        typer.Option("--budget", metavar="B", help="Repeatable.  [default: 100, 400 and 800; or a part of a table]"),
    ] = None,
    equal: Annotated[
        str | None,
        typer.Option(
            "--equal",
            metavar="cost|evaluations",
            help="What a budget counts, the same for all.  [default: cost]",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Simulated workers of each search, or real ones.  [default: 1; with --live those of RUN]",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", metavar="N", help="Processes.  [default: one per core]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Also write all numbers as JSON.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE|DIR", help="Also draw scores over budgets as SVG; differences into DIR."),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    quiet: Quiet = False,
) -> None:
    """Search policies in simulated worlds: the true score of the agent that each hands over, and its gain over hgm.

    All policies meet the same children and results in a world, which is a landscape and a seed. Cost is evaluations
    plus the landscape's cost of an expansion times expansions. At equal evaluations no tree may outgrow hgm's.
    Intervals are of 95 %. O1 is the best agent in hgm's own tree, O2 the best one of as many children whose parents
    are chosen by the truth. Budgets from 3,200 on take a tenth of the seeds. Same flags, same numbers, with any -j.

    With --table policies search a recorded tree of real agents: an expansion draws one of its parent's, each once,
    and an evaluation one of the recorded results. By default an eighth, a quarter and a half of the table are searched.

    With --live each policy and seed is a search of its own with real agents, in DIR/RUN-live: it begins as RUN did,
    with the same seed agent, tasks, models and sandboxes, and has the budget that RUN began with. The score is the
    share of sealed tasks that the agent handed over passes. The same command again goes on, and skips what is finished.

    \b
    Examples:
      hgm compare policies --seeds 10 --budget 400
      hgm compare policies --policy greedy --policy hgm:root_evaluations=0 --family opposed
      hgm compare policies --landscape mine.toml --seeds 200 -o mine.json --plot mine.svg
      hgm compare policies --table table.json --seeds 1000
      hgm compare policies --live builtin-1 --policy greedy --policy random --seeds 5 -o live.json
    """
    if live is not None:
        of_worlds = {"--family": family, "--landscape": landscape, "--table": table}
        of_run = {"--budget": budget, "--equal": equal, "-j": jobs}
        _live(live, policy, seeds, first_seed, workers, output, plot, runs_dir, quiet, {**of_run, **of_worlds})
        return
    from hgm.cli.comparing import PICTURES, budgets, drawn, landscapes, play, recorded, told, write
    from hgm.cli.comparison_tables import show
    from hgm.cli.options import at_least_one, at_most
    from hgm.cli.terminal import out
    from hgm.errors import ConfigError
    from trees.policies import POLICIES
    from trees.simulation.comparison import Plan, contenders
    from trees.simulation.comparison_document import text_of

    if quiet or runs_dir != RUNS_DIR:
        raise ConfigError(f"{'--quiet' if quiet else '--runs-dir'} is of real searches: it goes with --live RUN")
    at_least_one(jobs, "--jobs")
    at_most(jobs, MOST_JOBS, "--jobs")
    among = landscapes(family, landscape, table)
    plan = Plan(
        contenders=contenders(policy or list(POLICIES)),
        landscapes=among,
        seeds=SEEDS if seeds is None else seeds,
        first_seed=first_seed,
        budgets=budgets(budget, among),
        equal="cost" if equal is None else equal,
        workers=1 if workers is None else workers,
    )
    files = [*recorded(output, text_of), *drawn(plot, PICTURES)]
    out().print(told(plan))
    comparison = play(plan, jobs)
    if comparison is None:
        raise typer.Exit(INTERRUPTED)
    show(out(), comparison)
    for file in files:
        write(file, comparison)


def _live(
    run: str,
    policy: list[str] | None,
    seeds: int | None,
    first_seed: int,
    workers: int | None,
    output: Path | None,
    plot: Path | None,
    runs_dir: Path,
    quiet: bool,
    others: dict[str, object],
) -> None:
    from hgm.cli.comparing_live import SEEDS, compare_live, refuse
    from hgm.cli.options import at_least_one, at_most
    from hgm.config import MOST_WORKERS
    from hgm.live import Plan
    from trees.policies import POLICIES
    from trees.simulation.comparison import contenders

    refuse(others)
    at_least_one(workers, "--workers")
    at_most(workers, MOST_WORKERS, "--workers")
    plan = Plan(
        contenders=contenders(policy or list(POLICIES)),
        seeds=SEEDS if seeds is None else seeds,
        first_seed=first_seed,
    )
    compare_live(run, plan, workers=workers, output=output, plot=plot, runs_dir=runs_dir, quiet=quiet)
