"""A sandbox in which nothing can go wrong but by the host's fault: it tells an agent's fault from the host's."""

from hgm.errors import SandboxError, WorkspaceRejected
from sandboxes.base import File, Limits, SandboxProvider, SandboxSpec

_DEADLINE_S = 20.0


def spec(*, slot: int = 0) -> SandboxSpec:
    """Of a canary."""
    return SandboxSpec(run="canary", job="canary", slot=slot, limits=Limits(deadline_s=_DEADLINE_S))


def send(provider: SandboxProvider, *, slot: int = 0) -> None:
    """Let one copy a file.

    Raises:
        SandboxError: it died, and why.
    """
    with provider.open(spec(slot=slot)) as box:
        box.put({b"in": File(b"alive")})
        found = box.run(["/bin/sh", "-c", "cat in > out"])
        try:
            written = box.take().get(b"out", File(b""))
        except WorkspaceRejected as cause:
            raise SandboxError(f"the canary's workspace is lost: {cause}") from cause
    if found.status != 0 or written.data != b"alive":
        raise SandboxError(f"the canary died: {found.end}, status {found.status}, {found.output[:300]!r}")


def lives(provider: SandboxProvider, *, slot: int = 0) -> bool:
    """Whether one comes back."""
    try:
        send(provider, slot=slot)
    except SandboxError:
        return False
    return True
