"""A page as a conversation shows it: elements read from lines of an accessibility tree, such as

- button "Submit" [ref=e4] [box=10,20,50,20]

What was cut away, or left out by the agent, is not there.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_TEXT = 60_000
"""Characters of one page that are looked at."""
MAX_ELEMENTS = 800
MAX_LINE = 1_500
_LINE = re.compile(r"^( {0,200})- (.*)$")
_HEAD = re.compile(
    r'([a-zA-Z][\w-]{0,30})(?: "((?:[^"\\]|\\.)*)"| /[^/]*/)?((?: \[[^\]\[]{0,60}\]){0,12})(?::\s?(.*))?$'
)
_STATE = re.compile(r"\[([\w-]+)(?:=([^\]]*))?\]")
_BOX = re.compile(r"(-?\d{1,6}),(-?\d{1,6}),(\d{1,6}),(\d{1,6})$")
FIELDS = frozenset({"textbox", "searchbox", "spinbutton", "combobox"})
TICKS = frozenset({"checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio"})
PRESSED = frozenset({"button", "link", "tab", "menuitem", "treeitem", "img", "option", "listitem", "gridcell"})


@dataclass(frozen=True)
class Element:
    """One line of the page."""

    number: int
    depth: int
    parent: int
    """Number of the element that holds it; -1 for none."""
    role: str
    name: str
    text: str
    ref: str
    states: frozenset[str]
    box: tuple[int, int, int, int] | None

    @property
    def said(self) -> str:
        """What it says of itself."""
        return self.name or self.text

    @property
    def pressable(self) -> bool:
        """Whether it looks as if one could click it."""
        return self.role in PRESSED or self.role in TICKS or "cursor" in self.states


@dataclass(frozen=True)
class Page:
    """The elements, in the order of the page."""

    elements: tuple[Element, ...]

    def get(self, ref: str) -> Element | None:
        """The element with a ref."""
        return next((item for item in self.elements if ref and item.ref == ref), None)

    def fields(self) -> list[Element]:
        """Where text can be put in."""
        return [item for item in self.elements if item.role in FIELDS and item.ref and "disabled" not in item.states]

    def silent(self) -> list[Element]:
        """What can be pressed and says nothing of itself, such as an icon."""
        return [
            item
            for item in self.elements
            if item.ref and item.pressable and not self.label(item) and not any(part.said for part in self.inside(item))
        ]

    def inside(self, element: Element) -> Iterator[Element]:
        """Everything below an element."""
        for item in self.elements[element.number + 1 :]:
            if item.depth <= element.depth:
                return
            yield item

    def label(self, element: Element) -> str:
        """What a field is called: its name, or what is said just before it."""
        if element.name or element.role not in FIELDS | TICKS:
            return element.said
        if element.role in TICKS and element.number + 1 < len(self.elements):
            following = self.elements[element.number + 1]
            if following.parent == element.parent and following.said:
                return following.said
        for item in reversed(self.elements[max(0, element.number - 4) : element.number]):
            if item.role in FIELDS | TICKS:
                break
            if item.said and item.role != "option":
                return item.said
        return ""


def read(text: str) -> Page | None:
    """The page in a message; None if the message shows none."""
    found: list[Element] = []
    open_at: list[tuple[int, int]] = []
    for line in text[:MAX_TEXT].splitlines():
        match = _LINE.match(line[:MAX_LINE])
        head = _HEAD.match(_unquoted(match[2])) if match else None
        if match is None or head is None or len(found) >= MAX_ELEMENTS:
            continue
        depth = len(match[1])
        while open_at and open_at[-1][0] >= depth:
            open_at.pop()
        found.append(_element(len(found), depth, open_at[-1][1] if open_at else -1, head))
        open_at.append((depth, found[-1].number))
    return Page(tuple(found)) if any(item.ref for item in found) else None


def _element(number: int, depth: int, parent: int, head: re.Match[str]) -> Element:
    states = dict(_STATE.findall(head[3] or ""))
    box = _BOX.match(states.get("box", ""))
    return Element(
        number=number,
        depth=depth,
        parent=parent,
        role=head[1],
        name=_plain(head[2] or ""),
        text=_value(head[4] or ""),
        ref=states.pop("ref", ""),
        states=frozenset(states) - {"box"},
        box=(int(box[1]), int(box[2]), int(box[3]), int(box[4])) if box else None,
    )


def _unquoted(line: str) -> str:
    """A line whose head stands in single quotes, as YAML has it, without them."""
    if not line.startswith("'"):
        return line
    end = re.search(r"(?<!')(?:'')*'(?=:|$)", line[1:])
    return (line[1 : 1 + end.end() - 1] + line[1 + end.end() :]).replace("''", "'") if end else line


def _value(text: str) -> str:
    """What stands after the colon: plain, or in quotes."""
    text = text.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return _plain(text[1:-1])
    return text


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
