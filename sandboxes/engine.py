"""The container engine: where it is, what it is called, and its errors as ours.

Only this module imports the engine's library, and only when it is called: importing it takes a third of a second, and
most commands need no engine.
"""

import hashlib
import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hgm.errors import SandboxError, boundary
from sandboxes.names import encoded

if TYPE_CHECKING:
    import docker

FOLDER_PREFIX = "hgm-in-"
"""Of the folders below the temporary one that sandboxes mount; who made them comes next in their names."""
RUN_LABEL, JOB_LABEL, MAKER_LABEL = "hgm.run", "hgm.job", "hgm.maker"
START = "sudo systemctl start docker"
INSTALL = "https://docs.docker.com/engine/install (on Debian and Ubuntu: apt-get install docker.io)"
PERMISSION = (
    'sudo usermod -aG docker "$USER", then log in again (that group is as good as root); '
    "or rootless Docker: dockerd-rootless-setuptool.sh install"
)
_TIMEOUT_S = 60.0
_FIRST_ANSWER_S = 5.0
_CONNECTIONS = 128
"""Kept open at the same time: more than the most workers need."""
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""What Podman calls them, and the kernel."""
_TLS = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine that answers. Equal engines are the same object."""

    api: "docker.APIClient"
    """Thread-safe; every request ends after a minute without an answer. Never goes through a proxy."""
    name: str
    """Docker or Podman."""
    version: str
    host: str
    """Where it listens, as DOCKER_HOST says it."""
    is_local: bool
    """Reached through a Unix socket of this machine. Its containers may run elsewhere all the same (Docker Desktop)."""
    is_rootless: bool
    processors: int
    machine: str
    """As the kernel calls it: x86_64, aarch64."""
    has_limits: bool
    """Whether it can limit memory and processes at all."""
    root: str
    """The folder, on the engine's machine, that holds its images and volumes."""
    runtimes: tuple[str, ...]


class NoEngine(SandboxError):
    """This machine has none."""


class _Forbidden(SandboxError):
    """Somebody listens, but not for this user."""


def connect() -> Engine:
    """The engine of DOCKER_HOST; without that the system's, the user's own, Docker Desktop's, or Podman's.

    Found once; one that did not answer is looked for again.

    Raises:
        SandboxError: none answers; the message says what to do.
    """
    said = os.environ.get("DOCKER_HOST", "").strip()
    host = _checked(said) if said else _first_that_answers()
    return _connected(host, tuple(os.environ.get(name, "") for name in _TLS))


def labels(run: str, job: str) -> dict[str, str]:
    """What everything that a sandbox has on an engine carries, so that `hgm gc` finds it and touches nothing else."""
    return {RUN_LABEL: encoded(run), JOB_LABEL: encoded(job), MAKER_LABEL: str(this_process())}


class Maker(NamedTuple):
    """A process that makes sandboxes. Engines are shared and outlive it, so it is told apart from all others."""

    user: str
    """A user in a process namespace of one machine."""
    boot: str
    """Since when that is up."""
    process: str

    def __str__(self) -> str:
        return ".".join(self)


def this_process() -> Maker:
    """The one that asks."""
    return Maker(*_this_boot(os.getuid()), f"{os.getpid()}-{_began(os.getpid())}")


def is_dead(maker: str) -> bool:
    """Whether a label's maker was one of this user's here, and is no more; those elsewhere nobody can know about."""
    user, _, rest = maker.partition(".")
    boot, _, process = rest.partition(".")
    ours = _this_boot(os.getuid())
    if user != ours[0]:
        return False
    number, _, began = process.partition("-")
    return boot != ours[1] or not number.isdecimal() or _began(int(number)) != began


def is_of_this_user(maker: str) -> bool:
    """Whether a label's maker is or was one of this user's here."""
    return maker.partition(".")[0] == _this_boot(os.getuid())[0]


