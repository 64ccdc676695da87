"""Which sandbox to use, and for `hgm doctor` what this machine can and cannot enforce."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from hgm.errors import ConfigError, SandboxError
from sandboxes.base import SandboxProvider
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.discovery import find_bubblewrap, find_python, find_tools
from sandboxes.seccomp import program

NAMES = ("auto", "bubblewrap")
_SETTINGS = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu
    ("kernel/unprivileged_userns_clone", "0", "1"),  # Debian
    ("user/max_user_namespaces", "0", "10000"),
)
"""Name, the value that forbids, the value that does not."""


class Part(NamedTuple):
    """One thing that sandboxes are made with."""

    name: str
    found: str
    """What there is; empty if it is missing."""
    otherwise: str
    """What its absence costs, or why it is missing and what to do."""


def choose(name: str) -> SandboxProvider:
    """The provider of that name, ready for use.

    Raises:
        ConfigError: there is none, or this machine lacks something; the message says what to do.
    """
    if name not in NAMES:
        raise ConfigError(f"no sandbox {name!r}: choose one of {', '.join(NAMES)}")
    try:
        provider = Bubblewrap()
        provider.check()
    except SandboxError as cause:
        raise ConfigError("; ".join([f"no sandbox can be started here: {cause}", *switched_off()])) from cause
    return provider


def switched_off(settings: Path = Path("/proc/sys")) -> list[str]:
    """Settings of this machine that forbid what bubblewrap needs, each with the line to run."""
    return [
        f"user namespaces are switched off: sysctl -w {name.replace('/', '.')}={wanted}"
        for name, forbids, wanted in _SETTINGS
        if (settings / name).is_file() and (settings / name).read_text().strip() == forbids
    ]


def available() -> tuple[Part, ...]:
    """What there is on this machine; nothing of it is started twice."""
    return tuple(_parts())


def _parts() -> Iterator[Part]:
    yield _needed("bubblewrap", find_bubblewrap)
    yield _needed("python for the sandbox", find_python)
    yield _needed("system call filter", lambda: f"{len(program()) // 8} instructions")
    yield _needed("canary sandbox", _canary)
    yield Part("limits on memory and processes", *_limits())


def _needed(name: str, find: Callable[[], str]) -> Part:
    try:
        return Part(name, find(), "")
    except (SandboxError, ConfigError) as error:
        return Part(name, "", str(error))


def _canary() -> str:
    choose("bubblewrap")
    return "runs"


def _limits() -> tuple[str, str]:
    try:
        tools = find_tools()
    except SandboxError:
        return "", "unknown without the parts above"
    if tools.hierarchy:
        return f"control groups, version {tools.hierarchy.version}", ""
    if tools.scopes:
        return "the user's service manager (systemd-run --user --scope)", ""
    cost = "memory is limited per process only (not per sandbox) and running out of it is an ordinary failure"
    reason = (
        "this root may not make control groups (a container without them?)"
        if os.geteuid() == 0
        else "neither root nor a user's service manager that limits what it starts"
    )
    return "", f"{cost}: {reason}"
