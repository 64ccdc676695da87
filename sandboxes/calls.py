"""Calls of the engine's API that its library lacks, or has without a way to stop half-way."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sandboxes.engine import Engine

_CHUNK = 1 << 16


@contextmanager
def archive(engine: Engine, container: str, path: str) -> Iterator[Iterator[bytes]]:
    """A folder of a container as a tar stream, which need not be read to its end."""
    url, timeout = _url(engine, container, "archive"), engine.api.timeout
    response = engine.api.get(url, params={"path": path}, stream=True, timeout=timeout)
    with closing(response):
        response.raise_for_status()
        yield response.iter_content(_CHUNK)


def limit_processes(engine: Engine, container: str, number: int) -> bool:
    """Set how many processes a running container may have; those that it has stay. Old engines cannot: then False."""
    response = engine.api.post(
        _url(engine, container, "update"), json={"PidsLimit": number}, timeout=engine.api.timeout
    )
    with closing(response):
        return bool(response.ok)


def _url(engine: Engine, container: str, call: str) -> str:
    return f"{engine.api.base_url}/v{engine.api.api_version}/containers/{container}/{call}"
