"""The solver: it looks, it mends, it stops; and without the information it does none of that."""

import pytest

from tests.backbones.builtin.talk import BASH, BUGGY, REPORT, ask, did, solving, system, user

CHANGE = {"path": "program.py", "old": "        if value < best:", "new": "        if value > best:"}


def edits(*messages, seeds=30):
    found = [ask(*messages, seed=seed) for seed in range(seeds)]
    return [reply.arguments for reply in found if reply.tool == "edit"]


def mends(edit):
    space = {}
    exec(BUGGY.replace(edit["old"], edit["new"]), space)  # noqa: S102 - program text of this test
    try:
        return [space["largest"](values) for values in ([1, 3, 2], [5, 4], [2])] == [3, 5, 2]
    except (ArithmeticError, LookupError, NameError, TypeError, ValueError):
        return False


def test_without_tools_it_says_so():
    reply = ask(*solving(), tools=[])
    assert "tools" in reply.text
    assert reply.tool == ""


def test_it_reads_before_it_edits():
    for seed in range(20):
        assert ask(system("Mend it."), user("Mend program.py."), seed=seed).tool != "edit"


def test_a_pass_after_an_edit_is_the_end():
    passed = did("bash", "3 of 3 passed", command="python3 check.py")
    replies = [ask(*solving(did("edit", "edited program.py", **CHANGE), passed), seed=seed) for seed in range(30)]
    assert {reply.tool for reply in replies} == {""}
    assert sum(reply.text == "All tests pass." for reply in replies) > 20


def test_a_small_mistake_is_mended_within_a_few_seeds():
    found = edits(*solving())
    assert len(found) > 20
    assert sum(mends(edit) for edit in found) >= len(found) / 3


def test_a_report_of_noise_helps_less():
    informed, blind = edits(*solving()), edits(*solving(report="zzz"), seeds=60)
    share = [sum(mends(edit) for edit in found) / max(1, len(found)) for found in (informed, blind)]
    assert share[0] > share[1]


def test_what_was_tried_in_sight_is_not_proposed_again():
    wrong = {"path": "program.py", "old": "    best = values[0]", "new": "    best = values[1]"}
    talk = solving(
        did("edit", "edited", **wrong), did("bash", REPORT, command="python3 check.py"), did("undo", "undone: x")
    )
    for edit in edits(*talk):
        assert (edit["old"].strip(), edit["new"].strip()) != (wrong["old"].strip(), wrong["new"].strip())


def test_an_instruction_changes_what_it_does():
    told = "Run the tests after each edit.\nUndo the last edit when the tests fail."
    edited = did("edit", "edited", path="program.py", old="return best", new="return value")
    failed = did("bash", REPORT, command="python3 check.py")

    def share(prompt, tool):
        replies = [ask(*solving(edited, failed, prompt=prompt), seed=seed) for seed in range(60)]
        return sum(reply.tool == tool for reply in replies)

    assert share(told, "undo") > share("Mend it.", "undo") + 10


def test_tests_are_not_what_it_edits():
    files = {"program.py": BUGGY, "check.py": BUGGY, "tests/test_program.py": BUGGY}
    assert {edit["path"] for edit in edits(*solving(files=files))} == {"program.py"}


@pytest.mark.parametrize("text", ["", "def (", "x = " + "(" * 5000, "no python at all\n" * 50])
def test_a_file_that_is_no_python_ends_in_words_or_a_look(text):
    for seed in range(5):
        assert ask(*solving(files={"program.py": text}), seed=seed).tool != "edit"


def test_a_shell_is_enough():
    replies = [ask(*solving(), seed=seed, tools=[BASH]) for seed in range(20)]
    assert sum("text.replace(old, new)" in str(reply.arguments) for reply in replies) > 10
