"""What to do next about an agent's own repository: look at some of its files, change one to four things, stop.

At least half of all proposals are drawn from the grammar with every place alike; the others prefer places whose code,
comments and names share words with the brief. Nothing here knows which change helps.
"""

import re
from random import Random

from hgm.backbones.builtin import conversation, selfedit, solver, toolbox
from hgm.backbones.builtin.conversation import Knowledge, Sheet
from hgm.backbones.builtin.habits import Act
from hgm.backbones.builtin.solver import Turn
from hgm.backbones.builtin.source import Candidate, Source, tree_after, unique
from hgm.backbones.builtin.toolbox import Edit
from hgm.backbones.builtin.wire import Reply

GENERIC = 0.55
"""Share of proposals for which the brief plays no part."""
MORE = 0.8
"""Chance of a further change after one."""
MOST = 4
FILES = 2
"""So many files it looks at, where the agent lets it, before it changes anything."""
TEST = 0.4
UNDO = 0.8
ATTEMPTS = 40
LIST = "find . -type f -not -path './.git/*' | sort | head -80"
_CODE = re.compile(r"\.py$")
_PROMPT = re.compile(r"\.(?:md|txt|prompt|j2|jinja)$")
_LEFT_ALONE = re.compile(
    r"(?:^|/)(?:tests?/|test_|docs?/|README|CHANGELOG|LICENSE|CONTRIBUTING|requirements|\.)|_test\.py$", re.I
)
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "the and that this with for from are was were its it not but all any has have had will would can could should "
        "may agent code change file source more than then them they when what which into only some your you how one "
        "two of to in is be by on at an as or if no so do",
    )
)


def act(turn: Turn) -> Reply:
    """The next step."""
    known, rng = turn.known, turn.rng
    changes = len(known.applied)
    if changes and _broken(turn) and turn.chance(Act.UNDO, UNDO):
        return toolbox.undo(turn.box, known.applied[-1], "That breaks something; I take it back.")
    if known.refused and known.last == "edit":
        known.files.pop(known.tried[-1].path, None)
    if changes and not known.refused and (changes >= MOST or rng.random() > MORE):
        return _close(turn)
    unread = _unread(known)
    if not known.looked and not known.listed and not known.files:
        return toolbox.shell(turn.box, LIST, "I look at my files.")
    seen = [path for path in known.files if editable(path)]
    if unread and len(seen) < FILES and not (seen and rng.random() < 0.15):
        path = _pick(unread, turn)
        return toolbox.shell(turn.box, toolbox.show_command(path), f"I look at {path}.")
    cut = [path for path in seen if not known.files[path].complete]
    if cut and rng.random() < 0.3 and len(known.commands) < 8:
        path = rng.choice(cut)
        first = sum(part.count("\n") for part in known.files[path].parts) + 1
        return toolbox.shell(turn.box, f"sed -n '{first},{first + 60}p' {path}", f"I look at the rest of {path}.")
    change = propose(turn)
    if change is None:
        return toolbox.finish(turn.box, "I find nothing to change.")
    return toolbox.edit(turn.box, change, f"I change {change.path}.")


def propose(turn: Turn) -> Edit | None:
    """One change to the files in sight."""
    rng = turn.rng
    brief = "" if rng.random() < GENERIC else conversation.statement(turn.request.messages)
    files = {path: sheet for path, sheet in turn.known.files.items() if editable(path)}
    return draw(files, brief, rng, others=tuple(turn.known.listed))


