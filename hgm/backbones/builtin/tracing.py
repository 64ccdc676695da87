"""Following a small program in the head: what would this call return, and which lines does it pass?

An interpreter for a small part of Python. It is handed text that nobody trusts, so it computes nothing but what is
listed here, on small plain values, and gives up after a few hundred steps: whatever it does not know is `Unsupported`.
No operation of the host's Python is let loose on values that could make it slow: sizes are bounded before, and
comparisons, hashes and sorting see scalars and flat tuples only.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hgm.backbones.builtin import tracing_values as values
from hgm.backbones.builtin.tracing_values import Builtin, Unsupported, flat, items, same, sized

MAX_DEPTH = 24
_OWN = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, NameError)
_BREAK, _CONTINUE, _RETURN = 1, 2, 3


class _OutOfSteps(Exception):
    pass


class _Raised(Exception):
    pass


@dataclass(frozen=True)
class Trace:
    """How a call ends."""

    value: Any
    raised: str
    timed_out: bool
    lines: frozenset[int]


def follow(tree: ast.Module, call: str, steps: int) -> Trace | None:
    """Follow a call such as `f([1, 2], 3)`; None where it cannot be followed."""
    machine = _Machine(steps)
    try:
        asked = ast.parse(call, mode="eval").body
        if not isinstance(asked, ast.Call) or not isinstance(asked.func, ast.Name) or asked.keywords:
            return None
        arguments = [ast.literal_eval(argument) for argument in asked.args]
        machine.load(tree)
        value = machine.call(machine.globals[asked.func.id], [sized(argument) for argument in arguments])
        return Trace(values.plain(value), "", False, frozenset(machine.lines))
    except (Unsupported, SyntaxError, RecursionError, MemoryError):
        return None
    except _OutOfSteps:
        return Trace(None, "", True, frozenset(machine.lines))
    except _Raised as error:
        return Trace(None, str(error), False, frozenset(machine.lines))
    except _OWN as error:  # the program's own exception, as Python would raise it
        return Trace(None, type(error).__name__, False, frozenset(machine.lines))


class _Function:
    def __init__(self, node: ast.FunctionDef | ast.Lambda, outer: "dict[str, Any] | None") -> None:
        self.node, self.outer = node, outer


class _Machine:
    def __init__(self, steps: int) -> None:
        self.steps, self.depth = steps, 0
        self.lines: set[int] = set()
        self.globals: dict[str, Any] = {}
        self.result: Any = None

    def load(self, tree: ast.Module) -> None:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.globals[node.name] = _Function(node, None)
            elif isinstance(node, (ast.Assign, ast.Expr)):
                self.run([node], self.globals)
            else:
                raise Unsupported
        self.lines.clear()

    def call(self, function: Any, arguments: list[Any], keywords: dict[str, Any] | None = None) -> Any:
        if keywords and isinstance(function, _Function):
            raise Unsupported
        if not isinstance(function, _Function):
            return values.call(function, arguments, keywords or {}, self.call)
        signature = function.node.args
        names = [argument.arg for argument in signature.args]
        if signature.vararg or signature.kwarg or signature.kwonlyargs or self.depth > MAX_DEPTH:
            raise Unsupported
        local = dict(function.outer or {})
        missing = names[len(arguments) :]
        for name, default in zip(reversed(names), reversed(signature.defaults), strict=False):
            if name in missing:
                local[name] = self.value(default, {})
        if len(arguments) > len(names) or any(name not in local for name in missing):
            raise TypeError
        local.update(zip(names, arguments, strict=False))
        self.depth += 1
        if isinstance(function.node, ast.Lambda):
            value = self.value(function.node.body, local)
        else:
            value = self.result if self.run(function.node.body, local) == _RETURN else None
        self.depth -= 1
        return value

    def run(self, block: list[Any], local: dict[str, Any]) -> int:
        for node in block:
            self.steps -= 1
            if self.steps < 0:
                raise _OutOfSteps
            self.lines.add(node.lineno)
            rule = _RUN.get(type(node))
            if rule is None:
                raise Unsupported
            signal = rule(self, node, local)
            if signal:
                return signal
        return 0

    def value(self, node: Any, local: dict[str, Any]) -> Any:
        self.steps -= 1
        if self.steps < 0:
            raise _OutOfSteps
        kind = type(node)
        if kind is ast.Constant:
            return node.value
        if kind is ast.Name and node.id in local:
            return local[node.id]
        return _VALUE.get(kind, _unknown)(self, node, local)

    def assign(self, target: Any, value: Any, local: dict[str, Any]) -> None:
        if isinstance(target, ast.Name):
            local[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = list(items(value))
            if len(parts) != len(target.elts):
                raise ValueError
            for part, item in zip(target.elts, parts, strict=True):
                self.assign(part, item, local)
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            holder, key = self.value(target.value, local), self.value(target.slice, local)
            if not isinstance(holder, (list, dict)):
                raise TypeError
            holder[flat(key)] = value
            sized(holder)
        else:
            raise Unsupported


def _unknown(machine: _Machine, node: Any, local: dict[str, Any]) -> Any:
    raise Unsupported


def _run_assign(machine: _Machine, node: ast.Assign, local: dict[str, Any]) -> int:
    value = machine.value(node.value, local)
    for target in node.targets:
        machine.assign(target, value, local)
    return 0


def _run_update(machine: _Machine, node: ast.AugAssign, local: dict[str, Any]) -> int:
    before = machine.value(node.target, local)
    value = machine.value(node.value, local)
    if isinstance(before, list) and isinstance(node.op, ast.Add):
        before.extend(items(value))
        sized(before)
    elif isinstance(before, set):
        raise Unsupported
    else:
        machine.assign(node.target, _operate(node.op, before, value), local)
    return 0


def _run_if(machine: _Machine, node: ast.If, local: dict[str, Any]) -> int:
    return machine.run(node.body if machine.value(node.test, local) else node.orelse, local)


def _run_while(machine: _Machine, node: ast.While, local: dict[str, Any]) -> int:
    while machine.value(node.test, local):
        signal = machine.run(node.body, local)
        if signal == _BREAK:
            return 0
        if signal == _RETURN:
            return signal
    return machine.run(node.orelse, local)


def _run_for(machine: _Machine, node: ast.For, local: dict[str, Any]) -> int:
    for item in items(machine.value(node.iter, local), live=True):
        machine.assign(node.target, item, local)
        signal = machine.run(node.body, local)
        if signal == _BREAK:
            return 0
        if signal == _RETURN:
            return signal
        machine.steps -= 1
        if machine.steps < 0:
            raise _OutOfSteps
    return machine.run(node.orelse, local)


def _run_return(machine: _Machine, node: ast.Return, local: dict[str, Any]) -> int:
    machine.result = machine.value(node.value, local) if node.value else None
    return _RETURN


def _run_expression(machine: _Machine, node: ast.Expr, local: dict[str, Any]) -> int:
    machine.value(node.value, local)
    return 0


def _run_raise(machine: _Machine, node: ast.Raise, local: dict[str, Any]) -> int:
    called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    raise _Raised(called.id if isinstance(called, ast.Name) else "Exception")


def _name(machine: _Machine, node: ast.Name, local: dict[str, Any]) -> Any:
    if node.id in local:
        return local[node.id]
    if node.id in machine.globals:
        return machine.globals[node.id]
    return values.find(node.id)


def _binary(machine: _Machine, node: ast.BinOp, local: dict[str, Any]) -> Any:
    return _operate(node.op, machine.value(node.left, local), machine.value(node.right, local))


def _boolean(machine: _Machine, node: ast.BoolOp, local: dict[str, Any]) -> Any:
    stop_at = isinstance(node.op, ast.Or)
    value = None
    for part in node.values:
        value = machine.value(part, local)
        if bool(value) is stop_at:
            return value
    return value


def _unary(machine: _Machine, node: ast.UnaryOp, local: dict[str, Any]) -> Any:
    value = machine.value(node.operand, local)
    if isinstance(node.op, ast.Not):
        return not value
    if not isinstance(value, (int, float)):
        raise TypeError
    return -value if isinstance(node.op, ast.USub) else ~value if isinstance(node.op, ast.Invert) else value  # type: ignore[operator]


def _compare(machine: _Machine, node: ast.Compare, local: dict[str, Any]) -> Any:
    left = machine.value(node.left, local)
    for operator, other in zip(node.ops, node.comparators, strict=True):
        right = machine.value(other, local)
        if not _holds(operator, left, right):
            return False
        left = right
    return True


def _holds(operator: ast.cmpop, left: Any, right: Any) -> bool:
    kind = type(operator)
    if kind in _ORDER:
        if type(left) is not int or type(right) is not int:
            flat(left), flat(right)
        return bool(_ORDER[kind](left, right))
    if kind in (ast.Eq, ast.NotEq):
        return same(left, right) is (kind is ast.Eq)
    if kind in (ast.Is, ast.IsNot):
        return (left is right) is (kind is ast.Is)
    return _within(left, right) is (kind is ast.In)


def _within(item: Any, holder: Any) -> bool:
    if isinstance(holder, (dict, set, str)):
        return flat(item) in holder
    return any(same(item, other) for other in items(holder))


def _operate(operator: ast.operator, left: Any, right: Any) -> Any:
    function = _OPERATE.get(type(operator))
    if function is None:
        raise Unsupported
    return sized(function(left, right))


def _add(left: Any, right: Any) -> Any:
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (str, list, tuple)) and isinstance(other, int) and len(one) * other > 2000:
            raise Unsupported
    return left * right


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        raise Unsupported
    return left % right


def _power(left: Any, right: Any) -> Any:
    if not (isinstance(right, int) and abs(right) <= 64):
        raise Unsupported
    return left**right


def _shift_left(left: Any, right: Any) -> Any:
    if not (isinstance(right, int) and right <= 128):
        raise Unsupported
    return left << right


_ORDER: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b,
}  # fmt: skip
_OPERATE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: _add, ast.Sub: lambda a, b: a - b, ast.Mult: _multiply, ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b, ast.Mod: _modulo, ast.Pow: _power, ast.LShift: _shift_left,
    ast.RShift: lambda a, b: a >> b, ast.BitAnd: lambda a, b: a & b, ast.BitOr: lambda a, b: a | b,
    ast.BitXor: lambda a, b: a ^ b,
}  # fmt: skip


def _call(machine: _Machine, node: ast.Call, local: dict[str, Any]) -> Any:
    keywords = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise Unsupported
        keywords[keyword.arg] = machine.value(keyword.value, local)
    function = machine.value(node.func, local)
    return machine.call(function, [machine.value(argument, local) for argument in node.args], keywords)


def _attribute(machine: _Machine, node: ast.Attribute, local: dict[str, Any]) -> Any:
    return Builtin(node.attr, machine.value(node.value, local), method=True)


def _subscript(machine: _Machine, node: ast.Subscript, local: dict[str, Any]) -> Any:
    holder = machine.value(node.value, local)
    if isinstance(holder, (Builtin, _Function)):
        raise TypeError
    if isinstance(node.slice, ast.Slice):
        bounds = (node.slice.lower, node.slice.upper, node.slice.step)
        return holder[slice(*(machine.value(bound, local) if bound else None for bound in bounds))]
    return holder[flat(machine.value(node.slice, local))]


def _display(kind: Callable[[Any], Any]) -> Callable[[_Machine, Any, dict[str, Any]], Any]:
    def made(machine: _Machine, node: Any, local: dict[str, Any]) -> Any:
        found = [machine.value(part, local) for part in node.elts]
        return kind([flat(item) for item in found] if kind is set else found)

    return made


def _dict(machine: _Machine, node: ast.Dict, local: dict[str, Any]) -> Any:
    if None in node.keys:
        raise Unsupported
    return {
        flat(machine.value(key, local)): machine.value(value, local)
        for key, value in zip(node.keys, node.values, strict=True)
    }


def _comprehension(machine: _Machine, node: Any, local: dict[str, Any]) -> Any:
    found: list[Any] = []
    _generate(machine, node, node.generators, dict(local), found)
    if isinstance(node, ast.SetComp):
        return {flat(item) for item in found}
    return {flat(key): value for key, value in found} if isinstance(node, ast.DictComp) else sized(found)


def _generate(
    machine: _Machine, node: Any, rest: list[ast.comprehension], local: dict[str, Any], to: list[Any]
) -> None:
    if not rest:
        if isinstance(node, ast.DictComp):
            to.append((machine.value(node.key, local), machine.value(node.value, local)))
        else:
            to.append(machine.value(node.elt, local))
        return
    for item in items(machine.value(rest[0].iter, local)):
        machine.assign(rest[0].target, item, local)
        if all(machine.value(test, local) for test in rest[0].ifs):
            _generate(machine, node, rest[1:], local, to)


def _text(machine: _Machine, node: ast.JoinedStr, local: dict[str, Any]) -> Any:
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
            continue
        value = machine.value(part.value, local) if isinstance(part, ast.FormattedValue) else None
        if not isinstance(part, ast.FormattedValue) or part.conversion != -1 or not isinstance(value, (int, str)):
            raise Unsupported
        shape = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
        form = "".join(str(piece.value) if isinstance(piece, ast.Constant) else "?" for piece in shape)
        if len(form) > 3 or "?" in form:
            raise Unsupported
        parts.append(format(value, form))
    return sized("".join(parts))


_RUN: dict[type, Callable[[_Machine, Any, dict[str, Any]], int]] = {
    ast.Assign: _run_assign, ast.AugAssign: _run_update, ast.If: _run_if, ast.While: _run_while, ast.For: _run_for,
    ast.Return: _run_return, ast.Expr: _run_expression, ast.Raise: _run_raise,
    ast.Pass: lambda machine, node, local: 0, ast.Break: lambda machine, node, local: _BREAK,
    ast.Continue: lambda machine, node, local: _CONTINUE,
}  # fmt: skip
_VALUE: dict[type, Callable[[_Machine, Any, dict[str, Any]], Any]] = {
    ast.Constant: lambda machine, node, local: node.value, ast.Name: _name, ast.BinOp: _binary, ast.BoolOp: _boolean,
    ast.UnaryOp: _unary, ast.Compare: _compare, ast.Call: _call, ast.Attribute: _attribute, ast.Subscript: _subscript,
    ast.List: _display(list), ast.Tuple: _display(tuple), ast.Set: _display(set), ast.Dict: _dict,
    ast.ListComp: _comprehension, ast.SetComp: _comprehension, ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension, ast.JoinedStr: _text,
    ast.IfExp: lambda machine, node, local: machine.value(
        node.body if machine.value(node.test, local) else node.orelse, local
    ),
    ast.Lambda: lambda machine, node, local: _Function(node, local),
}  # fmt: skip
