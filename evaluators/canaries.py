"""Canaries made from a suite's own test files, for suites that bring none.

A canary is a hidden test whose assertions ask for the contrary, or for values that equal nothing: no solution passes
it, but what equals everything or replaces the runner does. Made from tests that surely reach an assertion: functions
and methods, parametrised at most, with an `assert` or a unittest `assertEqual`, `assertTrue`, `assertFalse` that stands
in no block, and no `return`. Not made from others (`pytest.raises` alone, assertions in loops or helpers);
`without_canary` names them.
"""

import ast
from collections.abc import Iterable, Iterator

from evaluators.base import Suite
from sandboxes.base import File, Files

_PREFIX = b"test_hgm_canary_of_"
_HEAD = """
def _hgm_unequal(value):
    if type(value) in (list, tuple) and value:
        return type(value)(map(_hgm_unequal, value))
    if type(value) is dict and value:
        return {key: _hgm_unequal(item) for key, item in value.items()}
    return object()


def _hgm_equals_anything(left, right):
    return left == _hgm_unequal(right) or _hgm_unequal(left) == right
"""
_UNITTEST = {"assertEqual": 2, "assertTrue": 1, "assertFalse": 1}
_Function = ast.FunctionDef


def canaries_of(files: Files, expected: Iterable[str]) -> Files:
    """Canaries for those of the expected tests (pytest node ids) that one can be made from."""
    wanted = _ids(expected)
    found = {}
    for path, file in files.items():
        folder, slash, name = path.rpartition(b"/")
        if name.startswith(b"test_") and name.endswith(b".py"):
            tree, kept = _canary(file.data, f"{path.decode()}::", wanted)
            if kept:
                found[folder + slash + _PREFIX + name.removeprefix(b"test_")] = File(ast.unparse(tree).encode())
    return found


def without_canary(grading: Suite) -> tuple[str, ...]:
    """The expected tests without a canary of their own; none where the suite brings its own canaries."""
    made = canaries_of(grading.files, grading.expected)
    if not set(grading.canary) <= set(made):
        return ()
    kept: set[str] = set()
    for path, file in grading.files.items():
        if path.endswith(b".py"):
            kept |= _canary(file.data, f"{path.decode()}::", _ids(grading.expected))[1]
    return tuple(name for name in grading.expected if name.partition("[")[0] not in kept or not grading.canary)


def _ids(expected: Iterable[str]) -> frozenset[str]:
    return frozenset(name.partition("[")[0] for name in expected)


def _canary(source: bytes, prefix: str, wanted: frozenset[str]) -> tuple[ast.Module, set[str]]:
    """The file with canaries for tests, and the ids of the tests they are for."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], []), set()
    kept: set[str] = set()
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            node.body = list(_contrary(node.body, f"{prefix}{node.name}::", wanted, kept)) or [ast.Pass()]
            body.append(node)
        else:
            body += _contrary([node], prefix, wanted, kept)
    place = sum(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in body)
    docstring = 1 if ast.get_docstring(tree) is not None else 0
    body[place + docstring : place + docstring] = ast.parse(_HEAD).body
    return ast.fix_missing_locations(ast.Module(body, [])), kept


def _contrary(body: list[ast.stmt], prefix: str, wanted: frozenset[str], kept: set[str]) -> Iterator[ast.stmt]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test"):
            yield node
        elif isinstance(node, _Function) and prefix + node.name in wanted and _is_plain(node):
            kept.add(prefix + node.name)
            node.body = [_asked_for_the_contrary(statement) for statement in node.body]
            yield node


def _is_plain(test: _Function) -> bool:
    marks = all("parametrize" in ast.unparse(decorator) for decorator in test.decorator_list)
    return marks and not any(map(_may_return, test.body)) and any(_asserted(part) is not None for part in test.body)


def _may_return(node: ast.AST) -> bool:
    """Whether the test could be over before its assertion."""
    inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
    return isinstance(node, ast.Return) or (not inner and any(map(_may_return, ast.iter_child_nodes(node))))


def _asserted(statement: ast.stmt) -> ast.expr | None:
    """What must be true for the test to go on."""
    found = None
    if isinstance(statement, ast.Assert):
        found = statement.test
    elif isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if len(call.args) >= _UNITTEST.get(name, 99):
            found = call.args[0]
            if name == "assertEqual":
                found = ast.Compare(found, [ast.Eq()], [call.args[1]])
            elif name == "assertFalse":
                found = ast.UnaryOp(ast.Not(), found)
    mocks = found is not None and any(
        getattr(node, "attr", getattr(node, "id", "")) == "ANY" for node in ast.walk(found)
    )
    return None if mocks else found


def _asked_for_the_contrary(statement: ast.stmt) -> ast.stmt:
    found = _asserted(statement)
    if found is None:
        return statement
    if isinstance(found, ast.Compare) and len(found.ops) == 1 and isinstance(found.ops[0], ast.Eq):
        name = ast.Name("_hgm_equals_anything", ast.Load())
        return ast.Assert(ast.Call(name, [found.left, *found.comparators], []))
    return ast.Assert(ast.UnaryOp(ast.Not(), found))
