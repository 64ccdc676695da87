from pathlib import Path

import pytest

from evaluators.base import Split
from evaluators.builtin import BuiltinBenchmark, hand_written
from evaluators.registry import open_benchmark, validate
from hgm.errors import ConfigError
from tests.evaluators.conftest import compared


def test_benchmarks_open_by_name_and_by_path():
    assert open_benchmark("builtin", search=7).tasks(Split.SEARCH) == BuiltinBenchmark(search=7).tasks(Split.SEARCH)
    path = str(hand_written().folder)
    assert open_benchmark(path).fingerprint() == hand_written().fingerprint()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("biultin", "there are builtin, quixbugs"),
        ("quixbugs", "--data"),
        ("./nothing", "no benchmark at nothing"),
        ("", "''"),
    ],
)
def test_what_is_not_there_is_the_users_error(name, said):
    with pytest.raises(ConfigError, match=said):
        open_benchmark(name)


def test_data_that_is_not_there_is_the_users_error():
    with pytest.raises(ConfigError, match="No such file"):
        open_benchmark("quixbugs", Path("/nowhere/x.jsonl"))


class One:
    """A benchmark of one task."""

    name = "made"

    def __init__(self, task):
        self.made = task

    def tasks(self, split):
        return (self.made.id,) if split is Split.DEV else ()

    def task(self, task_id):
        return self.made


@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(x):\n    return 2\n", ""),
        ("def f(x):\n    return 3\n", "the reference fails (tests: case 0)"),
        ("import os\ndef f(x):\n    return 2 + os.urandom(1)[0] % 2\n", "the reference "),
    ],
)
def test_validation_names_what_is_wrong(provider, source, problem):
    from dataclasses import replace

    from sandboxes.base import File

    cases = [(number, 2) for number in range(8)] if "urandom" in source else [(1, 2)]
    task = replace(compared(*cases), reference={b"mod.py": File(source.encode())})
    (row,) = validate(One(task), provider, run="validate")
    assert row.problem.startswith(problem)
    assert bool(row.problem) == bool(problem)


@pytest.mark.needs("bubblewrap")
def test_validation_stops_at_the_limit(provider):
    rows = list(validate(BuiltinBenchmark(), provider, 3, run="validate"))
    assert [row.problem for row in rows] == ["", "", ""]


def test_records_that_are_unusable_are_the_users_to_mend(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"id": 7}\n')
    for name in ("quixbugs", "polyglot", "swebench"):
        with pytest.raises(ConfigError, match=r"rows\.jsonl, (line|record) 1: "):
            open_benchmark(name, tmp_path / "rows.jsonl")
