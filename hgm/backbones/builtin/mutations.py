"""The repair grammar over expressions: small changes that programmers get wrong, for any Python source.

It names no task and holds no text of one. Every rule is `(node) -> (start, end, text, kind)`; the weights here are
priors: how often such a slip is the culprit, and a rule with many instances at one place shares its weight among them.
"""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hgm.backbones.builtin.source import Candidate, Source

Change: TypeAlias = tuple[int, int, str, str]

PRIORS = {
    "cmp.strict": 3.0, "cmp.flip": 3.0, "cmp.eq": 1.5, "cmp.in": 1.5, "cmp.is": 0.3, "cmp.operand": 0.8,
    "arith.op": 5.0, "arith.swap": 3.5, "arith.drop": 0.7,
    "const.step": 5.0, "const.zero": 0.6, "const.sign": 0.7, "const.flip": 1.5, "const.text": 0.3, "const.seen": 2.5,
    "bound.step": 3.5, "bound.shift": 1.3, "bound.slice": 1.2,
    "name.swap": 9.0, "name.other": 1.5, "name.target": 1.0,
    "call.name": 5.0, "call.swap": 4.5, "call.drop": 0.5, "call.wrap": 0.8, "call.unwrap": 0.9, "call.key": 1.0,
    "bool.op": 3.0, "bool.drop": 1.2, "bool.more": 0.4, "negate": 3.5, "order.reverse": 0.8, "else.swap": 1.0,
    "stmt.delete": 0.9, "stmt.swap": 5.0, "stmt.move": 6.0, "stmt.jump": 1.2, "stmt.update": 4.0, "stmt.insert": 2.5,
    "init.value": 2.0, "init.missing": 9.0, "branch.guard": 0.7, "branch.kind": 0.7, "ret.value": 0.8,
}  # fmt: skip

STRICT = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
OTHER = {"==": "!=", "!=": "==", "in": "not in", "not in": "in", "is": "is not", "is not": "is"}
ARITHMETIC = {
    "+": ("-", "*"), "-": ("+",), "*": ("+", "//", "**"), "/": ("//", "*"), "//": ("/", "%", "*"), "%": ("//",),
    "**": ("*",), "&": ("|", "^"), "|": ("&", "^"), "^": ("&", "|"), "<<": (">>",), ">>": ("<<",),
}  # fmt: skip
CALLS: dict[str, tuple[str, ...]] = {}
for _group in (
    "min max", "any all", "append extend add insert", "pop popleft popitem", "lower upper title capitalize",
    "startswith endswith", "strip lstrip rstrip", "find rfind index", "keys values items", "sorted reversed list",
    "sum len max min", "union intersection difference", "add discard remove", "floor ceil round int", "str repr",
    "isalpha isalnum isdigit", "isupper islower", "setdefault get", "tuple list set", "appendleft append",
    "range enumerate", "split splitlines", "bisect_left bisect_right", "ljust rjust", "heappush heappop",
):  # fmt: skip
    for _name in _group.split():
        CALLS[_name] = tuple(dict.fromkeys((*CALLS.get(_name, ()), *(n for n in _group.split() if n != _name))))
WRAPPERS = ("sorted", "list", "abs", "len", "str", "int", "set", "reversed", "tuple", "sum", "max", "min", "float")
SYMBOLS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>", ast.And: "and", ast.Or: "or",
}  # fmt: skip


def expressions(source: Source, names: dict[int, dict[str, str]], seen: tuple[int | str, ...]) -> list[Candidate]:
    """Every candidate inside expressions. `names`: line -> variables there and their kind; `seen`: in the statement."""
    found: list[Candidate] = []
    for node in source.nodes:
        line = getattr(node, "lineno", 0)
        rule = _RULES.get(type(node))
        changes = list(rule(node, source)) if rule else []
        if isinstance(node, ast.Name):
            changes += _names(node, source, names.get(line, {}))
        elif isinstance(node, ast.Constant):
            changes += _seen(node, source, seen)
        found += [Candidate(*change, line) for change in changes]
    return found


def _compare(node: ast.Compare, source: Source) -> Iterator[Change]:
    left: ast.expr = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        symbol = SYMBOLS[type(operator)]
        if place := _gap(source, left, right, symbol):
            if symbol in STRICT:
                yield *place, STRICT[symbol], "cmp.strict"
                yield *place, FLIP[symbol], "cmp.flip"
                yield *place, STRICT[FLIP[symbol]], "cmp.flip"
            else:
                kind = {"=": "cmp.eq", "n": "cmp.in", "s": "cmp.is"}[OTHER[symbol].replace("not ", "")[1:2]]
                yield *place, OTHER[symbol], kind
            if symbol == "==":
                yield *place, "<=", "cmp.eq"
                yield *place, ">=", "cmp.eq"
            elif symbol in STRICT:
                yield *place, "==", "cmp.eq"
        for operand in (left, right):
            if symbol in STRICT and not isinstance(operand, ast.Constant):
                end = source.span(operand)[1]
                yield end, end, " + 1", "cmp.operand"
                yield end, end, " - 1", "cmp.operand"
        left = right


