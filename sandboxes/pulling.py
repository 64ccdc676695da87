"""Pulls an image from a registry: patiently where that limits pulls, and again where the way there fails."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hgm.errors import SandboxError
from sandboxes.engine import Engine, engine_trouble

LIMITED_S = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0)
"""Waits after answers that say "too many requests"; Docker Hub counts pulls per six hours."""
FAILED_S = (2.0, 10.0, 30.0)
"""Waits after anything else that may pass."""
_LIMITED = re.compile(r"toomanyrequests|too many requests|rate limit|status: 429", re.IGNORECASE)
_PASSING = re.compile(
    r"status: 5\d\d|timeout|timed out|connection (reset|refused)|unexpected EOF|\bEOF\b|no such host|temporarily",
    re.IGNORECASE,
)
_NO_PLATFORM = re.compile(r"no matching manifest|does not match the specified platform", re.IGNORECASE)


class RegistryTrouble(SandboxError):
    """The registry limits or fails whatever is asked of it."""


def pull(
    engine: Engine,
    name: str,
    *,
    registry: str = "",
    platform: str = "",
    progress: Callable[[str], None],
    wait: Callable[[float, str], None],
) -> None:
    """Pull the image of that name; from a mirror `registry` (host, port and prefix) it comes under its own name, too.

    `progress` hears what goes on, a few words at a time; `wait` gets seconds and the reason, and sleeps.

    Raises:
        RegistryTrouble: nothing can be had from there now; says what to do.
        SandboxError: this image cannot be had; says what to do.
    """
    if registry and "@" in name:
        raise SandboxError(
            f"{name} is named by its digest, which no mirror's image takes on: pull it without --registry"
        )
    limited, failed = iter(LIMITED_S), iter(FAILED_S)
    source = f"{registry.rstrip('/')}/{name}" if registry else name
    while True:
        try:
            _pulled(engine, source, platform, progress)
            break
        except SandboxError as error:
            is_limited = bool(_LIMITED.search(str(error)))
            passes = is_limited or _PASSING.search(str(error))
            seconds = next(limited if is_limited else failed, None) if passes else None
            if seconds is None:
                kind = RegistryTrouble if passes else SandboxError
                raise kind(_advice(source, str(error), engine.machine, is_limited=is_limited)) from error
            why = "the registry limits pulls (docker login allows more)" if is_limited else "the registry fails"
            wait(seconds, why)
    if registry:
        _rename(engine, source, name)


def _pulled(engine: Engine, source: str, platform: str, progress: Callable[[str], None]) -> None:
    repository, tag = _parted(source)
    with engine_trouble("pulling"):
        for message in engine.api.pull(repository, tag=tag, platform=platform or None, stream=True, decode=True):
            if error := message.get("error"):
                raise SandboxError(str(error))
            for words in _words(message):
                progress(words)


def _words(message: Mapping[str, Any]) -> Iterator[str]:
    detail = message.get("progressDetail") or {}
    if message.get("status") == "Downloading" and detail.get("total"):
        yield f"{detail['current'] / 1e6:.0f} of {detail['total'] / 1e6:.0f} MB of a layer"
    elif message.get("status") == "Extracting":
        yield "unpacking"


def _parted(source: str) -> tuple[str, str]:
    """Repository and tag or digest; a port is no tag."""
    if "@" in source:
        repository, _, digest = source.partition("@")
        return repository, digest
    before, colon, tag = source.rpartition(":")
    return (before, tag) if colon and "/" not in tag else (source, "latest")


def _rename(engine: Engine, source: str, name: str) -> None:
    with engine_trouble(f"naming {name}"):
        repository, tag = _parted(name)
        engine.api.tag(source, repository, tag)
        engine.api.remove_image(source)


def _advice(source: str, error: str, machine: str, *, is_limited: bool) -> str:
    said = f"{source} cannot be pulled: {error[:300]}"
    if is_limited:
        return f"{said}: wait some hours, docker login, or name a mirror with --registry"
    if _NO_PLATFORM.search(error):
        return f"{said}: there is none for {machine}: --platform linux/amd64 runs it emulated, and slowly"
    if re.search(r"not found|denied|unauthorized|does not exist", error, re.IGNORECASE):
        return f"{said}: it is not published, or needs docker login; a mirror is named with --registry"
    return (
        f"{said}: look whether the registry can be reached from the engine's machine, or name a mirror with --registry"
    )
