from pathlib import Path

import pytest

from hgm.config import SearchConfig
from hgm.contract import read_manifest
from hgm.controller import prepare
from hgm.errors import ConfigError
from hgm.expand import expand
from hgm.placebo import commented, place
from sandboxes.base import File, Files
from tests.hgm.small_lab import ASKS, MANIFEST, agent, expansion, small_lab
from trees.folders import write_folder
from trees.records import Expansion

WITHOUT = {path: file for path, file in agent().items() if not path.endswith(b".py")}


def test_one_comment_is_all_that_changes() -> None:
    files = {**agent(), b"main.py": File(ASKS.encode().rstrip(), "100755")}
    child = commented(files, read_manifest(files), number=7)
    assert child == {**files, b"main.py": File(ASKS.encode() + b"# placebo 7\n", "100755")}


@pytest.mark.parametrize(
    "first",
    [
        {"editable": '["main.py"]'},
        {"frozen": '["a*.py"]'},
        {"frozen": '["agent.toml", "aaa.py"]'},
    ],
)
def test_a_file_that_may_not_change_is_left_alone(first: dict[str, str]) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in first.items())
    files = agent(manifest=MANIFEST + lines, aaa_py="")
    assert place(files, read_manifest(files)) == b"main.py"


def test_tests_docs_links_and_huge_files_are_left_alone() -> None:
    files: Files = {
        **agent(docs__conf_py="", conftest_py=""),
        b"aaa/tests/it.py": File(b""),
        b"a.py": File(b"main.py", "120000"),
        b"b.py": File(b"#" * 900_000),
    }
    assert place(files, read_manifest(files)) == b"main.py"


@pytest.mark.needs("bubblewrap")
def test_a_placebo_child_is_born_though_the_first_file_is_a_test(tmp_path: Path) -> None:
    root = agent(manifest=f'{MANIFEST}frozen = ["agent.toml", "bbb.py"]\n', aaa_test_py="", bbb_py="")
    with small_lab(tmp_path / "run", root, editor="placebo") as lab:
        result = expand(expansion(lab), lab, 0)
    assert (result.kind, result.reason) == (Expansion.CHILD, "")
    assert result.files is not None
    assert {path for path in root if root[path] != result.files[path]} == {b"main.py"}


@pytest.mark.parametrize("files", [WITHOUT, agent(manifest=f'{MANIFEST}frozen = ["*.py"]\n')])
def test_an_agent_without_a_place_for_a_comment_is_refused_before_the_run(tmp_path: Path, files: Files) -> None:
    write_folder(files, tmp_path / "mine", read_only=False)
    config = SearchConfig(budget=6, editor="placebo", agent=str(tmp_path / "mine"))
    with pytest.raises(ConfigError, match="--editor placebo puts a comment"):
        prepare(config, tmp_path / "runs" / "new", runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
