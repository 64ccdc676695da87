"""A budget as a plain value: evaluations, money, tokens, time, or several of them; and how each is written.

Pure: what was used is counted in `hgm.meter`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property

from hgm.errors import ConfigError
from hgm.gateway.prices import Price, Tokens

MOST = 1_000_000_000_000
"""Of any unit: beyond it somebody has mistyped."""
MOST_EVALUATIONS = 1_000_000
MOST_JOB_TOKENS = 2_000_000
"""What a job may use where nobody says: ten times a long task with a model that sends its whole history each time."""
LEAST_JOB_TOKENS = 100_000
"""With less hardly a call fits, each of which reserves the bytes of its request and the longest answer."""
_ANSWERS = 10_000
"""Of those, what answers may take."""
JOB_SHARE = 20
"""A job may use a budget's part so small where nobody says: as much of it may stay unspent at the end."""
ADVICE = "write evaluations, dollars, tokens or time, e.g. --budget 40, 25usd, 10Mtok, 2h, or several: 200,25usd"
_PART = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*(?P<unit>[a-zA-Z$€%]*)")
_DOLLARS = re.compile(r"\$\s*(?P<number>[0-9.]+)")
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_TOKENS = {"tok": 1, "tokens": 1, "ktok": 10**3, "mtok": 10**6, "gtok": 10**9}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a run may use; None: no limit of that unit. At least one has one."""

    evaluations: int | None = None
    """Of the search itself; confirming and sealed ones come on top."""
    usd: float | None = None
    """This, tokens and seconds are for everything that the run does."""
    tokens: int | None = None
    seconds: float | None = None
    """Wall clock, over all sessions."""

    def __post_init__(self) -> None:
        """Raises ConfigError where it holds nothing, or a number that is none."""
        if not self.units:
            raise ConfigError(f"a budget holds at least one unit: {ADVICE}")
        for name in self.units:
            value = getattr(self, name)
            most = MOST_EVALUATIONS if name == "evaluations" else MOST
            if not 0 < value <= most:
                raise ConfigError(f"a budget of {value:g} {name}: it is above 0 and at most {most:,}")

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The names of those that are limited."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    @property
    def covers_everything(self) -> bool:
        """Whether confirming and sealed evaluations are paid from it, too."""
        return self.units != ("evaluations",)

    def __str__(self) -> str:
        """As it is written; `parsed` reads the same value back."""
        return ",".join(_written(self))

    def raised(self, by: "Budget") -> "Budget":
        """With so much more.

        Raises:
            ConfigError: of a unit that it does not limit.
        """
        for name in by.units:
            if name not in self.units:
                raise ConfigError(f"this run's budget is {self}, without {WORDS[name]}: add to what it has")
        return Budget(**{name: getattr(self, name) + (getattr(by, name) or 0) for name in self.units})


WORDS = {"evaluations": "evaluations", "usd": "dollars", "tokens": "tokens", "seconds": "time"}
"""What people call the units."""


@dataclass(frozen=True, kw_only=True)
class JobLimit:
    """What one job may use, all its leases and attempts together; None: no limit."""

    tokens: int | None = None
    usd: float | None = None


def parsed(text: str) -> Budget:
    """A budget from words: `800`, `25usd`, `10Mtok`, `2h`, or several joined by commas.

    Raises:
        ConfigError: it is none; says what to write.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, value = _read(part.strip(), text)
        if name in found:
            raise ConfigError(f"--budget {text}: {WORDS[name]} twice; {ADVICE}")
        found[name] = value
    whole = {name: int(found[name]) for name in ("evaluations", "tokens") if name in found}
    try:
        return Budget(**whole, usd=found.get("usd"), seconds=found.get("seconds"))
    except ConfigError as error:
        raise ConfigError(f"--budget {text}: {error}") from error


def parsed_raise(text: str) -> Budget:
    """How much more: `+10usd`, `+200`, `+1h,+5Mtok`.

    Raises:
        ConfigError: it does not begin with a plus, or is no budget.
    """
    if not text.strip().startswith("+"):
        raise ConfigError(f"--budget {text}: say how much more, e.g. --budget +{text.strip() or '10usd'}")
    return parsed(",".join(part.strip().removeprefix("+") for part in text.split(",")))


