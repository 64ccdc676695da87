"""Where on the page something is: a word in a paragraph, a place in a list or a grid. Estimates, from the boxes."""

import re
from collections.abc import Sequence
from random import Random

from hgm.backbones.builtin.gui_page import Element, Page

MAX_TEXT = 4_000
_LINE = 11
_LEADING = 1.15
"""A line is so much higher than its letters."""
_NARROW = "iljtfrI.,:;'! "
_ROWS = {"top": 0.0, "upper": 0.0, "middle": 0.5, "bottom": 1.0, "lower": 1.0}
_COLUMNS = {"left": 0.0, "center": 0.5, "right": 1.0}


def word(page: Page, phrase: str, rng: Random) -> tuple[int, int] | None:
    """About where a word stands that is part of a longer text; other draws differ a little."""
    pattern = re.compile(rf"(?<!\w){re.escape(phrase[:100])}(?!\w)")
    for item in page.elements:
        match = pattern.search(item.said[:MAX_TEXT]) if item.box and len(item.said) > len(phrase) else None
        if match and item.box:
            x, y, width, height = item.box
            line = _line_height(page)
            size = _size(item.said[:MAX_TEXT], width, max(1, round((height - 3) / line)), line)
            across, row = _position(item.said, match.start(), match.end(), width, size)
            return round(x + across + rng.uniform(-6, 6)), round(y + line * (row + 0.7))
    return None


def at(items: Sequence[Element], text: str) -> Element | None:
    """The one of several elements that stands where a text says, such as "bottom left"."""
    words = text.lower().split()
    row = next((_ROWS[name] for name in words if name in _ROWS), None)
    column = next((_COLUMNS[name] for name in words if name in _COLUMNS), None)
    boxes = [(item, item.box) for item in items if item.box]
    if not boxes or (row is None and column is None):
        return None
    xs, ys = [box[0] for _, box in boxes], [box[1] for _, box in boxes]
    x = min(xs) + (max(xs) - min(xs)) * (0.5 if column is None else column)
    y = min(ys) + (max(ys) - min(ys)) * (0.5 if row is None else row)
    return min(boxes, key=lambda pair: (pair[1][0] - x) ** 2 + (pair[1][1] - y) ** 2)[0]


def _line_height(page: Page) -> int:
    """Of one line of text, judged by short texts that surely take one."""
    heights = [item.box[3] for item in page.elements if item.box and 0 < len(item.said) * 8 <= item.box[2]]
    return min((height for height in heights if _LINE - 2 <= height <= 2 * _LINE), default=_LINE)


def _size(text: str, width: int, lines: int, line: int) -> float:
    """The size of the letters: one at which the text takes as many lines as it does."""
    sizes = [line * percent / 100 for percent in range(60, 130, 5)]
    fitting = [size for size in sizes if _position(text, len(text), len(text), width, size)[1] + 1 == lines]
    return fitting[len(fitting) // 2] if fitting else line / _LEADING


def _position(text: str, start: int, end: int, width: float, size: float) -> tuple[float, int]:
    """Pixels from the left, and line, of the middle of a part of a text that is broken where it is too wide."""
    across, row, offset = 0.0, 0, 0
    for part in text.split(" "):
        long = _length(part) * size
        if across and across + long > width:
            across, row = 0.0, row + 1
        if offset + len(part) >= end:
            return across + (_length(text[offset:start]) + _length(text[start:end]) / 2) * size, row
        across += long + _length(" ") * size
        offset += len(part) + 1
    return across, row


def _length(text: str) -> float:
    """Width of a text in a plain font, for a size of 1."""
    return sum(
        0.28 if sign in _NARROW else 0.8 if sign in "mwMW" else 0.67 if sign.isupper() else 0.54 for sign in text
    )
