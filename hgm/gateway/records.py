"""The gateway's words as plain values: what a lease allows, and what it has used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeAlias

from hgm.errors import ConfigError
from hgm.gateway.prices import Price, Tokens, price_from_json

Json: TypeAlias = Any
"""A value made of dict (str keys), list, str, int, float, bool and None."""

JOB_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,47}")
ROLES = ("editor", "solver", "diagnosis", "judge")
SAMPLING = frozenset({"temperature", "top_p", "reasoning_effort", "thinking_tokens"})
NO_SAMPLING: Mapping[str, Json] = {}


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """What a job acts on beside its model: an episode, served on a socket of the host's (`hgm.episodes`)."""

    socket: str
    """Absolute path; nobody but the host's own user can open it."""
    steps: int
    """A step beyond so many is refused without being passed on."""


@dataclass(frozen=True, kw_only=True)
class LeaseSpec:
    """A revocable right to use one backbone for one job, with its own limits."""

    job: str
    """Letters, digits, `.`, `_` and `-`, at most 48; one live lease per job."""
    role: str
    """editor, solver, diagnosis or judge."""
    backbone: str
    """`provider/model`, e.g. `builtin/rules`."""
    seed: int
    """Call number i of the lease is sampled with a seed derived from (seed, i)."""
    max_calls: int = 200
    max_output_tokens: int = 4096
    """Per call."""
    sampling: dict[str, float | int | str] = field(default_factory=dict)
    """Temperature, top_p, reasoning effort …: what the agent asks for is dropped."""
    max_tokens: int | None = None
    """Of all four buckets together, over all calls; a call that could go beyond is refused. None: no limit."""
    max_usd: float | None = None
    """The same in money; needs a price."""
    price: Price | None = None
    """What this backbone costs; None: unpriced."""
    environment: EnvironmentSpec | None = None
    """What `/env/observe` and `/env/step` reach; None: they are not there."""

    def __post_init__(self) -> None:
        if not JOB_NAME.fullmatch(self.job):
            raise ConfigError(f"job name {self.job!r}: use at most 48 letters, digits, '.', '_' and '-'")
        if self.role not in ROLES:
            raise ConfigError(f"role {self.role!r}: it is one of {', '.join(ROLES)}")
        if "/" not in self.backbone:
            raise ConfigError(f"backbone {self.backbone!r}: write provider/model, e.g. builtin/rules")
        if self.environment is not None and self.environment.steps < 1:
            raise ConfigError("an environment takes at least one step")
        if self.max_calls < 0 or self.max_output_tokens < 1:
            raise ConfigError("max_calls cannot be negative, and max_output_tokens is at least 1")
        thinking = self.sampling.get("thinking_tokens", 0)
        if isinstance(thinking, int | float) and thinking >= self.max_output_tokens:
            raise ConfigError(f"thinking_tokens {thinking}: less than max_output_tokens, {self.max_output_tokens}")
        if self.max_usd is not None and self.price is None:
            raise ConfigError(f"backbone {self.backbone!r} has no price, so money cannot limit what it uses")
        if unknown := sorted(self.sampling.keys() - SAMPLING):
            raise ConfigError(f"sampling option {unknown[0]!r}: it is one of {', '.join(sorted(SAMPLING))}")


