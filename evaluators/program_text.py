"""A program's text with its syntax tree: where its parts stand, and small edits that leave the rest as it was."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Replace the characters from `start` to `end` by `text`."""

    start: int
    end: int
    text: str


def apply(source: str, edits: Sequence[Edit]) -> str:
    """The program with the edits made."""
    for edit in sorted(edits, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source


class Text:
    """A program with its syntax tree and the positions of its nodes in the text (ASCII only)."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[end_line - 1] + end_column

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def replace(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        return Edit(*self.span(node), text)

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Edit | None:
        """Replace `old` where it stands alone between two neighbouring expressions."""
        start, end = self.span(left)[1], self.span(right)[0]
        at = self.source.find(old, start, end)
        return None if at < 0 else Edit(at, at + len(old), new)

    def lines(self, first: int, last: int) -> tuple[int, int]:
        """Where the whole lines `first` to `last` (from 1, both included) start and end."""
        return self._starts[first - 1], self._starts[last]

    def line(self, number: int) -> str:
        start, end = self.lines(number, number)
        return self.source[start:end]

    def functions(self) -> Iterator[ast.FunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                yield node

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """Every list of statements inside a function, docstrings left out."""
        for function in self.functions():
            for node in ast.walk(function):
                for field in ("body", "orelse"):
                    block = getattr(node, field, None)
                    if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                        yield [stmt for stmt in block if not _is_docstring(stmt)]

    def expressions(self) -> Iterator[ast.expr]:
        for function in self.functions():
            for stmt in function.body:
                if not _is_docstring(stmt):
                    yield from (node for node in ast.walk(stmt) if isinstance(node, ast.expr))


def _is_docstring(stmt: ast.stmt) -> bool:
    return isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant) and isinstance(stmt.value.value, str)
