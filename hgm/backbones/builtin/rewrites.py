"""The grammar of self-modification: small changes to an agent's real files as they are in sight at that moment.

Python: constants, conditions, order and number of statements, copies of statements, calls to functions that exist with
names that are in scope. Prompts: lines, and new ones from the vocabulary in `habits`. Families are equally likely; so
are the members of one where nothing else is known.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from hgm.backbones.builtin import habits
from hgm.backbones.builtin.conversation import Sheet
from hgm.backbones.builtin.source import Candidate, Source, parse, unique
from hgm.backbones.builtin.statements import Function, blocks, lines

MOST_CALLS = 60
MOST_COPIES = 60
_TOP = re.compile(r"^(?:def |class |import |from |[A-Za-z_]\w* = )", re.MULTILINE)
_COMPARE = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">="),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<="),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
}


class Rewrite(NamedTuple):
    """Put `text` in place of `part[start:end]`, where `part` is a stretch of a file that was seen."""

    part: str
    start: int
    end: int
    text: str
    kind: str
    family: str


def of(path: str, sheet: Sheet, files: Mapping[str, Sheet], rng: Random) -> list[Rewrite]:
    """Every rewrite of one file; `rng` picks which calls and copies are thought of at all."""
    found: list[Rewrite] = []
    for part in sheet.parts:
        if path.endswith(".py"):
            source = _source(part)
            found += list(_python(source, part, files, rng)) if source else []
        else:
            found += list(_prompt(part, rng))
    return found


def as_edit(sheet: Sheet, rewrite: Rewrite) -> tuple[str, str] | None:
    """Old and new text, unique in what was seen of the file; None where it cannot be said, or would not parse."""
    candidate = Candidate(rewrite.start, rewrite.end, rewrite.text, rewrite.kind, 0)
    if rewrite.family != "prompt":
        begin = _begin(rewrite.part)
        changed = rewrite.part[begin : rewrite.start] + rewrite.text + rewrite.part[rewrite.end :]
        before = _source(rewrite.part)
        if before is None or (len(before.text) == len(rewrite.part) - begin and not _parses(changed)):
            return None
    return unique(sheet.parts, rewrite.part, candidate)


def _begin(part: str) -> int:
    """Where the first statement of a stretch begins that stands at the margin."""
    first = _TOP.search(part)
    return 0 if part.startswith(('"""', "#")) or first is None else first.start()


def _source(part: str) -> Source | None:
    return parse(part[_begin(part) :])


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _python(source: Source, part: str, files: Mapping[str, Sheet], rng: Random) -> Iterator[Rewrite]:
    shift = _begin(part)
    for start, end, text, kind in _changes(source, files, rng):
        yield Rewrite(part, start + shift, end + shift, text, kind, kind.partition(" ")[0])


def _changes(source: Source, files: Mapping[str, Sheet], rng: Random) -> Iterator[tuple[int, int, str, str]]:
    for node in source.nodes:
        if isinstance(node, ast.Constant):
            yield from _constant(node, source)
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield from _condition(node.test, source)
        elif isinstance(node, ast.BoolOp):
            yield from _junction(node, source)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield from _comparison(node, source)
        for block in blocks(node):
            yield from _order(block, source)
    functions = [node for node in source.nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    known = sorted(_callable(source, files))
    for function in functions:
        yield from _calls(function, known, source, rng)
        yield from _copies(function, source, rng)


def _constant(node: ast.Constant, source: Source) -> Iterator[tuple[int, int, str, str]]:
    start, end = source.span(node)
    value = node.value
    if isinstance(value, bool):
        yield start, end, str(not value), "constant flipped"
    elif isinstance(value, int):
        for other in {value * 2, value // 2, value + 1, value - 1, 0} - {value}:
            yield start, end, str(other), f"constant {value} to {other}"
    elif isinstance(value, float):
        for scaled in (value * 2, value / 2):
            yield start, end, repr(scaled), f"constant {value} to {scaled}"


def _condition(test: ast.expr, source: Source) -> Iterator[tuple[int, int, str, str]]:
    start, end = source.span(test)
    yield start, end, f"not ({source.of(test)})", "condition negated"
    yield start, end, "True", "condition dropped"
    yield start, end, "False", "condition never"


def _junction(node: ast.BoolOp, source: Source) -> Iterator[tuple[int, int, str, str]]:
    left, right = node.values[0], node.values[1]
    between = (source.span(left)[1], source.span(right)[0])
    yield *between, " or " if isinstance(node.op, ast.And) else " and ", "condition and/or"
    start, end = source.span(node)
    for value in node.values:
        yield start, end, source.of(value), "condition shortened"


def _comparison(node: ast.Compare, source: Source) -> Iterator[tuple[int, int, str, str]]:
    start, end = source.span(node.left)[1], source.span(node.comparators[0])[0]
    for symbol in _COMPARE.get(type(node.ops[0]), ()):
        yield start, end, f" {symbol} ", "condition compared otherwise"


def _order(block: list[ast.stmt], source: Source) -> Iterator[tuple[int, int, str, str]]:
    for place, node in enumerate(block):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)) or _is_text(node):
            continue
        start, end = lines(node, node, source)
        whole = source.text[start:end]
        yield start, end, " " * node.col_offset + "pass", "order deleted"
        if not isinstance(node, (ast.Return, ast.Break, ast.Continue)):
            yield start, end, f"{whole}\n{whole}", "order doubled"
        if place + 1 < len(block) and not isinstance(block[place + 1], (ast.FunctionDef, ast.ClassDef)):
            begin, stop = lines(block[place + 1], block[place + 1], source)
            swapped = source.text[begin:stop] + source.text[end:begin] + whole
            yield start, stop, swapped, "order swapped"


