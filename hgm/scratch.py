"""The folder of a live run outside its directory: what sandboxes mount needs a short path that any uid may reach."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_REACHABLE = 0o711


def run_id(directory: Path) -> str:
    """A short name for a run directory, unique on this host; part of every cgroup, mount and socket path."""
    digest = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:8]
    return f"{directory.name[:16]}-{digest}"


class Scratch:
    """`<temporary folder>/hgm-<uid>/<run id>/lab`, made on entry and removed on exit."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.root = Path(tempfile.gettempdir()) / f"hgm-{os.getuid()}" / run / "lab"

    def __enter__(self) -> "Scratch":
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        for folder in (self.root, self.root.parent, self.root.parent.parent):
            folder.chmod(_REACHABLE)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def folder(self, name: str) -> Path:
        """A folder in here that others may pass through."""
        made = self.root / name
        made.mkdir(exist_ok=True)
        made.chmod(_REACHABLE)
        return made

    def install(self, source: Path) -> Path:
        """A copy of a file of ours that any uid may read: the checkout itself is never mounted."""
        copy = self.folder("bin") / source.name
        shutil.copyfile(source, copy)
        copy.chmod(0o644)
        return copy

    @contextmanager
    def job(self, name: str) -> Iterator[Path]:
        """A folder for one job, gone afterwards."""
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder("jobs")))
        made.chmod(_REACHABLE)
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
