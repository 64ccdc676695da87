"""Benchmarks that are fetched once: Polyglot's exercises, from their repository into the user's cache."""

import os
import shutil
from pathlib import Path

from evaluators.exercises import exercises
from hgm.errors import ConfigError, boundary
from trees.checkouts import checkout

POLYGLOT = "https://github.com/Aider-AI/polyglot-benchmark"


def place() -> Path:
    """Where Polyglot is kept: $XDG_CACHE_HOME/hgm/benchmarks/polyglot or below ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "hgm" / "benchmarks" / "polyglot"


def fetched() -> Path:
    """Where it lies.

    Raises:
        ConfigError: it was not fetched.
    """
    if not place().is_dir():
        raise ConfigError("polyglot is not here yet: `hgm benchmark fetch polyglot`, or --data with a clone or a JSONL")
    return place()


def fetch(url: str, target: Path) -> tuple[str, int]:
    """Fetch it into a new folder, in place of what was fetched there before; the commit, and how many exercises.

    Raises:
        ConfigError: the repository cannot be had or holds no exercise, or the folder is somebody else's.
        EvaluatorError: an exercise is unusable.
        ArchiveError: the repository holds what no folder may.
    """
    if target.exists() and target != place():
        raise ConfigError(f"{target} exists already: name a new folder with --to")
    found = checkout(url)
    count = len(exercises(found.folder))
    with boundary(ConfigError, f"cannot write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(found.folder, target)
    return found.address.ref, count
