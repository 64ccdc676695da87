"""Self-modification: an agent's own files are in sight, and something about them is to be changed.

It looks around, reads a few files as far as the agent shows them, and proposes one small edit at a time from the
grammar in `rewrites`. Half of the proposals fall anywhere; the other half where the words of the brief occur. It does
not know what is good: no line, constant or function is labelled.
"""

import re
import shlex
from collections.abc import Iterator

from hgm.backbones.builtin import conversation, rewrites, toolbox
from hgm.backbones.builtin.conversation import Knowledge, Sheet
from hgm.backbones.builtin.habits import Act
from hgm.backbones.builtin.rewrites import Rewrite
from hgm.backbones.builtin.solver import Turn, test_command
from hgm.backbones.builtin.wire import Reply

READ_ON = 0.45
READ_REST = 0.4
GO_ON = 0.3
TEST = 0.5
UNDO = 0.6
GUIDED = 0.5
TRIES = 12
NEARBY = 160
"""Characters on both sides of a place in which words of the brief count for it."""
_LIST = "find . -type f -not -path '*/.*'"
_CODE = re.compile(r"\.(?:py|md|txt|j2|jinja|ya?ml)$")
_ASIDE = re.compile(r"(?:^|/)(?:tests?/|test_|README|CHANGELOG|LICENSE|docs?/|agent\.toml)|_test\.py$")
_RED = re.compile(r"\[exit status [1-9]|Traceback \(most recent|^FAILED|Error:", re.MULTILINE)
_WORD = re.compile(r"[a-z]{4,}")
_COMMON = frozenset(
    {
        "this", "that", "with", "from", "have", "been", "what", "when", "which",
        "agent", "code", "change", "tasks", "task", "work", "works", "must", "more",
        "than", "they", "their", "them", "same", "into", "only", "every", "also",
        "does", "itself", "about", "keep", "source", "complete", "repository", "workspace", "programming",
        "python", "pass", "passed", "failed", "observed", "self", "test", "main", "stay",
    }
)  # fmt: skip


def act(turn: Turn) -> Reply:
    """The next step towards a changed agent."""
    known = turn.known
    if not known.looked and not known.files:
        return toolbox.shell(turn.box, _LIST, "I look at what there is.")
    if known.last == "edit" and known.refused:
        return _read(turn, known.tried[-1].path) if turn.rng.random() < 0.5 else _edit(turn)
    if known.applied:
        return _after_edit(turn)
    unread = _unread(known)
    if unread and (not known.files or turn.rng.random() < READ_ON):
        return _read(turn, _pick(turn, unread))
    cut = [path for path, sheet in known.files.items() if not sheet.complete and len(sheet.parts) < 4]
    if cut and turn.rng.random() < READ_REST:
        return _read_rest(turn, turn.rng.choice(cut))
    return _edit(turn)


def _after_edit(turn: Turn) -> Reply:
    """An edit stands: test it, take it back, make another one, or stop."""
    known = turn.known
    if known.last == "edit" and turn.chance(Act.TEST, TEST):
        command = test_command(turn)
        if command:
            return toolbox.shell(turn.box, command, "I test the changed agent.")
    if known.last in ("test", "run") and _broken(turn) and turn.chance(Act.UNDO, UNDO):
        return toolbox.undo(turn.box, known.applied[-1], "That broke it; I take it back.")
    if turn.rng.random() < GO_ON:
        return _edit(turn)
    return toolbox.finish(turn.box, "I have changed how I work.")


def _broken(turn: Turn) -> bool:
    latest = next((message.text for message in reversed(turn.request.messages) if message.role != "assistant"), "")
    return bool(_RED.search(latest[:20_000]))


def _unread(known: Knowledge) -> list[str]:
    return [
        path
        for path in known.listed
        if _CODE.search(path) and not _ASIDE.search(path) and path not in known.files and path not in known.missing
    ]


def _pick(turn: Turn, paths: list[str]) -> str:
    words = _brief(turn)
    weights = [1.0 + 2.0 * len(words & set(_WORD.findall(path.lower()))) for path in paths]
    return turn.rng.choices(paths, weights)[0]


def _read(turn: Turn, path: str) -> Reply:
    return toolbox.shell(turn.box, toolbox.show_command(path), f"I read {path}.")


def _read_rest(turn: Turn, path: str) -> Reply:
    start = turn.rng.choice((20, 40, 60, 80))
    command = f"sed -n '{start},{start + 40}p' {shlex.quote(path)}"
    return toolbox.shell(turn.box, command, f"I read more of {path}.")


def _edit(turn: Turn) -> Reply:
    for path, rewrite, old, new in _proposals(turn):
        change = toolbox.Edit(path, old, new)
        if change not in turn.known.tried and old != new:
            return toolbox.edit(turn.box, change, f"I change {path}: {rewrite.kind}.")
    unread = _unread(turn.known)
    if unread:
        return _read(turn, turn.rng.choice(unread))
    return toolbox.finish(turn.box, "I see nothing to change.")


def _proposals(turn: Turn) -> Iterator[tuple[str, Rewrite, str, str]]:
    """Edits in the order in which they occur to it."""
    known, rng = turn.known, turn.rng
    files = {path: sheet for path, sheet in known.files.items() if _CODE.search(path) and not _ASIDE.search(path)}
    words = _brief(turn) if rng.random() < GUIDED else set[str]()
    found = [
        (path, sheet, rewrite) for path, sheet in files.items() for rewrite in rewrites.of(path, sheet, files, rng)
    ]
    for _ in range(TRIES if found else 0):
        family = rng.choice(sorted({rewrite.family for _, _, rewrite in found}))
        members = [item for item in found if item[2].family == family]
        weights = [_weight(item, words) for item in members]
        path, sheet, rewrite = rng.choices(members, weights)[0]
        edit = rewrites.as_edit(sheet, rewrite)
        if edit is not None:
            yield path, rewrite, *edit


def _weight(item: tuple[str, Sheet, Rewrite], words: set[str]) -> float:
    """1 anywhere; more where words of the brief stand around."""
    if not words:
        return 1.0
    path, _, rewrite = item
    around = rewrite.part[max(0, rewrite.start - NEARBY) : rewrite.end + NEARBY].lower()
    near = set(_WORD.findall(f"{path} {rewrite.text} {around}".lower()))
    return 1.0 + 3.0 * len(words & near)


def _brief(turn: Turn) -> set[str]:
    return set(_WORD.findall(conversation.statement(turn.request.messages).lower())) - _COMMON
