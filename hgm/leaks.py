"""Whether a child's new lines hold what belongs to the benchmark: a task's name, an answer, a hidden test.

A benchmark is public, and a model may have read it; an agent that knows it proves nothing. What is compared is text
without white space, quotation style, case and escapes, so that a solution inside a string, or wrapped anew, is found. A
solution in other words, in pieces or encoded is not.
"""

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from evaluators.base import Benchmark, Compared, Harness, Json, Script, Split, Suite, Task
from hgm.errors import EvaluatorError
from sandboxes.base import Files

DISTINCTIVE = 24
"""So many characters that are not white space tell a line from what everybody writes."""
VARIED = 8
"""So many different ones do, too, must be among them."""
MOST_CHANGED = 4_000_000
"""Bytes of changed files that are looked through: what hides in more is refused unseen."""
_LONG_NAME = 8
"""The same of a name's characters and a number's digits."""
_COMMON = 3
"""A line or name that so many tasks share is a convention, and nobody's answer."""
_NAME = "the name of a task"
_SOLUTION = "a line of a solution"
_TEST = "a line of a hidden test"
_VALUE = "an expected value"
_FILE = "the name of a hidden test"
_WORD = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_./:-]*[A-Za-z0-9_]")
_ESCAPES = re.compile(rb"\\[ntr]|[\\\s]")


@dataclass(frozen=True)
class Leak:
    """Where something was found, and of what kind."""

    path: bytes
    line: int
    kind: str


@dataclass(frozen=True)
class Secrets:
    """Of a whole benchmark: words by themselves, and squeezed texts by their first characters."""

    words: Mapping[bytes, str]
    texts: Mapping[bytes, tuple[tuple[bytes, str], ...]]


def secrets_of(benchmark: Benchmark) -> Secrets:
    """All that an agent may not hold of a benchmark's search, select and sealed tasks, as far as they can be read."""
    splits = (Split.SEARCH, Split.SELECT, Split.SEALED)
    return secrets(_usable(benchmark, [task for split in splits for task in benchmark.tasks(split)]))


def _usable(benchmark: Benchmark, tasks: Iterable[str]) -> Iterator[Task]:
    """One that is unusable is no reason to end a search: it tells when it is opened."""
    for task in tasks:
        with suppress(EvaluatorError):
            yield benchmark.task(task)


def secrets(tasks: Iterable[Task]) -> Secrets:
    """The same of these tasks."""
    words: dict[bytes, str] = {}
    texts: dict[bytes, str] = {}
    shared = Counter[bytes]()
    for task in tasks:
        public = _public(task)
        own_words = {word.encode(): kind for word, kind in _words(task) if word.encode() not in public}
        own_texts = {
            text: (kind, is_its_own)
            for text, kind, is_its_own in _texts(task)
            if _is_distinctive(text) and text not in public
        }
        shared.update([*own_words, *(text for text, (_, is_its_own) in own_texts.items() if not is_its_own)])
        words |= own_words
        texts |= {text: kind for text, (kind, _) in own_texts.items()}
    found: dict[bytes, list[tuple[bytes, str]]] = {}
    for text, kind in texts.items():
        if shared[text] < _COMMON:
            found.setdefault(text[:DISTINCTIVE], []).append((text, kind))
    return Secrets(
        words={word: kind for word, kind in words.items() if shared[word] < _COMMON},
        texts={start: tuple(whole) for start, whole in found.items()},
    )


def is_too_much(parent: Files, child: Files) -> bool:
    """Whether more has changed than is looked through."""
    return sum(len(file.data) for path, file in child.items() if parent.get(path) != file) > MOST_CHANGED


def first_leak(parent: Files, child: Files, secrets: Secrets) -> Leak | None:
    """The first line that the child added, by file, and that holds a secret which its parent does not."""
    known: bytes | None = None
    for path in sorted(child):
        old, new = parent.get(path), child[path]
        if old == new:
            continue
        lines = added(old.data if old else b"", new.data)
        for line, secret, kind in _found([(0, path), *lines] if old is None else lines, secrets):
            known = known if known is not None else _all_text(parent)
            if secret not in known:
                return Leak(path, line, kind)
    return None


def added(old: bytes, new: bytes) -> list[tuple[int, bytes]]:
    """Number and text of the lines that are in `new` and not in `old`; a line that only moved is not."""
    before = Counter(old.splitlines())
    found = []
    for number, line in enumerate(new.splitlines(), 1):
        if before[line]:
            before[line] -= 1
        else:
            found.append((number, line))
    return found


