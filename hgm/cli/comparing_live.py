"""What `hgm compare policies --live` does: search after search, a table, and the files that it writes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import typer

from hgm.agents_by_name import find_run
from hgm.budget import Budget
from hgm.cli.comparing import drawn, recorded, write
from hgm.cli.comparison_tables import Column, half, names, print_columns
from hgm.cli.conduct import STATUS, advice
from hgm.cli.costs import dollars, duration, tokens
from hgm.cli.displays import shown
from hgm.cli.preview import NOT_A_MODEL, uses_builtin
from hgm.cli.terminal import out, plural, safe, shown_name
from hgm.controller import go_on
from hgm.errors import ConfigError, HGMError
from hgm.live import (
    Average,
    Comparison,
    Fared,
    Pattern,
    Plan,
    Summary,
    begin,
    check_same,
    fared,
    folder_name,
    pattern,
    text_of,
)
from hgm.loop import Ending
from hgm.plan import is_finished
from hgm.run import discard_unused, read
from hgm.text import printable
from trees.export.plots import Panel, Point, multiples

SEEDS = 3
"""Where nobody says."""
_NONE = "-"
_UNITS = {
    "evaluations": (
        "evaluations of the search itself, and not cost: expansions, confirming and the sealed comparison come on top"
    ),
    "usd": "dollars, for everything that a search does, the sealed comparison included",
    "tokens": "tokens, for everything that a search does, the sealed comparison included",
    "seconds": "time, for everything that a search does, the sealed comparison included",
}


def compare_live(
    run: str,
    plan: Plan,
    *,
    workers: int | None,
    output: Path | None,
    plot: Path | None,
    runs_dir: Path,
    quiet: bool,
) -> None:
    """Search with all policies and seeds as the run did, where that is not done yet, and print how they fared.

    Raises:
        HGMError: the run cannot be begun again, what is there was begun differently, or the lab has trouble.
    """
    common = pattern(find_run(run, runs_dir), workers=workers)
    pictures: dict[str, Callable[[Comparison], str]] = {"scores": _scores_drawn, "differences": _differences_drawn}
    files = [*recorded(output, text_of), *drawn(plot, pictures)]
    folder = common.folder(runs_dir)
    places = [folder / folder_name(search.contender.label, search.seed) for search in plan.searches]
    for search, path in zip(plan.searches, places, strict=True):
        if path.exists():
            check_same(path, common.of(search))
    for line in _told(plan, common, places):
        out().print(line)
    comparison = Comparison(plan=plan, pattern=common, fared=tuple(_searched(plan, common, places, quiet=quiet)))
    _show(comparison)
    for file in files:
        write(file, comparison)


def refuse(given: dict[str, object]) -> None:
    """Refuse flags that say what the run says, or that are of simulated worlds.

    Raises:
        ConfigError: one of them was given.
    """
    for flag in [flag for flag, value in given.items() if value not in (None, [])]:
        why = _CONTRADICTS.get(flag, "it searches with real agents, and plays no simulated or recorded world")
        raise ConfigError(f"{flag} does not go with --live: {why}; leave it out")


_CONTRADICTS = {
    "--budget": "every search has the budget of RUN",
    "--equal": "what is equal is the unit of RUN's budget",
    "-j": "one search runs at a time, and --workers says how many of its jobs",
}


def _told(plan: Plan, common: Pattern, places: Sequence[Path]) -> Iterator[str]:
    """What a reader must know before the first number, and what it will take."""
    done = sum(path.exists() and is_finished(read(path)) for path in places)
    there = f", {done} of which are finished" if done else ""
    named = "1 policy" if len(plan.labels) == 1 else f"{len(plan.labels)} policies"
    origin, units = safe(shown_name(common.origin)), "; ".join(_UNITS[unit] for unit in common.budget.units)
    yield (
        f"Real agents in real sandboxes: each policy searches as {origin} did, with the budget of {common.budget} that "
        "it began with."
    )
    yield f"{named} x {plan.seeds} seeds = {len(places)} searches in {safe(places[0].parent)}{there}"
    yield f"Equal for all: {units}{_in_all(common.budget, len(places))}."
    if uses_builtin(common.config.backbones):
        yield f"[yellow]{NOT_A_MODEL}[/yellow]"


def _in_all(budget: Budget, searches: int) -> str:
    most = [dollars(budget.usd * searches)] if budget.usd is not None else []
    most += [tokens(budget.tokens * searches)] if budget.tokens is not None else []
    return f"; at most {' and '.join(most)} in all" if most else ""


def _searched(plan: Plan, common: Pattern, places: Sequence[Path], *, quiet: bool) -> Iterator[Fared]:
    """Each search, finished. Ctrl-C ends the command, and what is finished stays."""
    total = len(places)
    for done, (search, path) in enumerate(zip(plan.searches, places, strict=True), start=1):
        was_there = path.exists() and is_finished(read(path))
        try:
            begin(common, search, path)
            ending, is_stopping = _gone_on(path, quiet=quiet)
        except KeyboardInterrupt:
            ending, is_stopping = Ending.INTERRUPTED, True
        if ending is not Ending.FINISHED:
            _stop(path, ending, done - 1, total)
        found = fared(read(path), policy=search.contender.label, run=path.name)
        _tell(f"[{done}/{total}] {_line(found, was_there=was_there)}")
        if is_stopping and done < total:
            _stop(path, Ending.INTERRUPTED, done, total)
        yield found


def _gone_on(path: Path, *, quiet: bool) -> tuple[Ending, bool]:
    """How the search ended, and whether a person has asked for it."""
    if is_finished(read(path)):
        return Ending.FINISHED, False
    try:
        with shown(path, quiet=quiet) as display:
            ending = go_on(path, display=display)
    except HGMError:
        discard_unused(path)
        raise
    return ending, display.is_stopping


def _stop(path: Path, ending: Ending, done: int, total: int) -> NoReturn:
    for line in advice(path, ending):
        _tell(line)
    _tell(f"{ending}: {done} of {total} searches are finished; the same command again goes on")
    raise typer.Exit(STATUS[ending])


def _tell(line: str) -> None:
    """On standard error: with --quiet the table is alone where it is piped to."""
    print(printable(line), file=sys.stderr, flush=True)


def _line(found: Fared, *, was_there: bool) -> str:
    scores = "no score" if found.score is None else f"{found.score:.3f}"
    seed_agent = "" if found.seed_agent is None else f", seed agent {found.seed_agent:.3f}"
    counts = f"{plural(found.evaluations, 'evaluation')}, {plural(found.agents, 'agent')}, {tokens(found.tokens)}"
    took = "finished before" if was_there else duration(found.seconds)
    return f"{found.policy}, seed {found.seed}: {scores}{seed_agent}; {counts}; {took}"


def _show(comparison: Comparison) -> None:
    plan, common = comparison.plan, comparison.pattern
    last = plan.first_seed + plan.seeds - 1
    title = f"Budget of {common.budget} for all; seeds {plan.first_seed} to {last}"
    out().print(f"\n[bold]{title}[/bold]")
    print_columns(
        out(),
        f"Share of {plural(common.sealed_tasks, 'sealed task')} passed by the agent handed over, and its gain over hgm "
        "with the same seed,\n± half of the 95 % interval over seeds",
        _columns(plan.labels, [comparison.summary(label) for label in plan.labels]),
    )
    for warning in comparison.warnings():
        out().print(f"[yellow]{safe(warning)}[/yellow]")


def _columns(labels: Sequence[str], found: Sequence[Summary]) -> list[Column]:
    return [
        Column("", names(labels)),
        Column("score", [_value(each.score, "") for each in found]),
        Column("gain", [_value(each.difference, "+") for each in found]),
        Column("seed agent", [_NONE if each.seed_agent is None else f"{each.seed_agent:.3f}" for each in found]),
        Column("evaluations", [f"{each.evaluations:.1f}" for each in found]),
        Column("expansions", [f"{each.expansions:.1f}" for each in found]),
        Column("agents", [f"{each.agents:.1f}" for each in found]),
        Column("tokens", [f"{each.tokens:,.0f}" for each in found]),
    ]


def _value(average: Average | None, sign: str) -> str:
    if average is None:
        return _NONE
    half_width = "no interval" if average.interval is None else f"± {half(average.interval):.3f}"
    return f"{average.mean:{sign}.3f} {half_width}"


def _scores_drawn(comparison: Comparison) -> str:
    return _drawn(comparison, "Sealed score of the agent handed over", lambda summary: summary.score)


def _differences_drawn(comparison: Comparison) -> str:
    title = "Sealed score of the agent handed over, minus that of hgm with the same seed"
    return _drawn(comparison, title, lambda summary: summary.difference)


def _drawn(comparison: Comparison, title: str, value: Callable[[Summary], Average | None]) -> str:
    plan, budget = comparison.plan, comparison.pattern.budget
    unit = budget.units[0]
    at = max(1, round(getattr(budget, unit)))
    values = {label: value(comparison.summary(label)) for label in plan.labels}
    lines = {label: [Point(at, *each.interval)] for label, each in values.items() if each and each.interval}
    if not lines:
        raise ConfigError("--plot: no policy has two seeds that differ, so there is no interval to draw")
    return multiples(
        [Panel(title=f"searches like {comparison.pattern.origin.name}", lines=lines)],
        title=title,
        note=f"Real agents. Means and 95 % intervals over {plan.seeds} seeds.",
        positions=f"{unit}; the budget is {budget}",
    )
