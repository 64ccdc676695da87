"""Grades an agent's version of a workspace in fresh sandboxes.

Promised: a verdict is passed only if every hidden case or test passed in a sandbox that the agent never touched, and
the host itself saw or compared it; a verdict about time or memory counts only after the task's own files, as a canary,
have been graded without such trouble. Not promised: that a suite of tests, which shares a process with the code under
test, withstands code written against this very grader.
"""

from evaluators import grade_compared, grade_script, grade_suite
from evaluators.base import Compared, Script, Suite, Task, Verdict
from evaluators.environments import grader_for
from evaluators.room import GradingRoom
from evaluators.solutions import solve
from hgm.errors import EvaluatorError, SandboxError
from sandboxes.base import Files, SandboxProvider

_PERHAPS_THE_HOSTS = frozenset({"deadline", "out-of-memory"})
"""Causes that a machine in trouble gives to any code."""
_gradable: set[tuple[str, str, str]] = set()
"""Run, benchmark and id of the tasks whose canary has been well."""


def grade(task: Task, files: Files, provider: SandboxProvider, *, run: str, job: str, slot: int) -> Verdict:
    """The verdict on `files`, the whole workspace as `evaluators.patches.sanitise` leaves it.

    A verdict about time or memory is told only where the task can be graded on this machine: its pristine base, or else
    its reference (a base may hang by itself), is graded without such trouble once per task and run.

    Raises:
        SandboxError: the sandbox's own trouble, which says nothing about the files; the canary is in trouble too.
        EvaluatorError: the grader's own trouble.
    """
    verdict = grade_once(task, files, provider, run=run, job=job, slot=slot)
    if verdict.cause in _PERHAPS_THE_HOSTS and (run, task.benchmark, task.id) not in _gradable:
        _must_be_gradable(task, files, provider, run=run, job=job, slot=slot)
        _gradable.add((run, task.benchmark, task.id))
    return verdict


def grade_once(task: Task, files: Files, provider: SandboxProvider, *, run: str, job: str, slot: int) -> Verdict:
    """As `grade`, but without a canary: what happened, whoever's fault it is."""
    room = GradingRoom(provider=grader_for(task, provider), run=run, job=job, slot=slot)
    if isinstance(task.grading, Compared):
        return grade_compared.grade(task.grading, files, room)
    if isinstance(task.grading, Suite):
        return grade_suite.grade(task.grading, task.workspace, files, room)
    if isinstance(task.grading, Script):
        return grade_script.grade(task.grading, files, room)
    raise EvaluatorError(f"{task.id} cannot be graded yet")


def _must_be_gradable(task: Task, files: Files, provider: SandboxProvider, *, run: str, job: str, slot: int) -> None:
    if files != task.workspace:
        found = grade_once(task, task.workspace, provider, run=run, job=job, slot=slot)
        if found.cause not in _PERHAPS_THE_HOSTS:
            return
    try:
        solved = solve(task, provider, run=run, job=job, slot=slot)
    except EvaluatorError as cause:
        raise SandboxError(f"{task.id} cannot be graded here now: {cause}") from cause
    found = grade_once(task, solved, provider, run=run, job=job, slot=slot)
    if found.cause in _PERHAPS_THE_HOSTS:
        raise SandboxError(f"{task.id} cannot be graded here now: its own reference ends with {found.cause}")
