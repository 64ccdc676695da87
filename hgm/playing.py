"""One evaluation of a graphical task: the agent in its sandbox, the browser in another, the page's word as the verdict.

A page that says it is done has spoken: what becomes of the agent afterwards changes nothing. Before that an agent that
crashes or runs out of time has failed by itself.
"""

from contextlib import closing
from dataclasses import replace

from evaluators.base import Played, Task, Verdict
from evaluators.environments import limits_for
from hgm.agent_run import Assignment, run_agent
from hgm.episodes import SOCKET, Playing, served
from hgm.errors import SandboxError, SandboxLost, WorkspaceRejected
from hgm.gateway.records import EnvironmentSpec, Usage
from hgm.jobs import EvaluateJob, EvaluationResult
from hgm.lab import Lab
from hgm.redaction import Redactor
from hgm.seen import blame, detail, record
from sandboxes.base import Exit
from trees.records import Outcome

UNFINISHED = "unfinished"


def play(job: EvaluateJob, task: Task, grading: Played, lab: Lab, slot: int, *, least: float) -> EvaluationResult:
    """One attempt at the whole.

    Raises:
        SandboxError, GatewayError, BackboneError: the host's trouble.
        LimitError: less than `least` of the job's limit is left.
    """
    deadline_s = min(task.deadline_s, lab.limits.solve_deadline_s)
    lab.progress(job.id, "starting its browser")
    with lab.stage.episode(task, job=job.id, slot=slot) as episode:
        with lab.scratch.private(job.id) as folder, served(episode, folder, deadline_s=deadline_s) as playing:
            lab.progress(job.id, "acting")
            environment = EnvironmentSpec(socket=str(folder / SOCKET), steps=grading.steps)
            ended, cause, usage, redact = _act(job, task, environment, deadline_s, lab, slot, least=least)
        _must_have_answered(playing, usage)
        verdict = _verdict(episode.verdict(), cause, lab)
    record(job, task, lab, ended=ended, files=task.workspace, verdict=verdict, redact=redact)
    return EvaluationResult(
        job=job.id,
        outcome=verdict.outcome,
        cause=verdict.cause,
        detail=redact(detail(ended)),
        note=verdict.note,
    )


def _act(
    job: EvaluateJob,
    task: Task,
    environment: EnvironmentSpec,
    deadline_s: float,
    lab: Lab,
    slot: int,
    *,
    least: float,
) -> tuple[Exit | None, str, Usage, Redactor]:
    """Run the agent: how it ended, the cause if it did not finish, and what its lease has used."""
    assignment = Assignment(
        kind="gui",
        statement=task.statement,
        workspace=task.workspace,
        history=lab.sealer.seal(task.workspace),
        test_command=task.test_command,
        deadline_s=deadline_s,
    )
    lease = lab.lease(job.id, "solver", seed=job.seed, least=least, environment=environment)
    with closing(lease), lab.scratch.job(job.id) as folder:
        place = lab.place(job.id, slot, folder)
        place = replace(place, limits=limits_for(task, place.limits))
        redact = lab.gateway.redact.extended(lease.token)
        try:
            ended, *_ = run_agent(
                lab.agent(job.commit), lab.manifest, assignment, place=place, lease=lease, provider=lab.provider
            )
        except WorkspaceRejected:
            return None, "bad-workspace", lab.settled(lease, "solver", ended=None), redact
        return ended, blame(ended), lab.settled(lease, "solver", ended=ended), redact


def _must_have_answered(playing: Playing, usage: Usage) -> None:
    """Return if the environment was well as long as it mattered.

    Raises:
        SandboxError: it was not. `SandboxLost` where the agent had begun to act: it may have had a part in that.
    """
    if playing.is_done or not (playing.trouble or usage.environment_failed):
        return
    if playing.trouble is None:
        raise SandboxError(usage.environment_failed)
    raise (SandboxLost if playing.has_acted else SandboxError)(str(playing.trouble)) from playing.trouble


def _verdict(found: Verdict, cause: str, lab: Lab) -> Verdict:
    """The page's, or what kept the agent from its end."""
    if found.cause != UNFINISHED or not cause:
        return found
    lab.must_be_well("solver")
    return Verdict(outcome=Outcome.FAILED, cause=cause)
