"""How the model reads instructions about pages, line by line, as `habits` does for work on code.

A line makes it do, or not do, one thing on one occasion. Nothing here says what is good.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from random import Random

from hgm.backbones.builtin.habits import lines_of


class Act(StrEnum):
    """What a line can be about."""

    SAY = "say"
    CARE = "care"
    FILL = "fill"
    SUBMIT = "submit"
    EXPLORE = "explore"
    REPEAT = "repeat"
    WAIT = "wait"
    STOP = "stop"
    REVIEW = "review"
    SCROLL = "scroll"
    ACT = "act"


class When(StrEnum):
    """The occasion of a line."""

    ALWAYS = "always"
    START = "start"
    ERROR = "error"
    UNCHANGED = "unchanged"
    UNSEEN = "unseen"
    END = "end"
    CUT = "cut"


VERBS: dict[Act, tuple[str, ...]] = {
    Act.SAY: ("say", "explain", "write down"),
    Act.CARE: ("read", "think about", "consider"),
    Act.FILL: ("fill in",),
    Act.SUBMIT: ("submit", "confirm"),
    Act.EXPLORE: ("open", "visit", "look into"),
    Act.REPEAT: ("repeat", "try again with"),
    Act.WAIT: ("wait",),
    Act.STOP: ("stop", "give up"),
    Act.REVIEW: ("check", "verify", "compare"),
    Act.SCROLL: ("scroll",),
    Act.ACT: ("choose", "take"),
}
OBJECTS: dict[Act, tuple[str, ...]] = {
    Act.SAY: ("what you do", "the name of the element"),
    Act.CARE: ("the goal", "every word of the goal"),
    Act.FILL: ("the fields first", "all the fields"),
    Act.SUBMIT: ("the form", "what you have done"),
    Act.EXPLORE: ("another tab or menu", "the other parts of the page"),
    Act.REPEAT: ("the last action", "the same element"),
    Act.WAIT: ("for the page", "a moment"),
    Act.STOP: ("",),
    Act.REVIEW: ("what is selected", "the page with the goal"),
    Act.SCROLL: ("the page", "down"),
    Act.ACT: ("one action", "the next action"),
}
OCCASIONS: dict[When, tuple[str, ...]] = {
    When.ALWAYS: ("", "in every step"),
    When.START: ("first", "at the start"),
    When.ERROR: ("after an error", "when an action fails"),
    When.UNCHANGED: ("when nothing has changed", "if the page stays the same"),
    When.UNSEEN: ("when you do not see what you look for", "if it is not on the page"),
    When.END: ("at the end", "when the goal is reached"),
    When.CUT: ("when the page is cut", "if the page is too long"),
}
_VERB = {
    Act.SAY: r"say|explain|write|name|describe",
    Act.CARE: r"read|think|consider|understand|reason",
    Act.FILL: r"fill",
    Act.SUBMIT: r"submit|confirm|send",
    Act.EXPLORE: r"open|visit|look|explore|expand|search",
    Act.REPEAT: r"repeat|again|retry",
    Act.WAIT: r"wait|pause",
    Act.STOP: r"stop|finish|give up|quit",
    Act.REVIEW: r"check|verify|compare|review",
    Act.SCROLL: r"scroll",
    Act.ACT: r"choose|take|act",
}
_VERBS = {act: re.compile(rf"\b(?:{words})\b") for act, words in _VERB.items()}
_WHEN = (
    (When.CUT, re.compile(r"\b(?:cut|truncated|too long)\b")),
    (
        When.UNSEEN,
        re.compile(r"\b(?:not|nowhere|cannot|missing)\b.{0,24}\b(?:see|seen|find|found|on the page|there)\b"),
    ),
    (When.UNCHANGED, re.compile(r"\b(?:nothing|not)\b.{0,16}\bchang\w*|\bstays? the same\b")),
    (When.ERROR, re.compile(r"\berrors?\b|\b(?:when|if|after)\b.{0,24}\bfail\w*")),
    (When.END, re.compile(r"\bat the end\b|\blast\b(?= of all)|\bgoal is reached\b|\bwhen you are done\b")),
    (When.START, re.compile(r"\bat the start\b|\bstart by\b|\bbegin by\b")),
)
_NOT = re.compile(r"\b(?:do not|don't|never|avoid|without)\b")
_PAGES = re.compile(r"\b(?:web ?)?pages?\b|\bclick\w*|\bscreens?\b|\bbuttons?\b|\belements?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Rule:
    """One understood line."""

    act: Act
    when: When
    wanted: bool
    """False for "do not"."""


def about_pages(text: str) -> bool:
    """Whether a prompt is about work on pages."""
    return len(_PAGES.findall(text[:20_000])) >= 2


@lru_cache(maxsize=64)
def read_rules(text: str) -> tuple[tuple[Rule, ...], int]:
    """The rules that a text contains, in its order, and how many lines it asks the reader to heed."""
    lines = lines_of(text)
    return tuple(rule for line in lines if (rule := _rule(line))), len(lines)


def write_line(rng: Random) -> str:
    """A line from the same vocabulary: any verb, an object that goes with some verb, any occasion."""
    act, other, when = rng.choice(list(Act)), rng.choice(list(Act)), rng.choice(list(When))
    thing = rng.choice(OBJECTS[act if rng.random() < 0.8 else other])
    words = [word for word in (rng.choice(VERBS[act]), thing, rng.choice(OCCASIONS[when])) if word]
    if rng.random() < 0.2:
        words.insert(0, "do not")
    sentence = " ".join(words)
    return sentence[0].upper() + sentence[1:] + "."


def _rule(line: str) -> Rule | None:
    said = next(((when, match) for when, pattern in _WHEN if (match := pattern.search(line))), None)
    when, match = said or (When.ALWAYS, None)
    if match:
        line = line[: match.start()] + line[match.end() :]
    found = [(verb.start(), act) for act, pattern in _VERBS.items() if (verb := pattern.search(line))]
    if not found:
        return None
    start, act = min(found)
    return Rule(act, when, wanted=not _NOT.search(line[:start]))
