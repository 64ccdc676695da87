"""The tables of `hgm compare policies`: as many columns side by side as the terminal is wide."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hgm.cli.terminal import percent, plural
from trees.escape import told_apart
from trees.simulation.comparison import REFERENCE, Comparison, Plan, Summary
from trees.statistics import Gain

_LABEL = 40
_GAP = 2
_NONE = "-"
_LEGEND = """\
O1: the best agent in hgm's own tree. O2: the best of as many children whose parents are chosen by the truth.
to O1, to O2: share of the way from hgm that is closed, with its 95 % interval; - where it is not clear that there is
a way. tree best: true score of the best agent in the policy's tree.
r(CMP): correlation over agents of what a policy expands by, if it says so, with the true best of their descendants."""


class Column(NamedTuple):
    """Its head and its cells, from above to below."""

    head: str
    cells: Sequence[str]

    @property
    def width(self) -> int:
        """In characters."""
        return max(map(len, (self.head, *self.cells)))


def show(console: Console, comparison: Comparison) -> None:
    """Print what a comparison says, budget after budget."""
    for budget in comparison.plan.budgets:
        _show_budget(console, comparison, budget)
    console.print(f"\n{_LEGEND}", style="dim")


def _show_budget(console: Console, comparison: Comparison, budget: int) -> None:
    plan = comparison.plan
    console.print(f"\n[bold]{_heading(plan, budget)}[/bold]")
    several = len(plan.landscapes) > 1
    print_columns(console, "True score of the agent handed over", _scores(comparison, budget))
    title = "Mean over landscapes, gain over hgm in the same worlds" if several else "Gain over hgm in the same worlds"
    print_columns(console, f"{title}, ± half of the 95 % interval", _overall(comparison, budget))
    if several and len(plan.labels) > 1:
        title = "Gain over hgm per landscape, ± half of the 95 % interval"
        print_columns(console, title, _differences(comparison, budget))


def _heading(plan: Plan, budget: int) -> str:
    seeds = plan.seeds_of(budget)
    unit = "evaluations for all, no tree larger than hgm's" if plan.equal == "evaluations" else "cost for all"
    workers = f", {plural(plan.workers, 'worker')}" if plan.workers > 1 else ""
    return f"{budget:,} {unit}{workers}; seeds {seeds.start} to {seeds.stop - 1}"


def _scores(comparison: Comparison, budget: int) -> list[Column]:
    plan = comparison.plan
    columns = [Column("", [*names(plan.labels), "O1", "O2"])]
    for family, head in zip(plan.families, names(plan.families), strict=True):
        found = [comparison.summary(label, budget, family) for label in plan.labels]
        values = [*(summary.score.mean for summary in found), found[0].o1, found[0].o2]
        columns.append(Column(head, [f"{value:.3f}" for value in values]))
    return columns


def _overall(comparison: Comparison, budget: int) -> list[Column]:
    labels = comparison.plan.labels
    found = [comparison.summary(label, budget) for label in labels]
    return [
        Column("", names(labels)),
        Column("score", [f"{each.score.mean:.3f} ± {half(each.score):.3f}" for each in found]),
        Column("gain", _gains(labels, found)),
        Column("to O1", _shares(labels, [each.to_o1 for each in found])),
        Column("to O2", _shares(labels, [each.to_o2 for each in found])),
        Column("tree best", [f"{each.best:.3f}" for each in found]),
        Column("children", [f"{each.children:.1f}" for each in found]),
        Column("evaluations", [f"{each.evaluations:.0f}" for each in found]),
        Column("r(CMP)", [f"{each.correlation:.2f}" if isfinite(each.correlation) else _NONE for each in found]),
    ]


def _differences(comparison: Comparison, budget: int) -> list[Column]:
    plan = comparison.plan
    columns = [Column("", names(plan.labels)[1:])]
    for family, head in zip(plan.families, names(plan.families), strict=True):
        found = [comparison.summary(label, budget, family) for label in plan.labels[1:]]
        columns.append(Column(head, _gains(plan.labels[1:], found)))
    return columns


def _gains(labels: Sequence[str], found: Sequence[Summary]) -> list[str]:
    return [_NONE if label == REFERENCE else _gain(each) for label, each in zip(labels, found, strict=True)]


def _gain(summary: Summary) -> str:
    return f"{summary.difference.mean:+.4f} ± {half(summary.difference):.4f}"


def half(gain: Gain) -> float:
    """Of the interval's width."""
    return (gain.high - gain.low) / 2


def _shares(labels: Sequence[str], shares: Sequence[Gain | None]) -> list[str]:
    return [
        _NONE if label == REFERENCE or share is None else _share(share)
        for label, share in zip(labels, shares, strict=True)
    ]


def _share(share: Gain) -> str:
    return f"{percent(share.mean)} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def names(texts: Sequence[str]) -> list[str]:
    """As they stand in a table."""
    return told_apart(texts, _LABEL)


def print_columns(console: Console, title: str, columns: list[Column]) -> None:
    """As many side by side as the terminal is wide, the first one at the left of each block."""
    console.print(f"\n{title}")
    for block in _blocks(columns, console.width):
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        for column in block:
            table.add_column(Text(column.head), no_wrap=True, justify="left" if column is columns[0] else "right")
        for row in zip(*(column.cells for column in block), strict=True):
            table.add_row(*map(Text, row))
        console.print(table)


def _blocks(columns: list[Column], width: int) -> Iterator[list[Column]]:
    """The columns in as many tables as it takes, each with the first one at its left."""
    first, *others = columns
    block, left = [first], width - first.width
    for column in others:
        if len(block) > 1 and column.width + _GAP > left:
            yield block
            block, left = [first], width - first.width
        block.append(column)
        left -= column.width + _GAP
    yield block
