"""What of an agent's workspace Python would import in place of a file that the grader owns.

A folder `test_x` with an `__init__.py`, or a `test_x.abi3.so`, wins over the `test_x.py` beside it; bytecode may win
over its source; and a new `__init__.py` beside a test or above it decides what the test is called and where it is
looked for. Names are compared exactly, as Linux does.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from sandboxes.base import Files

_Folder: TypeAlias = tuple[bytes, ...]
_IMPORTABLE = (b".py", b".so", b".pyc")
_FIRST = b"__init__"


def shadows(base: Files, owned: Iterable[bytes], tests: Iterable[bytes]) -> Callable[[bytes], bool]:
    """Whether a path would be imported in place of one of `owned`, or decides where it is imported from.

    pytest puts the folders of `tests` first on the import path, so other owned files can be shadowed from there too.
    """
    first = {_split(path)[0] for path in tests}
    files = frozenset(owned)
    taken = {place for path in files if path.endswith(b".py") for place in _places(*_split(path), first)}
    above = {folder[:depth] for folder in first for depth in range(len(folder) + 1)}

    def shadow(path: bytes) -> bool:
        if path in files:
            return False
        folder, name = _split(path)
        stem = name.partition(b".")[0]
        below_a_name = any(folder[:depth] in taken for depth in range(1, len(folder) + 1))
        same_name = name.endswith(_IMPORTABLE) and (*folder, stem) in taken
        new_package = stem == _FIRST and folder in above and path not in base
        return below_a_name or same_name or new_package or b"__pycache__" in folder or name.endswith(b".pyc")

    return shadow


def _places(folder: _Folder, name: bytes, first: set[_Folder]) -> Iterator[_Folder]:
    """Where a file or folder of that name, without its suffix, would win over this one."""
    stem = (name.removesuffix(b".py"),)
    yield folder + stem
    for before in first - {(), folder}:
        yield before + (folder[:1] if folder and folder not in first else stem)


def _split(path: bytes) -> tuple[_Folder, bytes]:
    *folder, name = path.split(b"/")
    return tuple(folder), name
