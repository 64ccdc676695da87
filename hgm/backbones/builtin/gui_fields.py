"""What goes into which field: quoted values, looked-up values, copies."""

import re
from itertools import pairwise

from hgm.backbones.builtin import gui_match
from hgm.backbones.builtin.gui_goal import STOP_WORDS, Clause
from hgm.backbones.builtin.gui_page import Element, Page

_EVERY = re.compile(r"\b(?:both|all|each|every)\b", re.IGNORECASE)
_LOWER = re.compile(r"\blower[ -]?case\b", re.IGNORECASE)
_UPPER = re.compile(r"\b(?:upper[ -]?case|capitals?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
MAX_PAIRS = 200


def wanted(page: Page, clause: Clause) -> list[tuple[Element, str]]:
    """Fields and what is to stand in them."""
    fields = [item for item in page.fields() if not _has_options(page, item)]
    if not fields:
        return []
    values = [_changed(value, clause.text) for value in clause.quoted]
    if not values:
        return looked_up(page, clause, fields)
    if len(values) == 1 and _EVERY.search(clause.text):
        return [(field, values[0]) for field in fields]
    if len(values) == 1 and 0 < clause.ordinal <= len(fields):
        return [(fields[clause.ordinal - 1], values[0])]
    found: list[tuple[Element, str]] = []
    for number, value in enumerate(values):
        rest = [field for field in fields if field not in [taken for taken, _ in found]] or fields
        hint = next((word for word in reversed(clause.before[number].split()) if word not in STOP_WORDS), "")
        scored = gui_match.find(page, hint, rest) if hint else []
        best = scored[0][1] if scored and scored[0][0] >= gui_match.SURE * 0.7 else rest[0]
        found.append((best, value))
    return found


def looked_up(page: Page, clause: Clause, fields: list[Element]) -> list[tuple[Element, str]]:
    """Values that the page itself tells under a name that the goal, or a field, has."""
    told = pairs(page)
    if not told and (text := spelled(page)) and "text" in clause.text.split():
        return [(fields[0], text)]
    names = [name for name, _ in told]
    named = max(names, key=lambda name: gui_match.likeness(" ".join(clause.words), name), default="")
    if named and gui_match.likeness(named, " ".join(clause.words)) >= gui_match.SURE:
        return [(fields[0], dict(told)[named])]
    found = []
    for field in fields:
        label = page.label(field).rstrip(":")
        near = max(names, key=lambda name: gui_match.likeness(label, name), default="") if label else ""
        if near and gui_match.likeness(label, near) >= gui_match.SURE:
            found.append((field, dict(told)[near]))
    return found


def spelled(page: Page) -> str:
    """A text that the page shows in pieces, one element after the other; empty if it shows none so."""
    pieces: list[Element] = []
    for item in page.elements:
        if 0 < len(item.said) <= 2 and not item.pressable and (not pieces or item.parent == pieces[0].parent):
            pieces.append(item)
    return "".join(item.said for item in pieces) if len(pieces) > 1 else ""


def pairs(page: Page) -> list[tuple[str, str]]:
    """What stands beside what in a row."""
    found: list[tuple[str, str]] = []
    for row in page.elements:
        if row.role == "row" and len(found) < MAX_PAIRS:
            cells = [item.said for item in page.inside(row) if item.role in ("cell", "rowheader", "gridcell")]
            found += [(name, value) for name, value in pairwise(cells) if name and value]
    return found


def mentioned(page: Page, clause: Clause) -> list[tuple[Element, str]]:
    """Values that the goal gives without quotes: the word beside one that is like a field's label."""
    found = []
    words = clause.text.split()
    for field in page.fields():
        label = page.label(field)
        places = [number for number, word in enumerate(words) if label and _means(label, word)]
        if places:
            found.append((field, _beside(words, places[0])))
    rest = [field for field in page.fields() if field not in [taken for taken, _ in found]]
    used = {value for _, value in found}
    left = [word for word in clause.words if word not in used and word.islower() and not word.endswith("ed")]
    if found and len(rest) == 1 and left:
        found.append((rest[0], left[0]))
    return [(field, value) for field, value in found if value]


def copied(page: Page, clause: Clause) -> tuple[Element, Element] | None:
    """The field whose text is to go into another, and that one."""
    fields = page.fields()
    full = [item for item in fields if item.text]
    if len(fields) < 2 or not full:
        return None
    source = full[clause.ordinal - 1] if 0 < clause.ordinal <= len(full) else full[0]
    return source, next(item for item in reversed(fields) if item is not source)


def numbers(text: str) -> list[float]:
    """The numbers in a text."""
    return [float(found) for found in _NUMBER.findall(text[:400])[:20]]


def _has_options(page: Page, field: Element) -> bool:
    return any(item.role == "option" for item in page.inside(field))


def _changed(value: str, text: str) -> str:
    return value.lower() if _LOWER.search(text) else value.upper() if _UPPER.search(text) else value


def _means(label: str, word: str) -> bool:
    return any(
        len(part) >= 4 and part[:5].lower() == word.strip(",.")[:5].lower() and len(word) >= 4 for part in label.split()
    )


def _beside(words: list[str], place: int) -> str:
    """The value next to a word: a name or number after it, else the word before."""
    for word in words[place + 1 : place + 3]:
        if word[:1].isupper() or word[:1].isdigit():
            return word.strip(",.")
    return words[place - 1].strip(",.") if place > 0 else ""
