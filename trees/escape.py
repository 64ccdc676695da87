"""Text of agents, models and benchmarks in files that other programs read: nothing in it acts or hides."""

from collections.abc import Sequence

LONGEST = 300
"""Characters of a text in a picture."""
_TOLD = 60
"""Characters of a wrong value in a message, and bits of a number there."""


def visible(text: str, *, keep: str = "") -> str:
    r"""Controls, marks of direction, lone surrogates and what else is not printable as escapes: `\x1b`, `\u202e`.

    What `keep` names stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def shortened(text: str, limit: int = LONGEST) -> str:
    """The same on one line of at most `limit` characters; the last one is an ellipsis where something was cut."""
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def told(value: object) -> str:
    """A wrong value as it was written, if that is short: tables may be deep, and numbers longer than Python prints."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    if isinstance(value, int) and value.bit_length() > _TOLD:
        return f"a whole number of {value.bit_length():,} bits"
    return shortened(repr(value), _TOLD)


def told_apart(names: Sequence[str], limit: int) -> list[str]:
    """Names on one line of at most `limit` characters each, cut in the middle, since options differ at their ends.

    Those that would still look the same end in their number among all, counted from 1.
    """
    shown = [_cut(name, limit) for name in names]
    endings = [f" {number}" if shown.count(one) > 1 else "" for number, one in enumerate(shown, start=1)]
    return [_cut(name, limit - len(ending)) + ending for name, ending in zip(names, endings, strict=True)]


def _cut(text: str, limit: int) -> str:
    """The beginning and the end, with an ellipsis for what was between."""
    if len(text) > 2 * limit:  # what is far from both ends needs no escapes
        text = text[:limit] + text[-limit:]
    shown = visible(text)
    kept = max(0, limit - 1)
    return shown if len(shown) <= limit else f"{shown[: kept - kept // 2]}…{shown[len(shown) - kept // 2 :]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
