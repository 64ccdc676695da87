"""The loop: ask the policy, submit, tell the run."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hgm.executors.base import Executor
from hgm.jobs import Job, Result
from hgm.plan import UNMEASURED_IN_ROW, is_finished
from hgm.run import Run
from trees.records import Policy


class Ending(StrEnum):
    """Why the loop ended; the value is journalled, except for a run that is finished."""

    FINISHED = ""
    INTERRUPTED = "interrupted"
    HOST = f"{UNMEASURED_IN_ROW} jobs in a row could not be measured"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who is told what happens, for display only."""

    started: Callable[[Job], None] = lambda job: None
    finished: Callable[[Job, Result], None] = lambda job, result: None


def search(
    run: Run, policy: Policy, executor: Executor, *, watch: Watch, stopping: Callable[[], bool] = lambda: False
) -> Ending:
    """Go on with a run until nothing is left to do, and say why it ended.

    `stopping` turning true starts nothing more and waits for what runs.
    """
    again = run.unfinished()
    while True:
        while not stopping() and executor.busy() < executor.slots:
            job = again.pop(0) if again else run.next_job(policy)
            if job is None:
                break
            watch.started(job)
            executor.submit(job)
        if not executor.busy():
            return _why(run)
        for result in executor.wait():
            job = run.state.running[result.job]
            run.tell(result)
            watch.finished(job, result)


def _why(run: Run) -> Ending:
    if run.state.unmeasured_in_row >= UNMEASURED_IN_ROW:
        ending = Ending.HOST
    elif is_finished(run.state):
        return Ending.FINISHED
    else:
        ending = Ending.INTERRUPTED
    run.stop(ending)
    return ending
