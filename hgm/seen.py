"""What the host saw of an agent's run: whose fault its end was, and the records that are kept of it."""

import json
from dataclasses import asdict

from evaluators.base import Harness, Task, Verdict
from evaluators.patches import exact_patch
from hgm.jobs import EvaluateJob
from hgm.lab import Lab
from hgm.patch import patch
from hgm.redaction import Redactor
from hgm.text import printable
from hgm.trajectories import append
from sandboxes.base import End, Exit, Files

LOG_CHARS = 4000


def blame(ended: Exit) -> str:
    """The cause that the host saw for an agent run that did not finish; empty when it did."""
    if ended.end is End.DEADLINE:
        return "deadline"
    if ended.end is End.OUT_OF_MEMORY:
        return "out-of-memory"
    return "crashed" if ended.status else ""


def record(
    job: EvaluateJob, task: Task, lab: Lab, *, ended: Exit | None, files: Files, verdict: Verdict, redact: Redactor
) -> None:
    """What the host saw, behind the model exchanges; hidden results go to the host-only folder."""
    append(
        lab.trajectories / f"{job.id}.jsonl.zst",
        {
            "event": "host",
            "outcome": verdict.outcome,
            "cause": verdict.cause,
            "end": ended.end if ended else None,
            "status": ended.status if ended else None,
            "out_of_memory_kills": ended.out_of_memory_kills if ended else 0,
            "pids_refused": ended.pids_refused if ended else 0,
            "statement": task.statement,
            "log": printable(ended.output.decode(errors="replace"), LOG_CHARS) if ended else "",
            "patch": patch(task.workspace, files, lab.scratch.root),
        },
        redact=redact,
    )
    hidden = asdict(verdict) | {"log": printable(verdict.log.decode(errors="replace"), LOG_CHARS)}
    (lab.grading / f"{job.id}.json").write_text(json.dumps(hidden, sort_keys=True))
    if isinstance(task.grading, Harness):
        (lab.grading / f"{job.id}.patch").write_bytes(exact_patch(task.workspace, files))


def detail(ended: Exit | None) -> str:
    """The last words of an agent that did not finish, for people."""
    return printable(ended.output[-500:].decode(errors="replace"), 500) if ended and ended.status else ""
