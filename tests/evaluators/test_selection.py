"""Which tasks of a benchmark are used."""

from dataclasses import replace
from pathlib import Path

import pytest

from evaluators.base import Benchmark, Split, Task
from evaluators.selection import Selection, selected
from hgm.errors import ConfigError
from tests.hgm.small_lab import OneTask


class Ten:
    """Ten tasks of two languages, half of them to search on."""

    name = "ten"
    notes = ("a note",)

    def fingerprint(self) -> str:
        return "ten"

    def tasks(self, split: Split) -> tuple[str, ...]:
        even = {Split.SEARCH: 0, Split.SEALED: 1}
        return tuple(f"t-{n}" for n in range(10) if even.get(split) == n % 2)

    def task(self, task_id: str) -> Task:
        number = int(task_id[2:])
        groups = {"language": "go" if number < 3 else "rust"}
        return replace(OneTask().task("t-double"), id=task_id, name=f"name-{number}", groups=groups)


def ids(benchmark: Benchmark) -> list[str]:
    return sorted(task for split in Split for task in benchmark.tasks(split))


def chosen(**options: object) -> Benchmark:
    return selected(Ten(), Selection(**options))  # type: ignore[arg-type]


def test_nothing_said_is_the_benchmark_itself() -> None:
    whole = Ten()
    assert selected(whole, Selection()) is whole


def test_names_and_ids_choose_and_splits_stay() -> None:
    found = chosen(ids=("name-3", "t-4"))
    assert (found.tasks(Split.SEARCH), found.tasks(Split.SEALED)) == (("t-4",), ("t-3",))
    assert found.fingerprint() != chosen(ids=("name-3",)).fingerprint() != Ten().fingerprint()


def test_all_that_is_said_holds_together() -> None:
    assert ids(chosen(groups={"language": ("go",)}, without=("name-0", "t-9", "gone"))) == ["t-1", "t-2"]


def test_a_sample_is_drawn_by_its_own_seed() -> None:
    first, again, other = (ids(chosen(sample=4, sample_seed=seed)) for seed in (1, 1, 2))
    assert len(first) == 4
    assert first == again != other
    assert ids(chosen(sample=4, sample_seed=3)) == ["t-2", "t-6", "t-8", "t-9"], "as runs remember it"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ids": ("name-33",)}, "no task name-33: did you mean name-3"),
        ({"groups": {"language": ("gi",)}}, "no task of ten has the language 'gi'; there are go"),
        ({"groups": {"repo": ("a/b",)}}, "say nothing about repo"),
        ({"groups": {"language": ("go",)}, "without": ("t-0", "t-1", "t-2")}, "no task of ten is left"),
    ],
)
def test_what_there_is_not_says_what_there_is(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        chosen(**options)


def test_what_a_benchmark_says_of_itself_stays(tmp_path: Path) -> None:
    assert chosen(sample=1).notes == ("a note",)  # type: ignore[attr-defined]
