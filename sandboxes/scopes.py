"""Control groups for a user, by the user's own service manager: `systemd-run --user --scope`.

Stops: what `sandboxes.limits` stops.
Does not stop: before systemd 253, a child's death by memory ends the whole sandbox, not the child alone.
"""

import os
import re
import shutil
from collections.abc import Callable
from typing import NamedTuple

from sandboxes.base import Limits
from sandboxes.limits import OWN_PROCESSES
from sandboxes.names import new_name

_HOLDER = 1
_CAN_GO_ON = 253
"""The first version whose scopes may outlive the death of one of their processes by memory."""


class Scopes(NamedTuple):
    """The way to a service manager that really limits what it starts."""

    systemd_run: str
    version: int

    def command(self, run: str, job: str, limits: Limits) -> tuple[str, ...]:
        """What stands before a command so that it runs under limits."""
        properties = [
            f"MemoryMax={limits.memory_mb << 20}",
            "MemorySwapMax=0",
            f"TasksMax={limits.pids + OWN_PROCESSES + _HOLDER}",
            *(["OOMPolicy=continue"] if self.version >= _CAN_GO_ON else []),
        ]
        options = (word for setting in properties for word in ("--property", setting))
        unit = f"--unit={new_name(run, job)}.scope"
        return (self.systemd_run, "--user", "--scope", "--quiet", "--collect", unit, *options, "--")


def find_scopes(output: Callable[..., str], *, path: str) -> Scopes | None:
    """This user's service manager, if the kernel really has the limits that it was asked for.

    `output` runs a command and gives what it prints, empty if it fails; `path` is where programs are looked for.
    """
    systemd_run = shutil.which("systemd-run", path=path)
    if systemd_run is None or "XDG_RUNTIME_DIR" not in os.environ:
        return None
    version = re.match(r"systemd (\d+)", output(systemd_run, "--version"))
    scopes = Scopes(systemd_run, int(version[1]) if version else 0)
    probe = Limits(memory_mb=64, pids=64)
    show = "cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max"
    found = output(*scopes.command("probe", "probe", probe), "/bin/sh", "-c", show)
    return scopes if found.strip() == str(probe.memory_mb << 20) else None
