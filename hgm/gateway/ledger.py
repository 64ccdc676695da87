"""What a lease has used, from the records of its trajectory: the live gateway and everybody after it count the same."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hgm.gateway.prices import Price, Tokens
from hgm.gateway.records import Json, Usage, usage_from_json

_BUCKETS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")


class Ledger:
    """The records of one lease, in their order, behind the one that opened it.

    A call that started and never settled (its gateway was killed) counts at its reservation, which grows with each
    attempt that may have been billed, and as unsettled.
    """

    def __init__(self, price: Price | None = None) -> None:
        self.next = 0
        """The next call's number."""
        self.acts = 0
        """The number of the next exchange with the environment."""
        self.screenshots_bytes = 0
        self.waited_s = 0.0
        self.is_waiting = False
        """Whether a call was waiting at the end."""
        self._price = price
        self._used = Usage()
        self._open: dict[int, Mapping[str, Any]] = {}
        self._lost: list[Mapping[str, Any]] = []
        self._closed: Usage | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Take one record in, any but the one that opened the lease."""
        match record["event"]:
            case "call started":
                if record["index"] in self._open:
                    self._lost.append(self._open[record["index"]])
                self._open[record["index"]] = record
                names = {*self._used.dropped_fields, *record["dropped"]}
                self._used = self._used._replace(dropped_fields=tuple(sorted(names)))
            case "attempt lost":
                self._open[record["index"]] = {**self._open[record["index"]], "reserved": record["reserved"]}
            case "call settled":
                self._open.pop(record["index"], None)
                self.next = max(self.next, record["index"] + 1)
                self.waited_s += record["waited_s"]
                self._used = counted(self._used._replace(calls=self._used.calls + 1), record)
            case "env asked":
                self.acts = record["index"] + 1
                self._used = self._used._replace(steps=self._used.steps + (record["what"] == "step"))
            case "env screenshot":
                self.screenshots_bytes += len(record["url"])
            case "env failed":
                self._used = self._used._replace(environment_failed=record["trouble"])
            case "waits":
                self.is_waiting = bool(record["why"])
            case "lease closed":
                self._closed = usage_from_json(record["usage"])

    def usage(self) -> Usage:
        """What the gateway said at its end, or what its records come to."""
        if self._closed is not None:
            return self._closed
        used = self._used._replace(waited_s=round(self.waited_s, 3))
        for record in [*self._lost, *self._open.values()]:
            reserved = tokens_from_json(record["reserved"])
            used = counted(used._replace(calls=used.calls + 1), unsettled(reserved, self._price))
        return used

    @property
    def is_closed(self) -> bool:
        """Whether the gateway said its own sum."""
        return self._closed is not None

    @property
    def unsettled(self) -> list[Mapping[str, Any]]:
        """The "call started" records of calls that never settled, with what all their attempts had reserved."""
        return [*self._lost, *self._open.values()]


def counted(used: Usage, settled: Mapping[str, Any]) -> Usage:
    """A usage with one "call settled" record added, but for the count of calls."""
    tokens = settled["usage"] or {}
    usd = settled.get("usd", 0.0)
    return used._replace(
        **{name: getattr(used, name) + tokens.get(name, 0) for name in _BUCKETS},
        usd=used.usd + (usd or 0.0),
        unpriced_calls=used.unpriced_calls + (usd is None),
        unsettled_calls=used.unsettled_calls + bool(settled.get("lost", 0)),
        signs=tuple(sorted({*used.signs, *settled.get("signs", ())})),
        backbone_failed=used.backbone_failed or bool(settled["trouble"]),
        hosts_fault=used.hosts_fault or settled.get("hosts_fault", False),
        differs=used.differs or (settled["trouble"] if settled.get("differs") else ""),
        trouble=settled["trouble"] or used.trouble,
    )


def tokens_to_json(tokens: Tokens) -> dict[str, Json]:
    """By the names that `Usage` has for them."""
    return {f"{name}_tokens": count for name, count in asdict(tokens).items()}


def tokens_from_json(value: Mapping[str, Json]) -> Tokens:
    """The inverse of `tokens_to_json`; a bucket that is not named is empty."""
    return Tokens(**{name.removesuffix("_tokens"): value.get(name, 0) for name in _BUCKETS})


def unsettled(reserved: Tokens, price: Price | None) -> dict[str, Any]:
    """What stands for the "call settled" record of a call that has none."""
    usd = None if price is None else price.bound(reserved)
    return {"usage": tokens_to_json(reserved), "usd": usd, "lost": 1, "trouble": ""}
