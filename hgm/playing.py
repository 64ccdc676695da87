"""One evaluation of a graphical task: the agent in its sandbox, the browser in another, the page's word as the verdict.

A page that says it is done has spoken: what becomes of the agent afterwards changes nothing. Before that an agent that
crashes or runs out of time has failed by itself.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evaluators.base import Played, Task, Verdict
from evaluators.environments import limits_for
from hgm.agent_run import Assignment, run_agent
from hgm.episodes import SOCKET, Playing, served
from hgm.errors import SandboxError, SandboxLost, WorkspaceRejected
from hgm.gateway.client import Lease, Usage
from hgm.gateway.records import EnvironmentSpec
from hgm.jobs import EvaluateJob, EvaluationResult
from hgm.lab import LEAST_LEFT, Lab
from hgm.redaction import Redactor
from hgm.seen import blame, detail, record
from sandboxes.base import Exit
from trees.records import Outcome

UNFINISHED = "unfinished"


class Acted(NamedTuple):
    """What came of one episode."""

    ended: Exit | None
    """None: what the agent left in its workspace breaks a limit."""
    cause: str
    """Why the agent did not finish; empty if it did."""
    usage: Usage
    exchanges: int
    """How often it looked or acted."""
    verdict: Verdict
    """The page's."""
    redact: Redactor


def play(job: EvaluateJob, task: Task, lab: Lab, slot: int, *, least: float) -> EvaluationResult:
    """One attempt at the whole.

    Raises:
        SandboxError, GatewayError, BackboneError: the host's trouble.
        LimitError: less than `least` of the job's limit is left.
    """
    deadline_s = min(task.deadline_s, lab.limits.solve_deadline_s)
    acted = act(lab.agent(job.commit), task, job.id, lab, slot, seed=job.seed, deadline_s=deadline_s, least=least)
    ended, redact = acted.ended, acted.redact
    verdict = _verdict(acted, lab)
    record(job, task, lab, ended=ended, files=task.workspace, verdict=verdict, redact=redact)
    return EvaluationResult(
        job=job.id,
        outcome=verdict.outcome,
        cause=verdict.cause,
        detail=redact(detail(ended)),
        note=verdict.note,
    )


def act(
    agent: Path, task: Task, job: str, lab: Lab, slot: int, *, seed: int, deadline_s: float, least: float = LEAST_LEFT
) -> Acted:
    """Run the agent in this folder on a page, in a lease of that job's name.

    Raises:
        SandboxError, GatewayError, BackboneError, LimitError: see `play`.
    """
    assert isinstance(task.grading, Played)
    lab.progress(job.partition("-")[0], "starting its browser")
    with lab.stage.episode(task, job=job, slot=slot) as episode:
        with lab.scratch.private(job) as folder, served(episode, folder, deadline_s=deadline_s) as playing:
            lab.progress(job.partition("-")[0], "acting")
            environment = EnvironmentSpec(socket=str(folder / SOCKET), steps=task.grading.steps)
            lease = lab.lease(job, "solver", seed=seed, least=least, environment=environment)
            with closing(lease):
                ended, cause = _run(agent, task, job, lab, slot, lease, deadline_s)
                usage = lab.settled(lease, "solver", ended=ended)
        _must_have_answered(playing, usage)
        redact = lab.gateway.redact.extended(lease.token)
        return Acted(ended, cause, usage, playing.exchanges, episode.verdict(), redact)


def _run(
    agent: Path, task: Task, job: str, lab: Lab, slot: int, lease: Lease, deadline_s: float
) -> tuple[Exit | None, str]:
    """How the agent's run ended, and the cause if it did not finish."""
    assignment = Assignment(
        kind="gui",
        statement=task.statement,
        workspace=task.workspace,
        history=lab.sealer.seal(task.workspace),
        test_command=task.test_command,
        deadline_s=deadline_s,
    )
    with lab.scratch.job(job) as folder:
        place = lab.place(job, slot, folder)
        place = replace(place, limits=limits_for(task, place.limits))
        try:
            ended, *_ = run_agent(agent, lab.manifest, assignment, place=place, lease=lease, provider=lab.provider)
        except WorkspaceRejected:
            return None, "bad-workspace"
        return ended, blame(ended)


def _must_have_answered(playing: Playing, usage: Usage) -> None:
    """Return if the environment was well as long as it mattered.

    Raises:
        SandboxError: it was not. `SandboxLost` where the agent had acted and may have had a part in that: the episode
            raises so what is not known to be the host's.
    """
    if playing.is_done or not (playing.trouble or usage.environment_failed):
        return
    if playing.trouble is None:
        raise (SandboxLost if playing.has_acted else SandboxError)(usage.environment_failed)
    kind = type(playing.trouble) if playing.has_acted else SandboxError
    raise kind(str(playing.trouble)) from playing.trouble


def _verdict(acted: Acted, lab: Lab) -> Verdict:
    """The page's, or what kept the agent from its end."""
    if acted.verdict.cause != UNFINISHED or not acted.cause:
        return acted.verdict
    lab.must_be_well("solver")
    return Verdict(outcome=Outcome.FAILED, cause=acted.cause)
