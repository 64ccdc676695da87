"""One evaluation, end to end: one agent, one task, one outcome (DESIGN: whose fault is it?).

Trouble of the host's own means that the whole attempt is made again in new sandboxes, and after the last one that the
evaluation is `unmeasured`; but where every attempt loses its sandbox after the agent had started, and the host is well,
it is the agent's doing. There are fewer attempts where those before have used too much of the job's limit.
"""

import json
import time
from contextlib import closing
from dataclasses import asdict, replace
from typing import NamedTuple

from evaluators.base import Played, Task, Verdict
from evaluators.environments import limits_for, provider_for
from evaluators.grading import grade, grade_patch, grade_reference
from evaluators.patches import sanitise
from hgm import second_attempt
from hgm.agent_run import Assignment, run_agent
from hgm.errors import (
    BackboneError,
    EvaluatorError,
    GatewayError,
    LimitError,
    SandboxError,
    SandboxLost,
    WorkspaceRejected,
)
from hgm.jobs import EvaluateJob, EvaluationResult
from hgm.lab import LEAST_LEFT, Lab
from hgm.playing import play
from hgm.redaction import Redactor
from hgm.seen import LOG_CHARS, blame, detail, record
from hgm.spending import spent
from hgm.text import printable
from sandboxes.base import Exit, Files
from trees.records import Outcome

ATTEMPTS = 3
LEAST_AGAIN = 0.5
"""Of a job's limit: an agent that gets less after the host's trouble is not measured as others are."""
SECOND = "passed at the second attempt"
_OF_THE_MACHINES_MAKING = ("deadline", "out-of-memory", "ungradable")
"""Causes from grading that a machine in trouble gives, too."""
_TROUBLE = (SandboxError, GatewayError, BackboneError)


def evaluate(job: EvaluateJob, lab: Lab, slot: int) -> EvaluationResult:
    """Run the job; never raises for anything that an agent, a model or a sandbox does."""
    began = time.monotonic()
    result = EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED)
    tried = lost = 0
    for _ in range(ATTEMPTS):
        try:
            result = _attempt(job, lab, slot)
            break
        except (*_TROUBLE, LimitError) as trouble:
            if tried and isinstance(trouble, LimitError):
                break
            tried += 1
            lost += isinstance(trouble, SandboxLost)
            result = EvaluationResult(
                job=job.id, outcome=Outcome.UNMEASURED, cause="host", detail=printable(str(trouble), LOG_CHARS)
            )
    if result.outcome is Outcome.UNMEASURED and lost == tried and lab.is_well("solver"):
        result = replace(result, outcome=Outcome.FAILED, cause="lost")
    return replace(result, usage=spent(job.id, lab.trajectories), wall_s=time.monotonic() - began)


def _attempt(job: EvaluateJob, lab: Lab, slot: int) -> EvaluationResult:
    task = lab.benchmark.task(job.task)
    if isinstance(task.grading, Played):
        return play(job, task, lab, slot, least=LEAST_AGAIN)
    solved = _solve(job, task, lab, slot, least=LEAST_AGAIN)
    verdict = _judged(job, solved, lab, slot)
    if lab.second_attempt and verdict.cause in second_attempt.CAUSES:
        solved, verdict = _second(job, solved, verdict, lab, slot)
    ended, task, files, _, redact = solved
    record(job, task, lab, ended=ended, files=files, verdict=verdict, redact=redact)
    return EvaluationResult(
        job=job.id,
        outcome=verdict.outcome,
        cause=verdict.cause,
        detail=redact(detail(ended)),
        official=verdict.official,
        note=verdict.note,
    )


def _judged(job: EvaluateJob, solved: "_Solved", lab: Lab, slot: int) -> Verdict:
    if solved.cause:
        lab.must_be_well("solver")
        return Verdict(outcome=Outcome.FAILED, cause=solved.cause)
    if solved.files == solved.task.workspace:
        return Verdict(outcome=Outcome.FAILED, cause="unchanged")
    lab.progress(job.id, "grading")
    verdict = _grade(job, solved.task, solved.files, lab, slot)
    if verdict.cause in _OF_THE_MACHINES_MAKING:
        lab.must_be_well("solver")
    return verdict


def _second(job: EvaluateJob, first: "_Solved", failed: Verdict, lab: Lab, slot: int) -> tuple["_Solved", Verdict]:
    """A second attempt within what the first one left of the job's limit; the first one's, where that is too little."""
    again = second_attempt.second_attempt(
        first.task, first.files, failed, lab.provider, run=lab.run, job=job.id, slot=slot
    )
    try:
        solved = _solve(job, again, lab, slot, least=LEAST_LEFT)
    except LimitError:
        return first, failed
    solved = solved._replace(task=first.task)
    verdict = _judged(job, solved, lab, slot)
    return solved, replace(verdict, note=SECOND) if verdict.outcome is Outcome.PASSED else verdict


