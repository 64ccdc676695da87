"""Runs the generator's own programs on the host under a step limit instead of a clock, so that results never vary.

Stops: endless loops and recursion, by counting loop turns and calls; strings, lists and integers that grow without end,
by counting what is added and multiplied as steps too. Does not stop: anything malicious. Only code that this package
itself writes may come here; code from agents or foreign benchmarks runs in a sandbox.
"""

import ast
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evaluators.base import Json


class _OutOfSteps(BaseException):
    """Not an Exception, so that a program's own handlers cannot swallow it."""


class Run(NamedTuple):
    """What one call came to: `value` as JSON text, or empty when it raised, ran too long or returned no JSON."""

    value: str
    steps: int


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


class _Counted(ast.NodeTransformer):
    """Makes every loop turn, call, comprehension item, sum and product of a program count as steps."""

    def _ticking(self, node: ast.While | ast.For | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call("__step__")))
        return node

    visit_While = visit_For = visit_FunctionDef = _ticking  # noqa: N815 - named by ast

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = _call("__each__", node.iter)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            node.left, node.right = _call("__sized__", node.left), _call("__sized__", node.right)
        elif isinstance(node.op, ast.Mult):
            return _call("__times__", node.left, node.right)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            node.value = _call("__sized__", node.value)
        elif isinstance(node.op, ast.Mult):
            before = ast.parse(ast.unparse(node.target), mode="eval").body
            node.value = _call("__factor__", before, node.value)
        return node


class _Steps:
    """The steps that one case has left, and what a counted program calls to spend them."""

    def __init__(self, limit: int) -> None:
        self.left = self.limit = limit

    def spend(self, count: int = 1) -> None:
        self.left -= count
        if self.left < 0:
            raise _OutOfSteps

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.spend()
            yield item

    def sized(self, value: Any) -> Any:
        self.spend(_size(value) // 16)
        return value

    def factor(self, left: Any, right: Any) -> Any:
        if type(left) is int and type(right) is int:
            self.spend((_size(left) + _size(right)) // 16)
        else:
            self.spend(_size(left) * _weight(right) // 16 + _size(right) * _weight(left) // 16)
        return right

    def times(self, left: Any, right: Any) -> Any:
        self.factor(left, right)
        return left * right

    def range(self, *bounds: Any) -> Any:
        made = range(*bounds)
        self.spend(min(len(made), sys.maxsize) // 256 if made else 0)
        return made

    def names(self) -> dict[str, Any]:
        return {
            "__step__": self.spend, "__each__": self.each, "__sized__": self.sized, "__factor__": self.factor,
            "__times__": self.times, "range": self.range, "__name__": "generated",
        }  # fmt: skip


def _size(value: Any) -> int:
    if type(value) is int:
        return value.bit_length() // 64
    return len(value) if type(value) in (str, list, tuple, dict) else 0


def _weight(value: Any) -> int:
    """How many times longer a sequence multiplied by this becomes."""
    return abs(value) if type(value) is int and abs(value) < sys.maxsize else 1


def plain(value: Any) -> Json:
    """The value with tuples as lists; TypeError if it is not made of built-in JSON types with finite numbers."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError("not a finite number")
        return value
    if type(value) in (list, tuple):
        return [plain(item) for item in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: plain(item) for key, item in value.items()}
    raise TypeError(f"not plain JSON: {type(value).__name__}")


def run_cases(source: str, function: str, cases: Sequence[str], *, limit: int) -> list[Run] | None:
    """Call the function once per case (arguments as JSON text); None where the program does not even load."""
    steps = _Steps(limit)
    namespace = steps.names()
    tree = ast.fix_missing_locations(_Counted().visit(ast.parse(source)))
    try:
        exec(compile(tree, "generated", "exec"), namespace)  # noqa: S102 - our own program
    except Exception:  # noqa: BLE001 - a mutant may fail to load in any way
        return None
    results = []
    for case in cases:
        steps.left = limit
        try:
            value = json.dumps(plain(namespace[function](*json.loads(case))), sort_keys=True)
        except (Exception, _OutOfSteps):  # noqa: BLE001 - a mutant may fail in any way
            value = ""
        results.append(Run(value, limit - steps.left))
    return results
