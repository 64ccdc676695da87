"""What finished search runs gained on their sealed tasks, run by run and arm by arm.

An arm is what searches alike (`hgm.arms`). Runs are comparable that began with the same agent and kept
the same tasks of the same benchmark sealed; others are refused. The unit of an arm's interval is the search run
(`trees.bootstrap`), that of a run's own interval the task. A run whose winner is the seed agent has gained nothing, and
counts so. No result of a single sealed task leaves this module.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Any, TypeAlias

from evaluators.base import Split, Task
from hgm.arms import CONTROLS, FLAT, Way, beside, place, way_of
from hgm.errors import ConfigError, HGMError
from hgm.plan import is_finished
from hgm.run import read
from hgm.search_command import flattened
from hgm.session import benchmark_of, check_unchanged
from hgm.state import RunState
from hgm.summary import Comparison, comparison, sealed_openings, sealed_rates, spend
from trees.bootstrap import LEAST_RUNS, mean_difference, mean_gain, runs_differ
from trees.records import ROOT, Outcome
from trees.statistics import Gain, mcnemar, pass_at_k

SCHEMA, VERSION = "hgm.gains", 1
TEST_TIME = "test_time_k"
BASELINES = (*CONTROLS, FLAT)
"""Every other arm is set beside these: its own policy with editors that do not improve, and that policy."""
MOST_APART = 0.05
"""Arms whose costs differ by a larger part were not run at equal cost."""
LEAST_REPEATS = 3
_APART = ("seed", "policy", "editor", "workers")
"""Settings in which runs may differ without a word."""
_INSTANCE = re.compile(r"(?P<owner>.+)__(?P<name>.+)-\d+")
"""How SWE-bench names a task of a repository."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run took, confirming and the sealed comparison included; of evaluations those of the search alone."""

    evaluations: float
    expansions: float
    """Rejected ones, too."""
    tokens: float
    usd: float | None
    """None: nobody knows."""
    hours: float
    """By the clock, of a machine that may have had other work."""


UNITS = ("evaluations", "expansions", "tokens", "usd", "hours")


@dataclass(frozen=True, kw_only=True)
class Searched:
    """A search run as it was read."""

    name: str
    path: Path
    arm: str
    way: Way
    state: RunState

    @property
    def winner(self) -> int | None:
        """None before it is named."""
        return self.state.winner


@dataclass(frozen=True, kw_only=True)
class BestOfK:
    """The seed agent with as many attempts at a task as the winner's tokens pay, if it were told which one passes."""

    k: int
    """The winner's tokens per task over the seed agent's, rounded up."""
    repeats: int
    """Of the seed agent, in runs of different seeds together, on the sealed task that has the fewest."""
    rate: float | None
    """pass@k over tasks: an upper bound, since nothing tells an agent which attempt passes. None: too few repeats."""


@dataclass(frozen=True, kw_only=True)
class RunGain:
    """What one run came to."""

    name: str
    arm: str
    seed: int
    winner: int | None
    is_finished: bool
    missing: str
    """Why no gain can be told; empty where one is."""
    tasks: int = 0
    """Sealed tasks that were measured for both agents."""
    repeats: int = 0
    seed_rate: float | None = None
    winner_rate: float | None = None
    gain: Gain | None = None
    """With the interval over tasks; 0 for certain where the winner is the seed agent."""
    p: float | None = None
    """McNemar's exact test on the tasks that only one passes, or passes more often. None: the winner is the seed."""
    smallest: float | None = None
    """The smallest gain that this sample would have told from none."""
    seed_tokens: float = 0.0
    winner_tokens: float = 0.0
    """Per sealed evaluation."""
    unmeasured: int = 0
    """Sealed evaluations that were given up on."""
    best_of_k: BestOfK | None = None
    """None where no tokens were counted."""
    openings: int = 0
    """How often sealed tasks were opened, in the runs this one was forked from too."""
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much more an arm gains than another, on the tasks that both have."""

    than: str
    """Its name."""
    baseline: str
    """Which of `BASELINES` it is."""
    mean: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class ArmGain:
    """What the runs of one arm came to."""

    arm: str
    runs: int
    """That have a gain."""
    without: int
    """That have none."""
    tasks: int = 0
    """Measured for both agents in every run."""
    clusters: int = 0
    """Of those tasks: their repositories, or the tasks themselves."""
    seed_rate: float | None = None
    winner_rate: float | None = None
    gain: float | None = None
    interval: tuple[float, float] | None = None
    """95 %, over search runs and tasks."""
    no_interval: str = ""
    """Why there is none."""
    differences: tuple[Difference, ...] = ()
    best_of_k: float | None = None
    """Mean over runs; None where some run has none."""
    largest_k: int | None = None
    cost: Cost | None = None
    """Mean over finished runs."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of it."""

    benchmark: str
    unit: str
    """What tasks are clustered by: "repository", or "task" where each stands for itself."""
    openings: int
    """Of sealed tasks, in all these runs."""
    runs: tuple[RunGain, ...]
    arms: tuple[ArmGain, ...]
    warnings: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        runs = [{**asdict(run), "gain": run.gain and run.gain._asdict()} for run in self.runs]
        return {"schema": SCHEMA, "version": VERSION, **asdict(self), "runs": runs}


