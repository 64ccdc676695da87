"""Skills: for one clause of a goal, the next action, or that it is done, or that what it needs is not in sight."""

import re
from collections.abc import Callable, Iterable

from hgm.backbones.builtin import gui_fields, gui_match, gui_places
from hgm.backbones.builtin.gui_goal import Clause, Kind
from hgm.backbones.builtin.gui_page import FIELDS, TICKS, Element
from hgm.backbones.builtin.gui_turn import Move, Status, Turn

MAX_LISTS = 12
_MOST = re.compile(r"\b(?:greatest|largest|highest|biggest|maximum|most)\b", re.IGNORECASE)
_LEAST = re.compile(r"\b(?:smallest|lowest|least|minimum|fewest)\b", re.IGNORECASE)
_BOUND = re.compile(
    r"\b(less|lower|smaller|below|under|greater|more|higher|larger|above|over)\b(?: than)? \$?(-?[\d.]*\d)", re.I
)
_BELOW = ("less", "lower", "smaller", "below", "under")
_RANGE = re.compile(r"(-?\d+)\s*(?:-|to|and)\s*(\d+)")
_VALUE = re.compile(r"[$ ]*(-?\d{1,9}(?:\.\d{1,6})?)[ %]*")
_NOTHING = re.compile(r"\b(?:nothing|none)\b", re.IGNORECASE)


def do(turn: Turn, clause: Clause) -> Move | Status:
    """The next action for a clause."""
    return _SKILLS.get(clause.kind, other)(turn, clause)


def press(turn: Turn, clause: Clause) -> Move | Status:
    """Press what is named, in its order."""
    if _MOST.search(clause.text) or _LEAST.search(clause.text):
        return extreme(turn, clause)
    phrases = clause.phrases() or ((clause.verb,) if not clause.roles else ("",))
    if clause.ordinal and not clause.quoted:
        return nth(turn, clause)
    return _each(press_one(turn, phrase, clause) for phrase in phrases)


def press_one(turn: Turn, phrase: str, clause: Clause) -> Move | Status:
    """Press the one thing that a phrase names."""
    if turn.talk.said(phrase):
        return Status.DONE
    candidates = [item for item in turn.page.elements if item.ref and item.role not in FIELDS]
    element = turn.choose(gui_match.find(turn.page, phrase, candidates, roles=clause.roles))
    if element is None:
        place = gui_places.word(turn.page, phrase, turn.rng) if phrase else None
        return Move("mouse_click", {"x": place[0], "y": place[1]}, phrase) if place else _unnamed(turn, clause)
    if element.role in TICKS:
        return Status.DONE if _ticked(element) else turn.click(element, phrase)
    if "disabled" in element.states:
        return Status.MISSING
    return Status.DONE if turn.talk.done(element.ref) else turn.click(element, phrase)


def nth(turn: Turn, clause: Clause) -> Move | Status:
    """The third of its kind, as the page shows them."""
    items = [item for item in turn.page.elements if item.ref and item.role in clause.roles]
    if not 0 < clause.ordinal <= len(items):
        return Status.MISSING
    element = items[clause.ordinal - 1]
    if _ticked(element) or turn.talk.done(element.ref):
        return Status.DONE
    return turn.click(element, f"number {clause.ordinal}")


def extreme(turn: Turn, clause: Clause) -> Move | Status:
    """The element with the greatest or the smallest number."""
    valued = _valued(turn)
    if not valued:
        return Status.MISSING
    pick_one = max if _MOST.search(clause.text) else min
    element = pick_one(valued, key=lambda pair: pair[0])[1]
    return Status.DONE if turn.talk.done(element.ref) else turn.click(element, element.said)


def pick(turn: Turn, clause: Clause) -> Move | Status:
    """Tick or choose what is listed."""
    if _NOTHING.search(clause.text):
        return Status.DONE
    phrases = clause.phrases()
    if "spinbutton" in clause.roles or "slider" in clause.roles:
        return number(turn, clause)
    if not phrases or _MOST.search(clause.text) or _LEAST.search(clause.text) or clause.ordinal:
        return press(turn, clause)
    if ">" in clause.text:
        return path(turn, phrases, clause)
    chosen = choose_options(turn, phrases)
    return chosen if chosen is not None else _each(press_one(turn, phrase, clause) for phrase in phrases)


def path(turn: Turn, phrases: tuple[str, ...], clause: Clause) -> Move | Status:
    """One thing within another: the mouse goes over those that only open, and presses the last."""
    for phrase in phrases[:-1]:
        found = press_one(turn, phrase, clause)
        if isinstance(found, Move):
            return Move("hover", found.arguments, phrase) if found.name == "click" else found
    return press_one(turn, phrases[-1], clause)


