"""What a sandbox stands on before its command is known: folders under limits, mounted sources, a waiting launcher.

As root the keeper mounts the folders, and the launcher becomes an unprivileged user of the worker's own. As a user the
launcher itself mounts them, in a user and mount namespace of its own that ends with it. Either way they are seen by
nobody else, hold no more bytes and files than allowed, and leave nothing behind.
"""

import itertools
import logging
import os
import resource
import shlex
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from hgm.errors import SandboxError, boundary
from sandboxes.base import File, Files, Limits, SandboxSpec
from sandboxes.fixed import ETC
from sandboxes.keeper import keeper
from sandboxes.launch import Launch
from sandboxes.limits import OWN_PROCESSES, Group, Hierarchy, group_of, make_group
from sandboxes.mounts import bind, detach, mount_terminals, mount_tmpfs, unshare_mounts
from sandboxes.seccomp import program
from sandboxes.snapshot import MIB, write_files

FIRST_UID = 61000
SLOTS = 184
"""Up to where no well-known allocation of uids begins (systemd's dynamic users, at 61184)."""
TOOLS_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
TERMINALS = 16
"""Per sandbox; so few that all slots together leave some of those that the machine has besides the host's own."""
_TERMINALS = f"ptmxmode=666,mode=620,max={TERMINALS}"
_ROOM_BYTES = 256 * MIB
_ROOM_INODES = 256
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_DUMP = 1  # not 0, which a `core_pattern` that names a program ignores
_READY_S = 10.0
_FIXED: Files = {
    **{b"etc/" + name.encode(): File(text.encode()) for name, text in ETC.items()},
    b"seccomp": File(program()),
}
_log = logging.getLogger(__name__)
_count = itertools.count()


class Room(NamedTuple):
    """An open sandbox without its command."""

    path: Path
    """As the launcher sees it."""
    folder: int
    """The same, opened."""
    workspace: int
    """In it, opened: a mount of its own, which its launcher may take along when it ends."""
    uid: int
    """Owns the workspace, as the host sees it."""
    mounts: tuple[tuple[Path, str], ...]
    launch: Launch
    become: tuple[str, ...]
    """What stands before bubblewrap on the launcher's last command line."""
    group: Group | None
    holds: bool = False
    """Whether the group is somebody else's, who removes it as soon as it is empty."""


def base_folder() -> Path:
    """The empty folder that rooms are mounted on; the only thing that stays on the host.

    Raises:
        SandboxError: somebody else has put something in its place.
    """
    path = Path(f"/tmp/.hgm-rooms-{os.geteuid()}")
    with boundary(SandboxError, f"cannot make {path}"), suppress(FileExistsError):
        path.mkdir(mode=0o711)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise SandboxError(f"{path} is in the way: it is not a folder of this user's; remove it")
    return path


def open_rooted(spec: SandboxSpec, hierarchy: Hierarchy | None, become: tuple[str, ...], stack: ExitStack) -> Room:
    """A room made by root, under a control group where there are any; `stack` takes it down.

    `become` stands before bubblewrap on its command line: it gives up root.
    """
    path, uid, host = base_folder() / str(next(_count)), slot_uid(spec.slot), keeper(_own_mounts)
    group = make_group(hierarchy, spec.run, spec.job, spec.limits) if hierarchy else None
    if group:
        _later(stack, group.remove)
    _later(stack, lambda: host.do(lambda: _clear(path)))
    folder, workspace = _opened(stack, host.do(lambda: _furnish(path, spec, uid)))
    if group:
        _later(stack, group.kill)
    joins = "".join(f"echo 0 > {shlex.quote(str(file))} || exit\n" for file in (group.joins if group else ()))
    launch = Launch(host, ["/bin/sh"], joins, env={})
    _later(stack, launch.close)
    mounts = tuple((path / str(number), mount.target) for number, mount in enumerate(spec.mounts))
    if group:
        launch.limit(resource.RLIMIT_CORE, _NO_DUMP)
    else:
        # In a user namespace of its own the number of processes is counted for this sandbox alone.
        become = (*become, "unshare", "--user", "--map-current-user", *_resource_limits(spec.limits, group))
    return _finish(Room(path, folder, workspace, uid, mounts, launch, become, group))


