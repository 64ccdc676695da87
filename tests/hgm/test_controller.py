from pathlib import Path

import pytest

from hgm.agents_by_name import find_agent
from hgm.config import SearchConfig
from hgm.controller import prepare
from hgm.run import read
from sandboxes.base import Files
from tests.hgm.simulated import go_on, make

pytestmark = pytest.mark.needs("bubblewrap")


@pytest.fixture
def child(tmp_path: Path) -> Files:
    """Agent 1 of the run `runs/done`."""
    go_on(make(tmp_path / "runs" / "done"))
    assert len(read(tmp_path / "runs" / "done").nodes) > 1
    return find_agent("done:1", tmp_path / "runs")


@pytest.mark.parametrize("role", ["agent", "editor"])
def test_agents_of_runs_by_name_are_those_of_the_runs_dir(
    tmp_path: Path, child: Files, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = SearchConfig(budget=6, **{role: "done:1"})
    prepared = prepare(config, Path("elsewhere/new"), runs_dir=Path("runs"))
    assert (prepared.root if role == "agent" else prepared.editor) == child
    assert prepared.created["config"][role] == f"{tmp_path / 'runs' / 'done'}:1", "from any working directory"
    assert find_agent(prepared.created["config"][role], Path("nowhere")) == child


@pytest.mark.parametrize(("given", "meant"), [("./mine", "mine"), ("mine", "mine"), ("./seed", "seed"), ("seed", "")])
def test_folders_are_recorded_by_their_whole_path(
    tmp_path: Path, child: Files, given: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trees.folders import write_folder

    monkeypatch.chdir(tmp_path)
    for name in ("mine", "seed"):
        write_folder(child, tmp_path / name, read_only=False)
    prepared = prepare(SearchConfig(budget=6, agent=given), Path("runs/new"), runs_dir=Path("runs"))
    assert prepared.config.agent == (str(tmp_path / meant) if meant else "seed")
    assert (prepared.root == child) == bool(meant)
