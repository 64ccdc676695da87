"""What a run needs of this machine's engine, checked before anything is spent."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from evaluators.base import Benchmark, Environment
from hgm.contract import Manifest
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import SandboxProvider
from sandboxes.docker import Docker
from sandboxes.images import is_built

_NAMED = 5


def must_be_ready(benchmark: Benchmark, tasks: Iterable[str], provider: SandboxProvider, manifest: Manifest) -> None:
    """Return if every image that these tasks need is there, and agents of this manifest can work in them.

    Raises:
        ConfigError: not so; names what is missing, and says what to do.
    """
    needed = _environments(benchmark, tasks)
    if not needed:
        return
    if not isinstance(provider, Docker):
        raise ConfigError(
            f"the tasks of {benchmark.name} are worked on in images of their own, and {provider.name} has none: start "
            "a container engine (see `hgm doctor`), then --sandbox docker"
        )
    if manifest.layer is not None:
        raise ConfigError(
            f"agent {manifest.name} has a layer ({manifest.layer}), made for the Python of the lab's own image; "
            f"the tasks of {benchmark.name} have images with others: give it its packages in its own folder"
        )
    missing = [item.image for item in needed if not is_built(provider.engine, item.image)]
    if missing:
        raise ConfigError(_told(benchmark.name, missing, len(needed), provider.engine.machine))


def _environments(benchmark: Benchmark, tasks: Iterable[str]) -> list[Environment]:
    found: dict[str, Environment] = {}
    if not getattr(benchmark, "has_images", True):
        return []
    for task in tasks:
        with suppress(EvaluatorError):  # what is unusable tells when it is opened
            if (needs := benchmark.task(task).environment) is not None:
                found.setdefault(needs.image, needs)
    return list(found.values())


def _told(benchmark: str, missing: Sequence[str], needed: int, machine: str) -> str:
    named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else "")
    platform = "" if machine == "x86_64" else " --platform linux/amd64"
    emulated = "" if machine == "x86_64" else f" (they are for x86-64; on {machine} they are emulated, and slow)"
    return (
        f"{len(missing)} of the {needed} images that these tasks of {benchmark} need are not on the engine: {named}: "
        f"docker pull{platform} {missing[0]}{emulated}, or fewer tasks with --ids or --sample"
    )
