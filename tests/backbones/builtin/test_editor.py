"""Self-modification as an agent sees it: what is proposed for real files, how often, and what guides it."""

import ast
from collections import Counter
from pathlib import PurePath

import pytest

from hgm.backbones.builtin import model
from tests.backbones.builtin.talk import FOREIGN, SEED, TOOLS, ask, did, improving, known, parsed, system, user

OWN = system("The current folder is your own source code.")


def proposals(seeds, *messages):
    """Seed -> the edit that is proposed, where one is."""
    replies = {seed: ask(*messages, seed=seed) for seed in seeds}
    return {seed: reply.arguments for seed, reply in replies.items() if reply.tool == "edit"}


@pytest.fixture(scope="module")
def own():
    """What is proposed where the seed agent's own files are in sight, as far as it shows them."""
    found = list(proposals(range(140), *improving()).values())
    assert len(found) >= 50
    return found


def test_every_proposal_applies_to_what_was_seen_and_nearly_all_to_the_file(own):
    seen = known(*improving()).files
    ambiguous = 0
    for edit in own:
        text = (SEED / edit["path"]).read_text()
        assert seen[edit["path"]].count(edit["old"]) == 1
        assert edit["old"] != edit["new"]
        assert edit["old"] in text
        ambiguous += text.count(edit["old"]) > 1
        if edit["path"].endswith(".py"):
            ast.parse(text.replace(edit["old"], edit["new"], 1))
    assert ambiguous <= len(own) / 20


def test_proposals_are_spread(own):
    files = Counter(edit["path"] for edit in own)
    assert len(files) >= 5
    assert max(files.values()) < len(own) * 0.6
    assert len({(edit["path"], edit["old"], edit["new"]) for edit in own}) > len(own) * 0.9
    kinds = Counter(PurePath(path).suffix for path in files.elements())
    assert min(kinds[".py"], kinds[".md"]) >= len(own) / 12


def test_for_at_least_half_of_the_proposals_the_brief_plays_no_part():
    others = improving()[2:]
    briefs = ("Raise the number of steps.", "The output of a tool is cut. Look at undo and reminders.")
    first, second = (proposals(range(80), OWN, user(f"Improve yourself. {brief}"), *others) for brief in briefs)
    assert len(first) >= 28
    same = sum(first[seed] == second.get(seed) for seed in first)
    assert len(first) * 0.45 < same < len(first), "never guided, or always"


def test_it_looks_around_first():
    assert ask(OWN, user("Improve yourself.")).tool == "bash"
    listed = did("bash", "./agent.toml\n./loop.py\n./tests/test_loop.py\n", command="find . -type f")
    for seed in range(20):
        assert ask(OWN, user("Improve yourself."), listed, seed=seed).arguments == {"command": "cat loop.py"}


def test_tests_and_the_contract_are_left_alone():
    shown = [
        did("bash", "LIMIT = 3\n", command=f"cat {path}")
        for path in ("tests/test_loop.py", "agent.toml", "README.md", "docs/a.md", "loop.py")
    ]
    found = proposals(range(60), OWN, user("Improve yourself."), *shown)
    assert {edit["path"] for edit in found.values()} == {"loop.py"}


def test_a_foreign_agent_is_changed_with_its_own_tools():
    tools = [{"type": "function", "function": {"name": "execute_command", "parameters": {"properties": {"cmd": {}}}}}]
    shown = did("execute_command", FOREIGN, cmd="cat agent.py")
    replies = [ask(OWN, user("Improve yourself."), shown, seed=seed, tools=tools) for seed in range(20)]
    assert {reply.tool for reply in replies} <= {"execute_command", ""}
    assert sum("text.replace(old, new)" in reply.arguments["cmd"] for reply in replies if reply.tool) >= 15


def test_it_ends():
    messages = [OWN, user("Improve yourself."), did("bash", "LIMIT = 3\n", command="cat loop.py")]
    for seed in range(30):
        talk = list(messages)
        for _turn in range(40):
            reply = ask(*talk, seed=seed * 100 + len(talk))
            if not reply.tool:
                break
            talk += did(reply.tool, "edited loop.py" if reply.tool == "edit" else "ok", **reply.arguments)
        else:
            pytest.fail(f"seed {seed}: still at work after 40 calls")


@pytest.mark.parametrize(
    "text", ["", "\0\0", "def (:\n", "x = " + "(" * 9000, "# only a comment\n", "\ud800 = 1\n", "x\n" * 3000]
)
def test_hostile_files_do_no_harm(text):
    shown = [did("bash", text, command=f"cat {path}") for path in ("a.py", "b.md")]
    for seed in range(4):
        assert model.answer(parsed(OWN, user("Improve yourself."), *shown, seed=seed, tools=TOOLS))
