"""Browsers that are kept for the next episode: one per slot, each in a sandbox of its own.

A page is loaded anew for every episode. A browser is started anew after trouble, and after many episodes.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

from evaluators.base import Played, Task
from evaluators.gui.base import Stage
from evaluators.gui.browser import Browser, Equipment, Seen
from evaluators.gui.desktop import Desktop
from evaluators.gui.episode import PlayedEpisode
from evaluators.gui.families import BENCHMARK
from evaluators.gui.pages import INSIDE, OWN, pages_folder
from evaluators.layers import PLAYWRIGHT, browser_program, own_pages, playwright_layer
from hgm.errors import EvaluatorError, SandboxError, SandboxLost
from sandboxes.base import File, Image, Mount, SandboxProvider
from sandboxes.docker import Docker
from sandboxes.images import identity, image_name, is_built
from sandboxes.recipes import Recipe

EPISODES = 200
"""After so many a browser is replaced, for what it may have piled up."""
_CANARY = Played(page="click-test", seed=0, steps=1)
_EXECUTABLES = (
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/bin/chromium-headless-shell",
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
)
_IN_IMAGE = "/usr/bin/chromium-headless-shell"
_FONTS = Path("/etc/fonts")


def open_stage(provider: SandboxProvider, *, run: str, shown_on: Desktop | None = None) -> Stage:
    """Where the episodes of a run are played, in sandboxes of the provider's kind; starts no browser yet.

    They can be watched on a desktop, if there is one to show them on.

    Raises:
        EvaluatorError: what it needs of this machine is missing; says what to do.
        SandboxError: the sandbox's own trouble.
    """
    return Pool(equipped(provider, shown_on=shown_on), run=run)


class Pool:
    """See `evaluators.gui.base.Stage`. Thread-safe."""

    def __init__(self, equipment: Equipment, *, run: str) -> None:
        self._equipment, self._run = equipment, run
        self._browsers: dict[int, Browser] = {}
        self._slots: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._is_closed = False

    @contextmanager
    def episode(self, task: Task, *, job: str, slot: int) -> Iterator[PlayedEpisode]:
        """See `Stage`."""
        if not isinstance(task.grading, Played):
            raise EvaluatorError(f"{task.id} is no task to be played")
        with self._slot(slot):
            browser, begun = self._begun(task.grading, slot)
            episode = PlayedEpisode(task.grading, browser, begun, canary=lambda: self._canary(slot))
            try:
                yield episode
            finally:
                if browser.episodes >= EPISODES:
                    self._drop(slot)

    def close(self) -> None:
        """See `Stage`."""
        with self._lock:
            self._is_closed = True
            browsers, self._browsers = self._browsers, {}
        for browser in browsers.values():
            browser.close()

    def _slot(self, slot: int) -> threading.Lock:
        with self._lock:
            return self._slots[slot]

    def _begun(self, grading: Played, slot: int) -> tuple[Browser, Seen]:
        """A browser that has begun the episode; one that fails is replaced once."""
        try:
            return self._loaded(grading, slot)
        except SandboxLost:
            self._drop(slot)
        try:
            return self._loaded(grading, slot)
        except SandboxLost as error:
            self._drop(slot)
            raise SandboxError(f"the page {grading.page} does not load: {error}") from error

    def _loaded(self, grading: Played, slot: int) -> tuple[Browser, Seen]:
        browser = self._browser(slot)
        return browser, browser.load(grading.page, grading.seed)

    def _canary(self, slot: int) -> None:
        """Return if a new browser, which takes the place of the one there, opens a page."""
        self._drop(slot)
        try:
            self._loaded(_CANARY, slot)
        except SandboxLost as error:
            self._drop(slot)
            raise SandboxError(f"no browser lives on this machine: {error}") from error

    def _browser(self, slot: int) -> Browser:
        if slot not in self._browsers:
            self._keep(slot, Browser(self._equipment, run=self._run, slot=slot))
        return self._browsers[slot]

    def _keep(self, slot: int, browser: Browser) -> None:
        with self._lock:
            if not self._is_closed:
                self._browsers[slot] = browser
                return
        browser.close()
        raise SandboxError("the stage is closed")

    def _drop(self, slot: int) -> None:
        with self._lock:
            browser = self._browsers.pop(slot, None)
        if browser is not None:
            browser.close()


def equipped(provider: SandboxProvider, *, shown_on: Desktop | None = None) -> Equipment:
    """What a browser needs in sandboxes of this kind.

    Raises:
        EvaluatorError: it is missing; says what to do.
        SandboxError: the engine's trouble.
    """
    mounts: tuple[Mount, ...] = (
        Mount(source=pages_folder(), target=INSIDE),
        Mount(source=own_pages(), target=OWN),
        Mount(source=browser_program(), target="/hgm/driver"),
        Mount(source=playwright_layer(), target=PLAYWRIGHT),
    )
    if isinstance(provider, Docker):
        if shown_on is not None:
            raise EvaluatorError("browsers in containers have no desktop: --sandbox bubblewrap")
        made = recipe().image
        if not is_built(provider.engine, made):
            raise EvaluatorError(
                f"the engine has no image {made} for browsers: hgm benchmark images {BENCHMARK} --pull"
            )
        within = provider.within(Image(id=identity(provider.engine, made)))
        return Equipment(provider=within, executable=_IN_IMAGE, mounts=mounts)
    if _FONTS.is_dir():
        mounts = (*mounts, Mount(source=_FONTS, target=str(_FONTS)))
    executable = browser_below_usr(headed=shown_on is not None)
    return Equipment(provider=provider, executable=executable, mounts=mounts, desktop=shown_on)


@cache
def recipe() -> Recipe:
    """What the browser's image is built from: the lab's own image, and a browser."""
    dockerfile = package_files("evaluators").joinpath("images", "browser", "Dockerfile").read_bytes()
    context = {b"Dockerfile": File(dockerfile)}
    return Recipe(repository="hgm-browser", context=context, arguments={"BASE_IMAGE": image_name()})


def browser_below_usr(*, headed: bool = False) -> str:
    """The path of this machine's browser, where a sandbox made with bubblewrap sees it.

    Raises:
        EvaluatorError: there is none, or none that has a window.
    """
    for path in _EXECUTABLES:
        if Path(path).is_file() and not (headed and path.endswith("-headless-shell")):
            return path
    if headed:
        raise EvaluatorError("no browser with a window below /usr: apt-get install chromium")
    raise EvaluatorError("no browser below /usr: apt-get install chromium-headless-shell (or chromium)")
