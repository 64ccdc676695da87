"""Expressions, for following a program in the head: one rule per kind of node."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hgm.backbones.builtin import tracing_values as values
from hgm.backbones.builtin.tracing_values import Builtin, Unsupported, copied, flat, items, same, sized

if TYPE_CHECKING:
    from hgm.backbones.builtin.tracing import Machine


class Defined:
    """A function of the program."""

    def __init__(self, node: ast.FunctionDef | ast.Lambda, outer: dict[str, Any] | None) -> None:
        self.node, self.outer = node, outer


def unknown(machine: "Machine", node: Any, local: dict[str, Any]) -> Any:
    """What is not listed cannot be followed."""
    raise Unsupported


def _name(machine: "Machine", node: ast.Name, local: dict[str, Any]) -> Any:
    if node.id in local:
        return local[node.id]
    if node.id in machine.globals:
        return machine.globals[node.id]
    return values.find(node.id)


def _binary(machine: "Machine", node: ast.BinOp, local: dict[str, Any]) -> Any:
    return operate(node.op, machine.value(node.left, local), machine.value(node.right, local))


def _boolean(machine: "Machine", node: ast.BoolOp, local: dict[str, Any]) -> Any:
    stop_at = isinstance(node.op, ast.Or)
    value = None
    for part in node.values:
        value = machine.value(part, local)
        if bool(value) is stop_at:
            return value
    return value


def _unary(machine: "Machine", node: ast.UnaryOp, local: dict[str, Any]) -> Any:
    value = machine.value(node.operand, local)
    if isinstance(node.op, ast.Not):
        return not value
    if not isinstance(value, (int, float)):
        raise TypeError
    return -value if isinstance(node.op, ast.USub) else ~value if isinstance(node.op, ast.Invert) else value  # type: ignore[operator]


def _compare(machine: "Machine", node: ast.Compare, local: dict[str, Any]) -> Any:
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


def operate(operator: ast.operator, left: Any, right: Any) -> Any:
    function = _OPERATE.get(type(operator))
    if function is None:
        raise Unsupported
    return copied(sized(function(copied(left), copied(right))))


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


def _call(machine: "Machine", node: ast.Call, local: dict[str, Any]) -> Any:
    keywords = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise Unsupported
        keywords[keyword.arg] = machine.value(keyword.value, local)
    function = machine.value(node.func, local)
    return machine.call(function, [machine.value(argument, local) for argument in node.args], keywords)


def _attribute(machine: "Machine", node: ast.Attribute, local: dict[str, Any]) -> Any:
    return Builtin(node.attr, machine.value(node.value, local), method=True)


def _subscript(machine: "Machine", node: ast.Subscript, local: dict[str, Any]) -> Any:
    holder = machine.value(node.value, local)
    if isinstance(holder, (Builtin, Defined)):
        raise TypeError
    if isinstance(node.slice, ast.Slice):
        bounds = (node.slice.lower, node.slice.upper, node.slice.step)
        return copied(holder)[slice(*(machine.value(bound, local) if bound else None for bound in bounds))]
    return holder[flat(machine.value(node.slice, local))]


def _display(kind: Callable[[Any], Any]) -> Callable[["Machine", Any, dict[str, Any]], Any]:
    def made(machine: "Machine", node: Any, local: dict[str, Any]) -> Any:
        found = [machine.value(part, local) for part in node.elts]
        return kind([flat(item) for item in found] if kind is set else found)

    return made


def _dict(machine: "Machine", node: ast.Dict, local: dict[str, Any]) -> Any:
    if None in node.keys:
        raise Unsupported
    return {
        flat(machine.value(key, local)): machine.value(value, local)
        for key, value in zip(node.keys, node.values, strict=True)
    }


def _comprehension(machine: "Machine", node: Any, local: dict[str, Any]) -> Any:
    found: list[Any] = []
    _generate(machine, node, node.generators, dict(copied(local)), found)
    if isinstance(node, ast.SetComp):
        return {flat(item) for item in found}
    return {flat(key): value for key, value in found} if isinstance(node, ast.DictComp) else sized(found)


def _generate(
    machine: "Machine", node: Any, rest: list[ast.comprehension], local: dict[str, Any], to: list[Any]
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


def _text(machine: "Machine", node: ast.JoinedStr, local: dict[str, Any]) -> Any:
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


VALUES: dict[type, Callable[["Machine", Any, dict[str, Any]], Any]] = {
    ast.Constant: lambda machine, node, local: node.value, ast.Name: _name, ast.BinOp: _binary, ast.BoolOp: _boolean,
    ast.UnaryOp: _unary, ast.Compare: _compare, ast.Call: _call, ast.Attribute: _attribute, ast.Subscript: _subscript,
    ast.List: _display(list), ast.Tuple: _display(tuple), ast.Set: _display(set), ast.Dict: _dict,
    ast.ListComp: _comprehension, ast.SetComp: _comprehension, ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension, ast.JoinedStr: _text,
    ast.IfExp: lambda machine, node, local: machine.value(
        node.body if machine.value(node.test, local) else node.orelse, local
    ),
    ast.Lambda: lambda machine, node, local: Defined(node, local),
}  # fmt: skip