def _binary(node: ast.BinOp, source: Source) -> Iterator[Change]:
    symbol = SYMBOLS.get(type(node.op), "")
    place = _gap(source, node.left, node.right, symbol) if symbol else None
    if place is None:
        return
    start, end = source.span(node)
    left, right = source.text[start : place[0]].rstrip(), source.text[place[1] : end].lstrip()
    for other in ARITHMETIC[symbol]:
        yield *place, other, "arith.op"
    if symbol in ("-", "/", "//", "%", "**"):
        yield start, end, f"{right} {symbol} {left}", "arith.swap"
    one = isinstance(node.right, ast.Constant) and node.right.value == 1 and symbol in "+-"
    if one:
        yield start, end, left, "bound.step"
        yield *place, "+" if symbol == "-" else "-", "bound.step"
    else:
        yield start, end, left, "arith.drop"
        yield start, end, right, "arith.drop"


def _constant(node: ast.Constant, source: Source) -> Iterator[Change]:
    start, end = source.span(node)
    value = node.value
    if isinstance(value, bool):
        yield start, end, str(not value), "const.flip"
    elif isinstance(value, int) and abs(value) < 10**9:
        yield start, end, str(value + 1), "const.step"
        yield start, end, str(value - 1), "const.step"
        if value not in (0, 1):
            yield start, end, "0", "const.zero"
            yield start, end, "1", "const.zero"
        if value != 0:
            yield start, end, str(-value), "const.sign"
    elif isinstance(value, str) and not source.text[start:end].startswith(('"""', "'''", 'r"""')):
        yield start, end, '" "' if value == "" else '""', "const.text"
    elif value is None:
        for text in ("0", "[]", "False"):
            yield start, end, text, "const.flip"


def _seen(node: ast.Constant, source: Source, seen: tuple[int | str, ...]) -> Iterator[Change]:
    """A value that the statement mentions."""
    start, end = source.span(node)
    for value in seen:
        if type(value) is not type(node.value) or value == node.value:
            continue
        if isinstance(value, str) or abs(value - node.value) > 1:  # type: ignore[operator]
            yield start, end, repr(value), "const.seen"


def _names(node: ast.Name, source: Source, names: dict[str, str]) -> Iterator[Change]:
    if node.id in names:
        start, end = source.span(node)
        for name, kind in names.items():
            if name != node.id:
                alike = not kind or not names[node.id] or kind == names[node.id]
                rule = "name.target" if isinstance(node.ctx, ast.Store) else "name.swap" if alike else "name.other"
                yield start, end, name, rule


def _call(node: ast.Call, source: Source) -> Iterator[Change]:
    start, end = source.span(node)
    name_end = source.span(node.func)[1]
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    for other in CALLS.get(name, ()):
        yield name_end - len(name), name_end, other, "call.name"
    for first, second in zip(node.args, node.args[1:], strict=False):
        (a, b), (c, d) = source.span(first), source.span(second)
        yield a, d, source.text[c:d] + source.text[b:c] + source.text[a:b], "call.swap"
        yield b, d, "", "call.drop"
        yield a, c, "", "call.drop"
    if len(node.args) == 1 and not node.keywords:
        if isinstance(node.func, ast.Name):
            yield start, end, source.of(node.args[0]), "call.unwrap"
        if name in ("sorted", "sort"):
            yield end - 1, end, ", reverse=True)", "call.key"
    if isinstance(node.func, ast.Attribute):
        if len(node.args) <= 1:
            yield start, end, source.of(node.func.value), "call.unwrap"
        if name == "sort" and not node.args and not node.keywords:
            yield end - 1, end, "reverse=True)", "call.key"
        if name == "append" and len(node.args) == 1:
            yield name_end - 6, end, f"insert(0, {source.of(node.args[0])})", "call.name"
        if name == "pop":
            yield name_end, end, "(0)" if not node.args else "()", "call.name"
    for keyword in node.keywords:
        if keyword.arg and node.args:
            yield source.span(node.args[-1])[1], source.span(keyword)[1], "", "call.key"
    if name == "range":
        for argument in node.args:
            yield from _shifted(argument, source)
        if len(node.args) == 1:
            inside = source.of(node.args[0])
            yield start, end, f"range(1, {inside})", "bound.shift"
            yield start, end, f"range(1, {inside} + 1)", "bound.shift"
            yield start, end, f"reversed(range({inside}))", "order.reverse"


