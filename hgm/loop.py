"""The loop: ask the policy, submit, tell the run."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hgm import meter
from hgm.executors.base import Executor
from hgm.gateway.records import Usage
from hgm.jobs import Job, Result
from hgm.plan import UNMEASURED_IN_ROW, is_finished
from hgm.run import Run
from trees.records import Policy


class Ending(StrEnum):
    """Why the loop ended; the value is journalled, except for a run that is finished."""

    FINISHED = ""
    INTERRUPTED = "interrupted"
    RECORDED = "the recording ends here"
    HOST = f"{UNMEASURED_IN_ROW} jobs in a row could not be measured"
    UNPRICED = "a call's cost is not known, and dollars limit this run"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who is told what happens, for display only."""

    started: Callable[[Job], None] = lambda job: None
    finished: Callable[[Job, Result], None] = lambda job, result: None
    spent: Callable[[float], None] = lambda share: None
    """A threshold of the budget is passed (`hgm.meter.THRESHOLDS`)."""


def search(
    run: Run,
    policy: Policy,
    executor: Executor,
    *,
    watch: Watch,
    stopping: Callable[[], bool] = lambda: False,
    probed: Callable[[], Usage] = Usage,
) -> Ending:
    """Go on with a run until nothing is left to do, and say why it ended.

    `stopping` turning true starts nothing more and waits for what runs. `probed` tells what the gateway's own probes
    have come to since it was last asked.
    """
    again, share = run.unfinished(), meter.settled_share(run.state)
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
            run.probed(probed())
            watch.finished(job, result)
            before, share = share, meter.settled_share(run.state)
            if threshold := meter.crossed(before, share):
                watch.spent(threshold)


def _why(run: Run) -> Ending:
    if run.state.unmeasured_in_row >= UNMEASURED_IN_ROW:
        ending = Ending.HOST
    elif is_finished(run.state):
        return Ending.FINISHED
    elif run.state.is_unpriced:
        ending = Ending.UNPRICED
    else:
        ending = Ending.INTERRUPTED
    run.stop(ending)
    return ending
