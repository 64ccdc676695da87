"""HTTP over a Unix socket for synchronous host code, one short connection per request, standard library only."""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hgm.gateway.records import Json


class Answer(NamedTuple):
    """Status and JSON body."""

    status: int
    body: Json


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a socket file."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__("gateway", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the file."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def exchange(
    path: Path,
    method: str,
    target: str,
    *,
    body: Json = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> Answer:
    """One request.

    Raises:
        OSError: nobody listens, or the time is up.
        http.client.HTTPException, ValueError: the answer was cut short or is not JSON.
    """
    connection = UnixConnection(path, timeout_s=timeout_s)
    try:
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, target, content, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read()))
    finally:
        connection.close()
