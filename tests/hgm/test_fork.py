from pathlib import Path

import pytest

from hgm.errors import ConfigError, RunError
from hgm.fork import fork
from hgm.plan import is_finished
from hgm.run import Folder, create, opened, read, read_events
from hgm.state import RunState
from hgm.summary import sealed_openings
from sandboxes.base import File
from tests.hgm.simulated import SEED_AGENT, created, go_on, make
from trees.archive import Archive


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make(tmp_path_factory.mktemp("origin") / "origin", budget=40)
    go_on(run)
    return run


def over(origin: Path) -> int:
    """The event that ended the search."""
    return next(event.seq for event in read_events(origin) if event.kind == "confirming")


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8, 1.0])
def test_under_the_same_policy_a_fork_becomes_its_origin(origin: Path, tmp_path: Path, share: float) -> None:
    at = max(1, int((over(origin) - 1) * share))
    fork(origin, tmp_path / "fork", at=at)
    assert go_on(tmp_path / "fork") == ""
    assert read(tmp_path / "fork").essence() == read(origin).essence()


def test_a_fork_shares_every_event_but_the_first(origin: Path, tmp_path: Path) -> None:
    fork(origin, tmp_path / "fork", at=30, policy="random")
    shared = [(event.kind, event.payload) for event in read_events(origin)[1:30]]
    assert [(event.kind, event.payload) for event in read_events(tmp_path / "fork")[1:]] == shared
    created = read(tmp_path / "fork").created
    assert created["forked_from"] == {"run": "origin", "event": 30}
    assert created["config"]["policy"]["name"] == "random"


def test_agents_that_were_born_later_are_not_there(origin: Path, tmp_path: Path) -> None:
    fork(origin, tmp_path / "fork", at=30)
    state = RunState.replay(read_events(origin)[:30])
    archive = Archive.open(Folder(tmp_path / "fork").archive)
    assert archive.agents() == {node.id: node.commit for node in state.nodes}
    assert archive.rejected().keys() == {item.job for item in state.failed_expansions}
    assert archive.best() == state.nodes[0].commit
    assert len(archive.agents()) < len(read(origin).nodes)


def test_sealed_openings_are_counted_on(origin: Path, tmp_path: Path) -> None:
    fork(origin, tmp_path / "one", at=30)
    assert sealed_openings(read(tmp_path / "one")) == 1
    go_on(tmp_path / "one")
    fork(tmp_path / "one", tmp_path / "two", at=10)
    go_on(tmp_path / "two")
    assert sealed_openings(read(tmp_path / "two")) == 3


def test_the_origin_is_not_touched(origin: Path, tmp_path: Path) -> None:
    before = read(origin).essence(), Archive.open(Folder(origin).archive).agents()
    fork(origin, tmp_path / "fork", at=20, policy="greedy")
    go_on(tmp_path / "fork")
    assert (read(origin).essence(), Archive.open(Folder(origin).archive).agents()) == before


def test_a_live_run_can_be_forked(tmp_path: Path) -> None:
    make(tmp_path / "live")
    go_on(tmp_path / "live", stop_after=12)
    with opened(tmp_path / "live"):
        fork(tmp_path / "live", tmp_path / "fork", at=20)
    assert go_on(tmp_path / "fork") == ""
    assert is_finished(read(tmp_path / "fork"))


def test_after_the_search_there_is_nothing_to_decide(origin: Path, tmp_path: Path) -> None:
    for at in (over(origin), len(read_events(origin))):
        with pytest.raises(RunError, match=f"fork at {over(origin) - 1} or before"):
            fork(origin, tmp_path / "fork", at=at)
    assert not (tmp_path / "fork").exists()


def test_an_unknown_policy_leaves_nothing(origin: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        fork(origin, tmp_path / "fork", at=20, policy="luck")
    assert list(tmp_path.iterdir()) == []


def test_the_editor_goes_along(tmp_path: Path) -> None:
    editor = {**SEED_AGENT, b"main.py": File(b"# edits\n")}
    create(tmp_path / "run", created(editor="/ed"), SEED_AGENT, editor=editor)
    fork(tmp_path / "run", tmp_path / "fork", at=1)
    kept = read(tmp_path / "fork").created["editor"]
    archive = Archive.open(Folder(tmp_path / "fork").archive)
    assert {path: File(*file) for path, file in archive.files(kept["commit"]).items()} == editor
    assert archive.agents().keys() == {0}, "an editor is no node"


def test_options_go_along_where_the_policy_has_them(tmp_path: Path) -> None:
    event = created()
    event["config"]["policy"]["options"] = {"alpha": 0.7, "temperature": False}
    create(tmp_path / "run", event, SEED_AGENT)
    fork(tmp_path / "run", tmp_path / "greedy", at=1, policy="greedy")
    assert read(tmp_path / "greedy").config.policy.options == {"alpha": 0.7}
    fork(tmp_path / "run", tmp_path / "same", at=1)
    assert read(tmp_path / "same").config.policy.options == {"alpha": 0.7, "temperature": False}