def open_rootless(spec: SandboxSpec, before: tuple[str, ...], stack: ExitStack) -> Room:
    """A room made by its launcher without any privilege; `stack` takes it down.

    `before` stands before the launcher on its command line: it joins a unit of a service manager.
    """
    path = base_folder()
    command = [*before, "unshare", "--user", "--map-root-user", "--mount", "/bin/sh"]
    with ExitStack() as started:
        launch = Launch(keeper(_nothing), command, _furnishing(path, spec), env=launcher_environment())
        _later(started, launch.close)
        launch.await_line(_READY_S)
        if group := group_of(launch.pid):
            _later(stack, group.await_removal)
        stack.push(started.pop_all())  # so that the launcher is closed first
    folder, workspace = _opened(stack, os.open(f"/proc/{launch.pid}/root{path}", _FOLDER))
    mounts = tuple((mount.source.resolve(strict=True), mount.target) for mount in spec.mounts)
    become = (*_resource_limits(spec.limits, group), "env", "-i")
    return _finish(Room(path, folder, workspace, os.geteuid(), mounts, launch, become, group, group is not None))


def _resource_limits(limits: Limits, group: Group | None) -> tuple[str, ...]:
    counted = () if group else (f"--nproc={limits.pids + OWN_PROCESSES}", f"--as={limits.memory_mb * MIB}")
    return ("prlimit", *counted, f"--core={_NO_DUMP}", "--")


def _opened(stack: ExitStack, folder: int) -> tuple[int, int]:
    stack.callback(os.close, folder)
    workspace = os.open("workspace", _FOLDER, dir_fd=folder)
    stack.callback(os.close, workspace)
    return folder, workspace


def _finish(room: Room) -> Room:
    write_files(room.folder, _FIXED, uid=os.geteuid(), gid=os.getegid())
    return room


def slot_uid(slot: int) -> int:
    """The user that belongs to a worker.

    Raises:
        SandboxError: there is none.
    """
    if not 0 <= slot < SLOTS:
        raise SandboxError(f"slot {slot}: there are users for {SLOTS} workers")
    return FIRST_UID + slot


def _nothing() -> None: ...


def _own_mounts() -> None:
    unshare_mounts()
    mount_tmpfs(base_folder(), size=MIB, inodes=1 << 16, mode=0o711)


def _furnish(path: Path, spec: SandboxSpec, uid: int) -> int:
    size, inodes = spec.limits.workspace_mb * MIB, spec.limits.workspace_inodes
    path.mkdir()
    mount_tmpfs(path, size=_ROOM_BYTES, inodes=_ROOM_INODES, mode=0o711)
    for name in ("workspace", "scratch"):
        (path / name).mkdir()
        mount_tmpfs(path / name, size=size, inodes=inodes, mode=0o755, owner=uid)
    (path / "pts").mkdir()
    mount_terminals(path / "pts", _TERMINALS)
    for name in ("tmp", "shm"):
        (path / "scratch" / name).mkdir()
        (path / "scratch" / name).chmod(0o1777)
        os.chown(path / "scratch" / name, uid, uid)
    for number, mount in enumerate(spec.mounts):
        # Bound by root, so that the folders above the source may be closed to everybody else.
        target = path / str(number)
        target.mkdir() if mount.source.is_dir() else target.touch()
        bind(mount.source, target)
    return os.open(path, _FOLDER)


def _clear(path: Path) -> None:
    with suppress(FileNotFoundError):
        with suppress(OSError):  # not a mount: it was never furnished
            detach(path)
        path.rmdir()


def _furnishing(path: Path, spec: SandboxSpec) -> str:
    sizes = f"size={spec.limits.workspace_mb * MIB},nr_inodes={spec.limits.workspace_inodes},mode=755"
    room = f"size={_ROOM_BYTES},nr_inodes={_ROOM_INODES},mode=711"
    return f"""set -e
mount -t tmpfs -o nosuid,nodev,{room} hgm {path}
mkdir {path}/workspace {path}/scratch {path}/pts
mount -t devpts -o nosuid,noexec,{_TERMINALS} hgm {path}/pts
mount -t tmpfs -o nosuid,nodev,{sizes} hgm {path}/workspace
mount -t tmpfs -o nosuid,nodev,{sizes} hgm {path}/scratch
mkdir -m 1777 {path}/scratch/tmp {path}/scratch/shm
echo
"""


def launcher_environment() -> dict[str, str]:
    """Of programs of the host's that are started for a sandbox: nothing of ours but what finds a service manager."""
    names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # what systemd-run needs to find the user's manager
    return {"PATH": TOOLS_PATH, **{name: os.environ[name] for name in names if name in os.environ}}


def _later(stack: ExitStack, work: Callable[[], None]) -> None:
    """Clean up at the end; trouble there is told, but never changes what the sandbox's run has shown."""

    def work_or_tell() -> None:
        try:
            work()
        except (SandboxError, OSError) as error:
            _log.warning("%s", error)

    stack.callback(work_or_tell)
