"""Browsers that are kept for the next episode: one per slot, each in a sandbox of its own.

A page is loaded anew for every episode. A browser is started anew after trouble, and after many episodes.
"""

import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluators.base import Played, Task
from evaluators.gui.base import Stage
from evaluators.gui.browser import Browser, Equipment, Seen
from evaluators.gui.episode import PlayedEpisode
from evaluators.gui.pages import INSIDE, pages_folder
from evaluators.layers import PLAYWRIGHT, browser_program, playwright_layer
from hgm.errors import EvaluatorError, SandboxError, SandboxLost
from sandboxes.base import Mount, SandboxProvider

EPISODES = 200
"""After so many a browser is replaced, for what it may have piled up."""
_CANARY = Played(page="click-test", seed=0, steps=1)
_EXECUTABLES = (
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/bin/chromium-headless-shell",
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/usr/bin/google-chrome",
)


def open_stage(provider: SandboxProvider, *, run: str) -> Stage:
    """Where the episodes of a run are played, in sandboxes of the provider's kind; starts no browser yet.

    Raises:
        EvaluatorError: what it needs of this machine is missing; says what to do.
        SandboxError: the sandbox's own trouble.
    """
    return Pool(equipped(provider), run=run)


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


def equipped(provider: SandboxProvider) -> Equipment:
    """What a browser needs in sandboxes of this kind.

    Raises:
        EvaluatorError: it is missing; says what to do.
    """
    common = (
        Mount(source=pages_folder(), target=INSIDE),
        Mount(source=browser_program(), target="/hgm/driver"),
    )
    own = Mount(source=playwright_layer(), target=PLAYWRIGHT)
    fonts = (Mount(source=Path("/etc/fonts"), target="/etc/fonts"),) if Path("/etc/fonts").is_dir() else ()
    return Equipment(
        provider=provider,
        python=_python(provider),
        executable=_executable(),
        mounts=(*common, own, *fonts),
    )


def _executable() -> str:
    for path in _EXECUTABLES:
        if Path(path).is_file():
            return path
    raise EvaluatorError("no browser below /usr: apt-get install chromium-headless-shell (or chromium)")


def _python(provider: SandboxProvider) -> str:
    """An interpreter below /usr that the installed Playwright was made for."""
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    for path in (provider.python, f"/usr/bin/python{wanted}", f"/usr/local/bin/python{wanted}"):
        if shutil.which(path) and _version(path) == wanted:
            return path
    raise EvaluatorError(
        f"the installed Playwright is for Python {wanted}, and there is none below /usr for its sandbox: "
        f"apt-get install python{wanted}, or --sandbox docker"
    )


def _version(python: str) -> str:
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    told = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, env={})
    return told.stdout.strip()
