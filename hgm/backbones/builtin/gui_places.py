"""Where on the page something is: a word in a paragraph, a place in a list or a grid. Estimates, from the boxes."""

import re
import textwrap
from collections.abc import Sequence
from random import Random

from hgm.backbones.builtin.gui_page import Element, Page

MAX_TEXT = 4_000
_LINE = 11
_ROWS = {"top": 0.0, "upper": 0.0, "middle": 0.5, "bottom": 1.0, "lower": 1.0}
_COLUMNS = {"left": 0.0, "center": 0.5, "right": 1.0}


def word(page: Page, phrase: str, rng: Random) -> tuple[int, int] | None:
    """About where a word stands that is part of a longer text; other draws differ a little."""
    pattern = re.compile(rf"(?<!\w){re.escape(phrase[:100])}(?!\w)")
    for item in page.elements:
        match = pattern.search(item.said[:MAX_TEXT]) if item.box and len(item.said) > len(phrase) else None
        if match and item.box:
            x, y, width, height = item.box
            rows = _wrapped(item.said[:MAX_TEXT], max(1, round(height / _line_height(page))))
            row, column = _place(rows, match.start() + len(match[0]) / 2)
            widest = max(len(text) for text in rows)
            shift = rng.uniform(-4, 4)
            return round(x + width * column / max(widest, 1) + shift), round(y + height * (row + 0.5) / len(rows))
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
    """Of one line of text: the lowest box that holds one."""
    heights = [item.box[3] for item in page.elements if item.box and item.said and item.role in ("generic", "cell")]
    return min((height for height in heights if height >= _LINE - 2), default=_LINE) if heights else _LINE


def _wrapped(text: str, lines: int) -> list[str]:
    """A text broken into so many lines."""
    width = max(1, len(text) // lines)
    for wider in range(width, width + 40):
        rows = textwrap.wrap(text, wider, break_on_hyphens=False)
        if len(rows) <= lines:
            return rows
    return rows


def _place(rows: list[str], offset: float) -> tuple[int, float]:
    for number, text in enumerate(rows):
        if offset <= len(text):
            return number, offset
        offset -= len(text) + 1
    return len(rows) - 1, float(len(rows[-1]))
