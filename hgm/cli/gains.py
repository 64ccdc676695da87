"""`hgm compare RUN...`: the gains of finished search runs on their sealed tasks, by run and by arm."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunsDir

if TYPE_CHECKING:
    from rich.table import Table

    from hgm.gains import ArmGain, Cost, Report, RunGain, Searched

WANTED = "flat_children,test_time_k,greedy,placebo"
_SLOW_S = 2.0


def runs(
    run: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...",
            help="Finished searches; their policies and editors say which arm they are of.",
            show_default=False,
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option("--arm", metavar="NAME=RUN,RUN", help="These are an arm of that name; may be repeated."),
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option("--arms", metavar="A,B", help=f"Say how to make those that are missing, e.g. {WANTED}."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it all as JSON.")] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """What runs gained on the tasks that no search has seen: winner and seed agent, run by run and arm by arm.

    Runs must be of the same benchmark, sealed tasks and seed agent. The unit of an arm's interval is the search run.

    An arm is a policy, or a search whose editor does not improve: placebo, random_edit, fixed_editor (docs/gains.md).
    `hgm compare policies` compares policies without any run, in simulated worlds: see `hgm compare policies --help`. A
    run that is called policies is named by its path, with a slash.

    \b
    Examples:
      hgm compare hgm-0 hgm-1 hgm-2 placebo-0 placebo-1 placebo-2
      hgm compare --arm old=a,b,c --arm new=d,e,f -o gains.json
      hgm compare hgm-0 hgm-1 hgm-2 --arms flat_children,test_time_k,greedy,placebo
      hgm compare hgm-0 hgm-1 hgm-2 --arms random_edit,fixed_editor
      hgm compare policies --seeds 10 --budget 400
    """
    from hgm.cli.evaluation import write_json
    from hgm.cli.options import writable
    from hgm.cli.terminal import out
    from hgm.gains import TEST_TIME, report, searched

    if output:
        writable(output, "-o")
    wanted = _wanted(arms)
    with _progress() as told:
        found = searched(_named(run or [], arm or [], runs_dir), told)
        made = report(found, told)
    for part in _shown(made):
        out().print(part)
    missing = dict(_missing(wanted, made, found, runs_dir))
    for name, how in missing.items():
        what = "cannot be told" if name == TEST_TIME else "is missing; with the same budget"
        out().print(f"[yellow]{_safe(name)} {what}:[/yellow] {_safe(how)}", soft_wrap=True)
    if {*missing} - {TEST_TIME}:
        for advice in _equal_cost(made, found):
            out().print(f"[yellow]{_safe(advice)}[/yellow]", soft_wrap=True)
    if arms is None:
        out().print(f"[dim]a full report has other arms, too: --arms {WANTED}[/dim]")
    if output:
        write_json({**made.plain(), "missing_arms": missing}, output)


class _Progress:
    """Says what is done, where it takes long: beside the cursor, or as lines of standard error."""

    def __init__(self) -> None:
        import time
        from contextlib import nullcontext

        from hgm.cli.terminal import is_live, out

        self._clock, self._began = time.monotonic, time.monotonic()
        self._status = out().status("reading runs") if is_live() else None
        self._shown = self._status or nullcontext()

    def __enter__(self) -> "_Progress":
        self._shown.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._shown.__exit__(None, None, None)

    def __call__(self, what: str) -> None:
        import sys

        from hgm.text import printable

        if self._status is not None:
            self._status.update(_safe(what))
        elif self._clock() - self._began > _SLOW_S:
            print(printable(what), file=sys.stderr, flush=True)


def _progress() -> _Progress:
    return _Progress()


def _safe(text: object) -> str:
    from hgm.cli.terminal import safe

    return safe(text)


def _named(named: Sequence[str], arms: Sequence[str], runs_dir: Path) -> list[tuple[Path, str]]:
    """Runs with the arms that were given by hand.

    Raises:
        UsageError: not NAME=RUN,RUN, or no such run.
    """
    from hgm.agents_by_name import find_run
    from hgm.errors import ConfigError

    found = [(find_run(name, runs_dir), "") for name in named]
    for words in arms:
        arm, _, listed = words.partition("=")
        names = [name.strip() for name in listed.split(",") if name.strip()]
        if not arm.strip() or not names:
            raise ConfigError(f"--arm {words}: write NAME=RUN,RUN, e.g. --arm mine=builtin-1,builtin-2")
        found += [(find_run(name, runs_dir), arm.strip()) for name in names]
    return found


def _wanted(arms: str | None) -> list[str]:
    """The arms that a full report wants.

    Raises:
        ConfigError: one that nobody can make.
    """
    from hgm.arms import known_arms
    from hgm.errors import ConfigError
    from hgm.gains import TEST_TIME

    names = [name.strip() for name in (arms or "").split(",") if name.strip()]
    known = (*known_arms(), TEST_TIME)
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"--arms {unknown[0]}: no such arm; there are {', '.join(known)}")
    return list(dict.fromkeys(names))


def _missing(
    wanted: Sequence[str], made: "Report", found: "Sequence[Searched]", runs_dir: Path
) -> Iterator[tuple[str, str]]:
    """Arms that are asked for and not there, and what makes them."""
    from hgm.arms import CONTROLS, USUAL, arm_wanted
    from hgm.config import EDITORS, FIXED
    from hgm.gains import TEST_TIME
    from hgm.search_command import search_command

    there = {arm.arm for arm in made.arms if arm.gain is not None}
    ways = {run.way for run in found if run.arm in there}
    pattern = _pattern(found)
    seeds = list(dict.fromkeys(run.state.config.seed for run in found if run.arm == pattern.arm))
    for name in wanted:
        if name == TEST_TIME:
            if lacking := list(_repeats_lacking(made)):
                yield name, "; ".join(lacking)
            continue
        policy, editor, way = arm_wanted(name, pattern.state)
        if editor == FIXED and pattern.state.config.editor not in EDITORS:
            yield name, f"there is none: {pattern.arm} has an editor that never changes already"
            continue
        is_control = name in CONTROLS
        if way not in ways and (is_control or name not in there):
            yield (
                name,
                search_command(
                    pattern.state,
                    policy=policy,
                    editor=editor,
                    stem=f"{policy.name}-{name}" if is_control and policy.name != USUAL else name,
                    seeds=seeds,
                    runs_dir=pattern.path.parent,
                    usual_dir=RUNS_DIR,
                ),
            )


def _pattern(found: "Sequence[Searched]") -> "Searched":
    """The run whose settings another arm gets: the first one whose editor may improve, if there is one."""
    return next((run for run in found if not run.way.is_control), found[0])


def _equal_cost(made: "Report", found: "Sequence[Searched]") -> Iterator[str]:
    """What to write for equal cost, where the budget of the pattern is no cost."""
    from hgm.budget import Budget

    pattern = _pattern(found)
    budget, cost = pattern.state.budget, next(arm.cost for arm in made.arms if arm.arm == pattern.arm)
    if {*budget.units} <= {"tokens", "usd"}:
        return
    same = (
        "the same budget is not the same cost: an evaluation or an hour of another arm may take more tokens, or fewer"
    )
    if cost is not None and cost.tokens >= 1:
        took = f"--budget {Budget(tokens=round(cost.tokens))}, what {pattern.arm} took on average"
        yield f"{same}. For equal cost write {took}, for --budget {budget}"
    else:
        yield f"{same}; no tokens were counted that a budget could be made of"


def _repeats_lacking(made: "Report") -> Iterator[str]:
    for row in made.runs:
        best = row.best_of_k
        if row.gain is not None and best is None:
            yield f"{row.name}: no tokens were counted, so there is no budget to give the seed agent"
        elif best is not None and best.rate is None:
            yield (
                f"{row.name}: its winner uses {row.winner_tokens / row.seed_tokens:.1f} times the seed agent's tokens, "
                f"and best of {best.k} takes {best.k} repeats of the seed agent on each sealed task; all these runs "
                f"have {best.repeats}: raise -o confirmation.sealed_repeats, or make runs of more seeds"
            )


def _shown(made: "Report") -> "Iterator[Table | str]":
    from hgm.cli.terminal import plural, safe

    yield (
        f"[bold]Gains on sealed tasks[/bold] of {safe(made.benchmark)}: {plural(len(made.runs), 'search run')} in "
        f"{plural(len(made.arms), 'arm')}"
    )
    yield _table_of_runs(made)
    for row in made.runs:
        if row.missing:
            yield f"[yellow]no gain of {safe(row.name)}: {safe(row.missing)}[/yellow]"
    yield ""
    yield _table_of_arms(made)
    for arm in made.arms:
        if arm.no_interval:
            yield f"[yellow]{safe(arm.arm)}: {safe(arm.no_interval)}[/yellow]"
    yield ""
    if any(arm.differences for arm in made.arms):
        yield _table_of_differences(made)
        yield ""
    yield _table_of_costs(made)
    yield from _notes(made)
    for warning in made.warnings:
        yield f"[yellow]{safe(warning)}[/yellow]"


def _notes(made: "Report") -> Iterator[str]:
    from hgm.cli.terminal import plural

    clusters = sorted({arm.clusters for arm in made.arms if arm.clusters})
    counted = " or ".join(map(str, clusters))
    of_tasks = f"{counted} repositories" if made.unit == "repository" else f"{counted} tasks"
    yield (
        "Gains in points, intervals 95 %: of a run over its tasks, of an arm over search runs and "
        f"{of_tasks if clusters else 'tasks'}. p: McNemar, exact; least: the smallest gain that would have shown."
    )
    yield (
        "Best of k: the seed agent with k attempts, k = the winner's tokens / its own, and somebody to tell it which "
        "attempt passes. Choosing among attempts without that can only do worse."
    )
    yield f"Sealed tasks were opened {plural(made.openings, 'time')} in these runs."


def _table_of_runs(made: "Report") -> "Table":
    from hgm.cli.terminal import safe

    heads = ("tasks", "seed -> winner", "gain", "p", "least", "tokens", "seed, best of k (upper bound)")
    drawn = _table("run", "agent", *heads)
    arm = None
    for row in made.runs:
        if row.arm != arm:
            drawn.add_row(f"[bold]{safe(row.arm)}[/bold]")
        arm = row.arm
        drawn.add_row(f"  {safe(row.name)}", *_cells(row))
    return drawn


def _table(first: str, *heads: str) -> "Table":
    """What is below the first head is counted, and stands to the right."""
    from rich.table import Table

    drawn = Table(first, box=None, pad_edge=False)
    for head in heads:
        drawn.add_column(head, justify="right")
    return drawn


def _cells(row: "RunGain") -> list[str]:
    winner = "" if row.winner is None else "seed" if row.winner == 0 else str(row.winner)
    if row.gain is None:
        return [winner]
    return [
        winner,
        f"{row.tasks} x {row.repeats}",
        _rates(row.seed_rate, row.winner_rate),
        _gain(row.gain.mean, None if row.winner == 0 else row.gain[1:]),
        "" if row.p is None else f"{row.p:.2g}",
        "" if row.smallest is None else f"{100 * row.smallest:.1f}" if row.smallest < 1 else "none",
        f"{row.seed_tokens:,.0f} -> {row.winner_tokens:,.0f}",
        _best_of_k(row),
    ]


def _best_of_k(row: "RunGain") -> str:
    best = row.best_of_k
    if best is None:
        return "no tokens"
    return f"k = {best.k}: " + (f"{best.repeats} repeats" if best.rate is None else _rate(best.rate))


def _rates(seed: float | None, winner: float | None) -> str:
    return "" if seed is None or winner is None else f"{100 * seed:.1f} -> {_rate(winner)}"


def _rate(share: float) -> str:
    return f"{100 * share:.1f} %"


def _gain(mean: float | None, interval: Sequence[float] | None) -> str:
    from hgm.cli.terminal import points

    if mean is None:
        return ""
    ends = "" if interval is None else rf" \[{points(interval[0])}, {points(interval[1])}]"
    return points(mean) + ends


def _table_of_arms(made: "Report") -> "Table":
    from hgm.cli.terminal import safe

    drawn = _table("arm", "runs", "tasks", "seed -> winner", "gain", "seed, best of k (upper bound)")
    for arm in made.arms:
        drawn.add_row(
            f"[bold]{safe(arm.arm)}[/bold]",
            f"{arm.runs} of {arm.runs + arm.without}" if arm.without else str(arm.runs),
            str(arm.tasks),
            _rates(arm.seed_rate, arm.winner_rate),
            _gain(arm.gain, arm.interval),
            _upper_bound(arm),
        )
    return drawn


def _table_of_differences(made: "Report") -> "Table":
    from hgm.cli.terminal import safe

    drawn = _table("arms", "difference of gains")
    for arm in made.arms:
        for item in arm.differences:
            drawn.add_row(f"{safe(arm.arm)} less {safe(item.than)}", _gain(item.mean, item.interval))
    return drawn


def _upper_bound(arm: "ArmGain") -> str:
    if arm.best_of_k is None:
        return ""
    return f"k <= {arm.largest_k}: {_rate(arm.best_of_k)}"


def _table_of_costs(made: "Report") -> "Table":
    from hgm.cli.terminal import safe
    from hgm.gains import UNITS

    drawn = _table("cost per run", *UNITS)
    for arm in made.arms:
        drawn.add_row(safe(arm.arm), *(_costs(arm.cost) if arm.cost else ["no run is finished"]))
    return drawn


def _costs(cost: "Cost") -> list[str]:
    usd = "unknown" if cost.usd is None else f"{cost.usd:,.2f}"
    return [f"{cost.evaluations:,.1f}", f"{cost.expansions:,.1f}", f"{cost.tokens:,.0f}", usd, f"{cost.hours:,.2f}"]
