"""What each job may use of a run's budget, what backbones cost it, and what the gateway's own probes have come to."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hgm.backbones.prices import prices_of
from hgm.budget import JobLimit, job_limit
from hgm.config import SearchConfig
from hgm.errors import ConfigError, LimitError
from hgm.gateway.prices import Price, Rates, Tokens, price_from_json, price_to_json
from hgm.gateway.records import Usage, UsageSum
from hgm.gateway.remote import Probe
from hgm.meter import MOST_HELD_BACK
from hgm.spending import spent

NO_LIMIT = JobLimit()


class Probes:
    """What the gateway's own probes have come to, until somebody journals it. Thread-safe."""

    def __init__(self) -> None:
        self._sum = UsageSum()
        self._lock = threading.Lock()

    def add(self, usage: Usage) -> None:
        """Count one."""
        with self._lock:
            self._sum.add(usage)

    def take(self) -> Usage:
        """All since this was last asked."""
        with self._lock:
            taken, self._sum = self._sum, UsageSum()
        return taken.usage


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The same for all jobs of a run."""

    prices: Mapping[str, Price | None] = field(default_factory=dict)
    """By backbone; None, or none: nobody knows."""
    limit: JobLimit = NO_LIMIT
    probes: Probes = field(default_factory=Probes)

    def price(self, backbone: str) -> Price | None:
        """What it costs; None where nobody knows."""
        return self.prices.get(backbone)

    def share(self, backbone: str, tokens: Tokens) -> float:
        """The part of a job's limit that so many tokens of a backbone are; 0 where nothing limits them."""
        price, limit = self.price(backbone), self.limit
        part = 0.0 if limit.tokens is None else tokens.total / limit.tokens
        return part if limit.usd is None or price is None else max(part, price.bound(tokens) / limit.usd)

    def left(self, job: str, trajectories: Path, *, least: float, kept: float = 0.0) -> JobLimit:
        """What a job's next lease gets: its limit without what its leases have used so far, in any session.

        The share `kept` of the limit is set aside for the job's later leases.

        Raises:
            LimitError: that is less than the share `least` of the limit, with which nothing could be shown.
        """
        if self.limit == NO_LIMIT:
            return NO_LIMIT
        used = spent(job, trajectories)
        free = 1 - kept
        tokens = None if self.limit.tokens is None else int(free * self.limit.tokens) - used.tokens.total
        usd = None if self.limit.usd is None else free * self.limit.usd - used.usd
        if tokens is not None and self.limit.tokens is not None and tokens < least * self.limit.tokens:
            raise LimitError(
                f"{job} has used {used.tokens.total:,} of its {self.limit.tokens:,} tokens (limits.tokens)"
            )
        if usd is not None and self.limit.usd is not None and usd < least * self.limit.usd:
            raise LimitError(f"{job} has used ${used.usd:.4g} of its ${self.limit.usd:.4g} (limits.usd)")
        return JobLimit(tokens=tokens, usd=usd)

    def count(self, backbone: str, probe: Probe) -> None:
        """Count a probe: the provider's figure, before the price, before nobody's."""
        price = self.price(backbone)
        usd = probe.usd if probe.usd is not None else None if price is None else price.cost(probe.tokens)
        if probe.tokens.total or usd:
            usage = Usage(
                calls=1,
                input_tokens=probe.tokens.input,
                cache_read_tokens=probe.tokens.cache_read,
                cache_write_tokens=probe.tokens.cache_write,
                output_tokens=probe.tokens.output,
                usd=usd or 0.0,
                unpriced_calls=int(usd is None),
            )
            self.probes.add(usage)


def prices_for(config: SearchConfig) -> dict[str, Price | None]:
    """What this configuration's backbones cost today."""
    given = {backbone: Rates(**price.model_dump()) for backbone, price in config.prices.items()}
    base_urls = {name: provider.base_url for name, provider in config.providers.items() if provider.base_url}
    return prices_of(sorted(set(config.backbones.model_dump().values())), given, base_urls=base_urls)


def prices_to_json(prices: Mapping[str, Price | None]) -> dict[str, Any]:
    """As event zero keeps them."""
    return {backbone: price_to_json(price) for backbone, price in prices.items()}


def allowance_of(config: SearchConfig, created: Mapping[str, Any]) -> Allowance:
    """Of a run, by its event zero; where that says nothing of prices, by today's."""
    kept = created.get("prices")
    prices = prices_for(config) if kept is None else {name: price_from_json(price) for name, price in kept.items()}
    return Allowance(
        prices=prices,
        limit=job_limit(config.budget, tokens=config.limits.tokens, usd=config.limits.usd, prices=[*prices.values()]),
    )


def check_budget(config: SearchConfig, allowance: Allowance) -> None:
    """Refuse a budget that nothing could hold, or that nothing would ever use.

    Raises:
        ConfigError: says what to give instead.
    """
    budget, limit = config.budget, allowance.limit
    unpriced = [backbone for backbone, price in allowance.prices.items() if price is None]
    if budget.usd is not None and unpriced:
        raise ConfigError(unpriced_advice(unpriced[0]))
    if budget.units == ("usd",) and all(price is not None and price.is_free for price in allowance.prices.values()):
        raise ConfigError(
            f"{', '.join(allowance.prices)} is free: a budget of {budget} would never end. Give one in "
            "evaluations, tokens or time, e.g. --budget 40"
        )
    for total, job, name in ((budget.tokens, limit.tokens, "tokens"), (budget.usd, limit.usd, "usd")):
        if total is not None and job is not None and job > (1 - MOST_HELD_BACK) * total:
            raise ConfigError(
                f"--budget {budget}: one job may use {job:,.6g} (limits.{name}), and half of a budget may be kept "
                f"for the comparison at the end: give at least {job / (1 - MOST_HELD_BACK):,.6g} {name}, or a job less"
            )


def unpriced_advice(backbone: str) -> str:
    """What to do where dollars meet a backbone whose price nobody knows."""
    return (
        f"nobody knows what {backbone} costs, so dollars cannot limit it. Say so in USD per million tokens (0 if it is "
        f"free), -o 'prices.\"{backbone}\".input=0.5' -o 'prices.\"{backbone}\".output=2', or give a budget in tokens, "
        "time or evaluations, e.g. --budget 10Mtok"
    )
