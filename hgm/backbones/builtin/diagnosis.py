"""The diagnosis role: quoted evidence about an agent's runs in, a brief of at most 120 words out.

It counts what the evidence shows (cuts, repeated edits, errors, tests, how it ended) and names a few of the things that
it saw, drawn by the seed. It does not know which of them matters, or what in an agent's code causes them.
"""

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

from hgm.backbones.builtin.wire import Message, Reply

MAX_TEXT = 120_000
MOST = 3
_ASKED = re.compile(r"\bdiagnos|\bbrief\b", re.IGNORECASE)
_CUT = re.compile(r"\[cut|truncated|omitted|more characters", re.IGNORECASE)
_EDIT = re.compile(r"^\| (?:edit|str_replace\w*|replace\w*) (\{.*\})$", re.MULTILINE)
_UNDO = re.compile(r"^\| (?:undo|revert\w*) ", re.MULTILINE)
_TEST = re.compile(r"^\| \w+ \{.*\b(?:check|pytest|unittest|tests?)\b", re.MULTILINE)
_ERROR = re.compile(r"^\| error\b", re.MULTILINE | re.IGNORECASE)
_CALLS = re.compile(r"^Model calls: (\d+)", re.MULTILINE)
_LONG = 12


def is_asked(messages: tuple[Message, ...]) -> bool:
    """Whether the instructions ask for a diagnosis."""
    return any(message.role == "system" and _ASKED.search(message.text[:4_000]) for message in messages)


def answer(messages: tuple[Message, ...], rng: Random) -> Reply:
    """The brief."""
    evidence = "\n".join(message.text for message in messages if message.role == "user")[:MAX_TEXT]
    seen = list(_observations(evidence))
    named = rng.sample(seen, min(len(seen), rng.randint(1, MOST)))
    return Reply(" ".join(named))


def _observations(evidence: str) -> Iterator[str]:
    edits = Counter(_EDIT.findall(evidence))
    calls = [int(count) for count in _CALLS.findall(evidence)]
    yield "Look at how the prompt tells the model to work."
    if calls and max(calls) >= _LONG:
        yield f"The agent was still at work when its steps ran out ({max(calls)} model calls)."
    if calls and min(calls) < _LONG:
        yield f"The agent stopped early, after {min(calls)} model calls."
    if _CUT.search(evidence):
        yield "The output of commands was cut, so the model saw only a part of the text; it was too long to show."
    if edits and max(edits.values()) > 1:
        yield "The same edit was tried again: the model no longer saw its latest messages, or the history it is given."
    if len(edits) > 1 and not _UNDO.search(evidence):
        yield "Edits that did not help stayed in the file; the last edit was never taken back with undo."
    if not _TEST.search(evidence):
        yield "The tests were not run by the model, so their report was missing when it chose what to edit."
    elif edits:
        yield "The tests still failed after the edits; the report did not lead to another edit."
    if _ERROR.search(evidence):
        yield "Tools answered with an error to their arguments."
    if not edits:
        yield "No file was changed at all: the reply came without a call of a tool."
