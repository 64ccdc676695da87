"""One play of one task: what the agent names is checked here, done in the browser, and judged by the page."""

from collections.abc import Callable

from evaluators.base import Json, Played, Verdict
from evaluators.gui.actions import Refusal, checked
from evaluators.gui.base import Observation
from evaluators.gui.browser import SIZE, Browser, Seen
from hgm.errors import SandboxLost
from trees.records import Outcome

_OVER = "the episode is over"
_LOST = "the page does not answer any more"
_ELSEWHERE = "elsewhere"
_ENDS = ("report_infeasible",)
"""Actions after which nothing follows."""


class PlayedEpisode:
    """See `evaluators.gui.base.Episode`."""

    def __init__(self, grading: Played, browser: Browser, begun: Seen, *, canary: Callable[[], None]) -> None:
        """`begun` is the browser's answer to loading the page; `canary` raises SandboxError if no browser can live."""
        self._grading, self._browser, self._canary = grading, browser, canary
        self._goal = begun.goal
        self._text = ""
        self._step = 0
        self._first: float | None = None
        self._away = ""
        self.is_lost = False
        """The browser is of no more use, through what the agent did."""
        self._is_given_up = False
        self._note(begun)

    def observe(self, *, screenshot: bool = False) -> Observation:
        """See `Episode`."""
        if self._is_over:
            return self._observation(Seen(text=self._text))
        return self._observation(self._try(lambda: self._browser.observe(screenshot=screenshot)))

    def step(self, action: Json, *, screenshot: bool = False) -> Observation:
        """See `Episode`."""
        if self._is_over:
            return self._observation(Seen(text=self._text, error=_OVER))
        self._step += 1
        try:
            wanted = checked(action, SIZE)
        except Refusal as refusal:
            seen = self._try(lambda: self._browser.observe(screenshot=screenshot))
            return self._observation(seen, error=str(refusal))
        if wanted["name"] in _ENDS:
            self._is_given_up = True
            return self._observation(Seen(text=self._text))
        if wanted["name"] == "send_msg_to_user":
            return self._observation(self._try(lambda: self._browser.observe(screenshot=screenshot)))
        return self._observation(self._try(lambda: self._browser.act(wanted, screenshot=screenshot)))

    def verdict(self) -> Verdict:
        """See `Episode`."""
        if not self._is_over:
            self._try(lambda: self._browser.observe(screenshot=False))
        self._is_given_up = True
        if self._first is not None and self._first >= 1:
            return Verdict(outcome=Outcome.PASSED)
        return Verdict(outcome=Outcome.FAILED, cause=self._cause())

    def _cause(self) -> str:
        if self._away == _ELSEWHERE:
            return "tampering"
        if self._first is not None:
            return "wrong"
        return "crashed" if self.is_lost else "unfinished"

    @property
    def _is_over(self) -> bool:
        is_used_up = self._step >= self._grading.steps
        return self._first is not None or bool(self._away) or self.is_lost or self._is_given_up or is_used_up

    def _try(self, ask: Callable[[], Seen]) -> Seen:
        """What the browser answers; where it is lost and another one lives, that was the agent's doing."""
        try:
            seen = ask()
        except SandboxLost:
            self.is_lost = True
            self._canary()
            return Seen(error=_LOST)
        self._note(seen)
        return seen

    def _note(self, seen: Seen) -> None:
        self._text = seen.text or self._text
        if self._first is None and not self._away:
            self._first, self._away = seen.first, seen.away

    def _observation(self, seen: Seen, *, error: str = "") -> Observation:
        told = "; ".join(filter(None, (error or seen.error, *seen.notes)))
        return Observation(
            goal=self._goal,
            text=seen.text,
            size=SIZE,
            error=told,
            step=self._step,
            steps_left=max(0, self._grading.steps - self._step),
            done=self._is_over,
            screenshot=seen.screenshot,
        )
