"""What a conversation about a page shows: the goal, the page as it was shown last, and the actions still in sight."""

import re
from dataclasses import dataclass, field
from typing import Any

from hgm.backbones.builtin import gui_page
from hgm.backbones.builtin.gui_page import Page
from hgm.backbones.builtin.wire import Call, Request, Tool

MAX_TEXT = 60_000
MAX_ACTIONS = 60
_TARGETS = ("bid", "ref", "element", "element_id", "target")
_TROUBLE = re.compile(r"\b(?:error|failed|timeout|invalid|cannot|not found|no such)\b", re.IGNORECASE)
_SAME = re.compile(r"\b(?:nothing|not|no)\b.{0,20}\bchang|\bunchanged\b", re.IGNORECASE)
_CUT = re.compile(r"\[[^\[\]\n]{0,60}\b(?:cut|truncated|omitted|more)\b[^\[\]\n]{0,60}\]")
_GOAL = re.compile(r"^\s*(?:the )?(?:goal|task|instruction|objective)\s*:\s*", re.IGNORECASE)
_NAMED = re.compile(r'"([^"]{1,200})"')


@dataclass(frozen=True)
class Action:
    """One action of the conversation, and what is said to have come of it."""

    name: str
    arguments: dict[str, Any]
    note: str
    """What the model said of it: the name of the element, if it said so."""
    failed: bool = False
    same: bool = False
    """The page is said to be as it was before."""

    @property
    def ref(self) -> str:
        """The element that it was about."""
        return str(self.arguments.get("bid") or self.arguments.get("from_bid") or "")


@dataclass
class Talk:
    """Everything that the messages show."""

    goal: str = ""
    page: Page | None = None
    cut: bool = False
    """The page is not shown in full."""
    actions: list[Action] = field(default_factory=list)
    urged: bool = False
    """It was told to go on, after it had chosen nothing."""
    size: int = 0
    """Characters of all messages."""

    @property
    def last(self) -> Action | None:
        """The latest action in sight."""
        return self.actions[-1] if self.actions else None

    def done(self, ref: str) -> list[Action]:
        """What was done to an element, as far as is known, and did not fail."""
        return [item for item in self.actions if ref and item.ref == ref and not item.failed]

    def said(self, text: str) -> bool:
        """Whether an action was noted to be about something of that name."""
        return bool(text) and any(item.note == text and not item.failed for item in self.actions)


def target(tool: Tool) -> str:
    """The parameter that names an element; empty if there is none."""
    return next((name for name in _TARGETS if name in tool.parameters), "")


def wanted(request: Request) -> bool:
    """Whether the request is about a page: its tools do things to elements."""
    return any(target(tool) for tool in request.tools if re.search(r"click|fill|press|type", tool.name.lower()))


def read(request: Request) -> Talk:
    """Go through the messages once."""
    talk = Talk(size=sum(len(message.text) for message in request.messages))
    meant: dict[str, tuple[Call, str]] = {}
    silent = False
    for message in request.messages:
        text = message.text[:MAX_TEXT]
        if message.role == "assistant":
            named = _NAMED.search(text)
            meant.update((call.id, (call, named[1] if named else "")) for call in message.calls)
            silent, talk.urged = not message.calls, False
        elif message.role == "tool" and message.answers in meant:
            call, note = meant.pop(message.answers)
            talk.actions.append(_outcome(call, note, text))
        elif message.role == "user":
            talk.urged |= silent and gui_page.read(text) is None
        if message.role in ("user", "tool"):
            _shown(talk, text, told=message.role == "user")
    talk.actions = talk.actions[-MAX_ACTIONS:]
    return talk


def _outcome(call: Call, note: str, text: str) -> Action:
    head = text.partition("\n")[0][:300]
    arguments = dict(call.arguments)
    for name in _TARGETS:
        if name in arguments:
            arguments["bid"] = arguments[name]
    return Action(call.name, arguments, note, bool(_TROUBLE.search(head)), bool(_SAME.search(head)))


def _shown(talk: Talk, text: str, told: bool) -> None:
    """A page replaces the one before; the first thing that a user says is the goal."""
    page = gui_page.read(text) if "- " in text else None
    if page is not None:
        talk.page, talk.cut = page, bool(_CUT.search(text[-200:]))
    if told and not talk.goal:
        head = text.partition("\n- ")[0] if page is not None else text
        talk.goal = _GOAL.sub("", head).strip()
