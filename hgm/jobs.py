"""Jobs and their results: plain picklable values, so that they can run anywhere and be replayed."""

import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

from evaluators.base import Split
from hgm.gateway.records import Usage
from sandboxes.base import Files
from trees.records import Expansion, Outcome


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from a tuple of plain values, the same in every process."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True, kw_only=True)
class EvaluateJob:
    """Run one agent on one task."""

    id: str
    node: int
    commit: str
    split: Split
    task: str
    repeat: int
    seed: int
    """f(run seed, task, repeat): the same for all agents."""


@dataclass(frozen=True, kw_only=True)
class ExpandJob:
    """Make one child of an agent."""

    id: str
    node: int
    commit: str
    evidence: tuple[str, ...]
    """Ids of the evaluations whose records the diagnosis may read, fixed when the decision is made."""
    seed: int
    """f(run seed, decision)."""


Job: TypeAlias = EvaluateJob | ExpandJob


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """How an evaluation ended. `outcome` and `cause` are the same when the job runs again."""

    job: str
    outcome: Outcome
    cause: str = ""
    usage: Usage = field(default_factory=Usage)
    """Of all attempts, also of those that a kill cut off."""
    wall_s: float = 0.0
    detail: str = ""
    """For people: what the host saw, escaped."""


@dataclass(frozen=True, kw_only=True)
class ExpansionResult:
    """How an expansion ended; `files` are the child's code base, or the rejected one's."""

    job: str
    kind: Expansion
    reason: str = ""
    brief: str = ""
    files: Files | None = None
    usage: Usage = field(default_factory=Usage)
    """Of everything that was asked for it: diagnosis, edits and handshakes of all attempts."""
    wall_s: float = 0.0


Result: TypeAlias = EvaluationResult | ExpansionResult
