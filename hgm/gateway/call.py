"""Model calls by the host's own roles (diagnosis, judge): through a lease like everybody else's."""

from collections.abc import Sequence
from http.client import HTTPException

from hgm.errors import BackboneError
from hgm.gateway.client import Lease
from hgm.gateway.order import LEASE_SOCKET
from hgm.gateway.records import Json
from hgm.gateway.unix_http import exchange

TIMEOUT_S = 1_800.0
"""Beyond everything that the gateway itself tries before it gives up."""


def complete(lease: Lease, messages: Sequence[Json]) -> str:
    """The text that the lease's backbone answers `messages` with.

    Raises:
        BackboneError: there is no answer, or it is not text.
    """
    headers = {"Authorization": f"Bearer {lease.token}"}
    body = {"messages": [*messages]}
    try:
        answer = exchange(
            lease.folder / LEASE_SOCKET, "POST", "/v1/chat/completions", body=body, headers=headers, timeout_s=TIMEOUT_S
        )
    except (OSError, HTTPException, ValueError) as trouble:
        raise BackboneError(f"the gateway did not answer: {trouble}") from trouble
    if answer.status != 200:
        raise BackboneError(f"HTTP {answer.status}: {answer.body['error']['message']}")
    content = answer.body["choices"][0]["message"].get("content")
    if not isinstance(content, str):
        raise BackboneError("the backbone answered without text")
    return content
