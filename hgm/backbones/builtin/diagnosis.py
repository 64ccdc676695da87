"""A brief about an agent that failed: what the quoted evidence shows about the way it works, in plain words.

Each observation is a pattern that could be seen in any agent's trajectory; it says what was observed and where in the
agent to look, not what to change it to.
"""

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

from hgm.backbones.builtin import gui_diagnosis
from hgm.backbones.builtin.wire import Request

MAX_WORDS = 120
MOST = 3
NOTHING = "Nothing stands out in the evidence. Improve the way the agent works on any task."
_CALL = re.compile(r'^\|?\s*(?:\w+) (\{".*\})\s*$', re.MULTILINE)
_EDIT = re.compile(r'"(?:old|new|old_str|new_str|search|replace|path)\w*"')
_RED = re.compile(r"\bFAIL\b|\b[1-9]\d* failed\b|FAILED|(\d+) of (?!\1\b)\d+ passed")
_ASSISTANT = re.compile(r"^assistant:\n((?:\|.*\n?)*)", re.MULTILINE)


def wanted(request: Request) -> bool:
    """Whether the request asks for a diagnosis."""
    system = " ".join(message.text for message in request.messages if message.role in ("system", "developer")).lower()
    return not request.tools and "diagnos" in system and "brief" in system


def write(request: Request) -> str:
    """The brief: at most three observations, the draw among those that hold."""
    rng = Random(f"diagnosis/{request.seed}")
    evidence = "\n".join(message.text for message in request.messages if message.role == "user")[:200_000]
    parts = [part for part in re.split(r"^(?=Outcome: )", evidence, flags=re.MULTILINE) if part.strip()]
    found = Counter[str]()
    for part in parts:
        found.update(list(dict.fromkeys(observations(part))))  # in their order: that of a set differs by process
    if not found:
        return NOTHING
    chosen: list[str] = []
    while found and len(chosen) < MOST:
        text = rng.choices(list(found), list(found.values()))[0]
        chosen.append(text)
        del found[text]
    return " ".join(" ".join(chosen).split()[:MAX_WORDS])


def observations(part: str) -> Iterator[str]:
    """What one evaluation shows."""
    if gui_diagnosis.about_page(part):
        yield from gui_diagnosis.observations(part)
        return
    passed = part.startswith("Outcome: passed")
    turns = [turn[1] for turn in _ASSISTANT.finditer(part)]
    calls = _CALL.findall(part)
    edits = [call for call in calls if _EDIT.search(call)]
    red = bool(_RED.search(part))
    asked = re.search(r"Model calls: (\d+)", part)
    count = int(asked[1]) if asked else len(turns)
    if turns and _CALL.search(turns[-1]) and not passed:
        yield (
            f"It ran out of steps: the model was asked {count} times and was still at work when the loop ended. Look "
            "at what limits the steps and at what each step is used for."
        )
    if turns and not _CALL.search(turns[-1]) and not passed:
        yield (
            "The model stopped and gave an answer without a tool call although the work was not done. Look at what the "
            "loop does when the model stops, and at the reminders it sends."
        )
    if re.search(r"\b(?:cut|truncated|more characters|omitted)\b", part):
        yield (
            "The output of a tool is cut: the model does not get to see the rest of it. Look at how many characters of "
            "an output are shown and which part."
        )
    if not red and not re.search(r"\bpassed\b", part.partition("\n")[2]):
        yield "The tests were not run, so nothing told the model what fails. Look at when the tests are run."
    if len(edits) > len(set(edits)):
        yield "The same edit is tried again later. Look at how much of the messages so far the model gets to see."
    if red and len(edits) > 1 and not re.search(r"\bund(?:o|one)\b|revert", part):
        yield (
            "Edits that did not help stay in place: the tests still fail after an edit and nothing takes it back. Look "
            "at what happens to the last edit when the tests fail."
        )
    if len(re.findall(r"^\| error:", part, re.MULTILINE)) > 0:
        yield "A tool answered with an error. Look at what the tools accept and what they tell the model."
    if count > len(turns) + 2:
        yield "Early messages are no longer in sight at the end. Look at which messages are kept and sent."
    if re.search(r"stopped after|timed out", part):
        yield "A command was stopped for its time. Look at the time limit of commands."
