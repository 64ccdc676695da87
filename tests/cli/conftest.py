import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command, command
from tests.hgm.simulated import go_on, make


@pytest.fixture
def hgm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`hgm(…)` in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return command(capsys)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A temporary folder that no other test's runs are in, with a path short enough for sockets.

    pytest's own folder, which outlives it, comes first.
    """
    with tempfile.TemporaryDirectory(prefix="hgm-t-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose jobs were simulated; not to be changed."""
    run = make(tmp_path_factory.mktemp("simulated") / "done", budget=60)
    go_on(run)
    return run


@pytest.fixture
def finished(simulated: Path, tmp_path: Path) -> Path:
    """A copy of it, runs/done."""
    return Path(shutil.copytree(simulated, tmp_path / "runs" / "done"))
