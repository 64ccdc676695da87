"""A gateway seen from outside: a value that names its control socket, and the leases taken through it."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from pathlib import Path
from time import monotonic, sleep

from hgm.errors import BackboneError, ConfigError, GatewayError, RecordingError
from hgm.gateway.ledger import tokens_from_json
from hgm.gateway.prices import Tokens
from hgm.gateway.records import NO_SAMPLING, Json, LeaseSpec, Usage, usage_from_json
from hgm.gateway.unix_http import Answer, exchange

RESTART_S = 15.0
POLL_S = 0.02
ANSWER_S = 60.0
PROBE_S = 300.0
"""A provider is probed in as many dialects as it may have."""
TROUBLES = {error.__name__: error for error in (BackboneError, ConfigError, GatewayError)}


@dataclass(frozen=True)
class Control:
    """A gateway's control socket. A plain value: any process of the same user may use it, from any thread."""

    socket: Path

    def lease(self, spec: LeaseSpec) -> "RemoteLease":
        """Open a lease.

        Raises:
            ConfigError: the backbone does not exist.
            BackboneError: it cannot be started.
            GatewayError: the job has a live lease already, or the gateway is in trouble.
        """
        token = secrets.token_urlsafe(24)
        answer = self._ask("POST", "/leases", {"spec": asdict(spec), "token": token})
        return RemoteLease(Path(answer["folder"]), token, self, spec.job)

    def probe(self, backbone: str, sampling: Mapping[str, Json] = NO_SAMPLING) -> "Probe":
        """Whether the backbone works right now, tried with a fixed request of the gateway's own, sampled so.

        Raises:
            ConfigError: the backbone does not exist.
        """
        told = self._ask("POST", "/probe", {"backbone": backbone, "sampling": {**sampling}}, timeout_s=PROBE_S)
        return Probe(
            ok=told["ok"],
            trouble=told["trouble"],
            dialects=frozenset(told["dialects"]),
            tokens=tokens_from_json(told["tokens"]),
            usd=told["usd"],
        )

    def usage(self, job: str) -> Usage:
        """What the job's latest lease has used."""
        return usage_from_json(self._ask("GET", f"/leases/{job}"))

    def close(self, job: str) -> Usage:
        """Revoke the job's lease."""
        return usage_from_json(self._ask("DELETE", f"/leases/{job}"))

    def _ask(self, method: str, target: str, body: Json = None, *, timeout_s: float = ANSWER_S) -> Json:
        answer = _patiently(lambda: exchange(self.socket, method, target, body=body, timeout_s=timeout_s))
        if answer.status == 200:
            return answer.body
        raise TROUBLES[answer.body["error"]](answer.body["message"])


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What came of a probe."""

    ok: bool
    trouble: str
    """What to check when it failed."""
    dialects: frozenset[str]
    """In which the backbone may be asked."""
    tokens: Tokens
    usd: float | None
    """Where the provider told it."""


@dataclass
class RemoteLease:
    """A `Lease` of a gateway process."""

    folder: Path
    token: str = field(repr=False)
    control: Control
    job: str
    _final: Usage | None = None

    def usage(self) -> Usage:
        """See `Lease.usage`."""
        return self._final or self.control.usage(self.job)

    def close(self) -> Usage:
        """See `Lease.close`."""
        if self._final is None:
            self._final = self.control.close(self.job)
        if self._final.differs:
            raise RecordingError(self._final.differs)
        return self._final


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """What the gateway answers, also where it has just died and is being started again: all requests are idempotent."""
    deadline = monotonic() + RESTART_S
    while True:
        try:
            return ask()
        except (ConnectionError, BlockingIOError, FileNotFoundError, HTTPException) as trouble:
            if monotonic() > deadline:
                raise GatewayError(f"the gateway does not answer: {trouble}") from trouble
        except OSError as trouble:
            raise GatewayError(f"the gateway does not answer: {trouble}") from trouble
        sleep(POLL_S)
