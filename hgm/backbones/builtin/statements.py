"""The repair grammar over statements: order, deletion, place in the block, jumps, updates, first values, branches."""

import ast
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from hgm.backbones.builtin.mutations import Change, negated
from hgm.backbones.builtin.smells import unbound
from hgm.backbones.builtin.source import Candidate, Source

MAX_NAMES = 12
MAX_GUARDS = 40

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def statements(source: Source) -> list[Candidate]:
    """Every candidate that changes statements."""
    found: list[Candidate] = []
    for function, name in unbound(source)[:3]:
        found += _made(_first_value(function, name, source), function.lineno + 1)
    for node in source.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found += _made(_guards(node, source), node.lineno + 1)
            found += _made(_inserts(node, source), node.end_lineno or node.lineno)
        for block in blocks(node):
            for place, statement in enumerate(block):
                found += _made(_statement(statement, source), statement.lineno)
                found += _made(_place(node, block, place, source), statement.lineno)
    return found


def scopes(source: Source) -> dict[int, dict[str, str]]:
    """Line -> the variables of the function around it, each with its kind as far as assignments tell, else ""."""
    found: dict[int, dict[str, str]] = {}
    for node in source.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = variables(node, source)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[line] = names
    return found


def _is_range(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def variables(function: Function, source: Source) -> dict[str, str]:
    """Parameters and assigned names, in the order of the text."""
    arguments = function.args
    found = {a.arg: "" for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for node in source.inside(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, "")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = found.get(node.targets[0].id) or _kind(node.value)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name) and _is_range(node.iter):
            found[node.target.id] = "number"
    return dict(list(found.items())[:MAX_NAMES])


def _kind(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return {int: "number", float: "number", str: "text", bool: "truth"}.get(type(value.value), "")
    if isinstance(value, (ast.List, ast.ListComp)):
        return "list"
    if isinstance(value, (ast.Dict, ast.DictComp)):
        return "dict"
    if isinstance(value, (ast.Set, ast.SetComp)):
        return "set"
    if isinstance(value, ast.UnaryOp) or (isinstance(value, ast.BinOp) and not isinstance(value.op, ast.Add)):
        return "number"
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        name = value.func.id
        return {"len": "number", "int": "number", "abs": "number", "ord": "number", "sum": "number"}.get(
            name, {"sorted": "list", "set": "set", "list": "list", "dict": "dict", "str": "text"}.get(name, "")
        )
    return ""


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements directly inside a node."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block


def lines(first: ast.stmt, last: ast.stmt, source: Source) -> tuple[int, int]:
    """The whole lines from one statement to another, without the last line break."""
    start = source.starts[first.lineno - 1]
    decorators = getattr(first, "decorator_list", [])
    if decorators:
        start = source.starts[decorators[0].lineno - 1]
    return start, source.span(last)[1]


def _made(changes: Iterable[Change], line: int) -> list[Candidate]:
    return [Candidate(*change, line) for change in changes]


def _statement(node: ast.stmt, source: Source) -> Iterator[Change]:
    if isinstance(node, ast.Pass):
        for jump in ("continue", "break", "return None"):
            yield *source.span(node), jump, "stmt.jump"
    elif isinstance(node, ast.AugAssign):
        yield from _update(node, source)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield from _assign(node, source)
    elif isinstance(node, (ast.Break, ast.Continue)):
        start, end = source.span(node)
        yield start, end, "continue" if isinstance(node, ast.Break) else "break", "stmt.jump"
        for value in ("None", "False", "True", "-1"):
            yield start, end, f"return {value}", "stmt.jump"
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _return(node.value, source)
    elif isinstance(node, (ast.If, ast.While)):
        yield from _branch(node, source)
    elif isinstance(node, ast.For):
        start, end = source.span(node.iter)
        if not isinstance(node.iter, ast.Call):
            yield start, end, f"{source.of(node.iter)}[1:]", "bound.slice"
            yield start, end, f"{source.of(node.iter)}[:-1]", "bound.slice"
            yield start, end, f"reversed({source.of(node.iter)})", "order.reverse"
            yield start, end, f"sorted({source.of(node.iter)})", "call.wrap"


def _update(node: ast.AugAssign, source: Source) -> Iterator[Change]:
    start, end = source.span(node.target)[1], source.span(node.value)[0]
    symbol = source.text[start:end].strip()
    usual = (
        ("-=", "+=", "=") if symbol in ("+=", "-=") else ("+=", "-=", "*=", "//=", "&=", "|=", "^=", ">>=", "%=", "=")
    )
    for other in (*usual, *(("&=", "*=") if symbol in ("+=", "-=") else ())):
        if other != symbol:
            yield start, end, f" {other} ", "stmt.update"


def _assign(node: ast.Assign, source: Source) -> Iterator[Change]:
    target, (start, end) = node.targets[0], source.span(node.value)
    if isinstance(target, ast.Name):
        if isinstance(node.value, (ast.Constant, ast.UnaryOp)):
            for text in ("0", "1", "-1", 'float("inf")', 'float("-inf")', "None", "[]"):
                if text != source.text[start:end]:
                    yield start, end, text, "init.value"
        gap = source.span(target)[1]
        if source.of(target) not in source.text[start:end]:
            yield gap, start, " += ", "stmt.update"
        if isinstance(node.value, (ast.GeneratorExp, ast.ListComp, ast.Call, ast.Subscript)):
            yield start, end, f"sorted({source.text[start:end]})", "call.wrap"
        if isinstance(node.value, ast.Name):
            yield start, end, f"{node.value.id} + 1", "bound.step"
            yield start, end, f"{node.value.id} - 1", "bound.step"
            yield start, end, f"list({node.value.id})", "call.wrap"
    elif isinstance(target, ast.Subscript):
        yield source.span(target)[1], start, " += ", "stmt.update"
        entry = f"{source.of(target.value)}.get({source.of(target.slice)}, 0)"
        yield start, end, f"{entry} + {source.text[start:end]}", "stmt.update"
        yield start, end, f"{entry} + 1", "stmt.update"


def _return(value: ast.expr, source: Source) -> Iterator[Change]:
    start, end = source.span(value)
    text = source.of(value)
    if isinstance(value, (ast.Name, ast.Call, ast.BinOp, ast.Subscript)):
        for wrapped in ("sorted({})", "list({})", "abs({})", "len({})", "str({})", "max(0, {})"):
            yield start, end, wrapped.format(text), "call.wrap"
        atom = text if not isinstance(value, ast.BinOp) else f"({text})"
        for changed in ("{}[::-1]", "-{}", "{} + 1", "{} - 1", "not {}"):
            yield start, end, changed.format(atom), "ret.value"
    elif isinstance(value, ast.Tuple) and len(value.elts) == 2:
        yield start, end, f"{source.of(value.elts[1])}, {source.of(value.elts[0])}", "call.swap"


def _branch(node: ast.If | ast.While, source: Source) -> Iterator[Change]:
    yield from negated(node.test, source)
    start = source.span(node)[0]
    keyword = source.text[start : source.span(node.test)[0]].strip()
    if keyword == "if" and not node.orelse:
        yield start, start + 2, "while", "branch.kind"
    elif keyword == "while":
        yield start, start + 5, "if", "branch.kind"
    elif keyword == "elif":
        yield start, start + 4, "if", "branch.kind"
    end = source.span(node.test)[1]
    names = sorted({n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)})[:3]
    for name in names:
        yield end, end, f" and {name}", "bool.more"
        yield end, end, f" or not {name}", "bool.more"


def _place(parent: ast.AST, block: list[ast.stmt], place: int, source: Source) -> Iterator[Change]:
    """Deletion, swap with the next one, and moves across the end of a block."""
    node = block[place]
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)) or _is_text(node):
        return
    start, end = lines(node, node, source)
    margin = " " * node.col_offset
    if not isinstance(node, (ast.For, ast.While, ast.If, ast.Try, ast.With)):
        yield start, end, margin + "pass", "stmt.delete"
    elif isinstance(node, ast.If) and not node.orelse:
        yield start, end, _moved(source.text[start:end].partition("\n")[2], -4) or margin + "pass", "stmt.delete"
    if place + 1 < len(block):
        following = block[place + 1]
        a, b = lines(following, following, source)
        yield start, b, source.text[a:b] + source.text[end:a] + source.text[start:end], "stmt.swap"
        if isinstance(node, (ast.For, ast.While, ast.If)) and not isinstance(following, ast.FunctionDef):
            yield a, b, _moved(source.text[a:b], 4), "stmt.move"
    elif place > 0 and isinstance(parent, (ast.For, ast.While, ast.If, ast.With)):
        yield start, end, _moved(source.text[start:end], -4), "stmt.move"


