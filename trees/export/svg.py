"""A run's tree as a picture that needs nothing else: `hgm tree export --format svg`.

Agents stand from left to right by generation. The same document always gives the same text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from trees.escape import shortened

ACCENT = "#d55e00"
"""Vermilion, as Okabe and Ito have it: unlike any colour of the scale."""
_VIRIDIS = (
    "#440154",
    "#482878",
    "#3e4a89",
    "#31688e",
    "#26828e",
    "#1f9e89",
    "#35b779",
    "#6ece58",
    "#b5de2b",
    "#fde725",
)
"""By Smith and van der Walt: ordered by lightness too, for every kind of colour vision and in grey."""
_INK, _PALE, _LINE, _PAPER = "#24292f", "#57606a", "#8c959f", "#ffffff"
_HOLLOW = f'fill="{_PAPER}" stroke-dasharray="2.5 2"'
_DARK = """<style>@media (prefers-color-scheme: dark) {
.hgm-tree { fill: #e6edf3 } .hgm-tree .pale { fill: #9198a1 } .hgm-tree .paper { fill: #0d1117 }
.hgm-tree .edges { stroke: #6e7681 } .hgm-tree .nodes { stroke: #e6edf3 } .hgm-tree .halo { stroke: #0d1117 }
}</style>"""
"""Light is in the attributes, for programs that do not read style sheets."""
_COLUMN, _ROW, _RADIUS = 124, 48, 11
_MARGIN, _TOP, _LEFT, _WIDTH = 28, 92, 70, 780
_LONGEST = 6_000
"""Pixels of a side that a larger tree is drawn into."""
_SMALLEST = 1.2
"""Radius of a circle in a large tree, where they overlap rather than vanish."""

Node = Mapping[str, Any]


class _Grid(NamedTuple):
    """How far apart generations and rows are, and what fits between them."""

    column: float
    row: float
    radius: float

    @property
    def has_labels(self) -> bool:
        return self.column >= _COLUMN and self.row == _ROW

    def pixels(self, width: float) -> float:
        """That width of a line where the tree is small, and less where it is drawn smaller."""
        return width * self.radius / _RADIUS


class _Place(NamedTuple):
    x: float
    y: float


def svg(document: Mapping[str, Any]) -> str:
    """The picture: colour and size of a circle tell the agent's own score and how often it was evaluated.

    The agent handed over has a ring, and the line to it from the seed agent is thick. Agents have tooltips; where there
    are too many of them for labels, the one handed over has one still.
    """
    nodes = document["nodes"]
    rows = _rows(nodes)
    grid = _grid(nodes, rows)
    places = [_Place(_LEFT + grid.column * node["depth"], _TOP + grid.row * (rows[node["id"]] + 0.5)) for node in nodes]
    width = max(_WIDTH, max(place.x for place in places) + _COLUMN / 2 + _MARGIN)
    height = max(place.y for place in places) + _ROW / 2 + _MARGIN
    return "\n".join(
        [
            *_beginning(document, width, height),
            *_legend(),
            *_edges(document, places, grid),
            *_circles(document, places, grid),
            *_labels(document, places, grid),
            "</svg>\n",
        ]
    )


def heading(document: Mapping[str, Any]) -> str:
    """The run in one line: its size and its benchmark."""
    nodes = document["nodes"]
    evaluations = sum(_evaluations(node) for node in nodes)
    size = f"{_plural(len(nodes), 'agent')}, {_plural(evaluations, 'evaluation')}"
    return f"Run {shortened(document['run'], 40)}: {size} on {shortened(document['benchmark'], 40)}"


def label(node: Node) -> str:
    """Number and own score, e.g. `3  55 % of 20`."""
    return f"{node['id']}  {_score(node['successes'], _evaluations(node))}"


def share(node: Node) -> float | None:
    """The share of its evaluations that passed; None before the first."""
    evaluations = _evaluations(node)
    return node["successes"] / evaluations if evaluations else None


def colour(part: float) -> str:
    """The colour of a share between 0 and 1."""
    position = part * (len(_VIRIDIS) - 1)
    lower = min(int(position), len(_VIRIDIS) - 2)
    low, high = (bytes.fromhex(stop[1:]) for stop in _VIRIDIS[lower : lower + 2])
    return "#" + bytes(round(a + (b - a) * (position - lower)) for a, b in zip(low, high, strict=True)).hex()


def lineage(document: Mapping[str, Any]) -> list[int]:
    """The agent handed over and its ancestors, the seed agent last."""
    line = [document["best"]]
    while (parent := document["nodes"][line[-1]]["parent"]) is not None:
        line.append(parent)
    return line


def _rows(nodes: Sequence[Node]) -> list[float]:
    """Every leaf has a row of its own; a parent lies in the middle of its children."""
    rows = [0.0] * len(nodes)
    leaves = (number for number in _parents_first(nodes) if not nodes[number]["children"])
    for row, number in enumerate(leaves):
        rows[number] = row
    for node in reversed(nodes):
        if children := node["children"]:
            rows[node["id"]] = (rows[children[0]] + rows[children[-1]]) / 2
    return rows


def _parents_first(nodes: Sequence[Node]) -> Iterator[int]:
    stack = [0]
    while stack:
        number = stack.pop()
        yield number
        stack.extend(reversed(nodes[number]["children"]))


def _grid(nodes: Sequence[Node], rows: Sequence[float]) -> _Grid:
    deepest = max(1, *(node["depth"] for node in nodes))
    leaves = max(rows) + 1
    row = min(_ROW, _LONGEST / leaves)
    column = min(max(_COLUMN, row * leaves / deepest / 2), _LONGEST / deepest)
    return _Grid(column, row, max(_SMALLEST, min(_RADIUS, 0.4 * column, 0.4 * row)))


def _beginning(document: Mapping[str, Any], width: float, height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hgm-tree" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-labelledby="hgm-title hgm-desc" '
        f'font-family="ui-sans-serif, system-ui, DejaVu Sans, sans-serif" font-size="11" fill="{_INK}">'
    )
    yield f'<title id="hgm-title">{escape(heading(document))}</title>'
    yield f'<desc id="hgm-desc">{escape(_description(document))}</desc>'
    yield _DARK
    yield f'<rect class="paper" width="{width:g}" height="{height:g}" rx="8" fill="{_PAPER}"/>'
    yield _text(_MARGIN, 28, heading(document), 'font-size="14" font-weight="600"')
    yield _text(_MARGIN, 46, _means(document), f'class="pale" fill="{_PALE}"')


def _description(document: Mapping[str, Any]) -> str:
    best = document["nodes"][document["best"]]
    line = shortened(", ".join(str(number) for number in reversed(lineage(document))))
    return (
        "The tree of agents, from the seed agent at the left to its descendants at the right. "
        f"The run hands over agent {best['id']}, which passed {_score(best['successes'], _evaluations(best))} "
        f"evaluations. The line to it: {line}."
    )


def _means(document: Mapping[str, Any]) -> str:
    backbone = document["backbone"]
    remark = " (a rule-based program, not a language model)" if backbone.startswith("builtin/") else ""
    return f"backbone {shortened(backbone, 40)}{remark}, policy {shortened(document['policy'], 20)}"


def _legend() -> Iterator[str]:
    stops = "".join(f'<stop offset="{at / 9:.3f}" stop-color="{stop}"/>' for at, stop in enumerate(_VIRIDIS))
    yield f'<linearGradient id="hgm-score">{stops}</linearGradient>'
    yield f'<g class="pale" fill="{_PALE}" transform="translate({_MARGIN} 70)">'
    yield _text(0, 4, "0 %")
    yield '<rect x="24" y="-5" width="90" height="10" rx="2" fill="url(#hgm-score)"/>'
    yield _text(120, 4, "100 % passed")
    yield f'<g class="nodes" stroke="{_INK}"><circle class="paper" cx="214" r="6" {_HOLLOW}/></g>'
    yield _text(226, 4, "not measured")
    yield f'<path d="M 318 0 h 28" stroke="{ACCENT}" stroke-width="4"/>'
    yield f'<circle class="paper" cx="354" r="8" fill="{_PAPER}" stroke="{ACCENT}" stroke-width="3"/>'
    yield _text(368, 4, "agent handed over and its ancestors")
    yield _text(588, 4, "larger: more evaluations")
    yield "</g>"


def _edges(document: Mapping[str, Any], places: Sequence[_Place], grid: _Grid) -> Iterator[str]:
    line = lineage(document)
    on_line = set(line)
    others = (node["id"] for node in document["nodes"][1:] if node["id"] not in on_line)
    yield f'<g class="edges" fill="none" stroke="{_LINE}" stroke-width="{max(0.4, grid.pixels(1.4)):.2g}">'
    yield from (_curve(document, places, number) for number in others)
    yield f'</g>\n<g class="line" fill="none" stroke="{ACCENT}" stroke-width="4">'
    yield from (_curve(document, places, number) for number in reversed(line[:-1]))
    yield "</g>"


def _curve(document: Mapping[str, Any], places: Sequence[_Place], number: int) -> str:
    start, end = places[document["nodes"][number]["parent"]], places[number]
    middle = (start.x + end.x) / 2
    return f'<path d="M{start.x:g} {start.y:g}C{middle:g} {start.y:g} {middle:g} {end.y:g} {end.x:g} {end.y:g}"/>'


def _circles(document: Mapping[str, Any], places: Sequence[_Place], grid: _Grid) -> Iterator[str]:
    nodes = document["nodes"]
    most = max(1, *map(_evaluations, nodes))
    yield f'<g class="nodes" stroke="{_INK}" stroke-width="{grid.pixels(1.1):.2g}">'
    for node, place in zip(nodes, places, strict=True):
        passed = share(node)
        fill = f'class="paper" {_HOLLOW}' if passed is None else f'fill="{colour(passed)}"'
        radius = grid.radius * (0.45 + 0.55 * (_evaluations(node) / most) ** 0.5)
        tip = escape(_tooltip(node))
        yield f'<circle cx="{place.x:g}" cy="{place.y:g}" r="{radius:.3g}" {fill}><title>{tip}</title></circle>'
    yield "</g>"
    best = places[document["best"]]
    yield (
        f'<circle class="ring" cx="{best.x:g}" cy="{best.y:g}" r="{grid.radius + 3.5:.3g}" fill="none" '
        f'stroke="{ACCENT}" stroke-width="3" pointer-events="none"/>'
    )


def _labels(document: Mapping[str, Any], places: Sequence[_Place], grid: _Grid) -> Iterator[str]:
    """Below the circles, on a halo of paper where a line passes behind."""
    best = document["best"]
    yield (
        f'<g class="halo" text-anchor="middle" stroke="{_PAPER}" stroke-width="3" stroke-linejoin="round" '
        'paint-order="stroke">'
    )
    for node, place in zip(document["nodes"], places, strict=True):
        if grid.has_labels or node["id"] == best:
            weight = 'font-weight="700"' if node["id"] == best else ""
            yield _text(place.x, place.y + grid.radius + 15, label(node), weight)
    yield "</g>"


def _tooltip(node: Node) -> str:
    clade = _score(node["clade_successes"], node["clade_successes"] + node["clade_failures"])
    brief = f"\n{shortened(node['brief'])}" if node["brief"] else ""
    return f"{label(node)}\nwith its descendants: {clade}{brief}"


def _text(x: float, y: float, text: str, look: str = "") -> str:
    """Spaces stay as they are, two in a row included."""
    return f'<text x="{x:g}" y="{y:g}" xml:space="preserve"{look and " " + look}>{escape(text)}</text>'


def _evaluations(node: Node) -> int:
    return int(node["successes"] + node["failures"])


def _score(successes: int, evaluations: int) -> str:
    return f"{100 * successes / evaluations:.0f} % of {evaluations}" if evaluations else "not measured"


def _plural(number: int, name: str) -> str:
    return f"{number:,} {name}" + ("" if number == 1 else "s")
