"""What the engine is told about one sandbox's container, as pure data."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sandboxes.base import WORKSPACE, Limits, Mount, SandboxSpec
from sandboxes.engine import labels
from sandboxes.fixed import ENVIRONMENT, ETC, HOST_NAME, USER
from sandboxes.snapshot import MIB

KEEPER = 65534
"""Uid and gid of the process that keeps a container alive, and owner of copied mounts: nothing of the command's."""
TERMINALS = 16
"""Pseudo-terminals per sandbox."""
_KEPT_ALIVE = ("sleep", "2147483647")
OWN_PROCESSES = 2
"""The engine's init and the sleeper."""
_ULIMITS = {
    "nofile": 4096,
    "nproc": 16384,  # of all sandboxes together; each has a limit of its own, but engines may set more than they may
    "core": 1,  # not 0, which a `core_pattern` that names a program ignores
}
_PROCESSORS = 2
_NANO = 1_000_000_000
_COPIED_BYTES = 256 * MIB
_PAGE = 4096
_PODMANS_OWN = ("/run", "/run/lock", "/var/tmp")
"""Where everybody could write, because Podman adds folders in memory to a read-only root, unless something is there."""

JSON = dict[str, Any]


def container(
    spec: SandboxSpec,
    *,
    places: Iterable[JSON],
    image_env: Iterable[str],
    processors: int,
    relays: int,
    is_networked: bool,
    runtime: str | None,
    is_images: bool = False,
) -> JSON:
    """Arguments of the SDK's `create_container`, but for the image.

    Without `is_networked` it has a loopback all the same, but the engine needs half the time and writes no /etc/hosts.
    `places` are mounts and the places of volumes, `image_env` the names of the variables that the image sets, `relays`
    the number of processes that the host itself adds to the command's. With `is_images` the workspace is the image's,
    and so are its variables: all but those that are the same in every sandbox.
    """
    kept = {*image_env} & {"PATH"} if is_images else set()
    unset = set() if is_images else {*image_env} - {*ENVIRONMENT}
    fixed = {name: value for name, value in ENVIRONMENT.items() if name not in kept}
    return {
        "command": list(_KEPT_ALIVE),
        "entrypoint": [""],  # the image's own is not wanted; an empty list would leave it
        "user": f"{KEEPER}:{KEEPER}",
        "hostname": HOST_NAME,
        "network_disabled": not is_networked,
        "working_dir": "/",
        "environment": [*sorted(unset), *(f"{name}={value}" for name, value in fixed.items())],
        "labels": labels(spec.run, spec.job),
        "stop_signal": "SIGKILL",
        "healthcheck": {"Test": ["NONE"]},
        "host_config": {
            **_limited(spec.limits, list(places), min(processors, _PROCESSORS), relays),
            "ReadonlyRootfs": not is_images,
            **({"Runtime": runtime} if runtime else {}),
        },
    }


def _limited(limits: Limits, places: list[JSON], processors: int, relays: int) -> JSON:
    memory = limits.memory_mb * MIB
    return {
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "IpcMode": "private",
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": processors * _NANO,
        "PidsLimit": limits.pids + OWN_PROCESSES + relays,
        "Ulimits": [_ulimit(name, value) for name, value in _ULIMITS.items()],
        "LogConfig": {"Type": "none"},
        "ShmSize": limits.workspace_mb * MIB // 2,  # the other half is /tmp's
        "Mounts": places,
    }


def _ulimit(name: str, value: int) -> JSON:
    return {"Name": name, "Soft": value, "Hard": value}


def folders(limits: Limits, *, is_podman: bool, is_images: bool = False) -> dict[str, JSON]:
    """Folders inside -> arguments of the SDK's `create_volume`: in memory, where the kernel limits bytes and files.

    With `is_images` the workspace is none of them.
    """
    size, inodes = limits.workspace_mb * MIB, limits.workspace_inodes
    closed = {target: _memory(_PAGE, "mode=755", is_podman) for target in _PODMANS_OWN} if is_podman else {}
    own = {WORKSPACE: _memory(size, f"nr_inodes={inodes},mode=755,uid={USER},gid={USER}", is_podman)}
    return {
        **closed,
        **({} if is_images else own),
        "/tmp": _memory(size // 2, f"nr_inodes={inodes},mode=1777", is_podman),
        "/dev/pts": _volume("devpts", f"nosuid,noexec,ptmxmode=666,mode=620,max={TERMINALS}"),
    }


def copied(*, is_podman: bool) -> JSON:
    """For what cannot be mounted: readable for the command, and writable for the container's keeper alone."""
    return _memory(_COPIED_BYTES, f"mode=755,uid={KEEPER},gid={KEEPER}", is_podman)


def _memory(size: int, options: str, is_podman: bool) -> JSON:
    # Podman takes `size` for a disk quota of its own; a block is a page.
    limit = f"nr_blocks={size // _PAGE}" if is_podman else f"size={size}"
    return _volume("tmpfs", f"nosuid,nodev,{limit},{options}")


def _volume(kind: str, options: str) -> JSON:
    return {"driver": "local", "driver_opts": {"type": kind, "device": kind, "o": options}}


def place(volume: str, target: str) -> JSON:
    """A volume's place in a container."""
    is_closed = target in _PODMANS_OWN[1:]  # its init is put into /run, which is root's
    options = {"VolumeOptions": {"NoCopy": True}, "ReadOnly": is_closed}
    return {"Type": "volume", "Source": volume, "Target": target, **options}


def hosts(folder: Path) -> JSON:
    """A /etc/hosts of our own, to be kept in a folder."""
    file = folder / "hosts"
    file.write_text(ETC["hosts"])
    file.chmod(0o644)
    return bind(Mount(source=file, target="/etc/hosts"))


def bind(mount: Mount) -> JSON:
    """A file or folder of this machine, read-only."""
    return {"Type": "bind", "Source": str(mount.source), "Target": mount.target, "ReadOnly": True}


def variables(image: Mapping[str, Any]) -> frozenset[str]:
    """Names of the variables that an image sets, from what the engine says about it."""
    return frozenset(line.partition("=")[0] for line in image["Config"].get("Env") or ())
