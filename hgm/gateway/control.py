"""What the controller asks of the gateway, on a socket that only its user can open.

    POST   /leases          {"spec": …, "token": …}   -> {"folder": …}
    GET    /leases/JOB                                -> usage
    DELETE /leases/JOB                                -> usage
    POST   /probe           {"backbone": …, "sampling": …}
                            -> {"ok": …, "trouble": …, "dialects": […], "tokens": …, "usd": …}

Trouble is a 400 with {"error": name in hgm.errors, "message": …}.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hgm.errors import HGMError
from hgm.gateway.ascii_json import AsciiJSON
from hgm.gateway.leases import Leases
from hgm.gateway.ledger import tokens_to_json
from hgm.gateway.records import spec_from_json, usage_to_json
from hgm.gateway.upstreams import Upstreams
from hgm.redaction import Redactor


def control_app(leases: Leases, upstreams: Upstreams, *, redact: Redactor) -> Starlette:
    """The application of the control socket. What a provider said goes out without keys."""

    async def open_lease(request: Request) -> Response:
        asked = await request.json()
        spec = spec_from_json(asked["spec"])
        await upstreams.of(spec.backbone).start()
        folder: Path = await leases.open(spec, asked["token"])
        return AsciiJSON({"folder": str(folder)})

    async def usage(request: Request) -> Response:
        return AsciiJSON(usage_to_json(leases.usage(request.path_params["job"])))

    async def close_lease(request: Request) -> Response:
        return AsciiJSON(usage_to_json(await leases.close(request.path_params["job"])))

    async def probe(request: Request) -> Response:
        asked = await request.json()
        upstream = upstreams.of(asked["backbone"])
        probed = await upstream.probe(asked["sampling"])
        dialects = sorted(upstream.dialects)
        cost = {"tokens": tokens_to_json(probed.counted.tokens), "usd": probed.counted.usd}
        return AsciiJSON({"ok": probed.ok, "trouble": redact(probed.trouble), "dialects": dialects, **cost})

    async def trouble(request: Request, error: Exception) -> Response:
        return AsciiJSON({"error": type(error).__name__, "message": redact(str(error))}, status_code=400)

    return Starlette(
        routes=[
            Route("/leases", open_lease, methods=["POST"]),
            Route("/leases/{job}", usage, methods=["GET"]),
            Route("/leases/{job}", close_lease, methods=["DELETE"]),
            Route("/probe", probe, methods=["POST"]),
        ],
        exception_handlers={HGMError: trouble},
    )