def choose_options(turn: Turn, phrases: tuple[str, ...]) -> Move | Status | None:
    """In a list or a combobox; None if there is none with such options."""
    boxes = [item for item in turn.page.elements if item.role in ("combobox", "listbox") and item.ref]
    for box in boxes[:MAX_LISTS]:
        options = [item for item in turn.page.inside(box) if item.role == "option"]
        found = [turn.choose(gui_match.find(turn.page, phrase, options)) for phrase in phrases]
        meant = [item for item in found if item is not None]
        if not meant:
            continue
        if all("selected" in item.states for item in meant):
            return Status.DONE
        return Move("select_option", {"bid": box.ref, "options": [item.said for item in meant]}, meant[0].said)
    return None


def number(turn: Turn, clause: Clause) -> Move | Status:
    """Set a number."""
    values = gui_fields.numbers(clause.text)
    boxes = [item for item in turn.page.elements if item.role == "spinbutton" and item.ref]
    if not values or not boxes:
        return Status.MISSING
    value = f"{values[0]:g}"
    if boxes[0].text == value:
        return Status.DONE
    return Move("fill", {"bid": boxes[0].ref, "value": value}, value)


def fill(turn: Turn, clause: Clause) -> Move | Status:
    """Put values into fields."""
    wanted = gui_fields.wanted(turn.page, clause)
    return _filled(turn, wanted) if wanted else Status.MISSING


def copy(turn: Turn, clause: Clause) -> Move | Status:
    """Put the text of one field into another, with the keys for that."""
    if clause.verb == "paste" or not (found := gui_fields.copied(turn.page, clause)):
        return Status.DONE
    source, target = found
    if target.text and target.text == source.text:
        return Status.DONE
    pressed = [(item.ref, item.arguments.get("key_comb")) for item in turn.talk.actions if not item.failed]
    for ref, keys in ((source.ref, "Control+a"), (source.ref, "Control+c"), (target.ref, "Control+v")):
        if (ref, keys) not in pressed:
            return Move("press", {"bid": ref, "key_comb": keys}, keys)
    return Status.DONE


def drag(turn: Turn, clause: Clause) -> Move | Status:
    """Drag what is named to the place that is named."""
    phrase = clause.quoted[0] if clause.quoted else " ".join(clause.names)
    leaves = [item for item in turn.page.elements if item.ref and item.said and item.role not in ("heading", "button")]
    element = turn.choose(gui_match.find(turn.page, phrase, leaves))
    if element is None:
        return Status.MISSING
    items = [item for item in leaves if item.depth == element.depth and item.role == element.role]
    place = gui_places.at(items, clause.text)
    if place is None and 0 < clause.ordinal <= len(items):
        place = items[clause.ordinal - 1]
    if place is None:
        return Status.MISSING
    return Status.DONE if place is element else _dragged(element, place)


def highlight(turn: Turn, clause: Clause) -> Move | Status:
    """Draw the mouse over a text, from its beginning to its end."""
    texts = [item for item in turn.page.elements if item.box and item.said and not item.pressable]
    texts = [item for item in texts if item.role == "paragraph"] or texts
    if not texts or clause.ordinal > len(texts):
        return Status.MISSING
    item = texts[clause.ordinal - 1] if clause.ordinal else max(texts, key=lambda text: len(text.said))
    if turn.talk.said(item.said[:40]) or not item.box:
        return Status.DONE
    x, y, width, height = item.box
    arguments = {"from_x": x, "from_y": y + 1, "to_x": x + width - 1, "to_y": y + height - 1}
    return Move("mouse_drag_and_drop", arguments, item.said[:40])


def sort(turn: Turn, clause: Clause) -> Move | Status:
    """Drag the first number that is out of its order to where it belongs."""
    valued = [(value, item) for value, item in _valued(turn) if item.role != "button"]
    down = bool(re.search(r"\b(?:decreas|descend)", clause.text))
    order = sorted(valued, key=lambda pair: pair[0], reverse=down)
    for (_, here), (_, wanted) in zip(valued, order, strict=True):
        if here is not wanted:
            return _dragged(wanted, here)
    return Status.DONE if valued else Status.MISSING


