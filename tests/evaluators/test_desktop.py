"""Browsers that are watched: which desktops there are, and what of one a browser's sandbox gets."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluators.base import Played, Split, Task
from evaluators.gui.desktop import Desktop, desktop
from evaluators.gui.pool import open_stage
from hgm.errors import EvaluatorError
from sandboxes.choose import choose

TASK = Task(
    id="watched",
    benchmark="",
    split=Split.DEV,
    statement="",
    workspace={},
    test_command=(),
    grading=Played(page="handshake", seed=0, steps=3),
    reference={},
)


@pytest.mark.parametrize(
    ("display", "says"),
    [
        ("", "DISPLAY is not set"),
        ("elsewhere:0", "of this machine"),
        ("/tmp/x:0", "of this machine"),
        (":1x", "of this"),
    ],
)
def test_a_desktop_is_named_by_the_session(display: str, says: str) -> None:
    with pytest.raises(EvaluatorError, match=says):
        desktop({"DISPLAY": display})


def test_nobody_listens_at_a_display_that_is_not_there() -> None:
    with pytest.raises(EvaluatorError, match="nobody listens"):
        desktop({"DISPLAY": ":99999"})


def test_a_cookie_is_shared_with_the_sandbox_alone(tmp_path: Path) -> None:
    (tmp_path / "cookie").write_text("secret")
    (tmp_path / "cookie").chmod(0o600)
    with Desktop(number=5, cookie=tmp_path / "cookie").shared() as (mounts, env):
        assert env == {"DISPLAY": ":5", "XAUTHORITY": "/hgm/display/cookie"}
        assert [mount.target for mount in mounts] == ["/tmp/.X11-unix/X5", "/hgm/display"]
        shared = mounts[1].source
        assert (shared / "cookie").read_text() == "secret"
        assert shared.parent.stat().st_mode & 0o077 == 0
    assert not shared.exists()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[tuple[Desktop, Path]]:
    """A display without access control, and the file of its pixels."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-fbdir", str(tmp_path), "-ac"]
    with subprocess.Popen([*command, "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with open(reading) as told:
            number = int(told.readline())
        try:
            yield Desktop(number=number, cookie=None), tmp_path / "Xvfb_screen0"
        finally:
            server.terminate()


@pytest.mark.needs("bubblewrap", "chromium", "xvfb")
def test_a_window_shows_the_page_that_is_played(screen: tuple[Desktop, Path]) -> None:
    shown_on, pixels = screen
    before = pixels.read_bytes()
    stage = open_stage(choose("bubblewrap"), run="test-desktop", shown_on=shown_on)
    try:
        with stage.episode(TASK, job="e1", slot=0) as episode:
            seen = episode.observe(screenshot=True)
            assert seen.goal == "Click the button."
            assert 'button "OK"' in seen.text
            after = pixels.read_bytes()
    finally:
        stage.close()
    assert sum(old != new for old, new in zip(before, after, strict=True)) > 100_000, "a window has been drawn"


@pytest.mark.needs("docker")
def test_a_container_has_no_desktop() -> None:
    with pytest.raises(EvaluatorError, match="--sandbox bubblewrap"):
        open_stage(choose("docker"), run="test-desktop", shown_on=Desktop(number=0, cookie=None))
