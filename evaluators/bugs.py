"""Puts bugs into correct programs, as edits of the text, so that a bug looks like what somebody typed.

The families of bugs are chosen from what people get wrong; they know nothing of how any agent or backbone repairs.
`SINGLE` bugs are one edit of one expression or statement. `WIDE` bugs are more: a missing branch, several missing
lines, two bugs at once, a wrong step of the algorithm, a wrong data structure.
"""

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from evaluators.families.draft import Mistake
from evaluators.program_text import Edit, Text


class Bug(NamedTuple):
    """One way to break a program."""

    kind: str
    edits: tuple[Edit, ...]


SINGLE = (
    "comparison", "bound", "constant", "operator", "variable", "swapped", "negation", "initial", "call", "order",
    "missing-update", "misplaced",
)  # fmt: skip
WIDE = ("missing-branch", "missing-lines", "two-bugs", "wrong-step", "wrong-structure")

_COMPARE = {
    "<": ("<=", ">", ">="), "<=": ("<", ">=", ">"), ">": (">=", "<", "<="), ">=": (">", "<=", "<"),
    "==": ("!=", "<=", ">="), "!=": ("==", "<"), "in": ("not in",), "not in": ("in",), "is": ("is not",),
    "is not": ("is",),
}  # fmt: skip
_BINARY = {
    "+": ("-",), "-": ("+",), "*": ("+",), "//": ("%", "*"), "%": ("//",), "&": ("|", "^"), "|": ("&", "^"),
    "^": ("&", "|"), "<<": (">>",), ">>": ("<<",), "/": ("//",),
}  # fmt: skip
_CALLS = {
    "min": "max", "max": "min", "any": "all", "all": "any", "append": "extend", "extend": "append", "popleft": "pop",
    "lower": "upper", "upper": "lower", "startswith": "endswith", "endswith": "startswith", "keys": "values",
    "values": "keys", "isdigit": "isalpha", "isalpha": "isdigit", "strip": "lstrip", "rstrip": "lstrip",
    "find": "rfind", "union": "intersection", "discard": "add", "add": "discard", "isupper": "islower",
    "islower": "isupper", "divmod": "max",
}  # fmt: skip


def _operator_text(op: ast.AST) -> str:
    signs = {
        ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
        ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
        ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<",
        ast.RShift: ">>", ast.Div: "/",
    }  # fmt: skip
    return signs.get(type(op), "")


def _comparisons(text: Text) -> Iterator[Edit | None]:
    for node in text.expressions():
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            for left, op, right in zip(operands, node.ops, operands[1:], strict=False):
                old = _operator_text(op)
                for new in _COMPARE.get(old, ()):
                    yield text.between(left, right, old, new)


def _shifted(text: Text, node: ast.expr) -> Iterator[Edit]:
    shown = text.of(node)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield text.replace(node, str(node.value + 1))
        if node.value > 0:
            yield text.replace(node, str(node.value - 1))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and text.of(node.right) == "1":
        yield text.replace(node, text.of(node.left))
    else:
        yield text.replace(node, f"{shown} + 1")
        yield text.replace(node, f"{shown} - 1")


def _bounds(text: Text) -> Iterator[Edit | None]:
    for node in text.expressions():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            for argument in node.args[:2]:
                yield from _shifted(text, argument)
        elif isinstance(node, ast.Slice):
            for part in (node.lower, node.upper):
                if part is not None:
                    yield from _shifted(text, part)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name | ast.BinOp):
            yield from _shifted(text, node.slice)
        elif isinstance(node, ast.Compare):
            last = node.comparators[-1]
            if isinstance(last, ast.BinOp) or (isinstance(last, ast.Call) and text.of(last).startswith("len(")):
                yield from _shifted(text, last)


