"""A backbone in a child process of the gateway's, asked over its Unix socket: no key, no network."""

from collections.abc import Mapping

import httpx2

from hgm.backbones.process import ProcessBackbone
from hgm.errors import BackboneError
from hgm.gateway.failures import Transient
from hgm.gateway.http_upstream import Server, told
from hgm.gateway.live import Call
from hgm.gateway.pace import Pace
from hgm.gateway.records import NO_SAMPLING, Json
from hgm.gateway.settings import Settings
from hgm.gateway.upstream import Probed


class ChildUpstream:
    """`Upstream` over a process that is started when it is first needed, and again when it has died."""

    def __init__(
        self, process: ProcessBackbone, *, name: str, dialects: frozenset[str], settings: Settings, streams: bool
    ) -> None:
        self.dialects = dialects
        self.pace = Pace(name)
        self._process = process
        self._server = Server.on_socket(str(process.socket), settings)
        self._streams = streams

    async def start(self) -> None:
        """See `Upstream.start`."""
        await self._process.start()

    async def answer(self, call: Call) -> Json:
        """See `Upstream.answer`."""
        try:
            await self.start()
        except BackboneError as trouble:
            raise Transient(str(trouble)) from trouble
        return await self._server.ask(call.dialect, call.request, stream=call.wanted.stream and self._streams)

    async def probe(self, sampling: Mapping[str, Json] = NO_SAMPLING) -> Probed:
        """See `Upstream.probe`."""
        try:
            await self.start()
            well = await self._server.is_healthy()
        except (BackboneError, httpx2.TransportError) as trouble:
            return Probed(ok=False, trouble=told(trouble))
        return Probed(ok=well, trouble="" if well else "its /health is not answered with 200")

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._server.close()
        await self._process.close()
