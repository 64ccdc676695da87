"""Grading class *suite* in other languages than Python: an exercise's hidden tests, run by the language's own runner.

The grading sandbox holds the pristine exercise, its tests, and of the agent's files only the solution and new sources:
nothing of the agent's configures the runner or the build. Canaries run among the hidden tests, in the same files.

Stops: replaced, added or configured tests; tests skipped or left out; an early exit, and results printed by the code
under test, since the canaries then do not fail; assertions made toothless, for the same reason. Does not stop: code
written against this very grader, which could find the canaries' names in its own sandbox; values that equal everything.
"""

import secrets
from collections import Counter

from evaluators.base import Exercise, Verdict
from evaluators.languages import LANGUAGES, Language, Rows, counted
from evaluators.patches import overlay
from evaluators.room import GradingRoom
from sandboxes.base import End, Exit, File, Files
from trees.records import Outcome

_OUTPUT_BYTES = 16 << 20


def grade(grading: Exercise, base: Files, files: Files, room: GradingRoom) -> Verdict:
    """Passed if every expected test was reported as often as expected and passed, and every canary failed.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    language = LANGUAGES[grading.language]
    word, mark = f"Hgm{secrets.token_hex(8)}", f"hgm-{secrets.token_hex(16)}"
    tests = _with_canaries(language, grading.files, word)
    ended = _run(grading, counted(language, base, files, grading.solution), tests, mark, room)
    _, ran, printed = ended.output.partition(mark.encode() + b"\n")
    rows = language.rows(printed.decode(errors="replace")) if ran else []
    canaries = sum(file.data.count(word.encode()) for file in tests.values())
    cause = _trouble(ended) or _cause(grading.expected, rows, word, canaries=canaries, is_failure=ended.status != 0)
    passed = {name for name, _ in rows} - {name for name, passed in rows if not passed}
    return Verdict(
        outcome=Outcome.FAILED if cause else Outcome.PASSED,
        cause=cause,
        tests={name: name in passed for name in grading.expected},
        log=ended.output,
    )


def output(grading: Exercise, base: Files, files: Files, room: GradingRoom) -> bytes:
    """What the hidden tests print, without canaries.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    language = LANGUAGES[grading.language]
    tests = {path: file for path, file in grading.files.items() if any(language.names(file.data.decode()))}
    return _run(grading, counted(language, base, files, grading.solution), tests, "", room).output


def _run(grading: Exercise, files: Files, tests: Files, mark: str, room: GradingRoom) -> Exit:
    command = f"mark={mark}\n{LANGUAGES[grading.language].commands}"
    return room.see(
        overlay(files, {**grading.files, **tests}),
        ["/bin/sh", "-c", command, "sh", *(path.decode() for path in sorted(tests))],
        deadline_s=grading.deadline_s,
        output_bytes=_OUTPUT_BYTES,
    ).exit


def _with_canaries(language: Language, files: Files, word: str) -> Files:
    """Those of the files that have tests, each with canaries of its own, in order."""
    texts = {path: file.data.decode() for path, file in sorted(files.items())}
    named = {path: text for path, text in texts.items() if any(language.names(text))}
    return {
        path: File(language.with_canaries(text, f"{word}F{number}C").encode())
        for number, (path, text) in enumerate(named.items())
    }


def _trouble(ended: Exit) -> str:
    if ended.end is End.DEADLINE:
        return "deadline"
    return "out-of-memory" if ended.end is End.OUT_OF_MEMORY or ended.out_of_memory_kills else ""


def _cause(expected: tuple[str, ...], rows: Rows, word: str, *, canaries: int, is_failure: bool) -> str:
    """Empty for a pass. `tampering` is only a run that claims success otherwise than by passing tests."""
    hidden = Counter(row for row in rows if word not in row[0])
    claimed = Counter((name, True) for name in expected)
    if claimed - hidden or any(not passed for _, passed in hidden):
        return "tests"
    failed = [passed for name, passed in rows if word in name]
    is_honest = hidden == claimed and is_failure and len(failed) == canaries and not any(failed)
    return "" if is_honest else "tampering"
