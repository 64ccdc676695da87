"""Draw a run's tree as SVG, from its JSON export alone. Standard library only.

hgm tree export RUN --format json -o tree.json && python scripts/draw_tree.py tree.json docs/tree.svg
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

COLUMN, ROW, MARGIN, TOP = 120, 48, 28, 52
FONT = 'font-family="ui-sans-serif, system-ui, DejaVu Sans, sans-serif"'
INK, PALE, RING = "#24292f", "#8c959f", "#9a6700"
LOW, HIGH = (207, 217, 230), (26, 127, 55)
LEGEND = (
    "Circle: tasks that the agent itself passed, of those it was evaluated on. Ring: the agent handed over.",
    "Line: the same over the agent and all its descendants (CMP); thicker for more evaluations. Green: more passed.",
)

Node = Mapping[str, Any]


class Place(NamedTuple):
    """Where a node is drawn."""

    x: float
    y: float


def draw(document: Mapping[str, Any]) -> str:
    """The SVG of an exported tree (schema hgm.tree, version 1); the same document always gives the same text."""
    if (document.get("schema"), document.get("version")) != ("hgm.tree", 1):
        raise SystemExit("not an export of a tree: expected schema hgm.tree, version 1")
    nodes = document["nodes"]
    places = _places(nodes)
    width = max(700, max(place.x for place in places) + COLUMN / 2 + MARGIN)
    height = max(place.y for place in places) + ROW + 2 * MARGIN
    best_line = set(_line(nodes, document["best"]))
    parts = [*_heading(document), *_edges(nodes, places, best_line), *_circles(nodes, places, document["best"])]
    parts += [_text(MARGIN, height - 30 + 15 * row, line, size=11, fill=PALE) for row, line in enumerate(LEGEND)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">',
            f"<title>{escape(_summary(document))}</title>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _places(nodes: list[Node]) -> list[Place]:
    """Left to right by depth; every leaf has a row of its own, a parent lies in the middle of its children."""
    rows: dict[int, float] = {}
    leaves = 0
    for number in _children_first(nodes):
        children = nodes[number]["children"]
        if children:
            rows[number] = (rows[children[0]] + rows[children[-1]]) / 2
        else:
            rows[number] = leaves
            leaves += 1
    return [Place(MARGIN + 24 + COLUMN * node["depth"], TOP + ROW * (0.5 + rows[node["id"]])) for node in nodes]


def _children_first(nodes: list[Node]) -> Iterator[int]:
    stack = [(0, False)]
    while stack:
        number, done = stack.pop()
        if done:
            yield number
        else:
            stack.append((number, True))
            stack.extend((child, False) for child in reversed(nodes[number]["children"]))


def _line(nodes: list[Node], number: int | None) -> Iterator[int]:
    """A node and its ancestors."""
    while number is not None:
        yield number
        number = nodes[number]["parent"]


def _heading(document: Mapping[str, Any]) -> Iterator[str]:
    yield _text(MARGIN, 26, _summary(document), size=14, weight=600)
    backbone = document["backbone"]
    remark = " (a rule-based program, not a language model)" if backbone.startswith("builtin/") else ""
    yield _text(MARGIN, 44, f"backbone {backbone}{remark}, policy {document['policy']}", size=11, fill=PALE)


def _summary(document: Mapping[str, Any]) -> str:
    agents, evaluations = len(document["nodes"]), document["evaluations"]
    return f"Run {document['run']}: {agents} agents, {evaluations} evaluations on {document['benchmark']}"


def _edges(nodes: list[Node], places: list[Place], best_line: set[int]) -> Iterator[str]:
    most = max(1, *(_clade(node) for node in nodes))
    for node in nodes[1:]:
        start, end = places[node["parent"]], places[node["id"]]
        middle = (start.x + end.x) / 2
        width = 1.5 + 6 * (_clade(node) / most) ** 0.5
        colour = _colour(node["cmp"]) if node["cmp"] is not None else "#eaeef2"
        dash = "" if node["id"] in best_line else ' stroke-opacity="0.75"'
        yield (
            f'<path d="M {start.x:g} {start.y:g} C {middle:g} {start.y:g} {middle:g} {end.y:g} {end.x:g} {end.y:g}" '
            f'fill="none" stroke="{colour}" stroke-width="{width:.1f}"{dash}/>'
        )


def _circles(nodes: list[Node], places: list[Place], best: int) -> Iterator[str]:
    for node, place in zip(nodes, places, strict=True):
        evaluated = node["successes"] + node["failures"]
        fill = _colour(node["successes"] / evaluated) if evaluated else "#ffffff"
        stroke, width = (RING, 3.5) if node["id"] == best else (INK, 1.2)
        yield (
            f'<circle cx="{place.x:g}" cy="{place.y:g}" r="11" fill="{fill}" stroke="{stroke}" stroke-width="{width}"/>'
        )
        score = f"{node['successes']}/{evaluated}" if evaluated else "not measured"
        name = "seed" if node["id"] == 0 else f"#{node['id']}"
        bold = 600 if node["id"] == best else 400
        yield _text(place.x, place.y + 25, f"{name}  {score}", size=11, weight=bold, anchor="middle")


def _clade(node: Node) -> int:
    return int(node["clade_successes"] + node["clade_failures"])


def _colour(share: float) -> str:
    mixed = (round(low + (high - low) * share) for low, high in zip(LOW, HIGH, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _text(
    x: float, y: float, text: str, *, size: int, fill: str = INK, weight: int = 400, anchor: str = "start"
) -> str:
    look = f'{FONT} font-size="{size}" font-weight="{weight}" fill="{fill}" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {look}>{escape(text)}</text>'


def main() -> None:
    """Read the export, write the picture."""
    parser = argparse.ArgumentParser(description="Draw an exported tree as SVG.")
    parser.add_argument("export", type=Path, help="file made by `hgm tree export RUN --format json -o FILE`")
    parser.add_argument("svg", type=Path, help="file to write")
    arguments = parser.parse_args()
    arguments.svg.write_text(draw(json.loads(arguments.export.read_text())))


if __name__ == "__main__":
    main()
