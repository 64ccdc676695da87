"""Calls of the engine's API that its library lacks, or has without a way to stop half-way."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import IntEnum
from http import HTTPStatus

from sandboxes.engine import Engine

_CHUNK = 1 << 16
_GO_FOLDER = 1 << 31
"""How engines, written in Go, mark a folder in a file's mode."""


class Change(IntEnum):
    """How a path differs from the image, as engines number it."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@contextmanager
def archive(engine: Engine, container: str, path: str) -> Iterator[Iterator[bytes]]:
    """A file or folder of a container as a tar stream, which need not be read to its end.

    Raises:
        FileNotFoundError: there is none.
    """
    url, timeout = _url(engine, container, "archive"), engine.api.timeout
    response = engine.api.get(url, params={"path": path}, stream=True, timeout=timeout)
    with closing(response):
        if response.status_code == HTTPStatus.NOT_FOUND or (not response.ok and "not a directory" in response.text):
            raise FileNotFoundError(f"{path} is not in the container")
        response.raise_for_status()
        yield response.iter_content(_CHUNK)


def is_folder(engine: Engine, container: str, path: str) -> bool:
    """Whether a container has a folder at this path."""
    url = _url(engine, container, "archive")
    with closing(engine.api.head(url, params={"path": path}, timeout=engine.api.timeout)) as response:
        told = response.headers.get("X-Docker-Container-Path-Stat", "")
    return bool(told) and bool(int(json.loads(base64.b64decode(told))["mode"]) & _GO_FOLDER)


def changed_paths(engine: Engine, container: str) -> list[tuple[str, Change]]:
    """What differs from the container's image, and how; of folders that are gone only their own paths."""
    found = engine.api.diff(container) or ()
    return [(str(entry["Path"]), Change(entry["Kind"])) for entry in found]


def written_bytes(engine: Engine, container: str) -> int:
    """How much a container's own layer holds."""
    response = engine.api.get(_url(engine, container, "json"), params={"size": "1"}, timeout=engine.api.timeout)
    with closing(response):
        response.raise_for_status()
        return int(response.json().get("SizeRw") or 0)


def limit_processes(engine: Engine, container: str, number: int) -> bool:
    """Set how many processes a running container may have; those that it has stay. Old engines cannot: then False."""
    response = engine.api.post(
        _url(engine, container, "update"), json={"PidsLimit": number}, timeout=engine.api.timeout
    )
    with closing(response):
        return bool(response.ok)


def _url(engine: Engine, container: str, call: str) -> str:
    return f"{engine.api.base_url}/v{engine.api.api_version}/containers/{container}/{call}"
