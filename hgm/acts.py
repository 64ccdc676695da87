"""What an agent did in its environment, from its trajectory: observations, actions and what came of each.

All of it is an agent's and a page's words: whoever shows it bounds and escapes it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hgm.text import one_line, quote
from hgm.trajectories import read

MOST = 120
"""Exchanges of one episode that are held: a quarter from its beginning, the rest from its end."""
_EVENTS = ("lease opened", "env asked", "env answered", "env screenshot")
_ACTION_CHARS = 400
ANSWERED = 200


@dataclass(frozen=True, kw_only=True)
class Act:
    """One exchange: a step, or an observation without one."""

    is_step: bool
    action: Any = None
    """As the agent gave it, whatever it is; None for an observation."""
    status: int | None = None
    """None: it was never answered."""
    goal: str = ""
    text: str = ""
    error: str = ""
    step: int = 0
    is_done: bool = False
    screenshot: str = ""
    """A data: URL, where one was asked for and kept."""

    @property
    def words(self) -> str:
        """The action on one line."""
        return one_line(json.dumps(self.action, ensure_ascii=False), _ACTION_CHARS) if self.is_step else "(looks)"


class Played(NamedTuple):
    """The exchanges of one episode, in their order."""

    first: Sequence[Act] = ()
    last: Sequence[Act] = ()
    omitted: int = 0
    """How many were left out between the two."""

    @property
    def acts(self) -> list[Act]:
        """All that are held."""
        return [*self.first, *self.last]


def acts(trajectory: Path, *, most: int = MOST) -> Played:
    """The exchanges of the lease opened last; none for a job without an environment.

    However many there were, no more than `most` are held.

    Raises:
        GatewayError: the trajectory is missing or damaged.
    """
    first: dict[int, dict[str, Any]] = {}
    last: dict[int, dict[str, Any]] = {}
    omitted = 0
    for record in read(trajectory, events=_EVENTS):
        if record["event"] == "lease opened":
            first, last, omitted = {}, {}, 0
            continue
        index = record["index"]
        if record["event"] == "env asked":
            (first if len(first) < most // 4 else last)[index] = {}
            if len(last) > most - most // 4:
                del last[next(iter(last))]
                omitted += 1
        for kept in (first, last):
            if index in kept:
                kept[index][record["event"]] = record
    return Played([_act(told) for told in first.values()], [_act(told) for told in last.values()], omitted)


def _act(told: Mapping[str, Mapping[str, Any]]) -> Act:
    asked, answered = told["env asked"], told.get("env answered", {})
    seen = answered.get("observation") or {}
    return Act(
        is_step=asked["what"] == "step",
        action=asked.get("action"),
        status=answered.get("status"),
        goal=str(seen.get("goal", "")),
        text=str(seen.get("text", "")),
        error=str(seen.get("error", "")),
        step=seen.get("step", 0),
        is_done=bool(seen.get("done")),
        screenshot=str(told.get("env screenshot", {}).get("url", "")),
    )


def told(played: Played, *, chars: int) -> Iterator[str]:
    """The episode as evidence: a paragraph for each exchange, in which what agent and page said is quoted.

    What has not changed on the page since the last exchange is not said again.
    """
    before: str | None = None
    for number, act in enumerate(played.acts):
        if played.omitted and number == len(played.first):
            yield f"({played.omitted} exchanges left out)"
            before = None
        yield "\n".join(_lines(act, before, chars))
        before = act.text if act.status == ANSWERED else before


def _lines(act: Act, before: str | None, chars: int) -> Iterator[str]:
    yield "It acts:\n" + quote(act.words, _ACTION_CHARS) if act.is_step else "It looks."
    if act.status != ANSWERED:
        yield "It got no answer." if act.status is None else f"It was refused, with status {act.status}."
        return
    if act.error:
        yield "That did nothing:\n" + quote(act.error, chars)
    yield "The page is as before." if act.text == before else "The page:\n" + quote(act.text, chars)
    if act.is_done:
        yield "The episode is over."


def looks(played: Played, *, most: int) -> list[str]:
    """The last pictures of an episode, as data: URLs."""
    return [act.screenshot for act in played.acts if act.screenshot][-most:]
