"""The table of a tree, read back by the csv module."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trees.export.table import table

COLUMNS = [
    *("id", "parent", "depth", "status", "successes", "failures", "unmeasured", "clade_successes", "clade_failures"),
    *("cmp", "interval_low", "interval_high", "best_belief", "usd", "tokens", "seconds", "children"),
    *("rejected", "mode", "commit", "brief", "is_best"),
]
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def node(number: int, parent: int | None, depth: int, children: list[int], passed: int, failed: int) -> dict:
    """As the document has it; its clade is itself."""
    measured = passed + failed
    return {
        "id": number,
        "parent": parent,
        "status": "evaluated" if measured else "unevaluated",
        "successes": passed,
        "failures": failed,
        "unmeasured": 1,
        "clade_successes": passed,
        "clade_failures": failed,
        "cmp": passed / measured if measured else None,
        "interval": [0, 0.75],
        "best_belief": 0.125,
        "depth": depth,
        "children": children,
        "rejected": [{"job": "x00009", "reason": "empty", "commit": None}],
        "cost": {"usd": None if number else 0.5, "tokens": 1200, "seconds": 3},
        "mode": "single" if number else None,
        "commit": f"{number:040x}",
        "brief": "Try twice." if number else "",
    }


def document(**texts: str) -> dict:
    """0 -> 1 -> 3, 0 -> 2; 1 is handed over, 2 was never measured. `texts` go to node 1."""
    nodes = [
        node(0, None, 0, [1, 2], 1, 2),
        node(1, 0, 1, [3], 11, 9),
        node(2, 0, 1, [], 0, 0),
        node(3, 1, 2, [], 0, 1),
    ]
    nodes[1] |= texts
    return {"run": "demo", "benchmark": "builtin", "best": 1, "nodes": nodes}


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_row_says_what_its_node_says():
    rows = read(table(document()))
    assert list(rows[0]) == COLUMNS
    assert list(rows[1].values()) == [
        *("1", "0", "1", "evaluated", "11", "9", "1", "11", "9", "0.55", "0.0", "0.75", "0.125"),
        *("", "1200", "3.0", "1", "1", "single", f"{1:040x}", "Try twice.", "True"),
    ]
    assert [row["is_best"] for row in rows] == ["False", "True", "False", "False"]


def test_what_is_unknown_is_empty():
    rows = read(table(document()))
    assert (rows[0]["parent"], rows[0]["mode"], rows[0]["brief"], rows[0]["usd"]) == ("", "", "", "0.5")
    assert (rows[2]["cmp"], rows[2]["usd"]) == ("", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1dcmd|' /C calc'!A0"])
def test_formulas_become_text(text):
    row = read(table(document(brief=text, mode=text)))[1]
    assert (row["brief"], row["mode"]) == (f"'{text}", f"'{text}")


def test_numbers_stay_numbers():
    nodes = document()["nodes"]
    nodes[1]["cmp"] = -0.5
    assert read(table(document() | {"nodes": nodes}))[1]["cmp"] == "-0.5"


def test_controls_are_shown_and_long_text_is_whole():
    hostile = '\x00\x1b[2J\x9b\r\n\t"a",;b\\ \udcff\u202e\ufffe\u2028'
    row = read(table(document(brief=hostile, mode="x" * 5000)))[1]
    assert row["brief"] == '\\x00\\x1b[2J\\x9b\\r\\n\\t"a",;b\\ \\udcff\\u202e\\ufffe\\u2028'
    assert row["mode"] == "x" * 5000


@given(st.text(st.characters(), max_size=50), st.sampled_from(["", *FORMULA]))
def test_no_text_acts_or_breaks_a_row(text, start):
    written = table(document(brief=start + text))
    assert written.count("\n") == 5
    assert all(line.isprintable() for line in written.split("\n"))
    brief = read(written)[1]["brief"]
    assert not brief.startswith(tuple(FORMULA))
    if text.isprintable() and not start:
        assert brief == (f"'{text}" if text.startswith(tuple(FORMULA)) else text)


def test_one_node_and_ten_thousand():
    assert len(read(table({"best": 0, "nodes": [node(0, None, 0, [], 0, 0)]}))) == 1
    many = [node(0, None, 0, list(range(1, 10_000)), 1, 1), *(node(n, 0, 1, [], 1, 1) for n in range(1, 10_000))]
    rows = read(table({"best": 9_999, "nodes": many}))
    assert [int(row["id"]) for row in rows] == list(range(10_000))
    assert [row["id"] for row in rows if row["is_best"] == "True"] == ["9999"]
