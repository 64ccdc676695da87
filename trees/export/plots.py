"""Small multiples as one picture that needs nothing else: a panel per group, a line per name, a bar per interval.

All panels have the same scales. The same values always give the same text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from trees.escape import shortened, told_apart

_COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#8a7f00")
"""By Okabe and Ito, with a darker yellow: told apart by every kind of colour vision."""
_DASHES = ("", "6 3", "2 2")
"""Of the first eight names, of the next, of the rest."""
_INK, _PALE, _GRID, _PAPER = "#24292f", "#57606a", "#d8dee4", "#ffffff"
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 250, 170, 62, 58
_COLUMNS = 3
_MARGIN, _LEFT, _TOP, _ENTRY, _LINE = 24, 52, 92, 150, 18
_INNER = 22
"""From the sides of a panel to its first and last position."""
_APART = 3.0
"""Pixels between the bars of two names at one position."""
_TICKS = 5
_NAME, _TITLE = 18, 40
"""Characters of a name in the legend, and of a panel's title."""


class Point(NamedTuple):
    """A mean and its interval at one of the positions."""

    position: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One group's lines."""

    title: str
    lines: Mapping[str, Sequence[Point]]


class _Scale(NamedTuple):
    positions: Sequence[int]
    low: float
    high: float
    step: float

    def x(self, position: int) -> float:
        at = self.positions.index(position)
        return (
            _WIDTH / 2 if len(self.positions) == 1 else _INNER + (_WIDTH - 2 * _INNER) * at / (len(self.positions) - 1)
        )

    def y(self, value: float) -> float:
        return _HEIGHT * (self.high - value) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        return [self.low + self.step * number for number in range(round((self.high - self.low) / self.step) + 1)]


def multiples(panels: Sequence[Panel], *, title: str, note: str, positions: str) -> str:
    """The picture. `positions` says what stands below the panels; positions are in order, at equal distances."""
    names = list(panels[0].lines)
    scale = _scale(panels)
    columns = min(_COLUMNS, len(panels))
    rows = ceil(len(panels) / columns)
    width = max(_LEFT + columns * (_WIDTH + _GAP_X), _LEFT + 3 * _ENTRY + _MARGIN)
    per_line = max(1, int((width - 2 * _MARGIN) // _ENTRY))
    top = _TOP + _LINE * (ceil(len(names) / per_line) - 1)
    height = top + rows * (_HEIGHT + _GAP_Y)
    parts = [*_beginning(title, note, width, height), *_legend(names, per_line)]
    titles = told_apart([panel.title for panel in panels], _TITLE)
    for number, (panel, panel_title) in enumerate(zip(panels, titles, strict=True)):
        x = _LEFT + number % columns * (_WIDTH + _GAP_X)
        y = top + number // columns * (_HEIGHT + _GAP_Y)
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel, panel_title, scale, positions), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _scale(panels: Sequence[Panel]) -> _Scale:
    points = [point for panel in panels for line in panel.lines.values() for point in line]
    low, high = min(point.low for point in points), max(point.high for point in points)
    step = _round_step(max(high - low, 1e-3) / _TICKS)
    bottom = step * floor(low / step)
    return _Scale(
        sorted({point.position for point in points}), bottom, max(step * ceil(high / step), bottom + step), step
    )


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is as large."""
    power: float = 10.0 ** floor(log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def _beginning(title: str, note: str, width: float, height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label={quoteattr(title)} '
        f'font-family="ui-sans-serif, system-ui, DejaVu Sans, sans-serif" font-size="11" fill="{_INK}">'
    )
    yield f"<title>{escape(title)}</title>"
    yield f'<rect width="{width:g}" height="{height:g}" fill="{_PAPER}"/>'
    yield f'<text x="{_MARGIN}" y="26" font-size="14" font-weight="600">{escape(title)}</text>'
    yield f'<text x="{_MARGIN}" y="43" fill="{_PALE}">{escape(note)}</text>'


def _legend(names: Sequence[str], per_line: int) -> Iterator[str]:
    for number, name in enumerate(told_apart(names, _NAME)):
        x, y = _MARGIN + number % per_line * _ENTRY, 62 + number // per_line * _LINE
        yield f'<path d="M{x} {y}h22" {_look(number)}/>'
        yield f'<text x="{x + 28}" y="{y + 4}">{escape(name)}</text>'


def _panel(panel: Panel, title: str, scale: _Scale, positions: str) -> Iterator[str]:
    yield f'<text x="0" y="-8" font-weight="600">{escape(title)}</text>'
    for tick in scale.ticks:
        y = scale.y(tick)
        yield f'<path d="M0 {y:.1f}h{_WIDTH}" stroke="{_GRID}"/>'
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end" fill="{_PALE}">{_number(tick, scale.step)}</text>'
    for position in scale.positions:
        x = scale.x(position)
        yield f'<text x="{x:.1f}" y="{_HEIGHT + 15}" text-anchor="middle" fill="{_PALE}">{position:,}</text>'
    yield f'<text x="{_WIDTH / 2:g}" y="{_HEIGHT + 29}" text-anchor="middle" fill="{_PALE}">{escape(positions)}</text>'
    middle = (len(panel.lines) - 1) / 2
    for number, (name, points) in enumerate(panel.lines.items()):
        yield from _line(name, number, [(scale.x(p.position) + _APART * (number - middle), p) for p in points], scale)


def _line(name: str, number: int, points: Sequence[tuple[float, Point]], scale: _Scale) -> Iterator[str]:
    corners = "L".join(f"{x:.1f} {scale.y(point.mean):.1f}" for x, point in points)
    bars = "".join(f"M{x:.1f} {scale.y(point.low):.1f}V{scale.y(point.high):.1f}" for x, point in points)
    yield f'<g {_look(number)}><title>{escape(shortened(name))}</title><path d="M{corners}"/>'
    yield f'<path d="{bars}" stroke-width="1" stroke-dasharray="none"/>'
    for x, point in points:
        tip = f"{shortened(name)} at {point.position:,}: {point.mean:.4f}, {point.low:.4f} to {point.high:.4f}"
        circle = f'<circle cx="{x:.1f}" cy="{scale.y(point.mean):.1f}" r="2.2" fill="{_colour(number)}" stroke="none">'
        yield f"{circle}<title>{escape(tip)}</title></circle>"
    yield "</g>"


def _look(number: int) -> str:
    dash = _DASHES[min(number // len(_COLOURS), len(_DASHES) - 1)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{_colour(number)}" stroke-width="1.6"{dashes}'


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _number(value: float, step: float) -> str:
    return f"{value:.{max(0, -floor(log10(step)))}f}".replace("-", "−")
