"""What backbones cost: the user's own prices before the list that comes with the library genai-prices.

The list is the one that was installed: nothing is looked up on a network, and nothing updates it while a run goes on. A
run keeps the prices that it began with.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

from hgm.gateway.prices import FREE, Price, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

FREE_PROVIDERS = ("builtin", "replay", "scripted")
"""They run here and ask nobody."""
UNLISTED = ("local",)
"""On the user's own machine: the list may know a model of that name, and what others take for it."""
_BUCKETS = {
    "input": ("input_mtok",),
    "output": ("output_mtok", "output_reasoning_mtok"),
    "cache_read": ("cache_read_mtok",),
    "cache_write": ("cache_write_mtok",),
}
"""Our names -> those of the list; the dearest counts where a bucket of ours has several there."""
_PER_CALL = ("requests_kcount", "input_mchars")
"""What tokens cannot express: such a model is unpriced."""


def prices_of(
    backbones: Iterable[str],
    given: Mapping[str, Rates],
    *,
    base_urls: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> dict[str, Price | None]:
    """The price of each backbone, by `provider/model`; None where nobody knows.

    `given` are the user's own, which go first. `base_urls` are providers that answer somewhere else than the list's:
    what they take is looked up by that address. `now` is when the list is asked, by default at this moment.
    """
    found: dict[str, Price | None] = {}
    for backbone in backbones:
        provider, _, model = backbone.partition("/")
        if backbone in given:
            found[backbone] = Price(bands=(given[backbone],), source="configuration")
        elif provider in FREE_PROVIDERS:
            found[backbone] = FREE
        elif provider in UNLISTED:
            found[backbone] = None
        else:
            found[backbone] = _listed(provider, model, (base_urls or {}).get(provider), now or datetime.now(UTC))
    return found


def _listed(provider: str, model: str, base_url: str | None, now: datetime) -> Price | None:
    from genai_prices.data_snapshot import get_snapshot  # 0.2 s, which only they wait for who need it

    try:
        owner, info = get_snapshot().find_provider_model(model, None, None if base_url else provider, base_url)
    except LookupError:
        return None
    # A price by the hour of the day counts as the dearest of the day: a run keeps one price.
    times = [now + timedelta(minutes=30 * step) for step in range(48)]
    distinct: list[ModelPrice] = []
    for price in (info.get_prices(now), *map(info.get_prices, times)):
        if price not in distinct:
            distinct.append(price)
    bands = _dearest([_bands(price) for price in distinct])
    source = f"genai-prices {version('genai-prices')}: {owner.id}/{info.id}"
    return Price(bands=bands, source=source) if bands else None


def _bands(price: "ModelPrice") -> tuple[Rates, ...]:
    """Empty where tokens do not say what a call costs."""
    values = vars(price)
    if (
        any(values.get(name) for name in _PER_CALL)
        or values.get("input_mtok") is None
        or values.get("output_mtok") is None
    ):
        return ()
    listed = {
        bucket: [values[name] for name in names if values.get(name) is not None] for bucket, names in _BUCKETS.items()
    }
    starts = {tier.start for value in chain(*listed.values()) for tier in getattr(value, "tiers", ())}
    return tuple(_rates(listed, above) for above in sorted({0, *starts}))


def _rates(listed: Mapping[str, list[Any]], above: int) -> Rates:
    rates = {bucket: max((_at(value, above) for value in values), default=None) for bucket, values in listed.items()}
    return Rates(above=above, **rates)  # type: ignore[arg-type]  # `_bands` saw input and output


def _at(value: Any, above: int) -> float:
    """A rate in the band that begins there: the list's tiers hold for a whole call, as ours do."""
    if isinstance(value, Decimal):
        return float(value)
    tiers = [tier.price for tier in value.tiers if tier.start <= above and above]
    return float(tiers[-1] if tiers else value.base)


def _dearest(priced: list[tuple[Rates, ...]]) -> tuple[Rates, ...]:
    """Each rate at its highest; empty where one of them says nothing."""
    if not all(priced):
        return ()
    starts = sorted({band.above for bands in priced for band in bands})
    return tuple(_merged([_holding(bands, above) for bands in priced], above) for above in starts)


def _holding(bands: tuple[Rates, ...], above: int) -> Rates:
    return max((band for band in bands if band.above <= above), key=lambda band: band.above)


def _merged(rates: list[Rates], above: int) -> Rates:
    def highest(name: str) -> float | None:
        return max((value for rate in rates if (value := getattr(rate, name)) is not None), default=None)

    return Rates(
        input=max(rate.input for rate in rates),
        output=max(rate.output for rate in rates),
        cache_read=highest("cache_read"),
        cache_write=highest("cache_write"),
        above=above,
    )
