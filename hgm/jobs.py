"""Jobs and their results: plain picklable values, so that they can run anywhere and be replayed."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from evaluators.base import Split
from hgm.gateway.records import Usage
from sandboxes.base import Files
from trees.records import Expansion, Outcome


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from a tuple of plain values, the same in every process."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class EvaluateJob(NamedTuple):
    """Run one agent on one task."""

    id: str
    node: int
    commit: str
    split: Split
    task: str
    repeat: int
    seed: int
    """f(run seed, task, repeat): the same for all agents."""


class Mode(StrEnum):
    """What an expansion is shown of its agent, from the most evidence to the least: where one has none, the next."""

    FILESYSTEM = "filesystem"
    """A folder of records, which the editor reads itself; nobody is asked for a diagnosis."""
    CROSS_LINEAGE = "cross_lineage"
    """A failure beside what another lineage, which solved that task, has changed."""
    REACTION_NORM = "reaction_norm"
    """Several trajectories of one agent, for the pattern in them."""
    SINGLE = "single"
    """One trajectory, a failure if there is one."""
    GENERIC = "generic"
    """How often the host saw which symptom; without any evaluation, nothing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How an agent did on one search task."""

    task: int
    """Its number in the run: what evidence calls it."""
    outcome: str
    cause: str = ""
    job: str = ""
    """The evaluation whose record may be shown; empty where only the outcome may."""


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """What evidence shows of one agent: its difference from another, and how it did."""

    node: int
    commit: str
    base: str
    """The commit that its diff is against; empty for the seed agent."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExpandJob:
    """Make one child of an agent. What it may be shown is fixed when the decision is made."""

    id: str
    node: int
    commit: str
    evidence: tuple[str, ...]
    """Ids of the evaluations whose records the diagnosis may read."""
    seed: int
    """f(run seed, decision)."""
    mode: Mode = Mode.REACTION_NORM
    instead_of: Mode | None = None
    """The mode that was drawn and that this agent has no evidence for."""
    lineage: tuple[Exhibit, ...] = ()
    """The agent and its ancestors, the agent first; for `filesystem` and `generic` only."""
    others: tuple[Exhibit, ...] = ()
    """Agents of other lineages: outcomes and diffs only."""
    agents: int | None = None
    """How many there were when this was decided: a child is compared with these, whatever is born meanwhile. None, in
    older journals: with all."""


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
    official: bool | None = None
    """What the benchmark's own grader says, where it has one; see `Verdict`."""
    note: str = ""
    """For people: what grading could not check."""


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
    notes: tuple[str, ...] = ()
    """What the child does with more effort than its parent, or again (`hgm.effort`)."""


Result: TypeAlias = EvaluationResult | ExpansionResult
