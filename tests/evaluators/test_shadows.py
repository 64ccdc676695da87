"""Names that Python would import in place of the grader's, and names that it would not."""

import importlib.machinery

import pytest

from evaluators.shadows import shadows
from sandboxes.base import File

OWNED = (b"test_x.py", b"node.py", b"tests/test_y.py", b"lib/tool.py")
TESTS = (b"test_x.py", b"tests/test_y.py")
BASE = {b"pkg/__init__.py": File(b""), b"tests/data/__init__.py": File(b"")}
shadow = shadows(BASE, OWNED, TESTS)


@pytest.mark.parametrize("stem", [b"test_x", b"node", b"tests/test_y", b"tests/node", b"tests/test_x", b"tests/lib"])
def test_a_package_or_compiled_module_of_that_name_shadows(stem):
    for suffix in importlib.machinery.all_suffixes():
        path = stem + suffix.encode()
        assert path in OWNED or shadow(path), path
        assert shadow(stem + b"/__init__" + suffix.encode()), path
    assert shadow(stem + b"/deep/er.txt")


@pytest.mark.parametrize(
    "path", [b"__init__.py", b"tests/__init__.py", b"tests/__init__.abi3.so", b"__pycache__/test_x.cpython-311.pyc"]
)
def test_what_decides_where_a_test_is_looked_for_shadows(path):
    assert shadow(path)


@pytest.mark.parametrize(
    "path",
    [
        *OWNED,
        b"mod.py",
        b"Node.py",
        b"NODE/__init__.py",
        b"nodes/__init__.py",
        b"tool.py",
        b"pkg/__init__.py",
        b"pkg/node.py",
        b"pkg/new/__init__.py",
        b"test_x.txt",
        b"lib/new.py",
        b"test_y.py",
        b"src/test_x/a.py",
    ],
)
def test_other_names_do_not(path):
    assert not shadow(path)


def test_an_initialiser_that_the_base_has_is_the_agents_to_change():
    assert not shadows({b"tests/__init__.py": File(b"")}, OWNED, TESTS)(b"tests/__init__.py")
