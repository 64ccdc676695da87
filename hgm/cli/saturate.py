"""`hgm tree saturate`: a table of real agents, on which search policies are compared at no cost."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hgm.cli.options import RUNS_DIR, Quiet, RunName, RunsDir, Workers

if TYPE_CHECKING:
    from hgm.saturation import Wanted
    from trees.simulation import AgentTable

_SUFFIX = "-table"


def saturate(
    run: RunName,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="TABLE.json", help="Where the table goes.")],
    children: Annotated[int, typer.Option("--children", metavar="N", help="Of each agent above the depth.")] = 6,
    depth: Annotated[int, typer.Option("--depth", metavar="N", help="Edits from the seed agent, at most.")] = 4,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Of every agent on every search task.")] = 3,
    agents: Annotated[
        int | None,
        typer.Option(
            "--agents",
            metavar="N",
            help="In the whole tree, at most.  [default: all that children and depth allow]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="N", help="Of evidence, models and tasks.  [default: that of RUN]", show_default=False
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="BUDGET", help="E.g. 25usd, 10Mtok or 2h; needed where a model costs money."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="NAME", help="Where the table's own run is kept.  [default: RUN-table]", show_default=False
        ),
    ] = None,
    workers: Workers = None,
    runs_dir: RunsDir = RUNS_DIR,
    quiet: Quiet = False,
) -> None:
    """Grow all of a tree down to a depth and run every agent on every search task: a table to compare policies on.

    It begins as RUN did, with the same seed agent, search tasks, models and sandboxes, in a run of its own; RUN is not
    touched. The eldest agent comes first: all tasks, then expansions until it has its children, or three times as many
    expansions have ended. Rejected ones are recorded, too. Repeats come last. Ctrl-C finishes what runs; the same
    command again goes on. The file holds no code and no text of agents (docs/tables.md).

    \b
    Examples:
      hgm tree saturate builtin-1 --children 4 --depth 3 --agents 30 --repeats 2 -o table.json
      hgm compare policies --table table.json --seeds 1000
    """
    from hgm import run as runs
    from hgm.agents_by_name import find_run
    from hgm.budget import parsed
    from hgm.cli.options import at_least_one, at_most, writable
    from hgm.config import MOST_WORKERS
    from hgm.errors import RunError
    from hgm.names import LONGEST, new_run
    from hgm.saturation import Wanted, begin, check_same

    at_least_one(workers, "--workers")
    at_most(workers, MOST_WORKERS, "--workers")
    writable(output, "-o")
    wanted = Wanted(children=children, depth=depth, agents=agents, repeats=repeats, seed=seed)
    origin = find_run(run, runs_dir)
    called = name or f"{origin.name[: LONGEST - len(_SUFFIX)]}{_SUFFIX}"
    path = Path(called) if "/" in called else runs_dir / called
    given = None if budget is None else parsed(budget)
    if path.exists():
        if not runs.Folder(path).journal.is_file():
            raise RunError(f"{path} is there, and is no run: choose another --run")
        check_same(path, origin, wanted, budget=given)
    else:
        begin(origin, new_run(called, runs_dir), wanted, budget=given)
    _go_on(path, output, wanted, workers=workers, quiet=quiet)


def _go_on(path: Path, output: Path, wanted: "Wanted", *, workers: int | None, quiet: bool) -> None:
    from hgm import run as runs
    from hgm.cli.conduct import STATUS
    from hgm.cli.displays import shown
    from hgm.cli.exporting import write
    from hgm.cli.terminal import out, plural, safe, shown_name
    from hgm.controller import go_on
    from hgm.errors import HGMError
    from hgm.loop import Ending
    from hgm.saturation import document, text_of
    from trees.escape import shortened
    from trees.simulation.table import table_from

    tasks = len(runs.read(path).search_tasks)
    if not quiet:
        most = wanted.most_agents
        out().print(
            f"{safe(shown_name(path))}: at most {plural(most, 'agent')} x {plural(tasks, 'task')} x "
            f"{plural(wanted.repeats, 'repeat')} = {plural(most * tasks * wanted.repeats, 'evaluation')}"
        )
    try:
        with shown(path, quiet=quiet) as display:
            ending = go_on(path, display=display, workers=workers)
    except HGMError:
        runs.discard_unused(path)
        raise
    if ending is not Ending.FINISHED:
        out().print(f"[yellow]{safe(ending)}:[/yellow] no table is written yet; the same command again goes on")
        raise typer.Exit(STATUS[ending])
    told = document(runs.read(path), shortened(output.stem, 100))
    table = table_from(told)
    write([text_of(told)], output)
    for line in _summary(table, output):
        out().print(line)


def _summary(table: "AgentTable", output: Path) -> list[str]:
    from hgm.cli.terminal import percent, plural, safe
    from trees.records import ROOT

    scores = [agent.score for agent in table.agents]
    better = [scores[at] > scores[agent.parent] for at, agent in enumerate(table.agents) if at != ROOT]
    ended = [attempt.child is None for agent in table.agents for attempt in agent.expansions]
    unmeasured = sum(int((agent.results < 0).sum()) for agent in table.agents)
    return [
        f"written to {safe(output)}: {plural(len(scores), 'agent')}, {plural(len(ended), 'expansion')}, "
        f"{sum(ended)} of them rejected; {unmeasured:,} results unmeasured",
        f"  the seed agent's score {percent(scores[ROOT])}, the best one {percent(max(scores))}; "
        f"{sum(better)} of {plural(len(better), 'agent')} below it better than their parents",
        f"  an expansion cost as much as {table.expansion_cost:g} evaluations",
        f"  [dim]hgm compare policies --table {safe(output)}[/dim]",
    ]
