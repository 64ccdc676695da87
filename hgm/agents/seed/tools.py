"""What the model can do: run a shell command, edit a file, take the last edit back."""

import json
import os
import shlex
import signal
import subprocess

MAX_OUTPUT = 1200  # characters of a tool's output that the model gets to see
TIMEOUT = 10  # seconds for one command

TEST_COMMAND = []  # of the task, if it has tests
UNDO = []  # (path, text before the edit), the latest edit last


def use(name, arguments):
    """Call the tool `name` with arguments in JSON; its output, or what went wrong."""
    try:
        return TOOLS[name](**json.loads(arguments))
    except KeyError:
        return "error: there is no tool " + name
    except (TypeError, ValueError) as error:
        return "error: bad arguments: %s" % error
    except OSError as error:
        return "error: %s" % error


def bash(command):
    """Run a command; its output, with the exit status if that is not 0."""
    output, status = run(command)
    if status != 0:
        output += "\n[exit status %d]" % status
    return output


def edit(path, old, new):
    """Replace the text `old`, which must occur exactly once, with `new`."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(old) != 1:
        return "error: the old text occurs %d times in %s, not once" % (text.count(old), path)
    UNDO.append((path, text))
    write(path, text.replace(old, new))
    return "edited " + path


def undo():
    """Take back the latest edit."""
    if not UNDO:
        return "error: there is no edit to undo"
    path, text = UNDO.pop()
    write(path, text)
    return "undone: " + path + " is as it was before the last edit"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def run_tests():
    """Run the tests of the task; the report if they fail, else nothing."""
    output, status = run(shlex.join(TEST_COMMAND))
    return shorten(output) if status != 0 else ""


def run(command):
    """Run a command under the time limit: output and exit status."""
    shell = subprocess.Popen(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output = shell.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        output = shell.communicate()[0] + b"\n[stopped after %d seconds]" % TIMEOUT
    return output.decode("utf-8", "replace"), shell.returncode


def shorten(text):
    """Cut what is too long for the model."""
    if len(text) <= MAX_OUTPUT:
        return text
    return text[:MAX_OUTPUT] + "\n[cut: %d more characters]" % (len(text) - MAX_OUTPUT)


def schema(name, description, **parameters):
    properties = {key: {"type": "string", "description": text} for key, text in parameters.items()}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = {"bash": bash, "edit": edit, "undo": undo}

SCHEMAS = [
    schema("bash", "Run a shell command in the folder of the task.", command="The command."),
    schema(
        "edit",
        "Replace text in a file. The old text must occur exactly once.",
        path="The file.",
        old="The text to replace, exactly as it stands in the file.",
        new="The text to put in its place.",
    ),
    schema("undo", "Take back the last edit."),
]
