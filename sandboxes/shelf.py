"""Which images on an engine are ours to remove: those that were pulled or sealed here, and no others.

What is pulled gets a second name, which says so and which the engine keeps: whatever was there before has none. Naming
an image again tells the engine that it was used, so the oldest name is that of the least recently used one.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hgm.errors import SandboxError
from sandboxes.engine import Engine, engine_trouble, is_missing
from sandboxes.sealing import FROM_LABEL
from sandboxes.sealing import REPOSITORY as SEALED

PULLED = "hgm-pulled"


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """One image that was pulled here."""

    name: str
    """As published; empty where somebody has removed that name."""
    mark: str
    """Its second name."""
    image: str
    """The engine's id."""
    size: int
    """Bytes, with the layers that it shares with others."""
    used_at: str
    """When it was pulled or last used, as a sortable date."""


def mark(engine: Engine, name: str) -> None:
    """Say that an image was pulled here.

    Raises:
        SandboxError: the engine's trouble; there is no such image.
    """
    with engine_trouble(f"marking {name}"):
        engine.api.tag(name, PULLED, _digest(name))


def used(engine: Engine, names: Iterable[str]) -> None:
    """Say of those images that were pulled here that they are used.

    Raises:
        SandboxError: the engine's trouble.
    """
    with engine_trouble("looking for images"):
        marks = {tag for listed in engine.api.images(PULLED) for tag in listed["RepoTags"] or ()}
    for name in names:
        if f"{PULLED}:{_digest(name)}" in marks:
            mark(engine, name)


def pulled(engine: Engine) -> list[Pulled]:
    """What was pulled here, the least recently used first.

    Raises:
        SandboxError: the engine's trouble.
    """
    found = []
    with engine_trouble("looking for images"):
        for listed in engine.api.images(PULLED):
            told = engine.api.inspect_image(listed["Id"])
            names = told["RepoTags"]
            for own in (tag for tag in names if tag.startswith(f"{PULLED}:")):
                published = [name for name in (*names, *told["RepoDigests"]) if f"{PULLED}:{_digest(name)}" == own]
                used_at = str((told.get("Metadata") or {}).get("LastTagTime") or told.get("Created") or "")
                found.append(
                    Pulled(name="".join(published), mark=own, image=told["Id"], size=int(told["Size"]), used_at=used_at)
                )
    return sorted(found, key=lambda item: item.used_at)


def remove(engine: Engine, item: Pulled) -> None:
    """Remove the names that it has from us, and what was sealed from it; the image goes if no other name is left.

    Raises:
        SandboxError: the engine's trouble; a container uses it.
    """
    remove_sealed(engine, item.image)
    for name in filter(None, (item.name, item.mark)):
        remove_name(engine, name)


def remove_sealed(engine: Engine, image: str) -> int:
    """Remove what was sealed from an image; how many there were.

    Raises:
        SandboxError: the engine's trouble; a container uses one.
    """
    with engine_trouble("looking for sealed images"):
        found = engine.api.images(SEALED, filters={"label": f"{FROM_LABEL}={image}"})
    for sealed in found:
        for name in sealed["RepoTags"]:
            remove_name(engine, name)
    return len(found)


def remove_name(engine: Engine, name: str) -> None:
    """Remove one name of an image, and the image if it was the last.

    Raises:
        SandboxError: the engine's trouble; a container uses it.
    """
    try:
        with engine_trouble(f"removing {name}"):
            engine.api.remove_image(name)
    except SandboxError as error:
        if not is_missing(error):
            raise


def evict(engine: Engine, *, most: int, keep: Collection[str]) -> list[str]:
    """Remove the least recently used of what was pulled here until the rest takes at most so many bytes.

    Images are counted whole, although they share layers. Names in `keep` stay; returns the names that went.

    Raises:
        SandboxError: the engine's trouble, or what stays is too much by itself.
    """
    found, kept = pulled(engine), {f"{PULLED}:{_digest(name)}" for name in keep}
    gone = []
    for item in found:
        if sum(other.size for other in found if other.mark not in gone) <= most:
            break
        if item.mark not in kept:
            remove(engine, item)
            gone.append(item.mark)
    left = sum(item.size for item in found if item.mark not in gone)
    if left > most:
        raise SandboxError(
            f"the images that are needed take {left / 1e9:.1f} GB, and {most / 1e9:.1f} GB are allowed: "
            "allow more with --disk-gb, or take fewer tasks"
        )
    return [item.name for item in found if item.mark in gone]


def _digest(name: str) -> str:
    """Of the name as engines show it: Docker Hub and the tag `latest` go without saying."""
    short = name.removeprefix("docker.io/").removeprefix("library/")
    name = short if ":" in short.rpartition("/")[2] else f"{short}:latest"
    return hashlib.sha256(name.encode()).hexdigest()[:16]
