"""The images that tasks need: which there are, which are missing, and what they take of the engine's disk."""

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from evaluators.base import Benchmark, Environment
from hgm.errors import ConfigError, EvaluatorError, SandboxError
from sandboxes.engine import Engine, engine_trouble, is_missing

_TYPICAL_BYTES = 1_200_000_000
"""Of a missing image, beside layers that it shares, where no other of the benchmark's is there to go by."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """One image that tasks need."""

    environment: Environment
    tasks: int
    """How many of them."""
    id: str = ""
    """The engine's; empty where it is missing."""
    size: int = 0

    @property
    def image(self) -> str:
        return self.environment.image

    @property
    def is_there(self) -> bool:
        return bool(self.id)


def needs(benchmark: Benchmark, tasks: Iterable[str], engine: Engine) -> list[Need]:
    """What the tasks need, and what the benchmark needs beside them, in the order of the names.

    Raises:
        SandboxError: the engine's trouble.
    """
    used = list(tasks)
    found = {**environments(benchmark, used), **{made.image: (made, len(used)) for made in beside(benchmark)}}
    return [_need(engine, *found[image]) for image in sorted(found)]


def environments(benchmark: Benchmark, tasks: Iterable[str]) -> dict[str, tuple[Environment, int]]:
    """Image -> the environment that it is for, and how many tasks share it."""
    found: dict[str, tuple[Environment, int]] = {}
    if not getattr(benchmark, "has_images", True):
        return found
    for task in tasks:
        with suppress(EvaluatorError):  # what is unusable tells when it is opened
            if (needed := benchmark.task(task).environment) is not None:
                found[needed.image] = (needed, found.get(needed.image, (needed, 0))[1] + 1)
    return found


def beside(benchmark: Benchmark) -> tuple[Environment, ...]:
    """Images that no agent works in, needed where sandboxes are containers: the browser's of graphical tasks."""
    return tuple(getattr(benchmark, "beside", ()))


def _need(engine: Engine, environment: Environment, tasks: int) -> Need:
    try:
        with engine_trouble("looking at an image"):
            told = engine.api.inspect_image(environment.image)
    except SandboxError as error:
        if is_missing(error):
            return Need(environment=environment, tasks=tasks)
        raise
    return Need(environment=environment, tasks=tasks, id=str(told["Id"]), size=int(told["Size"]))


def disk_words(found: Sequence[Need], engine: Engine) -> str:
    """What is missing against what is free, as one clause."""
    missing = sum(not need.is_there for need in found)
    there = [need.size for need in found if need.is_there]
    each = sum(there) / len(there) if there else _TYPICAL_BYTES
    free = free_bytes(engine)
    on_disk = "" if free is None else f", and {free / 1e9:.0f} GB are free"
    return f"about {missing * each / 1e9:.0f} GB at {each / 1e9:.1f} GB each{on_disk}"


def must_fit(found: Sequence[Need], *, free: int | None, spare: int) -> None:
    """Refuse to pull what is missing where it would leave less than `spare` of what is free.

    Only where that is known: by the images that are there, counted whole, although they share layers.

    Raises:
        ConfigError: with the figures and the ways out.
    """
    there = [need.size for need in found if need.is_there]
    pulls = sum(not need.is_there and not need.environment.recipe for need in found)
    if not there or not pulls or free is None:
        return
    wanted = pulls * sum(there) / len(there)
    if wanted > free - spare:
        raise ConfigError(
            f"{pulls} missing images of about {wanted / pulls / 1e9:.1f} GB are {wanted / 1e9:.1f} GB, "
            f"{free / 1e9:.1f} GB are free, and a pull leaves {spare / 1e9:.0f} GB: take fewer tasks (--sample, "
            "--limit), make room, or say with --disk-gb how much may be taken, since images share layers"
        )


def free_bytes(engine: Engine) -> int | None:
    """Free on the engine's disk; None where that is another machine's."""
    try:
        return shutil.disk_usage(engine.root).free if engine.is_local and engine.root else None
    except OSError:
        return None
