"""`hgm compare policies`, in this process and with small worlds."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.command import Command

SMALL = ("compare", "policies", "--policy", "greedy", "--seeds", "2", "--budget", "40", "-j", "1")
TABLE = {
    "schema": "hgm-agent-table",
    "version": 1,
    "name": "two [red]",
    "licence": "Apache-2.0",
    "made": {"date": "2026-01-31"},
    "tasks": ["t-0", "t-1", "t-2", "t-3"],
    "repeats": 1,
    "expansion_cost": 2,
    "agents": [
        {"parent": None, "expansions": [{"child": 1}, {"child": None}], "results": ["pfff"]},
        {"parent": 0, "expansions": [], "results": ["pppf"]},
    ],
}
TINY = """\
name = "tiny [red]"
tasks = 6
"""


def test_tables_are_plain_where_they_are_piped(hgm: Command) -> None:
    said = hgm(*SMALL, "--family", "rare", "--family", "opposed")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "All agents here are simulated: their true scores are known, and nothing is run."
    assert "40 cost for all; seeds 0 to 1" in lines
    assert ["rare", "opposed"] in [line.split() for line in lines]
    assert {"hgm", "greedy", "O1", "O2"} <= {line.split(" ")[0] for line in lines}
    assert "± half of the 95 % interval" in said.out
    assert "\x1b" not in said.out
    assert all(len(line) <= 120 for line in lines)
    assert said.err.splitlines() == [f"[{done}/4] worlds played" for done in (1, 2, 3, 4)]


def test_every_column_is_there_at_any_width(hgm: Command) -> None:
    said = hgm(*SMALL)
    heads = [word for line in said.out.splitlines() for word in line.split()]
    for name in ("aligned", "independent", "opposed", "rugged", "fragile", "chains", "rare", "costly"):
        assert heads.count(name) == 2
    assert "Gain over hgm per landscape" in said.out


def test_all_policies_are_compared_unless_some_are_named(hgm: Command) -> None:
    said = hgm("compare", "policies", "--seeds", "2", "--budget", "20", "-j", "1", "--family", "rare")
    names = {line.split(" ")[0] for line in said.out.splitlines()}
    assert {"hgm", "dgm", "sica", "greedy", "random", "flat_children", "hgm_released"} <= names


def test_shares_of_a_way_come_with_an_interval_and_only_where_there_is_a_way(hgm: Command) -> None:
    Path("still.toml").write_text(
        "neutral = 1.0\nstep_noise = 0.0\ndrift = 0.0\ndrift_spread = 0.0\nruggedness = 0.0\n"
    )
    for place, expected in ((("--landscape", "still.toml"), 0), (("--family", "independent"), 2)):
        said = hgm("compare", "policies", "--policy", "random", "--seeds", "20", "--budget", "200", "-j", "1", *place)
        overall = said.out.partition("Gain over hgm in the same worlds")[2]
        row = next(line for line in overall.splitlines() if line.startswith("random"))
        assert len(re.findall(r"-?\d+ % \[-?\d+, -?\d+\]", row)) == expected, row
        assert row.count("%") == expected


def test_long_names_are_told_apart(hgm: Command) -> None:
    labels = [f"hgm:root_evaluations=0,initial_expansions=5,alpha=0.{digit}" for digit in (4, 5)]
    named = [word for label in labels for word in ("--policy", label)]
    said = hgm("compare", "policies", *named, "--seeds", "2", "--budget", "20", "-j", "1", "--family", "rare")
    heads = [line.partition("  ")[0] for line in said.out.splitlines() if line.startswith("hgm:")]
    assert {*heads} == {f"hgm:root_evaluations…ansions=5,alpha=0.{digit}" for digit in (4, 5)}


def test_whoever_says_not_what_guides_it_has_no_correlation(hgm: Command) -> None:
    named = ("--policy", "dgm", "--policy", "lineage")
    said = hgm("compare", "policies", *named, "--seeds", "2", "--budget", "300", "-j", "1", "--family", "rare")
    overall = said.out.partition("r(CMP)")[2]
    last = {line.split()[0]: line.split()[-1] for line in overall.splitlines() if "±" in line}
    assert last["dgm"] == "-"
    assert abs(float(last["hgm"])) <= 1
    assert abs(float(last["lineage"])) <= 1


def test_a_landscape_of_ones_own_is_compared_on_alone(hgm: Command) -> None:
    Path("tiny.toml").write_text(TINY)
    said = hgm(*SMALL, "--landscape", "tiny.toml", "-o", "out.json")
    assert said.code == 0
    assert "tiny [red]" in said.out
    assert "aligned" not in said.out
    (landscape,) = json.loads(Path("out.json").read_text())["arguments"]["landscapes"]
    assert (landscape["name"], landscape["tasks"]) == ("tiny [red]", 6)


def test_a_landscape_stands_beside_families_that_are_named(hgm: Command) -> None:
    Path("tiny.toml").write_text(TINY)
    hgm(*SMALL, "--landscape", "tiny.toml", "--family", "rare", "-o", "out.json")
    landscapes = json.loads(Path("out.json").read_text())["arguments"]["landscapes"]
    assert [landscape["name"] for landscape in landscapes] == ["rare", "tiny [red]"]


def test_a_table_is_searched_alone_with_budgets_of_its_size(hgm: Command) -> None:
    Path("table.json").write_text(json.dumps(TABLE))
    said = hgm("compare", "policies", "--policy", "random", "--seeds", "2", "-j", "1", "--table", "table.json")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "All agents here are real, and all they do is recorded: nothing is run."
    assert [line for line in lines if "cost for all" in line] == [
        f"{budget} cost for all; seeds 0 to 1"
        for budget in (1, 3, 6)  # 2 agents x 4 tasks + 2 x 2 = 12
    ]
    assert "two [red]" in said.out
    assert "aligned" not in said.out


def test_a_table_stands_beside_families_and_says_so_in_the_record(hgm: Command) -> None:
    Path("table.json").write_text(json.dumps(TABLE))
    files = ("-o", "out.json", "--plot", "out.svg")
    said = hgm(*SMALL, "--family", "rare", "--table", "table.json", *files)
    assert said.out.startswith("Agents of tables are real, and all they do is recorded; the others are simulated.")
    told = json.loads(Path("out.json").read_text())
    assert [source["name"] for source in told["arguments"]["landscapes"]] == ["rare", "two [red]"]
    assert told["simulated"] is False
    assert told["arguments"]["budgets"] == [40]
    assert "Simulated and recorded agents." in Path("out.svg").read_text()


def test_the_same_table_twice_needs_two_names(hgm: Command) -> None:
    Path("table.json").write_text(json.dumps(TABLE))
    said = hgm(*SMALL, "--table", "table.json", "--table", "table.json")
    assert said.code == 2
    assert "two landscapes are called 'two [red]'" in said.err


def test_files_are_the_same_with_any_number_of_processes(hgm: Command) -> None:
    more = ("--family", "rare", "--equal", "evaluations", "--workers", "3")
    assert hgm(*SMALL, *more, "-o", "one.json", "--plot", "one.svg").code == 0
    said = hgm(*SMALL, *more, "-j", "2", "-o", "two.json", "--plot", ".")
    assert "written to two.json" in said.out
    assert "40 evaluations for all, no tree larger than hgm's, 3 workers" in said.out
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()
    assert Path("one.svg").read_bytes() == Path("scores.svg").read_bytes()
    assert "minus that of hgm" in Path("differences.svg").read_text()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--policy", "luck"), "choose one of: hgm, greedy"),
        (("--policy", "greedy:beta=1"), "it has: root_evaluations"),
        (("--policy", "greedy:alpha=2"), "at most 1"),
        (("--policy", "greedy:alpha"), "NAME:option=value"),
        (("--family", "steep"), "choose from: aligned"),
        (("--table", "none.json"), "none.json: cannot be read"),
        (("--landscape", "none.toml"), "none.toml"),
        (("--landscape", "bad.toml"), "slope"),
        (("--landscape", "twice.toml", "--family", "rare"), "another name"),
        (("--seeds", "1"), "from 2"),
        (("--first-seed", "-1"), "from 0"),
        (("--budget", "0"), "from 1"),
        (("--workers", "0"), "from 1"),
        (("-j", "0"), "at least 1"),
        (("--equal", "luck"), "cost or evaluations"),
        (("-o", "nowhere/out.json"), "a folder that exists"),
        (("--plot", "out.png"), ".svg"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_mistakes_are_explained_before_anything_is_played(hgm: Command, words: tuple[str, ...], remedy: str) -> None:
    Path("bad.toml").write_text("slope = 1\n")
    Path("twice.toml").write_text('name = "rare"\n')
    said = hgm("compare", "policies", *words)
    assert said.code == 2
    assert remedy in said.err
    assert not said.out


def test_help(hgm: Command) -> None:
    assert "compare" in hgm("--help").out
    said = hgm("compare", "policies", "--help")
    assert said.code == 0
    assert "O1 is the best agent in hgm's own tree" in said.out
