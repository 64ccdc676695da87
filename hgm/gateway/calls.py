"""One call from its start to its record: attempts, what each failure means to the agent, and who goes away first."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing
from typing import TypeVar

from hgm.errors import GatewayError, HGMError, boundary
from hgm.gateway import completions
from hgm.gateway.live import Call, LiveLease, Settled, closed
from hgm.gateway.patience import Patience
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.upstream import Broken, Rejected, Transient, Upstream

T = TypeVar("T")
Emit = Callable[[Json], Awaitable[None]]
"""Sends one chunk to the agent."""

GONE = 499
"""The agent hung up before the answer (recorded only: nobody is there to read it)."""


def backbone_failed() -> Refusal:
    """All that an agent learns when the provider failed for good: messages of providers may quote keys."""
    return Refusal(502, "the model behind the gateway failed", code="backbone_failed")


async def whole(lease: LiveLease, upstream: Upstream, call: Call) -> Settled:
    """Get the answer in one piece, record the end of the call whatever it is, and return it."""
    patience = Patience(lease.settings, lease.waits)

    async def attempt() -> dict[str, Json]:
        return completions.tidy(await upstream.answer(call), index=call.index, model=lease.spec.backbone)

    async def answered() -> Settled:
        return _success(call, await patience.run(attempt), patience)

    return await _settling(lease, call, patience, answered())


async def streamed(lease: LiveLease, upstream: Upstream, call: Call, emit: Emit) -> Settled:
    """Pass the provider's own chunks on as they come; retries end with the first one. Records the end of the call."""
    patience = Patience(lease.settings, lease.waits)
    gathered = completions.Gathered()

    async def pass_on() -> Settled:
        chunks = await patience.run(lambda: _begun(upstream, call))
        async with aclosing(chunks):
            async for chunk in chunks:
                tidied = completions.tidy_chunk(chunk, index=call.index, model=lease.spec.backbone)
                gathered.add(chunk)
                if tidied["choices"]:
                    await emit(tidied)
        answer = completions.tidy(gathered.answer(), index=call.index, model=lease.spec.backbone)
        return _success(call, answer, patience)

    return await _settling(lease, call, patience, pass_on())


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


async def _begun(upstream: Upstream, call: Call) -> AsyncGenerator[Json, None]:
    """A stream whose first chunk has arrived and is one."""
    async with AsyncExitStack() as stack:
        chunks = await stack.enter_async_context(aclosing(upstream.stream(call)))
        try:
            first = await anext(chunks)
        except StopAsyncIteration:
            raise Transient("the backbone's stream is empty") from None
        completions.check_chunk(first)
        stack.pop_all()
        return _with_first(first, chunks)


async def _with_first(first: Json, rest: AsyncGenerator[Json, None]) -> AsyncGenerator[Json, None]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk


async def _settling(
    lease: LiveLease, call: Call, patience: Patience, outcome: Coroutine[Json, Json, Settled]
) -> Settled:
    try:
        with boundary(GatewayError, "a call went wrong inside the gateway"):
            settled = await _told(outcome, patience)
    except HGMError as trouble:
        settled = _failure(502, backbone_failed().body(), patience, trouble=str(trouble))
    except asyncio.CancelledError:
        refusal = closed() if lease.closed else Refusal(GONE, "the agent hung up", code="gone")
        lease.settle(call, _failure(refusal.status, refusal.body(), patience))
        raise
    lease.settle(call, settled)
    return settled


async def _told(outcome: Coroutine[Json, Json, Settled], patience: Patience) -> Settled:
    """How the call ended, where the upstream failed in one of its own ways."""
    try:
        return await outcome
    except Rejected as refused:
        return _failure(refused.status, refused.body, patience)
    except (Broken, Transient) as trouble:
        return _failure(502, backbone_failed().body(), patience, trouble=str(trouble))


def _success(call: Call, answer: dict[str, Json], patience: Patience) -> Settled:
    # A provider that does not count is counted at its worst.
    usage = completions.tokens(answer["usage"]) or call.reserved
    return Settled(status=200, response=answer, usage=usage, attempts=patience.attempts, waited_s=patience.waited_s)


def _failure(status: int, body: Json, patience: Patience, *, trouble: str = "") -> Settled:
    return Settled(
        status=status, response=body, attempts=patience.attempts, waited_s=patience.waited_s, trouble=trouble
    )
