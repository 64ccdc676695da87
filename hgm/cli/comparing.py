"""What `hgm compare policies` does around its tables: landscapes by name, progress, and the files that it writes."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hgm.cli.exporting import write as write_file
from hgm.cli.options import writable
from hgm.cli.terminal import is_live, out, plural
from hgm.errors import ConfigError
from trees.export.plots import Panel, Point, multiples
from trees.simulation import FAMILIES, AgentTable, load_landscape, load_table
from trees.simulation.comparison import MOST_BUDGET, Comparison, Match, Plan, Summary
from trees.simulation.playable import Source
from trees.simulation.processes import played
from trees.statistics import Gain

BUDGETS = (100, 400, 800)
"""Of landscapes, where nobody says."""
_SHARES = (0.125, 0.25, 0.5)
"""Of what the smallest table holds: with more, any policy comes to know all of it."""
_STEPS = 10
"""So many lines of progress where no display is redrawn."""


Compared = TypeVar("Compared")
"""What a comparison has come to: in simulated and recorded worlds, or with real agents."""


class Wanted(NamedTuple, Generic[Compared]):
    """A file, the flag that asked for it, and what makes its text."""

    file: Path
    flag: str
    text: Callable[[Compared], str]


def landscapes(
    families: Sequence[str] | None, files: Sequence[Path] | None, tables: Sequence[Path] | None
) -> tuple[Source, ...]:
    """The families of these names, the landscapes and the tables of these files; all families where nothing is named.

    Raises:
        ConfigError: no such family, or a file that describes no landscape or holds no table.
    """
    unknown = [name for name in families or () if name not in FAMILIES]
    if unknown:
        raise ConfigError(f"--family {unknown[0]}: there is no such landscape; choose from: {', '.join(FAMILIES)}")
    named = dict.fromkeys(families or (() if files or tables else FAMILIES))
    drawn, recorded = map(load_landscape, files or ()), map(load_table, tables or ())
    return (*(FAMILIES[name] for name in named), *drawn, *recorded)


def budgets(given: Sequence[int] | None, among: Sequence[Source]) -> tuple[int, ...]:
    """Those that are given, ascending; else what suits the landscapes, or the smallest table if there is one."""
    if given:
        return tuple(sorted({*given}))
    wholes = [source.whole_cost for source in among if isinstance(source, AgentTable)]
    return tuple(sorted({_rounded(share * min(wholes)) for share in _SHARES})) if wholes else BUDGETS


def _rounded(budget: float) -> int:
    """To two digits, and within what a comparison may play."""
    return min(MOST_BUDGET, max(1, int(float(f"{budget:.1e}"))))


def told(plan: Plan) -> str:
    """What a reader must know of the agents before the first number."""
    kinds = {source.is_recorded for source in plan.landscapes}
    if kinds == {False}:
        return "All agents here are simulated: their true scores are known, and nothing is run."
    if kinds == {True}:
        return "All agents here are real, and all they do is recorded: nothing is run."
    return "Agents of tables are real, and all they do is recorded; the others are simulated. Nothing is run."


def play(plan: Plan, jobs: int | None) -> Comparison | None:
    """All matches, with progress; None if Ctrl-C came first, which is said."""
    total = len(plan.chunks())
    matches: list[Match] = []
    done = 0
    try:
        worlds = played(plan, jobs=jobs or os.cpu_count() or 1)
        with closing(worlds), _progress(total) as tell:
            for done, found in enumerate(worlds, start=1):
                matches += found
                tell(done)
    except KeyboardInterrupt:
        print(f"\ninterrupted: {done} of {plural(total, 'world')} were played; nothing is written", file=sys.stderr)
        return None
    return Comparison(plan=plan, matches=tuple(matches))


def recorded(file: Path | None, text: Callable[[Compared], str]) -> Iterator[Wanted[Compared]]:
    """The document, if there is a file for it.

    Raises:
        ConfigError: it could not be written.
    """
    if file is not None:
        writable(file, "-o")
        yield Wanted(file, "-o", text)


def drawn(place: Path | None, pictures: Mapping[str, Callable[[Compared], str]]) -> Iterator[Wanted[Compared]]:
    """The first of the pictures into a file, or all of them into a folder, by their names.

    Raises:
        ConfigError: neither, or it could not be written.
    """
    if place is None:
        return
    is_folder = place.is_dir()
    if not is_folder and place.suffix != ".svg":
        raise ConfigError(f"--plot {place}: name a file that ends in .svg, or a folder that is there")
    named = [(place / f"{name}.svg" if is_folder else place, text) for name, text in pictures.items()]
    for file, text in named if is_folder else named[:1]:
        writable(file, "--plot")
        yield Wanted(file, "--plot", text)


def write(wanted: Wanted[Compared], comparison: Compared) -> None:
    """Write a file and say so."""
    write_file([wanted.text(comparison)], wanted.file)
    out().print(f"written to {wanted.file}", markup=False)


def _scores(comparison: Comparison) -> str:
    return _plot(comparison, "True score of the agent handed over", lambda summary: summary.score)


def _differences(comparison: Comparison) -> str:
    return _plot(
        comparison, "True score of the agent handed over, minus that of hgm", lambda summary: summary.difference
    )


PICTURES: Mapping[str, Callable[[Comparison], str]] = {"scores": _scores, "differences": _differences}
"""Of a comparison in simulated and recorded worlds, by name."""


def _plot(comparison: Comparison, title: str, value: Callable[[Summary], Gain]) -> str:
    plan = comparison.plan

    def panel(title: str, family: str | None) -> Panel:
        return Panel(
            title=title,
            lines={
                label: [Point(at, *value(comparison.summary(label, at, family))) for at in plan.budgets]
                for label in plan.labels
            },
        )

    average = [panel("mean over landscapes", None)] if len(plan.landscapes) > 1 else []
    return multiples(
        [*average, *(panel(name, name) for name in plan.families)],
        title=title,
        note=f"{_kind(plan)} agents. Means and 95 % intervals over {_seeds(plan)} seeds.",
        positions="evaluations" if plan.equal == "evaluations" else "cost, in evaluations",
    )


def _kind(plan: Plan) -> str:
    kinds = sorted({source.is_recorded for source in plan.landscapes})
    return " and ".join("recorded" if is_recorded else "simulated" for is_recorded in kinds).capitalize()


def _seeds(plan: Plan) -> str:
    counts = sorted({len(plan.seeds_of(budget)) for budget in plan.budgets})
    return " or ".join(map(str, counts))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    if not is_live():
        yield lambda done: _tell(done, total)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("worlds played"), TimeElapsedColumn())
    with Progress(*columns, console=out(), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def _tell(done: int, total: int) -> None:
    """On standard error, so that tables are alone where they are piped to."""
    if done * _STEPS // total > (done - 1) * _STEPS // total:
        print(f"[{done}/{total}] worlds played", file=sys.stderr, flush=True)