def draw(files: dict[str, Sheet], brief: str, rng: Random, others: tuple[str, ...] = ()) -> Edit | None:
    """One change of the grammar; an empty brief weighs all places alike. `others`: paths of files not in sight."""
    wanted = words(_observed(brief)) - _STOP_WORDS
    pool: dict[str, list[tuple[str, Source | None, str, Candidate]]] = {}
    defined: dict[str, tuple[selfedit.Function, ...]] = {_module(path): () for path in others if _CODE.search(path)}
    for path, sheet in files.items():
        for part in sheet.parts if _CODE.search(path) else ():
            defined[_module(path)] = (*defined.get(_module(path), ()), *selfedit.functions(part))
    elsewhere = tuple(sorted(defined.items()))
    for path, sheet in files.items():
        for part in sheet.parts:
            if _CODE.search(path):
                changes = selfedit.code_changes(part, elsewhere)
                source, groups = changes if changes else (None, {})
                text = source.text if source else part
            else:
                source, groups, text = None, selfedit.line_changes(part, rng), part
            for group, candidates in groups.items():
                pool.setdefault(group, []).extend((path, source, text, candidate) for candidate in candidates)
    present = [group for group in selfedit.GROUPS if pool.get(group)]
    for _ in range(ATTEMPTS if present else 0):
        group = rng.choices(present, [selfedit.GROUPS[group] for group in present])[0]
        chances = [_weight(entry, wanted) for entry in pool[group]] if wanted else None
        path, source, text, candidate = rng.choices(pool[group], chances)[0]
        if source is not None and tree_after(source, candidate) is None:
            continue
        if not files[path].complete and candidate.end >= len(text.rstrip()):
            continue  # what is changed may go on where the file is not in sight
        texts = unique(files[path].parts, text, candidate)
        if texts is not None and texts[0] != texts[1]:
            return Edit(path, *texts)
    return None


def _module(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")


def _observed(brief: str) -> str:
    """What a brief says about the agent: its quoted lines, if it quotes."""
    quoted = [line for line in brief.splitlines() if line.startswith(("|", ">"))]
    return "\n".join(quoted) or brief


def words(text: str) -> set[str]:
    """The words of a text, names taken apart, endings dropped."""
    parts = re.findall(r"[a-z]{3,}", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).replace("_", " ").lower())
    return {re.sub(r"(?:ing|ed|es|s)$", "", part) if len(part) > 4 else part for part in parts}


def _weight(entry: tuple[str, Source | None, str, Candidate], wanted: set[str]) -> float:
    """How much a place shares with the brief: its own lines, the new text, and the heading of its function."""
    _, source, text, candidate = entry
    start = text.rfind("\n", 0, candidate.start) + 1
    end = text.find("\n", candidate.end)
    near = text[start : end if end >= 0 else None] + candidate.text
    if source is not None:
        near += _heading(source, candidate.line)
    return float((0.1 + len(words(near) & wanted)) ** 2)


def _heading(source: Source, line: int) -> str:
    for node in source.tree.body:
        end = getattr(node, "end_lineno", None) or 0
        if node.lineno <= line <= end and hasattr(node, "name"):
            rows = source.text.splitlines()[node.lineno - 1 : node.lineno + 1]
            return "\n".join(rows)
    return ""


def _close(turn: Turn) -> Reply:
    """After the changes: perhaps test, then stop."""
    command = solver.test_command(turn)
    if command and turn.known.last == "edit" and turn.chance(Act.TEST, TEST):
        return toolbox.shell(turn.box, command, "I run the tests.")
    return toolbox.finish(turn.box, "I have changed how I work.")


def _broken(turn: Turn) -> bool:
    """Whether the latest message is about tests that fail."""
    last = turn.request.messages[-1]
    told = last.role == "user" and len(turn.request.messages) > 2
    ran = last.role == "tool" and solver.test_command(turn) in turn.known.commands[-1:]
    return (told or ran) and bool(re.search(r"FAILED|Traceback|\w+Error\b|exit status [1-9]|tests? fail", last.text))


def editable(path: str) -> bool:
    """Whether the grammar knows such a file: Python or a prompt, and neither a test nor documentation."""
    return bool(_CODE.search(path) or _PROMPT.search(path)) and not _LEFT_ALONE.search(path)


def _unread(known: Knowledge) -> list[str]:
    return [path for path in known.listed if editable(path) and path not in known.files and path not in known.missing]


def _pick(paths: list[str], turn: Turn) -> str:
    wanted = words(conversation.statement(turn.request.messages)) - _STOP_WORDS
    return turn.rng.choices(paths, [1.0 + len(words(path) & wanted) for path in paths])[0]
