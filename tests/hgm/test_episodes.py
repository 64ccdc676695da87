"""An episode on its socket: who may connect, what is answered, and that nothing is under way when the block is left."""

import json
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evaluators.base import Json
from evaluators.gui.base import Observation
from hgm.episodes import SOCKET, Backstage, served
from hgm.errors import SandboxError
from hgm.scratch import Scratch
from tests.hgm.paper_stage import STEPS, OnePage, PaperEpisode, PaperStage

OBSERVE = {"what": "observe", "screenshot": False}
STEP = {"what": "step", "screenshot": False, "action": {"name": "click", "bid": "e1"}}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hgm-", dir="/tmp") as made:
        yield Path(made)


def asked(folder: Path, document: Any) -> Any:
    line = document if isinstance(document, bytes) else json.dumps(document).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(folder / SOCKET))
        client.sendall(line)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream:
            return json.loads(stream.read() or b"null")


def test_requests_are_answered_one_after_the_other(folder: Path) -> None:
    with served(PaperEpisode(), folder, deadline_s=60.0) as playing:
        first = asked(folder, OBSERVE)["observation"]
        assert (first["goal"], first["size"], first["step"]) == ('Click the "right" button.', [160, 210], 0)
        assert 50 < first["seconds_left"] <= 60
        second = asked(folder, {**STEP, "screenshot": True})["observation"]
        assert (second["step"], second["steps_left"], second["done"]) == (1, STEPS - 1, True)
        assert second["screenshot"].startswith("data:image/png;base64,iVBOR")
    assert playing.is_done
    assert playing.has_acted
    assert playing.trouble is None
    with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / SOCKET))


@pytest.mark.parametrize(
    "document",
    [
        b"not json\n",
        b"[]\n",
        b"5\n",
        b"[" * 100_000 + b"\n",
        {"what": "verdict", "screenshot": False},
        {"what": ["step"], "screenshot": False},
        {**OBSERVE, "action": {}},
        {**STEP, "more": 1},
        {"what": "step", "screenshot": False},
        {**OBSERVE, "screenshot": "yes"},
        {},
    ],
)
def test_what_the_gateway_never_asks_is_refused_and_plays_nothing(folder: Path, document: Any) -> None:
    episode = PaperEpisode()
    with served(episode, folder, deadline_s=60.0) as playing:
        assert "never should" in asked(folder, document)["trouble"]
        assert episode.exchanges == 0
        assert asked(folder, OBSERVE)["observation"]["step"] == 0
    assert playing.trouble is None


def test_whoever_says_nothing_or_half_of_it_keeps_nobody_waiting_for_ever(folder: Path) -> None:
    with served(PaperEpisode(), folder, deadline_s=60.0):
        assert asked(folder, b"") is None
        assert "trouble" in asked(folder, b'{"what": "obs')
        assert asked(folder, OBSERVE)["observation"]["step"] == 0


def test_the_first_trouble_is_kept_and_nothing_is_done_behind_it(folder: Path) -> None:
    episode = PaperEpisode(broken_at=0)
    with served(episode, folder, deadline_s=60.0) as playing:
        for _ in range(2):
            assert asked(folder, STEP) == {"trouble": "the browser is gone"}
    assert episode.exchanges == 1
    assert str(playing.trouble) == "the browser is gone"


class Slow(PaperEpisode):
    """Waits in the middle of a step."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()

    def step(self, action: Json, *, screenshot: bool = False) -> Observation:
        self.begun.set()
        self.go_on.wait(20)
        seen = super().step(action, screenshot=screenshot)
        self.ended.set()
        return seen


def test_a_step_that_has_begun_ends_before_the_block_is_left(folder: Path) -> None:
    episode = Slow()
    with served(episode, folder, deadline_s=60.0), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / SOCKET))
        client.sendall(json.dumps(STEP).encode() + b"\n")
        assert episode.begun.wait(20)
        threading.Timer(0.1, episode.go_on.set).start()
    assert episode.ended.is_set()


def test_nobody_else_can_reach_the_socket() -> None:
    with Scratch("episodes-test") as scratch, scratch.private("e00001") as folder:
        with served(PaperEpisode(), folder, deadline_s=1.0):
            for path, mode in ((folder.parent, 0o700), (folder, 0o700), (folder / SOCKET, 0o600)):
                assert stat.S_IMODE(path.stat().st_mode) == mode
        assert len(str(folder / SOCKET)) < 90
    assert not folder.exists()


def test_a_stage_is_made_when_it_is_needed_and_closed_if_it_was() -> None:
    made: list[PaperStage] = []

    def make() -> PaperStage:
        made.append(PaperStage())
        return made[-1]

    with closing(Backstage(make)):
        assert not made
    assert not made
    task = OnePage().task("g-button")
    with closing(Backstage(make)) as stage:
        for number in range(2):
            with stage.episode(task, job=f"e{number}", slot=0) as episode:
                assert episode.observe().step == 0
    assert [stage.jobs for stage in made] == [["e0", "e1"]]
    assert made[0].is_closed


def test_a_machine_without_a_browser_says_so_each_time() -> None:
    def none() -> PaperStage:
        raise SandboxError("no browser: install chromium")

    stage = Backstage(none)
    for _ in range(2):
        with pytest.raises(SandboxError, match="install chromium"):
            stage.episode(OnePage().task("g-button"), job="e1", slot=0)
    stage.close()
