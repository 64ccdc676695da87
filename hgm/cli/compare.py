"""`hgm compare`: which way of searching is better, and by how much."""

from pathlib import Path
from typing import Annotated

import typer

from hgm.cli import gains

SEEDS = 40
MOST_JOBS = 256
INTERRUPTED = 130

_HELP = "Compare ways of searching: finished runs, or policies in simulated and recorded worlds."
app = typer.Typer(help=_HELP, no_args_is_help=True)
app.command("runs", short_help="What runs gained on sealed tasks, arm by arm.")(gains.runs)


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
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Worlds per landscape; at least 2.")] = SEEDS,
    first_seed: Annotated[int, typer.Option("--first-seed", metavar="K", help="Seeds K to K + N - 1.")] = 0,
    budget: Annotated[
        list[int] | None,
        typer.Option("--budget", metavar="B", help="Repeatable.  [default: 100, 400 and 800; or a part of a table]"),
    ] = None,
    equal: Annotated[
        str, typer.Option("--equal", metavar="cost|evaluations", help="What a budget counts, the same for all.")
    ] = "cost",
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Simulated workers of each search.")] = 1,
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
) -> None:
    """Search policies in simulated worlds: the true score of the agent that each hands over, and its gain over hgm.

    All policies meet the same children and results in a world, which is a landscape and a seed. Cost is evaluations
    plus the landscape's cost of an expansion times expansions. At equal evaluations no tree may outgrow hgm's.
    Intervals are of 95 %. O1 is the best agent in hgm's own tree, O2 the best one of as many children whose parents
    are chosen by the truth. Budgets from 3,200 on take a tenth of the seeds. Same flags, same numbers, with any -j.

    With --table policies search a recorded tree of real agents: an expansion draws one of its parent's, each once,
    and an evaluation one of the recorded results. By default an eighth, a quarter and a half of the table are searched.

    \b
    Examples:
      hgm compare policies --seeds 10 --budget 400
      hgm compare policies --policy greedy --policy hgm:root_evaluations=0 --family opposed
      hgm compare policies --landscape mine.toml --seeds 200 -o mine.json --plot mine.svg
      hgm compare policies --table table.json --seeds 1000
    """
    from hgm.cli.comparing import budgets, drawn, landscapes, play, recorded, told, write
    from hgm.cli.comparison_tables import show
    from hgm.cli.options import at_least_one, at_most
    from hgm.cli.terminal import out
    from trees.policies import POLICIES
    from trees.simulation.comparison import Plan, contenders

    at_least_one(jobs, "--jobs")
    at_most(jobs, MOST_JOBS, "--jobs")
    among = landscapes(family, landscape, table)
    plan = Plan(
        contenders=contenders(policy or list(POLICIES)),
        landscapes=among,
        seeds=seeds,
        first_seed=first_seed,
        budgets=budgets(budget, among),
        equal=equal,
        workers=workers,
    )
    files = [*recorded(output), *drawn(plot)]
    out().print(told(plan))
    comparison = play(plan, jobs)
    if comparison is None:
        raise typer.Exit(INTERRUPTED)
    show(out(), comparison)
    for file in files:
        write(file, comparison)