def _found(lines: list[tuple[int, bytes]], secrets: Secrets) -> Iterator[tuple[int, bytes, str]]:
    """Line, secret and kind."""
    for number, line in lines:
        for match in _WORD.finditer(line):
            for word in (match[0], *re.split(rb"[/:]+|\.(?=[a-z])", match[0])):
                if word in secrets.words:
                    yield number, word, secrets.words[word]
    pieces = [_squeezed(line) for _, line in lines]
    text, starts, at = b"".join(pieces), [], 0
    for piece in pieces:
        starts.append(at)
        at += len(piece)
    for at in range(len(text) - DISTINCTIVE + 1):
        for whole, kind in secrets.texts.get(text[at : at + DISTINCTIVE], ()):
            if text.startswith(whole, at):
                yield lines[bisect_right(starts, at) - 1][0], whole, kind


def _all_text(files: Files) -> bytes:
    """Words and squeezed texts of an agent, to look both up in."""
    return b"\n".join(part for file in files.values() for part in (file.data, _squeezed(file.data)))


def _squeezed(text: bytes) -> bytes:
    return _ESCAPES.sub(b"", text).replace(b"'", b'"').lower()


def _is_distinctive(text: bytes) -> bool:
    return len(text) >= DISTINCTIVE and len(set(text)) >= VARIED


def _is_name(word: str) -> bool:
    """Whether a name is more than a word or two that anybody may use."""
    digits = sum(character.isdigit() for character in word)
    return len(word) >= _LONG_NAME and (digits >= 2 or len(re.findall(r"[_\-./:]+", word)) >= 2)


def _words(task: Task) -> Iterator[tuple[str, str]]:
    """Names that stand for this task alone, and its long numbers."""
    names = {task.id, task.id.rpartition("/")[2], task.name}
    yield from ((name, _NAME) for name in names if _is_name(name))
    match task.grading:
        case Harness(row=row):
            tests = {word for test in row["FAIL_TO_PASS"] for word in re.findall(r"\w+", str(test))}
            yield from ((word, _FILE) for word in tests if _is_name(word))
        case Compared(cases=cases):
            yield from ((str(abs(case.expected)), _VALUE) for case in cases if _is_long_number(case.expected))
        case Suite(files=files) | Script(files=files):
            for path in files:
                name = PurePosixPath(path.decode(errors="replace"))
                if len(re.sub(r"_?tests?_?", "", name.stem)) >= _LONG_NAME:
                    yield from ((word, _FILE) for word in {str(name), name.name})


def _is_long_number(value: Json) -> bool:
    """Whether a number has so many digits, and no round value in any base, that nobody writes it by chance."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 2**63:
        return False
    near_power = isinstance(value, int) and any(abs(value) + by & abs(value) + by - 1 == 0 for by in (-1, 0, 1))
    return not near_power and len(re.sub(r"\D", "", str(value)).strip("0")) >= _LONG_NAME


def _texts(task: Task) -> Iterator[tuple[bytes, str, bool]]:
    """Squeezed text, its kind, and whether it is this task's own even where others have it, too."""
    for file in task.reference.values():
        yield from ((text, _SOLUTION, True) for text in _lines(file.data))
    for file in task.solution.values():
        yield from ((text, _SOLUTION, False) for text in _lines(file.data))
    match task.grading:
        case Harness(row=row, gold=gold):
            yield from ((text, _SOLUTION, True) for text in _lines(_added(gold)))
            tests = _added(str(row["test_patch"]).encode())
            yield from ((text, _TEST, False) for text in _lines(tests) if b"assert" in text or b"==" in text)
        case Compared(cases=cases):
            for case in cases:
                yield from ((text, _VALUE, False) for text in _values(case.expected))
        case Suite(files=files) | Script(files=files):
            for file in files.values():
                yield from ((text, _TEST, False) for text in _lines(file.data) if b"assert" in text or b"==" in text)


def _lines(data: bytes) -> Iterator[bytes]:
    """Squeezed lines of code, without comments and imports."""
    for line in data.splitlines():
        if not line.lstrip().startswith((b"import ", b"from ", b"#")):
            yield _squeezed(line)


def _added(patch: bytes) -> bytes:
    """What a patch adds, line by line."""
    lines = (line for line in patch.splitlines() if line.startswith(b"+") and not line.startswith(b"+++"))
    return b"\n".join(line[1:] for line in lines)


def _ends(value: list[int]) -> tuple[int, int]:
    return (value[0], value[-1] + 1) if value else (0, 0)


def _values(value: Json) -> Iterator[bytes]:
    """A value as JSON and as Python write it; none of a list that only counts up."""
    if isinstance(value, list) and all(isinstance(item, int) for item in value) and value == [*range(*_ends(value))]:
        return
    for text in {json.dumps(value), repr(value)}:
        yield _squeezed(text.encode())


def _public(task: Task) -> bytes:
    """What the task itself shows to every agent, as it is and squeezed."""
    texts = [task.statement.encode(), *(file.data for file in task.workspace.values())]
    return b"\n".join(part for text in texts for part in (text, _squeezed(text)))
