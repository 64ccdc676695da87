"""Git's loose objects, written and read in this process; one of git's own is started only to read a packed one.

Nothing of the user's or the system's configuration, no hook, filter or attribute has a say: of the environment, only
PATH reaches git. Thread-safe; holds no open file and leaves no process behind.
"""

import hashlib
import io
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from gitdb import IStream, LooseObjectDB  # type: ignore[import-untyped]
from gitdb.exc import BadObject  # type: ignore[import-untyped]

from hgm.errors import ArchiveError, boundary
from trees.folders import reach_disk

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
GIT_DEADLINE_S = 120

_SHA = re.compile(r"[0-9a-f]{40}")
_GIT = (
    "git",
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", f"attr.tree={EMPTY_TREE}"),  # else git 2.43 and later may obey the .gitattributes of HEAD, an agent's file
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
)
_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


def checked_sha(text: str) -> str:
    """The full name of an object, unchanged; anything else is an ArchiveError and never an option of git."""
    if not _SHA.fullmatch(text):
        raise ArchiveError(f"not a git object's name: {text!r}")
    return text


def run_git(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git on a bare repository with an environment of our own and return what it printed.

    Raises:
        ArchiveError: git is missing, failed or took too long.
    """
    with boundary(ArchiveError, f"git {arguments[0]} on {repository}"):
        done = subprocess.run(
            [*_GIT, *arguments],
            input=stdin,
            env={**_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath), "GIT_DIR": str(repository.absolute())},
            cwd=repository,
            capture_output=True,
            timeout=GIT_DEADLINE_S,
            check=False,
            process_group=0,  # Ctrl-C is for the search, which finishes what runs
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise ArchiveError(f"git {arguments[0]} on {repository} failed ({done.returncode}): {said}")
    return done.stdout


class Objects:
    """The objects of one repository. `durable`: what `store` returned has reached the disk, not only the kernel."""

    def __init__(self, repository: Path, *, durable: bool) -> None:
        self._repository = repository
        self._folder = str(repository / "objects")
        self._durable = durable
        self._loose: Any = LooseObjectDB(self._folder)

    def store(self, kind: str, data: bytes) -> str:
        """Store one object and return its hash; an object that is there already is not written again."""
        sha = _hash(kind, data)
        folder = f"{self._folder}/{sha[:2]}"
        path = f"{folder}/{sha[2:]}"
        if not _holds_something(path):
            self._loose.store(IStream(kind, len(data), io.BytesIO(data)))
            if self._durable:
                reach_disk(path)
                reach_disk(folder)
        return sha

    def read(self, sha: str) -> tuple[str, bytes]:
        """An object's kind and content.

        Raises:
            ArchiveError: there is none, or its content has another hash.
        """
        with boundary(ArchiveError, f"object {sha} of {self._repository} is damaged"):
            try:
                stream = self._loose.stream(bytes.fromhex(checked_sha(sha)))
                kind, data = stream.type.decode(), bytes(stream.read())
            except BadObject:
                kind, data = self._read_packed(sha)
            if _hash(kind, data) != sha:
                raise ArchiveError(f"object {sha} of {self._repository} is damaged: its content has another hash")
        return kind, data

    def remove_leftovers(self) -> None:
        """Delete what writers that were killed left half-written. Only for whoever alone writes here."""
        for path in Path(self._folder).glob("obj*"):
            path.unlink(missing_ok=True)

    def _read_packed(self, sha: str) -> tuple[str, bytes]:
        """Read what somebody's `git gc` has packed."""
        head, _, rest = run_git(self._repository, "cat-file", "--batch", stdin=f"{sha}\n".encode()).partition(b"\n")
        fields = head.decode().split()
        if len(fields) != 3:
            raise ArchiveError(f"{self._repository} holds no object {sha}")
        return fields[1], rest[: int(fields[2])]


def _hash(kind: str, data: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def _holds_something(path: str) -> bool:
    """Whether there is a file with content; an empty one, as a power cut may leave it, is removed."""
    try:
        if os.stat(path).st_size:
            return True
        os.unlink(path)
    except FileNotFoundError:
        pass
    return False
