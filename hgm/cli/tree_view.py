"""A tree of agents as lines of text that fit into any width: one per agent, numbers below each other."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from hgm import effort
from hgm.agents_by_name import best_node
from hgm.cli.terminal import one_line, percent, plural
from hgm.state import RunState
from hgm.summary import expectation, lineage
from trees.statistics import wilson

_GAP = 2
_LEAST_BRIEF = 12
"""Columns: what fits into fewer says nothing."""
_COLUMNS_PER_LEVEL = 8
"""Of the width: so much of it allows one more level of indentation, which takes two."""
_LEAST_LEVELS = 2
_NOTE = 200
_SEED = "the seed agent"
_HEAD = ("passed", "", "95 %", "clade")


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What a tree is drawn with."""

    best: str
    line: str
    other: str
    branch: str
    last: str
    past: str
    cut: str

    @property
    def all(self) -> str:
        """Every character of them."""
        return "".join((self.best, self.line, self.other, self.branch, self.last, self.past, self.cut))


PICTURED = Signs(best="★", line="●", other="○", branch="├─", last="└─", past="│ ", cut="…")
ASCII = Signs(best="*", line="@", other="o", branch="|-", last="`-", past="| ", cut="...")


@dataclass(frozen=True, kw_only=True)
class Agent:
    """What is shown of one agent."""

    number: int
    parent: int | None
    passed: int
    measured: int
    clade_passed: int
    clade_measured: int
    brief: str
    """Untrusted."""
    more: tuple[str, ...] = ()
    """Lines below it; untrusted."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Agents, parents before their children and all from 0 on, and how to show them."""

    agents: Sequence[Agent]
    best: int
    line: Collection[int]
    """The best one and its ancestors."""
    width: int
    encoding: str = "utf-8"

    @cached_property
    def signs(self) -> Signs:
        """Those that the encoding can hold."""
        try:
            PICTURED.all.encode(self.encoding)
        except UnicodeEncodeError:
            return ASCII
        return PICTURED


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an agent stands: what is left of it, and left of the lines below it."""

    agent: Agent
    before: str
    below: str


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """A view with its columns: numbers stand right of the stems, briefs right of the numbers."""

    view: View
    places: Sequence[_Place]
    cells: Sequence[Sequence[str]]
    stems: int
    widths: Sequence[int]
    """Of the columns of numbers that fit."""
    brief: int
    """0: no room for briefs."""


def agents_of(state: RunState, limit: int, *, long: bool) -> list[Agent]:
    """The oldest agents of a run; with `long` what they were made from, and how they did there."""
    view = state.tree.view()
    passed, failed = view.successes.tolist(), view.failures.tolist()
    clade_passed, clade_failed = view.clade_successes.tolist(), view.clade_failures.tolist()
    return [
        Agent(
            number=node.id,
            parent=node.parent,
            passed=passed[node.id],
            measured=passed[node.id] + failed[node.id],
            clade_passed=clade_passed[node.id],
            clade_measured=clade_passed[node.id] + clade_failed[node.id],
            brief=node.brief if node.id else _SEED,
            more=(*_aims(state, node.id), *_notes(state, node.id)) if long else (),
        )
        for node in state.nodes[:limit]
    ]


def view_of(state: RunState, limit: int, *, long: bool, width: int, encoding: str) -> View:
    """A run's tree, to be shown in so many columns."""
    best = best_node(state)
    return View(
        agents=agents_of(state, limit, long=long),
        best=best,
        line=frozenset(lineage(state, best)),
        width=width,
        encoding=encoding,
    )


def lines(view: View, agents: int) -> Iterator[Text]:
    """A run of so many agents: the tree, what its signs and columns mean, and what is left out. None is too wide."""
    layout = _laid_out(view)
    yield _head(layout)
    for place, cells in zip(layout.places, layout.cells, strict=True):
        yield _line(place, cells, layout)
        yield from _more(place, view)
    yield Text()
    yield from (Text(line, style="dim") for line in wrap("; ".join(_legend(layout)), view.width))
    yield from (Text(line, style="yellow") for line in wrap(_hidden(agents - len(view.agents)), view.width))


def _laid_out(view: View) -> _Layout:
    places = list(_places(view))
    cells = [_cells(place.agent) for place in places]
    stems = max(len("agent"), *(len(_stem(place, view)) for place in places))
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    kept, brief = _kept(widths, view.width - stems)
    return _Layout(view=view, places=places, cells=cells, stems=stems, widths=widths[:kept], brief=brief)


def _legend(layout: _Layout) -> Iterator[str]:
    signs, shown = layout.view.signs, len(layout.widths)
    yield f"{signs.best} best agent, {signs.line} its line of descent, {signs.other} others"
    interval = ", with the 95 % interval of the share" if shown > _HEAD.index("95 %") else ""
    yield f"passed: of its own evaluations{interval}"
    if shown > _HEAD.index("clade"):
        yield "clade: of those of itself and all descendants (CMP)"
    if any(signs.cut in place.before for place in layout.places):
        yield f"{signs.cut}9: nine generations below the seed agent"


def _hidden(agents: int) -> str:
    verb = "is" if agents == 1 else "are"
    return f"{plural(agents, 'younger agent')} {verb} not shown: see --limit" if agents else ""


