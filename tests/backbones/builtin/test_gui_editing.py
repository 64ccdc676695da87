"""The grammar of self-modification on the GUI agent's own files, through the tools of a coding agent."""

import ast
from collections import Counter
from random import Random

import pytest

import hgm.backbones.builtin.gui_habits as gui_habits
from hgm.backbones.builtin import habits, selfedit
from tests.backbones.builtin.talk import SEED, ask, improving, known

GUI = SEED.parent / "gui_seed"


@pytest.fixture(scope="module")
def proposed():
    """What is proposed where the agent's files are in sight, as far as the coding agent shows them."""
    replies = [ask(*improving(GUI), seed=seed) for seed in range(90)]
    return [reply.arguments for reply in replies if reply.tool == "edit"]


def test_proposals_apply_and_leave_the_code_python(proposed):
    assert len(proposed) >= 34
    seen = known(*improving(GUI)).files
    for edit in proposed:
        text = (GUI / edit["path"]).read_text()
        assert seen[edit["path"]].count(edit["old"]) == 1
        assert edit["old"] in text
        if edit["path"].endswith(".py"):
            ast.parse(text.replace(edit["old"], edit["new"], 1))


def test_proposals_are_spread_over_code_and_prompts(proposed):
    files = Counter(edit["path"] for edit in proposed)
    assert {"loop.py", "page.py", "prompts/rules.md"} <= set(files)
    assert max(files.values()) < len(proposed) * 0.7


def test_lines_for_a_prompt_about_pages_are_about_pages():
    texts = {"gui": (GUI / "prompts/rules.md").read_text(), "coding": (SEED / "prompts/rules.md").read_text()}
    changes = {name: selfedit.line_changes(text, Random(1))["line.insert"] for name, text in texts.items()}
    written = {name: [item.text for item in found] for name, found in changes.items()}
    pages = [line for line in written["gui"] if gui_habits.read_rules(line)[0]]
    assert len(pages) >= len(written["gui"]) * 0.8
    assert any("page" in line for line in written["gui"])
    assert not any("page" in line for line in written["coding"])


def test_what_it_writes_it_mostly_understands_as_it_was_meant():
    lines = [gui_habits.write_line(Random(seed)) for seed in range(300)]
    understood = [rules[0] for line in lines if (rules := gui_habits.read_rules(line)[0])]
    assert len(understood) >= 250
    assert {rule.act for rule in understood} == set(gui_habits.Act)
    assert {rule.when for rule in understood} >= set(gui_habits.When) - {gui_habits.When.START}
    assert any(not rule.wanted for rule in understood)


@pytest.mark.parametrize("text", ["", "\0" * 50_000, "do not " * 8_000, "- \n" * 9_000, "when nothing " * 5_000])
def test_hostile_instructions_take_no_time(text):
    rules, lines = gui_habits.read_rules(text)
    assert len(rules) <= lines <= habits.MAX_LINES
