"""A run's tree for programs that work on graphs: `hgm tree export --format graphml`, and `dot` for graphviz."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trees.escape import shortened, visible
from trees.export.svg import ACCENT, colour, heading, label, lineage, share
from trees.export.table import facts

_ENTITY = re.compile(r"&(?=#?\w+;)")
"""graphviz reads `&lt;` as `<` in quoted text too, some versions twice: the & of such a word becomes a wide one."""
_DARK = 0.45
"""Fills of lower scores take white text."""


def graphml(document: Mapping[str, Any]) -> str:
    """GraphML: a node per agent, named by its number, with the facts of the table; edges lead from parent to child.

    What is unknown is left out. Text is whole; its line breaks and tabs stay, its other controls are escaped.
    """
    from networkx import DiGraph, generate_graphml  # costs 0.2 s

    graph = DiGraph(run=_text(document["run"]), benchmark=_text(document["benchmark"]), best=document["best"])
    for node in document["nodes"]:
        graph.add_node(node["id"], label=label(node), **_attributes(node, document["best"]))
        if node["parent"] is not None:
            graph.add_edge(node["parent"], node["id"])
    return "\n".join(generate_graphml(graph, named_key_ids=True)) + "\n"


def dot(document: Mapping[str, Any]) -> str:
    """DOT: a box per agent with its score, filled as in the SVG; its brief is the tooltip.

    The agent handed over has two borders, and the way to it from the seed agent is drawn thick.
    """
    lines = [*_defaults(document), *_boxes(document), *_arrows(document)]
    return "digraph hgm {\n" + "".join(f"  {line};\n" for line in lines) + "}\n"


def _attributes(node: Mapping[str, Any], best: int) -> dict[str, Any]:
    known = {name: value for name, value in facts(node, best=best).items() if value is not None}
    inside = {name: value for name, value in known.items() if name not in ("id", "parent")}
    return {name: _text(value) if isinstance(value, str) else value for name, value in inside.items()}


def _text(text: str) -> str:
    return visible(text, keep="\n\t")


def _defaults(document: Mapping[str, Any]) -> Iterator[str]:
    yield f'graph [rankdir="LR", labelloc="t", fontname="sans-serif", label={_quoted(heading(document))}]'
    yield 'node [shape="box", style="rounded,filled", fontname="sans-serif", fontsize="11"]'
    yield 'edge [arrowhead="none", color="#8c959f"]'


def _boxes(document: Mapping[str, Any]) -> Iterator[str]:
    for node in document["nodes"]:
        look = [f"label={_quoted(label(node))}", f"tooltip={_tip(node['brief'] or label(node))}", *_fill(node)]
        if node["id"] == document["best"]:
            look += ['peripheries="2"', 'penwidth="3"', f'color="{ACCENT}"']
        yield f"{node['id']} [{', '.join(look)}]"


def _fill(node: Mapping[str, Any]) -> list[str]:
    passed = share(node)
    if passed is None:
        return ['fillcolor="#ffffff"', 'style="rounded,filled,dashed"']
    return [f'fillcolor="{colour(passed)}"', f'fontcolor="{"#ffffff" if passed < _DARK else "#000000"}"']


def _arrows(document: Mapping[str, Any]) -> Iterator[str]:
    line = set(lineage(document))
    for node in document["nodes"][1:]:
        look = f' [penwidth="4", color="{ACCENT}"]' if node["id"] in line else ""
        yield f"{node['parent']} -> {node['id']}{look}"


def _tip(text: str) -> str:
    """A tooltip, cut where it is long: graphviz undoes escapes in it twice, and in a label once."""
    return _quoted(shortened(text).replace("\\", "\\\\"))


def _quoted(text: str) -> str:
    """A quoted string that graphviz shows as that text of one line: no markup, no entities, no names of nodes."""
    inert = _ENTITY.sub("\uff06", text)
    return '"' + inert.replace("\\", "\\\\").replace('"', '\\"') + '"'