def restored(value: object) -> Budget:
    """A budget as a configuration or a journal holds it: a whole number of evaluations, or words.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(value, Budget):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Budget(evaluations=value)
    if isinstance(value, str):
        return parsed(value)
    raise ConfigError(f"budget: {value!r} is none; {ADVICE}")


def plain(budget: Budget) -> int | str:
    """The inverse of `restored`; a number where it is one of evaluations alone."""
    return budget.evaluations if budget.units == ("evaluations",) and budget.evaluations else str(budget)


def job_limit(budget: Budget, *, tokens: int | None, usd: float | None, prices: Iterable[Price | None]) -> JobLimit:
    """What a job of this run may use: what the configuration says, else a part of what the budget limits.

    A budget of evaluations or time alone limits no job beyond that.
    """
    if budget.tokens is not None or budget.usd is not None:
        part = MOST_JOB_TOKENS if budget.tokens is None else budget.tokens // JOB_SHARE
        tokens = min(MOST_JOB_TOKENS, max(LEAST_JOB_TOKENS, part)) if tokens is None else tokens
    if budget.usd is not None and usd is None:
        known = [price for price in prices if price is not None]
        least = Tokens(input=LEAST_JOB_TOKENS - _ANSWERS, output=_ANSWERS)
        share = max(budget.usd / JOB_SHARE, *(price.bound(least) for price in known), 0.0)
        usd = min(share, max((_dearest(price, tokens or 0) for price in known), default=share)) or share
    return JobLimit(tokens=tokens, usd=usd)


def _dearest(price: Price, tokens: int) -> float:
    """What so many tokens come to at most, all of them in or all of them out."""
    into = price.bound(Tokens(input=tokens))
    return max(into, price.bound(Tokens(input=tokens, output=tokens)) - into)


def _read(part: str, text: str) -> tuple[str, float]:
    if found := _DOLLARS.fullmatch(part):
        raise ConfigError(f"--budget {text}: for dollars write {found['number']}usd (a shell takes $ for its own)")
    found = _PART.fullmatch(part)
    if found is None:
        raise ConfigError(f"--budget {text}: {ADVICE}")
    number, unit = found["number"], found["unit"].lower()
    if found["unit"] in ("k", "K", "M", "g", "G"):  # a small m is minutes
        raise ConfigError(f"--budget {text}: {part} of what? For tokens write {part}tok")
    if unit in ("usd", "$", "dollars"):
        return "usd", float(number)
    if unit in _TOKENS:
        return "tokens", _whole(Decimal(number) * _TOKENS[unit], text)
    if unit in _SECONDS:
        return "seconds", float(Decimal(number) * _SECONDS[unit])
    if unit in ("", "evaluations"):
        return "evaluations", _whole(Decimal(number), text)
    raise ConfigError(f"--budget {text}: there is no unit {found['unit']!r}; {ADVICE}")


def _whole(number: Decimal, text: str) -> int:
    if number != int(number):
        raise ConfigError(f"--budget {text}: evaluations and tokens are whole numbers; {ADVICE}")
    return int(number)


def _written(budget: Budget) -> Iterator[str]:
    if budget.evaluations is not None:
        yield f"{budget.evaluations}"
    if budget.usd is not None:
        yield f"{_number(budget.usd)}usd"
    if budget.tokens is not None:
        yield next(
            (
                f"{_number(budget.tokens / size)}{unit}"
                for unit, size in (("Gtok", 10**9), ("Mtok", 10**6), ("ktok", 10**3))
                if budget.tokens >= size and not 1000 * budget.tokens % size
            ),
            f"{budget.tokens}tok",
        )
    if budget.seconds is not None:
        yield next(
            (
                f"{_number(budget.seconds / size)}{unit}"
                for unit, size in (("h", 3600), ("m", 60))
                if not budget.seconds % size
            ),
            f"{_number(budget.seconds)}s",
        )


def _number(value: float) -> str:
    """Without a needless `.0` or an exponent, down to a billionth."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