def _callable(source: Source, files: Mapping[str, Sheet]) -> set[tuple[str, int]]:
    """What can be called by which name with how many arguments: functions of this file and of imported ones."""
    found = {(name, count) for name, count in _functions(source)}
    imported = {alias.name for node in source.tree.body if isinstance(node, ast.Import) for alias in node.names}
    for path, sheet in files.items():
        module = path.rpartition("/")[2].removesuffix(".py")
        if path.endswith(".py") and module in imported:
            for part in sheet.parts:
                other = _source(part)
                found |= {(f"{module}.{name}", count) for name, count in _functions(other)} if other else set()
    return found


def _functions(source: Source) -> Iterator[tuple[str, int]]:
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and not node.args.kwonlyargs and not node.args.vararg:
            yield node.name, len(node.args.args) - len(node.args.defaults)


def _calls(
    function: Function, known: list[tuple[str, int]], source: Source, rng: Random
) -> Iterator[tuple[int, int, str, str]]:
    """A call to an existing function before some statement, alone or as the new value of a name."""
    names = _local_names(function, source)
    places = [node for block in _blocks_inside(function, source) for node in block if not _is_text(node)]
    for _ in range(MOST_CALLS if names and places and known else 0):
        (called, count), place = rng.choice(known), rng.choice(places)
        if called == function.name:
            continue
        call = f"{called}({', '.join(rng.choice(names) for _ in range(count))})"
        target = rng.choice(["", "", f"{rng.choice(names)} = "])
        start = source.starts[place.lineno - 1]
        yield start, start, " " * place.col_offset + target + call + "\n", f"call {called}"


def _copies(function: Function, source: Source, rng: Random) -> Iterator[tuple[int, int, str, str]]:
    """A copy of a simple statement of this function before another one."""
    places = [node for block in _blocks_inside(function, source) for node in block if not _is_text(node)]
    simple = [node for node in places if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Break, ast.Return))]
    for _ in range(MOST_COPIES if simple else 0):
        copied, place = rng.choice(simple), rng.choice(places)
        if copied is not place:
            start = source.starts[place.lineno - 1]
            yield start, start, " " * place.col_offset + source.of(copied) + "\n", "copy of a statement"


def _blocks_inside(function: Function, source: Source) -> Iterator[list[ast.stmt]]:
    for node in source.inside(function):
        yield from blocks(node)


def _local_names(function: Function, source: Source) -> list[str]:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    stored = [
        node.id for node in source.inside(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return list(dict.fromkeys(names + stored))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _prompt(part: str, rng: Random) -> Iterator[Rewrite]:
    rows = part.splitlines(keepends=True)
    at = 0
    for place, row in enumerate(rows):
        end = at + len(row.rstrip("\n"))
        if row.strip():
            margin = "- " if row.lstrip().startswith("- ") else ""
            yield Rewrite(
                part, at, end, row.rstrip("\n") + f"\n{margin}{habits.write_line(rng)}", "a new line", "prompt"
            )
            yield Rewrite(part, at, end, "", "a line deleted", "prompt")
            yield Rewrite(part, at, end, f"{row.rstrip()}\n{row.rstrip()}", "a line doubled", "prompt")
            following = rows[place + 1].rstrip("\n") if place + 1 < len(rows) else ""
            if following.strip():
                both = f"{following}\n{row.rstrip()}"
                yield Rewrite(part, at, end + 1 + len(following), both, "two lines swapped", "prompt")
        at += len(row)
