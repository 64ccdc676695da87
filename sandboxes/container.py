"""What the engine is told about one sandbox's container, as pure data."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandboxes.base import WORKSPACE, Limits, Mount, SandboxSpec
from sandboxes.engine import labels
from sandboxes.fixed import ENVIRONMENT, HOST_NAME, USER
from sandboxes.snapshot import MIB

KEEPER = 65534
"""Uid and gid of the process that keeps a container alive, and owner of copied mounts: nothing of the command's."""
TERMINALS = 16
"""Pseudo-terminals per sandbox."""
_KEPT_ALIVE = ("sleep", "2147483647")
_OWN_PROCESSES = 2
"""The engine's init and the sleeper."""
_OPEN_FILES = 4096
_NO_DUMP = 1  # not 0, which a `core_pattern` that names a program ignores
_PROCESSORS = 2
_NANO = 1_000_000_000
_COPIED_BYTES = 256 * MIB

JSON = dict[str, Any]


def container(
    spec: SandboxSpec,
    *,
    places: Iterable[JSON],
    image_env: Iterable[str],
    processors: int,
    relays: int,
    runtime: str | None,
) -> JSON:
    """Arguments of the SDK's `create_container`, but for the image.

    `places` are mounts and volumes, `image_env` the names of the variables that the image sets, `relays` the number of
    processes that the host itself adds to the command's.
    """
    return {
        "command": list(_KEPT_ALIVE),
        "entrypoint": [],
        "user": f"{KEEPER}:{KEEPER}",
        "hostname": HOST_NAME,
        "working_dir": "/",
        "environment": [*sorted({*image_env} - {*ENVIRONMENT}), *(f"{k}={v}" for k, v in ENVIRONMENT.items())],
        "labels": labels(spec.run, spec.job),
        "stop_signal": "SIGKILL",
        "healthcheck": {"Test": ["NONE"]},
        "host_config": {
            **_limited(spec.limits, list(places), min(processors, _PROCESSORS), relays),
            **({"Runtime": runtime} if runtime else {}),
        },
    }


def _limited(limits: Limits, places: list[JSON], processors: int, relays: int) -> JSON:
    memory = limits.memory_mb * MIB
    return {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "IpcMode": "private",
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": processors * _NANO,
        "PidsLimit": limits.pids + _OWN_PROCESSES + relays,
        "Ulimits": [_ulimit("nofile", _OPEN_FILES), _ulimit("core", _NO_DUMP)],
        "LogConfig": {"Type": "none"},
        "Tmpfs": {"/tmp": f"rw,exec,{_half(limits)}"},
        "ShmSize": limits.workspace_mb * MIB // 2,
        "Mounts": [workspace(limits), _terminals(), *places],
    }


def _ulimit(name: str, value: int) -> JSON:
    return {"Name": name, "Soft": value, "Hard": value}


def _half(limits: Limits) -> str:
    """Of what /tmp and /dev/shm may hold together."""
    return f"nosuid,nodev,size={limits.workspace_mb * MIB // 2},nr_inodes={limits.workspace_inodes},mode=1777"


def workspace(limits: Limits) -> JSON:
    """A volume in memory: only there does the kernel limit bytes and files."""
    options = f"nosuid,nodev,size={limits.workspace_mb * MIB},nr_inodes={limits.workspace_inodes}"
    return _made(WORKSPACE, "tmpfs", f"{options},mode=755,uid={USER},gid={USER}")


def _terminals() -> JSON:
    return _made("/dev/pts", "devpts", f"nosuid,noexec,ptmxmode=666,mode=620,max={TERMINALS}")


def _made(target: str, kind: str, options: str) -> JSON:
    """An anonymous volume, which is gone with its container."""
    driver = {"Name": "local", "Options": {"type": kind, "device": kind, "o": options}}
    return {"Type": "volume", "Target": target, "VolumeOptions": {"NoCopy": True, "DriverConfig": driver}}


def copied(target: str) -> JSON:
    """A volume for what cannot be mounted: readable for the command, and writable for the container's keeper alone."""
    return _made(target, "tmpfs", f"nosuid,nodev,size={_COPIED_BYTES},mode=755,uid={KEEPER},gid={KEEPER}")


def bind(mount: Mount) -> JSON:
    """A file or folder of this machine, read-only."""
    return {"Type": "bind", "Source": str(mount.source), "Target": mount.target, "ReadOnly": True}


def variables(image: Mapping[str, Any]) -> frozenset[str]:
    """Names of the variables that an image sets, from what the engine says about it."""
    return frozenset(line.partition("=")[0] for line in image["Config"].get("Env") or ())
