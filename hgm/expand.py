"""One expansion, end to end: evidence -> brief -> the editor changes a copy of the agent -> gates -> a child."""

import time
from contextlib import closing
from dataclasses import dataclass, replace

from evaluators.patches import sanitise
from hgm.agent_run import Assignment, run_agent
from hgm.diagnose import diagnose, statement
from hgm.errors import (
    ArchiveError,
    BackboneError,
    GatewayError,
    LimitError,
    SandboxError,
    SandboxLost,
    WorkspaceRejected,
)
from hgm.evaluate import ATTEMPTS
from hgm.evidence import write as write_evidence
from hgm.gates import Candidate, Rejection, first_rejection, handshakes_share, harder
from hgm.jobs import ExpandJob, ExpansionResult, Mode, derive_seed
from hgm.lab import Lab
from hgm.placebo import commented
from hgm.random_edit import Edited, edited
from hgm.seen import blame
from hgm.spending import spent
from hgm.text import printable
from sandboxes.base import Files
from trees.records import Expansion

_TROUBLE = (SandboxError, GatewayError, BackboneError, ArchiveError)


def expand(job: ExpandJob, lab: Lab, slot: int) -> ExpansionResult:
    """Run the job; never raises for anything that an agent, a model or a sandbox does."""
    began = time.monotonic()
    result = ExpansionResult(job=job.id, kind=Expansion.UNMEASURED)
    lost = 0
    for _ in range(ATTEMPTS):
        try:
            result = _attempt(job, lab, slot) if lab.edits_by == "agent" else _without_agent(job, lab, slot)
            break
        except LimitError as trouble:
            result = ExpansionResult(job=job.id, kind=Expansion.REJECTED, reason=f"limit: {trouble}")
            break
        except _TROUBLE as trouble:
            lost += isinstance(trouble, SandboxLost)
            result = ExpansionResult(job=job.id, kind=Expansion.UNMEASURED, reason=printable(str(trouble), 500))
    if lost == ATTEMPTS and lab.is_well("editor"):
        result = replace(result, kind=Expansion.REJECTED, reason=f"lost: {result.reason}")
    return replace(result, usage=spent(job.id, lab.trajectories), wall_s=time.monotonic() - began)


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """One run of the editor: the files it left, and the host's cause if it did not finish."""

    files: Files
    cause: str
    repaired: bool = False
    """Whether it was the second one, which mends what a gate refused."""


def _attempt(job: ExpandJob, lab: Lab, slot: int) -> ExpansionResult:
    parent = lab.code(job.commit)
    lab.progress(job.id, "diagnosing")
    brief = diagnose(job, lab)
    turn = _edit(job, "edit", statement(brief, lab), parent, lab, slot)
    refused = _refusal(job, parent, turn, lab, slot)
    if refused and refused.repairable:
        again = (
            f"{statement(brief, lab)}\nA first attempt, in the workspace, was refused. Mend it:\n{refused.message}\n"
        )
        try:
            turn = _edit(job, "repair", again, turn.files, lab, slot)
        except LimitError:
            pass  # nothing is left to mend it with: it stays refused
        else:
            refused = _refusal(job, parent, turn, lab, slot)
    notes = () if refused else harder(_candidate(job, parent, turn, lab), lab)
    return replace(_result(job, refused, brief, turn.files), notes=notes)


def _result(job: ExpandJob, refused: Rejection | None, brief: str, files: Files) -> ExpansionResult:
    if refused:
        reason = f"{refused.reason}: {refused.message}"
        return ExpansionResult(job=job.id, kind=Expansion.REJECTED, reason=reason, brief=brief, files=files)
    return ExpansionResult(job=job.id, kind=Expansion.CHILD, brief=brief, files=files)


def _refusal(job: ExpandJob, parent: Files, turn: _Turn, lab: Lab, slot: int) -> Rejection | None:
    if turn.cause:
        lab.must_be_well("editor")
        return Rejection(reason=turn.cause, message="The editor did not finish.", repairable=False)
    lab.progress(job.id, "checking the child")
    return first_rejection(_candidate(job, parent, turn, lab), lab, slot)


def _candidate(job: ExpandJob, parent: Files, turn: _Turn, lab: Lab) -> Candidate:
    return Candidate(
        job=job.id,
        seed=derive_seed(job.seed, "handshake"),
        parent=parent,
        files=turn.files,
        ancestors=tuple(lab.archive.ancestors(job.commit)),
        agents=job.agents,
        repaired=turn.repaired,
    )


def _edit(job: ExpandJob, stage: str, request: str, workspace: Files, lab: Lab, slot: int) -> _Turn:
    """Run the editor once on a copy of the agent."""
    lab.progress(job.id, "editing" if stage == "edit" else "repairing")
    name = f"{job.id}-{stage}"
    assignment = Assignment(
        kind="improve",
        statement=request,
        workspace=workspace,
        history=lab.sealer.seal(workspace),
        test_command=lab.self_test_command(),
        deadline_s=lab.limits.improve_deadline_s,
    )
    editor = lab.editor or lab.agent(job.commit)
    manifest = lab.editor_manifest or lab.manifest
    with (
        lab.scratch.job(name) as folder,
        closing(lab.lease(name, "editor", seed=derive_seed(job.seed, stage), kept=handshakes_share(lab))) as lease,
    ):
        place = lab.editors_place(name, slot, folder)
        if job.mode is Mode.FILESYSTEM:
            assignment = replace(assignment, evidence=write_evidence(job, lab, folder))
        try:
            ended, _, taken = run_agent(editor, manifest, assignment, place=place, lease=lease, provider=lab.provider)
        except WorkspaceRejected:
            lab.settled(lease, "editor", ended=None)
            return _Turn(files=workspace, cause="bad-workspace", repaired=stage == "repair")
        lab.settled(lease, "editor", ended=ended)
        return _Turn(files=sanitise(workspace, taken), cause=blame(ended), repaired=stage == "repair")


def _without_agent(job: ExpandJob, lab: Lab, slot: int) -> ExpansionResult:
    """A child that no agent and no model has a part in, and that meets the same gates. It gets no second turn."""
    parent = lab.code(job.commit)
    lab.progress(job.id, "editing")
    if lab.edits_by == "placebo":
        made, brief = Edited(commented(parent, lab.manifest, number=job.seed)), "placebo: a comment"
    else:
        made, brief = edited(parent, lab.manifest, seed=job.seed), "a random edit"
    turn = _Turn(files=made.files, cause=made.cause)
    refused = _refusal(job, parent, turn, lab, slot)
    notes = () if refused else harder(_candidate(job, parent, turn, lab), lab)
    return replace(_result(job, refused, brief, turn.files), notes=notes)
