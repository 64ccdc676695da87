"""Which sandbox to use, and for `hgm doctor` what this machine can and cannot enforce."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hgm.errors import ConfigError, SandboxError
from sandboxes.base import SandboxProvider
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.discovery import find_bubblewrap, find_python, find_tools
from sandboxes.docker import Docker
from sandboxes.engine import Engine, connect
from sandboxes.images import BUILD, identity, image_name, is_built
from sandboxes.seccomp import program
from sandboxes.stdio import Transport

NAMES = ("auto", "bubblewrap", "docker")
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
    sandbox: str
    """Which sandboxes cannot do without it; empty if they can."""


def choose(
    name: str, *, image: str | None = None, runtime: str | None = None, transport: Transport = "auto"
) -> SandboxProvider:
    """The provider of that name, ready for use. The others are for Docker; the image is by default the lab's own.

    "auto" is Docker where an engine answers, has the image and starts a sandbox from it, else bubblewrap; and Docker
    alone where an image or a runtime is asked for.

    Raises:
        ConfigError: there is none, or this machine lacks something; the message says what to do.
    """
    if name not in NAMES:
        raise ConfigError(f"no sandbox {name!r}: choose one of {', '.join(NAMES)}")
    if name == "bubblewrap":
        return _started(_bubblewrap)
    if name == "docker" or image or runtime:
        return _started(lambda: _docker(image, runtime, transport))
    try:
        return _docker(image, runtime, transport)
    except (SandboxError, ConfigError) as reason:
        return _started(_bubblewrap, f"; nor in Docker: {reason}")


def _started(start: Callable[[], SandboxProvider], more: str = "") -> SandboxProvider:
    try:
        return start()
    except SandboxError as cause:
        raise ConfigError(f"no sandbox can be started here: {cause}{more}") from cause


def _bubblewrap() -> Bubblewrap:
    try:
        provider = Bubblewrap()
        provider.check()
    except SandboxError as cause:
        raise SandboxError("; ".join([str(cause), *switched_off()])) from cause
    return provider


def _docker(image: str | None, runtime: str | None, transport: Transport) -> Docker:
    engine = connect()
    if not is_built(engine, image):
        remedy = BUILD
        if image:
            remedy = f"docker pull {image}"
        if image and image.startswith("sha256:"):
            remedy = "the run began with it, and it is gone: start a new run"
        raise ConfigError(f"the engine has no image {image or image_name()} for sandboxes: {remedy}")
    return _tried(engine, identity(engine, image), runtime, transport)


@cache
def _tried(engine: Engine, image: str, runtime: str | None, transport: Transport) -> Docker:
    return Docker(engine, image=image, runtime=runtime, transport=transport)


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
    yield from _docker_parts()
    yield _needed("bubblewrap", find_bubblewrap, "bubblewrap")
    yield _needed("user namespaces", _user_namespaces, "bubblewrap")
    yield _needed("python for the sandbox", find_python, "bubblewrap")
    yield _needed("system call filter", lambda: f"{len(program()) // 8} instructions", "bubblewrap")
    yield _needed("canary sandbox", _canary, "bubblewrap")
    yield Part("limits on memory and processes", *_limits(), "")


def _docker_parts() -> Iterator[Part]:
    """Each of them takes the one before it, so the first that is missing ends the list."""
    parts = (("container engine", _engine), ("sandbox image", _image), ("canary container", _canary_container))
    for name, find in parts:
        part = _needed(name, find, "docker")
        yield part
        if not part.found:
            return


def _needed(name: str, find: Callable[[], str], sandbox: str) -> Part:
    try:
        return Part(name, find(), "", sandbox)
    except (SandboxError, ConfigError) as error:
        return Part(name, "", str(error), sandbox)


def _engine() -> str:
    engine = connect()
    kind = f"{engine.name}, rootless" if engine.is_rootless else engine.name
    runtimes = f"; runtimes: {', '.join(engine.runtimes)}" if engine.runtimes else ""
    return f"{kind}, version {engine.version}, at {engine.host}{runtimes}"


def _image() -> str:
    if not is_built(connect()):
        raise SandboxError(f"{image_name()} is not built: {BUILD}")
    return image_name()


def _canary_container() -> str:
    _docker(None, None, "auto").check()
    return "runs"


def _user_namespaces() -> str:
    if os.geteuid() == 0:
        return "not needed: you are root"
    if forbidden := switched_off():
        raise SandboxError(f"forbidden to ordinary users: sudo {forbidden[0].partition(': ')[2]}")
    return "allowed"


def _canary() -> str:
    _bubblewrap()
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
