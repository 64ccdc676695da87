"""Real pages, played: the same in every browser, solved by their oracles, and browsers that are kept and replaced."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from evaluators.gui import pool
from evaluators.gui.oracles import ORACLES, at_random, do_nothing, play
from evaluators.gui.pool import Pool, open_stage
from evaluators.miniwob import MiniwobBenchmark
from hgm.errors import EvaluatorError, SandboxError
from sandboxes.choose import choose
from tests.evaluators.conftest import compared

BENCHMARK = MiniwobBenchmark()
PAGES = (
    "click-checkboxes",
    "click-tab-2",
    "choose-date-easy",
    "drag-box",
    "copy-paste",
    "grid-coordinate",
    "order-food",
)
SOME = ("click-checkboxes", "drag-box", "order-food")
SANDBOXES = [
    pytest.param("bubblewrap", marks=pytest.mark.needs("bubblewrap", "chromium")),
    pytest.param("docker", marks=pytest.mark.needs("docker", "browser")),
]


@pytest.fixture(scope="module", params=SANDBOXES)
def stage(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with closing(open_stage(choose(request.param), run="test-gui-stage")) as made:
        yield made


def outcome(stage: Pool, name: str, solve) -> tuple[str, str]:
    with stage.episode(BENCHMARK.task(name), job="job", slot=0) as episode:
        stuck = play(episode, solve)
        return episode.verdict().outcome, stuck


@pytest.mark.parametrize("page", PAGES)
def test_an_oracle_solves_it(stage: Pool, page: str):
    assert outcome(stage, f"{page}@1", ORACLES[page]) == ("passed", "")


@pytest.mark.parametrize("page", PAGES)
def test_doing_nothing_does_not(stage: Pool, page: str):
    assert outcome(stage, f"{page}@1", do_nothing) == ("failed", "")


def test_chance_solves_little_and_breaks_nothing(stage: Pool):
    found = [outcome(stage, f"{page}@2", at_random(Random(page), steps=4)) for page in PAGES]
    assert [stuck for _, stuck in found] == [""] * len(PAGES)
    assert sum(result == "passed" for result, _ in found) < len(PAGES) / 2


def test_a_page_and_a_seed_look_the_same_in_any_browser_and_after_any_other_page(stage: Pool):
    seen: dict[str, set[tuple[str, str]]] = {}
    for slot, names in ((0, [*SOME]), (1, [*reversed(SOME)])):
        for page in names:
            for seed in (0, 1):
                with stage.episode(BENCHMARK.task(f"{page}@{seed}"), job="job", slot=slot) as episode:
                    found = episode.observe()
                    seen.setdefault(f"{page}@{seed}", set()).add((found.goal, found.text))
    assert all(len(found) == 1 for found in seen.values()), [name for name, found in seen.items() if len(found) > 1]
    assert len({text for found in seen.values() for text in found}) == 2 * len(SOME)


@pytest.mark.needs("bubblewrap", "chromium")
class TestBrowsers:
    def test_one_is_kept_until_it_has_seen_enough(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(pool, "EPISODES", 2)
        with closing(open_stage(choose("bubblewrap"), run="test-gui-kept")) as stage:
            used = []
            for name in ("click-test@0", "click-test@1", "click-test@2"):
                with stage.episode(BENCHMARK.task(name), job="job", slot=0) as episode:
                    used.append(stage._browsers[0])
                    assert outcome_of(episode) == "passed"
        assert used[0] is used[1]
        assert used[1] is not used[2]

    def test_one_that_has_died_between_episodes_is_replaced(self):
        with closing(open_stage(choose("bubblewrap"), run="test-gui-died")) as stage:
            assert outcome(stage, "click-test@0", ORACLES["click-test"])[0] == "passed"
            stage._browsers[0].close()
            assert outcome(stage, "click-test@0", ORACLES["click-test"])[0] == "passed"

    def test_a_closed_stage_begins_nothing(self):
        stage = open_stage(choose("bubblewrap"), run="test-gui-closed")
        stage.close()
        stage.close()
        with (
            pytest.raises(SandboxError, match="closed"),
            stage.episode(BENCHMARK.task("click-test@0"), job="j", slot=0),
        ):
            pass

    def test_a_browser_that_does_not_start_says_why(self):
        stage = open_stage(choose("bubblewrap"), run="test-gui-none")
        stage._equipment = replace(stage._equipment, executable="/usr/bin/false")
        with (
            pytest.raises(SandboxError, match=r"does not start: exited.*launch"),
            stage.episode(BENCHMARK.task("click-test@0"), job="j", slot=0),
        ):
            pass

    def test_only_what_is_to_be_played_is(self):
        stage = open_stage(choose("bubblewrap"), run="test-gui-other")
        with (
            pytest.raises(EvaluatorError, match="no task to be played"),
            stage.episode(compared((1, 1)), job="j", slot=0),
        ):
            pass

    def test_a_machine_without_a_browser_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(pool, "_EXECUTABLES", ("/nowhere",))
        with pytest.raises(EvaluatorError, match="apt-get install chromium-headless-shell"):
            open_stage(choose("bubblewrap"), run="test-gui-without")


def outcome_of(episode) -> str:
    play(episode, ORACLES["click-test"])
    return episode.verdict().outcome
