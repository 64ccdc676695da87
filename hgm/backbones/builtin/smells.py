"""What looks odd in a program before any test is run: names without a value, values without a use, code out of reach.

A smell favours some kinds of change at one place. It says what linters say, about any Python.
"""

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hgm.backbones.builtin.source import Candidate, Source

LARGE = re.compile(r"max|best|larg|long|high|great|late|most|top|peak|record|big")
SMALL = re.compile(r"min|small|cheap|low|short|least|earl|few|near|close")
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Smell:
    """From `start` to `end`, these kinds (or families) are so much more likely; with `text`, only such replacements."""

    start: int
    end: int
    kinds: Mapping[str, float]
    text: str = ""


@dataclass
class Scope:
    """One function: where its names are assigned and read."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    parameters: set[str]
    stores: dict[str, list[int]] = field(default_factory=dict)
    """Name -> offsets of its assignments."""
    loads: dict[str, list[ast.Name]] = field(default_factory=dict)


def smells(source: Source) -> list[Smell]:
    """Everything odd about a source."""
    found: list[Smell] = []
    outer = {n.id for n in source.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    outer |= {n.name for n in source.tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    for node in source.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            outer |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            found += _names(scope(node, source), outer, source)
    for inner in source.nodes:
        found += _equal_operands(inner, source)
        found += _extremum(inner, source)
        found += _loop(inner, source)
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not) and isinstance(inner.operand, ast.Compare):
            found.append(Smell(*source.span(inner), {"negate": 8.0}))
        for block in (getattr(inner, "body", None), getattr(inner, "orelse", None)):
            if isinstance(block, list):
                found += _block(block, source)
    return found


def unbound(source: Source) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """Names that a function reads and nothing gives a value."""
    known = {n.id for n in source.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known |= {n.name for n in source.nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    known |= {n.arg for n in source.nodes if isinstance(n, ast.arg)}
    for node in source.nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    found = []
    for node in source.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            read = {n.id for n in source.inside(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            grown = {
                n.target.id
                for n in source.inside(node)
                if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
            }
            plain = {
                n.id for n in source.inside(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            } - grown
            found += [(node, name) for name in sorted(read - known - _BUILTINS)]
            found += [(node, name) for name in sorted(grown - _assigned(node, source))] if grown - plain else []
    return found


def factor(smells: list[Smell], candidate: Candidate) -> float:
    """How much the smells favour a candidate."""
    product = 1.0
    family = candidate.kind.partition(".")[0]
    for smell in smells:
        if (
            (candidate.start < smell.end and candidate.end > smell.start)
            or candidate.start == candidate.end == smell.start
        ) and (not smell.text or re.search(rf"\b{re.escape(smell.text)}\b", candidate.text)):
            product *= smell.kinds.get(candidate.kind, smell.kinds.get(family, 1.0))
    return product


def scope(node: ast.FunctionDef | ast.AsyncFunctionDef, source: Source) -> Scope:
    """The names of a function, nested functions included."""
    found = Scope(node, {n.arg for n in source.inside(node) if isinstance(n, ast.arg)})
    for inner in source.inside(node):
        if isinstance(inner, ast.Name):
            if isinstance(inner.ctx, ast.Load):
                found.loads.setdefault(inner.id, []).append(inner)
            else:
                found.stores.setdefault(inner.id, []).append(source.span(inner)[0])
    return found


def _assigned(node: ast.AST, source: Source) -> set[str]:
    """Names that get a value other than by an update of themselves."""
    found = {n.arg for n in source.inside(node) if isinstance(n, ast.arg)}
    updates = {id(n.target) for n in source.inside(node) if isinstance(n, ast.AugAssign)}
    for inner in source.inside(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and id(inner) not in updates:
            found.add(inner.id)
    return found


def _names(names: Scope, outer: set[str], source: Source) -> Iterator[Smell]:
    bound = names.parameters | set(names.stores) | outer | _BUILTINS
    inside_comprehension = {
        id(n)
        for c in source.inside(names.node)
        if isinstance(c, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp))
        for n in source.inside(c)
    }  # fmt: skip
    for name, loads in names.loads.items():
        for load in loads:
            start, end = source.span(load)
            early = name in names.stores and name not in names.parameters and id(load) not in inside_comprehension
            if name not in bound or (early and min(names.stores[name]) > end):
                whole = _statement_around(names.node, load, source)
                yield Smell(start, end, {"name.swap": 12.0})
                yield Smell(*whole, {"stmt.swap": 14.0, "stmt.move": 8.0})
    for name in sorted((names.parameters | set(names.stores)) - set(names.loads) - {"self", "_"}):
        if not name.startswith("_"):
            yield Smell(*source.span(names.node), {"name.swap": 6.0, "stmt.insert": 2.0}, name)
            for place in names.stores.get(name, ()):
                yield Smell(place, place + len(name), {"name.target": 4.0})


def _statement_around(function: ast.AST, node: ast.AST, source: Source) -> tuple[int, int]:
    best = source.span(function)
    start, end = source.span(node)
    for inner in source.inside(function):
        if isinstance(inner, ast.stmt):
            a, b = source.span(inner)
            if a <= start and end <= b:
                best = (a, b)
    return best


def _equal_operands(node: ast.AST, source: Source) -> Iterator[Smell]:
    pairs: list[tuple[ast.expr, ast.expr]] = []
    if isinstance(node, ast.Compare):
        pairs = [(node.left, node.comparators[0])]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod)):
        pairs = [(node.left, node.right)]
    elif isinstance(node, ast.BoolOp):
        pairs = list(zip(node.values, node.values[1:], strict=False))
    elif isinstance(node, ast.Call):
        pairs = list(zip(node.args, node.args[1:], strict=False))
    elif isinstance(node, ast.Assign):
        pairs = [(node.targets[0], node.value)]
    for left, right in pairs:
        if not isinstance(left, ast.Constant) and source.of(left) == source.of(right):
            yield Smell(*source.span(node), {"name.swap": 10.0, "name.target": 5.0, "bound": 3.0, "arith.drop": 2.0})


def _extremum(node: ast.AST, source: Source) -> Iterator[Smell]:
    """`if x < best: best = x`: the name of what is kept says which way round it should be."""
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1):
        return
    kept = {t.id for s in node.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)}
    for operand, other in ((node.test.left, node.test.comparators[0]), (node.test.comparators[0], node.test.left)):
        if isinstance(operand, ast.Name) and operand.id in kept and not isinstance(other, ast.Constant):
            grows = isinstance(node.test.ops[0], (ast.Gt, ast.GtE)) == (operand is node.test.comparators[0])
            name = operand.id.lower()
            wanted = True if LARGE.search(name) else False if SMALL.search(name) else None
            if wanted is not None and isinstance(node.test.ops[0], (ast.Gt, ast.GtE, ast.Lt, ast.LtE)):
                start, end = source.span(node.test)
                yield Smell(start, end, {"cmp.flip": 6.0 if wanted != grows else 0.2})


def _loop(node: ast.AST, source: Source) -> Iterator[Smell]:
    if isinstance(node, ast.While):
        tested = {n.id for n in source.inside(node.test) if isinstance(n, ast.Name)}
        changed = {n.id for n in source.inside(*node.body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        called = {
            n.func.value.id for n in source.inside(*node.body)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name)
        }  # fmt: skip
        leaves = any(isinstance(n, (ast.Return, ast.Break)) for n in source.inside(*node.body))
        if tested and not tested & (changed | called):
            strength = 3.0 if leaves else 8.0
            yield Smell(*source.span(node), {"stmt.insert": strength, "name.target": strength, "branch.kind": 2.0})
            end = source.span(node)[1]
            yield Smell(end, end + 200, {"stmt.move": strength})
    if isinstance(node, (ast.For, ast.While)):
        for inner in node.body:
            if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
                name = inner.targets[0].id
                used = any(
                    isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
                    for n in source.inside(*node.body)
                )  # fmt: skip
                if not used:
                    yield Smell(*source.span(inner), {"stmt.update": 6.0, "name.target": 2.0, "stmt.move": 2.0})


def _block(block: list[ast.stmt], source: Source) -> Iterator[Smell]:
    for place, node in enumerate(block[:-1]):
        if isinstance(node, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
            end = source.span(block[-1])[1]
            yield Smell(source.span(node)[0], end, {"stmt": 5.0, "stmt.swap": 8.0, "stmt.move": 8.0})
            break
        following = block[place + 1]
        if isinstance(node, ast.Assign) and isinstance(following, ast.Assign):
            same = ast.dump(node.targets[0]) == ast.dump(following.targets[0])
            name = node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""
            read = any(
                isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
                for n in source.inside(following)
            )
            if same and not read:
                yield Smell(source.span(node)[0], source.span(following)[1], {"name.target": 6.0, "stmt": 3.0})
