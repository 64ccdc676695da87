"""Whether a sandbox has the Python that an agent asks for."""

from hgm.contract import Manifest
from hgm.errors import ConfigError, SandboxError
from sandboxes.base import SandboxProvider, SandboxSpec

_ASK = "import sys; print(*sys.version_info[:2])"


def check_interpreter(manifest: Manifest, provider: SandboxProvider, *, run: str) -> None:
    """Ask the interpreter inside, before anything is spent on an agent that cannot run.

    Raises:
        ConfigError: it is older than `python` of the manifest.
        SandboxError: it does not answer.
    """
    with provider.open(SandboxSpec(run=run, job="python")) as box:
        ended = box.run([provider.python, "-I", "-S", "-c", _ASK])
    try:
        major, minor = map(int, ended.output.split())
    except ValueError as error:
        raise SandboxError(f"{provider.python} does not tell its version: {ended.output[:200]!r}") from error
    if (major, minor) < tuple(map(int, manifest.python.split("."))):
        raise ConfigError(
            f"agent {manifest.name} needs Python {manifest.python} (agent.toml), and sandboxes here have "
            f"{major}.{minor} ({provider.python}): install a newer one below /usr, or another agent"
        )
