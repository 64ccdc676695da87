"""What a host process that was killed may leave behind, for `hgm gc`.

bubblewrap's mounts, folders and processes end with the process that made them (see `rooms`, `keeper`). Control groups
are files of the kernel and stay, and so would a process that was being started at that very moment. Containers and
their volumes are the engine's and stay, too, even when the machine is started again, and so do folders that they mount.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hgm.errors import SandboxError
from sandboxes.engine import (
    FOLDER_PREFIX,
    JOB_LABEL,
    MAKER_LABEL,
    RUN_LABEL,
    Engine,
    NoEngine,
    connect,
    engine_trouble,
    is_busy,
    is_dead,
    is_missing,
    is_of_this_user,
)
from sandboxes.limits import Group, left_groups
from sandboxes.names import encoded, owner_of

_PATIENCE_S = 10.0
_POLL_S = 0.02


class Kind(StrEnum):
    """What it is, in the words of `hgm gc`; in the order in which it goes."""

    GROUP = "control group"
    CONTAINER = "container"
    VOLUME = "volume"
    FOLDER = "temporary folder"


class Leftover(NamedTuple):
    """One thing on this host that belongs, or belonged, to a sandbox."""

    run: str
    """As `sandboxes.names.encoded`."""
    job: str
    kind: Kind
    remove: Callable[[], None]
    """Kill and remove it, with what it holds; see `remove`."""
    is_orphan: bool = False
    """The process that made it is dead for certain; of control groups nobody says so."""


def leftovers(run: str | None) -> list[Leftover]:
    """What carries the name of `run`, or of any run; live sandboxes are among it.

    An engine that does not answer holds nothing: see `unasked`. What other users or machines made on the same engine is
    not ours. Folders are of no run that they could tell.
    """
    return [*_groups(run), *_on_engine(run), *(_folders() if run is None else ())]


def unasked() -> str:
    """Why the engine was not asked what is left there; empty if it was, or if this machine has none."""
    try:
        engine = connect()
        with engine_trouble("asking what is left"):
            engine.api.ping()
    except NoEngine:
        return ""
    except SandboxError as error:
        return str(error)
    return ""


def remove(found: list[Leftover]) -> None:
    """Kill and remove it; what is gone meanwhile is no trouble.

    Raises:
        SandboxError: something does not go.
    """
    for leftover in found:
        leftover.remove()


def _groups(run: str | None) -> Iterator[Leftover]:
    for group in left_groups():
        owner = owner_of(group.name)
        if owner and (run is None or owner.run == encoded(run)):
            yield Leftover(*owner, Kind.GROUP, partial(_remove_group, group))


def _remove_group(group: Group) -> None:
    group.kill()
    group.remove()


def _folders() -> Iterator[Leftover]:
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*")):
        maker = path.name.removeprefix(FOLDER_PREFIX).rpartition("-")[0]
        if is_of_this_user(maker):
            yield Leftover(path.name, "", Kind.FOLDER, partial(shutil.rmtree, path, ignore_errors=True), is_dead(maker))


def _on_engine(run: str | None) -> list[Leftover]:
    label = RUN_LABEL if run is None else f"{RUN_LABEL}={encoded(run)}"
    try:
        engine = connect()
        with engine_trouble("looking for what is left"):
            return list(_labelled(engine, {"label": [label]}))
    except SandboxError:
        return []


def _labelled(engine: Engine, wanted: Mapping[str, list[str]]) -> Iterator[Leftover]:
    api = engine.api
    for found in api.containers(all=True, filters=wanted):
        yield from _ours(found, Kind.CONTAINER, partial(_remove_container, engine, found["Id"]))
    for found in api.volumes(filters=wanted)["Volumes"] or ():
        yield from _ours(found, Kind.VOLUME, partial(_remove, api.remove_volume, found["Name"]))


def _ours(found: Mapping[str, Any], kind: Kind, remove: Callable[[], None]) -> Iterator[Leftover]:
    labels = found["Labels"]
    maker = labels.get(MAKER_LABEL, "")
    if is_of_this_user(maker) and JOB_LABEL in labels:
        yield Leftover(labels[RUN_LABEL], labels[JOB_LABEL], kind, remove, is_dead(maker))


def _remove_container(engine: Engine, container: str) -> None:
    """With its anonymous volumes. Whoever else is removing it at the moment is waited for."""
    try:
        _remove(partial(engine.api.remove_container, v=True, force=True), container)
    except SandboxError as error:
        if not is_busy(error):
            raise
        _await_end(engine, container)


def _await_end(engine: Engine, container: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with engine_trouble("looking for a container that is being removed"):
                engine.api.inspect_container(container)
        except SandboxError as error:
            if is_missing(error):
                return
            raise
        time.sleep(_POLL_S)
    raise SandboxError(f"container {container[:12]} does not go: docker rm -f -v {container[:12]}")


def _remove(removal: Callable[[str], object], name: str) -> None:
    try:
        with engine_trouble("removing what is left"):
            removal(name)
    except SandboxError as error:
        if not is_missing(error):
            raise
