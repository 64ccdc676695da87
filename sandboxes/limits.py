"""Control groups: how many processes and how much memory one sandbox may use, and what the kernel did about it.

Stops: fork bombs, memory bombs (tmpfs pages included), any process of a sandbox outliving it, and (where there is a
cpu controller) a sandbox of many processes taking more processor time than one of few.
Does not stop: a machine that is too small for all its sandboxes together.

Both kinds of hierarchy work: v1 (one tree per controller) and v2 (one tree, in which a group that hands controllers
down may hold no processes itself). Groups are made as near to the lab's own group as possible, so that a limit that
somebody set on the lab as a whole keeps binding.
"""

import contextlib
import errno
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hgm.errors import SandboxError
from sandboxes.base import Limits
from sandboxes.names import new_name, owner_of

OWN_PROCESSES = 2
"""bubblewrap's own, inside the group: the monitor and the first process of the pid namespace."""
SMALLEST_MEMORY_MB = 16
_NEEDED = frozenset({"pids", "memory"})
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Hierarchy:
    """Where new groups may be made: controller -> parent folder. In v2 that is the same folder for all."""

    version: int
    parents: Mapping[str, Path]


class Events(NamedTuple):
    """What the kernel did to a group so far."""

    out_of_memory_kills: int = 0
    pids_refused: int = 0


class _Mount(NamedTuple):
    kind: str
    root: str
    point: Path
    options: frozenset[str]


def find_hierarchy(*, own: str | None = None, mounts: str | None = None) -> Hierarchy | None:
    """Where this process may make groups that limit pids and memory; None where it may not.

    `own` is the text of /proc/self/cgroup, `mounts` that of /proc/self/mountinfo. Hands pids and memory down from the
    root of a v2 tree if nobody has done so yet.
    """
    own = Path("/proc/self/cgroup").read_text() if own is None else own
    mounts = Path("/proc/self/mountinfo").read_text() if mounts is None else mounts
    paths = _own_paths(own)
    places = tuple(_cgroup_mounts(mounts))
    return _find_v1(paths, places) or _find_v2(paths, places)


def _own_paths(text: str) -> dict[str, str]:
    lines = (line.split(":", 2) for line in text.splitlines())
    return {controller: path for _, controllers, path in lines for controller in controllers.split(",")}


def _cgroup_mounts(text: str) -> Iterator[_Mount]:
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = (_unescaped(field) for field in left.split(" ")[3:5])
            yield _Mount(kind, root, Path(point), frozenset(options.split(",")))


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _folder(mount: _Mount, path: str) -> Path:
    inside = os.path.relpath(path, mount.root)
    folder = mount.point / inside
    return mount.point if inside.startswith("..") or not folder.is_dir() else folder


def _find_v1(paths: Mapping[str, str], mounts: tuple[_Mount, ...]) -> Hierarchy | None:
    parents = {
        controller: _folder(mount, paths[controller])
        for mount in mounts
        if mount.kind == "cgroup"
        for controller in sorted(mount.options & {*_NEEDED, "cpu"})
        if controller in paths
    }
    writable = {controller: folder for controller, folder in parents.items() if os.access(folder, os.W_OK)}
    return Hierarchy(1, writable) if writable.keys() >= _NEEDED else None


def _find_v2(paths: Mapping[str, str], mounts: tuple[_Mount, ...]) -> Hierarchy | None:
    for mount in mounts:
        if mount.kind == "cgroup2" and "" in paths:
            start = _folder(mount, paths[""])
            for folder in (start, *start.parents):
                if folder == mount.point:
                    _hand_down(folder)
                handed_down = _words(folder / "cgroup.subtree_control")
                if handed_down >= _NEEDED and os.access(folder, os.W_OK):
                    return Hierarchy(2, dict.fromkeys(sorted(handed_down & {*_NEEDED, "cpu"}), folder))
                if folder == mount.point:
                    break
    return None


def _hand_down(root: Path) -> None:
    if not _words(root / "cgroup.subtree_control") >= _NEEDED and _words(root / "cgroup.controllers") >= _NEEDED:
        # Refused where this is no real root but a container's, which has processes of its own.
        with contextlib.suppress(OSError):
            (root / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in sorted(_NEEDED)))


def _words(file: Path) -> frozenset[str]:
    try:
        return frozenset(file.read_text().split())
    except OSError:
        return frozenset()