def _places(view: View) -> Iterator[_Place]:
    """Every agent before its descendants. Beyond some depth that depth stands for the lines of the tree."""
    levels = max(_LEAST_LEVELS, view.width // _COLUMNS_PER_LEVEL)
    agents, signs, children = view.agents, view.signs, _children(view.agents)
    waiting = [(agents[0], 0, "", "")]
    while waiting:
        agent, depth, before, inside = waiting.pop()
        below = children.get(agent.number, ())
        is_deep = depth >= levels
        yield _Place(agent=agent, before=before, below=inside + (signs.past if below and not is_deep else "  "))
        for child in reversed(below):
            if is_deep:
                shortened = f"{signs.cut}{depth + 1} ".ljust(2 * levels)
                waiting.append((agents[child], depth + 1, shortened, " " * 2 * levels))
                continue
            is_last = child == below[-1]
            turn, after = (signs.last, "  ") if is_last else (signs.branch, signs.past)
            waiting.append((agents[child], depth + 1, inside + turn, inside + after))


def _children(agents: Sequence[Agent]) -> Mapping[int, Sequence[int]]:
    found: dict[int, list[int]] = {}
    for agent in agents:
        if agent.parent is not None:
            found.setdefault(agent.parent, []).append(agent.number)
    return found


def _cells(agent: Agent) -> tuple[str, str, str, str]:
    """Own passes, their share, its interval, passes of the clade."""
    clade = "-"
    if agent.clade_measured:
        share = percent(agent.clade_passed / agent.clade_measured)
        clade = f"{agent.clade_passed}/{agent.clade_measured} {share:>5}"
    if not agent.measured:
        return "-", "-", "-", clade
    low, high = wilson(agent.passed, agent.measured)
    return (
        f"{agent.passed}/{agent.measured}",
        percent(agent.passed / agent.measured),
        f"{100 * low:.0f}-{percent(high)}",
        clade,
    )


def _kept(widths: Sequence[int], room: int) -> tuple[int, int]:
    """How many columns of numbers fit, and how much is left for briefs: the last columns are dropped first."""
    kept = 0
    while kept < len(widths) and room >= _GAP + widths[kept]:
        room -= _GAP + widths[kept]
        kept += 1
    is_enough = kept == len(widths) and room >= _GAP + _LEAST_BRIEF
    return max(kept, 1), room - _GAP if is_enough else 0


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(" " * _GAP + cell.rjust(width) for cell, width in zip(cells, widths, strict=False))


def _head(layout: _Layout) -> Text:
    line = "agent".ljust(layout.stems) + _aligned(_HEAD, layout.widths)
    return Text(_cut(line.rstrip(), layout.view.width, layout.view.signs), style="dim")


def _stem(place: _Place, view: View) -> str:
    number, signs = place.agent.number, view.signs
    mark = signs.best if number == view.best else signs.line if number in view.line else signs.other
    return f"{place.before}{mark} {number}"


def _line(place: _Place, cells: Sequence[str], layout: _Layout) -> Text:
    """One agent. Styles only repeat what the marks say."""
    view, number = layout.view, place.agent.number
    numbers = _stem(place, view).ljust(layout.stems) + _aligned(cells, layout.widths)
    line = Text(_cut(numbers, view.width, view.signs))
    line.stylize("bold green" if number == view.best else "bold" if number in view.line else "", len(place.before))
    if layout.brief:
        brief = _told(place.agent.brief, layout.brief, view)
        line.append(" " * _GAP + _cut(brief, layout.brief, view.signs), style="dim")
    line.rstrip()
    return line


def _more(place: _Place, view: View) -> Iterator[Text]:
    """The lines below an agent, wrapped."""
    before = _cut(place.below, view.width, view.signs)
    room = view.width - len(before)
    for text in place.agent.more if room > 1 else ():
        for part in _wrapped(_told(text, _NOTE, view), room):
            yield Text.assemble(before, (part, "dim"))


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Lines of so many cells, at least two: some characters take as many."""
    line = ""
    for word in text.split(" "):
        if line and cell_len(f"{line} {word}") > room:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        while cell_len(line) > room:
            part = _beginning(line, room)
            yield part
            line = line[len(part) :]
    if line:
        yield line


def _beginning(text: str, cells: int) -> str:
    """As many characters as fit, and at least one."""
    end = min(len(text), cells)
    while end > 1 and cell_len(text[:end]) > cells:
        end -= 1
    return text[:end]


def _told(text: str, limit: int, view: View) -> str:
    """Untrusted text on one line, as it will be written: what the encoding lacks as its number."""
    return one_line(text, limit + 1).encode(view.encoding, "backslashreplace").decode(view.encoding)


def _cut(text: str, cells: int, signs: Signs) -> str:
    if cell_len(text) <= cells:
        return text
    mark = signs.cut[:cells]
    return set_cell_size(text, cells - len(mark)).rstrip() + mark


def _aims(state: RunState, node: int) -> Iterator[str]:
    """What it was made from, and whether it does better there than its parent."""
    born = state.nodes[node]
    if born.mode is None:
        return
    drawn = f" for want of {born.instead_of} evidence" if born.instead_of else ""
    found = expectation(state, node)
    if found is None:
        yield f"{born.mode}{drawn}"
        return
    child, parent = (f"{score.passed} of {score.measured}" for score in (found.child, found.parent))
    how = f"passed {child} it was tried on, its parent {parent}" if found.child.measured else "not tried on them yet"
    yield f"{born.mode}{drawn}: from {plural(found.tasks, 'failure')}, {how}"


def _notes(state: RunState, node: int) -> Iterator[str]:
    """What it does with more effort than its parent."""
    notes = state.nodes[node].notes
    if notes:
        charge = effort.rule(state.config) == "charge"
        charged = f", charged {state.config.expansion.charge_evaluations}" if charge else ""
        yield one_line("; ".join(notes), _NOTE - len(charged)) + charged
