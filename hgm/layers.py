"""Layers: what an agent imports beside the standard library, installed once from the root agent's requirements file.

A layer is a folder in the user's cache that the agent's sandboxes see read-only at /hgm/layer. It is made for the
sandbox's interpreter, from wheels alone, so that nothing of a package runs on the host. Its name says what it was made
from and which versions came of it; it is complete or absent.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from evaluators.layers import cache_folder, draft, open_to_all, publish
from hgm.contract import Manifest, read_manifest
from hgm.errors import AgentError, ConfigError, RunError, SandboxError, UsageError, WorkspaceRejected, boundary
from hgm.interpreter import Interpreter
from hgm.redaction import withhold
from hgm.text import printable
from sandboxes.base import Files, Limits, Mount, SandboxProvider, SandboxSpec

INSIDE = "/hgm/layer"
"""Where a sandbox sees it."""
PINS = "hgm-pins.txt"
"""In the layer: the versions that it holds, one `name==version` a line."""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"\s*(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+\s*"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})\s*(?:\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])?\s*(?:{_VERSION}(?:,{_VERSION})*)?"
    r"(?:;[\w\s.'\"<>=!~(),-]+)?"
)
_ARCHIVES = (".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lz", ".tlz")
"""What pip takes for a file's name."""
_OLDEST_GLIBC = 5
"""The 2.x of the oldest wheels (manylinux1)."""
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_UNREACHABLE = re.compile(r"connection error: |ConnectionError|ConnectTimeout|ReadTimeout")
"""In pip's log, where an index did not answer."""
_INSTALL_S = 1800.0
_KEPT_CHARS = 1500
_SHOWN = 3

_PIP = """\
import json, sys
from pip._vendor.packaging import markers

inside = {**markers.default_environment(), **json.loads(sys.argv.pop(1))}
markers.default_environment = lambda: dict(inside)  # pip itself asks the Python that it runs on
sys.executable = sys.argv.pop(1)  # what programs in bin begin with

from pip._internal.cli.main import main

sys.exit(main())
"""
_COMPILE = """\
import importlib.util, os, py_compile, sys

for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if name.endswith(".py"):
            source = os.path.join(folder, name)
            target = "/workspace" + importlib.util.cache_from_source(source)[len(sys.argv[1]):]
            try:
                py_compile.compile(source, target, doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            except (py_compile.PyCompileError, ValueError, RecursionError):
                pass
"""
_COMPILING = Limits(
    deadline_s=900.0,
    memory_mb=3072,
    pids=16,
    workspace_mb=1024,
    workspace_inodes=200_000,
    file_mb=64,
    output_bytes=4096,
)

Preparing = Callable[[str], None]
"""Told, in a few words, what takes its time before the first job."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One that is complete."""

    folder: Path
    pins: tuple[str, ...]
    """name==version of every package in it."""

    @property
    def remembered(self) -> dict[str, Any]:
        """What a run keeps of it, enough to make it again."""
        return {"name": self.folder.name, "pins": list(self.pins)}


def layer_of(
    files: Files,
    provider: SandboxProvider,
    interpreter: Interpreter,
    *,
    run: str,
    kept: Mapping[str, Any] | None = None,
    preparing: Preparing = lambda what: None,
) -> Layer | None:
    """The layer of an agent, made if it is not there yet; None if it asks for none.

    `kept` is what a run remembers of it: then it is that one, made again of the same versions if need be.

    Raises:
        AgentError: its requirements name more than packages, or cannot be had.
        ConfigError: no layer can be made here.
        RunError: it cannot be the one that is kept.
    """
    manifest = read_manifest(files)
    if manifest.layer is None:
        return None
    wanted = requirements(files, manifest)
    key = _key(wanted, interpreter)
    if kept and kept["name"] != _name(key, kept["pins"]):
        raise RunError(
            f"the layer of agent {manifest.name} was made for another Python than sandboxes have now "
            f"({interpreter.short}, {interpreter.path}): bring that one back, or start a new run"
        )
    found = _find(kept["name"] if kept else f"agent-{key}-*")
    if found:
        return found
    shown = ", ".join(wanted[:_SHOWN]) + (", ..." if len(wanted) > _SHOWN else "")
    preparing(f"installing {shown} for agent {manifest.name}, once: this may take minutes")
    with boundary(ConfigError, f"cannot make a layer in {cache_folder()}"), draft(cache_folder()) as made:
        _install(made, kept["pins"] if kept else wanted, interpreter, manifest, exact=bool(kept))
        pins = _pins(made)
        if kept and pins != tuple(kept["pins"]):
            raise RunError(f"the layer of agent {manifest.name} cannot be made again as it was: start a new run")
        return _finish(made, _name(key, pins), pins, provider, run=run, preparing=preparing)


