"""A task's own reference solution as a whole workspace."""

from evaluators.base import Task
from evaluators.environments import limits_for, provider_for
from evaluators.grade_script import staged
from evaluators.patches import overlay, sanitise
from evaluators.room import LIMITS, GradingRoom
from hgm.errors import EvaluatorError, WorkspaceRejected
from sandboxes.base import WORKSPACE, End, Files, Mount, SandboxProvider

_DEADLINE_S = 120.0
_START = 'cd "$1" && exec /bin/bash /solution/solve.sh'


def solve(task: Task, provider: SandboxProvider, *, run: str, job: str, slot: int) -> tuple[Files, Files]:
    """The workspace before and with the reference in it; `solution/solve.sh` is run in a sandbox where that makes it.

    Of an image's own workspace both hold what differs.

    Raises:
        EvaluatorError: the solution script fails.
        SandboxError: the sandbox's own trouble.
    """
    if not task.solution:
        return task.workspace, overlay(task.workspace, task.reference)
    folder_inside = task.environment.folder if task.environment and task.environment.folder else WORKSPACE
    room = GradingRoom(
        provider=provider_for(task, provider), run=run, job=job, slot=slot, limits=limits_for(task, LIMITS)
    )
    with staged(task.solution) as folder:
        mounts = [Mount(source=folder, target="/solution")]
        try:
            seen = room.see(
                task.workspace,
                ["/bin/sh", "-c", _START, "sh", folder_inside],
                deadline_s=_DEADLINE_S,
                mounts=mounts,
                take=True,
            )
        except WorkspaceRejected as error:
            raise EvaluatorError(f"{task.id}: solution/solve.sh: {error}") from error
    if seen.exit.end is not End.EXITED or seen.exit.status != 0:
        output = seen.exit.output[-500:].decode(errors="replace")
        raise EvaluatorError(f"{task.id}: solution/solve.sh ends with {seen.exit.end}, {seen.exit.status}: {output}")
    base = seen.base or task.workspace
    return base, sanitise(base, seen.files)