@cache
def _this_boot(user: int) -> tuple[str, str]:
    machine = _content("/etc/machine-id") or platform.node()
    place = f"{machine} {os.readlink('/proc/self/ns/pid')} {user}"
    return _digest(place), _digest(_content("/proc/sys/kernel/random/boot_id"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _began(process: int) -> str:
    """In ticks after the boot; empty if there is no such process."""
    return "".join(_content(f"/proc/{process}/stat").rpartition(")")[2].split()[19:20])


def _content(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""


@contextmanager
def engine_trouble(doing: str = "the container engine") -> Iterator[None]:
    """The engine's errors, and those of the way to it, as `SandboxError`; everything else passes unchanged.

    Raises:
        SandboxError: see above.
    """
    import urllib3
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, urllib3.exceptions.HTTPError, OSError) as cause:  # requests' errors are OSErrors
        raise SandboxError(f"{doing}: {type(cause).__name__}: {cause}") from cause


def is_missing(error: BaseException | None) -> bool:
    """Whether it is the engine's answer that there is no such thing, or a `SandboxError` made of that."""
    from docker.errors import NotFound

    return isinstance(error, NotFound) or (isinstance(error, SandboxError) and isinstance(error.__cause__, NotFound))


def is_busy(error: BaseException | None) -> bool:
    """Whether it is the engine's answer that this very thing is being done already, or a `SandboxError` of that."""
    from docker.errors import APIError

    cause = error.__cause__ if isinstance(error, SandboxError) else error
    return isinstance(cause, APIError) and cause.response is not None and cause.response.status_code == 409


def sockets(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Where engines of this machine listen, in the order in which they are asked."""
    own = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return [
        "/var/run/docker.sock",
        f"{own}/docker.sock",
        os.path.expanduser("~/.docker/desktop/docker.sock"),
        "/run/podman/podman.sock",
    ]


def first_of(paths: list[str], find: Callable[[str], str | None] = shutil.which) -> str:
    """The first socket somebody listens at. `find` looks programs up.

    Raises:
        SandboxError: nobody does; the message is about the one that could be mended with the least effort.
    """
    refused: dict[type[OSError], str] = {}
    for path in paths:
        try:
            with closing(socket.socket(socket.AF_UNIX)) as tried:
                tried.settimeout(_FIRST_ANSWER_S)
                tried.connect(path)
            return path
        except OSError as error:
            refused.setdefault(type(error), path)
    if forbidden := refused.get(PermissionError):
        raise _Forbidden(f"permission denied on the engine's socket {forbidden}: {PERMISSION}")
    if find("dockerd") or ConnectionRefusedError in refused:
        raise SandboxError(f"the Docker engine is not running: {START}")
    if find("podman"):
        raise SandboxError("Podman does not listen: sudo systemctl start podman.socket")
    raise NoEngine(f"neither Docker nor Podman is installed: {INSTALL}")


def _first_that_answers() -> str:
    return f"unix://{first_of(sockets())}"


def _checked(host: str) -> str:
    if host.startswith("unix://"):
        path = host.removeprefix("unix://")
        try:
            first_of([path], lambda program: None)
        except _Forbidden:
            raise
        except SandboxError as error:
            raise SandboxError(f"DOCKER_HOST={host}: nobody listens there: correct it, or unset it") from error
    return host


@cache
def _connected(host: str, tls: tuple[str, ...]) -> Engine:
    environment = {"DOCKER_HOST": host, **{name: value for name, value in zip(_TLS, tls, strict=True) if value}}
    try:
        with boundary(SandboxError, f"no engine answers at {host}"):
            version = _client(environment, "1.24").version(api_version=False)
            api = _client(environment, str(version.get("ApiVersion")))
            engine = _engine(api, host, api.info(), version)
    except SandboxError as error:
        raise SandboxError(f"{error}: {_advice(host)}") from error
    api.timeout = _TIMEOUT_S
    return engine


def _client(environment: Mapping[str, str], version: str) -> "docker.APIClient":
    """Making one of a given version asks nothing, so that the first request already goes the way of all others."""
    import docker
    from docker.utils import kwargs_from_env
    from requests.adapters import HTTPAdapter

    host = environment["DOCKER_HOST"]
    api = docker.APIClient(
        **kwargs_from_env(environment),
        version=version,
        timeout=_FIRST_ANSWER_S,
        max_pool_size=_CONNECTIONS,
        use_ssh_client=host.startswith("ssh://"),
    )
    api.trust_env = False
    if not host.startswith(("unix://", "ssh://")):
        api.mount("http://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return api


def _advice(host: str) -> str:
    if host.startswith("ssh://"):
        return 'pip install "docker[ssh]" and a key that ssh takes without asking are needed; or correct DOCKER_HOST'
    return "start the engine there, or correct or unset DOCKER_HOST"


def _engine(api: "docker.APIClient", host: str, told: Mapping[str, Any], version: Mapping[str, Any]) -> Engine:
    parts = [part.get("Name", "") for part in version.get("Components") or ()]
    return Engine(
        api=api,
        name="Podman" if any(part.startswith("Podman") for part in parts) else "Docker",
        version=str(version.get("Version", "")),
        host=host,
        is_local=host.startswith("unix://"),
        is_rootless="name=rootless" in (told.get("SecurityOptions") or ()),
        processors=int(told.get("NCPU") or 1),
        machine=_MACHINES.get(machine := str(told.get("Architecture") or ""), machine),
        has_limits=bool(told.get("MemoryLimit", True) and told.get("PidsLimit", True)),
        root=str(told.get("DockerRootDir") or ""),
        runtimes=tuple(sorted(told.get("Runtimes") or ())),
    )
