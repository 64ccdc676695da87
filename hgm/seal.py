"""The git repository that an agent finds in its workspace: one commit, made by the host, with no history to read."""

import hashlib
import os
import subprocess
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from hgm.errors import SandboxError, boundary
from sandboxes.base import File, Files
from trees.folders import write_folder

MOST_KEPT = 256
MOST_BYTES = 1_000_000
"""Of one that is kept: an agent's workspace is sealed too when its editor has a second try."""
_ENV = {
    "PATH": os.defpath,
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "hgm",
    "GIT_AUTHOR_EMAIL": "hgm@localhost",
    "GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "hgm",
    "GIT_COMMITTER_EMAIL": "hgm@localhost",
    "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z",
}
_COMMANDS = (
    ("init", "--quiet", "--template=", "--initial-branch=main"),
    ("add", "--all", "--force"),
    ("commit", "--quiet", "--allow-empty", "--message=The task"),
)


class Sealer:
    """Makes the `.git` of a workspace; thread-safe, and keeps the latest ones, since tasks come again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Files] = OrderedDict()

    def seal(self, files: Files) -> Files:
        """The files under `.git` of a repository whose only commit holds `files`.

        Raises:
            SandboxError: the host's git failed.
        """
        name = _digest(files)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        sealed = _sealed(files, self._folder)
        if sum(len(file.data) for file in sealed.values()) > MOST_BYTES:
            return sealed
        with self._lock:
            self._kept[name] = sealed
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return sealed


def _digest(files: Files) -> bytes:
    digest = hashlib.sha256()
    for path, file in sorted(files.items()):
        digest.update(b"%d %d %s %s%s" % (len(path), len(file.data), file.mode.encode(), path, file.data))
    return digest.digest()


def _sealed(files: Files, folder: Path) -> Files:
    trouble = boundary(SandboxError, "cannot make the workspace's repository")
    with trouble, tempfile.TemporaryDirectory(prefix="seal-", dir=folder) as place:
        workspace = Path(place) / "workspace"
        write_folder(files, workspace, read_only=False)
        for command in _COMMANDS:
            subprocess.run(
                ["git", *command],
                cwd=workspace,
                env=_ENV,
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the search, which finishes what runs
            )
        inside = [path for path in (workspace / ".git").rglob("*") if path.is_file()]
        return {os.fsencode(path.relative_to(workspace)): File(path.read_bytes()) for path in sorted(inside)}
