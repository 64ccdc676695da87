"""The text of an observation as elements: what a program that acts on pages reads."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEAD = re.compile(
    r'(?P<role>[\w-]+)(?: (?P<name>"(?:[^"\\]|\\.)*"))?(?P<marks>(?: \[[^\]]*\])*)(?::(?: (?P<text>.*))?)?'
)


@dataclass
class Element:
    """One line, and those that are indented below it."""

    role: str
    name: str = ""
    text: str = ""
    ref: str = ""
    box: tuple[float, float, float, float] | None = None
    """Left, top, width, height."""
    marks: dict[str, str] = field(default_factory=dict)
    """What else stands in brackets, e.g. checked, selected, level=2."""
    above: "Element | None" = field(default=None, repr=False)
    below: list["Element"] = field(default_factory=list)

    def __iter__(self) -> Iterator["Element"]:
        """All elements below, as they stand in the text."""
        for found in self.below:
            yield found
            yield from found

    @property
    def words(self) -> str:
        """All that it says, with what is below it."""
        own = self.name or self.text
        return " ".join(filter(None, (own, *(found.words for found in self.below))))

    @property
    def middle(self) -> tuple[float, float]:
        """Where it is clicked."""
        assert self.box is not None
        left, top, width, height = self.box
        return left + width / 2, top + height / 2


def parsed(text: str) -> Element:
    """The root, which stands for the page. Lines that are no elements are left out."""
    root = Element("page")
    open_at: list[tuple[int, Element]] = [(-1, root)]
    for line in text.splitlines():
        if (found := _element(line.strip())) is None:
            continue
        depth = len(line) - len(line.lstrip())
        while open_at[-1][0] >= depth:
            open_at.pop()
        found.above = open_at[-1][1]
        found.above.below.append(found)
        open_at.append((depth, found))
    return root


def _element(line: str) -> Element | None:
    if not line.startswith("- ") or line.startswith("- /"):
        return None
    line = line[2:]
    if line.startswith("'"):
        quoted = re.match(r"'((?:[^']|'')*)'(.*)", line)
        line = quoted[1].replace("''", "'") + quoted[2] if quoted else line
    if (found := _HEAD.fullmatch(line)) is None:
        return None
    made = Element(found["role"], _unquoted(found["name"] or ""), _unquoted((found["text"] or "").strip()))
    for mark in re.findall(r"\[([^\]]*)\]", found["marks"]):
        key, _, value = mark.partition("=")
        if key == "ref":
            made.ref = value
        elif key == "box":
            left, top, width, height = map(float, value.split(","))
            made.box = (left, top, width, height)
        else:
            made.marks[key] = value
    return made


def _unquoted(text: str) -> str:
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return str(json.loads(text))
        except ValueError:
            return text[1:-1]
    return text
