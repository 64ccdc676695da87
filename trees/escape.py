"""Text of agents, models and benchmarks in files that other programs read: nothing in it acts or hides."""

LONGEST = 300
"""Characters of a text in a picture."""


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


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