def _finish(
    made: Path, name: str, pins: tuple[str, ...], provider: SandboxProvider, *, run: str, preparing: Preparing
) -> Layer:
    """Make a layer of a folder of packages."""
    (made / PINS).write_text("".join(f"{pin}\n" for pin in pins))
    open_to_all(made)
    if not _compile(made, provider, run):
        preparing("its bytecode could not be made: agents will start more slowly")
    publish(made, cache_folder() / name)
    return Layer(folder=cache_folder() / name, pins=pins)


def requirements(files: Files, manifest: Manifest) -> tuple[str, ...]:
    """The lines of an agent's requirements file, without comments.

    Raises:
        AgentError: there is no such file, or a line that is more than a package's name and versions.
    """
    path = manifest.layer or ""
    file = files.get(path.encode())
    if file is None or file.mode == "120000":
        raise AgentError(f"agent.toml: layer: {path} is no file of agent {manifest.name}")
    try:
        lines = file.data.decode().splitlines()
    except UnicodeDecodeError as error:
        raise AgentError(f"{path}: not UTF-8: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        wanted = re.sub(r"(^|\s)#.*", "", line).strip()
        if wanted and not _is_package(wanted):
            raise AgentError(
                f"{path}, line {number}: {printable(wanted, 100)}: only names of packages with their versions can be "
                "asked for, e.g. requests==2.32.3; no paths, addresses or options"
            )
        if wanted:
            found.append(wanted)
    return tuple(found)


def stored() -> tuple[int, int]:
    """How many layers of agents are kept on this machine, and their bytes."""
    layers = list(cache_folder().glob("agent-*"))
    sizes = (file.lstat().st_size for layer in layers for file in layer.rglob("*"))
    return len(layers), sum(sizes)


def _is_package(line: str) -> bool:
    found = _REQUIREMENT.fullmatch(line)
    return found is not None and not found["name"].lower().endswith(_ARCHIVES)


def _key(wanted: Sequence[str], interpreter: Interpreter) -> str:
    """Of what a layer is made from; a newer patch release of the interpreter takes the same packages."""
    fits = (interpreter.path, interpreter.short, interpreter.abi_flags, interpreter.machine, interpreter.libc)
    return _digest(*wanted, "", *fits)


def _name(key: str, pins: Sequence[str]) -> str:
    return f"agent-{key}-{_digest(*pins)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _find(names: str) -> Layer | None:
    """The latest layer whose name fits the glob."""
    folder = max(cache_folder().glob(names), key=lambda path: path.stat().st_mtime_ns, default=None)
    return Layer(folder=folder, pins=tuple((folder / PINS).read_text().splitlines())) if folder else None


def _install(folder: Path, wanted: Sequence[str], interpreter: Interpreter, manifest: Manifest, *, exact: bool) -> None:
    """Install with the lab's own pip. It gets no key; the user's settings of pip and of proxies hold."""
    if interpreter.implementation != "cpython":
        raise ConfigError(
            f"layers are for CPython, and sandboxes have {interpreter.implementation} ({interpreter.path})"
        )
    abi = f"cp{interpreter.version[0]}{interpreter.version[1]}{interpreter.abi_flags}"
    options = [
        *("--target", str(folder), "--only-binary=:all:", "--no-compile", "--no-warn-script-location"),
        *("--no-input", "--disable-pip-version-check", "--quiet", "--progress-bar=off"),
        *("--python-version", interpreter.short, "--implementation", "cp"),
        *(word for tag in (abi, "abi3", "none") for word in ("--abi", tag)),
        *(word for platform in _platforms(interpreter) for word in ("--platform", platform)),
        *(("--no-deps",) if exact else ()),
    ]
    environ = {**os.environ, "PIP_USER": "0"}
    withhold(environ)
    with tempfile.TemporaryDirectory(prefix="hgm-pip-") as empty:
        file = Path(empty) / "requirements"
        file.write_text("".join(f"{line}\n" for line in wanted))
        log = Path(empty) / "log"
        options += ["--requirement", str(file), "--log", str(log)]
        command = [sys.executable, "-c", _PIP, json.dumps(_markers(interpreter)), interpreter.path, "install", *options]
        try:
            done = subprocess.run(
                command, cwd=empty, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=_INSTALL_S
            )
        except subprocess.TimeoutExpired as error:
            raise ConfigError(f"pip did not finish within {_INSTALL_S:.0f} s: see whether its index answers") from error
        if done.returncode:
            seen = log.read_text(errors="replace") if log.is_file() else ""
            raise _refused(done.stderr.decode(errors="replace"), seen, interpreter, manifest)


def _refused(said: str, log: str, interpreter: Interpreter, manifest: Manifest) -> UsageError:
    """What to do about it, by what pip printed and by what it logged."""
    errors = " ".join(line for line in said.splitlines() if line.startswith(("ERROR:", "ModuleNotFoundError:")))
    shown = printable(errors or said[-_KEPT_CHARS:], _KEPT_CHARS)
    where = f"{manifest.layer} of agent {manifest.name} cannot be installed"
    if "No module named 'pip" in said:
        return ConfigError(f"{where}: the lab's own Python has no pip: {sys.executable} -m ensurepip")
    if _UNREACHABLE.search(log):
        remedy = "pip reaches no package index: connect, or set PIP_INDEX_URL or HTTPS_PROXY"
        return ConfigError(f"{where}: {remedy}; pip says: {shown}")
    return AgentError(
        f"{where}: every package needs a wheel for CPython {interpreter.short} on {interpreter.machine} "
        f"({interpreter.libc or 'another libc'}): ask for versions that have one; pip says: {shown}"
    )


def _markers(interpreter: Interpreter) -> dict[str, str]:
    version = ".".join(map(str, interpreter.version))
    return {
        "implementation_name": interpreter.implementation,
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": interpreter.machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": version,
        "python_version": interpreter.short,
        "sys_platform": "linux",
    }


def _platforms(interpreter: Interpreter) -> Iterator[str]:
    """Platform tags of wheels, best first."""
    machine = interpreter.machine
    glibc = re.fullmatch(r"glibc 2\.(\d+).*", interpreter.libc)
    for minor in range(int(glibc[1]) if glibc else 0, _OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"
    yield f"linux_{machine}"


def _pins(folder: Path) -> tuple[str, ...]:
    found = metadata.distributions(path=[str(folder)])
    return tuple(sorted(f"{re.sub(r'[-_.]+', '-', one.name).lower()}=={one.version}" for one in found))


def _compile(folder: Path, provider: SandboxProvider, run: str) -> bool:
    """Add bytecode, which nobody can write later; made inside, by the interpreter that will read it."""
    mount = Mount(source=folder, target=INSIDE)
    try:
        with provider.open(SandboxSpec(run=run, job="compile", limits=_COMPILING, mounts=(mount,))) as box:
            ended = box.run([provider.python, "-I", "-S", "-W", "ignore", "-c", _COMPILE, INSIDE])
            made = box.take()
    except (SandboxError, WorkspaceRejected):
        return False
    for path, file in made.items():
        target = folder / os.fsdecode(path)
        if path.endswith(b".pyc") and file.mode != "120000" and target.parent.parent.is_dir():
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.data)
    return not ended.status
