"""What a sandboxed process sees: the arguments for bubblewrap, as pure data.

A bind allow-list. Never in it: /, /run, /var, /home, /root, /tmp, or the lab's own code, which is hidden where it
happens to be installed below /usr.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandboxes.base import WORKSPACE
from sandboxes.fixed import ETC, HOST_NAME, USER, checked_target, environment

_FROM_ETC = ("/etc/ld.so.cache", "/etc/alternatives")  # the latter: links that make /usr/bin/awk and the like work
_FIRST_PROCESS = "/proc/1"
"""bubblewrap's own process inside. It belongs to the same user as the command, which could else rewrite its memory (and
so outlive the host process or forge its report) and read its standard input."""
_PACKAGES = ("hgm", "sandboxes", "evaluators", "trees")


@dataclass(frozen=True, kw_only=True)
class View:
    """One sandbox's part of the arguments; all sources as bubblewrap sees them."""

    room: Path
    """Holds `workspace`, `scratch/tmp`, `scratch/shm`, `pts` and the files of `etc`."""
    mounts: tuple[tuple[Path, str], ...] = ()
    env: Mapping[str, str]


def arguments(view: View, *, seccomp: int, status: int) -> list[str]:
    """Everything that bubblewrap is told, except the command; the numbers are descriptors.

    Raises:
        SandboxError: a mount's target or a variable's name that cannot be one.
    """
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--new-session", "--die-with-parent"),
        *("--cap-drop", "ALL", "--uid", str(USER), "--gid", str(USER), "--hostname", HOST_NAME),
        *("--seccomp", str(seccomp), "--json-status-fd", str(status)),
        *_system(),
        *("--perms", "0755", "--dir", "/etc"),
        *(word for name in ETC for word in ("--ro-bind", f"{view.room}/etc/{name}", f"/etc/{name}")),
        *(word for path in _FROM_ETC for word in ("--ro-bind-try", path, path)),
        *("--proc", "/proc", *_empty(_FIRST_PROCESS)),
        *("--dev", "/dev", "--dev-bind", f"{view.room}/pts", "/dev/pts"),
        *("--bind", f"{view.room}/scratch/shm", "/dev/shm", "--remount-ro", "/dev"),
        *("--bind", f"{view.room}/scratch/tmp", "/tmp", "--bind", f"{view.room}/workspace", WORKSPACE),
        *(word for source, target in view.mounts for word in ("--ro-bind", str(source), checked_target(target))),
        *("--remount-ro", "/", "--chdir", WORKSPACE, "--clearenv"),
        *(word for name, value in environment(view.env) for word in ("--setenv", name, value)),
    ]


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in hidden():
        yield from _empty(str(path))
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if os.path.islink(f"/{name}"):
            yield from ("--symlink", f"usr/{name}", f"/{name}")
        elif os.path.isdir(f"/{name}"):
            yield from ("--ro-bind", f"/{name}", f"/{name}")


def _empty(folder: str) -> tuple[str, ...]:
    return ("--size", "4096", "--tmpfs", folder, "--remount-ro", folder)


def hidden(*, package: Path | None = None, prefix: Path | None = None) -> tuple[Path, ...]:
    """Folders below /usr that hold the lab itself, its tasks' answers among it.

    `package` is this package's folder, and `prefix` that of the virtual environment, if there is one.
    """
    checkout = (package or Path(__file__).resolve().parent).parent
    ours = [checkout] if (checkout / "pyproject.toml").is_file() else [checkout / name for name in _PACKAGES]
    prefix = prefix or Path(sys.prefix)
    if prefix != Path(sys.base_prefix):
        ours.append(prefix)
    below = [path for path in ours if path.is_relative_to("/usr") and path.is_dir()]
    return tuple(path for path in below if not any(path.is_relative_to(other) for other in below if other != path))
