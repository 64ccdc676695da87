"""A stage without a browser: a page of a few lines that keeps the contract of `evaluators.gui.base`, for its users."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from evaluators.base import Json, Played, Split, Task, Verdict
from evaluators.gui.base import Episode, Observation
from hgm.errors import SandboxError
from trees.records import Outcome

STEPS = 4
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass
class PaperEpisode:
    """Two buttons: e1 is right, e2 is wrong; `cheat` is what a page could be talked into."""

    broken_at: int | None = None
    """The exchange from which on the browser is gone."""
    trouble: type[SandboxError] = SandboxError
    taken: int = 0
    exchanges: int = 0
    found: str = "unfinished"

    def observe(self, *, screenshot: bool = False) -> Observation:
        """See `Episode`."""
        return self._seen("", screenshot)

    def step(self, action: Json, *, screenshot: bool = False) -> Observation:
        """See `Episode`."""
        if self.found != "unfinished":
            return self._seen("the episode is over", screenshot)
        self.taken += 1
        named = action.get("bid") if isinstance(action, dict) and action.get("name") == "click" else None
        self.found = {"e1": "", "e2": "wrong", "cheat": "tampering"}.get(str(named), self.found)
        return self._seen("" if named in ("e1", "e2", "cheat") else f"no such action: {action}", screenshot)

    def verdict(self) -> Verdict:
        """See `Episode`."""
        outcome = Outcome.FAILED if self.found else Outcome.PASSED
        return Verdict(outcome=outcome, cause=self.found)

    def _seen(self, error: str, screenshot: bool) -> Observation:
        self.exchanges += 1
        if self.broken_at is not None and self.exchanges > self.broken_at:
            raise self.trouble("the browser is gone")
        return Observation(
            goal='Click the "right" button.',
            text='- button "right" [ref=e1]\n- button "wrong" [ref=e2]',
            size=(160, 210),
            error=error,
            step=self.taken,
            steps_left=STEPS - self.taken,
            done=self.found != "unfinished",
            screenshot=PIXEL if screenshot else None,
        )


@dataclass
class PaperStage:
    """Plays `PaperEpisode`s, and remembers for whom."""

    make: Callable[[], Episode] = PaperEpisode
    jobs: list[str] = field(default_factory=list)
    playing: int = 0
    is_closed: bool = False

    def episode(self, task: Task, *, job: str, slot: int) -> AbstractContextManager[Episode]:
        """See `Stage`."""
        self.jobs.append(job)
        return self._opened()

    @contextmanager
    def _opened(self) -> Iterator[Episode]:
        self.playing += 1
        try:
            yield self.make()
        finally:
            self.playing -= 1

    def close(self) -> None:
        """See `Stage`."""
        self.is_closed = True


class Stubborn:
    """A stage whose browser does not start, `times` times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.inner = PaperStage()

    def episode(self, task: Task, *, job: str, slot: int) -> AbstractContextManager[Episode]:
        """See `Stage`."""
        if self.left:
            self.left -= 1
            raise SandboxError("no browser")
        return self.inner.episode(task, job=job, slot=slot)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class OnePage:
    """A benchmark of one graphical task."""

    deadline_s: float = 20.0
    name: str = "pages"

    def fingerprint(self) -> str:
        return "pages"

    def tasks(self, split: Split) -> tuple[str, ...]:
        return ("g-button",) if split is Split.SEARCH else ()

    def task(self, task_id: str) -> Task:
        return Task(
            id=task_id,
            benchmark=self.name,
            split=Split.SEARCH,
            statement="Do what the page asks for.",
            workspace={},
            test_command=(),
            grading=Played(page="click-test", seed=1, steps=STEPS),
            reference={},
            groups={"family": "button"},
            deadline_s=self.deadline_s,
        )
