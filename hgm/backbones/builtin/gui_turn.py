"""One call about a page: what is known, the rules that are heeded, the draw, and the ways to answer."""

from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from hgm.backbones.builtin import gui_match, gui_talk
from hgm.backbones.builtin.gui_habits import Act, Rule, When
from hgm.backbones.builtin.gui_page import Element, Page
from hgm.backbones.builtin.gui_talk import Talk
from hgm.backbones.builtin.wire import Reply, Tool

SAY = 0.5
WAIT_MS = 500
CARE = {True: 1.3, None: 1.0, False: 0.6}


class Status(Enum):
    """What becomes of a part of the goal where there is nothing to do."""

    DONE = "done"
    MISSING = "missing"
    """What it needs is not on the page."""


@dataclass(frozen=True)
class Move:
    """An action."""

    name: str
    arguments: dict[str, Any]
    about: str
    """What the goal calls the thing that it is about."""


@dataclass
class Turn:
    """One call."""

    talk: Talk
    page: Page
    tools: dict[str, Tool]
    rules: list[Rule]
    rng: Random
    told: bool
    """Whether anything is said about how to work."""
    unseen: bool = field(default=False)
    """Something was looked for and not found."""

    def occasion(self, when: When) -> bool:
        """Whether an occasion of a line is now."""
        last = self.talk.last
        return {
            When.ALWAYS: True,
            When.START: last is None,
            When.ERROR: last is not None and last.failed,
            When.UNCHANGED: last is not None and last.same,
            When.UNSEEN: self.unseen,
            When.END: False,
            When.CUT: self.talk.cut,
        }[when]

    def asked(self, act: Act) -> bool | None:
        """What the first heeded line about an act says now; None if none does."""
        return next((rule.wanted for rule in self.rules if rule.act is act and self.occasion(rule.when)), None)

    def chance(self, act: Act, tendency: float) -> bool:
        """Whether it does an act: as it was asked to, else by tendency."""
        asked = self.asked(act)
        drawn = self.rng.random()
        return drawn < (tendency if asked is None else 0.97 if asked else 0.02)

    def choose(self, scored: list[tuple[float, Element]]) -> Element | None:
        """One of the elements that might be meant."""
        return gui_match.choose(scored, self.rng, size=self.talk.size, care=CARE[self.asked(Act.CARE)])

    def click(self, element: Element, about: str) -> Move:
        """Press an element."""
        return Move("click", {"bid": element.ref}, about)

    def wait(self) -> Move:
        """Let the page go on by itself."""
        tool = self.tools.get("noop")
        return Move("noop", {"wait_ms": WAIT_MS} if tool and "wait_ms" in tool.parameters else {}, "wait")

    def reply(self, move: Move) -> Reply | None:
        """A move as an answer; None where the agent offers no such action."""
        tool = self.tools.get(move.name)
        if tool is None:
            return None
        arguments = dict(move.arguments)
        named = gui_talk.target(tool)
        if named and "bid" in arguments:
            arguments[named] = arguments.pop("bid")
        doing = f'I {move.name.replace("_", " ")} "{move.about}".' if self.chance(Act.SAY, SAY) else "I go on."
        return Reply(doing, tool.name, arguments)
