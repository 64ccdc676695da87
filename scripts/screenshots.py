"""Pictures of a run's page, light and dark, for the README; needs Playwright (the extra dev) and a Chromium.

hgm tree export RUN -o tree.html && python scripts/screenshots.py tree.html docs
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 720}


def main(page: Path, folder: Path) -> None:
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        sys.exit("there is no chromium: apt-get install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            shown = browser.new_page(viewport=SIZE, color_scheme=scheme)
            shown.goto(page.absolute().as_uri())
            shown.evaluate("hgm.ready")
            shown.keyboard.press("b")
            shown.keyboard.press("Enter")
            shown.get_by_test_id("diff").wait_for()
            shown.screenshot(path=folder / f"viewer-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
