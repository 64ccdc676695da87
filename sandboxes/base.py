"""What every sandbox promises: untrusted code runs here, and only bytes under limits come back.

A `SandboxProvider` opens sandboxes; a `Sandbox` lives inside one `with` block and is gone after it, with every process
that it started. The workspace starts as the files that the host puts and is read back after the command has ended.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

WORKSPACE = "/workspace"


class File(NamedTuple):
    """A file as git knows it: `mode` is 100644, 100755 or 120000 (then `data` is the link's target)."""

    data: bytes
    mode: str = "100644"


Files: TypeAlias = Mapping[bytes, File]
"""Relative path, `/`-separated bytes without `.`, `..` or an empty part -> file."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one sandbox may use; the host enforces all of it where the module's "Stops:" says so."""

    deadline_s: float = 60.0
    memory_mb: int = 512
    pids: int = 64
    workspace_mb: int = 64
    """Of /workspace; /tmp and /dev/shm together may hold as much again."""
    workspace_inodes: int = 8192
    output_bytes: int = 1_000_000
    """Of standard output and error together, kept from the start; the rest is read and dropped."""
    file_mb: int = 16
    """The largest single file that is read back."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A host file or folder that is visible inside, always read-only."""

    source: Path
    target: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a sandbox starts from instead of its provider's own."""

    id: str
    """As the engine has it (`sha256:…`): what a name stands for may change."""
    folder: str = ""
    """A folder of the image's that is the workspace, e.g. /testbed. All of the image is then writable, for user 0
    without any capability; `put` lays files over what is there, and `take` brings what differs from the image. Empty:
    the workspace is /workspace as ever, and the image is read-only."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables inside, PATH among them, in place of the fixed ones."""


@dataclass(frozen=True, kw_only=True)
class SandboxSpec:
    """One sandbox. `run` and `job` name it for `hgm gc`; `slot` is the worker's number and selects its uid.

    `run` must be unique on this machine, not only in its folder: two runs of one name would be each other's garbage.
    """

    run: str
    job: str
    slot: int = 0
    limits: Limits = field(default_factory=Limits)
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment inside, beside the fixed PATH, HOME=/tmp, TZ=UTC, PYTHONHASHSEED=0, LANG=C.UTF-8, PWD."""


class End(StrEnum):
    """How a command ended, as seen by the host."""

    EXITED = "exited"
    DEADLINE = "deadline"
    OUT_OF_MEMORY = "out-of-memory"


@dataclass(frozen=True, kw_only=True)
class Exit:
    """What the host saw of one command. `status` is negative for a signal, as in `subprocess`.

    As in a shell, an exit status of 128 + n cannot be told from a death by signal n, and counts as one.
    """

    end: End
    status: int
    wall_s: float
    output: bytes
    """Standard output and error as they came, capped: claims of whoever ran inside."""
    output_dropped: int = 0
    """Bytes beyond the cap."""
    out_of_memory_kills: int = 0
    """Processes the kernel killed for memory, also where the command itself went on."""
    pids_refused: int = 0
    """Forks the kernel refused."""


class Sandbox(Protocol):
    """One open sandbox."""

    def put(self, files: Files) -> None:
        """Fill the (still empty) workspace with trusted files.

        Raises:
            SandboxError: the host could not write them.
        """

    def run(self, command: Sequence[str], *, deadline_s: float | None = None, stdin: bytes = b"") -> Exit:
        """Run a command in the workspace until it ends or the deadline passes; then nothing of it is alive.

        `deadline_s` defaults to the spec's. Call it once per sandbox.

        Raises:
            SandboxError: the command was never started.
        """

    def extend(self, seconds: float) -> None:
        """Move the running command's deadline away (thread-safe): time that the host itself made it wait."""

    def take(self) -> Files:
        """Read the workspace back; only regular files and unchanged-looking links, never followed, no devices or FIFOs.

        Raises:
            WorkspaceRejected: a limit on size, count, depth or names is broken.
            SandboxError: the host could not read it.
        """

    def pristine(self) -> Files:
        """What the image had at the paths that `take` found changed or gone; nothing for a workspace of our own.

        Raises:
            SandboxError: the host could not read it.
        """


class SandboxProvider(Protocol):
    """Opens sandboxes of one kind. Thread-safe."""

    name: str
    python: str
    """Absolute path, inside the sandbox, of an interpreter of at least 3.9."""

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """Start one sandbox; leaving the block kills what runs and removes all that it used.

        Raises:
            SandboxError: it could not be started.
        """

    def within(self, image: Image) -> "SandboxProvider":
        """Sandboxes of the same kind that start from another image. The same image gives the same provider.

        Raises:
            SandboxError: this kind has no images, or no sandbox can be started from this one.
        """

    def healthy(self) -> bool:
        """Whether a canary sandbox runs right now: tells an agent's fault from the host's."""
