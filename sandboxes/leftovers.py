"""What a host process that was killed may leave behind, for `hgm gc`.

Mounts, folders and processes end with the process that made them (see `rooms`, `keeper`). Control groups are files of
the kernel and stay, and so would a process that was being started at that very moment.
"""

from typing import NamedTuple

from sandboxes.limits import Group, left_groups
from sandboxes.names import encoded, owner_of


class Leftover(NamedTuple):
    """One thing on this host that belongs, or belonged, to a sandbox."""

    run: str
    """As `sandboxes.names.encoded`."""
    job: str
    group: Group


def leftovers(run: str | None) -> list[Leftover]:
    """What carries the name of `run`, or of any run; live sandboxes are among it."""
    found = [Leftover(*owner, group) for group in left_groups() if (owner := owner_of(group.name))]
    return [leftover for leftover in found if run is None or leftover.run == encoded(run)]


def remove(found: list[Leftover]) -> None:
    """Kill and remove it; what is gone meanwhile is no trouble.

    Raises:
        SandboxError: something does not go.
    """
    for leftover in found:
        leftover.group.kill()
        leftover.group.remove()
