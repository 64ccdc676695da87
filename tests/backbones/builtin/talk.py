"""Requests as agents send them, and one answer without a server."""

import json
from pathlib import Path

import hgm.agents
from hgm.backbones.builtin import conversation, model, wire

FOREIGN = '''\
import subprocess
from dataclasses import dataclass

@dataclass
class Agent:
    limit: int = 30
    temperature: float = 0.5

    async def run(self, goal, *, verbose=False):
        history = [goal]
        while len(history) < self.limit and not (verbose or goal is None):
            reply = await self.ask(history)
            history.append(reply)
            if reply == "submit":
                break
        return history


def shell(command):
    """Gibt die Ausgabe zurück."""
    done = subprocess.run(command, shell=True, capture_output=True)
    return done.stdout.decode() if done.returncode == 0 else "Fehler – ungültig"
'''

SEED = Path(hgm.agents.__file__).parent / "seed"


def tool(name, *required, description=""):
    properties = {key: {"type": "string"} for key in required}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


BASH, EDIT, UNDO = tool("bash", "command"), tool("edit", "path", "old", "new"), tool("undo")
TOOLS = [BASH, EDIT, UNDO]


def system(text):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def did(name, output, /, **arguments):
    """A call and its outcome: two messages."""
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": output},
    ]


def request(*messages, seed=0, tools=TOOLS):
    flat = [part for message in messages for part in (message if isinstance(message, list) else [message])]
    return {"messages": flat, "tools": tools, "seed": seed}


def ask(*messages, seed=0, tools=TOOLS):
    """The reply."""
    return model.answer(parsed(*messages, seed=seed, tools=tools))


def parsed(*messages, seed=0, tools=TOOLS):
    return wire.parse(json.dumps(request(*messages, seed=seed, tools=tools)).encode())


def known(*messages, tools=TOOLS):
    return conversation.read(parsed(*messages, tools=tools))


BUGGY = """\
def largest(values):
    best = values[0]
    for value in values:
        if value < best:
            best = value
    return best
"""
REPORT = """\
FAIL largest([1, 3, 2]): expected 3, got 1
FAIL largest([5, 4]): expected 5, got 4
1 of 3 passed
"""


def solving(*more, files=None, report=REPORT, prompt="Find the mistake and mend it."):
    """A conversation about a small program."""
    files = {"program.py": BUGGY} if files is None else files
    shown = [did("bash", text, command=f"cat {path}") for path, text in files.items()]
    reported = [did("bash", report, command="python3 check.py")] if report else []
    return [system(prompt), user("Mend program.py. Command for the tests: python3 check.py"), *shown, *reported, *more]


def improving(folder=SEED, limit=1500):
    """A conversation in which an agent's own files are in sight, cut as the seed agent cuts them."""
    shown = []
    for path in sorted([*folder.glob("*.py"), *folder.glob("prompts/*.md")]):
        text = path.read_text()
        if len(text) > limit:
            text = f"{text[:limit]}\n[cut: {len(text) - limit} more characters]"
        shown.append(did("bash", text, command=f"cat {path.relative_to(folder)}"))
    return [system("The current folder is your own source code."), user("Improve yourself."), *shown]
