"""Search policies compared on real agents: each policy and seed is a search of its own, which begins as one run did.

All that differs between two searches is the policy and the seed, so their cost is equal in the unit of that run's
budget. The score of a search is what the agent it hands over passes on sealed tasks, as the search itself measured it.
No result of a single sealed task leaves this module.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from hgm.budget import Budget, plain
from hgm.config import SearchConfig, restored
from hgm.errors import ConfigError, RunError
from hgm.fork import begin_as, beginning
from hgm.names import LONGEST
from hgm.plan import unpaid
from hgm.run import Folder, read, require_search
from hgm.search_command import flattened
from hgm.state import RunState
from hgm.summary import sealed_rates, spend
from hgm.versions import commit
from trees.policies.base import BasePolicy
from trees.records import ROOT
from trees.simulation.comparison import REFERENCE, Contender
from trees.statistics import Gain, mean_interval

SCHEMA, KIND, VERSION = "hgm-live-comparison", "live", 1
MOST_SEEDS = 1_000
MOST_SEED = 10**9
_SUFFIX = "-live"
_DIGEST = 6
"""Characters that stand for a policy's options in the name of a run."""
_SHOWN = 60
_APART = ("sealed_openings",)
"""What may have changed since an earlier search began."""


class Search(NamedTuple):
    """One policy with one seed."""

    contender: Contender
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared. ConfigError where a number is out of its range."""

    contenders: tuple[Contender, ...]
    """The first is the reference."""
    seeds: int
    first_seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("--seeds", self.seeds, 2, MOST_SEEDS),
            ("--first-seed", self.first_seed, 0, MOST_SEED - self.seeds),
        ):
            if not least <= value <= most:
                raise ConfigError(f"{name} {value}: with --live a whole number from {least} to {most:,} is wanted")

    @property
    def labels(self) -> list[str]:
        """Names of the contenders, the reference first."""
        return [contender.label for contender in self.contenders]

    @property
    def searches(self) -> list[Search]:
        """All policies of a seed before the next seed: what is cut short is paired."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return [Search(contender, seed) for seed in seeds for contender in self.contenders]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What all searches of a comparison have in common: they begin as one run did."""

    origin: Path
    created: Mapping[str, Any]
    """Event zero; of the policy and the seed it is that run's."""

    @cached_property
    def config(self) -> SearchConfig:
        """The settings in it."""
        return restored(self.created["config"])

    @property
    def budget(self) -> Budget:
        """The one that run began with."""
        return self.config.budget

    @property
    def sealed_tasks(self) -> int:
        """On which scores are measured."""
        return len(self.created["sealed_tasks"])

    @property
    def repeats(self) -> int:
        """Of each sealed task."""
        return self.config.confirmation.sealed_repeats

    def folder(self, runs_dir: Path) -> Path:
        """Where its searches are."""
        return runs_dir / f"{self.origin.name}{_SUFFIX}"

    def of(self, search: Search) -> dict[str, Any]:
        """Event zero of a search."""
        policy = search.contender.policy
        config = {
            **self.created["config"],
            "policy": {"name": policy.name, "options": _options(policy)},
            "seed": search.seed,
        }
        return {**self.created, "config": config}


def pattern(origin: Path, *, workers: int | None = None) -> Pattern:
    """How a run began, for searches with so many workers, else its own.

    Raises:
        RunError: it is no search.
        ConfigError: it keeps no tasks sealed, on which policies could be compared.
    """
    require_search(origin)
    whole = read(origin)
    if "saturation" in whole.created:
        raise RunError(f"{origin.name} makes a table of agents: name the search that it began as")
    if not whole.created["sealed_tasks"] or not whole.config.confirmation.sealed_tasks:
        raise ConfigError(
            f"{origin.name} has no sealed tasks, on which policies are compared: begin with a run that has some, e.g. "
            "hgm search --sealed-tasks 24"
        )
    config = {
        **whole.config.model_dump(mode="json"),
        "workers": workers or whole.config.workers,
    }
    return Pattern(origin=origin, created=beginning(origin.name, whole, config))


def folder_name(label: str, seed: int) -> str:
    """The name of a search's run, which is short: of options only a digest."""
    room = LONGEST - len(f"-{seed}")
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._]*", label) and len(label) <= room:
        return f"{label}-{seed}"
    digest = hashlib.sha256(label.encode(errors="surrogateescape")).hexdigest()[:_DIGEST]
    name = re.sub(r"[^A-Za-z0-9_]", "", label.partition(":")[0])
    return f"{name[: room - _DIGEST - 1]}-{digest}-{seed}"


def begin(pattern: Pattern, search: Search, path: Path) -> None:
    """Make the run of a search where there is none yet; `hgm.controller.go_on` does the rest.

    Raises:
        RunError: what is there was begun differently, or nothing can be made there.
    """
    if os.path.lexists(path):
        check_same(path, pattern.of(search))
    else:
        begin_as(pattern.origin, path, pattern.of(search))


