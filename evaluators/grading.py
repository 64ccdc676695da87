"""Grades an agent's version of a workspace in fresh sandboxes.

Promised: a verdict is passed only if every hidden case or test passed in a sandbox that the agent never touched, and
the host itself saw or compared it; a verdict about time or memory counts only after the task's own files, as a canary,
have been graded without such trouble. Not promised: that a suite of tests, which shares a process with the code under
test, withstands code written against this very grader.
"""

from dataclasses import replace

from evaluators import grade_compared, grade_exercise, grade_harness, grade_script, grade_suite
from evaluators.base import Compared, Exercise, Harness, Played, Script, Suite, Task, Verdict
from evaluators.environments import grader_for, limits_for
from evaluators.patches import exact_patch
from evaluators.room import LIMITS, GradingRoom
from evaluators.solutions import solve
from hgm.errors import EvaluatorError, SandboxError
from sandboxes.base import WORKSPACE, Files, SandboxProvider
from trees.records import Outcome

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
    if isinstance(task.grading, Played):
        raise EvaluatorError(f"{task.benchmark} is played on its pages: there are no files to grade")
    room = room_for(task, provider, run=run, job=job, slot=slot)
    if isinstance(task.grading, Compared):
        return grade_compared.grade(task.grading, files, room)
    if isinstance(task.grading, Suite):
        return grade_suite.grade(task.grading, task.workspace, files, room)
    if isinstance(task.grading, Script):
        folder = task.environment.folder if task.environment else ""
        return grade_script.grade(task.grading, task.workspace, files, room, folder=folder or WORKSPACE)
    if isinstance(task.grading, Exercise):
        return grade_exercise.grade(task.grading, task.workspace, files, room)
    if isinstance(task.grading, Played):
        raise EvaluatorError(f"{task.id}: a task of {task.benchmark} is judged while it is played, not by its files")
    return grade_harness.grade(task.grading, exact_patch(task.workspace, files), room)


def grade_reference(task: Task, provider: SandboxProvider, *, run: str, job: str, slot: int) -> Verdict:
    """The verdict on the task's own solution.

    Raises:
        SandboxError: the sandbox's own trouble.
        EvaluatorError: the grader's own trouble, or the solution cannot be made.
    """
    if isinstance(task.grading, Harness):
        return grade_patch(task, task.grading.gold, provider, run=run, job=job, slot=slot)
    base, solved = solve(task, provider, run=run, job=job, slot=slot)
    return grade_once(replace(task, workspace=base), solved, provider, run=run, job=job, slot=slot)


def grade_patch(task: Task, patch: bytes, provider: SandboxProvider, *, run: str, job: str, slot: int) -> Verdict:
    """The verdict on a patch to the repository of a SWE-bench task, wherever it comes from.

    Raises:
        SandboxError: the sandbox's own trouble.
        EvaluatorError: the grader's own trouble, or the task takes no patches.
    """
    if not isinstance(task.grading, Harness):
        raise EvaluatorError(f"{task.benchmark} takes no patches")
    if not patch.strip():
        return Verdict(outcome=Outcome.FAILED, cause="unchanged", official=False)
    return grade_harness.grade(task.grading, patch, room_for(task, provider, run=run, job=job, slot=slot))


def room_for(task: Task, provider: SandboxProvider, *, run: str, job: str, slot: int) -> GradingRoom:
    """Where a task is graded: in its own image if it has one, and with the memory that it needs."""
    limits = limits_for(task, LIMITS)
    return GradingRoom(provider=grader_for(task, provider), run=run, job=job, slot=slot, limits=limits)


def _must_be_gradable(task: Task, files: Files, provider: SandboxProvider, *, run: str, job: str, slot: int) -> None:
    if files != task.workspace:
        found = grade_once(task, task.workspace, provider, run=run, job=job, slot=slot)
        if found.cause not in _PERHAPS_THE_HOSTS:
            return
    try:
        found = grade_reference(task, provider, run=run, job=job, slot=slot)
    except EvaluatorError as cause:
        raise SandboxError(f"{task.id} cannot be graded here now: {cause}") from cause
    if found.cause in _PERHAPS_THE_HOSTS:
        raise SandboxError(f"{task.id} cannot be graded here now: its own reference ends with {found.cause}")
