"""A task's own reference solution as a whole workspace."""

from evaluators.base import Task
from evaluators.grade_script import staged
from evaluators.patches import overlay, sanitise
from evaluators.room import GradingRoom
from hgm.errors import EvaluatorError, WorkspaceRejected
from sandboxes.base import End, Files, Mount, SandboxProvider

_DEADLINE_S = 120.0


def solve(task: Task, provider: SandboxProvider, *, run: str, job: str, slot: int) -> Files:
    """The workspace with the reference in it; `solution/solve.sh` is run in a sandbox where that makes it.

    Raises:
        EvaluatorError: the solution script fails.
        SandboxError: the sandbox's own trouble.
    """
    if not task.solution:
        return overlay(task.workspace, task.reference)
    room = GradingRoom(provider=provider, run=run, job=job, slot=slot)
    with staged(task.solution) as folder:
        mounts = [Mount(source=folder, target="/solution")]
        try:
            seen = room.see(
                task.workspace, ["/bin/bash", "/solution/solve.sh"], deadline_s=_DEADLINE_S, mounts=mounts, take=True
            )
        except WorkspaceRejected as error:
            raise EvaluatorError(f"{task.id}: solution/solve.sh: {error}") from error
    if seen.exit.end is not End.EXITED or seen.exit.status != 0:
        output = seen.exit.output[-500:].decode(errors="replace")
        raise EvaluatorError(f"{task.id}: solution/solve.sh ends with {seen.exit.end}, {seen.exit.status}: {output}")
    return sanitise(task.workspace, seen.files)
