"""A fresh sandbox for one grading run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from evaluators.layers import INSIDE, programs
from sandboxes.base import Exit, Files, Limits, Mount, SandboxProvider, SandboxSpec

MEMORY_MB = 1024
OUTPUT_BYTES = 5_000_000
LIMITS = Limits(memory_mb=MEMORY_MB)


class Seen(NamedTuple):
    """What came of one run."""

    exit: Exit
    files: Files
    """The workspace afterwards, where it was asked for."""
    base: Files
    """Of an image's own workspace, what was there before at the paths that differ."""


@dataclass(frozen=True, kw_only=True)
class GradingRoom:
    """Opens sandboxes for the grading of one job."""

    provider: SandboxProvider
    run: str
    job: str
    slot: int
    limits: Limits = LIMITS
    """Of each sandbox, but for the deadline."""

    @property
    def python(self) -> str:
        return self.provider.python

    def see(
        self,
        files: Files,
        command: Sequence[str],
        *,
        deadline_s: float,
        stdin: bytes = b"",
        mounts: Sequence[Mount] = (),
        take: bool = False,
        output_bytes: int = OUTPUT_BYTES,
    ) -> Seen:
        """Run `command` on `files` in a sandbox of its own.

        Raises:
            SandboxError: the sandbox's own trouble.
            WorkspaceRejected: only with `take`.
        """
        limits = replace(self.limits, deadline_s=deadline_s, output_bytes=output_bytes)
        spec = SandboxSpec(
            run=self.run,
            job=f"{self.job}-grade",
            slot=self.slot,
            limits=limits,
            mounts=(Mount(source=programs(), target=INSIDE), *mounts),
        )
        with self.provider.open(spec) as box:
            if files:
                box.put(files)
            ended = box.run(command, stdin=stdin)
            files = box.take() if take else {}
            return Seen(ended, files, box.pristine() if take else {})
