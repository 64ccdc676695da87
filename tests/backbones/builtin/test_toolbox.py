"""Foreign tools: recognised by what they are called and take, used with the arguments that they ask for."""

import json
import subprocess

import pytest

from hgm.backbones.builtin import toolbox
from hgm.backbones.builtin.toolbox import Edit, Shell, Undo
from hgm.backbones.builtin.wire import Call, Message
from tests.backbones.builtin.talk import BASH, EDIT, TOOLS, UNDO, parsed, system, tool, user

CHANGE = Edit("a.py", "x = 1", "x = '2'")


def box(*tools, told="You work."):
    return toolbox.recognise(parsed(system(told), user("x"), tools=list(tools)))


def reread(reply):
    return toolbox.read(Call("1", reply.tool, reply.arguments))


def test_the_seed_agents_tools_are_known():
    found = box(*TOOLS)
    assert (found.shell.name, found.editor.name, found.undoer.name) == ("bash", "edit", "undo")
    assert found.usable


@pytest.mark.parametrize(
    "tools",
    [
        [tool("execute_command", "cmd")],
        [tool("terminal", "command"), tool("replace_in_file", "path", "search", "replace")],
        [
            tool("run", "script", description="Run a shell script"),
            tool("str_replace", "file_path", "old_str", "new_str"),
        ],
        [
            tool("bash", "command"),
            tool("editor", "command", "path", "old_str", "new_str", description="view, str_replace"),
        ],
    ],
)
def test_shells_and_editors_by_other_names(tools):
    found = box(*tools)
    assert reread(toolbox.shell(found, "ls", "")) == Shell("ls")
    assert reread(toolbox.edit(found, CHANGE, "")) == CHANGE
    reply = toolbox.edit(found, CHANGE, "")
    used = next(item["function"]["parameters"] for item in tools if item["function"]["name"] == reply.tool)
    assert set(used["required"]) == set(reply.arguments)


def test_without_an_editor_an_edit_is_a_program_in_the_shell(tmp_path):
    reply = toolbox.edit(box(BASH), CHANGE, "")
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    subprocess.run(["bash", "-c", reply.arguments["command"]], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a.py").read_text() == "x = '2'\ny = 2\n"
    assert reread(reply) == CHANGE


def test_without_an_undo_an_edit_is_taken_back_by_its_opposite():
    assert reread(toolbox.undo(box(BASH, EDIT), CHANGE, "")) == Edit(CHANGE.path, CHANGE.new, CHANGE.old)
    assert reread(toolbox.undo(box(*TOOLS), CHANGE, "")) == Undo()
    assert UNDO["function"]["name"] == toolbox.undo(box(*TOOLS), CHANGE, "").tool


def test_the_end_is_said_as_the_agent_asks():
    assert toolbox.finish(box(*TOOLS), "Done.").tool == ""
    assert toolbox.finish(box(BASH, tool("submit", "answer")), "Done.").arguments == {"answer": "Done."}
    said = toolbox.finish(box(BASH, told="To finish, run `echo COMPLETE_TASK`."), "Done.")
    assert said.arguments == {"command": "echo COMPLETE_TASK"}


def test_without_tools_commands_go_into_the_fences_that_the_prompt_shows():
    found = box(told="Answer with one ```mswea_bash_command block.")
    reply = toolbox.shell(found, "ls", "I look.")
    assert reply.tool == ""
    assert "```mswea_bash_command\nls\n```" in reply.text
    assert toolbox.read_text(Message("assistant", reply.text)) == Shell("ls")


def test_nothing_can_be_done_without_tools_and_fences():
    assert not box().usable
    assert not box(tool("weather", "city")).usable


@pytest.mark.parametrize("values", ["[1]", "[1, 2, 3, 4]", "[}", json.dumps({"a": 1})])
def test_a_broken_edit_program_is_just_a_command(values):
    command = f"python3 - <<'END'\npath, old, new = {values}\nEND"
    assert toolbox.read_command(command) == Shell(command)
