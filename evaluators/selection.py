"""Which tasks of a benchmark are used: by name, by group, by chance, or all but some."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from evaluators.base import Benchmark, Environment, Split, Task
from hgm.errors import ConfigError

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Says nothing where it is empty; all that it says holds together."""

    ids: tuple[str, ...] = ()
    """Public names, or the ids that agents know."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Group -> any of its values, e.g. {"repo": ("django/django",)}."""
    without: tuple[str, ...] = ()
    """Tasks that are left out: names or ids. Those that there are not are passed over."""
    sample: int | None = None
    """So many of what is left, drawn by `sample_seed` from their ids."""
    sample_seed: int = 0

    def __bool__(self) -> bool:
        return bool(self.ids or self.groups or self.without or self.sample is not None)


def selected(benchmark: Benchmark, selection: Selection) -> Benchmark:
    """The benchmark with the chosen tasks alone, each in the split that it has.

    Raises:
        ConfigError: a name or a group's value that no task has, with what is near it; or nothing is left.
    """
    return Selected(benchmark, selection) if selection else benchmark


class Selected:
    """Some tasks of a benchmark."""

    def __init__(self, benchmark: Benchmark, selection: Selection) -> None:
        """See `selected`."""
        self.name = benchmark.name
        self.notes: tuple[str, ...] = tuple(getattr(benchmark, "notes", ()))
        refused: Mapping[str, str] = getattr(benchmark, "refused", {})
        self.refused = {name: why for name, why in refused.items() if _is_asked_for(benchmark, name, selection)}
        self.has_images: bool = getattr(benchmark, "has_images", True)
        self.beside: tuple[Environment, ...] = getattr(benchmark, "beside", ())
        self.shows_tests: bool = getattr(benchmark, "shows_tests", False)
        self._benchmark, self._selection = benchmark, selection
        self._kept = _kept(benchmark, selection)

    @cached_property
    def _fingerprint(self) -> str:
        told = "\n".join([self._benchmark.fingerprint(), *sorted(self._kept)])
        return hashlib.sha256(told.encode()).hexdigest()

    def fingerprint(self) -> str:
        return self._fingerprint

    def tasks(self, split: Split) -> tuple[str, ...]:
        return tuple(task for task in self._benchmark.tasks(split) if task in self._kept)

    def task(self, task_id: str) -> Task:
        return self._benchmark.task(task_id)


def _is_asked_for(benchmark: Benchmark, name: str, selection: Selection) -> bool:
    """Whether a selection would have a refused task; its groups hold where the benchmark tells them."""
    told: Mapping[str, str] = getattr(benchmark, "refused_groups", {}).get(name, {})
    is_of_groups = all(told.get(group, values[0]) in values for group, values in selection.groups.items() if values)
    return is_of_groups and (not selection.ids or name in selection.ids) and name not in selection.without


def _kept(benchmark: Benchmark, selection: Selection) -> frozenset[str]:
    ids = [task for split in Split for task in benchmark.tasks(split)]
    needs_records = selection.ids or selection.groups or selection.without
    tasks = {task_id: benchmark.task(task_id) for task_id in ids} if needs_records else {}
    if selection.ids:
        ids = _named(tasks, selection.ids, benchmark)
    for group, values in selection.groups.items():
        _check_values(tasks, group, values, benchmark.name)
        ids = [task_id for task_id in ids if tasks[task_id].groups.get(group) in values]
    without = frozenset(selection.without)
    ids = [
        task_id for task_id in ids if task_id not in without and (tasks[task_id].name if tasks else "") not in without
    ]
    if selection.sample is not None:
        ids = sorted(ids, key=lambda task_id: _draw(selection.sample_seed, task_id))[: selection.sample]
    if not ids:
        raise ConfigError(f"no task of {benchmark.name} is left: ask for less with --ids, --repo, --language, ...")
    return frozenset(ids)


def _named(tasks: Mapping[str, Task], names: Sequence[str], benchmark: Benchmark) -> list[str]:
    refused: Mapping[str, str] = getattr(benchmark, "refused", {})
    known = {task.name: task_id for task_id, task in tasks.items() if task.name} | {
        task_id: task_id for task_id in tasks
    }
    if unknown := [name for name in names if name not in known]:
        if unknown[0] in refused:
            raise ConfigError(f"{benchmark.name} leaves {unknown[0]} out: {refused[unknown[0]]}")
        near = get_close_matches(unknown[0], known, n=3)
        hint = f": did you mean {', '.join(near)}?" if near else f" (see `hgm benchmark show {benchmark.name}`)"
        more = f" and {len(unknown) - 1} others" if len(unknown) > 1 else ""
        raise ConfigError(f"{benchmark.name} has no task {unknown[0]}{more}{hint}")
    return list(dict.fromkeys(known[name] for name in names))


def _check_values(tasks: Mapping[str, Task], group: str, values: Sequence[str], benchmark: str) -> None:
    known = sorted({task.groups[group] for task in tasks.values() if group in task.groups})
    if not known:
        raise ConfigError(f"the tasks of {benchmark} say nothing about {group}: leave --{group} out")
    for value in values:
        if value not in known:
            shown = ", ".join(get_close_matches(value, known, n=3) or known[:_SHOWN])
            raise ConfigError(f"no task of {benchmark} has the {group} {value!r}; there are {shown}, ...")


def _draw(seed: int, task_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{task_id}".encode()).digest()
