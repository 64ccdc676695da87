"""MiniWoB++: small web pages, each with a goal that the page itself checks. See `evaluators.gui`."""

import hashlib
from functools import cached_property
from importlib import metadata
from pathlib import Path

from evaluators.base import Environment, Played, Split, Task
from evaluators.gui.families import BENCHMARK, FAMILY_OF, split_of_family
from evaluators.gui.pages import EXCLUDED, SOUND, pages_digest, pages_folder
from evaluators.gui.pool import recipe
from evaluators.layers import GUI_EXTRA
from hgm.errors import EvaluatorError

NAME = BENCHMARK
SEEDS = 5
STEPS = 30
_CODE = (
    "miniwob.py",
    "inside/browser.js",
    *(f"gui/{name}.py" for name in ("actions", "browser", "episode", "families", "pages", "pool")),
)
_STATEMENT = (
    "A web page is open. Observe it, read its goal, and do what the goal says, one action after the other. The page "
    "decides when it is done, and whether it was done right; its first decision counts.\n"
)


class MiniwobBenchmark:
    """All sound pages with a few seeds each."""

    name = NAME
    refused = EXCLUDED
    """Pages that are no tasks, and why."""

    def __init__(self, *, seeds: int = SEEDS, steps: int = STEPS) -> None:
        """`seeds` tasks per page, of at most `steps` actions each.

        Raises:
            EvaluatorError: the pages or Playwright are not installed, or a number is out of range.
        """
        if not 1 <= seeds <= 1000 or not 1 <= steps <= 1000:
            raise EvaluatorError("miniwob takes seeds and steps from 1 to 1000")
        self._seeds, self._steps = seeds, steps
        pages_folder()
        metadata_of("playwright")

    @property
    def beside(self) -> tuple[Environment, ...]:
        """The browser's image, needed where sandboxes are containers."""
        made = recipe()
        return (Environment(image=made.image, recipe=made, is_ours=True),)

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(pages_digest().encode())
        for name in _CODE:
            digest.update((Path(__file__).parent / name).read_bytes())
        told = (SOUND, self._seeds, self._steps, metadata_of("miniwob"), metadata_of("playwright"))
        return hashlib.sha256(digest.digest() + repr(told).encode()).hexdigest()

    def fingerprint(self) -> str:
        return self._fingerprint

    def tasks(self, split: Split) -> tuple[str, ...]:
        pages = [page for page in SOUND if split_of_family(FAMILY_OF[page]) == split]
        # Seed by seed: the first few of a split, which is all that many runs take, are of as many pages.
        return tuple(f"{page}@{seed}" for seed in range(self._seeds) for page in pages)

    def task(self, task_id: str) -> Task:
        page, _, seed = task_id.partition("@")
        if page not in SOUND or seed not in map(str, range(self._seeds)):
            raise EvaluatorError(f"no such task in {NAME}: {task_id}")
        return Task(
            id=task_id,
            benchmark=NAME,
            split=split_of_family(FAMILY_OF[page]),
            statement=_STATEMENT,
            workspace={},
            test_command=(),
            grading=Played(page=page, seed=int(seed), steps=self._steps),
            reference={},
            name=task_id,
            groups={"family": FAMILY_OF[page], "page": page},
        )


def metadata_of(distribution: str) -> str:
    """The version of an installed distribution.

    Raises:
        EvaluatorError: it is not installed.
    """
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError as error:
        raise EvaluatorError(f"{distribution} is not installed: {GUI_EXTRA}") from error
