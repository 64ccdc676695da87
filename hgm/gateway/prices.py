"""What tokens cost: a price as a plain value, and what a call comes to under it.

A price without a rate for something that was used has no cost to tell: unknown is never nothing.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from hgm.errors import ConfigError

PER = 1_000_000
Source: TypeAlias = Literal["provider", "table", "free", "unpriced"]
"""Who says what a call cost: the provider's answer, the run's price table, nobody because it is free, or nobody."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The four buckets that providers bill apart. `input` is what neither came from a cache nor went into one."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            input=self.input + other.input,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            output=self.output + other.output,
        )

    @property
    def prompt(self) -> int:
        """All that went in."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        """All four."""
        return self.prompt + self.output


@dataclass(frozen=True, kw_only=True)
class Rates:
    """USD per million tokens; None: not known."""

    input: float
    output: float
    cache_read: float | None = None
    """None: as `input`."""
    cache_write: float | None = None
    """None: as `input`."""
    above: int = 0
    """Holds for the whole call once its prompt has more tokens than this."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"price: {name} must be a number of at least 0, not {value!r}")

    def cost(self, tokens: Tokens) -> float:
        """In USD."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        paid = tokens.input * self.input + tokens.cache_read * read + tokens.cache_write * write
        return (paid + tokens.output * self.output) / PER


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one backbone costs. `bands` in ascending order of `above`, the first at 0."""

    bands: tuple[Rates, ...]
    source: str = field(default="", compare=False)
    """Where it is from, for people: a price list and its date, or the user's configuration."""

    @property
    def is_free(self) -> bool:
        """Whether nothing is ever paid."""
        return all(not (band.input or band.output or band.cache_read or band.cache_write) for band in self.bands)

    def cost(self, tokens: Tokens) -> float:
        """What one call with these tokens comes to, in USD."""
        band = max((band for band in self.bands if band.above < max(tokens.prompt, 1)), key=lambda band: band.above)
        return band.cost(tokens)

    def bound(self, tokens: Tokens) -> float:
        """The most that a call with these tokens, however they fall into buckets of the prompt, can come to."""
        prompt = max(
            max(band.input, band.cache_read or 0.0, band.cache_write or 0.0)
            for band in self.bands
            if band.above <= tokens.prompt
        )
        output = max(band.output for band in self.bands if band.above <= tokens.prompt)
        return (tokens.prompt * prompt + tokens.output * output) / PER


FREE = Price(bands=(Rates(input=0.0, output=0.0),), source="runs here")


def price_to_json(price: Price | None) -> Any:
    """As a run and a lease carry it."""
    return None if price is None else asdict(price)


def price_from_json(value: Any) -> Price | None:
    """The inverse of `price_to_json`.

    Raises:
        ConfigError: it is no price.
    """
    if value is None:
        return None
    try:
        bands = tuple(Rates(**band) for band in value["bands"])
    except (TypeError, KeyError) as error:
        raise ConfigError(f"price: {error}") from error
    if not bands or bands[0].above:
        raise ConfigError("price: the first band must begin at 0 tokens")
    return Price(bands=bands, source=str(value.get("source", "")))