def searched(
    named: Sequence[tuple[Path, str]], progress: Callable[[str], None] = lambda what: None
) -> tuple[Searched, ...]:
    """Read runs; each comes with the name of its arm, or an empty one where its policy and editor say that.

    Raises:
        ConfigError: they cannot stand in one table, or the same search is there twice.
        HGMError: one of them cannot be read.
    """
    found: list[Searched] = []
    for number, (path, arm) in enumerate(named, 1):
        progress(f"reading {path.name}, run {number} of {len(named)}")
        state = read(path)
        if state.planned is not None:
            raise ConfigError(f"{path.name} is an evaluation, not a search: `hgm evaluate --compare` pairs two of them")
        way = way_of(state)
        found.append(Searched(name=path.name, path=path, arm=arm or way.arm, way=way, state=state))
    if not found:
        raise ConfigError(
            "name the search runs to compare, e.g. hgm compare hgm-0 hgm-1 placebo-0; or hgm compare policies"
        )
    for other in found[1:]:
        _must_match(found[0], other)
    for number, run in enumerate(found):
        for other in found[:number]:
            _must_differ(other, run)
    return tuple(sorted(found, key=lambda run: (place(run.arm), run.state.config.seed, run.name)))


def report(runs: Sequence[Searched], progress: Callable[[str], None] = lambda what: None) -> Report:
    """What these runs of one benchmark came to."""
    progress("looking up repositories")
    repositories, note = _repositories(runs)
    progress("resampling runs and tasks")
    tables = {run.path: _gains(run.state) for run in runs if not _missing(run.state)}
    pooled = _pooled(runs)
    rows = tuple(_row(run, pooled) for run in runs)
    arms = tuple(
        _arm(
            arm,
            [row for row in rows if row.arm == arm],
            _by_arm(runs, tables),
            repositories,
            beside(arm, ((run.arm, run.way) for run in runs)),
        )
        for arm in dict.fromkeys(run.arm for run in runs)
    )
    warnings = [*note, *_repeated(runs), *_settings_apart(runs), *_few_repeats(rows), *unequal(arms, _timed(runs))]
    return Report(
        benchmark=runs[0].state.created["benchmark"]["name"],
        unit="repository" if repositories else "task",
        openings=_openings(runs),
        runs=rows,
        arms=arms,
        warnings=tuple(warnings),
    )


def unequal(arms: Sequence[ArmGain], units: Sequence[str] = UNITS) -> Iterator[str]:
    """Which arms cost more or less than the first one, unit by unit."""
    costed = [(arm.arm, arm.cost) for arm in arms if arm.cost is not None]
    for name, cost in costed[1:]:
        first, against = costed[0]
        apart = [words for unit in units if (words := _apart(unit, getattr(cost, unit), getattr(against, unit)))]
        if apart:
            yield f"not at equal cost: {name} took {', '.join(apart)} than {first}"


def _apart(unit: str, own: float | None, other: float | None) -> str:
    """Words for two costs that differ by more than `MOST_APART`; unknown ones are not told apart."""
    if own is None or other is None or abs(own - other) <= MOST_APART * other:
        return ""
    if not other:
        return f"more {unit} ({own:g})"
    share = own / other - 1
    return f"{abs(share):.0%} {'more' if share > 0 else 'less' if unit in ('tokens', 'usd') else 'fewer'} {unit}"


