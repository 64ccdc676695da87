"""What a job needs from the controller's process: sandboxes, models, agents, tasks, and where to write."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from evaluators.base import Benchmark
from hgm.agent_run import SUBJECT_LAYER, Place
from hgm.config import AgentLimits, Backbones
from hgm.contract import Manifest, self_test_command
from hgm.errors import BackboneError, HGMError, SandboxError
from hgm.gateway.client import Gateway
from hgm.leaks import Secrets, secrets_of
from hgm.scratch import Scratch
from hgm.seal import Sealer
from sandboxes.base import File, Files, Limits, SandboxProvider
from trees.archive import Archive

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
    editor: Path | None = None
    """The folder of a fixed editor; None: each agent edits itself."""
    editor_manifest: Manifest | None = None
    layer: Path | None = None
    """What the agents of this run import beside the standard library; None: nothing."""
    editor_layer: Path | None = None
    """The same for a fixed editor."""
    placebo: bool = False
    more_effort: Literal["note", "charge", "reject"] = "note"
    """What becomes of a child that only tries harder than its parent (`hgm.effort`)."""
    progress: Callable[[str, str], None] = lambda job, stage: None
    """Told (job id, stage) as a job moves on; for display only."""

    def place(self, job: str, slot: int, folder: Path) -> Place:
        """Where an agent of this lab runs."""
        limits = Limits(memory_mb=self.limits.memory_mb, pids=self.limits.pids, workspace_mb=self.limits.workspace_mb)

        def waiting(seconds: float) -> None:
            self.progress(job.partition("-")[0], f"waited {seconds:.0f} s for its model")

        return Place(
            run=self.run,
            job=job,
            slot=slot,
            limits=limits,
            folder=folder,
            relay=self.relay,
            layer=self.layer,
            waiting=waiting,
        )

    def editors_place(self, job: str, slot: int, folder: Path) -> Place:
        """Where an editor of this lab runs."""
        place = self.place(job, slot, folder)
        return replace(place, layer=self.editor_layer, subject_layer=self.layer) if self.editor else place

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

    def is_well(self, backbone: str) -> bool:
        """Whether nothing can be said against the host and that backbone right now."""
        try:
            self.must_be_well(backbone)
        except HGMError:
            return False
        return True

    def must_be_well(self, backbone: str) -> None:
        """Return when the host can prove, right now, that it is not to blame for what an agent did.

        Raises:
            BackboneError: the backbone fails the gateway's own probe.
            SandboxError: the host is short of disk or memory, or a canary sandbox does not start.
        """
        probe = self.gateway.probe(backbone)
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