def _moved(text: str, by: int) -> str:
    rows = text.split("\n")
    if by > 0:
        return "\n".join(" " * by + row if row.strip() else row for row in rows)
    return "\n".join(row[-by:] if row[:-by].isspace() else row for row in rows)


def _first_value(function: Function, name: str, source: Source) -> Iterator[Change]:
    """A forgotten first assignment."""
    body = [node for node in function.body if not _is_text(node)]
    if body:
        start, margin = source.starts[body[0].lineno - 1], " " * body[0].col_offset
        for value in ("0", "[]", "{}", "set()", '""', "1", "None", "False", "True", "-1"):
            yield start, start, f"{margin}{name} = {value}\n", "init.missing"


def _guards(function: Function, source: Source) -> Iterator[Change]:
    """A missing branch at the start of a function."""
    body = [node for node in function.body if not _is_text(node)]
    if not body:
        return
    start = source.starts[body[0].lineno - 1]
    margin = " " * body[0].col_offset
    values = ("0", "[]", "None", "False", "True", '""', "-1", "1", "{}")
    names = [argument.arg for argument in function.args.args if argument.arg != "self"][:3]
    guards = [f"if not {name}:\n{margin}    return {value}" for name in names for value in (*values, name)]
    guards += [f"if {name} < 0:\n{margin}    return {value}" for name in names for value in ("0", "-1", "None", "[]")]
    guards += [f"if len({name}) < 2:\n{margin}    return {value}" for name in names for value in (name, "0", "[]")]
    for guard in guards[:MAX_GUARDS]:
        yield start, start, f"{margin}{guard}\n", "branch.guard"


def _inserts(function: Function, source: Source) -> Iterator[Change]:
    """A forgotten update at the end of a loop."""
    names = variables(function, source)
    numbers, lists, sets = ([name for name, kind in names.items() if kind == k][:4] for k in ("number", "list", "set"))
    for node in source.inside(function):
        if isinstance(node, ast.If) and not isinstance(node.body[-1], (ast.Return, ast.Continue, ast.Break)):
            end, margin = source.span(node.body[-1])[1], " " * node.body[0].col_offset
            for step in ("continue", "break", *(f"{name} {sign} 1" for name in numbers for sign in ("+=", "-="))):
                yield end, end, f"\n{margin}{step}", "stmt.insert"
        if not isinstance(node, (ast.For, ast.While)):
            continue
        last = node.body[-1]
        end, margin = source.span(last)[1], " " * node.body[0].col_offset
        steps = [f"{name} {sign} 1" for name in numbers for sign in ("+=", "-=")]
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            steps += [f"{name}.append({node.target.id})" for name in lists]
            steps += [f"{name}.add({node.target.id})" for name in sets]
        for step in steps[:16]:
            yield end, end, f"\n{margin}{step}", "stmt.insert"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
