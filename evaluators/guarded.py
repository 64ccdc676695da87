"""Runs the generator's own programs on the host under a step limit instead of a clock, so that results never vary.

Stops: endless loops and recursion, by counting loop turns and calls. Does not stop: anything malicious. Only code that
this package itself writes may come here; code from agents or foreign benchmarks runs in a sandbox.
"""

import ast
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from evaluators.base import Json


class _OutOfSteps(BaseException):
    """Not an Exception, so that a program's own handlers cannot swallow it."""


class Run(NamedTuple):
    """What one call came to: `value` as JSON text, or empty when it raised, ran too long or returned no JSON."""

    value: str
    steps: int


def _instrument(source: str) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.While | ast.For | ast.FunctionDef):
            tick = ast.Expr(ast.Call(ast.Name("__step__", ast.Load()), [], []))
            node.body.insert(0, ast.copy_location(tick, node))
    return ast.fix_missing_locations(tree)


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
    left = limit

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _OutOfSteps

    namespace: dict[str, Any] = {"__step__": count, "__name__": "generated"}
    try:
        exec(compile(_instrument(source), "generated", "exec"), namespace)  # noqa: S102 - our own program
    except Exception:  # noqa: BLE001 - a mutant may fail to load in any way
        return None
    results = []
    for case in cases:
        left = limit
        try:
            value = json.dumps(plain(namespace[function](*json.loads(case))), sort_keys=True)
        except (Exception, _OutOfSteps):  # noqa: BLE001 - a mutant may fail in any way
            value = ""
        results.append(Run(value, limit - left))
    return results