def _timed(runs: Sequence[Searched]) -> tuple[str, ...]:
    """The units by which cost is told apart: time only where it was budgeted, since machines have other work."""
    is_timed = any(run.state.budget.seconds is not None for run in runs)
    return UNITS if is_timed else UNITS[:-1]


def _must_match(first: Searched, other: Searched) -> None:
    told = {
        "benchmarks": [run.state.created["benchmark"]["name"] for run in (first, other)],
        "data, or other versions of it": [run.state.created["benchmark"]["fingerprint"] for run in (first, other)],
        "sealed tasks": [run.state.created["sealed_tasks"] for run in (first, other)],
        "seed agents": [run.state.nodes[ROOT].tree for run in (first, other)],
    }
    for what, (one, two) in told.items():
        if one != two:
            drawn = first.state.config.selection.sample is not None
            advice = " (give both the same --sample and --sample-seed)" if drawn else ""
            raise ConfigError(f"{first.name} and {other.name} have different {what}: they cannot be compared{advice}")


def _must_differ(one: Searched, other: Searched) -> None:
    if one.path.resolve() == other.path.resolve():
        raise ConfigError(f"{other.name} is named twice: each run is one observation")
    settings = [run.state.config.model_dump(include={"seed", "policy", "editor"}) for run in (one, other)]
    if settings[0] == settings[1] and one.state.evaluations and one.state.essence() == other.state.essence():
        raise ConfigError(
            f"{one.name} and {other.name} are the same search: every decision and result is equal. Each run is one "
            "observation: leave one of them out"
        )


def _missing(state: RunState) -> str:
    """Why there is no gain to tell."""
    if not is_finished(state):
        return "not finished: `hgm resume` goes on"
    if state.sealed_tasks is None:
        return "sealed tasks not opened"
    if not _both_measured(state):
        return "no sealed task measured for both agents"
    return ""


def _both_measured(state: RunState) -> list[str]:
    """The opened sealed tasks with a measurement of the winner and the seed agent."""
    before, after = sealed_rates(state, ROOT), sealed_rates(state, state.winner or ROOT)
    return [task for task in state.sealed_tasks or () if task in before and task in after]


def _gains(state: RunState) -> dict[str, tuple[float, float]]:
    """Sealed task -> pass rates of the seed agent and the winner, which may be the same."""
    before, after = sealed_rates(state, ROOT), sealed_rates(state, state.winner or ROOT)
    return {task: (before[task], after[task]) for task in _both_measured(state)}


def _row(run: Searched, pooled: Mapping[str, tuple[int, int]]) -> RunGain:
    state, why = run.state, _missing(run.state)
    about = {"name": run.name, "arm": run.arm, "seed": state.config.seed, "winner": state.winner}
    about |= {"is_finished": is_finished(state), "missing": why}
    common: dict[str, Any] = {**about, "openings": sealed_openings(state), "cost": _cost(state)}
    if why:
        return RunGain(**common)
    rates = _gains(state)
    found: dict[str, Any] = {**common, "tasks": len(rates), "repeats": state.config.confirmation.sealed_repeats}
    compared = comparison(state)
    if compared is None:  # the winner is the seed agent
        rate = mean(before for before, _ in rates.values())
        tokens = _seed_tokens(state)
        own = BestOfK(k=1, repeats=_fewest(pooled), rate=_pass_at(pooled, 1))
        return RunGain(
            **found,
            seed_rate=rate,
            winner_rate=rate,
            gain=Gain(0.0, 0.0, 0.0),
            seed_tokens=tokens,
            winner_tokens=tokens,
            best_of_k=own,
        )
    gained = sum(after > before for before, after in rates.values())
    lost = sum(after < before for before, after in rates.values())
    return RunGain(
        **found,
        seed_rate=compared.seed,
        winner_rate=compared.winner,
        gain=compared.gain,
        p=mcnemar(gained, lost),
        smallest=compared.smallest,
        seed_tokens=compared.seed_tokens,
        winner_tokens=compared.winner_tokens,
        unmeasured=compared.unmeasured,
        best_of_k=_best_of_k(compared, pooled),
    )


def _seed_tokens(state: RunState) -> float:
    return mean(item.usage.tokens.total for item in state.on_split(ROOT, Split.SEALED))