def _subscript(node: ast.Subscript, source: Source) -> Iterator[Change]:
    if isinstance(node.slice, ast.Slice):
        yield from _slice(node, node.slice, source)
        return
    if not isinstance(node.slice, ast.Constant):
        yield from _shifted(node.slice, source)
    if isinstance(node.ctx, ast.Load):
        start, end = source.span(node)
        yield start, end, f"{source.of(node.value)}.get({source.of(node.slice)}, 0)", "call.wrap"


def _slice(node: ast.Subscript, bounds: ast.Slice, source: Source) -> Iterator[Change]:
    inner, end = source.span(node.value)[1], source.span(node)[1]
    low = source.of(bounds.lower) if bounds.lower else ""
    high = source.of(bounds.upper) if bounds.upper else ""
    if bounds.step is not None:
        yield inner, end, f"[{low}:{high}]", "order.reverse"
        return
    for a, b in ((high, low), ("", high), (low, ""), (low or "1", high), (low, high or "-1")):
        if (a, b) != (low, high):
            yield inner, end, f"[{a}:{b}]", "bound.slice"
    for bound in (bounds.lower, bounds.upper):
        if bound is not None:
            yield from _shifted(bound, source)


def _shifted(node: ast.expr, source: Source) -> Iterator[Change]:
    if isinstance(node, (ast.Constant, ast.Slice, ast.Tuple, ast.UnaryOp)):
        return
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and isinstance(node.right, ast.Constant):
        return  # the rules for sums and constants move it
    end = source.span(node)[1]
    yield end, end, " + 1", "bound.shift"
    yield end, end, " - 1", "bound.shift"


def _boolean(node: ast.BoolOp, source: Source) -> Iterator[Change]:
    symbol = SYMBOLS[type(node.op)]
    places = [_gap(source, a, b, symbol) for a, b in zip(node.values, node.values[1:], strict=False)]
    start, end = source.span(node)
    for place in places:
        if place is not None:
            yield *place, "or" if symbol == "and" else "and", "bool.op"
            if len(places) == 1:
                yield start, end, source.text[start : place[0]].rstrip(), "bool.drop"
                yield start, end, source.text[place[1] : end].lstrip(), "bool.drop"


def _unary(node: ast.UnaryOp, source: Source) -> Iterator[Change]:
    start, end = source.span(node)
    if isinstance(node.op, ast.Not):
        yield start, end, source.text[start + 3 : end].lstrip(), "negate"
        yield start, end, source.of(node.operand), "negate"
    elif isinstance(node.op, ast.USub):
        yield start, end, source.text[start + 1 : end].lstrip(), "const.sign"


def _tuple(node: ast.Tuple | ast.List, source: Source) -> Iterator[Change]:
    if isinstance(node, ast.List) and len(node.elts) <= 1:
        yield *source.span(node), "[0]" if not node.elts else "[]", "init.value"
    if isinstance(node.ctx, ast.Load):
        for first, second in zip(node.elts, node.elts[1:4], strict=False):
            (a, b), (c, d) = source.span(first), source.span(second)
            yield a, d, source.text[c:d] + source.text[b:c] + source.text[a:b], "call.swap"


def _choice(node: ast.IfExp, source: Source) -> Iterator[Change]:
    (a, b), (c, d) = source.span(node.body), source.span(node.orelse)
    yield a, d, source.text[c:d] + source.text[b:c] + source.text[a:b], "else.swap"
    yield from negated(node.test, source)


def _comprehension(node: ast.ListComp | ast.GeneratorExp | ast.SetComp, source: Source) -> Iterator[Change]:
    for generator in node.generators:
        for test in generator.ifs:
            yield from negated(test, source)


def negated(test: ast.expr, source: Source) -> Iterator[Change]:
    """`not (test)`; comparisons and `not` have rules of their own."""
    if not isinstance(test, (ast.Compare, ast.UnaryOp)):
        start, end = source.span(test)
        text = source.of(test)
        yield start, end, f"not ({text})" if isinstance(test, ast.BoolOp) else f"not {text}", "negate"


def _gap(source: Source, left: ast.expr, right: ast.expr, symbol: str) -> tuple[int, int] | None:
    """Where the operator between two operands stands."""
    start, end = source.span(left)[1], source.span(right)[0]
    pattern = re.escape(symbol).replace(r"\ ", r"\s+")
    found = re.search(rf"(?<![\w<>=!*/]){pattern}(?![<>=*/\w])" if not symbol.isalpha() else rf"\b{pattern}\b",
                      source.text[start:end])  # fmt: skip
    return (start + found.start(), start + found.end()) if found else None


_RULES: dict[type, Callable[[Any, Source], Iterator[Change]]] = {
    ast.Compare: _compare, ast.BinOp: _binary, ast.Constant: _constant, ast.Call: _call, ast.Subscript: _subscript,
    ast.BoolOp: _boolean, ast.UnaryOp: _unary, ast.IfExp: _choice, ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension, ast.SetComp: _comprehension, ast.Tuple: _tuple, ast.List: _tuple,
}  # fmt: skip
