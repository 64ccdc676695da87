"""How the model reads instructions, as a weak one would: line by line, verb, object and occasion, each followed or not.

The more lines there are, the less each is heeded (attention is diluted). The vocabulary says nothing about what is
good: a line makes the model do, or not do, one thing on one occasion. The editor writes its lines with it too.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import TypeVar

MAX_LINES = 80
HALF = 11.0
"""With so many lines, each is followed half of the time."""


class Act(StrEnum):
    """What a line can be about."""

    TEST = "test"
    READ = "read"
    UNDO = "undo"
    EDIT = "edit"
    STOP = "stop"
    REPEAT = "repeat"
    PRINT = "print"
    FOCUS = "focus"
    CARE = "care"


class When(StrEnum):
    """The occasion of a line."""

    ALWAYS = "always"
    START = "start"
    BEFORE_EDIT = "before edit"
    AFTER_EDIT = "after edit"
    TEST_FAILED = "test failed"
    TEST_PASSED = "test passed"
    BEFORE_STOP = "before stop"
    CUT = "cut"


VERBS: dict[Act, tuple[str, ...]] = {
    Act.TEST: ("run", "check", "verify", "execute"),
    Act.READ: ("read", "look at", "open", "inspect"),
    Act.UNDO: ("undo", "revert", "take back"),
    Act.EDIT: ("change", "edit", "mend", "fix", "make", "use", "modify", "replace"),
    Act.STOP: ("stop", "finish", "give up"),
    Act.REPEAT: ("repeat", "try again"),
    Act.PRINT: ("print", "show", "list"),
    Act.FOCUS: ("follow", "focus on", "study", "start from"),
    Act.CARE: ("think about", "consider", "compare with"),
}
OBJECTS: dict[Act, tuple[str, ...]] = {
    Act.TEST: ("the tests", "the failing test"),
    Act.READ: ("the files", "the source", "the whole file"),
    Act.UNDO: ("the last edit", "your last change"),
    Act.EDIT: ("the source", "one line at a time"),
    Act.STOP: ("",),
    Act.REPEAT: ("the same edit", "the last edit"),
    Act.PRINT: ("the values", "the files"),
    Act.FOCUS: ("the traceback", "the failing line", "the failing test"),
    Act.CARE: ("the statement", "every word of the task"),
}
OCCASIONS: dict[When, tuple[str, ...]] = {
    When.ALWAYS: ("", "in every step", "instead of guessing"),
    When.START: ("first", "at the start"),
    When.BEFORE_EDIT: ("before you change anything", "before each edit"),
    When.AFTER_EDIT: ("after each edit", "after every change"),
    When.TEST_FAILED: ("when the tests fail", "if a test still fails"),
    When.TEST_PASSED: ("when the tests pass",),
    When.BEFORE_STOP: ("before you stop", "at the end"),
    When.CUT: ("when the output is cut", "if the output is too long"),
}

_VERB = {
    Act.UNDO: r"undo|revert|restor\w*|roll back|take (?:\w+ ){0,4}back|discard",
    Act.REPEAT: r"repeat|try again|again",
    Act.FOCUS: r"follow|focus|study|concentrate|start from|localis\w*|localiz\w*|traceback",
    Act.CARE: r"think|consider|compare|reason|understand",
    Act.STOP: r"stop|finish|give up|quit|submit",
    Act.TEST: r"run|check|verify|execute|test",
    Act.READ: r"read|look|open|inspect|view|explore",
    Act.PRINT: r"print|show|list|explain|say|describe|write",
    Act.EDIT: r"change|changes|edit|mend|fix|make|use|modify|replace|improve|repair|correct",
}
_VERBS = {act: re.compile(rf"\b(?:{words})\b") for act, words in _VERB.items()}
_OBJECT = {
    Act.TEST: re.compile(r"\btests?\b"),
    Act.UNDO: re.compile(r"\b(?:edits?|changes?)\b"),
    Act.REPEAT: re.compile(r"\b(?:edits?|changes?)\b"),
}
_WHEN = (
    (When.CUT, re.compile(r"\b(?:cut|truncated|too long)\b")),
    (When.TEST_PASSED, re.compile(r"\b(?:tests? (?:all )?pass(?:es|ed)?|all tests pass|everything passes)\b")),
    (When.TEST_FAILED, re.compile(r"\b(?:when|if|while|after|as long as|until)\b.{0,30}\b(?:fail\w*|wrong|worse)\b")),
    (When.BEFORE_STOP, re.compile(r"\bbefore (?:you )?(?:stop|finish|end|submit)\w*|\bat the end\b|\blast of all\b")),
    (When.BEFORE_EDIT, re.compile(r"\bbefore\b.{0,24}\b(?:chang\w*|edit\w*)\b")),
    (When.AFTER_EDIT, re.compile(r"\b(?:after|when|once)\b.{0,24}\b(?:chang\w*|edit\w*|step)\b")),
    (When.START, re.compile(r"\b(?:first|at the start|start by|begin by)\b")),
)
AnyRule = TypeVar("AnyRule")
_NOT = re.compile(r"\b(?:do not|don't|never|avoid|skip|ignore|without|not)\b")
_SPLIT = re.compile(r"(?<=[.;!?])\s+|\n+")


@dataclass(frozen=True)
class Rule:
    """One understood line."""

    act: Act
    when: When
    wanted: bool
    """False for "do not"."""


@lru_cache(maxsize=64)
def read_rules(text: str) -> tuple[tuple[Rule, ...], int]:
    """The rules that a text contains, in its order, and how many lines it asks the reader to heed."""
    lines = lines_of(text)
    rules: list[Rule] = []
    for line in lines:
        head, _, rest = line.partition("instead of")
        if rule := _rule(head):
            rules.append(rule)
        if rest and (other := _rule(rest)):
            rules.append(Rule(other.act, other.when, wanted=False))
    return tuple(rules), len(lines)


def lines_of(text: str) -> list[str]:
    """The lines of instructions that it gets to read: sentences and items, in small letters."""
    lines = [line.strip(" -*#>\t").lower() for line in _SPLIT.split(text)]
    return [line[:300] for line in lines if len(line) > 3][:MAX_LINES]


def heeded(rules: tuple[AnyRule, ...], lines: int, rng: Random) -> list[AnyRule]:
    """Those that are followed this time."""
    chance = 0.95 / (1.0 + (lines / HALF) ** 2)
    return [rule for rule in rules if rng.random() < chance]


def write_line(rng: Random) -> str:
    """A line from the same vocabulary: any verb, an object that goes with some verb, any occasion."""
    act, other, when = rng.choice(list(Act)), rng.choice(list(Act)), rng.choice(list(When))
    verb = rng.choice(VERBS[act])
    thing = rng.choice(OBJECTS[act if rng.random() < 0.8 else other])
    words = [word for word in (verb, thing, rng.choice(OCCASIONS[when])) if word]
    if rng.random() < 0.2:
        words.insert(0, "do not")
    sentence = " ".join(words)
    return sentence[0].upper() + sentence[1:] + "."


def _rule(line: str) -> Rule | None:
    said = next(((when, match) for when, pattern in _WHEN if (match := pattern.search(line))), None)
    when, match = said or (When.ALWAYS, None)
    if match and match.start() == 0:
        line = line[match.end() :]
    found = [(verb.start(), act) for act, pattern in _VERBS.items() if (verb := pattern.search(line))]
    for start, act in sorted(found):
        wanted = not _NOT.search(line[:start])
        if act is Act.EDIT and not wanted:
            return None  # "do not change the tests": nothing that this model would do
        needed = _OBJECT.get(act)
        if needed is None or needed.search(line[start:]):
            return Rule(act, when, wanted)
    return None