@dataclass(frozen=True)
class Group:
    """The control group of one sandbox."""

    version: int
    folders: Mapping[str, Path]

    @property
    def name(self) -> str:
        return next(iter(self.folders.values())).name

    @property
    def joins(self) -> tuple[Path, ...]:
        """Files that a process of one thread writes a 0 to, in order to come under every limit."""
        # Moving one thread, where that is possible, spares the kernel 10 ms of waiting for all processors.
        file = "tasks" if self.version == 1 else "cgroup.procs"
        return tuple(dict.fromkeys(folder / file for folder in self.folders.values()))

    def events(self) -> Events:
        """What the kernel did to this group so far; zeros once it is gone."""
        memory = "memory.oom_control" if self.version == 1 else "memory.events"
        return Events(
            _entry(self.folders["memory"] / memory, "oom_kill"), _entry(self.folders["pids"] / "pids.events", "max")
        )

    def members(self) -> frozenset[int]:
        """The processes in it."""
        # 0 stands for a process of a foreign pid namespace, and would mean our own process group to kill().
        files = {folder / "cgroup.procs" for folder in self.folders.values()}
        return frozenset(int(word) for file in files for word in _words(file) if word != "0")

    def kill(self, *, but: frozenset[int] = frozenset()) -> None:
        """Kill every process in it `but` these, also those that are being born; returns when none is left.

        Raises:
            SandboxError: one of them does not die.
        """
        deadline = time.monotonic() + _PATIENCE_S
        self._set("pids.max", "0")
        _signal(self.members() - but, signal.SIGSTOP)  # all at once: a shell would tell of the death of its command
        if not but:
            self._set("cgroup.kill", "1")
        while (processes := self.members() - but) and time.monotonic() < deadline:
            _signal(processes, signal.SIGKILL)
            time.sleep(0.001)
        if processes:
            raise SandboxError(f"processes {sorted(processes)} of {self.name} do not die")

    def remove(self) -> None:
        """Remove it, when its last process is gone.

        Raises:
            SandboxError: the kernel did not let it go.
        """
        for folder in dict.fromkeys(self.folders.values()):
            _remove(folder, time.monotonic() + _PATIENCE_S)

    def await_removal(self) -> None:
        """Wait until somebody else, whose group it is, has removed it; in vain for a while is no trouble."""
        deadline = time.monotonic() + _PATIENCE_S
        while any(folder.exists() for folder in self.folders.values()) and time.monotonic() < deadline:
            time.sleep(0.001)

    def _set(self, name: str, value: str) -> None:
        """Write a file wherever this kernel has it."""
        for file in (folder / name for folder in self.folders.values()):
            if file.exists():
                with contextlib.suppress(OSError):
                    file.write_text(value)


def _signal(processes: frozenset[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def make_group(hierarchy: Hierarchy, run: str, job: str, limits: Limits) -> Group:
    """Make a group that enforces `limits`.

    Raises:
        SandboxError: the kernel refused.
    """
    if limits.memory_mb < SMALLEST_MEMORY_MB:
        raise SandboxError(f"memory_mb = {limits.memory_mb}: nothing starts below {SMALLEST_MEMORY_MB}")
    name = new_name(run, job)
    group = Group(hierarchy.version, {controller: parent / name for controller, parent in hierarchy.parents.items()})
    try:
        for folder in dict.fromkeys(group.folders.values()):
            folder.mkdir()
        for file, value in _settings(group, limits):
            if file.exists():
                file.write_text(value)
    except OSError as cause:
        with contextlib.suppress(SandboxError):
            group.remove()
        raise SandboxError(f"no control group for {job}: {cause}") from cause
    return group


def group_of(process: int) -> Group | None:
    """The group that somebody else, such as a service manager, has put a process in; None if it is not one of ours."""
    path = _own_paths(Path(f"/proc/{process}/cgroup").read_text()).get("", "")
    for mount in _cgroup_mounts(Path("/proc/self/mountinfo").read_text()):
        if mount.kind == "cgroup2" and owner_of(Path(path).name):
            return Group(2, dict.fromkeys(sorted(_NEEDED), _folder(mount, path)))
    return None


def container_group(process: int, container: str) -> Group | None:
    """The group that an engine has put a container in; None if it holds no such process of this machine."""
    try:
        paths = _own_paths(Path(f"/proc/{process}/cgroup").read_text())
    except OSError:
        return None
    found: dict[int, dict[str, Path]] = {1: {}, 2: {}}
    for mount in _cgroup_mounts(Path("/proc/self/mountinfo").read_text()):
        version = 1 if mount.kind == "cgroup" else 2
        for controller in _NEEDED & mount.options if version == 1 else _NEEDED:
            path = paths.get(controller if version == 1 else "", "")
            if container in path and container in (folder := _folder(mount, path)).name:
                found[version][controller] = folder
    return next((Group(version, folders) for version, folders in found.items() if folders.keys() >= _NEEDED), None)


def _settings(group: Group, limits: Limits) -> Iterator[tuple[Path, str]]:
    memory, pids = group.folders["memory"], group.folders["pids"]
    limit = str(limits.memory_mb << 20)
    yield pids / "pids.max", str(limits.pids + OWN_PROCESSES)
    if group.version == 1:
        yield memory / "memory.limit_in_bytes", limit
        yield memory / "memory.memsw.limit_in_bytes", limit
        yield memory / "memory.swappiness", "0"
    else:
        yield memory / "memory.max", limit
        yield memory / "memory.swap.max", "0"


def _entry(file: Path, key: str) -> int:
    try:
        pairs = (line.split() for line in file.read_text().splitlines())
        return next((int(value) for name, value in pairs if name == key), 0)
    except OSError:
        return 0


def _remove(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as cause:
            # A killed process leaves its group a moment after it has been waited for.
            if cause.errno != errno.EBUSY or time.monotonic() > deadline:
                raise SandboxError(f"control group {folder.name} cannot be removed: {cause}") from cause
            time.sleep(0.001)
        else:
            return


def left_groups(*, mounts: str | None = None) -> Iterator[Group]:
    """Every group on this machine that has one of our names, whoever made it. `mounts` as in `find_hierarchy`."""
    found: dict[tuple[int, str], dict[str, Path]] = {}
    for mount in _cgroup_mounts(Path("/proc/self/mountinfo").read_text() if mounts is None else mounts):
        controllers = sorted(mount.options & {*_NEEDED, "cpu"}) if mount.kind == "cgroup" else sorted(_NEEDED)
        for folder in _ours(mount.point) if controllers else ():
            version = 1 if mount.kind == "cgroup" else 2
            found.setdefault((version, folder.name), {}).update(dict.fromkeys(controllers, folder))
    return (Group(version, folders) for (version, _), folders in sorted(found.items()))


def _ours(point: Path) -> Iterator[Path]:
    for above, names, _ in os.walk(point):
        ours = {name for name in names if owner_of(name)}
        yield from (Path(above, name) for name in ours)
        names[:] = [name for name in names if name not in ours]
