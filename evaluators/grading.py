"""Grades an agent's version of a workspace in fresh sandboxes (DESIGN 7, "Grading").

Promised: a verdict is passed only if every hidden case or test passed in a sandbox that the agent never touched, and
the host itself saw or compared it. Not promised: that a suite of tests, which shares a process with the code under
test, withstands code written against this very grader.
"""

from evaluators import grade_compared, grade_script, grade_suite
from evaluators.base import Compared, Suite, Task, Verdict
from evaluators.room import GradingRoom
from sandboxes.base import Files, SandboxProvider


def grade(task: Task, files: Files, provider: SandboxProvider, *, run: str, job: str, slot: int) -> Verdict:
    """The verdict on `files`, the whole workspace as `evaluators.patches.sanitise` leaves it.

    Raises:
        SandboxError: the sandbox's own trouble, which says nothing about the files.
        EvaluatorError: the grader's own trouble.
    """
    room = GradingRoom(provider=provider, run=run, job=job, slot=slot)
    if isinstance(task.grading, Compared):
        return grade_compared.grade(task.grading, files, room)
    if isinstance(task.grading, Suite):
        return grade_suite.grade(task.grading, task.workspace, files, room)
    return grade_script.grade(task.grading, files, room)