class Usage(NamedTuple):
    """What one lease has used. No dataclass: a run may hold a million, which are made in a third of the time."""

    calls: int = 0
    input_tokens: int = 0
    """Neither read from a cache nor written into one."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    """What is known of the cost; a lower bound where calls are unpriced."""
    unpriced_calls: int = 0
    """Calls whose cost nobody tells: neither the provider nor the price table."""
    unsettled_calls: int = 0
    """Calls of which the provider may have charged something that it did not tell; counted at their reservation."""
    waited_s: float = 0.0
    """Time the gateway itself spent on rate limits and retries: not the agent's, moves its deadline."""
    waiting: str = ""
    """Why it waits at this moment; empty when it does not."""
    steps: int = 0
    """Taken in its environment, bad ones included."""
    refused: int = 0
    """Requests turned away (bad token, over a limit, malformed)."""
    dropped_fields: tuple[str, ...] = ()
    """Names of request fields that were not passed on, sorted."""
    signs: tuple[str, ...] = ()
    """Names of what was odd about answers, sorted: see `hgm.gateway.dialects.base.SIGNS`."""
    backbone_failed: bool = False
    """The provider failed for good on some call; the fixed probe says whether it is down."""
    hosts_fault: bool = False
    """It failed in a way that no agent can bring about: key, account, model's name."""
    environment_failed: str = ""
    """Why the environment did not answer: the host's trouble, never an agent's. Empty: it always did."""
    differs: str = ""
    """A replay was asked something else than what was recorded: what, and where."""
    trouble: str = ""
    """What the last failure of the provider was, for the host's eyes."""

    @property
    def tokens(self) -> Tokens:
        """The four buckets."""
        return Tokens(
            input=self.input_tokens,
            cache_read=self.cache_read_tokens,
            cache_write=self.cache_write_tokens,
            output=self.output_tokens,
        )

    def __add__(self, other: "Usage") -> "Usage":  # type: ignore[override]
        total = UsageSum()
        total.add(self)
        total.add(other)
        return total.usage


class UsageSum:
    """A sum of usages that grows: millions are added without a record for each step."""

    def __init__(self) -> None:
        self._calls = self._input = self._cache_read = self._cache_write = self._output = 0
        self._usd = self._waited_s = 0.0
        self._unpriced = self._unsettled = self._steps = self._refused = 0
        self._dropped: set[str] = set()
        self._signs: set[str] = set()
        self._backbone_failed = self._hosts_fault = False
        self._environment_failed = self._differs = self._trouble = ""

    def add(self, usage: Usage) -> None:
        """Take one more in, the newest."""
        self._calls += usage.calls
        self._input += usage.input_tokens
        self._cache_read += usage.cache_read_tokens
        self._cache_write += usage.cache_write_tokens
        self._output += usage.output_tokens
        self._usd += usage.usd
        self._unpriced += usage.unpriced_calls
        self._unsettled += usage.unsettled_calls
        self._waited_s += usage.waited_s
        self._steps += usage.steps
        self._refused += usage.refused
        if usage.dropped_fields or usage.signs:
            self._dropped.update(usage.dropped_fields)
            self._signs.update(usage.signs)
        self._backbone_failed = self._backbone_failed or usage.backbone_failed
        self._hosts_fault = self._hosts_fault or usage.hosts_fault
        self._environment_failed = self._environment_failed or usage.environment_failed
        self._differs = self._differs or usage.differs
        self._trouble = usage.trouble or self._trouble

    @property
    def usage(self) -> Usage:
        """All of them together; nothing waits."""
        return Usage(
            calls=self._calls,
            input_tokens=self._input,
            cache_read_tokens=self._cache_read,
            cache_write_tokens=self._cache_write,
            output_tokens=self._output,
            usd=self._usd,
            unpriced_calls=self._unpriced,
            unsettled_calls=self._unsettled,
            waited_s=self._waited_s,
            steps=self._steps,
            refused=self._refused,
            dropped_fields=tuple(sorted(self._dropped)),
            signs=tuple(sorted(self._signs)),
            backbone_failed=self._backbone_failed,
            hosts_fault=self._hosts_fault,
            environment_failed=self._environment_failed,
            differs=self._differs,
            trouble=self._trouble,
        )


def spec_from_json(value: Mapping[str, Json]) -> LeaseSpec:
    """Read a lease specification back.

    Raises:
        ConfigError: a field is unknown, missing or unusable.
    """
    if unknown := sorted(value.keys() - {item.name for item in fields(LeaseSpec)}):
        raise ConfigError(f"lease field {unknown[0]!r} is unknown")
    told = value.get("environment")
    environment = None if told is None else EnvironmentSpec(**told)
    return LeaseSpec(**{**value, "price": price_from_json(value.get("price")), "environment": environment})


def usage_to_json(usage: Usage) -> dict[str, Json]:
    """The usage as JSON."""
    return {**usage._asdict(), "dropped_fields": list(usage.dropped_fields), "signs": list(usage.signs)}


def usage_from_json(value: Mapping[str, Json]) -> Usage:
    """The inverse of `usage_to_json`."""
    return Usage(**{**value, "dropped_fields": tuple(value["dropped_fields"]), "signs": tuple(value.get("signs", ()))})
