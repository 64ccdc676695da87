"""Polyglot's leaderboard mode: an agent that failed is shown what the hidden tests printed, and tries once more.

Only for evaluations: in a search this would put hidden tests into what the next agents learn from.
"""

from dataclasses import replace

from evaluators import grade_exercise
from evaluators.base import Exercise, Task, Verdict
from evaluators.grading import grade_once, room_for
from hgm.text import printable
from sandboxes.base import Files, SandboxProvider

_OUTPUT_CHARS = 10_000
CAUSES = frozenset({"tests", "unchanged", "crashed"})
"""Of failures that a second attempt may follow; what took the whole time or memory, or tampered, has had its turn."""


def second_attempt(
    task: Task, files: Files, verdict: Verdict, provider: SandboxProvider, *, run: str, job: str, slot: int
) -> Task:
    """The task as it is given again: the agent's own files, and what the tests printed for them.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    printed = verdict.log or grade_once(task, files, provider, run=run, job=job, slot=slot).log
    if isinstance(task.grading, Exercise):
        room = room_for(task, provider, run=run, job=job, slot=slot)
        printed = grade_exercise.output(task.grading, task.workspace, files, room)
    told = printable(printed.decode(errors="replace"), _OUTPUT_CHARS) or "(nothing)"
    statement = (
        f"{task.statement}\n----\n"
        "A first attempt is in the current folder. The tests fail, and they are correct. This is what they print:\n\n"
        f"{told}\n\nMend the solution.\n"
    )
    return replace(task, statement=statement, workspace=files)
