"""What a job needs from the controller's process: sandboxes, models, agents, tasks, and where to write."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from evaluators.base import Benchmark
from evaluators.gui.base import Stage
from hgm.agent_run import SUBJECT_LAYER, Place
from hgm.allowance import Allowance
from hgm.config import AgentLimits, Backbones, Sampling
from hgm.contract import Manifest, self_test_command
from hgm.errors import BackboneError, HGMError, SandboxError
from hgm.gateway.client import Gateway, Lease, LeaseSpec, Usage
from hgm.gateway.records import EnvironmentSpec
from hgm.leaks import Secrets, secrets_of
from hgm.scratch import Scratch
from hgm.seal import Sealer
from hgm.submissions import Submissions
from sandboxes.base import End, Exit, File, Files, Limits, SandboxProvider
from trees.archive import Archive

Role = Literal["editor", "solver", "diagnosis", "judge"]

LEAST_LEFT = 0.1
"""Of a job's limit: with less nobody can show anything, so no lease is opened."""
FREE_DISK_MB = 256
FREE_MEMORY_MB = 256
"""Below these watermarks an agent's failure proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Everything slow is done with this, from any thread; nothing in it decides or writes the run."""

    run: str
    provider: SandboxProvider
    gateway: Gateway
    benchmark: Benchmark
    archive: Archive
    manifest: Manifest
    scratch: Scratch
    sealer: Sealer
    trajectories: Path
    grading: Path
    """Host-only: what hidden tests said."""
    relay: Path
    contract_check: Path
    limits: AgentLimits
    backbones: Backbones
    sampling: Sampling
    stage: Stage
    """Where graphical tasks are played."""
    allowance: Allowance = field(default_factory=Allowance)
    editor: Path | None = None
    """The folder of a fixed editor; None: each agent edits itself."""
    editor_manifest: Manifest | None = None
    layer: Path | None = None
    """What the agents of this run import beside the standard library; None: nothing."""
    editor_layer: Path | None = None
    """The same for a fixed editor."""
    submissions: Submissions | None = None
    """What is graded in place of an agent's work; None: agents work."""
    second_attempt: bool = False
    """Whether an agent that fails is shown what the tests printed, and tries once more; never in a search."""
    edits_by: Literal["agent", "random", "placebo"] = "agent"
    """Who modifies agents: an agent, or a program that asks no model."""
    more_effort: Literal["note", "charge", "reject"] = "note"
    """What becomes of a child that only tries harder than its parent (`hgm.effort`)."""
    progress: Callable[[str, str], None] = lambda job, stage: None
    """Told (job id, stage) as a job moves on; for display only."""

    def place(self, job: str, slot: int, folder: Path) -> Place:
        """Where an agent of this lab runs."""
        limits = Limits(memory_mb=self.limits.memory_mb, pids=self.limits.pids, workspace_mb=self.limits.workspace_mb)

        return Place(
            run=self.run,
            job=job,
            slot=slot,
            limits=limits,
            folder=folder,
            relay=self.relay,
            layer=self.layer,
            waiting=partial(self.waiting, job),
        )

    def waiting(self, job: str, seconds: float, why: str) -> None:
        """Show that a job waits for its model, or has."""
        told = f"waits for its model: {why}" if why else f"waited {seconds:.0f} s for its model"
        self.progress(job.partition("-")[0], told)

    def editors_place(self, job: str, slot: int, folder: Path) -> Place:
        """Where an editor of this lab runs."""
        place = self.place(job, slot, folder)
        return replace(place, layer=self.editor_layer, subject_layer=self.layer) if self.editor else place

    def lease(
        self,
        job: str,
        role: Role,
        *,
        seed: int,
        max_calls: int | None = None,
        least: float = LEAST_LEFT,
        kept: float = 0.0,
        environment: EnvironmentSpec | None = None,
    ) -> Lease:
        """Open a lease of a role's backbone: its sampling and limits are the run's.

        What of its limit a job has used, earlier attempts included, its later leases do not get; nor this one what is
        kept for those.

        Raises:
            ConfigError, BackboneError, GatewayError: see `Control.lease`.
            LimitError: less than the share `least` of the job's limit is left.
        """
        sampling = getattr(self.sampling, role)
        backbone = getattr(self.backbones, role)
        price = self.allowance.price(backbone)
        left = self.allowance.left(job.partition("-")[0], self.trajectories, least=least, kept=kept)
        spec = LeaseSpec(
            job=job,
            role=role,
            backbone=backbone,
            seed=seed,
            max_calls=self.limits.max_calls if max_calls is None else max_calls,
            max_output_tokens=sampling.max_output_tokens,
            sampling=sampling.imposed,
            max_tokens=left.tokens,
            max_usd=None if price is None else left.usd,
            price=price,
            environment=environment,
        )
        return self.gateway.lease(spec)

    def settled(self, lease: Lease, role: Role, *, ended: Exit | None) -> Usage:
        """Close the lease behind an agent's run; returns if the model had no part in how that ended.

        A run whose time was over while it waited is no exception: an agent can ask so much, and so often, that its
        provider limits or fails it. Whether others are limited, too, is what the probe shows.

        Raises:
            BackboneError: the key, the account or the model's name is refused, or the backbone fails the gateway's own
                probe after a call failed for good or the time was over.
            SandboxError: see `must_be_well`.
        """
        usage = lease.close()
        if usage.hosts_fault:
            raise BackboneError(usage.trouble)
        if usage.backbone_failed or (ended and ended.end is End.DEADLINE):
            self.must_be_well(role)
        return usage

    def self_test_command(self) -> tuple[str, ...]:
        """How an editor tests the copy of an agent in its workspace, whatever it imports itself."""
        command = self_test_command(self.manifest)
        return ("env", f"PYTHONPATH={SUBJECT_LAYER}", *command) if self.editor and self.layer else command

    def agent(self, commit: str) -> Path:
        """A read-only folder with an agent's code, reachable from any sandbox."""
        return self.archive.materialise(commit, self.scratch.folder("agents"))

    def code(self, commit: str) -> Files:
        """An agent's files."""
        return {path: File(*stored) for path, stored in self.archive.files(commit).items()}

    @cached_property
    def secrets(self) -> Secrets:
        """What no agent may hold of this lab's benchmark; made once, when it is first asked for."""
        return secrets_of(self.benchmark)

    def is_well(self, role: Role) -> bool:
        """Whether nothing can be said against the host and that role's backbone right now."""
        try:
            self.must_be_well(role)
        except HGMError:
            return False
        return True

    def must_be_well(self, role: Role) -> None:
        """Return when the host can prove, right now, that it is not to blame for what an agent did.

        Raises:
            BackboneError: the role's backbone fails the gateway's own probe, which is sampled as the role is.
            SandboxError: the host is short of disk or memory, or a canary sandbox does not start.
        """
        backbone = getattr(self.backbones, role)
        probe = self.gateway.probe(backbone, getattr(self.sampling, role).imposed)
        self.allowance.count(backbone, probe)
        if not probe.ok:
            raise BackboneError(f"{backbone} does not answer the gateway's own probe: {probe.trouble}")
        if not (_disk_is_free(self.scratch.root) and _memory_is_free() and self.provider.healthy()):
            raise SandboxError("the host is short of disk or memory, or its sandboxes do not start")


def _disk_is_free(folder: Path) -> bool:
    return shutil.disk_usage(folder).free >= FREE_DISK_MB << 20


def _memory_is_free() -> bool:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >= FREE_MEMORY_MB << 10
    return True
