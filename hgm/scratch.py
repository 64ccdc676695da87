"""The folder of a live run outside its directory: what sandboxes mount needs a short path that any uid may reach."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from hgm.errors import RunError
from hgm.gateway.order import LEASE_SOCKET, LONGEST_PATH
from hgm.locks import is_held, take
from trees.folders import remove_folder

_REACHABLE = 0o711
_LONGEST_JOB = "x1000000-handshake"
"""No lease has a longer name."""


def run_id(directory: Path) -> str:
    """A short name for a run directory, unique on this host; part of every cgroup, mount and socket path."""
    digest = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:8]
    return f"{directory.name[:16]}-{digest}"


def scratch_folders() -> Path:
    """Where this user's scratch folders are, one per run id.

    Raises:
        RunError: somebody else made that folder, or it cannot be made.
    """
    folder = Path(tempfile.gettempdir()) / f"hgm-{os.getuid()}"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{folder} cannot be made ({error.strerror}): have it removed, or set TMPDIR to a folder of your own"
        ) from error
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise RunError(f"{folder} is not yours: have it removed, or set TMPDIR to a folder of your own")
    folder.chmod(_REACHABLE)
    return folder


@contextmanager
def claimed(run: str) -> Iterator[Path]:
    """The scratch folder of a run id, held by this process and removed afterwards.

    Raises:
        RunError: a live process holds it.
    """
    folder = scratch_folders() / run
    handle = _lock(folder)
    try:
        yield folder
    finally:
        remove_folder(folder)
        os.close(handle)


def is_claimed(run: str) -> bool:
    """Whether a live process holds the scratch folder of a run id."""
    try:
        handle = os.open(scratch_folders() / run, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return is_held(handle)
    finally:
        os.close(handle)


def _lock(folder: Path) -> int:
    while True:
        with suppress(FileNotFoundError):  # whoever held it before may remove it while we are opening it
            folder.mkdir(mode=_REACHABLE, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            if not take(handle):
                os.close(handle)
                raise RunError(f"{folder} is in use by a live process")
            if folder.exists() and os.path.samestat(os.fstat(handle), folder.stat()):
                folder.chmod(_REACHABLE)
                return handle
            os.close(handle)


class Scratch:
    """`<temporary folder>/hgm-<uid>/<run id>/lab`, made on entry and removed on exit."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.root = scratch_folders() / run / "lab"
        self._claim = claimed(run)

    def __enter__(self) -> "Scratch":
        self._claim.__enter__()
        remove_folder(self.root)
        self.root.mkdir()
        self.root.chmod(_REACHABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._claim.__exit__(kind, error, trace)

    def folder(self, name: str) -> Path:
        """A folder in here that others may pass through."""
        made = self.root / name
        made.mkdir(exist_ok=True)
        made.chmod(_REACHABLE)
        return made

    def gateway(self) -> Path:
        """A folder for a gateway and the sockets of its leases.

        Raises:
            RunError: their paths would be longer than a socket's may be.
        """
        longest = len(os.fsencode(self.root / "gw" / _LONGEST_JOB / LEASE_SOCKET))
        if longest >= LONGEST_PATH:
            shorter = longest - LONGEST_PATH + 1
            raise RunError(
                f"{tempfile.gettempdir()}: too long a path for the sockets below it: "
                f"set TMPDIR to one that is {shorter} bytes shorter, e.g. /tmp"
            )
        return self.folder("gw")

    def install(self, source: Path) -> Path:
        """A copy of a file of ours that any uid may read: the checkout itself is never mounted."""
        copy = self.folder("bin") / source.name
        shutil.copyfile(source, copy)
        copy.chmod(0o644)
        return copy

    @contextmanager
    def private(self, job: str) -> Iterator[Path]:
        """A folder for a job's socket that nobody else may pass through, gone afterwards; its path is short."""
        made = self.root / "env"
        made.mkdir(mode=0o700, exist_ok=True)
        folder = made / job
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            remove_folder(folder)

    @contextmanager
    def job(self, name: str) -> Iterator[Path]:
        """A folder for one job, gone afterwards."""
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder("jobs")))
        made.chmod(_REACHABLE)
        try:
            yield made
        finally:
            remove_folder(made)
