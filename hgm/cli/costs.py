"""What was used and what it cost, in words: an unknown cost is never printed as nothing."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hgm.budget import WORDS, Budget
from hgm.cli.terminal import plural
from hgm.gateway.ledger import tokens_from_json
from hgm.gateway.prices import Price
from hgm.gateway.records import Usage
from hgm.meter import Unit, readings
from hgm.plan import unpaid
from hgm.run import Folder
from hgm.spending import unsettled
from hgm.state import RunState
from hgm.summary import Spend

MOST_LISTED = 20
"""Calls that are named one by one."""


def dollars(usd: float) -> str:
    """`$12.34`, or two digits of what is less than a cent or so."""
    return f"${usd:,.2f}" if usd >= 0.1 or not usd else f"${usd:.2g}"


def tokens(count: float) -> str:
    """`310 tokens`, `1.2M tokens`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 10 * size or (count >= size and letter != "k"):
            return f"{count / size:,.3g}{letter} tokens"
    return f"{count:,.0f} tokens"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `2.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def amount(unit: Unit, value: float) -> str:
    """So much of a unit."""
    return {"usd": dollars, "tokens": tokens, "seconds": duration}[unit](value)


def cost(usage: Usage, prices: Mapping[str, Price | None]) -> str:
    """`$1.23`, `>= $1.23 (14 calls unpriced)`, `unpriced (14 calls)`, `free`, or `nothing yet`."""
    if usage.unpriced_calls:
        calls = plural(usage.unpriced_calls, "call")
        return f">= {dollars(usage.usd)} ({calls} unpriced)" if usage.usd else f"unpriced ({calls})"
    if usage.usd:
        return dollars(usage.usd)
    if all(price is not None and price.is_free for price in prices.values()):
        return "free"
    # runs that are older than prices counted calls and no cost
    return f"unpriced ({plural(usage.calls, 'call')})" if usage.calls else "nothing yet"


def spent(state: RunState) -> str:
    """What is used of each unit of the budget: `31 of 200 evaluations, $3.10 of $25.00`."""
    return ", ".join(_spent(state))


def _spent(state: RunState) -> Iterator[str]:
    if state.budget.evaluations is not None:
        yield f"{state.evaluations_used} of {plural(state.budget.evaluations, 'evaluation')}"
    for reading in readings(state):
        used, total = amount(reading.unit, reading.settled), amount(reading.unit, reading.total)
        yield f"{used if reading.settled else 'nothing'} of {total}"


def usage_words(usage: Usage, prices: Mapping[str, Price | None]) -> str:
    """Calls, tokens by bucket, what they cost and how long they were waited for."""
    cached = f", {usage.cache_read_tokens:,} read from caches" if usage.cache_read_tokens else ""
    written = f", {usage.cache_write_tokens:,} written into them" if usage.cache_write_tokens else ""
    counted = f"{usage.input_tokens:,} tokens in{cached}{written}, {usage.output_tokens:,} out"
    waited = f", {usage.waited_s:.0f} s of waiting for them" if usage.waited_s >= 1 else ""
    return f"{usage.calls:,} calls, {counted}: {cost(usage, prices)}{waited}"


def evaluations(budget: Budget, used: Spend) -> str:
    """Those of a run, by what they were for; what the budget counts stands before it."""
    others = f"{used.select} to confirm, {used.sealed} sealed"
    if budget.covers_everything:
        return f"evaluations: {used.search} of the search, {others}"
    return f"on top {others}"


def ended_by(state: RunState) -> Iterator[str]:
    """Which units of its budget ended the search, and what they left out, as lines of markup."""
    units = state.ended_by
    if not units and state.candidates is not None and state.budget.evaluations and state.evaluations_left <= 0:
        units = ("evaluations",)
    if units:
        yield f"  ended by   the budget's {' and '.join(WORDS[unit] for unit in units)}"
    left_out = state.left_out + unpaid(state)
    if left_out:
        what = f"{plural(left_out, 'evaluation')} that would confirm or compare"
        yield f"  [yellow]left out, as the budget does not pay for it: {what}[/yellow]"


def unsettled_lines(path: Path, state: RunState) -> list[str]:
    """What a kill left open: calls that may have been billed, and are charged at their reservation."""
    ended = [(item.job, item.usage) for item in state.evaluations]
    ended += [(item.job, item.usage) for item in state.expansions]
    jobs = [*state.running, *(job for job, usage in ended if usage.unsettled_calls)]
    calls = [call for job in jobs for call in _unsettled_of(job, Folder(path).trajectories)]
    if not calls:
        return []
    more = len(calls) - MOST_LISTED
    listed = "; ".join(calls[:MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")
    return [f"{plural(len(calls), 'call')} never settled (a kill): charged at their reservation: {listed}"]


def _unsettled_of(job: str, trajectories: Path) -> Iterator[str]:
    for record in unsettled(job, trajectories):
        yield f"{job} call {record['index'] + 1}, {tokens_from_json(record['reserved']).total:,} tokens"


def price_lines(prices: Mapping[str, Price | None]) -> Iterator[str]:
    """One for each backbone, in USD per million tokens."""
    for backbone, price in prices.items():
        yield f"{backbone}: {_price(price)}"


def _price(price: Price | None) -> str:
    if price is None:
        return "unpriced"
    if price.is_free:
        return "free"
    bands = "; ".join(_band_words(price))
    return f"{bands} USD per million tokens ({price.source})"


def _band_words(price: Price) -> Iterable[str]:
    for band in price.bands:
        cached = "" if band.cache_read is None else f", {band.cache_read:g} read from a cache"
        written = "" if band.cache_write is None else f", {band.cache_write:g} written into one"
        above = f"above {band.above:,} tokens " if band.above else ""
        yield f"{above}{band.input:g} in, {band.output:g} out{cached}{written}"
