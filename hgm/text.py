"""Text from agents, models and benchmarks on its way to a person, a file or another model: escaped and bounded."""

from trees.escape import visible


def printable(text: str, limit: int = 10_000) -> str:
    """No control characters, escape codes or direction marks; the middle is cut where it is longer than `limit`."""
    return clip(visible(clip(text, limit), keep="\n\t"), limit)


def one_line(text: str, limit: int = 10_000) -> str:
    """The same without ends of lines: what a name says cannot pass for a line of its own."""
    return printable(text, limit).replace("\n", "\\n").replace("\t", "\\t")


def clip(text: str, limit: int) -> str:
    """At most `limit` characters: the beginning and the end, with what was left out counted between them."""
    if len(text) <= limit:
        return text
    mark = f"\n… {len(text) - limit} characters left out …\n"
    keep = max(limit - len(mark), 0)
    return text[: keep - keep // 2] + mark + (text[-(keep // 2) :] if keep > 1 else "")


def quote(text: str, limit: int) -> str:
    """Untrusted text as data inside a prompt: every line behind `| `, so that it cannot end its own quotation."""
    return "\n".join("| " + line for line in printable(text, limit).splitlines())
