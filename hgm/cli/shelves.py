"""The images of a benchmark on a terminal: shown, pulled, built and removed."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import typer
from rich.table import Table

from evaluators.base import Benchmark
from hgm.cli.terminal import is_live, out, plural, safe
from hgm.errors import ConfigError, SandboxError
from hgm.images import Need, disk_words, free_bytes, must_fit, needs
from hgm.preflight import build_all
from sandboxes import shelf
from sandboxes.engine import Engine, engine_trouble
from sandboxes.pulling import RegistryTrouble, pull
from sandboxes.sealing import FROM_LABEL
from sandboxes.sealing import REPOSITORY as SEALED

_LEAST_FREE = 3_000_000_000
"""Bytes that a pull leaves free: an engine whose disk is full stops working."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """How what is missing is had."""

    registry: str
    platform: str
    most: int | None
    """Bytes that all that was pulled here may take."""
    allow_build: bool


def show(benchmark: Benchmark, tasks: Sequence[str], engine: Engine) -> None:
    """Print what is needed, and what is there."""
    found = _needs(benchmark, tasks, engine)
    ours = {item.name for item in shelf.pulled(engine)}
    with engine_trouble("looking for sealed images"):
        sealed = {(image["Labels"] or {}).get(FROM_LABEL) for image in engine.api.images(SEALED)}
    table = Table("image", "there", "GB", "sealed", "tasks", box=None, pad_edge=False)
    for need in found:
        there = "pulled here" if need.image in ours else "yes" if need.is_there else _missing(need)
        size = f"{need.size / 1e9:.2f}" if need.is_there else ""
        table.add_row(safe(need.image), there, size, "yes" if need.id in sealed else "", str(need.tasks))
    out().print(table)
    missing = sum(not need.is_there for need in found)
    out().print(
        f"{plural(len(found), 'image')}, {missing} missing" + (f": {disk_words(found, engine)}" if missing else "")
    )
    if missing:
        out().print("[dim]the same command with --pull gets them[/dim]")


def _missing(need: Need) -> str:
    return "to be built" if need.environment.recipe else "missing"


def pull_all(
    benchmark: Benchmark, tasks: Sequence[str], engine: Engine, source: Source, *, sleep: Callable[[float], None]
) -> None:
    """Pull and build what is missing; what fails is told at the end, and ends the command with 3.

    Raises:
        ConfigError: tasks bring Dockerfiles, and nobody has allowed to build them; or more is missing than is free.
        SandboxError: no place is left, or the registry gives nothing at all.
    """
    found = _needs(benchmark, tasks, engine)
    missing = [need for need in found if not need.is_there]
    builds = [need for need in missing if need.environment.recipe]
    if any(not need.environment.is_ours for need in builds) and not source.allow_build:
        raise ConfigError(
            f"{builds[0].image} is built from a Dockerfile of {benchmark.name}, whose commands run with the network: "
            "look at it, then --allow-build"
        )
    if missing:
        out().print(f"{len(missing)} of {plural(len(found), 'image')} to get: {disk_words(found, engine)}")
    if source.most is None:
        must_fit(found, free=free_bytes(engine), spare=_LEAST_FREE)
    build_all(builds, lambda what: out().print(safe(what)))
    pulls = [need.image for need in missing if not need.environment.recipe]
    keep = {need.image for need in found}
    failed = []
    for number, image in enumerate(pulls, 1):
        where = f"[{number}/{len(pulls)}] {image}"
        _must_have_room(engine)
        try:
            _pull(engine, image, source, where, sleep)
        except RegistryTrouble:
            raise
        except SandboxError as error:
            failed.append(image)
            out().print(f"{safe(where)}: [red]{safe(error)}[/red]")
            continue
        out().print(f"{safe(where)}: pulled")
        for gone in shelf.evict(engine, most=source.most, keep=keep) if source.most is not None else ():
            out().print(f"removed {safe(gone)}: it was pulled here, and used least recently")
    out().print(f"{len(found) - len(failed)} of {plural(len(found), 'image')} there")
    if failed:
        raise typer.Exit(3)


def _pull(engine: Engine, image: str, source: Source, where: str, sleep: Callable[[float], None]) -> None:
    def wait(seconds: float, why: str) -> None:
        out().print(f"{safe(where)}: {safe(why)}: again in {seconds:.0f} s")
        sleep(seconds)

    with out().status(safe(where)) if is_live() else nullcontext() as status:

        def progress(words: str) -> None:
            if status is not None:
                status.update(f"{safe(where)}: {safe(words)}")

        pull(engine, image, registry=source.registry, platform=source.platform, progress=progress, wait=wait)
    shelf.mark(engine, image)


def _must_have_room(engine: Engine) -> None:
    free = free_bytes(engine)
    if free is not None and free < _LEAST_FREE:
        raise SandboxError(
            f"{free / 1e9:.1f} GB are free where the engine keeps images ({engine.root}), and a pull leaves "
            f"{_LEAST_FREE / 1e9:.0f} GB: make room, or prune another benchmark's images"
        )


def prune(benchmark: Benchmark, tasks: Sequence[str], engine: Engine) -> None:
    """Remove what was pulled, sealed or built here for a benchmark."""
    needed = _needs(benchmark, tasks, engine)
    found = [need for need in needed if need.is_there]
    ours = {item.name: item for item in shelf.pulled(engine)}
    free = free_bytes(engine)
    gone = sealed = 0
    for need in found:
        sealed += shelf.remove_sealed(engine, need.id)
        if need.image in ours:
            shelf.remove(engine, ours[need.image])
            gone += 1
        elif need.environment.recipe:
            shelf.remove_name(engine, need.image)
            gone += 1
    stays = len(found) - gone
    gone += _prune_older(needed, engine)
    freed = "" if free is None else f", {max(0, (free_bytes(engine) or 0) - free) / 1e9:.1f} GB freed"
    out().print(f"removed {plural(gone, 'image')} and {sealed} sealed{freed}")
    if stays:
        out().print(f"[dim]{plural(stays, 'image')} stay: they were not pulled by hgm (docker rmi removes them)[/dim]")


def _prune_older(needed: Sequence[Need], engine: Engine) -> int:
    """Remove what the lab's own recipes were before, under the same repositories; how many there were."""
    recipes = [need.environment.recipe for need in needed if need.environment.is_ours]
    repositories = {recipe.repository for recipe in recipes if recipe}
    with engine_trouble("looking for images"):
        older = [tag for name in repositories for image in engine.api.images(name) for tag in image["RepoTags"] or ()]
    for tag in older:
        shelf.remove_name(engine, tag)
    return len(older)


def _needs(benchmark: Benchmark, tasks: Sequence[str], engine: Engine) -> list[Need]:
    found = needs(benchmark, tasks, engine)
    if not found:
        raise ConfigError(f"these tasks of {benchmark.name} need no images of their own")
    return found
