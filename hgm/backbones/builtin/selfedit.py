"""The self-modification grammar: small changes to the code and the prompts of any agent, none of them known to be good.

Over code: constants, conditions, order, deletion, repetition, calls to functions that exist with names in scope, and
the expressions of the repair grammar. Over prompts: delete, swap, repeat a line, or add one from the vocabulary that
`habits` reads. Groups are drawn first, places second, so that no group wins by having many places.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from hgm.backbones.builtin import habits, mutations, statements
from hgm.backbones.builtin.source import Candidate, Source, parse

GROUPS = {
    "constants": 3.0, "conditions": 2.0, "order": 1.0, "deletion": 1.0, "repetition": 0.5, "calls": 2.0,
    "expressions": 1.5, "line.insert": 3.0, "line.delete": 1.0, "line.swap": 0.5, "line.double": 0.5,
}  # fmt: skip
"""How often each group is drawn."""

_OF_KIND = {
    "const.flip": "constants", "const.sign": "constants", "negate": "conditions", "bool.op": "conditions",
    "bool.drop": "conditions", "cmp.strict": "conditions", "cmp.flip": "conditions", "cmp.eq": "conditions",
    "cmp.in": "conditions", "branch.kind": "conditions", "stmt.swap": "order", "stmt.move": "order",
    "stmt.delete": "deletion", "stmt.jump": "order", "bound.slice": "expressions", "bound.step": "expressions",
    "name.swap": "expressions", "arith.op": "expressions", "call.swap": "expressions", "call.drop": "expressions",
    "call.unwrap": "calls", "stmt.update": "expressions",
}  # fmt: skip
MAX_FUNCTIONS = 12
MAX_CALLS = 600


class Function(NamedTuple):
    """A function that code may call."""

    name: str
    arity: int
    """How many arguments it needs."""


def functions(text: str) -> tuple[Function, ...]:
    """What a text defines at its top."""
    source = parse(text)
    return tuple(
        Function(node.name, len(node.args.args) - len(node.args.defaults))
        for node in (source.tree.body if source else ())
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")
    )[:MAX_FUNCTIONS]


@lru_cache(maxsize=64)
def code_changes(
    text: str, elsewhere: tuple[tuple[str, tuple[Function, ...]], ...] = ()
) -> tuple[Source, dict[str, list[Candidate]]] | None:
    """Group -> changes, for a text that is Python at least at its beginning; `elsewhere`: other modules' functions."""
    source = parse(text)
    if source is None:
        return None
    names = statements.scopes(source)
    found: dict[str, list[Candidate]] = {}
    for candidate in mutations.expressions(source, names, ()) + statements.statements(source):
        if candidate.kind in _OF_KIND:
            found.setdefault(_OF_KIND[candidate.kind], []).append(candidate)
    callable_here = (*functions(text), *_imported(source, elsewhere))[: 2 * MAX_FUNCTIONS]
    for changes in (_scaled(source), _forced(source), _doubled(source), _calls(source, callable_here)):
        for start, end, new, group in changes:
            found.setdefault(group, []).append(Candidate(start, end, new, group, source.line(start)))
    return source, found


def line_changes(text: str, rng: Random) -> dict[str, list[Candidate]]:
    """Group -> changes, for a prompt; lines to add are drawn anew each time."""
    spans = [(match.start(), match.end()) for match in re.finditer(r"[^\n]+", text) if match[0].strip()][:200]
    found: dict[str, list[Candidate]] = {"line.delete": [], "line.double": [], "line.swap": [], "line.insert": []}
    for number, (start, end) in enumerate(spans):
        line = text[start:end]
        found["line.delete"].append(Candidate(start, min(end + 1, len(text)), "", "line.delete", number + 1))
        found["line.double"].append(Candidate(end, end, "\n" + line, "line.double", number + 1))
        if number + 1 < len(spans):
            a, b = spans[number + 1]
            swapped = text[a:b] + text[end:a] + line
            found["line.swap"].append(Candidate(start, b, swapped, "line.swap", number + 1))
    for _ in range(10 if spans else 0):
        start, end = rng.choice(spans[1:] or spans)
        mark = re.match(r"\s*(?:[-*]|\d+\.)?\s*", text[start:end])
        new = (mark[0] if mark else "") + habits.write_line(rng)
        found["line.insert"].append(Candidate(end, end, "\n" + new, "line.insert", text.count("\n", 0, start) + 1))
    return found


def _scaled(source: Source) -> Iterator[mutations.Change]:
    """Numbers: doubled, halved, one more, one less, none."""
    for node in source.nodes:
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 10**9:
            half = value // 2 if isinstance(value, int) else value / 2
            for new in dict.fromkeys([value * 2, half, value + 1, value - 1, 0]):
                if new != value:
                    yield *source.span(node), repr(new), "constants"


def _forced(source: Source) -> Iterator[mutations.Change]:
    """Conditions: always, never, the opposite."""
    for node in source.nodes:
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            start, end = source.span(node.test)
            yield start, end, "True", "conditions"
            yield start, end, "False", "conditions"
            yield start, end, f"not ({source.text[start:end]})", "conditions"


def _doubled(source: Source) -> Iterator[mutations.Change]:
    for node in source.nodes:
        for block in statements.blocks(node):
            for statement in block:
                if not isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Return)):
                    start, end = statements.lines(statement, statement, source)
                    yield end, end, "\n" + source.text[start:end], "repetition"


def _calls(source: Source, known: tuple[Function, ...]) -> Iterator[mutations.Change]:
    """Calls to functions that exist, with names in scope where they are put."""
    made = 0
    for function in source.nodes:
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        names = list(statements.variables(function, source))
        for node in source.inside(*function.body):
            if not isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign)) or made > MAX_CALLS:
                continue
            start, end = statements.lines(node, node, source)
            margin = " " * node.col_offset
            for name, arity in known:
                for arguments in _arguments(names, arity):
                    made += 1
                    yield end, end, f"\n{margin}{name}({arguments})", "calls"
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                target = node.targets[0].id
                for name, arity in known:
                    if arity == 1:
                        yield end, end, f"\n{margin}{target} = {name}({target})", "calls"
                    for arguments in _arguments(names, arity)[:3]:
                        yield end, end, f"\n{margin}{target} += {name}({arguments})", "calls"
    for node in source.nodes:
        if isinstance(node, ast.Call) and (text := source.of(node.func)) in dict(known):
            start, _ = source.span(node.func)
            for name, arity in known:
                if name != text and arity == len(node.args):
                    yield start, start + len(text), name, "calls"


def _imported(source: Source, elsewhere: tuple[tuple[str, tuple[Function, ...]], ...]) -> Iterator[Function]:
    """Functions of modules that the file imports: those it calls, and those that other files in sight define."""
    modules = {a.asname or a.name for node in source.tree.body if isinstance(node, ast.Import) for a in node.names}
    found: dict[str, int] = {}
    for node in source.nodes:
        called = node.func if isinstance(node, ast.Call) else None
        if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
            continue
        if isinstance(node, ast.Call) and called.value.id in modules:
            found.setdefault(source.of(called), len(node.args))
    for module, defined in elsewhere:
        if module in modules:
            found.update((f"{module}.{function.name}", function.arity) for function in defined)
    return (Function(name, arity) for name, arity in found.items())


def _arguments(names: list[str], arity: int) -> list[str]:
    if arity == 0:
        return [""]
    if arity == 1:
        return names[:6]
    return [", ".join(names[place : place + arity]) for place in range(min(4, len(names) - arity + 1))]