def seek(turn: Turn, clause: Clause) -> Move | Status:
    """Look for what is named, and open it."""
    if mentioned := gui_fields.mentioned(turn.page, clause):
        return _filled(turn, mentioned)
    if clause.quoted and turn.page.fields():
        return fill(turn, clause)
    if not clause.words and not clause.quoted:
        return Status.DONE
    found = press_one(turn, " ".join(clause.quoted or clause.names or clause.words), clause)
    return found if isinstance(found, Move) else Status.DONE


def guess(turn: Turn, clause: Clause) -> Move | Status:
    """A number that agrees with what the page says of the last one."""
    boxes = turn.page.fields()
    limits = _RANGE.search(clause.text)
    if not boxes or not limits:
        return Status.MISSING
    low, high = int(limits[1]), int(limits[2])
    for item in turn.page.elements:
        if item.role not in FIELDS and (bound := _BOUND.search(item.said)):
            value = int(float(bound[2]))
            low, high = (low, min(high, value - 1)) if bound[1].lower() in _BELOW else (max(low, value + 1), high)
    last = turn.talk.last
    if last is not None and last.ref == boxes[0].ref and not last.failed:
        return Status.DONE
    value = turn.rng.randint(min(low, high), max(low, high))
    return Move("fill", {"bid": boxes[0].ref, "value": str(value)}, str(value))


def other(turn: Turn, clause: Clause) -> Move | Status:
    """A verb that the page may have an element for; with a condition, until it holds."""
    bound = _BOUND.search(clause.text)
    if bound and _holds(turn, bound) != ("when" in clause.text.split()):
        return turn.wait() if "when" in clause.text.split() else Status.DONE
    if clause.quoted and turn.page.fields():
        return fill(turn, clause)
    found = [item for item in turn.page.elements if item.ref and item.said]
    element = turn.choose(gui_match.find(turn.page, clause.verb, found)) if clause.verb else None
    if element is not None and (bound or not turn.talk.done(element.ref)):
        return turn.click(element, clause.verb)
    if clause.names and turn.page.fields():
        return _filled(turn, [(turn.page.fields()[0], clause.names[0])])
    results = [press_one(turn, name, clause) for name in clause.names] if element is None else []
    return next((result for result in results if isinstance(result, Move)), icon(turn))


def _unnamed(turn: Turn, clause: Clause) -> Move | Status:
    return icon(turn) if "img" in clause.roles else Status.MISSING


def icon(turn: Turn) -> Move | Status:
    """Something to press that says nothing of itself, and was not tried."""
    found = [item for item in turn.page.silent() if not turn.talk.done(item.ref)]
    return turn.click(turn.rng.choice(found), "an icon") if found else Status.MISSING


def _valued(turn: Turn) -> list[tuple[float, Element]]:
    """Elements that say a number and nothing else."""
    said = [(item, _VALUE.fullmatch(item.said[:24])) for item in turn.page.elements if item.ref]
    return [(float(match[1]), item) for item, match in said if match]


def _holds(turn: Turn, bound: re.Match[str]) -> bool:
    """Whether the number that the page shows is within the bound."""
    shown = [value for item in turn.page.elements if not item.pressable for value in gui_fields.numbers(item.said)]
    limit = float(bound[2])
    return bool(shown) and (shown[-1] < limit if bound[1].lower() in _BELOW else shown[-1] > limit)


def _each(results: Iterable[Move | Status]) -> Move | Status:
    """The first thing to do; if there is none, whether something is missing."""
    missing = False
    for result in results:
        if isinstance(result, Move):
            return result
        missing |= result is Status.MISSING
    return Status.MISSING if missing else Status.DONE


def _filled(turn: Turn, wanted: list[tuple[Element, str]]) -> Move | Status:
    for field, value in wanted:
        if field.text != value:
            if any(item.arguments.get("value") == value for item in turn.talk.done(field.ref)):
                continue
            return Move("fill", {"bid": field.ref, "value": value}, value)
    return Status.DONE


def _dragged(element: Element, place: Element) -> Move:
    return Move("drag_and_drop", {"from_bid": element.ref, "to_bid": place.ref}, element.said)


def _ticked(element: Element) -> bool:
    return bool(element.states & {"checked", "selected"}) and element.role in TICKS


_SKILLS: dict[Kind, Callable[[Turn, Clause], Move | Status]] = {
    Kind.PRESS: press, Kind.PICK: pick, Kind.TYPE: fill, Kind.COPY: copy, Kind.DRAG: drag, Kind.SORT: sort,
    Kind.SEEK: seek, Kind.GUESS: guess, Kind.HIGHLIGHT: highlight, Kind.OTHER: other,
}  # fmt: skip
