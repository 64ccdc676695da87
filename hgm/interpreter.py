"""The Python that sandboxes have: whether an agent can run on it, and which packages fit it."""

import json
from dataclasses import dataclass

from hgm.contract import Manifest
from hgm.errors import ConfigError, SandboxError
from sandboxes.base import SandboxProvider, SandboxSpec

_ASK = """\
import json, os, platform, sys
print(json.dumps({
    "version": sys.version_info[:3],
    "implementation": sys.implementation.name,
    "abi_flags": sys.abiflags,
    "machine": platform.machine(),
    "libc": os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None,
}))
"""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """What decides whether a program or a package runs there."""

    path: str
    """Inside the sandbox."""
    version: tuple[int, int, int]
    implementation: str
    """As in `sys.implementation`: cpython, pypy."""
    abi_flags: str
    machine: str
    """x86_64, aarch64, ..."""
    libc: str
    """e.g. "glibc 2.36"; empty where it is another one."""

    @property
    def short(self) -> str:
        """Major and minor version, as in 3.12."""
        return "{}.{}".format(*self.version)


def ask_interpreter(provider: SandboxProvider, *, run: str) -> Interpreter:
    """Ask the interpreter inside, before anything is spent on an agent that cannot run.

    Raises:
        SandboxError: it does not answer.
    """
    with provider.open(SandboxSpec(run=run, job="python")) as box:
        ended = box.run([provider.python, "-I", "-S", "-c", _ASK])
    try:
        said = json.loads(ended.output)
        major, minor, micro = map(int, said["version"])
    except (ValueError, TypeError, KeyError) as error:
        raise SandboxError(f"{provider.python} does not tell its version: {ended.output[:200]!r}") from error
    return Interpreter(
        path=provider.python,
        version=(major, minor, micro),
        implementation=str(said["implementation"]),
        abi_flags=str(said["abi_flags"]),
        machine=str(said["machine"]),
        libc=str(said["libc"] or ""),
    )


def check_interpreter(manifest: Manifest, interpreter: Interpreter) -> None:
    """Return if the agent runs on it.

    Raises:
        ConfigError: it is older than `python` of the manifest.
    """
    if interpreter.version[:2] < tuple(map(int, manifest.python.split("."))):
        raise ConfigError(
            f"agent {manifest.name} needs Python {manifest.python} (agent.toml), and sandboxes here have "
            f"{interpreter.short} ({interpreter.path}): install a newer one below /usr, or another agent"
        )
