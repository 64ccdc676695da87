"""Names of runs: which ones are taken, and which may be given."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hgm.errors import RunError
from hgm.run import Folder

LONGEST = 24
"""A run's name is part of socket paths, which the kernel keeps short."""
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")


def new_run(name: str, runs_dir: Path) -> Path:
    """Where a new run of this name goes: a path if it contains a slash, else below `runs_dir`.

    Raises:
        RunError: no name for a run, or the run exists already.
    """
    path = Path(name) if "/" in name else runs_dir / name
    if ".." in Path(name).parts or not _NAME.fullmatch(name.rpartition("/")[2]):
        raise RunError(
            f"{name!r} cannot name a run: use 1 to {LONGEST} letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit, e.g. --run first-try"
        )
    if os.path.exists(path):
        raise RunError(f"{path} exists already: continue it with `hgm resume {name}`, or choose another --run")
    return path


def default_run(benchmark: str, runs_dir: Path) -> str:
    """`<benchmark>-<n>` with the first number after all that are taken."""
    stem = (re.sub(r"[^A-Za-z0-9_-]+", "-", Path(benchmark).name).strip("-_") or "run")[: LONGEST - 6]
    pattern = re.compile(rf"{re.escape(stem)}-(\d+)")
    taken = [int(match[1]) for path in _entries(runs_dir) if (match := pattern.fullmatch(path.name))]
    return f"{stem}-{max(taken, default=0) + 1}"


def all_runs(runs_dir: Path) -> list[Path]:
    """Every run's directory below `runs_dir`, by name."""
    return sorted(path for path in _entries(runs_dir) if os.path.isfile(Folder(path).journal))


def _entries(runs_dir: Path) -> Iterator[Path]:
    try:
        yield from runs_dir.iterdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"{runs_dir}: cannot be read ({error.strerror}): choose another --runs-dir") from error
