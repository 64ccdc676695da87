"""The tools that a request offers, recognised by what they are called and take; and calls made with them.

Foreign agents name their tools as they like: a shell is a tool with a command, an editor one with a path, an old and a
new text. Where there is only a shell, an edit is a one-liner in Python; where there are no tools, a shell command goes
into a fenced block of the kind that the instructions show.
"""

import json
import re
import shlex
from dataclasses import dataclass

from hgm.backbones.builtin.wire import Call, Message, Reply, Request, Tool

_COMMAND = ("command", "cmd", "script", "code", "input")
_PATH = ("path", "file", "filename", "file_path", "filepath", "target_file")
_OLD = ("old", "old_str", "old_string", "old_text", "search", "find", "before", "original")
_NEW = ("new", "new_str", "new_string", "new_text", "replace", "replacement", "after", "updated")
_FENCE = re.compile(r"```(\w{0,12}sh\w{0,12})\b")
_FENCED = re.compile(r"```\w{0,12}sh\w{0,12}\n(.*?)\n?```", re.DOTALL)
MAX_TEXT = 20_000
_FINISH = re.compile(r"(?:submit|finish|complete|done)[^`\n]{0,80}`([^`\n]{3,120})`", re.IGNORECASE)
_EDIT_SCRIPT = re.compile(r"^python3 - <<'END'\npath, old, new = (\[.*\])\n", re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """Replace `old` by `new` in the file `path`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Undo:
    """Take the last edit back."""


@dataclass(frozen=True)
class Shell:
    """Run a command."""

    command: str


@dataclass(frozen=True)
class Toolbox:
    """Which offered tool does what; an empty name where there is none."""

    shell: Tool | None
    editor: Tool | None
    undoer: Tool | None
    finisher: Tool | None
    fence: str
    finish_command: str

    @property
    def usable(self) -> bool:
        """Whether anything can be done at all."""
        return self.shell is not None or bool(self.fence)


def recognise(request: Request) -> Toolbox:
    """The toolbox of a request."""
    shell = editor = undoer = finisher = None
    for tool in request.tools:
        if _first(tool, _OLD) and _first(tool, _NEW):
            editor = editor or tool
        elif _first(tool, _COMMAND) and re.search(r"bash|shell|sh\b|command|terminal|exec|run", _words(tool)):
            shell = shell or tool
        elif not tool.required and re.search(r"undo|revert|take back|roll ?back", _words(tool)):
            undoer = undoer or tool
        elif re.search(r"submit|finish|complete|done", tool.name.lower()):
            finisher = finisher or tool
    told = "\n".join(message.text for message in request.messages[:2])[:20_000]
    fence = _FENCE.search(told) if not request.tools else None
    finish = _FINISH.search(told)
    return Toolbox(
        shell=shell,
        editor=editor,
        undoer=undoer,
        finisher=finisher,
        fence=fence[1] if fence else "",
        finish_command=finish[1] if finish and finish[1].startswith("echo ") else "",
    )


def shell(box: Toolbox, command: str, saying: str) -> Reply:
    """Run a command."""
    if box.shell is None:
        return Reply(f"{saying}\n\n```{box.fence}\n{command}\n```")
    return Reply(saying, box.shell.name, {_first(box.shell, _COMMAND): command, **_padding(box.shell, _COMMAND)})


def edit(box: Toolbox, change: Edit, saying: str) -> Reply:
    """Edit a file."""
    if box.editor is None:
        values = json.dumps([change.path, change.old, change.new])
        lines = (
            "python3 - <<'END'",
            f"path, old, new = {values}",
            "text = open(path).read()",
            "print(text.count(old), 'places')",
            "if text.count(old) == 1: open(path, 'w').write(text.replace(old, new))",
            "END",
        )
        return shell(box, "\n".join(lines), saying)
    tool = box.editor
    arguments = {_first(tool, _PATH): change.path, _first(tool, _OLD): change.old, _first(tool, _NEW): change.new}
    arguments.pop("", None)
    return Reply(saying, tool.name, {**arguments, **_padding(tool, (*_PATH, *_OLD, *_NEW))})


def undo(box: Toolbox, last: Edit, saying: str) -> Reply:
    """Take `last` back: with the tool for it, else by the opposite edit."""
    if box.undoer is not None:
        return Reply(saying, box.undoer.name, {})
    return edit(box, Edit(last.path, last.new, last.old), saying)


def finish(box: Toolbox, saying: str) -> Reply:
    """Say that the work is over, in the way that the agent asks for."""
    if box.finisher is not None:
        return Reply(saying, box.finisher.name, dict.fromkeys(box.finisher.required, saying))
    if box.finish_command:
        return shell(box, box.finish_command, saying)
    return Reply(saying)


def read(call: Call) -> Edit | Undo | Shell | None:
    """What a call in the conversation was meant to do."""
    names = set(call.arguments)
    old, new, path = names & set(_OLD), names & set(_NEW), names & set(_PATH)
    if old and new:
        values = [str(call.arguments[min(found)]) for found in (old, new)]
        return Edit(str(call.arguments[min(path)]) if path else "", *values)
    command = names & set(_COMMAND)
    if command:
        return read_command(str(call.arguments[min(command)]))
    return Undo() if re.search(r"undo|revert|roll_?back", call.name.lower()) else None


def read_text(message: Message) -> Edit | Shell | None:
    """What a fenced command in an assistant's text was meant to do."""
    found = _FENCED.search(message.text[:MAX_TEXT])
    return read_command(found[1]) if found else None


def read_command(command: str) -> Edit | Shell:
    """A command, or the edit that it stands for."""
    script = _EDIT_SCRIPT.match(command)
    if script:
        try:
            path, old, new = json.loads(script[1])
        except (ValueError, TypeError):
            return Shell(command)
        return Edit(str(path), str(old), str(new))
    return Shell(command)


def show_command(path: str) -> str:
    """The command that shows a file."""
    return f"cat {shlex.quote(path)}"


def _words(tool: Tool) -> str:
    return f"{tool.name} {tool.description}".lower().replace("_", " ")


def _first(tool: Tool, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in tool.parameters), "")


def _padding(tool: Tool, known: tuple[str, ...]) -> dict[str, str]:
    """A value for every other required parameter, such as the sub-command of a combined editor."""
    return {name: _guess(tool, name) for name in tool.required if name not in known}


def _guess(tool: Tool, name: str) -> str:
    if re.search(r"command|mode|action|operation", name):
        found = re.search(r"str_replace|replace|edit", f"{tool.parameters.get(name, '')} {tool.description}")
        return found[0] if found else "str_replace"
    return ""
