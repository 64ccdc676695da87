"""`hgm tree saturate` from the command line: real sandboxes, gateway, seed agent and the offline backbone."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from evaluators.base import Split
from evaluators.registry import open_benchmark
from hgm.run import read
from hgm.scratch import run_id
from sandboxes.leftovers import leftovers
from tests.cli.command import Command
from trees.simulation import load_table

SIZE = ("--children", "2", "--depth", "2", "--agents", "4", "--repeats", "2")


def contents(path: Path) -> dict[str, str]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.needs("bubblewrap")
@pytest.mark.usefixtures("own_folder")
def test_a_table_of_real_agents_is_made_and_policies_are_compared_on_it(hgm: Command, tmp_path: Path) -> None:
    tasks = open_benchmark("builtin", None).tasks(Split.SEARCH)[:2]
    settings = (
        "confirmation.select_tasks=0",
        "policy.options.initial_expansions=0",
        "policy.options.root_evaluations=1",
    )
    options = [word for setting in settings for word in ("-o", setting)]
    words = ("--sandbox", "bubblewrap", "--workers", "2", "--sealed-tasks", "0", "--ids", ",".join(tasks), *options)
    assert hgm("search", "--budget", "2", "--run", "first", *words).code == 0
    before = contents(tmp_path / "runs" / "first")

    said = hgm("tree", "saturate", "first", *SIZE, "-o", "table.json")
    assert said.code == 0, said.err
    assert "at most 4 agents x 2 tasks x 2 repeats = 16 evaluations" in said.out
    assert "[repeating " in said.out
    table = load_table(tmp_path / "table.json")
    assert (table.name, len(table.agents), table.tasks, table.repeats) == ("table", 4, 2, 2)
    assert all((agent.results >= 0).all() for agent in table.agents)
    assert all((agent.seconds > 0).all() for agent in table.agents)
    assert table.made["solver backbone"] == "builtin/rules"
    assert table.made["sandbox"] == "bubblewrap"
    told = json.loads((tmp_path / "table.json").read_text())
    assert told["tasks"] == list(read(tmp_path / "runs" / "first").search_tasks)
    assert contents(tmp_path / "runs" / "first") == before, "the run that it begins as is not touched"
    assert leftovers(run_id(tmp_path / "runs" / "first-table")) == []

    odd = f"{'long ' * 30}\n.json"
    again = hgm("tree", "saturate", "first", *SIZE, "-o", odd, "--quiet")
    assert again.code == 0, again.err
    assert len(load_table(tmp_path / odd).name) == 100
    assert json.loads((tmp_path / odd).read_text())["agents"] == told["agents"], "nothing is run twice"

    compared = hgm("compare", "policies", "--policy", "random", "--seeds", "3", "-j", "1", "--table", "table.json")
    assert compared.code == 0
    assert "All agents here are real" in compared.out


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("nothing",), "no such run"),
        (("done", "--children", "0"), "--children 0"),
        (("done", "--agents", "1"), "--agents 1"),
        (("done", "--run", "done"), "is no run of a table"),
        (("done", "--run", "a name"), "cannot name a run"),
        (("done", "--budget", "much"), "--budget much"),
        (("done", "--workers", "0"), "--workers 0"),
    ],
)
def test_what_cannot_be_is_a_users_error(hgm: Command, finished: Path, words: tuple[str, ...], remedy: str) -> None:
    said = hgm("tree", "saturate", *words, "-o", "table.json")
    assert said.code == 2
    assert remedy in said.err
    assert [file.name for file in finished.parent.iterdir()] == ["done"]
    assert not Path("table.json").exists()


def test_where_the_table_cannot_be_written_nothing_is_begun(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "saturate", "done", "-o", "missing/table.json")
    assert said.code == 2
    assert "-o missing/table.json: cannot be written" in said.err
    assert [file.name for file in finished.parent.iterdir()] == ["done"]
