"""Interpreters that this machine has."""

import shutil
from pathlib import Path


def interpreters():
    """Every Python from 3.9 to 3.13 that can be found, one per version; the system's own in any case."""
    found = {"the system's": "/usr/bin/python3"}
    for minor in range(9, 14):
        here = shutil.which(f"python3.{minor}")
        others = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3.{minor}"))
        if here or others:
            found[f"3.{minor}"] = str(others[-1]) if others else here
    return {name: path for name, path in found.items() if Path(path).exists()}
