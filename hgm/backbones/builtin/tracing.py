"""Following a small program in the head: what would this call return, and which lines does it pass?

An interpreter for a small part of Python. It is handed text that nobody trusts, so it computes nothing but what is
listed here, on small plain values, and gives up after a few hundred steps: whatever it does not know is `Unsupported`.
No operation of the host's Python is let loose on values that could make it slow: sizes are bounded before,
comparisons, hashes and sorting see scalars and flat tuples only, and all of it draws on one budget of work per call.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hgm.backbones.builtin import tracing_values as values
from hgm.backbones.builtin.tracing_expressions import VALUES, Defined, operate, unknown
from hgm.backbones.builtin.tracing_values import Unsupported, copied, flat, items, sized, working

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
    with working():
        return _followed(tree, call, steps)


def _followed(tree: ast.Module, call: str, steps: int) -> Trace | None:
    machine = Machine(steps)
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


class Machine:
    def __init__(self, steps: int) -> None:
        self.steps, self.depth = steps, 0
        self.lines: set[int] = set()
        self.globals: dict[str, Any] = {}
        self.result: Any = None

    def load(self, tree: ast.Module) -> None:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.globals[node.name] = Defined(node, None)
            elif isinstance(node, (ast.Assign, ast.Expr)):
                self.run([node], self.globals)
            else:
                raise Unsupported
        self.lines.clear()

    def call(self, function: Any, arguments: list[Any], keywords: dict[str, Any] | None = None) -> Any:
        if keywords and isinstance(function, Defined):
            raise Unsupported
        if not isinstance(function, Defined):
            return values.call(function, arguments, keywords or {}, self.call)
        signature = function.node.args
        names = [argument.arg for argument in signature.args]
        if signature.vararg or signature.kwarg or signature.kwonlyargs or self.depth > MAX_DEPTH:
            raise Unsupported
        local = dict(copied(function.outer or {}))
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
        return VALUES.get(kind, unknown)(self, node, local)

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


def _run_assign(machine: Machine, node: ast.Assign, local: dict[str, Any]) -> int:
    value = machine.value(node.value, local)
    for target in node.targets:
        machine.assign(target, value, local)
    return 0


def _run_update(machine: Machine, node: ast.AugAssign, local: dict[str, Any]) -> int:
    before = machine.value(node.target, local)
    value = machine.value(node.value, local)
    if isinstance(before, list) and isinstance(node.op, ast.Add):
        before.extend(items(value))
        sized(before)
    elif isinstance(before, set):
        raise Unsupported
    else:
        machine.assign(node.target, operate(node.op, before, value), local)
    return 0


def _run_if(machine: Machine, node: ast.If, local: dict[str, Any]) -> int:
    return machine.run(node.body if machine.value(node.test, local) else node.orelse, local)


def _run_while(machine: Machine, node: ast.While, local: dict[str, Any]) -> int:
    while machine.value(node.test, local):
        signal = machine.run(node.body, local)
        if signal == _BREAK:
            return 0
        if signal == _RETURN:
            return signal
    return machine.run(node.orelse, local)


def _run_for(machine: Machine, node: ast.For, local: dict[str, Any]) -> int:
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


def _run_return(machine: Machine, node: ast.Return, local: dict[str, Any]) -> int:
    machine.result = machine.value(node.value, local) if node.value else None
    return _RETURN


def _run_expression(machine: Machine, node: ast.Expr, local: dict[str, Any]) -> int:
    machine.value(node.value, local)
    return 0


def _run_raise(machine: Machine, node: ast.Raise, local: dict[str, Any]) -> int:
    called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    raise _Raised(called.id if isinstance(called, ast.Name) else "Exception")


_RUN: dict[type, Callable[[Machine, Any, dict[str, Any]], int]] = {
    ast.Assign: _run_assign, ast.AugAssign: _run_update, ast.If: _run_if, ast.While: _run_while, ast.For: _run_for,
    ast.Return: _run_return, ast.Expr: _run_expression, ast.Raise: _run_raise,
    ast.Pass: lambda machine, node, local: 0, ast.Break: lambda machine, node, local: _BREAK,
    ast.Continue: lambda machine, node, local: _CONTINUE,
}  # fmt: skip
