"""What this machine offers to sandboxes, found out once."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hgm.errors import SandboxError
from sandboxes.limits import Hierarchy, find_hierarchy
from sandboxes.rooms import FIRST_UID, TOOLS_PATH, launcher_environment
from sandboxes.scopes import Scopes, find_scopes

OLDEST_BUBBLEWRAP = (0, 8)
OLDEST_PYTHON = (3, 9)
INSTALL = "apt-get install bubblewrap coreutils util-linux"
_SYS_ADMIN = 1 << 21
_WAYS_DOWN = (
    ("chroot", "--userspec=+{uid}:+{uid}", "--groups=", "/"),  # looks nobody up, which takes setpriv 2 ms and more
    ("setpriv", "--reuid={uid}", "--regid={uid}", "--clear-groups", "--"),
)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The programs and rights that sandboxes are made with."""

    bwrap: str
    python: str
    """Below /usr, so that it is there inside as well."""
    drop_to_user: tuple[str, ...] | None
    """For root: what stands before a command to become the user `{uid}`; None for a user."""
    hierarchy: Hierarchy | None
    """Where root makes control groups; None for a user, and for a root that may not."""
    scopes: Scopes | None = None
    """For a user whose service manager really limits what it starts."""


@cache
def find_tools() -> Tools:
    """What there is for this user.

    Raises:
        SandboxError: something that cannot be done without is missing; the message says what to do.
    """
    is_root = os.geteuid() == 0
    if is_root and not _capabilities() & _SYS_ADMIN:
        raise SandboxError("this root lacks CAP_SYS_ADMIN (a container?): run as a user, or where root is really root")
    return Tools(
        bwrap=find_bubblewrap(),
        python=find_python(),
        drop_to_user=find_way_down() if is_root else None,
        hierarchy=find_hierarchy() if is_root else None,
        scopes=None if is_root else find_scopes(_output, path=TOOLS_PATH),
    )


def find_bubblewrap() -> str:
    """Path of bubblewrap.

    Raises:
        SandboxError: missing, too old, or set-user-id.
    """
    path = _program("bwrap")
    version = tuple(int(number) for number in re.findall(r"\d+", _output(path, "--version"))[:2])
    if version < OLDEST_BUBBLEWRAP:
        raise SandboxError(f"{path} is {'.'.join(map(str, version))}: bubblewrap 0.8 or newer is needed")
    if os.stat(path).st_mode & 0o4000:
        raise SandboxError(f"{path} is set-user-id, which rules --disable-userns out: chmod u-s {path}")
    return path


def find_way_down() -> tuple[str, ...]:
    """What root puts before a command, with `{uid}` in it, to give up root for good.

    Raises:
        SandboxError: none of the ways works.
    """
    for way in _WAYS_DOWN:
        program = shutil.which(way[0], path=TOOLS_PATH)
        command = [word.format(uid=FIRST_UID) for word in (program or "", *way[1:])]
        if program and _output(*command, "/bin/sh", "-c", "id -u; id -G").split() == [str(FIRST_UID)] * 2:
            return (program, *way[1:])
    raise SandboxError(f"neither chroot nor setpriv gives up root: {INSTALL}")


def find_python() -> str:
    """Path of an interpreter below /usr.

    Raises:
        SandboxError: none is new enough.
    """
    for path in _pythons():
        if os.access(path, os.X_OK) and os.path.realpath(path).startswith("/usr/"):
            found = _output(path, "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])")
            if found and tuple(map(int, found.split())) >= OLDEST_PYTHON:
                return path
    raise SandboxError("no Python 3.9 or newer below /usr for the sandbox: apt-get install python3")


def _pythons() -> Iterator[str]:
    for folder in ("/usr/bin", "/usr/local/bin"):
        yield f"{folder}/python3"
        yield from sorted(map(str, Path(folder).glob("python3.[0-9]*[0-9]")), reverse=True)


def _program(name: str) -> str:
    path = shutil.which(name, path=TOOLS_PATH)
    if path is None:
        raise SandboxError(f"{name} is missing: {INSTALL}")
    return path


def _output(*command: str) -> str:
    """What a trusted program prints; empty if it fails. It inherits no key."""
    env = launcher_environment()
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=env).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _capabilities() -> int:
    found = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1], 16) if found else 0
