"""What a hostile agent can do in a browser scores nothing, and hangs nothing. Real browsers, in their sandboxes."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from evaluators.gui.base import Observation
from evaluators.gui.browser import SIZE, Browser, Equipment
from evaluators.gui.pages import INSIDE
from evaluators.gui.pool import Pool, equipped
from hgm.errors import SandboxError
from sandboxes.base import Mount
from sandboxes.choose import choose
from tests.evaluators.gui_pages import page_task, write_pages

SANDBOXES = [
    pytest.param("bubblewrap", marks=pytest.mark.needs("bubblewrap", "chromium")),
    pytest.param("docker", marks=pytest.mark.needs("docker", "browser")),
]
ONCE = pytest.mark.parametrize("equipment", SANDBOXES[:1], indirect=True)
"""For what takes long, and does not depend on the kind of sandbox."""
JAVASCRIPT = "javascript:core.endEpisode(1)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pages(tmp_path_factory.mktemp("pages") / "html")


@pytest.fixture(scope="module", params=SANDBOXES)
def equipment(request: pytest.FixtureRequest, pages: Path) -> Equipment:
    found = equipped(choose(request.param))
    mounts = [mount for mount in found.mounts if mount.target != INSIDE]
    return replace(found, mounts=(*mounts, Mount(source=pages, target=INSIDE)), patience_s=6.0)


@pytest.fixture(scope="module")
def stage(equipment: Equipment) -> Iterator[Pool]:
    made = Pool(equipment, run="test-gui-cheats")
    yield made
    made.close()


class Played(NamedTuple):
    outcome: str
    cause: str
    last: Observation


def ref(seen: Observation, pattern: str) -> str:
    found = re.search(rf"{pattern}.*?\[ref=(\w+)\]", seen.text)
    assert found, f"no {pattern} in\n{seen.text}"
    return found[1]


def play(stage: Pool, page: str, *actions: object) -> Played:
    """Actions are JSON, or patterns of what is clicked."""
    with stage.episode(page_task(page), job="job", slot=0) as episode:
        seen = episode.observe()
        for action in actions:
            wanted = {"name": "click", "bid": ref(seen, action)} if isinstance(action, str) else action
            seen = episode.step(wanted)
        verdict = episode.verdict()
    return Played(verdict.outcome, verdict.cause, seen)


class TestVerdicts:
    def test_the_page_says_that_it_is_won(self, stage: Pool):
        assert play(stage, "rewards", 'button "won"')[:2] == ("passed", "")

    def test_the_discount_for_time_does_not_matter(self, stage: Pool):
        assert play(stage, "rewards", {"name": "noop", "wait_ms": 500}, 'button "late"')[:2] == ("passed", "")

    def test_a_part_of_the_reward_is_not_enough(self, stage: Pool):
        assert play(stage, "rewards", 'button "half"')[:2] == ("failed", "wrong")

    def test_nothing_that_is_done_is_nothing_that_is_won(self, stage: Pool):
        assert play(stage, "rewards")[:2] == ("failed", "unfinished")

    def test_giving_up_ends_it(self, stage: Pool):
        found = play(stage, "rewards", {"name": "report_infeasible", "reason": "no"}, {"name": "noop"})
        assert found[:2] == ("failed", "unfinished")
        assert found.last.done
        assert found.last.step == 1

    def test_a_page_may_end_it_by_a_timer_and_the_first_reward_stays(self, stage: Pool):
        assert play(stage, "timer", {"name": "noop", "wait_ms": 300})[:2] == ("passed", "")

    def test_a_page_may_end_it_and_send_its_form_at_once(self, stage: Pool):
        assert play(stage, "both", 'button "send"')[:2] == ("passed", "")

    def test_after_the_end_nothing_is_done(self, stage: Pool):
        found = play(stage, "rewards", 'button "lost"', *[{"name": "mouse_click", "x": 80, "y": 100}] * 2)
        assert found[:2] == ("failed", "wrong")
        assert found.last.step == 1
        assert found.last.error == "the episode is over"

    def test_steps_are_counted_with_those_that_did_nothing(self, stage: Pool):
        with stage.episode(page_task("rewards", steps=2), job="job", slot=0) as episode:
            assert episode.observe().steps_left == 2
            assert episode.step("nonsense").step == 1
            assert episode.step({"name": "click", "bid": "e999"}).done
            assert episode.verdict().cause == "unfinished"


def test_the_cover_of_the_end_cannot_be_clicked_away(equipment: Equipment):
    """Below the episode, which would not even try: START begins anew, but the first verdict stands."""
    browser = Browser(equipment, run="test-gui-cheats", slot=1)
    try:
        browser.load("rewards", 0)
        text = browser.observe(screenshot=False).text
        lost, won = (re.search(rf'button "{name}" \[ref=(\w+)\]', text)[1] for name in ("lost", "won"))
        assert browser.act({"name": "click", "bid": lost}, screenshot=False).first == -1
        browser.act({"name": "mouse_click", "x": 80.0, "y": 100.0}, screenshot=False)
        browser.act({"name": "click", "bid": won}, screenshot=False)
        assert browser.observe(screenshot=False).first == -1
    finally:
        browser.close()


class TestLeaving:
    @pytest.mark.parametrize("link", ["elsewhere", "file"])
    def test_another_page_is_tampering(self, stage: Pool, link: str):
        found = play(stage, "link", f'link "{link}"', {"name": "noop", "wait_ms": 200})
        assert found[:2] == ("failed", "tampering")
        assert "root:" not in found.last.text

    def test_a_place_in_the_page_is_not(self, stage: Pool):
        found = play(stage, "link", 'link "there"', {"name": "noop", "wait_ms": 200})
        assert found[:2] == ("failed", "unfinished")
        assert not found.last.error

    def test_a_page_that_loads_itself_again_has_lost_its_episode(self, stage: Pool):
        found = play(stage, "form", 'button "send"', {"name": "noop", "wait_ms": 200})
        assert found[:2] == ("failed", "unfinished")
        assert found.last.done

    @pytest.mark.parametrize("what", ['link "opens"', 'button "pops"'])
    def test_a_new_window_is_closed(self, stage: Pool, what: str):
        found = play(stage, "windows", what, {"name": "noop", "wait_ms": 300})
        assert found[:2] == ("failed", "unfinished")
        assert not found.last.done

    @pytest.mark.parametrize("held", [["Control"], ["Shift"], ["Control", "Shift"]])
    def test_a_click_with_a_key_opens_no_window_that_stays(self, stage: Pool, held: list[str]):
        with stage.episode(page_task("windows"), job="job", slot=0) as episode:
            bid = ref(episode.observe(), 'link "plain"')
            episode.step({"name": "click", "bid": bid, "modifiers": held})
            seen = episode.step({"name": "noop", "wait_ms": 300})
            assert 'link "plain"' in seen.text or seen.done
            assert episode.verdict().outcome == "failed"

    @pytest.mark.parametrize("address", [JAVASCRIPT, f"file://{INSIDE}/miniwob/other.html"])
    def test_an_address_that_is_typed_and_dragged_leads_nowhere(self, stage: Pool, address: str):
        with stage.episode(page_task("text"), job="job", slot=0) as episode:
            bid = ref(episode.observe(), "textbox")
            episode.step({"name": "fill", "bid": bid, "value": address})
            episode.step({"name": "press", "bid": bid, "key_comb": "Control+a"})
            for y in (150, 205):
                seen = episode.step({"name": "mouse_drag_and_drop", "from_x": 20, "from_y": 62, "to_x": 60, "to_y": y})
            for key in ("Control+c", "Control+x", "Control+v", "Enter"):
                seen = episode.step({"name": "press", "bid": bid, "key_comb": key})
            assert seen.error == ""
            assert not seen.done
            assert episode.verdict().cause == "unfinished"


class TestHanging:
    def test_dialogs_are_dismissed_and_told(self, stage: Pool):
        found = play(stage, "dialogs", "button")
        assert "hello" in found.last.error
        assert "after" in found.last.text

    def test_a_page_that_hangs_is_the_agents_doing_and_the_next_one_is_well(self, stage: Pool):
        found = play(stage, "loop", 'button "hang"')
        assert found[:2] == ("failed", "crashed")
        assert found.last.done
        assert play(stage, "loop", 'button "go on"').last.text.count("fine") == 1

    @ONCE
    def test_a_page_that_eats_the_memory_is_too(self, stage: Pool):
        assert play(stage, "memory", "button")[:2] == ("failed", "crashed")
        assert play(stage, "rewards", 'button "won"').outcome == "passed"

    @ONCE
    def test_where_no_browser_lives_it_is_the_machines(self, equipment: Equipment):
        stage = Pool(equipment, run="test-gui-cheats")
        try:
            with stage.episode(page_task("loop"), job="job", slot=2) as episode:
                bid = ref(episode.observe(), 'button "hang"')
                stage._equipment = replace(equipment, executable="/nowhere")
                with pytest.raises(SandboxError, match="browser"):
                    episode.step({"name": "click", "bid": bid})
        finally:
            stage.close()

    def test_a_file_is_not_given(self, stage: Pool):
        found = play(stage, "file", "button")
        assert "no file" in found.last.error or "got none" in found.last.error or not found.last.error
        assert not found.last.done


class TestSeeing:
    def test_nothing_leaks_that_is_not_seen(self, stage: Pool):
        with stage.episode(page_task("leaks"), job="job", slot=0) as episode:
            seen = episode.observe(screenshot=True)
            failed = episode.step({"name": "fill", "bid": ref(seen, 'button "a"'), "value": "x"})
        assert failed.error
        assert "SECRET" not in seen.text + seen.goal + seen.error + failed.error + failed.text

    def test_the_pages_goal_and_its_display_are_not_in_the_text(self, stage: Pool):
        seen = play(stage, "rewards").last
        assert seen.goal == "Do it."
        assert "Do it" not in seen.text
        assert "reward" not in seen.text
        assert "START" not in seen.text

    def test_a_pixel_of_the_screenshot_is_a_place_to_click(self, stage: Pool):
        with stage.episode(page_task("calibration"), job="job", slot=0) as episode:
            rows = pixels(episode.observe(screenshot=True).screenshot)
            assert (len(rows[0]), len(rows)) == SIZE
            for number in (1, 2, 3, 4):
                x, y = next((x, y) for y, row in enumerate(rows) for x, at in enumerate(row) if at == (255, 0, number))
                before = episode.observe().text.count(": x")
                assert episode.step({"name": "mouse_click", "x": x, "y": y}).text.count(": x") == before + 1

    def test_what_is_copied_is_not_there_for_the_next_episode(self, stage: Pool):
        with stage.episode(page_task("text"), job="job", slot=0) as episode:
            bid = ref(episode.observe(), "textbox")
            episode.step({"name": "fill", "bid": bid, "value": "contraband"})
            episode.step({"name": "press", "bid": bid, "key_comb": "Control+a"})
            episode.step({"name": "press", "bid": bid, "key_comb": "Control+c"})
        with stage.episode(page_task("text"), job="job", slot=0) as episode:
            bid = ref(episode.observe(), "textbox")
            assert "contraband" not in episode.step({"name": "press", "bid": bid, "key_comb": "Control+v"}).text


def pixels(png: bytes) -> list[list[tuple[int, int, int]]]:
    """The rows of a PNG of eight bits a channel."""
    stream, data = io.BytesIO(png[8:]), b""
    while head := stream.read(8):
        length, kind = struct.unpack("!I4s", head)
        body = stream.read(length + 4)[:-4]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack("!IIBB", body[:10])
            assert depth == 8
        data += body if kind == b"IDAT" else b""
    step = {2: 3, 6: 4}[color]
    lines = io.BytesIO(zlib.decompress(data))
    rows, above = [], bytes(width * step)
    for _ in range(height):
        above = unfiltered(lines.read(1)[0], lines.read(width * step), above, step)
        rows.append([tuple(above[at : at + 3]) for at in range(0, width * step, step)])
    return rows


def unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    made = bytearray(line)
    for at in range(len(made)):
        left = made[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        made[at] = (
            made[at] + [0, left, above[at], (left + above[at]) // 2, paeth(left, above[at], corner)][kind]
        ) & 255
    return bytes(made)


def paeth(left: int, above: int, corner: int) -> int:
    return min((left, above, corner), key=partial(distance, left + above - corner))


def distance(to: int, value: int) -> int:
    return abs(to - value)
