"""What an agent's repeated runs say about a benchmark: which tasks tell agents apart, and how far chance goes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from pathlib import Path
from statistics import mean
from typing import Any

from hgm.errors import ConfigError
from hgm.jobs import derive_seed

VERSION = 1
SENTINELS = 0.1
"""This share of the always-passed and of the always-failed tasks stays in a search, to notice when that changes."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How much a pass rate over all measured tasks, each run once, moves when the same agent runs again."""

    tasks: int
    rate: float
    deviation: float
    """Standard deviation of such a rate."""

    @property
    def band(self) -> float:
        """Two runs of the same agent differ by less than this in 95 of 100 cases."""
        return self.band_of(self.tasks)

    def band_of(self, tasks: int) -> float:
        """The same for a rate over so many such tasks; of none, everything is noise."""
        return 1.96 * sqrt(2) * self.deviation * sqrt(self.tasks / tasks) if tasks else 1.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The result of one calibration, as it is written to a file."""

    benchmark: str
    fingerprint: str
    agent: str
    repeats: int
    always_passed: tuple[str, ...]
    always_failed: tuple[str, ...]
    unmeasured: tuple[str, ...]
    """Tasks with a repeat that was not measured; nothing is said about them."""
    noise: Noise

    def keep(self, tasks: Sequence[str]) -> tuple[str, ...]:
        """`tasks` without those that tell nothing, but for the sentinels; in the same order."""
        dropped = _beyond_sentinels(self.always_passed) | _beyond_sentinels(self.always_failed)
        return tuple(task for task in tasks if task not in dropped)


def calibrate(
    results: Mapping[str, Sequence[bool | None]], *, benchmark: str, fingerprint: str, agent: str, repeats: int
) -> Calibration:
    """From task -> what its repeats came to (None: unmeasured)."""
    measured = {task: [bool(item) for item in found] for task, found in results.items() if None not in found}
    return Calibration(
        benchmark=benchmark,
        fingerprint=fingerprint,
        agent=agent,
        repeats=repeats,
        always_passed=tuple(sorted(task for task, found in measured.items() if all(found))),
        always_failed=tuple(sorted(task for task, found in measured.items() if not any(found))),
        unmeasured=tuple(sorted(results.keys() - measured.keys())),
        noise=_noise(list(measured.values())),
    )


def save(calibration: Calibration, file: Path) -> None:
    """Write it for `hgm search --calibration`.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        file.write_text(json.dumps({"version": VERSION, **asdict(calibration)}, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written ({error.strerror}): choose another --write") from error


def load(file: Path, *, benchmark: str, fingerprint: str) -> Calibration:
    """Read what `save` wrote, for this very benchmark.

    Raises:
        ConfigError: no such file, not a calibration, or one of another benchmark.
    """
    try:
        found = _parse(json.loads(file.read_text()))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"{file}: not a calibration of this version: make one with `hgm benchmark calibrate {benchmark} --write`"
        ) from error
    if (found.benchmark, found.fingerprint) != (benchmark, fingerprint):
        raise ConfigError(f"{file} was made with other tasks than those of {benchmark} today: calibrate again")
    return found


def _parse(value: Any) -> Calibration:
    if value.pop("version") != VERSION:
        raise ValueError("version")
    lists: Iterable[str] = ("always_passed", "always_failed", "unmeasured")
    return Calibration(
        **{**value, **{name: tuple(map(str, value[name])) for name in lists}, "noise": Noise(**value["noise"])}
    )


def _beyond_sentinels(tasks: Sequence[str]) -> set[str]:
    order = sorted(tasks, key=lambda task: derive_seed("sentinel", task))
    return set(order[ceil(len(order) * SENTINELS) :])


def _noise(measured: Sequence[Sequence[bool]]) -> Noise:
    if not measured:
        return Noise(tasks=0, rate=0.0, deviation=0.0)
    variances = [_variance(found) for found in measured]
    return Noise(
        tasks=len(measured),
        rate=mean(mean(found) for found in measured),
        deviation=sqrt(sum(variances)) / len(measured),
    )


def _variance(found: Sequence[bool]) -> float:
    """Of one run of a task, unbiased; a single repeat shows none."""
    share, n = mean(found), len(found)
    return share * (1 - share) * n / (n - 1) if n > 1 else 0.0