def _best_of_k(found: Comparison, pooled: Mapping[str, tuple[int, int]]) -> BestOfK | None:
    if not found.seed_tokens:
        return None
    k = max(1, ceil(found.winner_tokens / found.seed_tokens))
    return BestOfK(k=k, repeats=_fewest(pooled), rate=_pass_at(pooled, k))


def _pooled(runs: Sequence[Searched]) -> dict[str, tuple[int, int]]:
    """Sealed task -> repeats of the seed agent and how many passed, over runs: the agent is the same in all of them.

    One run of each seed, since runs of one seed ask their models with the same seeds.
    """
    found: dict[str, tuple[int, int]] = {}
    chosen = {run.state.config.seed: run.state for run in runs[::-1] if not _missing(run.state)}
    for state in chosen.values():
        for item in state.on_split(ROOT, Split.SEALED):
            repeats, passed = found.get(item.task, (0, 0))
            found[item.task] = repeats + 1, passed + (item.outcome is Outcome.PASSED)
    return found


def _fewest(pooled: Mapping[str, tuple[int, int]]) -> int:
    return min((repeats for repeats, _ in pooled.values()), default=0)


def _pass_at(pooled: Mapping[str, tuple[int, int]], k: int) -> float | None:
    if _fewest(pooled) < k:
        return None
    return mean(pass_at_k(repeats, passed, k) for repeats, passed in pooled.values())


def _cost(state: RunState) -> Cost:
    used = spend(state)
    return Cost(
        evaluations=used.search,
        expansions=len(state.expansions),
        tokens=used.usage.tokens.total,
        usd=None if used.usage.unpriced_calls else used.usage.usd,
        hours=state.elapsed_s / 3600,
    )


Rates: TypeAlias = Mapping[str, tuple[float, float]]
"""Sealed task -> pass rates of the seed agent and of the winner."""


def _by_arm(runs: Sequence[Searched], tables: Mapping[Path, Rates]) -> dict[str, list[Rates]]:
    found: dict[str, list[Rates]] = {}
    for run in runs:
        if run.path in tables:
            found.setdefault(run.arm, []).append(tables[run.path])
    return found


def _common(tables: Sequence[Rates]) -> list[str]:
    """The tasks that every run has measured, in their order."""
    return [task for task in tables[0] if all(task in table for table in tables)] if tables else []


def _differences(tables: Sequence[Rates], tasks: Sequence[str]) -> list[list[float]]:
    return [[table[task][1] - table[task][0] for task in tasks] for table in tables]


def _arm(
    arm: str,
    rows: Sequence[RunGain],
    tables: Mapping[str, Sequence[Rates]],
    repositories: Mapping[str, str],
    baselines: Mapping[str, str],
) -> ArmGain:
    own = tables.get(arm, [])
    tasks = _common(own)
    finished = [row.cost for row in rows if row.is_finished]
    about: dict[str, Any] = {"arm": arm, "runs": len(own), "without": len(rows) - len(own), "cost": _mean(finished)}
    if not tasks:
        return ArmGain(**about, no_interval="no sealed task measured in every run" if own else "no run has a gain")
    gains, clusters = _differences(own, tasks), _clusters(tasks, repositories)
    why = _why_no_interval(clusters, gains)
    attempts = [row.best_of_k for row in rows if row.gain is not None]
    rates = [item.rate for item in attempts if item is not None and item.rate is not None]
    return ArmGain(
        **about,
        tasks=len(tasks),
        clusters=len({*clusters}),
        seed_rate=mean(table[task][0] for table in own for task in tasks),
        winner_rate=mean(table[task][1] for table in own for task in tasks),
        gain=mean(map(mean, gains)),
        interval=None if why else mean_gain(gains, clusters)[1:],
        no_interval=why,
        differences=tuple(
            _difference(own, tables[than], than, baseline, repositories)
            for baseline, than in baselines.items()
            if than in tables and _common([*own, *tables[than]])
        ),
        best_of_k=mean(rates) if len(rates) == len(own) else None,
        largest_k=max((item.k for item in attempts if item is not None), default=None),
    )


