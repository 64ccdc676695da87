"""The tree viewer of runs that go on: a page on this machine that follows their journals, and changes nothing.

Stops: other hosts (it listens on this machine alone unless told otherwise), pages of other sites that ask it under a
name of theirs, and whatever a trajectory holds, which the page shows as text under a policy that runs its own script
alone.
Does not stop: other users of this machine, who can read what it serves.
"""

import asyncio
import json
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hgm.document import document_of
from hgm.errors import GatewayError, HGMError
from hgm.history import History, history
from hgm.run import Folder, is_locked, require_search
from hgm.viewing import JOB, diff, is_told, log, trajectory, unique
from trees.export.html import policy, served_page
from trees.export.json import text_of

PORT = 8420
_LOOK_S = 0.5
"""Between looks at a journal."""
_REFRESH_S = 5.0
"""What runs is told anew as often, although no event has come."""
_NUMBER = re.compile(r"[0-9]{1,15}")
_REST = 4.0
"""Nobody is told of news of a document before so many times what making it took has gone by."""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": policy(connect="'self'") + "; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Watched:
    """One run as the page sees it; thread-safe."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self._lock = threading.Lock()
        self._made: tuple[object, History, str] | None = None
        self.took_s = 0.0
        """What the newest document took to make."""

    def stamp(self) -> object:
        """Something else whenever there is something new to see."""
        journal = Folder(self.path).journal
        files = [journal, journal.with_name(f"{journal.name}-wal")]
        sizes = [(s.st_size, s.st_mtime_ns) for file in files if (s := _status(file))]
        live = is_locked(Folder(self.path))
        return sizes, live, int(time.monotonic() / _REFRESH_S) if live else 0

    def document(self) -> str:
        """The newest one, as JSON text."""
        return self._newest()[1]

    def history(self) -> History:
        """The newest one."""
        return self._newest()[0]

    def _newest(self) -> tuple[History, str]:
        with self._lock:
            stamp, began = self.stamp(), time.monotonic()
            if self._made is None or self._made[0] != stamp:
                told = history(self.path)
                text = text_of({**document_of(told, self.path), "run": self.name})
                self._made = stamp, told, text
                self.took_s = time.monotonic() - began
            return self._made[1:]


def application(paths: Sequence[Path], *, hosts: Sequence[str]) -> Starlette:
    """The server of these runs' page, answering under these names of its own and by address alone.

    Raises:
        RunError: there is no such run, or it is no search.
    """
    for path in paths:
        require_search(path)
    names = unique([path.name for path in paths])
    runs = {name: Watched(path, name) for path, name in zip(paths, names, strict=True)}
    page = served_page(f"hgm: {', '.join(names)}")

    def home(request: Request) -> Response:
        return HTMLResponse(page)

    def documents(request: Request) -> Response:
        return _json(_documents(runs.values()))

    def changes(request: Request) -> Response:
        return StreamingResponse(_changes(runs), media_type="text/event-stream")

    def of_run(answer: Callable[[Watched, Request], Response]) -> Callable[[Request], Response]:
        def found(request: Request) -> Response:
            run = runs.get(request.path_params["run"])
            return _missing() if run is None else answer(run, request)

        return found

    return Starlette(
        routes=[
            Route("/", home),
            Route("/api/documents", documents),
            Route("/api/changes", changes),
            Route("/api/runs/{run}/document", of_run(lambda run, request: _json(run.document()))),
            Route("/api/runs/{run}/diff/{node:int}", of_run(_diff)),
            Route("/api/runs/{run}/trajectory/{job}", of_run(_trajectory)),
            Route("/api/runs/{run}/log", of_run(_log)),
        ],
        middleware=[Middleware(_Guarded, names=frozenset(hosts))],
        exception_handlers={HGMError: _failed},
    )


def _documents(runs: Iterable[Watched]) -> str:
    """Of every run that can be read; of the others why not."""
    documents, unreadable = [], []
    for run in runs:
        try:
            documents.append(run.document())
        except HGMError as error:
            unreadable.append({"run": run.name, "why": str(error)})
    return f'{{"documents": [{",".join(documents)}], "unreadable": {json.dumps(unreadable)}}}'


def _log(run: Watched, request: Request) -> Response:
    before = request.query_params.get("before", "")
    return JSONResponse(log(run.path, before=int(before) if _NUMBER.fullmatch(before) else None))


def _diff(run: Watched, request: Request) -> Response:
    found = diff(run.path, run.history().state, request.path_params["node"])
    return _missing() if found is None else PlainTextResponse(found)


def _trajectory(run: Watched, request: Request) -> Response:
    job = request.path_params["job"]
    if not JOB.fullmatch(job) or not is_told(run.history(), job):
        return _missing()
    try:
        found = trajectory(run.path, job)
    except GatewayError as error:
        return PlainTextResponse(str(error), status_code=404)
    return _missing() if found is None else JSONResponse(found)


async def _changes(runs: Mapping[str, Watched]) -> AsyncIterator[str]:
    """Server-sent events: the name of each run of which there is something new to see."""
    seen = {name: run.stamp() for name, run in runs.items()}
    told_at = dict.fromkeys(runs, 0.0)
    yield ": here\n\n"
    while True:
        await asyncio.sleep(_LOOK_S)
        for name, run in runs.items():
            now = time.monotonic()
            if now - told_at[name] >= _REST * run.took_s and (stamp := run.stamp()) != seen[name]:
                seen[name], told_at[name] = stamp, now
                yield f"event: change\ndata: {json.dumps(name)}\n\n"
        yield ": here\n\n"


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _missing() -> Response:
    return PlainTextResponse("there is none", status_code=404)


def _failed(request: Request, error: Exception) -> Response:
    """A run that was there and is gone, or damaged."""
    return PlainTextResponse(str(error), status_code=410)


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


_ANOTHER = PlainTextResponse("this server has another name", status_code=400)
_PORT = re.compile(r":[0-9]*$")


class _Guarded:
    """Adds what every answer says to browsers, and answers under no name that is not the server's own.

    A page of another site can have the browser ask under a name of its own that leads here, but not by address.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        is_asked = scope["type"] != "http" or self._is_own(Headers(scope=scope).get("host", ""))
        await (self._app if is_asked else _ANOTHER)(scope, receive, sent)

    def _is_own(self, host: str) -> bool:
        name = host.rpartition(":")[0] if _PORT.search(host) else host
        return name.lower() in self._names or _is_address(name.removeprefix("[").removesuffix("]"))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
