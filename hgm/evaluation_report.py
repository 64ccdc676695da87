"""What an evaluation came to, as plain values: rates with intervals, groups, causes, costs, and every single result."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.base import Benchmark, Task
from hgm.errors import ConfigError, EvaluatorError
from hgm.run import Folder
from hgm.state import Evaluation, RunState
from hgm.summary import Score
from trees.records import Outcome
from trees.statistics import Gain, mcnemar, paired_gain_interval

SCHEMA, VERSION = "hgm.evaluation", 2


@dataclass(frozen=True, kw_only=True)
class Row:
    """The last word on one run of one task."""

    name: str
    """What people call the task."""
    task: str
    groups: Mapping[str, str]
    evaluation: Evaluation

    @property
    def passed(self) -> bool:
        return self.evaluation.outcome is Outcome.PASSED

    @property
    def is_measured(self) -> bool:
        return self.evaluation.outcome is not Outcome.UNMEASURED


def rows(state: RunState, benchmark: Benchmark) -> list[Row]:
    """One per slot that was tried, in the order of the plan: what was tried again counts as it ended."""
    last = {(item.split, item.task, item.repeat): item for item in state.evaluations}
    found = []
    for slot in state.planned or ():
        if slot in last:
            task = _task(benchmark, slot[1])
            found.append(
                Row(
                    name=(task.name if task else "") or slot[1],
                    task=slot[1],
                    groups=task.groups if task else {},
                    evaluation=last[slot],
                )
            )
    return found


def _task(benchmark: Benchmark, task_id: str) -> Task | None:
    try:
        return benchmark.task(task_id)
    except EvaluatorError:
        return None


def score(found: Sequence[Row]) -> Score:
    """Passes among what was measured."""
    measured = [row for row in found if row.is_measured]
    return Score(sum(row.passed for row in measured), len(measured))


def by_group(found: Sequence[Row]) -> dict[str, dict[str, Score]]:
    """Group -> its values -> their scores; a group with one value tells nothing and is left out."""
    split: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        for group, value in row.groups.items():
            split[group][value].append(row)
    return {
        group: {value: score(part) for value, part in sorted(values.items())}
        for group, values in sorted(split.items())
        if len(values) > 1
    }


def causes(found: Sequence[Row]) -> Counter[str]:
    """Cause -> how many failed for it."""
    return Counter(row.evaluation.cause for row in found if row.evaluation.outcome is Outcome.FAILED)


def official(found: Sequence[Row]) -> Score | None:
    """By the benchmark's own grader alone; None where it has none."""
    told = [row for row in found if row.evaluation.official is not None or row.evaluation.cause == "unchanged"]
    if not any(row.evaluation.official is not None for row in told):
        return None
    measured = [row for row in found if row.is_measured]
    return Score(sum(bool(row.evaluation.official) for row in measured), len(measured))


def document(state: RunState, benchmark: Benchmark) -> dict[str, Any]:
    """Everything as plain JSON values."""
    found, plan = rows(state, benchmark), state.created["evaluation"]
    rate, usage = score(found), state.usage
    by_own = official(found)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "agent": plan["agent"],
        "source": plan["source"],
        "agent_tree": state.nodes[0].tree,
        "benchmark": benchmark.name,
        "fingerprint": state.created["benchmark"]["fingerprint"],
        "split": plan["split"],
        "seed": state.config.seed,
        "backbone": state.config.backbones.solver,
        "sandbox": state.created["sandbox"],
        "versions": dict(state.created["versions"]),
        "planned": len(state.planned or ()),
        "passed": rate.passed,
        "measured": rate.measured,
        "unmeasured": [row.name for row in found if not row.is_measured],
        "pass_rate": rate.share if rate.measured else None,
        "interval": list(rate.interval) if rate.measured else None,
        "official_passed": None if by_own is None else by_own.passed,
        "groups": {
            group: {value: {"passed": part.passed, "measured": part.measured} for value, part in values.items()}
            for group, values in by_group(found).items()
        },
        "causes": dict(causes(found).most_common()),
        "refused": dict(getattr(benchmark, "refused", {})),
        "notes": list(getattr(benchmark, "notes", ())),
        "images": image_ids(found, benchmark),
        "usage": {
            "calls": usage.calls,
            "tokens": usage.tokens.total,
            "usd": None if usage.unpriced_calls else usage.usd,
            "unpriced_calls": usage.unpriced_calls,
        },
        "tokens_per_evaluation": usage.tokens.total / len(found) if found else None,
        "seconds": round(sum(row.evaluation.wall_s for row in found), 3),
        "evaluations": [_plain(row) for row in found],
    }


def _plain(row: Row) -> dict[str, Any]:
    item = row.evaluation
    return {
        "task": row.task,
        "name": row.name,
        "groups": dict(row.groups),
        "split": item.split.value,
        "repeat": item.repeat,
        "outcome": item.outcome.value,
        "cause": item.cause,
        "official": item.official,
        "note": item.note,
        "calls": item.usage.calls,
        "input_tokens": item.usage.input_tokens,
        "output_tokens": item.usage.output_tokens,
        "usd": None if item.usage.unpriced_calls else item.usage.usd,
        "seconds": round(item.wall_s, 3),
    }


