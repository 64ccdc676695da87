"""A run's tree as one table, a row per agent: `hgm tree export --format csv`."""

from collections.abc import Mapping
from csv import DictWriter
from io import StringIO
from typing import Any

from trees.escape import visible

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet would compute; the last four are the wide forms of the others."""


def table(document: Mapping[str, Any]) -> str:
    """CSV with a header; every node is one line, and what is unknown is an empty cell.

    Text is whole. Line breaks and other controls are escaped, so that no program takes a part of a text for a row of
    its own; text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    rows = [facts(node, best=document["best"]) for node in document["nodes"]]
    lines = StringIO()
    writer = DictWriter(lines, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return lines.getvalue()


def facts(node: Mapping[str, Any], *, best: int) -> dict[str, Any]:
    """What is said of a node, by column; text is as it came, and None is unknown."""
    low, high = node["interval"]
    cost = node["cost"]
    return {
        "id": node["id"],
        "parent": node["parent"],
        "depth": node["depth"],
        "status": node["status"],
        "successes": node["successes"],
        "failures": node["failures"],
        "unmeasured": node["unmeasured"],
        "clade_successes": node["clade_successes"],
        "clade_failures": node["clade_failures"],
        "cmp": _real(node["cmp"]),
        "interval_low": _real(low),
        "interval_high": _real(high),
        "best_belief": _real(node["best_belief"]),
        "usd": _real(cost["usd"]),
        "tokens": cost["tokens"],
        "seconds": _real(cost["seconds"]),
        "children": len(node["children"]),
        "rejected": len(node["rejected"]),
        "mode": node["mode"],
        "commit": node["commit"],
        "brief": node["brief"],
        "is_best": node["id"] == best,
    }


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _real(value: float | None) -> float | None:
    """JSON writes 0.0 as 0 in some languages: a column is all of one type."""
    return None if value is None else float(value)
