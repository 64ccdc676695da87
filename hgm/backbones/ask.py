"""Model calls by the host's own roles (diagnosis, judge): official SDKs, through a lease like everybody else's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from hgm.errors import BackboneError, ReplyError
from hgm.gateway.client import Lease
from hgm.gateway.order import LEASE_SOCKET
from hgm.gateway.overflow import overflow

if TYPE_CHECKING:
    import httpx2

HOST = "http://gateway"
TIMEOUT_S = 7_200.0
"""Beyond everything that the gateway itself tries before it gives up."""
REFUSED = frozenset({400, 403, 413, 422})
"""About this request: a filter did not like it, it is too large, or beyond the lease (403: a provider's does not come
through the gateway). What agents wrote stands in it."""


class Message(TypedDict):
    """One turn of a conversation in words."""

    role: Literal["system", "user", "assistant"]
    content: str
    pictures: NotRequired[Sequence[str]]
    """PNGs as data: URLs, behind the words; from the user only."""


def complete(lease: Lease, backbone: str, messages: Sequence[Message]) -> str:
    """The text that the lease's backbone answers `messages` with, asked in its provider's own dialect.

    Raises:
        ReplyError: it answers, with a refusal, without text, or only a part; or this request is refused.
        BackboneError: there is no answer.
    """
    if backbone.startswith("anthropic/"):
        from hgm.backbones.anthropic_sdk import complete as ask
    else:
        from hgm.backbones.openai_sdk import complete as ask
    return ask(lease, messages)


@contextmanager
def wire(lease: Lease) -> Iterator["httpx2.Client"]:
    """A client for an SDK, on the lease's socket."""
    import httpx2

    transport = httpx2.HTTPTransport(uds=str(lease.folder / LEASE_SOCKET))
    with httpx2.Client(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
        yield client


def usable(text: str | None, *, refused: bool, cut_off: bool) -> str:
    """The text, if somebody can go on with it.

    Raises:
        ReplyError: nobody can.
    """
    if refused:
        raise ReplyError(f"the model refused to answer: {(text or 'without a word')[:300]}")
    if cut_off:
        raise ReplyError("the model's answer was cut off at the limit on its length (sampling.ROLE.max_output_tokens)")
    if not text or not text.strip():
        raise ReplyError("the model answered without text")
    return text


def no_answer(trouble: Exception) -> BackboneError:
    """What an SDK's own error is here."""
    status = getattr(trouble, "status_code", None)
    if status is None:
        return BackboneError(f"the gateway did not answer: {trouble}")
    if overflow(status, getattr(trouble, "body", None)):
        return ReplyError(f"the request is longer than the model's context: {trouble}")
    if status in REFUSED:
        return ReplyError(f"the request is refused: HTTP {status}: {trouble}")
    return BackboneError(f"HTTP {status}: {trouble}")