def _constants(text: Text) -> Iterator[Edit | None]:
    strings = sorted(
        {node.value for node in text.expressions() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    )
    for node in text.expressions():
        if not isinstance(node, ast.Constant):
            continue
        if type(node.value) is int:
            news = {node.value + 1, node.value - 1, node.value * 2, node.value // 10, -node.value} - {node.value}
            yield from (text.replace(node, str(new)) for new in sorted(news) if new >= 0)
        elif type(node.value) is str:
            yield from (text.replace(node, repr(other)) for other in strings if other != node.value)


def _operators(text: Text) -> Iterator[Edit | None]:
    for node in text.expressions():
        if isinstance(node, ast.BinOp):
            old = _operator_text(node.op)
            for new in _BINARY.get(old, ()):
                yield text.between(node.left, node.right, old, new)
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield text.between(left, right, old, new)
    for block in text.blocks():
        for stmt in block:
            if isinstance(stmt, ast.AugAssign):
                old = _operator_text(stmt.op)
                for new in ("-", "+", "*"):
                    if new != old and old in _BINARY:
                        yield text.between(stmt.target, stmt.value, old + "=", new + "=")
                yield text.between(stmt.target, stmt.value, old + "=", "=")


def _variables(text: Text) -> Iterator[Edit | None]:
    for function in text.functions():
        local = sorted(
            {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
            | {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        )
        for block in text.blocks():
            for stmt in block:
                if isinstance(stmt, ast.For | ast.While | ast.If):
                    head: list[ast.expr] = [stmt.iter if isinstance(stmt, ast.For) else stmt.test]
                    written: set[str] = set()
                else:
                    head = [node for node in ast.walk(stmt) if isinstance(node, ast.expr)]
                    written = {
                        node.id for node in head if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                    }
                for node in head:
                    for name in ast.walk(node):
                        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load) and name.id in local:
                            # A variable added to itself in a loop would double without end.
                            yield from (
                                text.replace(name, other)
                                for other in local
                                if other != name.id and other not in written
                            )


def _swaps(text: Text) -> Iterator[Edit | None]:
    for node in text.expressions():
        if isinstance(node, ast.Call | ast.Tuple):
            items = node.args if isinstance(node, ast.Call) else node.elts
            if len(items) >= 2 and isinstance(getattr(node, "ctx", None), ast.Load | None):
                first, second = items[0], items[1]
                start, end = text.span(first)[0], text.span(second)[1]
                glue = text.source[text.span(first)[1] : text.span(second)[0]]
                yield Edit(start, end, text.of(second) + glue + text.of(first))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Mod | ast.Add):
            glue = text.source[text.span(node.left)[1] : text.span(node.right)[0]]
            if "(" not in glue and ")" not in glue:
                yield text.replace(node, text.of(node.right) + glue + text.of(node.left))


def _negations(text: Text) -> Iterator[Edit | None]:
    tests = [
        stmt.test for block in text.blocks() for stmt in block if isinstance(stmt, ast.If | ast.While)
    ] + [node.test for node in text.expressions() if isinstance(node, ast.IfExp)]  # fmt: skip
    for test in tests:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield text.replace(test, text.of(test.operand))
        elif isinstance(test, ast.BoolOp | ast.Compare):
            yield text.replace(test, f"not ({text.of(test)})")
        else:
            yield text.replace(test, f"not {text.of(test)}")
        if isinstance(test, ast.BoolOp):
            yield from (text.replace(test, text.of(part)) for part in test.values)


def _initials(text: Text) -> Iterator[Edit | None]:
    for function in text.functions():
        for stmt in function.body:
            if not isinstance(stmt, ast.Assign):
                continue
            value = stmt.value
            if isinstance(value, ast.Constant) and type(value.value) is bool:
                yield text.replace(value, str(not value.value))
            elif isinstance(value, ast.Constant) and type(value.value) is int:
                yield text.replace(value, "1" if value.value == 0 else "0")
            elif isinstance(value, ast.List | ast.Dict) and text.of(value) != "[]":
                yield text.replace(value, "[]" if isinstance(value, ast.List) else "{}")
            elif isinstance(value, ast.List):
                yield text.replace(value, "[0]")
            elif isinstance(value, ast.Subscript | ast.Name):
                yield text.replace(value, "0")


def _calls(text: Text) -> Iterator[Edit | None]:
    for node in text.expressions():
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            called = node.func.id
            if called in ("sorted", "reversed", "list", "abs", "set") and node.args:
                yield text.replace(node, text.of(node.args[0]))
            if called == "sorted" and "reverse" not in text.of(node):
                yield text.replace(node, text.of(node)[:-1] + ", reverse=True)")
        elif isinstance(node.func, ast.Attribute):
            called = node.func.attr
            if called == "pop" and not node.args:
                yield text.replace(node, text.of(node)[:-1] + "0)")
            if called == "sort" and not node.args:
                yield text.replace(node, text.of(node)[:-1] + ("" if not node.keywords else ", ") + "reverse=True)")
            if called in ("lower", "upper", "strip") and not node.args:
                yield text.replace(node, text.of(node.func.value))
        else:
            continue
        if called in _CALLS:
            end = text.span(node.func)[1]
            yield Edit(end - len(called), end, _CALLS[called])


def _simple(stmt: ast.stmt) -> bool:
    return isinstance(stmt, ast.Assign | ast.AugAssign | ast.Expr) and stmt.lineno == stmt.end_lineno


def _orders(text: Text) -> Iterator[Edit | None]:
    for block in text.blocks():
        for first, second in itertools.pairwise(block):
            if _simple(first) and not isinstance(second, ast.FunctionDef | ast.Return) and second.end_lineno:
                start, end = text.lines(first.lineno, second.end_lineno)
                middle = text.lines(second.lineno, second.lineno)[0]
                yield Edit(start, end, text.source[middle:end] + text.source[start:middle])


def _delete(text: Text, block: Sequence[ast.stmt], gone: Sequence[ast.stmt]) -> Edit:
    start, end = text.lines(gone[0].lineno, gone[-1].end_lineno or gone[-1].lineno)
    emptied = len(gone) == len(block) and not text.line(gone[0].lineno).lstrip().startswith("elif")
    return Edit(start, end, " " * gone[0].col_offset + "pass\n" if emptied else "")


def _missing_updates(text: Text) -> Iterator[Edit | None]:
    for block in text.blocks():
        for stmt in block:
            if (
                _simple(stmt)
                or isinstance(stmt, ast.Break | ast.Continue)
                or (isinstance(stmt, ast.If) and not stmt.orelse and (stmt.end_lineno or 0) == stmt.lineno + 1)
            ):
                yield _delete(text, block, [stmt])


def _misplaced(text: Text) -> Iterator[Edit | None]:
    for block in text.blocks():
        for before, stmt in itertools.pairwise(block):
            inner = isinstance(before, ast.For | ast.While | ast.If)
            if inner and stmt.lineno == stmt.end_lineno and stmt.lineno == (before.end_lineno or 0) + 1:
                start, end = text.lines(stmt.lineno, stmt.lineno)
                yield Edit(start, end, "    " + text.source[start:end])
        for owner in block:
            inside = getattr(owner, "body", [])
            if isinstance(owner, ast.For | ast.While | ast.If) and len(inside) > 1 and not owner.orelse:
                last = inside[-1]
                if last.lineno == last.end_lineno and not isinstance(last, ast.Continue | ast.Break):
                    start, end = text.lines(last.lineno, last.lineno)
                    yield Edit(start, end, text.source[start + 4 : end])


def _missing_branches(text: Text) -> Iterator[Edit | None]:
    for block in text.blocks():
        for stmt in block:
            if not isinstance(stmt, ast.If):
                continue
            if not stmt.orelse:
                if (stmt.end_lineno or 0) - stmt.lineno >= 2:
                    yield _delete(text, block, [stmt])
                continue
            last = stmt.body[-1].end_lineno or 0
            rest_first, rest_last = stmt.orelse[0].lineno, stmt.orelse[-1].end_lineno or 0
            chained = text.line(last + 1).lstrip().startswith("elif")
            if rest_last - last >= 2:
                yield Edit(*text.lines(last + 1, rest_last), "")
            if chained and last > stmt.lineno:
                # The first branch of a chain goes: its `elif` becomes the `if`.
                start, end = text.lines(stmt.lineno, rest_first)
                yield Edit(start, end, text.line(rest_first).replace("elif", text.of(stmt).split()[0], 1))


def _missing_lines(text: Text) -> Iterator[Edit | None]:
    for block in text.blocks():
        for size in (2, 3):
            for first in range(len(block) - size + 1):
                gone = block[first : first + size]
                lines = (gone[-1].end_lineno or 0) - gone[0].lineno + 1
                if 2 <= lines <= 6 and not any(isinstance(stmt, ast.Return | ast.FunctionDef) for stmt in gone):
                    yield _delete(text, block, gone)


_MAKERS: dict[str, Callable[[Text], Iterator[Edit | None]]] = {
    "comparison": _comparisons,
    "bound": _bounds,
    "constant": _constants,
    "operator": _operators,
    "variable": _variables,
    "swapped": _swaps,
    "negation": _negations,
    "initial": _initials,
    "call": _calls,
    "order": _orders,
    "missing-update": _missing_updates,
    "misplaced": _misplaced,
    "missing-branch": _missing_branches,
    "missing-lines": _missing_lines,
}


def edits(text: Text, kind: str) -> list[Edit]:
    """Every edit of a kind, each once, in the order of the text."""
    found = {edit for edit in _MAKERS[kind](text) if edit is not None}
    return sorted(edit for edit in found if text.source[edit.start : edit.end] != edit.text)


def mistakes(text: Text, kind: str, wrong: Sequence[Mistake]) -> list[Edit]:
    """The family's own wrong ideas of a kind, as edits; those whose text this variant lacks are left out."""
    found = []
    for mistake in wrong:
        if mistake.kind == kind and text.source.count(mistake.old) == 1:
            at = text.source.find(mistake.old)
            found.append(Edit(at, at + len(mistake.old), mistake.new))
    return found
