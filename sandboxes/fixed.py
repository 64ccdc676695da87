"""What looks the same inside every sandbox, whoever makes it: user, host name, environment, and where mounts may be."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from hgm.errors import SandboxError

USER = 10001
"""Uid and gid inside, the same in every sandbox whoever starts it."""
HOST_NAME = "sandbox"
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8",
}
ETC = {
    "passwd": f"agent:x:{USER}:{USER}:agent:/tmp:/bin/sh\n",
    "group": f"agent:x:{USER}:\n",
    "hosts": f"127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def environment(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The fixed variables and those of a spec.

    Raises:
        SandboxError: a variable that cannot be set inside a sandbox.
    """
    for name, value in {**ENVIRONMENT, **env}.items():
        if not name or "=" in name or "\0" in name + value or ENVIRONMENT.get(name, value) != value:
            raise SandboxError(f"the variable {name!r} cannot be set inside a sandbox")
        yield name, value


def checked_target(target: str) -> str:
    """The target of a mount.

    Raises:
        SandboxError: it is no absolute path below the root.
    """
    parts = PurePosixPath(target).parts
    if parts[:1] != ("/",) or len(parts) < 2 or ".." in parts or "\0" in target:
        raise SandboxError(f"{target!r} is no place for a mount")
    return target
