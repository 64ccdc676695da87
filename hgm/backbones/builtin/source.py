"""A piece of Python source with its syntax tree, positions as offsets into it, and edits that are unique in it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

MAX_SOURCE = 40_000
MAX_LINE = 600
MAX_NODES = 6_000
_PLAIN = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)


class Candidate(NamedTuple):
    """Put `text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str
    kind: str
    """Family and member of the grammar's rule, such as `cmp.strict`."""
    line: int


@dataclass(frozen=True)
class Source:
    """Text that parses."""

    text: str
    tree: ast.Module
    starts: tuple[int, ...]
    """Offset of the first character of each line."""
    ascii: bool
    nodes: tuple[ast.AST, ...]
    """All of the tree but operators and contexts, outer before inner, in the order of the text."""
    places: dict[int, tuple[int, int]]
    """id of a node -> where it and what is inside it stand in `nodes`."""

    def inside(self, *parts: ast.AST) -> Iterator[ast.AST]:
        """The nodes of subtrees, their tops included."""
        for part in parts:
            start, end = self.places[id(part)]
            yield from self.nodes[start:end]

    def offset(self, line: int, column: int) -> int:
        """The offset of a position as `ast` gives it (columns count UTF-8 bytes)."""
        start = self.starts[line - 1]
        if self.ascii:
            return start + column
        rest = self.text[start : self.starts[line] if line < len(self.starts) else None]
        return start + len(rest.encode()[:column].decode("utf-8", "ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node stands."""
        start = self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return start, self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def line(self, offset: int) -> int:
        """The number, from 1, of the line that holds an offset."""
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= offset else (low, middle)
        return low + 1


def parse(text: str) -> Source | None:
    """The source, or as much of its beginning as parses; None where nothing of use does."""
    if len(text) > MAX_SOURCE:
        text = text[: text.rfind("\n", 0, MAX_SOURCE) + 1]
    if any(len(line) > MAX_LINE for line in text.splitlines()):
        return None
    for _ in range(12):
        tree, trouble = _tree(text)
        if tree is not None:
            return _source(text, tree)
        lines = text.splitlines(keepends=True)
        keep = min(trouble, len(lines)) - 1 if trouble else len(lines) - 1
        while keep > 0 and not lines[keep - 1].strip():
            keep -= 1
        text = "".join(lines[:keep])
        if not text.strip():
            return None
    return None


def _source(text: str, tree: ast.Module) -> Source | None:
    nodes, places = list[ast.AST](), dict[int, tuple[int, int]]()
    try:
        _order(tree, nodes, places)
    except RecursionError:
        return None
    starts = tuple(accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0))
    return Source(text, tree, starts, text.isascii(), tuple(nodes), places) if tree.body else None


def tree_after(source: Source, candidate: Candidate) -> ast.Module | None:
    """The tree after a change; only the outermost statement around it is parsed again. None if it does not parse."""
    for place, node in enumerate(source.tree.body):
        start, end = source.span(node)
        if start <= candidate.start and candidate.end <= end:
            text = source.text[start : candidate.start] + candidate.text + source.text[candidate.end : end]
            part = _tree(text)[0]
            body = [*source.tree.body[:place], *part.body, *source.tree.body[place + 1 :]] if part else []
            return ast.Module(body=body, type_ignores=[]) if part else None
    return _tree(source.text[: candidate.start] + candidate.text + source.text[candidate.end :])[0]


def _tree(text: str) -> tuple[ast.Module | None, int]:
    try:
        return ast.parse(text), 0
    except SyntaxError as error:
        return None, error.lineno or 0
    except (ValueError, RecursionError, MemoryError):
        return None, 0


def unique(parts: tuple[str, ...], text: str, candidate: Candidate) -> tuple[str, str] | None:
    """Old and new text of the edit in whole lines, with so much around it that the old text occurs once in `parts`."""
    start = text.rfind("\n", 0, candidate.start) + 1
    end = text.find("\n", candidate.end)
    end = len(text) if end < 0 else end
    for _ in range(12):
        old = text[start:end]
        if old.strip() and sum(part.count(old) for part in parts) == 1:
            return old, text[start : candidate.start] + candidate.text + text[candidate.end : end]
        if start == 0 and end >= len(text):
            return None
        if start > 0:
            start = text.rfind("\n", 0, start - 1) + 1
        else:
            following = text.find("\n", end + 1)
            end = len(text) if following < 0 else following
    return None


def _order(node: ast.AST, nodes: list[ast.AST], places: dict[int, tuple[int, int]]) -> None:
    start = len(nodes)
    if start >= MAX_NODES:
        raise RecursionError
    nodes.append(node)
    for name in node._fields:
        part = getattr(node, name, None)
        if type(part) is list:
            for item in part:
                if isinstance(item, ast.AST) and not isinstance(item, _PLAIN):
                    _order(item, nodes, places)
        elif isinstance(part, ast.AST) and not isinstance(part, _PLAIN):
            _order(part, nodes, places)
    places[id(node)] = start, len(nodes)