def check_same(path: Path, created: Mapping[str, Any]) -> None:
    """Whether the run that is there began with this event zero, and has that budget still.

    Raises:
        RunError: it is another one.
    """
    if not Folder(path).journal.is_file():
        raise RunError(f"{path} is there, and is no run: move it away, or choose another --runs-dir")
    state = read(path)
    advice = "say the same to go on with it, move it away, or choose another --runs-dir"
    for name, there, wanted in _differences(state.created, created):
        raise RunError(f"{path} was begun differently, with {name} {_told(there)} and not {_told(wanted)}: {advice}")
    if state.budget != state.config.budget:
        raise RunError(
            f"{path} began with a budget of {state.config.budget}, which was raised to {state.budget}: it cannot be "
            "compared with the others; move it away, and it is made anew"
        )


@dataclass(frozen=True, kw_only=True)
class Fared:
    """How one search fared."""

    policy: str
    """Its label."""
    seed: int
    run: str
    """Its folder's name."""
    winner: int
    """0: the seed agent."""
    rates: Mapping[str, float] = field(repr=False)
    """Sealed task -> the share of its repeats that the winner passed."""
    seed_rates: Mapping[str, float] = field(repr=False)
    """The seed agent's, in the same search."""
    left_out: int
    """Evaluations that were to confirm or compare and that the budget did not pay."""
    evaluations: int
    """Of the search itself, measured."""
    expansions: int
    """Rejected ones, too."""
    agents: int
    tokens: int
    """Of everything."""
    usd: float | None
    """None: nobody knows."""
    unmeasured: int
    seconds: float

    @property
    def measured(self) -> frozenset[str]:
        """The sealed tasks that were measured for winner and seed agent."""
        return frozenset(self.rates.keys() & self.seed_rates.keys())

    @property
    def score(self) -> float | None:
        """The winner's on all that were."""
        return score(self.rates, self.measured)

    @property
    def seed_agent(self) -> float | None:
        """The seed agent's on the same."""
        return score(self.seed_rates, self.measured)


def fared(state: RunState, *, policy: str, run: str) -> Fared:
    """What a finished search came to."""
    winner = state.winner or ROOT
    used = spend(state)
    return Fared(
        policy=policy,
        seed=state.config.seed,
        run=run,
        winner=winner,
        rates=sealed_rates(state, winner),
        seed_rates=sealed_rates(state, ROOT),
        left_out=state.left_out + unpaid(state),
        evaluations=used.search,
        expansions=len(state.expansions),
        agents=len(state.nodes),
        tokens=used.usage.tokens.total,
        usd=None if used.usage.unpriced_calls else used.usage.usd,
        unmeasured=used.unmeasured,
        seconds=round(state.elapsed_s, 1),
    )


def score(rates: Mapping[str, float], tasks: Iterable[str]) -> float | None:
    """The mean over these sealed tasks of the mean over their repeats; None without a task."""
    return _mean([rates[task] for task in sorted(tasks)])


class Average(NamedTuple):
    """Of at least two seeds."""

    mean: float
    interval: Gain | None
    """None where all seeds are level: one of no width would pass chance for certainty."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a policy fared: means over its seeds, with intervals of 95 %. None where seeds are too few."""

    policy: str
    n: int
    """Seeds with a score."""
    score: Average | None
    score_sd: float | None
    paired: int
    """Seeds in which the reference has a score, too."""
    difference: Average | None
    """Score less that of the reference with the same seed; None for the reference."""
    difference_sd: float | None
    seed_agent: float | None
    evaluations: float
    expansions: float
    agents: float
    tokens: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All searches of a plan, finished.

    A budget may not pay all sealed tasks, and which agent is handed over decides how many it pays. So scores of a seed
    are those on the tasks that all its searches have measured; searches that measured none are out of it.
    """

    plan: Plan
    pattern: Pattern
    fared: tuple[Fared, ...]

    def score(self, one: Fared) -> float | None:
        """Of what a search handed over, on its seed's shared tasks."""
        return score(one.rates, self.shared[one.seed]) if one.measured else None

    def seed_agent(self, one: Fared) -> float | None:
        """The seed agent's on the same tasks, as that search measured it."""
        return score(one.seed_rates, self.shared[one.seed]) if one.measured else None

    @cached_property
    def shared(self) -> Mapping[int, frozenset[str]]:
        """Seed -> the sealed tasks that all its searches have measured."""
        found: dict[int, frozenset[str]] = {each.seed: frozenset() for each in self.fared}
        for seed in found:
            measured = [each.measured for each in self.fared if each.seed == seed and each.measured]
            found[seed] = frozenset.intersection(*measured) if measured else frozenset()
        return found

    def summary(self, label: str) -> Summary:
        """How a policy fared; the seed is the unit."""
        own = [each for each in self.fared if each.policy == label]
        scores, reference = self._scores(label), self._scores(REFERENCE)
        differences = [scores[seed] - reference[seed] for seed in scores if seed in reference]

        def average(value: Callable[[Fared], float]) -> float:
            return mean(map(value, own))

        return Summary(
            policy=label,
            n=len(scores),
            score=_average([*scores.values()]),
            score_sd=_spread([*scores.values()]),
            paired=len(differences),
            difference=None if label == REFERENCE else _average(differences),
            difference_sd=_spread(differences),
            seed_agent=_mean([value for each in own if (value := self.seed_agent(each)) is not None]),
            evaluations=average(lambda each: each.evaluations),
            expansions=average(lambda each: each.expansions),
            agents=average(lambda each: each.agents),
            tokens=average(lambda each: each.tokens),
        )

    def warnings(self) -> Iterator[str]:
        """What a reader of the scores must know."""
        for each in self.fared:
            if not each.measured:
                yield f"{each.run} measured no sealed task of the agent that it hands over, and counts in no score"
        fewer = {seed: len(tasks) for seed, tasks in self.shared.items() if len(tasks) < self.pattern.sealed_tasks}
        if fewer:
            named = ", ".join(f"{count} of seed {seed}" for seed, count in fewer.items())
            yield (
                f"not every search measured all {self.pattern.sealed_tasks} sealed tasks: scores are on those that all "
                f"searches of a seed have measured, {named}"
            )

    def _scores(self, label: str) -> dict[int, float]:
        found = {each.seed: self.score(each) for each in self.fared if each.policy == label}
        return {seed: value for seed, value in found.items() if value is not None}


