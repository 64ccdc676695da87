"""What this machine has and lacks for a search, as plain values for `hgm doctor`."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from evaluators.gui.pages import pages_folder
from evaluators.gui.pool import browser_below_usr, recipe
from evaluators.layers import cache_folder
from hgm.config import BUILTIN, default_workers
from hgm.errors import EvaluatorError, HGMError, SandboxError, UsageError
from hgm.gateway.client import Gateway
from hgm.gateway.providers import KNOWN, Provider, is_too_short
from hgm.lab import FREE_DISK_MB, FREE_MEMORY_MB
from hgm.layers import stored
from hgm.scratch import Scratch
from sandboxes.choose import available
from sandboxes.engine import connect
from sandboxes.images import is_built

_COMFORTABLE_DISK_MB = 2_000
_COMFORTABLE_MEMORY_MB = 2_000
_OLDEST_PYTHON = (3, 11)
_COSTS = {
    "docker": "sandboxes are bubblewrap's alone",
    "bubblewrap": "sandboxes are Docker's alone, which start more slowly",
}
_NO_SANDBOX = "no sandbox, so nothing can be measured"


class Level(IntEnum):
    """How much it matters."""

    GOOD = 0
    LACKING = 1
    """A search runs, with a promise less."""
    BAD = 2
    """No search runs."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part of the machine."""

    part: str
    found: str
    level: Level = Level.GOOD
    cost: str = ""
    """What its absence costs."""
    remedy: str = ""
    """The one line that mends it."""


def checks(runs_dir: Path) -> Iterator[Check]:
    """Look at everything, one after the other."""
    yield _python()
    yield _git()
    yield from _sandboxes()
    yield from _engine_disk()
    yield _processors()
    yield _memory()
    for folder, what in ((Path(tempfile.gettempdir()), "temporary files"), (runs_dir, "runs")):
        yield _disk(folder, what)
    yield from _layers()
    yield _builtin()
    yield _browsers()
    for known in KNOWN.values():
        yield _key(known)


def _python() -> Check:
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info >= _OLDEST_PYTHON:
        return Check(part="Python", found=found)
    return Check(
        part="Python", found=found, level=Level.BAD, cost="the lab needs 3.11", remedy="use Python 3.11 or newer"
    )


def _git() -> Check:
    path = shutil.which("git")
    if path:
        return Check(part="git", found=path)
    cost = "no diffs between agents, and no evidence with patches"
    return Check(part="git", found="missing", level=Level.BAD, cost=cost, remedy="apt-get install git")


def _sandboxes() -> Iterator[Check]:
    parts = available()
    missing = {part.sandbox for part in parts if not part.found}
    none_works = missing >= {*_COSTS}
    for part in parts:
        if part.found:
            yield Check(part=part.name, found=part.found)
        elif not part.sandbox:
            yield Check(part=part.name, found="incomplete", level=Level.LACKING, cost=part.otherwise)
        else:
            level, cost = (Level.BAD, _NO_SANDBOX) if none_works else (Level.LACKING, _COSTS[part.sandbox])
            yield Check(part=part.name, found="missing", level=level, cost=cost, remedy=part.otherwise)


def _engine_disk() -> Iterator[Check]:
    try:
        engine = connect()
    except SandboxError:
        return
    if engine.is_local and os.path.isdir(engine.root):
        free = shutil.disk_usage(engine.root).free >> 20
        remedy = f"make room on the disk of {engine.root}, e.g. docker system prune"
        found = _room("disk of the container engine", free, FREE_DISK_MB, _COMFORTABLE_DISK_MB, remedy)
        yield replace(found, level=min(found.level, Level.LACKING))


def _processors() -> Check:
    count = os.cpu_count() or 1
    return Check(part="processors", found=f"{count}: {default_workers(count)} workers unless --workers says otherwise")


def _memory() -> Check:
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next((int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:")), 0)
    return _room("memory", free, FREE_MEMORY_MB, _COMFORTABLE_MEMORY_MB, "close other programs, or use fewer --workers")


def _disk(folder: Path, what: str) -> Check:
    while not os.path.exists(folder):
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free >> 20
    found = _room(f"disk for {what}", free, FREE_DISK_MB, _COMFORTABLE_DISK_MB, f"make room on the disk of {folder}")
    if os.access(folder, os.W_OK):
        return found
    cost = "nothing can be written there"
    return Check(
        part=found.part, found=f"{folder} is not writable", level=Level.BAD, cost=cost, remedy="name another folder"
    )


def _room(part: str, free: int, least: int, comfortable: int, remedy: str) -> Check:
    found = f"{free:,} MB free"
    if free >= comfortable:
        return Check(part=part, found=found)
    if free >= least:
        return Check(part=part, found=found, level=Level.LACKING, cost="a long search may run out of it", remedy=remedy)
    cost = f"below {least} MB nothing that fails can be blamed on an agent: evaluations end as unmeasured"
    return Check(part=part, found=found, level=Level.BAD, cost=cost, remedy=remedy)


def _layers() -> Iterator[Check]:
    count, size = stored()
    if count:
        yield Check(part="layers of agents", found=f"{count} in {cache_folder()}, {size >> 20:,} MB")


def _builtin() -> Check:
    part = f"backbone {BUILTIN}"
    try:
        with Scratch(f"doctor-{os.getpid()}") as scratch, Gateway(scratch.gateway(), scratch.folder("t")) as gateway:
            answers = gateway.probe(BUILTIN).ok
    except UsageError as error:
        remedy = "set TMPDIR to a short folder of your own"
        return Check(part=part, found=str(error), level=Level.BAD, cost="nothing can be started", remedy=remedy)
    except HGMError as error:
        return Check(
            part=part, found=str(error), level=Level.BAD, cost="no search without a key", remedy="reinstall hgm-lab"
        )
    if answers:
        return Check(part=part, found="answers; a rule-based program, not a language model")
    return Check(
        part=part, found="does not answer", level=Level.BAD, cost="no search without a key", remedy="reinstall hgm-lab"
    )


def _browsers() -> Check:
    """Nothing here is needed by a search on other benchmarks."""
    part = "browser for graphical tasks"
    try:
        pages_folder()
    except EvaluatorError as error:
        return Check(part=part, found=f"none: {error}")
    image = recipe().image
    try:
        there = f"docker: {image}" if is_built(connect(), image) else f"docker: {image} is built when it is needed"
    except SandboxError:
        there = "docker: no engine"
    try:
        return Check(part=part, found=f"bubblewrap: {browser_below_usr()}; {there}")
    except EvaluatorError as error:
        return Check(part=part, found=f"bubblewrap: {error}; {there}")


def _key(provider: Provider) -> Check:
    """Whether a key is there; it is looked at no further."""
    models = f"{provider.name}/… at {provider.base_url}"
    if is_too_short(os.environ.get(provider.key, "")):
        return Check(
            part=provider.key,
            found="too short to be kept out of what is written",
            level=Level.LACKING,
            cost=f"{models} cannot be asked",
            remedy="give the server a longer key, or unset this one if it wants none",
        )
    if os.environ.get(provider.key):
        return Check(part=provider.key, found=f"set, for {models}")
    if not provider.needs_key:
        return Check(part=provider.key, found=f"not set; {models} is asked without a key")
    return Check(part=provider.key, found=f"not set: {models} cannot be asked")
