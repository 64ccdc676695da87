"""A real Chromium, and pages of runs in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hgm.viewing import viewer_page
from tests.conftest import chromium
from tests.viewer import told

_LOOKS, _LOOK_MS = 600, 50


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        opened.close()


class Seen:
    """A page, and whatever it did that it must not do."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))

    def open(self, url: str) -> Any:
        self.page.goto(url)
        self.page.evaluate("hgm.ready")
        return self.page

    def by(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def until(self, expression: str) -> None:
        """Wait until it holds: the page's policy forbids Playwright's own way, which evaluates a text inside."""
        for _ in range(_LOOKS):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(_LOOK_MS)
        raise AssertionError(f"never held: {expression}")

    def is_untouched(self) -> bool:
        """Whether no hostile text has become markup or a script."""
        found = self.page.evaluate("[window.pwned === undefined, document.querySelectorAll('img, iframe').length]")
        return bool(found == [True, 0] and self.errors == [])


@pytest.fixture
def seen(browser: Any) -> Iterator[Seen]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield Seen(context.new_page())
    context.close()


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told.run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """The page of some runs, as the URL of a file."""

    def page(*paths: Path) -> str:
        file = tmp_path_factory.mktemp("pages") / "tree.html"
        file.write_text("".join(viewer_page(paths)), encoding="utf-8")
        return file.as_uri()

    return page


@pytest.fixture(scope="session")
def url(path: Path, written: Callable[..., str]) -> str:
    return written(path)