def document(comparison: Comparison) -> dict[str, Any]:
    """All numbers, and what it takes to repeat them."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "version": VERSION,
        "hgm": comparison.pattern.created["versions"].get("hgm"),
        "commit": commit(),
        "reference": REFERENCE,
        "arguments": _arguments(comparison.plan, comparison.pattern),
        "results": [_numbers(comparison.summary(label)) for label in comparison.plan.labels],
        "runs": [_run(comparison, each) for each in comparison.fared],
    }


def text_of(comparison: Comparison) -> str:
    """The document as text: a line for each result and each run."""
    told = document(comparison)
    lines = [f" {_dumped(name)}: {_dumped(value)}" for name, value in told.items() if name not in ("results", "runs")]
    for name in ("results", "runs"):
        listed = ",\n".join(f"  {_dumped(each)}" for each in told[name])
        lines.append(f' "{name}": [\n{listed}\n ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _dumped(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _arguments(plan: Plan, pattern: Pattern) -> dict[str, Any]:
    created = pattern.created
    tasks = {split: len(created[f"{split}_tasks"]) for split in ("search", "select", "sealed")}
    return {
        "policies": {one.label: {"name": one.policy.name, "options": asdict(one.policy)} for one in plan.contenders},
        "seeds": plan.seeds,
        "first_seed": plan.first_seed,
        "budget": plain(pattern.budget),
        "equal": [*pattern.budget.units],
        "origin": pattern.origin.name,
        "benchmark": created["benchmark"],
        "sandbox": created["sandbox"],
        "seed_agent": created["root"]["tree"],
        "tasks": {**tasks, "sealed_repeats": pattern.repeats},
        "config": {name: value for name, value in created["config"].items() if name not in ("policy", "seed")},
    }


def _run(comparison: Comparison, one: Fared) -> dict[str, Any]:
    """One search, without results of single sealed tasks."""
    kept = [each.name for each in fields(one) if each.name not in ("rates", "seed_rates")]
    return {
        **{name: getattr(one, name) for name in kept},
        "score": comparison.score(one),
        "seed_agent": comparison.seed_agent(one),
        "shared_tasks": len(comparison.shared[one.seed]),
        "measured": {"score": one.score, "seed_agent": one.seed_agent, "tasks": len(one.measured)},
    }


def _numbers(summary: Summary) -> dict[str, Any]:
    score, difference = summary.score, summary.difference
    return {
        "policy": summary.policy,
        "n": summary.n,
        "mean": score and score.mean,
        "sd": summary.score_sd,
        "interval": score and _ends(score),
        "difference": {
            "n": summary.paired,
            "mean": difference and difference.mean,
            "sd": summary.difference_sd,
            "interval": difference and _ends(difference),
        },
        **{name: getattr(summary, name) for name in ("seed_agent", "evaluations", "expansions", "agents", "tokens")},
    }


def _options(policy: BasePolicy) -> dict[str, Any]:
    """Those that are not as they would be anyway."""
    values = {each.name: (getattr(policy, each.name), each.default) for each in fields(policy)}
    return {name: value for name, (value, usual) in values.items() if value != usual}


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
    """What two events zero say differently, by its dotted name."""
    one, other = (dict(flattened(json.loads(_dumped(each)))) for each in (there, wanted))
    for name in dict.fromkeys((*other, *one)):
        if name.partition(".")[0] not in _APART and one.get(name) != other.get(name):
            yield name, one.get(name), other.get(name)


def _told(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _average(values: Sequence[float]) -> Average | None:
    if len(values) < 2:
        return None
    return Average(mean(values), mean_interval(values) if len({round(value, 9) for value in values}) > 1 else None)


def _ends(average: Average) -> list[float] | None:
    return average.interval and [average.interval.low, average.interval.high]


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None
