"""One live lease inside the gateway: what it may still do, what it has used, and its trajectory."""

import asyncio
import hmac
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic

from hgm import trajectories
from hgm.gateway.dialects.base import Dialect, Imposed, Wanted, call_seed
from hgm.gateway.records import Json, LeaseSpec, Usage, usage_from_json, usage_to_json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.waits import Waits


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that has started: its number within the lease and the request that goes out."""

    job: str
    role: str
    index: int
    request: dict[str, Json]
    reserved: dict[str, int]
    """What it can cost at most, in tokens: no byte of a request is more than one token."""
    started: float = field(default_factory=monotonic)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How a call ended."""

    status: int
    response: Json = None
    usage: Json = None
    attempts: int = 1
    waited_s: float = 0.0
    trouble: str = ""


class LiveLease:
    """Counts, limits and records. `open` starts one, `restored` takes one over from a gateway that was killed."""

    def __init__(self, spec: LeaseSpec, token: str, *, writer: trajectories.Writer, settings: Settings) -> None:
        self.spec = spec
        self.token = token
        self.settings = settings
        self.closed = False
        self.waits = Waits()
        self.running: set[asyncio.Task[Json]] = set()
        self.slots = asyncio.Semaphore(settings.max_parallel_calls)
        self._writer = writer
        self._used = Usage()
        self._next = 0
        self._refused_bytes = 0

    @classmethod
    def open(
        cls, spec: LeaseSpec, token: str, *, path: Path, redact: trajectories.Redact, settings: Settings
    ) -> "LiveLease":
        """A new lease; its trajectory says so at once, which also ends an earlier lease of the same job.

        Raises:
            GatewayError: the trajectory cannot be written.
        """
        lease = cls(spec, token, writer=trajectories.Writer(path, redact=redact), settings=settings)
        lease._writer.write({"event": "lease opened", **asdict(spec)})
        return lease

    @classmethod
    def restored(
        cls, spec: LeaseSpec, token: str, *, path: Path, redact: trajectories.Redact, settings: Settings
    ) -> "LiveLease":
        """The lease as its trajectory tells it. Calls that never settled do not count; their numbers are used again."""
        lease = cls(spec, token, writer=trajectories.Writer(path, redact=redact), settings=settings)
        for record in trajectories.read(path):
            lease._replay(record)
        return lease

    def admits(self, authorization: str) -> bool:
        """Whether this header carries the lease's token."""
        return hmac.compare_digest(authorization.encode("latin-1"), f"Bearer {self.token}".encode())

    async def refuse(self, size: int = 0) -> None:
        """Count a request that was turned away, and the bytes of its body that were looked at.

        Many of them get slow, lest one agent's noise keep others waiting.
        """
        self._used = replace(self._used, refused=self._used.refused + 1)
        self._refused_bytes += size
        settings = self.settings
        if self._used.refused > settings.free_refusals or self._refused_bytes > settings.free_refused_bytes:
            await asyncio.sleep(settings.refusal_pause_s * max(1.0, size / 1_000_000))

    def fail(self, trouble: str) -> None:
        """Note that the host's side failed a call for good."""
        self._used = replace(self._used, backbone_failed=True, trouble=trouble)

    def begin(self, wanted: Wanted, dialect: Dialect, *, size: int) -> Call:
        """Start a call, and write that before anything is spent.

        Raises:
            Refusal: the lease is closed, or its calls or its room for recording are used up.
        """
        self._check_room()
        index, self._next = self._next, self._next + 1
        call = Call(
            job=self.spec.job,
            role=self.spec.role,
            index=index,
            request=dialect.request(wanted, self._imposed(index)),
            reserved={"input_tokens": size, "output_tokens": self.spec.max_output_tokens},
        )
        dropped = sorted({*self._used.dropped_fields, *wanted.dropped})
        self._used = replace(self._used, calls=self._used.calls + 1, dropped_fields=tuple(dropped))
        self._write("call started", call, request=call.request, reserved=call.reserved, dropped=[*wanted.dropped])
        return call

    def settle(self, call: Call, settled: Settled) -> None:
        """Record how a call ended and count its tokens."""
        self._count(settled.usage, settled.trouble)
        ms = round((monotonic() - call.started) * 1000, 3)
        self._write("call settled", call, **asdict(settled), ms=ms)

    def usage(self) -> Usage:
        """So far, with waits that still last."""
        return replace(self._used, waited_s=round(self.waits.seconds(), 3))

    async def close(self) -> Usage:
        """Revoke: running calls are cancelled and get 409, the trajectory ends."""
        self.closed = True
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.wait(self.running)
        usage = self.usage()
        try:
            self._writer.write({"event": "lease closed", "usage": usage_to_json(usage)})
        finally:
            self._writer.close()
        return usage

    def _check_room(self) -> None:
        if self.closed:
            raise closed()
        if self._next >= self.spec.max_calls:
            message = f"this lease allows {self.spec.max_calls} calls, and all are used"
            raise Refusal(403, message, code="call_limit")
        for size, limit in (
            (self._writer.size, self.settings.max_trajectory_bytes),
            (self._writer.text_size, self.settings.max_trajectory_text_bytes),
        ):
            if size > limit:
                message = f"the calls of this lease take more than {limit} bytes to record"
                raise Refusal(403, message, code="trajectory_limit")

    def _imposed(self, index: int) -> Imposed:
        return Imposed(
            model=self.spec.backbone.partition("/")[2],
            max_output_tokens=self.spec.max_output_tokens,
            sampling=self.spec.sampling,
            seed=call_seed(self.spec.seed, index),
        )

    def _count(self, usage: Json, trouble: str) -> None:
        tokens = usage or {"input_tokens": 0, "output_tokens": 0}
        self._used = replace(
            self._used,
            input_tokens=self._used.input_tokens + tokens["input_tokens"],
            output_tokens=self._used.output_tokens + tokens["output_tokens"],
            backbone_failed=self._used.backbone_failed or bool(trouble),
            trouble=trouble or self._used.trouble,
        )

    def _replay(self, record: trajectories.Record) -> None:
        if record["event"] == "lease opened":
            self._used, self._next, self.waits = Usage(), 0, Waits()
        elif record["event"] == "call started":
            names = {*self._used.dropped_fields, *record["dropped"]}
            self._used = replace(self._used, dropped_fields=tuple(sorted(names)))
        elif record["event"] == "call settled":
            self._next = max(self._next, record["index"] + 1)
            self._used = replace(self._used, calls=self._used.calls + 1)
            self._count(record["usage"], record["trouble"])
            self.waits.before_s += record["waited_s"]

    def _write(self, event: str, call: Call, **content: Json) -> None:
        self._writer.write({"event": event, "role": call.role, "index": call.index, **content})


def closed() -> Refusal:
    """The answer to every call of a lease that is no more."""
    return Refusal(409, "this lease is closed", code="lease_closed")


def final_usage(path: Path) -> Usage | None:
    """What a closed lease has used, from its trajectory; None where none was closed."""
    if not path.exists():
        return None
    end = trajectories.latest_lease(path).get("lease closed")
    return usage_from_json(end.record["usage"]) if end else None
