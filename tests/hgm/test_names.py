from pathlib import Path

import pytest

from hgm.errors import RunError
from hgm.names import all_runs, default_run, new_run
from tests.hgm.simulated import make


@pytest.mark.parametrize("name", ["a", "first-try", "v1.2_x", "A" * 24, "0"])
def test_good_names(tmp_path: Path, name: str) -> None:
    assert new_run(name, tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../b", "a/", "/", "-a", ".a", "_a", "a b", "a\n", "a\x1b", "é", "a" * 25, "a:b"]
)
def test_names_that_no_run_may_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError):
        new_run(name, tmp_path)


def test_a_slash_makes_a_path(tmp_path: Path) -> None:
    assert new_run(f"{tmp_path}/elsewhere/a", Path("runs")) == tmp_path / "elsewhere" / "a"


@pytest.mark.parametrize("benchmark", ["builtin", "./my tasks", "/", "..", "ü" * 40, "x" * 60])
def test_a_default_name_is_a_good_one(tmp_path: Path, benchmark: str) -> None:
    name = default_run(benchmark, tmp_path)
    assert new_run(name, tmp_path).name == name


def test_default_names_count_on(tmp_path: Path) -> None:
    assert default_run("builtin", tmp_path / "nowhere") == "builtin-1"
    for taken in ("builtin-1", "builtin-7", "builtin-x", "other-9"):
        (tmp_path / taken).mkdir()
    assert default_run("builtin", tmp_path) == "builtin-8"


def test_only_runs_are_runs(tmp_path: Path) -> None:
    (tmp_path / "not-a-run").mkdir()
    (tmp_path / "file").write_text("")
    make(tmp_path / "b")
    make(tmp_path / "a")
    assert [path.name for path in all_runs(tmp_path)] == ["a", "b"]
    assert all_runs(tmp_path / "nowhere") == []
