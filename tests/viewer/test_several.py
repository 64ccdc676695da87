"""A page that follows runs, of which one goes away, or whose server does; and its log."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hgm.run import Folder, opened, read
from tests.hgm.simulated import go_on
from tests.viewer import told
from tests.viewer.conftest import Seen
from trees.journal import Journal

pytestmark = pytest.mark.needs("chromium")
NOTICES = "document.querySelector('[data-testid=notices]').innerText"


@contextmanager
def served(*paths: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-u", "-m", "hgm", "serve", *map(str, paths), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        found = re.match(r"(http://127\.0\.0\.1:\d+/) ", running.stdout.readline())
        assert found
        try:
            yield found[1], running
        finally:
            running.kill()


def test_a_run_that_is_gone_stops_no_other(seen: Seen, tmp_path: Path) -> None:
    first = told.run(tmp_path, "first", budget=12)
    second = told.run(tmp_path, "second", budget=60, stop_after=12)
    with served(first, second) as (url, _):
        page = seen.open(url)
        seen.by("tree-canvas").nth(1).wait_for()
        before = len(read(second).nodes)
        shutil.rmtree(first)
        seen.until(f"{NOTICES}.startsWith('first can be read no more, and is shown as of 20')")
        assert "first: no such run" in page.evaluate(NOTICES), "the reason"
        go_on(second, by=told.hostile)
        after = len(read(second).nodes)
        assert after > before
        page.get_by_role("region", name="Run second").get_by_test_id("tree-canvas").click(position={"x": 3, "y": 3})
        seen.until(f"!Number.isNaN(hgm.position({after - 1}).x)")
        assert seen.by("tree-canvas").count() == 2
        assert seen.by("connection").inner_text() == "live"
        fresh = Seen(page.context.new_page())
        fresh.open(url)
        assert fresh.by("run-name").inner_text() == "second"
        assert re.match(r"first cannot be read: .*no such run", fresh.by("notices").inner_text())
        shutil.rmtree(second)
        last = Seen(page.context.new_page())
        last.open(url)
        last.page.get_by_text("No run can be read.").wait_for()
        assert "second cannot be read" in last.by("notices").inner_text()


def test_a_first_answer_that_fails_is_shown(seen: Seen, tmp_path: Path) -> None:
    with served(told.run(tmp_path, "first", budget=12)) as (url, _):
        refused = {"status": 500, "body": "out of <b>memory</b>"}
        seen.page.route("**/api/documents", lambda route: route.fulfill(**refused), times=1)
        seen.page.goto(url)
        seen.page.get_by_role("alert").get_by_text("out of <b>memory</b>").wait_for()
        seen.by("tree-canvas").wait_for()


def test_a_server_that_has_ended_leaves_the_page_as_of_then(seen: Seen, tmp_path: Path) -> None:
    path = told.run(tmp_path, "growing", budget=60, stop_after=12)
    with served(path) as (url, running), opened(path):
        page = seen.open(url)
        assert seen.by("busy").inner_text().startswith("0 of ")
        page.evaluate("hgm.select(1)")
        seen.by("diff").get_by_text("main.py").first.wait_for()
        running.kill()
        running.wait()
        seen.until(f"/^growing is shown as of 20.*: the server does not answer/.test({NOTICES})")
        assert seen.by("busy").count() == 0
        assert seen.by("budget").count() == 1
        assert seen.by("connection").inner_text() == "not connected"
        page.evaluate("hgm.select(2)")
        seen.by("diff").get_by_text("The server has ended: `hgm serve growing` shows it.").wait_for()
        page.evaluate("hgm.select(0)")
        seen.by("results").locator("tbody button").first.click()
        seen.by("trajectory").get_by_text("The server has ended: `hgm serve growing` shows it.").wait_for()
        assert "Failed to fetch" not in page.content()


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    path = told.run(tmp_path, "logged", budget=12)
    with opened(path) as run:
        for number in range(1_200):
            run.stop(f"stop {number}")
    return path


def events(path: Path) -> int:
    with Journal.open(Folder(path).journal, readonly=True) as journal:
        return journal.last()


def test_older_entries_of_the_log_are_counted_and_can_be_shown(seen: Seen, logged: Path) -> None:
    with served(logged) as (url, _):
        page = seen.open(url)
        seen.by("tab-log").click()
        shown, whole = seen.by("logged").count(), events(logged)
        assert shown < whole
        assert seen.by("omitted").inner_text().startswith(f"{whole - shown} older entries left out.")
        page.get_by_role("button", name="Show older").click()
        seen.until("document.querySelector('[data-testid=omitted]') === null")
        numbers = page.evaluate(
            "[...document.querySelectorAll('[data-testid=logged] > span')].map(one => +one.innerText)"
        )
        assert numbers == list(range(whole, 0, -1))
        with opened(logged) as run:
            run.stop("once more")
        newest = events(logged)
        seen.until(f"document.querySelector('[data-testid=logged] > span').innerText == '{newest}'")
        assert seen.by("logged").count() == newest, "older entries stay"


def test_a_page_in_a_file_says_who_shows_older_entries(seen: Seen, logged: Path, written: Callable[..., str]) -> None:
    seen.open(written(logged))
    seen.by("tab-log").click()
    left = events(logged) - seen.by("logged").count()
    assert seen.by("omitted").inner_text() == f"{left} older entries left out. hgm serve logged shows them."
