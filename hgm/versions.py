"""Which code of the lab this is."""

from pathlib import Path

import hgm
from hgm.errors import HGMError
from trees.objects import run_git


def commit() -> str | None:
    """Of the lab's own code, where it is a checkout."""
    repository = Path(hgm.__file__).parents[1] / ".git"
    if not repository.is_dir():
        return None
    try:
        return run_git(repository, "rev-parse", "HEAD").decode().strip()
    except HGMError:
        return None
