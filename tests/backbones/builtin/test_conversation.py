"""What the model knows after reading a conversation."""

import pytest

from hgm.backbones.builtin.toolbox import Edit
from tests.backbones.builtin.talk import BUGGY, did, known, solving, system, tool, user

CHANGE = {"path": "program.py", "old": "value < best", "new": "value > best"}
MENDED = BUGGY.replace("<", ">")


def text(found, path="program.py"):
    return "".join(found.files[path].parts)


def test_a_file_that_was_shown_is_known():
    found = known(*solving())
    assert (text(found), found.files["program.py"].complete) == (BUGGY, True)


def test_nothing_is_known_of_what_was_not_shown():
    found = known(system("x"), user("Mend program.py."))
    assert (found.files, found.report, found.looked) == ({}, None, False)


def test_an_edit_changes_what_is_known_and_outdates_the_report():
    found = known(*solving(did("edit", "edited program.py", **CHANGE)))
    assert text(found) == MENDED
    assert found.applied == found.tried == [Edit(**CHANGE)]
    assert not found.fresh


def test_an_undo_restores_it():
    found = known(*solving(did("edit", "edited program.py", **CHANGE), did("undo", "undone: program.py")))
    assert (text(found), found.applied, found.undone, len(found.tried)) == (BUGGY, [], 1, 1)


def test_the_opposite_edit_is_an_undo():
    back = {"path": "program.py", "old": CHANGE["new"], "new": CHANGE["old"]}
    found = known(*solving(did("edit", "edited", **CHANGE), did("edit", "edited", **back)))
    assert (text(found), found.applied, found.undone, len(found.tried)) == (BUGGY, [], 1, 1)


def test_an_undo_that_failed_changes_nothing():
    found = known(*solving(did("edit", "edited", **CHANGE), did("undo", "error: there is no edit to undo")))
    assert (text(found), len(found.applied)) == (MENDED, 1)


def test_an_undo_of_an_edit_out_of_sight_makes_it_look_again():
    assert known(*solving(did("undo", "undone: program.py"))).files == {}


@pytest.mark.parametrize(
    "output", ["error: the old text occurs 2 times in program.py, not once", "No match found", "Traceback (most recent"]
)
def test_a_refused_edit_leaves_everything_as_it_was(output):
    found = known(*solving(did("edit", output, **CHANGE)))
    assert (text(found), found.applied, found.refused) == (BUGGY, [], True)


def test_a_file_that_turned_out_otherwise_is_forgotten():
    assert known(*solving(did("edit", "error: the old text occurs 0 times", **CHANGE))).files == {}


def test_an_edit_that_the_agent_takes_back_itself_is_not_applied():
    found = known(*solving(did("edit", "edited; the tests fail, so the edit was reverted", **CHANGE)))
    assert (text(found), found.applied) == (BUGGY, [])


def test_a_report_after_an_edit_is_fresh():
    found = known(*solving(did("edit", "edited", **CHANGE), did("bash", "3 of 3 passed", command="python3 check.py")))
    assert found.fresh
    assert found.report.green
    assert found.last == "test"


@pytest.mark.parametrize(
    "mark", ["[cut: 3000 more characters]", "... (truncated)", "<300 lines omitted>", "[output shortened]"]
)
def test_a_cut_file_is_known_to_be_incomplete(mark):
    found = known(*solving(files={"program.py": f"{BUGGY}{mark}"}))
    assert not found.files["program.py"].complete
    assert "max" not in text(found)
    assert text(found).startswith("def largest(values):\n")


def test_a_file_cut_in_the_middle_has_two_parts():
    found = known(*solving(files={"program.py": f"{BUGGY}[cut: 100 more characters]\n{BUGGY}"}))
    assert len(found.files["program.py"].parts) == 2


def test_a_file_that_does_not_exist_is_missing():
    found = known(*solving(files={"other.py": "cat: other.py: No such file or directory"}))
    assert (found.missing, found.files) == ({"other.py"}, {})


@pytest.mark.parametrize("command", ["cat 'program.py'", "cat ./program.py", "head -n 50 program.py", "nl program.py"])
def test_ways_to_show_a_file(command):
    assert "program.py" in known(system("x"), user("x"), did("bash", BUGGY, command=command)).files


@pytest.mark.parametrize(
    "form", ["program.py\n```python\n{}```\n", "### File: `program.py`\n{}", "=== program.py ===\n{}"]
)
def test_files_in_a_message_are_known(form):
    assert "best = values[0]" in text(known(system("x"), user(form.format(BUGGY))))


@pytest.mark.parametrize("form", ["<output>\n{}\n</output>", '{{"stdout": "a\\nb"}}', "{}"])
def test_wrapped_output_is_unwrapped(form):
    found = known(system("x"), user("x"), did("bash", form.format("a\nb"), command="cat program.py"))
    assert text(found) == "a\nb\n"


def test_listed_files_are_known_by_name():
    found = known(system("x"), user("x"), did("bash", "./a.py\nb/c.py\ntotal 3 files\n", command="find . -type f"))
    assert (list(found.listed), found.looked) == (["a.py", "b/c.py"], True)


def test_commands_in_fences_are_followed_too():
    said = {"role": "assistant", "content": "I look.\n```bash\ncat program.py\n```"}
    found = known(system("Use ```bash blocks."), user("x"), said, user(BUGGY), tools=[])
    assert text(found) == BUGGY


def test_an_editor_by_any_name_is_understood():
    call = did("str_replace_editor", "ok", file_path="program.py", old_str="value < best", new_str="value > best")
    editor = tool("str_replace_editor", "command", "file_path", "old_str", "new_str")
    assert text(known(*solving(call), tools=[editor])) == MENDED
