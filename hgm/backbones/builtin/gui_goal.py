"""What a goal asks for: its clauses in order, each with a verb, the texts it quotes, and the words that are left.

Any imperative sentence about a page can be read so; no page and no task is named here.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

MAX_GOAL = 2_000
MAX_CLAUSES = 12
MAX_PHRASES = 16
MAX_NAMES = 6


class Kind(StrEnum):
    """What a clause wants done."""

    PRESS = "press"
    PICK = "pick"
    TYPE = "type"
    COPY = "copy"
    DRAG = "drag"
    SORT = "sort"
    SEEK = "seek"
    GUESS = "guess"
    HIGHLIGHT = "highlight"
    OTHER = "other"


_VERBS = {
    Kind.PRESS: "click press hit push tap submit expand open",
    Kind.PICK: "select choose pick check mark tick set",
    Kind.TYPE: "enter type fill write input put",
    Kind.COPY: "copy paste",
    Kind.DRAG: "drag move",
    Kind.SORT: "sort arrange order",
    Kind.SEEK: "find search look locate use switch navigate",
    Kind.GUESS: "guess",
    Kind.HIGHLIGHT: "highlight",
    Kind.OTHER: "reply forward send delete remove buy generate give draw change add log sign agree",
}
KIND_OF = {verb: kind for kind, verbs in _VERBS.items() for verb in verbs.split()}
_ANY = "|".join(KIND_OF)
_SPLIT = re.compile(
    rf"[.;!](?:\s+|$)|,?\s+(?:and\s+)?then\s+|,?\s+and\s+(?:then\s+|to\s+)?(?=(?:{_ANY})\b)|,\s+(?=(?:{_ANY})\b)", re.I
)
_QUOTED = re.compile(r'"([^"]{1,300})"|“([^”]{1,300})”')
_MARK = re.compile("\0(\\d+)\0")
_ORDINAL = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)\b", re.I)
_ORDER = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_SAID = {word: place for place, word in enumerate(_ORDER, 1)}
_WORD = re.compile(r"[^\W_](?:[\w'#-]*[\w#])?", re.UNICODE)
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the on in into to of for from with and or then by at as is are be it its that this these them "
        "all both each when done finished finish using use below above you your please item items labeled "
        "labelled named called area element following value text below new one ones",
    )
)
ROLES = {
    "button": {"button"}, "buttons": {"button"}, "link": {"link"}, "links": {"link"}, "checkbox": {"checkbox"},
    "checkboxes": {"checkbox"}, "radio": {"radio"}, "tab": {"tab", "link"}, "tabs": {"tab"}, "menu": {"menuitem"},
    "textbox": {"textbox"}, "textarea": {"textbox"}, "field": {"textbox"}, "fields": {"textbox"},
    "input": {"textbox", "spinbutton"}, "box": {"textbox", "checkbox"}, "list": {"listbox", "combobox"},
    "dropdown": {"combobox"}, "spinner": {"spinbutton"}, "slider": {"slider"}, "option": {"option", "radio"},
    "icon": {"img"}, "image": {"img"}, "result": {"link"}, "paragraph": {"paragraph"}, "card": {"generic"},
}  # fmt: skip
"""Words for kinds of elements."""


@dataclass(frozen=True)
class Clause:
    """One thing to do."""

    kind: Kind
    verb: str
    text: str
    """The clause as it stands, quoted texts left out."""
    quoted: tuple[str, ...]
    before: tuple[str, ...]
    """For each quoted text, what stands before it."""
    words: tuple[str, ...]
    """Without the verb, stop words and words for kinds of elements."""
    roles: frozenset[str]
    ordinal: int
    """From "3rd"; 0 for none."""

    def phrases(self) -> tuple[str, ...]:
        """What it names, one or several."""
        if self.quoted:
            return self.quoted
        rest = re.sub(rf"^\W*{re.escape(self.verb)}\b", "", self.text, flags=re.I)
        rest = re.split(r"\s(?:with|from|in|on|using|into|by)\s+the\s", rest)[0]
        parts = [part for part in re.split(r",\s*(?:and\s+)?|\s+and\s+|\s*>\s*", rest) if part.strip()]
        if len(parts) > 1:
            return tuple(_trimmed(part) for part in parts[:MAX_PHRASES])
        return (" ".join(self.names or self.words[:MAX_PHRASES]),) if self.words else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Words that stand out: capitals and digits."""
        found = (word for word in self.words if word[:1].isupper() or any(sign.isdigit() for sign in word))
        return tuple(found)[:MAX_NAMES]


@lru_cache(maxsize=64)
def read(goal: str) -> tuple[Clause, ...]:
    """The clauses of a goal."""
    quoted: list[str] = []

    def keep(match: re.Match[str]) -> str:
        quoted.append(match[1] or match[2])
        return f"\0{len(quoted) - 1}\0"

    text = _QUOTED.sub(keep, goal[:MAX_GOAL].replace("\0", " "))
    parts = [part.strip() for part in _SPLIT.split(text) if part.strip()]
    return tuple(_clause(part, quoted) for part in parts[:MAX_CLAUSES])


def _clause(part: str, quoted: list[str]) -> Clause:
    numbers = [int(found) for found in _MARK.findall(part)][:MAX_PHRASES]
    pieces = _MARK.split(part)[::2]
    plain = " ".join(_MARK.sub(" ", part).split())
    words = _WORD.findall(plain)
    verb = next((word.lower() for word in words if word.lower() in KIND_OF), "")
    lowered = [word.lower() for word in words]
    ordinal = _ORDINAL.search(plain)
    return Clause(
        kind=KIND_OF.get(verb, Kind.OTHER),
        verb=verb,
        text=plain,
        quoted=tuple(quoted[number] for number in numbers),
        before=tuple(piece.strip() for piece in pieces[: len(numbers)]),
        words=tuple(
            word
            for word in words
            if word.lower() not in STOP_WORDS and word.lower() not in ROLES and not _ORDINAL.fullmatch(word)
            and word.lower() != verb
        ),
        roles=frozenset(role for word in lowered for role in ROLES.get(word, ())),
        ordinal=int(ordinal[1]) if ordinal else next((_SAID[word] for word in lowered if word in _SAID), 0),
    )  # fmt: skip


def _trimmed(part: str) -> str:
    """A part of a list without words that only introduce it."""
    return re.sub(r"^.*?\b(?:like|to|of|item|items|named|called)\b:?\s+(?=\S)", "", part.strip(" :,.;")).strip()