def grade_submission(job: EvaluateJob, lab: Lab, slot: int) -> EvaluationResult:
    """Grade what the lab has in place of an agent's work; never raises for anything that a sandbox does."""
    began, task = time.monotonic(), lab.benchmark.task(job.task)
    lab.progress(job.id, "grading")
    result = EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED)
    for _ in range(ATTEMPTS):
        try:
            verdict = _grade_submission(job, task, lab, slot)
        except (SandboxError, EvaluatorError) as trouble:
            said = printable(str(trouble), LOG_CHARS)
            result = EvaluationResult(job=job.id, outcome=Outcome.UNMEASURED, cause="host", detail=said)
            continue
        hidden = asdict(verdict) | {"log": printable(verdict.log.decode(errors="replace"), LOG_CHARS)}
        (lab.grading / f"{job.id}.json").write_text(json.dumps(hidden, sort_keys=True))
        result = EvaluationResult(
            job=job.id, outcome=verdict.outcome, cause=verdict.cause, official=verdict.official, note=verdict.note
        )
        break
    return replace(result, wall_s=time.monotonic() - began)


def _grade_submission(job: EvaluateJob, task: Task, lab: Lab, slot: int) -> Verdict:
    where = {"run": lab.run, "job": job.id}
    if lab.submissions is None or lab.submissions.source == "gold":
        return grade_reference(task, lab.provider, **where, slot=slot)
    return grade_patch(task, lab.submissions.patches.get(task.name, b""), lab.provider, **where, slot=slot)


class _Solved(NamedTuple):
    ended: Exit | None
    task: Task
    """With, where the workspace is an image's own, those of its files that may differ."""
    files: Files
    """The workspace that counts."""
    cause: str
    """Empty if the agent finished."""
    redact: Redactor
    """Of every key and of the lease's token, which the agent may have printed."""


def _solve(job: EvaluateJob, task: Task, lab: Lab, slot: int, *, least: float) -> _Solved:
    """The agent's part."""
    assignment = Assignment(
        kind="solve",
        statement=task.statement,
        workspace=task.workspace,
        history={} if _has_own_workspace(task) else lab.sealer.seal(task.workspace),
        test_command=task.test_command,
        deadline_s=min(task.deadline_s, lab.limits.solve_deadline_s),
    )
    if task.environment is not None:
        lab.progress(job.id, "preparing its image")
    provider = provider_for(task, lab.provider)
    lab.progress(job.id, "solving")
    lease = lab.lease(job.id, "solver", seed=job.seed, least=least)
    with closing(lease), lab.scratch.job(job.id) as folder:
        place = lab.place(job.id, slot, folder)
        place = replace(place, limits=limits_for(task, place.limits))
        redact = lab.gateway.redact.extended(lease.token)
        try:
            ended, base, taken = run_agent(
                lab.agent(job.commit), lab.manifest, assignment, place=place, lease=lease, provider=provider
            )
        except WorkspaceRejected:
            lab.settled(lease, "solver", ended=None)
            return _Solved(None, task, task.workspace, "bad-workspace", redact)
        lab.settled(lease, "solver", ended=ended)
        return _Solved(ended, replace(task, workspace=base), sanitise(base, taken), blame(ended), redact)


def _has_own_workspace(task: Task) -> bool:
    return task.environment is not None and bool(task.environment.folder)


def _grade(job: EvaluateJob, task: Task, files: Files, lab: Lab, slot: int) -> Verdict:
    try:
        return grade(task, files, lab.provider, run=lab.run, job=job.id, slot=slot)
    except SandboxError:
        _grade_untouched(job, task, lab, slot)
    try:
        return grade(task, files, lab.provider, run=lab.run, job=job.id, slot=slot)
    except SandboxError:
        return Verdict(outcome=Outcome.FAILED, cause="ungradable")


def _grade_untouched(job: EvaluateJob, task: Task, lab: Lab, slot: int) -> None:
    """Return if grading works here now.

    Raises:
        SandboxError: it does not, and nothing of the agent's has a part in that.
    """
    try:
        grade(task, task.workspace, lab.provider, run=lab.run, job=job.id, slot=slot)
    except SandboxLost as lost:
        raise SandboxError(str(lost)) from lost
