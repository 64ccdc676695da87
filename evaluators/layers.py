"""Folders that sandboxes of the lab's own see read-only: the programs that run inside, and what those import.

A layer is made once, in the user's cache, under a name that says its content; it is complete or absent. Its files are
readable for everybody, because a sandbox may run as another user.
"""

import compileall
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from py_compile import PycInvalidationMode

from hgm.errors import EvaluatorError, boundary

INSIDE = "/hgm/grader"
"""Where the layer `programs()` is mounted."""
PYTEST = "/hgm/layer"
"""Where the layer `pytest_layer()` is mounted."""
PLAYWRIGHT = "/hgm/playwright"
"""Where the layer `playwright_layer()` is mounted."""
GUI_EXTRA = "pip install 'hgm-lab[gui]'"
_DISTRIBUTIONS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_PROGRAMS = ("compared.py", "suite.py", "Report.java", "jest.json")


def cache_folder() -> Path:
    """Where layers are kept: $XDG_CACHE_HOME/hgm/layers or ~/.cache/hgm/layers."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "hgm" / "layers"


@cache
def programs() -> Path:
    """The programs of `evaluators.inside`."""
    here = Path(__file__).parent / "inside"
    files = {name: (here / name).read_bytes() for name in _PROGRAMS}
    return _layer("programs", files | {"pytest.ini": b"[pytest]\n"})


@cache
def pytest_layer() -> Path:
    """The installed pytest and what it imports.

    Raises:
        EvaluatorError: it is not installed.
    """
    files: dict[str, bytes] = {}
    for name in _DISTRIBUTIONS:
        try:
            listed = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError as error:
            raise EvaluatorError(f"{name} is not installed, and suites of tests need it: pip install {name}") from error
        sources = (path for path in listed if path.suffix in (".py", ".typed") and ".." not in path.parts)
        files |= {path.as_posix(): Path(str(path.locate())).read_bytes() for path in sources}
    return _layer("pytest", files)


@cache
def browser_program() -> Path:
    """The folder of the program that drives a browser inside."""
    return _layer("browser", {"browser.js": (Path(__file__).parent / "inside" / "browser.js").read_bytes()})


@cache
def own_pages() -> Path:
    """The folder of the pages that belong to no benchmark."""
    folder = Path(__file__).parent / "gui" / "own"
    return _layer("own-pages", {path.name: path.read_bytes() for path in sorted(folder.iterdir())})


@cache
def playwright_layer() -> Path:
    """The driver of the installed Playwright with its Node.js, some 150 MB: copied once per version.

    Nothing of it is Python's, so the Python inside does not matter.

    Raises:
        EvaluatorError: it is not installed.
    """
    try:
        listed = metadata.distribution("playwright").files or []
    except metadata.PackageNotFoundError as error:
        raise EvaluatorError(f"playwright is not installed, and graphical tasks need it: {GUI_EXTRA}") from error
    files = {path.relative_to("playwright"): path for path in listed if path.is_relative_to("playwright/driver")}
    digest = hashlib.sha256()
    for place, path in sorted(files.items()):
        digest.update(f"{place} {path.hash.value if path.hash else ''}\n".encode())
    final = cache_folder() / f"playwright-{digest.hexdigest()[:16]}"
    if not final.is_dir():
        with boundary(EvaluatorError, f"cannot make the layer {final}"), draft(final.parent) as made:
            for place, path in files.items():
                (made / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(path.locate()), made / place)
            publish(made, final)
    return final


def _layer(name: str, files: Mapping[str, bytes]) -> Path:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode() + files[path])
    final = cache_folder() / f"{name}-{digest.hexdigest()[:16]}"
    if not final.is_dir():
        with boundary(EvaluatorError, f"cannot make the layer {final}"):
            _make(final, files)
    return final


def _make(final: Path, files: Mapping[str, bytes]) -> None:
    with draft(final.parent) as made:
        for path, data in files.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(data)
        compileall.compile_dir(made, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        publish(made, final)


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A new folder in `folder` that `publish` makes a layer of; gone after the block if nobody did."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def publish(made: Path, final: Path) -> None:
    """Give a draft its name, readable for everybody; one of that name that is there already stays.

    Raises:
        OSError: the disk's own trouble.
    """
    open_to_all(made)
    try:
        made.rename(final)
    except OSError:
        if not final.is_dir():  # else another process was faster
            raise


def open_to_all(folder: Path) -> None:
    """Let everybody read a folder and all below it, and run what its owner may run."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
