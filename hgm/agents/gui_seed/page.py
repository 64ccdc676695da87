"""What the model gets to see of a page: its elements, one a line."""

import re

MAX_TEXT = 1000  # characters of a page that the model gets to see
STATES = re.compile(r" \[(?:box=[^\]]*|active|cursor=pointer)\]")  # where things are and what the mouse would do


def message(seen):
    """The page as it is now, as a message."""
    text = "\n".join(line for line in seen["text"].splitlines() if useful(line))
    return {"role": "user", "content": "The page:\n" + shorten(text)}


def useful(line):
    """Whether a line says anything: it names an element or holds a text."""
    return "[ref=" in line and not line.strip().startswith("- /")


def bare(text):
    """A page's text without places and the like, to compare it with another."""
    return STATES.sub("", text)


def shorten(text):
    """Cut what is too long for the model."""
    if len(text) <= MAX_TEXT:
        return text
    return text[:MAX_TEXT] + "\n[cut: %d more characters]" % (len(text) - MAX_TEXT)
