"""One live lease inside the gateway: what it may still do, what it has used, and its trajectory."""

import asyncio
import hmac
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, time

from hgm import trajectories
from hgm.errors import GatewayError, boundary
from hgm.gateway.dialects.base import Dialect, Imposed, Wanted, call_seed
from hgm.gateway.failures import Broken
from hgm.gateway.ledger import Ledger, counted, tokens_to_json, unsettled
from hgm.gateway.prices import Source, Tokens
from hgm.gateway.records import Json, LeaseSpec, Usage, usage_from_json, usage_to_json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.waits import Waits

TOOLS_TOKENS = 1_000
"""What a provider says to its model beside the request where that has tools; known ones take less than 900."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that has started: its number within the lease and the request that goes out."""

    job: str
    role: str
    index: int
    dialect: Dialect
    request: dict[str, Json]
    wanted: Wanted
    reserved: Tokens
    """What one attempt at it can cost at most: no byte of a request is more than one token, but for images."""
    started: float = field(default_factory=monotonic)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How a call ended."""

    status: int
    response: Json = None
    usage: Json = None
    """The four buckets of `Usage` by their names there, with what lost attempts were reserved; None: nothing."""
    usd: float | None = 0.0
    """What they cost; None where nobody tells."""
    source: Source = "provider"
    lost: int = 0
    """Attempts that the provider may bill without having told what; counted at their reservation."""
    signs: tuple[str, ...] = ()
    attempts: int = 1
    waited_s: float = 0.0
    trouble: str = ""
    hosts_fault: bool = False
    differs: bool = False


class LiveLease:
    """Counts, limits and records. `open` starts one, `restored` takes one over from a gateway that was killed."""

    def __init__(
        self, spec: LeaseSpec, token: str, *, path: Path, redact: trajectories.Redact, settings: Settings
    ) -> None:
        self.spec = spec
        self.redact = redact
        """Removes every key, and this lease's token."""
        self.token = token
        self.settings = settings
        self.closed = False
        self.waits = Waits(changed=self._write_wait)
        self.running: set[asyncio.Task[Json]] = set()
        self.slots = asyncio.Semaphore(settings.max_parallel_calls)
        self.acting = asyncio.Lock()
        """Held by the one exchange with the environment that is under way."""
        self._writer = trajectories.Writer(path, redact=redact)
        self._used = Usage()
        self._open: dict[int, Tokens] = {}
        """Reservations of the calls that have started and not settled."""
        self._next = 0
        self._acts = 0
        self._screenshots_bytes = 0
        self._refused_bytes = 0

    @classmethod
    def open(
        cls, spec: LeaseSpec, token: str, *, path: Path, redact: trajectories.Redact, settings: Settings
    ) -> "LiveLease":
        """A new lease; its trajectory says so at once, which also ends an earlier lease of the same job.

        Raises:
            GatewayError: the trajectory cannot be written.
        """
        lease = cls(spec, token, path=path, redact=redact, settings=settings)
        lease._writer.write({"event": "lease opened", **_opened(spec)})
        return lease

    @classmethod
    def restored(
        cls, spec: LeaseSpec, token: str, *, path: Path, redact: trajectories.Redact, settings: Settings
    ) -> "LiveLease":
        """The lease as its trajectory tells it.

        Calls that never settled count at their reservation; their numbers are used again.
        """
        lease = cls(spec, token, path=path, redact=redact, settings=settings)
        ledger = Ledger(spec.price)
        for record in trajectories.read(path):
            if record["event"] == "lease opened":
                ledger = Ledger(spec.price)
            else:
                ledger.add(record)
        lease._used, lease._next = ledger.usage(), ledger.next
        lease._acts, lease._screenshots_bytes = ledger.acts, ledger.screenshots_bytes
        lease.waits.before_s = ledger.waited_s
        if ledger.is_waiting:
            lease._write_wait()
        return lease

    def admits(self, token: str) -> bool:
        """Whether this is the lease's token."""
        return hmac.compare_digest(token.encode("latin-1"), self.token.encode())

    async def refuse(self, size: int = 0) -> None:
        """Count a request that was turned away, and the bytes of its body that were looked at.

        Many of them get slow, lest one agent's noise keep others waiting.
        """
        self._used = self._used._replace(refused=self._used.refused + 1)
        self._refused_bytes += size
        settings = self.settings
        if self._used.refused > settings.free_refusals or self._refused_bytes > settings.free_refused_bytes:
            await asyncio.sleep(settings.refusal_pause_s * max(1.0, size / 1_000_000))

    def fail(self, trouble: str) -> None:
        """Note that the host's side failed a call for good."""
        self._used = self._used._replace(backbone_failed=True, trouble=self.redact(trouble))

    def begin(self, wanted: Wanted, dialect: Dialect, *, size: int) -> Call:
        """Start a call, and write that before anything is spent.

        Raises:
            Refusal: the lease is closed, or its calls, tokens, money or its room for recording are used up.
        """
        more = wanted.image_tokens + (TOOLS_TOKENS if wanted.request.get("tools") else 0)
        reserved = Tokens(input=size + more, output=self.spec.max_output_tokens)
        self._check_room(reserved)
        index, self._next = self._next, self._next + 1
        call = Call(
            job=self.spec.job,
            role=self.spec.role,
            index=index,
            dialect=dialect,
            request=dialect.request(wanted, self._imposed(index)),
            wanted=wanted,
            reserved=reserved,
        )
        self._open[index] = reserved
        self._write(
            "call started",
            call,
            dialect=dialect.name,
            request=call.request,
            reserved=tokens_to_json(reserved),
            dropped=[*wanted.dropped],
        )
        dropped = sorted({*self._used.dropped_fields, *wanted.dropped})
        self._used = self._used._replace(calls=self._used.calls + 1, dropped_fields=tuple(dropped))
        return call

    def reserve_again(self, call: Call, *, lost: int) -> None:
        """Reserve another attempt at a call of which so many may be billed already, and write that before it is made.

        Raises:
            GatewayError: it cannot be written.
            Broken: it could go beyond the lease's tokens or money. The size of a request is the agent's to choose, so
                the gateway's own probe says whose fault it is.
        """
        reserved = sum([call.reserved] * lost, call.reserved)
        if reserved == self._open[call.index]:
            return
        self._open[call.index] = reserved
        if self._beyond(self._open.values()):
            raise Broken(f"{lost} attempts may have been billed, and another could go beyond the lease")
        self._write("attempt lost", call, reserved=tokens_to_json(reserved))

    def settle(self, call: Call, settled: Settled) -> None:
        """Record how a call ended and count what it cost.

        Raises:
            GatewayError: it could not be recorded. It counts at its reservation, as for whoever reads the records.
        """
        used = counted(self._used, unsettled(self._open[call.index], self.spec.price))
        try:
            with boundary(GatewayError, "cannot record a call"):
                # Not `asdict`, which would copy the answer.
                record = {**vars(settled), "trouble": self.redact(settled.trouble)}
                ms = round((monotonic() - call.started) * 1000, 3)
                told = counted(self._used, record)
                self._write("call settled", call, **record, ms=ms)
                used = told
        finally:
            del self._open[call.index]
            self._used = used

    def begin_act(self, what: str, asked: Json) -> int:
        """Write that a step will be taken or an observation made, before it is; the number of this exchange.

        Raises:
            Refusal: the lease is closed, or its steps or its room for recording are used up.
        """
        environment = self.spec.environment
        if environment is None:
            raise no_environment()
        self._check_open()
        if what == "step" and self._used.steps >= environment.steps:
            raise Refusal(403, f"this task takes {environment.steps} steps, and all are used", code="step_limit")
        self._check_recording()
        index, self._acts = self._acts, self._acts + 1
        self._writer.write({"event": "env asked", "index": index, "what": what, **asked})
        self._used = self._used._replace(steps=self._used.steps + (what == "step"))
        return index

    def end_act(self, index: int, *, status: int, observation: Json = None, ms: float = 0.0) -> None:
        """Record what came of it; a screenshot by itself, so that whoever reads the text need not read pixels."""
        told = {name: value for name, value in (observation or {}).items() if name != "screenshot"}
        picture = (observation or {}).get("screenshot") or ""
        kept = len(picture) <= min(
            self.settings.max_screenshot_bytes, self.settings.max_screenshots_bytes - self._screenshots_bytes
        )
        shown = "" if not picture else "kept" if kept else "left out"
        content = {"status": status, "screenshot": shown, "observation": told or None, "ms": round(ms, 3)}
        self._writer.write({"event": "env answered", "index": index, **content})
        if shown == "kept":
            self._screenshots_bytes += len(picture)
            self._writer.write({"event": "env screenshot", "index": index, "url": picture})

    def fail_act(self, trouble: str) -> None:
        """Note that the environment did not answer."""
        said = self.redact(trouble)
        self._writer.write({"event": "env failed", "trouble": said})
        self._used = self._used._replace(environment_failed=said)

    def usage(self) -> Usage:
        """So far, with waits that still last."""
        return self._used._replace(
            waited_s=round(self.waits.seconds(), 3),
            waiting=self.redact(self.waits.why),
        )

    async def close(self) -> Usage:
        """Revoke: running calls are cancelled and get 409, the trajectory ends."""
        self.closed = True
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.wait(self.running)
        usage = self.usage()._replace(waiting="")
        try:
            self._writer.write({"event": "lease closed", "usage": usage_to_json(usage)})
        finally:
            self._writer.close()
        return usage

    def _check_open(self) -> None:
        if self.closed:
            raise closed()

    def _check_room(self, reserved: Tokens) -> None:
        self._check_open()
        if self._next >= self.spec.max_calls:
            message = f"this lease allows {self.spec.max_calls} calls, and all are used"
            raise Refusal(403, message, code="call_limit")
        self._check_allowance(reserved)
        self._check_recording()

    def _check_recording(self) -> None:
        for size, limit in (
            (self._writer.size, self.settings.max_trajectory_bytes),
            (self._writer.text_size, self.settings.max_trajectory_text_bytes),
        ):
            if size > limit:
                message = f"what this lease does takes more than {limit} bytes to record"
                raise Refusal(403, message, code="trajectory_limit")

    def _check_allowance(self, reserved: Tokens) -> None:
        """Whether this call, whatever it comes to, stays within the lease's tokens and money."""
        beyond = self._beyond([*self._open.values(), reserved])
        if beyond == "tokens":
            message = f"this lease allows {self.spec.max_tokens} tokens, and this call could go beyond"
            raise Refusal(403, message, code="token_limit")
        if beyond == "usd":
            message = f"this lease allows {self.spec.max_usd:.6g} USD, and this call could go beyond"
            raise Refusal(403, message, code="money_limit")

    def _beyond(self, running: Collection[Tokens]) -> str:
        """Which limit so many reservations could break; empty for none."""
        spec = self.spec
        tokens = self._used.tokens.total + sum(each.total for each in running)
        if spec.max_tokens is not None and tokens > spec.max_tokens:
            return "tokens"
        if spec.max_usd is not None and spec.price is not None:
            return "usd" if self._used.usd + sum(map(spec.price.bound, running)) > spec.max_usd else ""
        return ""

    def _imposed(self, index: int) -> Imposed:
        return Imposed(
            model=self.spec.backbone.partition("/")[2],
            max_output_tokens=self.spec.max_output_tokens,
            sampling=self.spec.sampling,
            seed=call_seed(self.spec.seed, index),
        )

    def _write_wait(self) -> None:
        """Write what the lease waits for, or that it does no more, for whoever looks on.

        Where that cannot be written, no call's end can be, which says so.
        """
        wait = self.waits.lasting
        told: dict[str, Json] = {"why": "", "rate_limited": False, "since": None}
        if wait is not None:
            told = {"why": wait.why, "rate_limited": wait.rate_limited, "since": round(time() - wait.seconds(), 3)}
        with suppress(GatewayError):
            self._writer.write({"event": "waits", **told})

    def _write(self, event: str, call: Call, **content: Json) -> None:
        self._writer.write({"event": event, "role": call.role, "index": call.index, **content})


def _opened(spec: LeaseSpec) -> dict[str, Json]:
    """What a trajectory says of a lease: where its environment is on the host is nobody's business."""
    told = asdict(spec)
    return told if spec.environment is None else {**told, "environment": {"steps": spec.environment.steps}}


def no_environment() -> Refusal:
    """The answer where a lease has no environment."""
    message = "this job has no environment to observe or act in: only tasks of the kind gui have"
    return Refusal(404, message, code="no_environment")


def closed() -> Refusal:
    """The answer to every call of a lease that is no more."""
    return Refusal(409, "this lease is closed", code="lease_closed")


def final_usage(path: Path) -> Usage | None:
    """What a closed lease has used, from its trajectory; None where none was closed."""
    if not path.exists():
        return None
    end = trajectories.latest_lease(path).get("lease closed")
    return usage_from_json(end.record["usage"]) if end else None
