"""What runs that died left on this host: found, named and removed; never what a live process still holds.

`python -m hgm.sweep STATUS RUN_ID…` is what a process becomes when it must stop at once (see `hgm.interrupts`): it
waits for its children, removes what the runs left and ends with STATUS.
"""

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path

from hgm.names import all_runs
from hgm.run import DRAFT, Folder, is_locked
from hgm.scratch import claimed, is_claimed, run_id, scratch_folders
from sandboxes.leftovers import Leftover, leftovers, remove
from sandboxes.names import encoded

_BACKBONES = os.fsencode(str(package_files("hgm"))) + b"/backbones/"
_PATIENCE_S = 5.0
_POLL_S = 0.02
_LOOKS = 3
"""Rounds at the most: while some are being removed, an engine may finish more for somebody who is dead."""
_NEWBORN_S = 60.0
"""A draft of a run that is younger may be just being made."""


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What one dead run left."""

    run: str
    """Its run id, or the draft's name."""
    folder: Path | None
    things: tuple[Leftover, ...] = ()


def find(runs_dir: Path) -> list[Leaving]:
    """What runs left that no live process holds: those of `runs_dir`, and all that have a scratch folder."""
    live = {run_id(path) for path in all_runs(runs_dir) if is_locked(Folder(path))}
    scratch = {path.name: path for path in scratch_folders().iterdir() if path.is_dir()}
    left = leftovers(None)
    found = []
    for run in sorted({*scratch, *map(run_id, all_runs(runs_dir))} - live):
        things = tuple(thing for thing in left if thing.run == encoded(run))
        if (run in scratch or things) and not is_claimed(run):
            found.append(Leaving(run=run, folder=scratch.get(run), things=things))
    known = {encoded(leaving.run) for leaving in found}
    return [*found, *_orphans(left, known), *(Leaving(run=path.name, folder=path) for path in _drafts(runs_dir))]


def _orphans(left: list[Leftover], known: set[str]) -> Iterator[Leaving]:
    """What is dead whoever it was of: also canaries, and runs that are somewhere else or nowhere any more."""
    old = [thing for thing in left if thing.is_orphan and thing.run not in known]
    for run in sorted({thing.run for thing in old}):
        yield Leaving(run=run, folder=None, things=tuple(thing for thing in old if thing.run == run))


def clean(run: str) -> None:
    """Remove everything of a run id that this process holds, or nobody.

    Raises:
        RunError: a live process holds it.
        SandboxError: something does not go.
    """
    with claimed(run) as folder:
        _outlive(folder)
        looks = _LOOKS
        while looks and (found := leftovers(run)):
            remove(found)
            looks -= 1


def _outlive(folder: Path) -> None:
    """Wait until no process is about the folder: an orphaned gateway leaves by itself, or is killed."""
    deadline = time.monotonic() + _PATIENCE_S
    while (orphans := list(_about(folder))) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for orphan in orphans:
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)


def _about(folder: Path) -> Iterator[int]:
    """Processes of ours (never a shell or editor of the user's) with the folder, or what is in it, as an argument."""
    name = os.fsencode(folder)
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            arguments = cmdline.read_bytes().split(b"\0")
            ours = any(word == b"hgm.gateway" or word.startswith(_BACKBONES) for word in arguments)
            if ours and any(word == name or word.startswith(name + b"/") for word in arguments):
                yield int(cmdline.parent.name)


def discard(leaving: Leaving) -> None:
    """Remove what `find` found."""
    if leaving.folder is not None and DRAFT.fullmatch(leaving.folder.name):
        shutil.rmtree(leaving.folder, ignore_errors=True)
    elif leaving.folder is None and all(thing.is_orphan for thing in leaving.things):
        remove([*leaving.things])
    else:
        clean(leaving.run)


def _drafts(runs_dir: Path) -> Iterator[Path]:
    """Runs whose making was killed half-way."""
    for path in sorted(runs_dir.glob(".*")):
        if not (DRAFT.fullmatch(path.name) and path.is_dir()):
            continue
        if Folder(path).lock.exists():
            if not is_locked(Folder(path)):
                yield path
            continue
        with suppress(FileNotFoundError):  # it has become a run meanwhile
            if time.time() - path.stat().st_mtime > _NEWBORN_S:
                yield path


def main() -> None:
    """See the module."""
    status, *runs = sys.argv[1:]
    _outlive_children()
    for run in runs:
        clean(run)
    sys.exit(int(status))


def _outlive_children() -> None:
    """The gateway leaves by itself when its pipe ends; whatever does not is killed."""
    deadline = time.monotonic() + _PATIENCE_S
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(_POLL_S)
        for child in _children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _children() -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found = re.search(r"\) \S (\d+)", stat.read_text())
            if found and int(found[1]) == os.getpid():
                yield int(stat.parent.name)


if __name__ == "__main__":
    main()
