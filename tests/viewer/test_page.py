"""The exported page in a real browser: what people do with it, and what hostile text does not."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from hgm.document import tree_document
from hgm.run import read
from hgm.summary import lineage
from tests.viewer import told
from tests.viewer.conftest import Seen
from trees.export.html import policy

pytestmark = pytest.mark.needs("chromium")


def text_of(url: str) -> str:
    return Path(unquote(urlparse(url).path)).read_text(encoding="utf-8")


def test_it_opens_without_asking_anybody(seen: Seen, url: str, path: Path) -> None:
    page = seen.open(url)
    assert page.get_by_test_id("run-name").inner_text() == path.name
    assert page.evaluate("hgm.visible()") == len(read(path).nodes)
    for key in "2345":
        page.keyboard.press(key)
    assert seen.requests == [url]
    assert seen.is_untouched()


def test_a_node_leads_to_its_diff_and_its_trajectories(seen: Seen, url: str, path: Path) -> None:
    page, state = seen.open(url), read(path)
    best = tree_document(path)["best"]
    place = page.evaluate(f"hgm.position({best})")
    page.mouse.click(place["x"], place["y"])
    seen.by("panel").wait_for()
    assert seen.by("panel-title").inner_text().startswith(f"Agent {best}")
    assert "main.py" in seen.by("diff").inner_text()
    assert "return" in seen.by("diff").inner_text()
    seen.by("results").locator("tbody button").first.click()
    talk = seen.by("trajectory")
    talk.get_by_text("I am done.").wait_for()
    shown = talk.inner_text()
    assert "\\x1b[2J" in shown
    assert "\\u202ereversed" in shown
    assert '"command": "ls </script>"' in shown
    assert len(lineage(state, best)) > 1
    assert seen.is_untouched()


def test_briefs_and_code_are_text_whatever_they_say(seen: Seen, url: str) -> None:
    page = seen.open(url)
    page.evaluate("hgm.select(1)")
    seen.by("panel").wait_for()
    shown = seen.by("panel").inner_text()
    assert told.MARKUP in shown
    assert "\\x1b[2J\\x1b]0;title\\x07" in shown
    assert "\x1b" not in page.content()
    assert "\u202e" not in page.content()
    assert seen.is_untouched()


def test_a_huge_turn_is_shown_in_parts(seen: Seen, url: str, path: Path) -> None:
    page = seen.open(url)
    job = read(path).evaluations[0]
    page.evaluate(f"hgm.select({job.node})")
    seen.by("results").locator(f'button[title^="Trajectory of {job.job}"]').click()
    seen.by("trajectory").get_by_text("I am done.").wait_for()
    page.locator(".turn summary", has_text="3,000,000").click()
    page.get_by_role("button", name=re.compile("^Show .* more")).first.wait_for()
    assert len(page.content()) < 1_000_000


def test_what_was_done_on_a_page_is_shown_with_its_pictures(seen: Seen, url: str, path: Path) -> None:
    page = seen.open(url)
    job = read(path).evaluations[told.PLAYED]
    page.evaluate(f"hgm.select({job.node})")
    seen.by("results").locator(f'button[title^="Trajectory of {job.job}"]').click()
    seen.by("acts").wait_for()
    shown = seen.by("acts").inner_text()
    assert shown.count("window.pwned=2") == 5, "four actions and an error, as text"
    assert shown.count("the page is done") == 1
    assert "\\u202ereversed" in shown
    pictures = page.evaluate("[...document.querySelectorAll('img')].map(img => [img.src, img.naturalWidth])")
    assert pictures == [[told.PIXEL, 1]]
    assert page.evaluate("window.pwned === undefined")
    assert seen.errors == []


def test_the_keyboard_is_enough(seen: Seen, url: str, path: Path) -> None:
    page, document = seen.open(url), tree_document(path)
    best = document["best"]
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    assert seen.by("panel-title").inner_text().startswith(f"Agent {best}")
    page.keyboard.press("ArrowLeft")
    parent = document["nodes"][best]["parent"]
    page.get_by_text(re.compile(f"^Agent {parent}\\b")).first.wait_for()
    assert f"gent {parent}" in page.locator("[aria-live=polite].visually-hidden").inner_text()
    page.keyboard.press("Escape")
    assert seen.by("panel").count() == 0
    page.keyboard.press("/")
    page.keyboard.type("reversed")
    told_so = [node["id"] for node in document["nodes"] if "reversed" in node["brief"]]
    assert told_so
    place = told_so.index(parent) + 1 if parent in told_so else None
    found = f"{place} of {len(told_so)}" if place else f"{len(told_so)} found"
    assert seen.by("search-count").inner_text() == found
    page.keyboard.press("Enter")
    seen.until(f"/^[0-9]+ of {len(told_so)}$/.test(document.querySelector('[data-testid=search-count]').innerText)")
    page.keyboard.type("!")
    seen.until("document.querySelector('[data-testid=search-count]').innerText == '0 found'")
    page.keyboard.press("Escape")


def test_the_first_letter_after_the_search_key_is_searched_for(seen: Seen, url: str) -> None:
    page = seen.open(url)
    for tab in ("1", "2"):
        page.keyboard.press("Escape")
        page.keyboard.press(tab)
        focused = """(async () => {
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true }));
            await null;
            return document.activeElement.dataset.testid;
        })()"""
        assert page.evaluate(focused) == "search"


def test_keys_do_nothing_behind_the_help(seen: Seen, url: str) -> None:
    page = seen.open(url)
    page.evaluate("hgm.select(1)")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    for key in ("b", "c", "/", "2", "ArrowLeft"):
        page.keyboard.press(key)
    assert seen.by("tab-tree").get_attribute("aria-selected") == "true"
    assert seen.by("panel-title").inner_text().startswith("Agent 1")
    assert page.evaluate("hgm.collapsed()") == []
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert seen.by("panel-title").inner_text().startswith("Agent 1"), "only the help was closed"
    page.keyboard.press("2")
    assert seen.by("tab-curves").get_attribute("aria-selected") == "true"
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for(state="detached")


def test_a_clade_collapses_and_comes_back(seen: Seen, url: str, path: Path) -> None:
    page, document = seen.open(url), tree_document(path)
    whole = page.evaluate("hgm.visible()")
    inner = next(node["id"] for node in document["nodes"][1:] if node["children"])
    place = page.evaluate(f"hgm.position({inner})")
    page.mouse.dblclick(place["x"], place["y"])
    seen.until("hgm.collapsed().length == 1")
    assert page.evaluate("hgm.collapsed()") == [inner]
    seen.until(f"hgm.visible() < {whole}")
    page.keyboard.press("c")
    seen.until("hgm.collapsed().length == 0")


def test_colours_have_a_legend_and_rejected_expansions_are_shown(seen: Seen, url: str) -> None:
    page = seen.open(url)
    for choice in seen.by("colour-by").locator("option").all():
        seen.by("colour-by").select_option(choice.get_attribute("value"))
        assert seen.by("legend").inner_text()
    before = seen.by("tree-canvas").screenshot()
    seen.by("show-rejected").check()
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert seen.by("tree-canvas").screenshot() != before


def test_dark_and_light(seen: Seen, url: str) -> None:
    page = seen.open(url)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    seen.until(f"{ground} != {light!r}")
    dark = page.evaluate(ground)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    seen.by("theme").click()
    assert page.evaluate(ground) == light, "what is chosen wins"
    seen.by("theme").click()
    assert page.evaluate(ground) == dark


def test_two_runs_side_by_side(seen: Seen, path: Path, written: Callable[..., str], tmp_path: Path) -> None:
    other = told.run(tmp_path, "other", budget=12)
    page = seen.open(written(path, other))
    seen.by("tree-canvas").nth(1).wait_for()
    assert {path.name, "other"} <= set("\n".join(seen.by("run-name").all_inner_texts()).split("\n"))
    side_by_side = page.get_by_role("button", name=re.compile("side by side", re.IGNORECASE))
    side_by_side.click()
    assert seen.by("tree-canvas").count() == 1
    side_by_side.click()
    seen.by("tree-canvas").nth(1).wait_for()
    assert seen.is_untouched()


@pytest.mark.parametrize("runs", [1, 2])
def test_a_small_window_leaves_nothing_out_of_reach(
    seen: Seen, path: Path, written: Callable[..., str], tmp_path: Path, runs: int
) -> None:
    paths = [path, told.run(tmp_path, "other", budget=12)][:runs]
    seen.page.set_viewport_size({"width": 360, "height": 640})
    page = seen.open(written(*paths))
    assert seen.by("tree-canvas").count() == 1
    if runs == 2:
        page.get_by_role("button", name="Side by side").click()
        seen.by("tree-canvas").nth(1).scroll_into_view_if_needed()
        assert seen.by("tree-canvas").nth(1).bounding_box()["height"] > 150
    for tab in ("curves", "matrix", "list", "log", "tree"):
        seen.by(f"tab-{tab}").click(timeout=2000)
        wider = "[...document.querySelectorAll('.app, .top-bar, .panes, .pane, .run-header, .toolbar, .legend, .log')]"
        assert (
            page.evaluate(f"{wider}.filter(one => one.scrollWidth > one.clientWidth).map(one => one.className)") == []
        )
    out_of_reach = """[...document.querySelectorAll('.top-bar button')].filter(one => {
        const { left, right, top, bottom } = one.getBoundingClientRect();
        const isInside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
        return !isInside || !one.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
    }).map(one => one.innerText)"""
    assert page.evaluate(out_of_reach) == []
    assert seen.by("tree-canvas").first.bounding_box()["height"] > 150


def test_a_run_that_has_done_nothing_has_a_page(seen: Seen, written: Callable[..., str], tmp_path: Path) -> None:
    seen.open(written(told.make(tmp_path / "new")))
    assert seen.page.evaluate("hgm.visible()") == 1
    assert seen.errors == []


def test_the_policy_lets_no_other_script_run(seen: Seen, url: str) -> None:
    page = seen.open(url)
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {id: 'added'}))")
    assert page.evaluate("try { added.textContent = 'window.pwned = 9'; 1 } catch { 2 }") == 2, "trusted types"
    assert page.evaluate("fetch('https://example.org/').then(() => 1, () => 2)") == 2
    assert page.evaluate("window.pwned === undefined")


def test_the_text_of_the_page_holds_nothing_of_the_data_as_it_is(url: str, path: Path) -> None:
    whole = text_of(url)
    assert whole.count("</script>") == whole.count("<script")
    assert told.MARKUP not in whole
    assert "\x1b" not in whole
    (packed,) = re.findall(r'id="hgm-documents">([A-Za-z0-9+/=]+)<', whole)
    (document,) = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert document["run"] == path.name
    assert "'none'" in policy(connect="'none'")
    jobs = re.findall(r'data-job="(\w+)"', whole)
    state = read(path)
    sealed = {item.job for item in state.evaluations if item.split == "sealed"}
    line = {item.job for item in state.evaluations if item.node in lineage(state, document["best"])} - sealed
    assert line <= set(jobs)
    assert not sealed & set(jobs)