def _difference(
    own: Sequence[Rates], other: Sequence[Rates], than: str, baseline: str, repositories: Mapping[str, str]
) -> Difference:
    tasks = _common([*own, *other])
    one, two, clusters = _differences(own, tasks), _differences(other, tasks), _clusters(tasks, repositories)
    apart = mean(map(mean, one)) - mean(map(mean, two))
    why = _why_no_interval(clusters, one, two)
    interval = None if why else mean_difference(one, two, clusters)[1:]
    return Difference(than=than, baseline=baseline, mean=apart, interval=interval)


def _clusters(tasks: Sequence[str], repositories: Mapping[str, str]) -> list[str]:
    return [repositories.get(task, task) for task in tasks]


def _why_no_interval(clusters: Sequence[str], *arms: Sequence[Sequence[float]]) -> str:
    """Why the gains of these arms, a row per run, have none; empty where they have one."""
    if min(map(len, arms)) < LEAST_RUNS:
        return f"no interval over runs: that takes {LEAST_RUNS} at least"
    if len({*clusters}) < 2:
        return "no interval over tasks: there is one"
    return "" if all(map(runs_differ, arms)) else "all runs gained the same: no interval"


def _mean(costs: Sequence[Cost]) -> Cost | None:
    if not costs:
        return None
    usd = [cost.usd for cost in costs if cost.usd is not None]
    return Cost(
        evaluations=mean(cost.evaluations for cost in costs),
        expansions=mean(cost.expansions for cost in costs),
        tokens=mean(cost.tokens for cost in costs),
        usd=mean(usd) if len(usd) == len(costs) else None,
        hours=mean(cost.hours for cost in costs),
    )


def _repositories(runs: Sequence[Searched]) -> tuple[dict[str, str], list[str]]:
    """Sealed task -> its repository, where the benchmark tells and there are several; and what is to be said of it."""
    state = runs[0].state
    try:
        benchmark = benchmark_of(state.config)
        check_unchanged(state.created, benchmark)
        found = {task: repository_of(benchmark.task(task)) for task in state.created["sealed_tasks"]}
    except HGMError:
        name = state.created["benchmark"]["name"]
        return {}, [f"{name} is not here as the runs had it: whether tasks share a repository is not known"]
    names = {*found.values()} - {""}
    if len(names) == 1 and all(found.values()):
        return {}, [f"all sealed tasks are of {names.pop()}: the intervals are for other tasks of that repository"]
    return {task: name for task, name in found.items() if name}, []


def repository_of(task: Task) -> str:
    """What the benchmark says, or the task's name if it is one of SWE-bench's; empty where neither does."""
    if named := task.groups.get("repo"):
        return named
    found = _INSTANCE.fullmatch(task.name)
    return f"{found['owner']}/{found['name']}" if found else ""


def _openings(runs: Sequence[Searched]) -> int:
    """Each opening once: those before a fork are its origin's, if that is among the runs."""
    names = {run.name for run in runs}
    return sum(run.state.sealed_openings if _origin(run) in names else sealed_openings(run.state) for run in runs)


def _origin(run: Searched) -> str | None:
    return (run.state.created.get("forked_from") or {}).get("run")


def _repeated(runs: Sequence[Searched]) -> Iterator[str]:
    """Runs of one arm that are not independent of each other."""
    names = {run.name for run in runs}
    for run in runs:
        if (origin := _origin(run)) in names:
            yield f"{run.name} is a fork of {origin}: they share a part of their search and are not independent"
    for arm in dict.fromkeys(run.arm for run in runs):
        seeds = [run.state.config.seed for run in runs if run.arm == arm]
        again = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if again:
            yield f"{arm} has several runs of seed {', '.join(map(str, again))}: they may not be independent"


def _settings_apart(runs: Sequence[Searched]) -> Iterator[str]:
    """Settings, beside those that make an arm, in which runs differ; by name."""
    flat = [dict(flattened(run.state.config.model_dump(mode="json"))) for run in runs]
    names = [name for one in flat for name in one if name.partition(".")[0] not in _APART]
    for name in dict.fromkeys(names):
        values = dict.fromkeys(str(one.get(name, "not set")) for one in flat)
        if len(values) > 1:
            yield f"the runs differ in {name}: {', '.join(values)}"


def _few_repeats(rows: Sequence[RunGain]) -> Iterator[str]:
    few = [row.name for row in rows if row.gain is not None and row.repeats < LEAST_REPEATS]
    if few:
        yield f"fewer than {LEAST_REPEATS} repeats of each sealed task: {', '.join(few)}"
