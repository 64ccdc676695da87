"""What an agent may ask of the environment of its lease, and how that is passed on: a host's Unix socket, one JSON
document a line each way, one connection per exchange, one exchange at a time. One that has begun is waited for and
recorded also where the agent has hung up: the next one comes after it, so that nobody can fill the host's queue.

    {"what": "observe", "screenshot": false}
    {"what": "step", "screenshot": false, "action": …}
    -> {"observation": {…}}, or {"trouble": why} where it is the host's

An action is passed on as it is, whatever it is: what is none takes its step and is told so (`evaluators.gui.base`).
"""

import asyncio
import json
from time import monotonic

from hgm.errors import GatewayError, boundary
from hgm.gateway.live import LiveLease, closed, no_environment
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import load

FIELDS = {"observe": frozenset({"screenshot"}), "step": frozenset({"action", "screenshot"})}
"""The last part of a route -> what its body may hold."""


def must_be_there(lease: LiveLease) -> None:
    """Return if the lease has an environment.

    Raises:
        Refusal: it has none.
    """
    if lease.spec.environment is None:
        raise no_environment()


def check(what: str, asked: dict[str, Json], settings: Settings) -> dict[str, Json]:
    """The request as it is passed on.

    Raises:
        Refusal: a field is unknown, missing or of another kind, or an action is too large.
    """
    for name in sorted(asked.keys() - FIELDS[what]):
        known = ", ".join(sorted(FIELDS[what]))
        raise Refusal(400, f"field {name[:60]!r} is unknown: there are {known}", code="unknown_field", param=name[:60])
    screenshot = asked.get("screenshot", False)
    if not isinstance(screenshot, bool):
        raise Refusal(400, "screenshot is true or false", code="invalid_type", param="screenshot")
    if what == "step" and "action" not in asked:
        message = 'a step needs an action, e.g. {"action": {"name": "click", "bid": "e4"}}'
        raise Refusal(400, message, code="missing_field", param="action")
    checked = {"screenshot": screenshot, **({"action": asked["action"]} if what == "step" else {})}
    if len(json.dumps(checked)) > settings.max_action_bytes:
        raise Refusal(413, f"an action is over {settings.max_action_bytes} bytes", code="action_too_large")
    return checked


async def act(lease: LiveLease, what: str, asked: dict[str, Json]) -> Json:
    """Take one step or observe, record it and return what there is to see.

    Raises:
        Refusal: the lease has no environment, is closed or has used up its steps; the environment fails.
    """
    await lease.acting.acquire()
    exchange = asyncio.create_task(_acted(lease, what, asked))
    lease.running.add(exchange)

    def ended(task: asyncio.Task[Json]) -> None:
        lease.running.discard(task)
        lease.acting.release()
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

    exchange.add_done_callback(ended)
    return await asyncio.shield(exchange)


async def _acted(lease: LiveLease, what: str, asked: dict[str, Json]) -> Json:
    index = lease.begin_act(what, asked)
    began = monotonic()
    try:
        observation = await _observation(lease, {"what": what, **asked})
    except asyncio.CancelledError:
        lease.end_act(index, status=closed().status)
        raise
    except GatewayError as trouble:
        lease.end_act(index, status=502)
        lease.fail_act(str(trouble))
        raise Refusal(502, "the environment behind the gateway failed", code="environment_failed") from None
    lease.end_act(index, status=200, observation=observation, ms=(monotonic() - began) * 1000)
    return observation


async def _observation(lease: LiveLease, document: Json) -> Json:
    assert lease.spec.environment is not None
    with boundary(GatewayError, "the environment does not answer"):
        async with asyncio.timeout(lease.settings.environment_timeout_s):
            answer = load(await _exchange(lease.spec.environment.socket, document, lease.settings))
        if not isinstance(answer.get("observation"), dict):
            raise GatewayError(str(answer.get("trouble", "it says nothing")))
        return answer["observation"]


async def _exchange(socket: str, document: Json, settings: Settings) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket, limit=settings.max_observation_bytes)
    try:
        writer.write(json.dumps(document).encode() + b"\n")
        return await reader.readline()
    finally:
        writer.close()
