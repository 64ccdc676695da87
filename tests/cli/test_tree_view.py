"""`hgm tree show` in any width, without colour, in ASCII, with hostile text and in deep chains."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len

from hgm.agents_by_name import best_node
from hgm.cli.report import score_text
from hgm.cli.tree_view import ASCII, PICTURED, Agent, View, lines, view_of
from hgm.run import read
from hgm.summary import lineage, score
from tests.cli.test_hostile_text import EVIL, OBEYED

WIDTHS = (30, 40, 80, 120, 200)
TWO_WIDE = "読む" * 100


def agent(number: int, parent: int | None, brief: str = "", **facts: object) -> Agent:
    plain = {"passed": 5, "measured": 10, "clade_passed": 31, "clade_measured": 80}
    return Agent(number=number, parent=parent, brief=brief, **{**plain, **facts})


def drawn(
    agents: Sequence[Agent], width: int, *, best: int = 0, line: Sequence[int] = (0,), **options: str
) -> list[str]:
    """The lines, none of which is too wide."""
    view = View(agents=agents, best=best, line=frozenset(line), width=width, **options)
    found = [line.plain for line in lines(view, len(agents))]
    assert not [line for line in found if cell_len(line) > width]
    return found


FAMILY = [
    agent(0, None, "the seed agent", passed=0, measured=0),
    agent(1, 0, "look twice", passed=12, measured=40),
    agent(2, 1, TWO_WIDE, passed=0, measured=7),
    agent(3, 0, EVIL, more=(EVIL, TWO_WIDE)),
    agent(4, 1, "a", clade_passed=0, clade_measured=0),
]


def test_a_tree_in_full() -> None:
    assert drawn(FAMILY[:3], 72, best=2, line=(0, 1, 2)) == [
        "agent    passed           95 %        clade",
        "● 0           -     -        -  31/80  39 %  the seed agent",
        "└─● 1     12/40  30 %  18-45 %  31/80  39 %  look twice",
        "  └─★ 2     0/7   0 %   0-35 %  31/80  39 %  読む読む読む読む読む読む読…",
        "",
        "★ best agent, ● its line of descent, ○ others; passed: of its own",
        "evaluations, with the 95 % interval of the share; clade: of those of",
        "itself and all descendants (CMP)",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("width", [*range(1, 30), *WIDTHS])
def test_no_line_is_too_wide_and_none_acts(width: int, encoding: str) -> None:
    said = "\n".join(drawn(FAMILY, width, best=4, line=(0, 1, 4), encoding=encoding))
    said.encode(encoding)
    assert not OBEYED & set(said)


@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_stand_below_each_other(width: int) -> None:
    head, *rows = drawn(FAMILY, width)[: len(FAMILY) + 1]
    shown = [title for title in ("passed", "95 %", "clade") if title in head]
    assert len(shown) == {30: 2, 40: 2}.get(width, 3)
    for title in shown:
        end = head.index(title) + len(title)
        assert all(row[end - 1] != " " and row[end : end + 1] in ("", " ") for row in rows)


def test_the_least_important_columns_are_dropped_first() -> None:
    shown = [(width, " ".join(drawn(FAMILY, width))) for width in range(12, 90)]
    marks = ("look", "31/80", "18-45 %", "30 %", "12/40")
    first = [min(width for width, said in shown if mark in said) for mark in marks]
    assert first == sorted(first, reverse=True)
    assert len(set(first)) == len(marks)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_deep_chain_stays_in_sight(width: int) -> None:
    chain = [agent(number, number - 1 if number else None) for number in range(10_000)]
    found = drawn(chain, width, best=9_999, line=range(10_000))
    last = found[10_000]
    assert last.startswith("…9999 ")
    assert "★ 9999 " in f"{last} "
    assert "5/10" in last


def test_a_short_tree_is_not_shortened() -> None:
    assert "…" not in "".join(drawn([agent(0, None), agent(1, 0), agent(2, 1)], 40))


def test_the_best_line_stands_out_without_colour_and_in_ascii() -> None:
    for encoding, signs in (("utf-8", PICTURED), ("ascii", ASCII), ("latin-1", ASCII)):
        rows = drawn(FAMILY, 80, best=4, line=(0, 1, 4), encoding=encoding)[1:6]
        marks = {row.split()[-1]: row for row in (row[:8].rstrip() for row in rows)}
        assert [signs.line in marks["0"], signs.line in marks["1"], signs.best in marks["4"]] == [True] * 3
        assert signs.other in marks["2"]
        assert signs.other in marks["3"]


def test_the_numbers_are_those_of_the_run(finished: Path) -> None:
    state = read(finished)
    view = view_of(state, 500, long=False, width=120, encoding="utf-8")
    assert (view.best, sorted(view.line)) == (best_node(state), sorted(lineage(state, best_node(state))))
    rows = {
        found[1]: row for row in (line.plain for line in lines(view, 99)) if (found := re.search(r"[●○★] (\d+) ", row))
    }
    assert len(rows) == len(state.nodes)
    for node in state.nodes:
        found = score(state, node.id, "search")
        if found.measured:
            low, high = (f"{100 * end:.0f}" for end in found.interval)
            assert f" {found.passed}/{found.measured} " in rows[str(node.id)]
            assert f"{low}-{high} %" in rows[str(node.id)], score_text(found)


@pytest.mark.parametrize("columns", [30, 200])
def test_a_terminal_gets_its_own_width(finished: Path, columns: int) -> None:
    said = in_terminal(finished.parent.parent, COLUMNS=str(columns))
    assert "★" in said
    rows = re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()
    assert max(map(cell_len, rows)) <= columns
    assert ("CMP" in said) == (columns == 200)


def test_a_terminal_without_colour_or_unicode(finished: Path) -> None:
    said = in_terminal(finished.parent.parent, COLUMNS="80", NO_COLOR="1", PYTHONIOENCODING="ascii")
    assert said.isascii()
    assert "* " in said
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", said), "no colour"
    assert "\\u" not in said


def in_terminal(at: Path, **environment: str) -> str:
    """`hgm tree show done` where standard output is a terminal."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "hgm", "tree", "show", "done"]
    env = {**os.environ, "TERM": "xterm", **environment}
    process = subprocess.Popen(words, cwd=at, stdout=theirs, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65_536):
            said += part
    except OSError:
        pass  # how a terminal ends
    finally:
        os.close(ours)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    return said.decode()
