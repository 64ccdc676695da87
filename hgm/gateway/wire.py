"""Connections on one Unix socket: uvicorn's HTTP/1.1, with limits on how many there are and how slowly one may ask."""

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h11
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from hgm.gateway.settings import Settings

FOREVER_S = 10**8
BACKLOG = 64
MOST_IGNORED = 4
"""Times the largest body that is accepted."""


class Connection(H11Protocol):
    """One connection. An idle one may stay; one that has begun to ask must finish its headers in time.

    A request that is answered before its body has arrived (401, 409, 413) is read to its end, within limits, so that
    simple clients, which send everything before they look, find the answer and not a broken pipe.
    """

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any], settings: Settings) -> None:
        super().__init__(config, state, app_state)
        self._settings = settings
        self._asking: asyncio.TimerHandle | None = None
        self._ignored = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._settings.max_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and start or stop the clock."""
        self._ignored = self._ignored + len(data) if self._ignoring() else 0
        super().data_received(data)
        if self._ignored > MOST_IGNORED * self._settings.max_body_bytes:
            self.transport.abort()
        self._watch()

    def on_response_complete(self) -> None:
        """A pipelined request may have begun while the last one was answered."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        super().connection_lost(exc)
        self._stop()

    def _ignoring(self) -> bool:
        """Whether what arrives belongs to a request that is answered already."""
        return self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY

    def _watch(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        half_asked = idle and (bool(self.conn.trailing_data[0]) or self._ignoring())
        if not half_asked or self.transport.is_closing():
            self._stop()
        elif self._asking is None:
            self._asking = self.loop.call_later(self._settings.header_timeout_s, self.transport.abort)

    def _stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None


class Listener:
    """A listening socket file and the connections made through it."""

    def __init__(self, server: asyncio.AbstractServer, state: ServerState, path: Path) -> None:
        self._server = server
        self._state = state
        self._path = path

    def close(self, *, tombstone: Path | None = None) -> None:
        """Take no more connections; existing ones stay until their peers leave. `tombstone` takes the file's place."""
        spare = self._path.with_name(self._path.name + ".x")
        if tombstone is None:
            self._path.unlink(missing_ok=True)
        else:
            os.link(tombstone, spare)
            os.replace(spare, self._path)
        self._server.close()

    def abort(self) -> None:
        """Cut all connections."""
        for connection in [*self._state.connections]:
            connection.transport.abort()


class Wire:
    """Opens listeners for one application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._settings = settings
        self._config = Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=FOREVER_S,
            h11_max_incomplete_event_size=settings.max_header_bytes,
        )
        self._config.load()
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

    async def listen(self, path: Path, *, mode: int, app_state: Mapping[str, Any]) -> Listener:
        """A listener on a fresh socket file with these permissions.

        Raises:
            OSError: it cannot be made.
        """
        state = ServerState()
        loop = asyncio.get_running_loop()
        path.unlink(missing_ok=True)
        server = await loop.create_unix_server(
            lambda: Connection(self._config, state, dict(app_state), self._settings), str(path), backlog=BACKLOG
        )
        path.chmod(mode)
        return Listener(server, state, path)
