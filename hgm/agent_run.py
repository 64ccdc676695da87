"""One run of an agent in a sandbox: mounts, environment, task file, deadline. The agent contract seen from the host."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from hgm.contract import PROTOCOL, Manifest
from hgm.errors import GatewayError
from hgm.gateway.client import Lease
from hgm.layers import INSIDE
from sandboxes.base import Exit, Files, Limits, Mount, SandboxProvider, SandboxSpec

RELAY_URL = "http://127.0.0.1:8377"
SUBJECT_LAYER = "/hgm/subject-layer"
"""Where a fixed editor finds the layer of the agent that it edits."""
EVIDENCE = "/hgm/evidence"
EXTENSION_CAP = 4
"""The deadline may grow to this many times itself while the gateway waits for a provider."""
_WATCH_S = 1.0

Kind = Literal["solve", "improve", "gui"]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What an agent is asked to do, in the words of /hgm/task.json."""

    kind: Kind
    statement: str
    workspace: Files
    history: Files
    """The workspace's `.git`: one commit that holds it (see `hgm.seal`)."""
    test_command: Sequence[str]
    deadline_s: float
    evidence: Path | None = None
    """A folder for the agent to read, as /hgm/evidence."""

    def as_json(self) -> str:
        """The content of /hgm/task.json: never names the benchmark or the task."""
        return json.dumps(
            {
                "protocol": PROTOCOL,
                "kind": self.kind,
                "statement": self.statement,
                "deadline_s": self.deadline_s,
                "test_command": list(self.test_command),
            },
            ensure_ascii=False,
        )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an agent runs: which run, job and worker slot, and the folder for the files that are mounted."""

    run: str
    job: str
    slot: int
    limits: Limits
    folder: Path
    """Of this job alone; whoever is inside may read it."""
    relay: Path
    layer: Path | None = None
    """What the agent imports beside the standard library; see `hgm.layers`."""
    subject_layer: Path | None = None
    """The layer of the agent in the workspace, where another one edits it."""
    waiting: Callable[[float, str], None] = lambda seconds, why: None
    """Told how long the gateway has made this agent wait so far and why it still does, as that changes; for display."""


class Ran(NamedTuple):
    """What came of one run. Of an image's own workspace both sides hold only what may differ."""

    exit: Exit
    base: Files
    """The workspace as it was."""
    files: Files


def run_agent(
    agent: Path, manifest: Manifest, assignment: Assignment, *, place: Place, lease: Lease, provider: SandboxProvider
) -> "Ran":
    """Run the agent on the assignment until it exits or the deadline passes; the result is its workspace.

    Raises:
        SandboxError: the host's trouble; nothing can be said about the agent.
        WorkspaceRejected: the workspace breaks a limit: the agent's fault.
    """
    spec = _spec(agent, manifest, assignment, place, lease)
    with provider.open(spec) as box:
        box.put({**assignment.workspace, **assignment.history})
        with _deadline_follows(lease, box.extend, assignment.deadline_s, place.waiting):
            ended = box.run(_command(manifest, place, provider.python))
        files = box.take()
        return Ran(ended, {**box.pristine(), **assignment.workspace}, files)


def self_test(agent: Path, manifest: Manifest, *, place: Place, provider: SandboxProvider) -> Exit:
    """`command --self-test` without a gateway; it must exit 0 within 60 s.

    Raises:
        SandboxError: the host's trouble.
    """
    spec = SandboxSpec(
        run=place.run,
        job=place.job,
        slot=place.slot,
        limits=replace(place.limits, deadline_s=60.0),
        mounts=(Mount(source=agent, target="/hgm/agent"), *_layers(place)),
        env=_import_path(place),
    )
    with provider.open(spec) as box:
        return box.run([*_program(manifest, place, provider.python), "--self-test"])


def _spec(agent: Path, manifest: Manifest, assignment: Assignment, place: Place, lease: Lease) -> SandboxSpec:
    task = place.folder / "task.json"
    task.write_text(assignment.as_json())
    task.chmod(0o644)
    env = {
        "HGM_SOCKET": "/hgm/gateway/sock",
        "HGM_TOKEN": lease.token,
        "OPENAI_BASE_URL": f"{RELAY_URL}/v1",
        "OPENAI_API_KEY": lease.token,
        "ANTHROPIC_BASE_URL": RELAY_URL,
        "ANTHROPIC_API_KEY": lease.token,
        **_import_path(place),
    }
    mounts = [
        Mount(source=agent, target="/hgm/agent"),
        Mount(source=lease.folder, target="/hgm/gateway"),
        Mount(source=task, target="/hgm/task.json"),
        *_layers(place),
    ]
    if assignment.evidence:
        mounts.append(Mount(source=assignment.evidence, target=EVIDENCE))
    if manifest.relay:
        mounts.append(Mount(source=place.relay, target="/hgm/relay.py"))
    return SandboxSpec(
        run=place.run,
        job=place.job,
        slot=place.slot,
        limits=replace(place.limits, deadline_s=assignment.deadline_s),
        mounts=tuple(mounts),
        env=env,
    )


def _layers(place: Place) -> Iterator[Mount]:
    for source, target in ((place.layer, INSIDE), (place.subject_layer, SUBJECT_LAYER)):
        if source:
            yield Mount(source=source, target=target)


def _import_path(place: Place) -> dict[str, str]:
    return {"PYTHONPATH": INSIDE} if place.layer else {}


def _program(manifest: Manifest, place: Place, python: str) -> list[str]:
    first, *rest = manifest.command
    program = [python if first == "python3" else first, *rest]
    if place.layer and (place.layer / "bin").is_dir():
        return ["/bin/sh", "-c", f'PATH={INSIDE}/bin:$PATH exec "$@"', "sh", *program]
    return program


def _command(manifest: Manifest, place: Place, python: str) -> list[str]:
    program = _program(manifest, place, python)
    return [python, "-S", "-E", "-s", "/hgm/relay.py", "--", *program] if manifest.relay else program


@contextmanager
def _deadline_follows(
    lease: Lease, extend: Callable[[float], None], deadline_s: float, waiting: Callable[[float, str], None]
) -> Iterator[None]:
    """Move the deadline by what the gateway itself waited for, up to the cap."""
    given = 0.0

    def follow(waited: float, why: str) -> None:
        nonlocal given
        waiting(waited, why)
        owed = min(waited, (EXTENSION_CAP - 1) * deadline_s) - given
        if owed > 0:
            extend(owed)
            given += owed

    with waits_followed(lease, follow):
        yield


@contextmanager
def waits_followed(lease: Lease, told: Callable[[float, str], None]) -> Iterator[None]:
    """Say, as it changes, how long the gateway has waited on a lease, and why it still does; while the block lasts."""
    over = threading.Event()

    def follow() -> None:
        last = (0.0, "")
        while not over.wait(_WATCH_S):
            try:
                usage = lease.usage()
            except GatewayError:
                continue  # it is being started again
            if (usage.waited_s, usage.waiting) != last:
                last = (usage.waited_s, usage.waiting)
                told(*last)

    watcher = threading.Thread(target=follow, name="waits", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
