"""Agents on pages, from the command line: real browsers, real sandboxes, an agent of a few lines."""

import json
from pathlib import Path

import pytest

from hgm.plan import is_finished
from hgm.run import read
from tests.cli.command import Command
from tests.hgm.small_gui import gui_agent
from tests.hgm.small_lab import MANIFEST
from trees.folders import write_folder

pytestmark = pytest.mark.needs("bubblewrap", "chromium")

ON_PAGES = ("--benchmark", "miniwob", "--sandbox", "bubblewrap", "--workers", "2")
CLICKS = """\
import re
from model import ask
seen = observe(screenshot=True)[1]
ask(seen["goal"])
found = re.search(r"- button[^\\n]*?\\[ref=(\\w+)\\]", seen["text"])
if found:
    click(found[1])
"""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """One that clicks the first button."""
    write_folder(gui_agent(CLICKS, manifest=f'{MANIFEST}kinds = ["gui"]\n'), tmp_path / "clicks", read_only=False)
    return tmp_path / "clicks"


def test_pages_are_played_and_told_by_family(hgm: Command, agent: Path, tmp_path: Path) -> None:
    ids = "click-test@0,click-test@1,click-button-sequence@0,enter-text@0"
    said = hgm("evaluate", agent, "--ids", ids, *ON_PAGES, "--tasks", "--json", "told.json")
    assert said.code == 0, said.err
    told = json.loads(Path("told.json").read_text())
    assert told["measured"] == 4
    assert told["groups"]["family"]["button"] == {"passed": 2, "measured": 2}
    assert "by family" in said.out
    assert "(95 %:" in said.out.split("by family")[1].splitlines()[1]
    state = read(tmp_path / "runs" / "eval-miniwob-1")
    assert sum(item.usage.steps for item in state.evaluations) == 4
    assert hgm("runs", "show", "eval-miniwob-1").code == 0


def test_what_cannot_be_played_is_said_before_anything_is_spent(
    hgm: Command, agent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    for words, says in (
        (("evaluate", "seed", *ON_PAGES), "e.g. gui_seed"),
        (("evaluate", agent, "--sandbox", "bubblewrap"), "e.g. seed"),
        (("search", "--agent", agent, "--budget", "50", "--sandbox", "bubblewrap"), "e.g. seed"),
        (("evaluate", "--gold", *ON_PAGES), "name an AGENT"),
        (("evaluate", agent, "--headed", *ON_PAGES), "DISPLAY is not set"),
        (("evaluate", "seed", "--headed", "--sandbox", "bubblewrap"), "no page to show"),
    ):
        said = hgm(*words)
        assert (said.code, says in said.err) == (2, True), said.err
    assert not list((tmp_path / "runs").glob("*"))


def test_a_tree_of_agents_on_pages_grows(hgm: Command, agent: Path, tmp_path: Path) -> None:
    small = ("--sealed-tasks", "1", "-o", "confirmation.select_tasks=1", "-o", "confirmation.candidates=1")
    less = ("-o", "confirmation.sealed_repeats=1", "-o", "policy.options.root_evaluations=2")
    few = ("-o", "policy.options.initial_expansions=2")
    said = hgm("search", "--agent", agent, "--budget", "5", "--run", "pages", *ON_PAGES, *small, *less, *few)
    assert said.code == 0, said.err
    state = read(tmp_path / "runs" / "pages")
    assert is_finished(state)
    assert (state.config.editor, state.created["config"]["editor"]) == ("seed", "seed")
    assert not [item for item in state.evaluations if item.outcome == "unmeasured"]
    assert state.expansions, "somebody edited it"
    shakes = list((tmp_path / "runs" / "pages" / "trajectories").glob("x*-handshake*"))
    born = len(state.nodes) - 1
    assert len(shakes) >= born
    exported = hgm("tree", "export", "pages", "-o", "tree.html")
    assert exported.code == 0, exported.err
    assert "acts" in Path("tree.html").read_text(encoding="utf-8")
