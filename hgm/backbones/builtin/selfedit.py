"""The self-modification grammar: small changes to the code and the prompts of any agent, none of them known to be good.

Over code: constants, conditions, order, deletion, repetition, calls to functions that exist with names in scope, and
the expressions of the repair grammar. Over prompts: delete, swap, repeat a line, or add one from the vocabulary that
`habits` reads (`gui_habits`, where the prompt is about pages). Groups are drawn first, places second, so that no group
wins by having many places.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from hgm.backbones.builtin import gui_habits, habits, mutations, statements
from hgm.backbones.builtin.source import Candidate, Source, parse

GROUPS = {
    "constants": 3.0, "conditions": 2.0, "order": 1.0, "deletion": 1.0, "repetition": 0.5, "call.add": 1.0,
    "call.join": 1.5, "call.other": 1.0, "expressions": 1.0, "line.insert": 4.0, "line.delete": 1.0, "line.swap": 0.5,
    "line.double": 0.5,
}  # fmt: skip
"""How often each group is drawn."""

_OF_KIND = {
    "const.flip": "constants", "const.sign": "constants", "negate": "conditions", "bool.op": "conditions",
    "bool.drop": "conditions", "cmp.strict": "conditions", "cmp.flip": "conditions", "cmp.eq": "conditions",
    "cmp.in": "conditions", "branch.kind": "conditions", "stmt.swap": "order", "stmt.move": "order",
    "stmt.delete": "deletion", "stmt.jump": "order", "bound.slice": "expressions", "bound.step": "expressions",
    "name.swap": "expressions", "arith.op": "expressions", "call.swap": "expressions", "call.drop": "expressions",
    "call.unwrap": "call.other", "stmt.update": "expressions",
}  # fmt: skip
MAX_FUNCTIONS = 12
LARGE = 5
NEW_LINES = 30
"""So many lines it thinks of, to choose one."""
MAX_CALLS = 600


class Function(NamedTuple):
    """A function that code may call."""

    name: str
    needs: tuple[str, ...]
    """The parameters that have no default."""


def functions(text: str) -> tuple[Function, ...]:
    """What a text defines at its top."""
    source = parse(text)
    return tuple(
        Function(node.name, tuple(a.arg for a in node.args.args[: len(node.args.args) - len(node.args.defaults)]))
        for node in (source.tree.body if source else ())
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")
    )[:MAX_FUNCTIONS]


@lru_cache(maxsize=64)
def code_changes(
    text: str, elsewhere: tuple[tuple[str, tuple[Function, ...]], ...] = ()
) -> tuple[Source, dict[str, list[Candidate]]] | None:
    """Group -> changes, for a text that is Python at least at its beginning.

    `elsewhere`: the agent's other modules, and those of their functions that are in sight.
    """
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
    write_line = gui_habits.write_line if gui_habits.about_pages(text) else habits.write_line
    for _ in range(NEW_LINES if spans else 0):
        start, end = rng.choice(spans[1:] or spans)
        mark = re.match(r"\s*(?:[-*]|\d+\.)?\s*", text[start:end])
        new = (mark[0] if mark else "") + write_line(rng)
        found["line.insert"].append(Candidate(end, end, "\n" + new, "line.insert", text.count("\n", 0, start) + 1))
    return found


def _scaled(source: Source) -> Iterator[mutations.Change]:
    """Numbers: doubled, halved, none; small ones one more and one less, which would hardly change a large one."""
    for node in source.nodes:
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 10**9:
            half = value // 2 if isinstance(value, int) else value / 2
            near = [value + 1, value - 1] if abs(value) < LARGE else []
            for new in dict.fromkeys([value * 2, half, *near, 0]):
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
    """Calls to functions of the agent, with names in scope where they are put."""
    made = 0
    for function in source.nodes:
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        names = list(statements.variables(function, source))
        for node in source.inside(*function.body):
            if not isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign)) or made > MAX_CALLS:
                continue
            end = statements.lines(node, node, source)[1]
            margin = "\n" + " " * node.col_offset
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            for callee in known:
                call = _call(callee, names)
                if call is None:
                    continue
                made += 1
                yield end, end, f"{margin}{call}", "call.add"
                if isinstance(target, ast.Name):
                    yield end, end, f"{margin}{target.id} += {call}", "call.join"
                    if len(callee.needs) == 1:
                        yield end, end, f"{margin}{target.id} = {callee.name}({target.id})", "call.join"
    for node in source.nodes:
        if isinstance(node, ast.Call) and (text := source.of(node.func)) in dict(known):
            start, _ = source.span(node.func)
            for callee in known:
                if callee.name != text and len(callee.needs) == len(node.args):
                    yield start, start + len(text), callee.name, "call.other"


def _imported(source: Source, elsewhere: tuple[tuple[str, tuple[Function, ...]], ...]) -> Iterator[Function]:
    """Functions of the agent's modules that the file imports: those in sight, and those that it calls already."""
    modules = {a.asname or a.name for node in source.tree.body if isinstance(node, ast.Import) for a in node.names}
    own = dict(elsewhere)
    found: dict[str, tuple[str, ...]] = {}
    for node in source.nodes:
        called = node.func if isinstance(node, ast.Call) else None
        holder = called.value if isinstance(called, ast.Attribute) else None
        if isinstance(holder, ast.Name) and holder.id in modules & own.keys() and isinstance(node, ast.Call):
            found[source.of(node.func)] = ("",) * len(node.args)
    for module in modules & own.keys():
        found.update((f"{module}.{function.name}", function.needs) for function in own[module])
    return (Function(name, needs) for name, needs in sorted(found.items()))


def _call(callee: Function, names: list[str]) -> str | None:
    """A call with a name in scope for each parameter: of the same name, else any other; None if there are too few."""
    rest = [name for name in names if name not in callee.needs]
    chosen = []
    for need in callee.needs:
        if need in names:
            chosen.append(need)
        elif rest:
            chosen.append(rest.pop(0))
        else:
            return None
    return f"{callee.name}({', '.join(chosen)})"
