"""The gateway put together: sockets, leases and backbones in one event loop, until the controller is gone."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

from hgm.errors import GatewayError, boundary
from hgm.gateway.control import control_app
from hgm.gateway.leases import Leases
from hgm.gateway.order import CONTROL_SOCKET, Order
from hgm.gateway.public import public_app, tombstone_app
from hgm.gateway.settings import Settings
from hgm.gateway.upstreams import Upstreams
from hgm.gateway.wire import Wire
from hgm.redaction import Redactor

STDIN = 0


async def serve(folder: Path, order: Order) -> None:
    """Serve until standard input ends, the parent dies or SIGTERM comes; then revoke every lease and clean up.

    Raises:
        GatewayError: it could not start.
    """
    over = _over()
    upstreams = Upstreams(
        folder / ".backbones",
        scripts=order.scripts,
        replay=order.replay,
        providers=order.providers,
        environ=os.environ,
        settings=order.settings,
    )
    tombstone = folder / ".closed"
    with boundary(GatewayError, f"cannot use {folder}"):
        for name in (".leases", ".backbones"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        await Wire(tombstone_app(), order.settings).listen(tombstone, mode=0o666, app_state={})
    redactor = Redactor.of(os.environ, also=order.keys)
    leases = Leases(
        folder,
        trajectories=order.trajectories,
        wire=Wire(public_app(upstreams.of), order.settings),
        tombstone=tombstone,
        redactor=redactor,
        settings=order.settings,
    )
    await leases.restore()
    controls = Wire(control_app(leases, upstreams, redact=redactor), Settings(max_connections=1_000))
    with boundary(GatewayError, f"cannot use {folder}"):
        await controls.listen(folder / CONTROL_SOCKET, mode=0o600, app_state={})
    print("ready", flush=True)
    await over.wait()
    await leases.close_all()
    await upstreams.close()
    shutil.rmtree(folder, ignore_errors=True)


def _over() -> asyncio.Event:
    """Set when it is time to go. The parent is watched beside the pipe, which a fork of it might hold open."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_reader(STDIN, lambda: None if os.read(STDIN, 4096) else over.set())
    parent = os.pidfd_open(os.getppid())
    loop.add_reader(parent, over.set)
    return over
