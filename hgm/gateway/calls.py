"""One call from its start to its record: attempts, what each failure means to the agent, and who goes away first."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import TypeVar

from hgm.errors import GatewayError, HGMError, boundary
from hgm.gateway.dialects.base import Counted, call_seed
from hgm.gateway.failures import NOTHING, Broken, Rejected, Transient
from hgm.gateway.ledger import tokens_to_json
from hgm.gateway.live import Call, LiveLease, Settled, closed
from hgm.gateway.patience import Patience
from hgm.gateway.prices import Source, Tokens
from hgm.gateway.provider_upstream import not_spoken
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.replay import Recorded
from hgm.gateway.upstream import Upstream
from hgm.redaction import without_secrets

T = TypeVar("T")
GONE = 499
"""The agent hung up before the answer (recorded only: nobody is there to read it)."""


def backbone_failed() -> Refusal:
    """All that an agent learns when the provider failed for good: messages of providers may quote keys."""
    return Refusal(502, "the model behind the gateway failed", code="backbone_failed")


async def settle(lease: LiveLease, upstream: Upstream, call: Call) -> Settled:
    """Get the answer, in one piece and as often as it takes; record the end of the call whatever it is; return it.

    A stream that breaks off is tried again like anything else: no agent ever sees half an answer.
    """
    seed = call_seed(lease.spec.seed, call.index)
    patience = Patience(lease.settings, lease.waits, pace=upstream.pace, seed=seed)

    async def attempt() -> dict[str, Json]:
        # A call like others, so that a replay, where all dialects are spoken, says it too.
        if call.dialect.name not in upstream.dialects:
            raise Rejected(404, call.dialect.error(not_spoken(lease.spec.backbone, call.dialect, upstream.dialects)))
        lease.reserve_again(call, lost=patience.lost)
        # What an agent may read is a provider's to write: some quote the key that they were asked with.
        raw = without_secrets(await upstream.answer(call), lease.redact)
        try:
            return call.dialect.answer(raw, index=call.index, model=lease.spec.backbone)
        except Transient as trouble:
            trouble.charged = True
            raise

    async def answered() -> Settled:
        answer = await patience.run(attempt)
        signs = call.dialect.signs(answer)
        ended = Settled(status=200, response=answer, signs=signs)
        return _bill(lease, call, patience, ended, call.dialect.counted(answer))

    return await _settling(lease, call, patience, answered())


async def while_present(
    lease: LiveLease, work: Coroutine[Json, Json, T], gone: Coroutine[Json, Json, None]
) -> T | None:
    """The result of `work`; None if the agent went away first.

    Raises:
        Refusal: the lease was closed meanwhile.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(gone)
    lease.running.add(task)
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        return await task
    except asyncio.CancelledError:
        if lease.closed:
            raise closed() from None
        return None
    finally:
        lease.running.discard(task)
        watch.cancel()


async def _settling(
    lease: LiveLease, call: Call, patience: Patience, outcome: Coroutine[Json, Json, Settled]
) -> Settled:
    try:
        with boundary(GatewayError, "a call went wrong inside the gateway"):
            settled = await _told(lease, call, outcome, patience)
    except HGMError as trouble:
        # Whatever went wrong here, the provider may have answered.
        patience.lost += patience.trying
        settled = _bill(lease, call, patience, _failed(call, trouble=str(trouble)))
    except asyncio.CancelledError:
        # Whoever answers may go on and bill it.
        patience.lost += patience.trying
        refusal = closed() if lease.closed else Refusal(GONE, "the agent hung up", code="gone")
        ended = Settled(status=refusal.status, response=call.dialect.error(refusal))
        lease.settle(call, _bill(lease, call, patience, ended))
        raise
    lease.settle(call, settled)
    return settled


async def _told(lease: LiveLease, call: Call, outcome: Coroutine[Json, Json, Settled], patience: Patience) -> Settled:
    """How the call ended, where the upstream failed in one of its own ways."""
    try:
        return await outcome
    except Recorded as told:
        return told.ended
    except Rejected as refused:
        counted = refused.counted
        body = without_secrets(refused.body, lease.redact)
        ended = Settled(status=refused.status, response=body, signs=refused.signs)
    except Broken as trouble:
        counted = trouble.counted
        ended = _failed(call, trouble=str(trouble))
        ended = replace(ended, hosts_fault=trouble.hosts_fault, differs=trouble.differs)
    return _bill(lease, call, patience, ended, counted)


def _failed(call: Call, *, trouble: str) -> Settled:
    return Settled(status=502, response=call.dialect.error(backbone_failed()), trouble=trouble)


def _bill(lease: LiveLease, call: Call, patience: Patience, ended: Settled, told: Counted | None = NOTHING) -> Settled:
    """How a call ended, with what it cost: the provider's figures before the price table before nobody's.

    `told`: the provider's, beside lost attempts; None where it has none.
    """
    price = lease.spec.price
    lost = patience.lost + (told is None)  # a provider that does not count is counted at its worst
    tokens, usd = (told.tokens, told.usd) if told else (Tokens(), 0.0)
    source: Source = "provider"
    if usd is None:
        usd = None if price is None else price.cost(tokens)
        source = "unpriced" if price is None else "free" if price.is_free else "table"
    for _ in range(lost):
        tokens = tokens + call.reserved
        source = "unpriced" if price is None else source
        usd = None if usd is None or price is None else usd + price.bound(call.reserved)
    return replace(
        ended,
        usage=tokens_to_json(tokens),
        usd=usd,
        source=source,
        lost=lost,
        attempts=patience.attempts,
        waited_s=patience.waited_s,
    )
