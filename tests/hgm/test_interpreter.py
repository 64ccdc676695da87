from pathlib import Path

import pytest

from hgm.config import SearchConfig
from hgm.contract import read_manifest
from hgm.errors import ConfigError
from hgm.interpreter import ask_interpreter, check_interpreter
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.choose import choose
from tests.cli.command import Command, command
from tests.hgm.small_lab import MANIFEST, agent, small_lab
from trees.folders import write_folder

pytestmark = pytest.mark.needs("bubblewrap")
FUTURE = agent(manifest=f'{MANIFEST}python = "3.99"\n')


@pytest.fixture
def hgm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return command(capsys)


def test_the_python_of_the_sandbox_is_compared_by_number() -> None:
    inside = ask_interpreter(choose("bubblewrap"), run="t")
    for enough in ("3.2", "3.9"):
        check_interpreter(read_manifest(agent(manifest=f'{MANIFEST}python = "{enough}"\n')), inside)
    with pytest.raises(ConfigError, match=r"needs Python 3\.99"):
        check_interpreter(read_manifest(FUTURE), inside)


@pytest.mark.parametrize("words", [("search", "--budget", "6", "--agent"), ("evaluate", "--limit", "1")])
def test_an_agent_that_needs_a_newer_python_is_refused(hgm: Command, words: tuple[str, ...]) -> None:
    write_folder(FUTURE, Path("mine"), read_only=False)
    said = hgm(*words, "./mine")
    assert (said.code, "small needs Python 3.99 (agent.toml)" in said.err) == (2, True)
    assert not list(Path().glob("runs/*")), "nothing is left"


def test_so_is_an_editor(tmp_path: Path) -> None:
    with small_lab(tmp_path / "run", agent()) as lab:
        archive, folder = lab.archive, Folder(tmp_path / "run")
    with (
        pytest.raises(ConfigError, match=r"needs Python 3\.99"),
        lab_for(
            folder,
            SearchConfig(budget=1),
            archive,
            agent(),
            sandbox="bubblewrap",
            progress=lambda job, stage: None,
            editor=FUTURE,
        ),
    ):
        raise AssertionError("it came up")