def image_ids(found: Sequence[Row], benchmark: Benchmark) -> dict[str, str]:
    """The images that the tasks need, and what their names stand for on this machine's engine now; empty if gone."""
    names = {task.environment.image for row in found if (task := _task(benchmark, row.task)) and task.environment}
    if not names:
        return {}
    from sandboxes.engine import connect
    from sandboxes.images import identity, is_built

    engine = connect()
    return {name: identity(engine, name) if is_built(engine, name) else "" for name in sorted(names)}


def predictions(state: RunState, benchmark: Benchmark, path: Path) -> list[dict[str, str]]:
    """The patches of an evaluation as SWE-bench's predictions; the first repeat of each task."""
    model = f"hgm-{state.created['evaluation']['agent']}".replace("/", "_")
    made = []
    for row in rows(state, benchmark):
        if row.evaluation.repeat == 0:
            file = Folder(path).grading / f"{row.evaluation.job}.patch"
            patch = file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""
            made.append({"instance_id": row.name, "model_name_or_path": model, "model_patch": patch})
    return made


def harness_report(state: RunState, benchmark: Benchmark) -> dict[str, Any]:
    """The same as `swebench eval` reports a run, by its own verdicts (schema version 2)."""
    found = [row for row in rows(state, benchmark) if row.evaluation.repeat == 0]
    planned = [(_task(benchmark, task), task) for _, task, repeat in state.planned or () if repeat == 0]
    names = [(task.name if task else "") or task_id for task, task_id in planned]
    empty = {row.name for row in found if row.evaluation.cause == "unchanged"}
    error = {
        row.name
        for row in found
        if not row.is_measured or row.evaluation.cause in ("does-not-apply", "deadline", "out-of-memory", "ungradable")
    }
    resolved = {row.name for row in found if row.evaluation.official}
    rest = {row.name for row in found} - empty - error - resolved
    # An agent that crashed, or whose workspace was refused, has handed in nothing.
    handed_in = {row.name for row in found if row.evaluation.official is not None}
    empty |= rest - handed_in
    unresolved = rest & handed_in
    lists = {
        "completed_ids": resolved | unresolved,
        "incomplete_ids": set(names) - {row.name for row in found},
        "empty_patch_ids": empty,
        "submitted_ids": {row.name for row in found},
        "resolved_ids": resolved,
        "unresolved_ids": unresolved,
        "infra_failure_ids": {row.name for row in found if not row.is_measured},
        "ambiguous_failure_ids": set[str](),
        "error_ids": error,
    }
    counts = {
        "total_instances": len(names),
        **{
            f"{kind}_instances": len(lists[f"{kind}_ids"])
            for kind in ("submitted", "completed", "resolved", "unresolved", "infra_failure", "ambiguous_failure")
        },
        "empty_patch_instances": len(empty),
        "error_instances": len(error),
    }
    return {**counts, **{name: sorted(ids) for name, ids in lists.items()}, "failure_reasons": {}, "schema_version": 2}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Two evaluations of the same tasks."""

    tasks: int
    """Measured in both."""
    before: Score
    after: Score
    """Of those alone."""
    gains: tuple[str, ...]
    losses: tuple[str, ...]
    """Tasks that only the second, or only the first, passed more often."""
    gain: Gain
    """Of the mean pass rates over tasks."""
    p: float | None
    """McNemar's exact test, two-sided; None with several repeats, whose pairs are not independent."""
    dropped: int
    """Tasks that one of both did not measure."""


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Compared:
    """Pair two documents by task.

    Raises:
        ConfigError: they are of other benchmarks or data, or share no measured task.
    """
    for key, what in (("benchmark", "benchmarks"), ("fingerprint", "data, or another selection of it")):
        if before[key] != after[key]:
            raise ConfigError(
                f"these evaluations are of different {what}: {before[key]} and {after[key]}: evaluate both agents with "
                "the same flags"
            )
    first, second = _rates(before), _rates(after)
    pairs = sorted(first.keys() & second.keys())
    if not pairs:
        raise ConfigError("these evaluations share no task that both have measured")
    own, other = [first[name] for name in pairs], [second[name] for name in pairs]
    means = [sum(a) / len(a) for a in own], [sum(b) / len(b) for b in other]
    gains = tuple(name for name, a, b in zip(pairs, *means, strict=True) if b > a)
    losses = tuple(name for name, a, b in zip(pairs, *means, strict=True) if b < a)
    is_single = all(len(item) == 1 for item in (*own, *other))
    return Compared(
        tasks=len(pairs),
        before=Score(sum(map(sum, own)), sum(map(len, own))),
        after=Score(sum(map(sum, other)), sum(map(len, other))),
        gains=gains,
        losses=losses,
        gain=paired_gain_interval(*means),
        p=mcnemar(len(gains), len(losses)) if is_single else None,
        dropped=len((_names(before) | _names(after)) - set(pairs)),
    )


def _rates(told: Mapping[str, Any]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = defaultdict(list)
    for item in told["evaluations"]:
        if item["outcome"] != Outcome.UNMEASURED.value:
            found[item["name"]].append(item["outcome"] == Outcome.PASSED.value)
    return found


def _names(told: Mapping[str, Any]) -> set[str]:
    return {item["name"] for item in told["evaluations"]}


def check_document(told: Any, where: str) -> Mapping[str, Any]:
    """A document that somebody gave.

    Raises:
        ConfigError: it is none, or of another version.
    """
    if not isinstance(told, dict) or told.get("schema") != SCHEMA or told.get("version") != VERSION:
        raise ConfigError(f"{where}: not an evaluation of this version: make one with `hgm evaluate ... --json FILE`")
    return told
