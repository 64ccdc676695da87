"""What a conversation shows: files, the model's own edits to them, test reports. What it does not show is not known."""

import json
import re
from dataclasses import dataclass, field, replace

from hgm.backbones.builtin import toolbox
from hgm.backbones.builtin.reports import Report, read_report
from hgm.backbones.builtin.wire import Message, Request

MAX_TEXT = 60_000
"""Characters of one message that are looked at; what is beyond is as good as unread."""
_CUT = re.compile(
    r"\n[ \t]*(?:\[|\(|<|\.\.\.|…)[^\n]{0,60}"
    r"\b(?:cut|truncated|omitted|more|shortened|elided|hidden|skipped)\b[^\n]{0,80}"
)
_TROUBLE = re.compile(
    r"\b(?:error|not found|no match|no such|failed|traceback|denied|cannot|invalid|0 places)\b|occurs \d+ times",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(r"\b(?:undone|reverted|restored|rolled back|taken back)\b", re.IGNORECASE)
_SHOW = re.compile(r"^\s*(?:cat|head|nl)\s+(?:-\S+\s+(?:\d+\s+)?)?'?([\w./-]+)'?\s*$")
_PART = re.compile(r"^\s*sed -n '?(\d+),(\d+)p'?\s+'?([\w./-]+)'?\s*$")
_LIST = re.compile(r"^\s*(?:ls|find|git ls-files|tree)\b")
_PATH_LINE = re.compile(r"^[\s#=>*`<-]{0,8}(?:[Ff]ile:? )?`?([\w./-]{1,120}\.\w{1,5})`?[\s=<*`:-]{0,8}$")


@dataclass(frozen=True)
class Sheet:
    """What is known of one file: the texts seen of it, in order; several where the middle is missing."""

    parts: tuple[str, ...]
    complete: bool

    def count(self, text: str) -> int:
        """How often a text occurs in what is known."""
        return sum(part.count(text) for part in self.parts)

    def swapped(self, old: str, new: str) -> "Sheet":
        """With the first occurrence replaced."""
        parts = list(self.parts)
        for number, part in enumerate(parts):
            if old in part:
                parts[number] = part.replace(old, new, 1)
                break
        return replace(self, parts=tuple(parts))


@dataclass
class Knowledge:
    """Everything that the messages show, in the order in which they show it."""

    files: dict[str, Sheet] = field(default_factory=dict)
    listed: dict[str, None] = field(default_factory=dict)
    looked: bool = False
    """Whether the files were listed."""
    applied: list[toolbox.Edit] = field(default_factory=list)
    """Edits that stand, as far as is known; the latest last."""
    tried: list[toolbox.Edit] = field(default_factory=list)
    """All edits ever proposed."""
    undone: int = 0
    reports: list[Report] = field(default_factory=list)
    fresh: bool = False
    """The last report is about the files as they are now."""
    commands: list[str] = field(default_factory=list)
    refused: bool = False
    """The last edit was not accepted."""
    missing: set[str] = field(default_factory=set)
    """Paths that could not be shown."""
    cut: bool = False
    """The latest output was shortened."""
    last: str = ""
    """What the last call was: edit, undo, test, read, list, run, or empty."""
    silent: int = 0
    """How many answers came without a call."""

    @property
    def report(self) -> Report | None:
        """The latest report."""
        return self.reports[-1] if self.reports else None


def read(request: Request) -> Knowledge:
    """Go through the messages once."""
    known = Knowledge()
    meant: dict[str, toolbox.Edit | toolbox.Undo | toolbox.Shell | None] = {}
    fenced: toolbox.Edit | toolbox.Shell | None = None
    for number, message in enumerate(request.messages):
        text = message.text[:MAX_TEXT]
        if message.role == "assistant":
            meant.update((call.id, toolbox.read(call)) for call in message.calls)
            fenced = None if message.calls else toolbox.read_text(message)
            known.silent += not message.calls and fenced is None
        elif message.role == "tool":
            _outcome(known, meant.get(message.answers), text)
        elif message.role == "user" and fenced is not None:
            _outcome(known, fenced, text)
            fenced = None
        elif message.role == "user":
            _told(known, text, first=number <= 1)
    return known


def instructions(messages: tuple[Message, ...]) -> str:
    """The text that says how to work."""
    return "\n".join(message.text for message in messages if message.role in ("system", "developer"))[:MAX_TEXT]


def statement(messages: tuple[Message, ...]) -> str:
    """The text that says what to do."""
    return next((message.text[:MAX_TEXT] for message in messages if message.role == "user"), "")


def _outcome(known: Knowledge, meant: toolbox.Edit | toolbox.Undo | toolbox.Shell | None, text: str) -> None:
    text = _plain(text)
    known.cut = bool(_CUT.search(text))
    if isinstance(meant, toolbox.Edit):
        _edited(known, meant, text)
    elif isinstance(meant, toolbox.Undo):
        known.last = "undo"
        if not _TROUBLE.search(text.partition("\n")[0][:160]):
            _take_back(known)
    elif isinstance(meant, toolbox.Shell):
        _ran(known, meant.command, text)
    _report(known, text)


def _edited(known: Knowledge, edit: toolbox.Edit, text: str) -> None:
    known.last = "edit"
    opposite = bool(known.applied) and (known.applied[-1].new, known.applied[-1].old) == (edit.old, edit.new)
    if not opposite:
        known.tried.append(edit)
    known.refused = bool(_TROUBLE.search(text.partition("\n")[0][:160]) or _TAKEN_BACK.search(text))
    if known.refused:
        if known.files.get(edit.path) and "occurs 0" in text:
            del known.files[edit.path]  # it is not what it was thought to be: look again
        return
    sheet = known.files.get(edit.path)
    if sheet is not None:
        known.files[edit.path] = sheet.swapped(edit.old, edit.new)
    if opposite:
        known.applied.pop()
        known.undone += 1
    else:
        known.applied.append(edit)
    known.fresh = False


def _take_back(known: Knowledge) -> None:
    known.fresh = False
    known.undone += 1
    if not known.applied:
        known.files.clear()  # something that is no longer in sight changed: look again
        return
    edit = known.applied.pop()
    sheet = known.files.get(edit.path)
    if sheet is not None:
        known.files[edit.path] = sheet.swapped(edit.new, edit.old)


def _ran(known: Knowledge, command: str, text: str) -> None:
    known.commands.append(command)
    known.last = "run"
    part = _PART.match(command)
    show = part or _SHOW.match(command)
    if show:
        known.last = "read"
        path = show[show.re.groups].removeprefix("./")
        if re.match(r"(?:cat|head|nl|sed): |error", text) or not text.strip():
            known.missing.add(path)
        else:
            known.files[path] = _sheet(text, known.files.get(path) if part else None)
    elif _LIST.match(command):
        known.last, known.looked = "list", True
        paths = (line.strip().removeprefix("./") for line in text.splitlines()[:400])
        known.listed.update((path, None) for path in paths if re.fullmatch(r"[\w./-]{1,120}", path))


def _sheet(text: str, before: Sheet | None) -> Sheet:
    """Where a text is cut, the lines at the cut are not whole: they are left out."""
    pieces = _CUT.split(text)
    for place in range(len(pieces) - 1):
        pieces[place] = pieces[place].rpartition("\n")[0]
        pieces[place + 1] = pieces[place + 1].lstrip("\n").partition("\n")[2]
    parts = tuple(piece.strip("\n") + "\n" for piece in pieces if piece.strip())
    return Sheet((*before.parts, *parts) if before else parts, complete=len(pieces) == 1)


def _report(known: Knowledge, text: str) -> None:
    report = read_report(text)
    if report is not None:
        known.reports.append(report)
        known.fresh = True
        if known.last == "run":
            known.last = "test"


def _told(known: Knowledge, text: str, *, first: bool) -> None:
    if not first and _TAKEN_BACK.search(text[:400]):
        _take_back(known)
    _attached(known, text)
    _report(known, text)


def _attached(known: Knowledge, text: str) -> None:
    """Files that a message carries: a line with the path, then the text, fenced or up to the next such line."""
    path, lines, fenced = "", list[str](), False
    for line in [*text.splitlines(), None]:
        heading = _PATH_LINE.match(line) if line is not None and not fenced else None
        if heading or line is None:
            if path and any(line.strip() for line in lines):
                known.files[path] = _sheet("\n".join(lines), None)
            elif path:
                known.listed[path] = None
            path, lines = heading[1].removeprefix("./") if heading else "", []
        elif path and line.startswith("```"):
            if fenced:
                known.files[path] = _sheet("\n".join(lines), None)
                path = ""
            fenced, lines = not fenced, []
        elif path:
            lines.append(line)


def _plain(text: str) -> str:
    """A tool's output without the wrapping that some agents put around it."""
    _, opened, rest = text.partition("<output>")
    inside, closed, _ = rest.partition("</output>")
    if opened and closed:
        return inside.strip("\n")
    if text.startswith("{"):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return text
        found = [data.get(key) for key in ("output", "stdout", "content", "result")] if isinstance(data, dict) else []
        return next((value for value in found if isinstance(value, str)), text)
    return text
