"""Plain test functions from a pytest file: the hidden file, a visible `check.py` of some of them, and canaries.

A canary is the same test with every expected value replaced by one of the same shape whose leaves equal nothing or are
others: whatever makes it pass is not a solution.
"""

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from evaluators.canaries import OTHER_VALUES

_RUNNER = """

class TimedOut(BaseException):
    pass


def out_of_time(signum, frame):
    raise TimedOut


def where(error):
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append((code.co_filename.rpartition("/")[2], trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    for name, line, function in places[1:][-3:]:
        print('  File "%s", line %s, in %s' % (name, line, function))
        try:
            with open(name) as source:
                print("    " + source.read().splitlines()[line - 1].strip())
        except (OSError, IndexError):
            pass


def attempt(test):
    _signal.setitimer(_signal.ITIMER_VIRTUAL, CPU_S, CPU_S)
    try:
        test()
    except TimedOut:
        return "timed out"
    except Exception as error:
        _signal.setitimer(_signal.ITIMER_VIRTUAL, 0)
        where(error)
        words = (type(error).__name__ + ": " + str(error)).splitlines()[0]
        return "raised " + words[:300].rstrip(": ")
    finally:
        _signal.setitimer(_signal.ITIMER_VIRTUAL, 0)
    return ""


def main():
    _signal.signal(_signal.SIGVTALRM, out_of_time)
    passed = 0
    for test in TESTS:
        trouble = attempt(test)
        if trouble:
            print("FAIL %s(): expected it to pass, %s" % (test.__name__, trouble), flush=True)
        else:
            passed += 1
    print("%d of %d passed" % (passed, len(TESTS)))
    return 0 if passed == len(TESTS) else 1


if __name__ == "__main__":
    sys.exit(main())
"""


@dataclass(frozen=True)
class Tests:
    """A test file whose tests are plain functions, importing the function under test from its own module."""

    tree: ast.Module
    module: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(cast(ast.FunctionDef, node).name for node in self.tree.body if _is_test(node))

    def hidden(self) -> bytes:
        """The whole file."""
        return ast.unparse(self.tree).encode()

    def canary(self) -> bytes:
        """A file in which every test fails for a solution."""
        tree = _Unequal().visit(copy.deepcopy(self.tree))
        for node in tree.body:
            if _is_test(node) and not any(isinstance(part, ast.Assert) for part in ast.walk(node)):
                node.body.append(ast.parse("assert False").body[0])
        tree.body[:0] = ast.parse(OTHER_VALUES).body
        return ast.unparse(ast.fix_missing_locations(tree)).encode()

    def check_file(self, shown: Sequence[str], *, cpu_s: float = 1.0) -> bytes:
        """`check.py` with the tests of these names, in the words of `evaluators.visible`."""
        kept = [
            node
            for node in self.tree.body
            if not (_is_test(node) and cast(ast.FunctionDef, node).name not in shown) and not _imports_pytest(node)
        ]
        text = ast.unparse(ast.Module(kept, []))
        head = (
            '"""Visible tests: python3 -S check.py"""\nimport _signal\nimport sys\n\nsys.dont_write_bytecode = True\n\n'
        )
        return f"{head}CPU_S = {cpu_s!r}\n\n{text}\n\nTESTS = [{', '.join(shown)}]\n{_RUNNER}".encode()


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test")


def _imports_pytest(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and [name.name for name in node.names] == ["pytest"]


class _Unequal(ast.NodeTransformer):
    """`assert a == b` compares with what equals neither; `assert a` asks for the contrary."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            equal = ast.Name("_hgm_equal", ast.Load())
            node.test = ast.Call(ast.Name("_hgm_holds", ast.Load()), [equal, test.left, *test.comparators], [])
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            node.test = test.operand
        else:
            node.test = ast.UnaryOp(ast.Not(), test)
        return node


def read_tests(source: str, module: str) -> Tests:
    """The tests of an upstream file that chooses between two packages by `pytest.use_correct`.

    Raises:
        SyntaxError: the source is not Python.
        ValueError: a test is not a plain function.
    """
    tree = ast.parse(source)
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.If) and "use_correct" in ast.unparse(node.test):
            body += ast.parse(f"from {module} import {module}").body
        elif _is_test(node) and (cast(ast.FunctionDef, node).decorator_list or cast(ast.FunctionDef, node).args.args):
            raise ValueError("a test is not a plain function")
        else:
            body.append(node)
    tests = Tests(ast.Module(body, []), module)
    if not tests.names:
        raise ValueError("it has no tests")
    return tests
