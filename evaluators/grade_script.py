"""Grading class *script*: Harbor's own tests/test.sh, which writes a reward.

Always in separate-verifier mode: a fresh sandbox gets the agent's workspace, tests/ is mounted read-only at /tests, and
/logs/verifier is an empty folder. The script shares the sandbox with the code under test; not promised: that it
withstands code written against it.
"""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evaluators.base import Script, Verdict
from evaluators.patches import overlay
from evaluators.room import GradingRoom
from hgm.errors import WorkspaceRejected
from sandboxes.base import WORKSPACE, End, File, Files, Mount
from sandboxes.image_workspace import REPORTS
from trees.records import Outcome

LOGS = REPORTS
"""Where /logs leads: the workspace is the only folder that comes back. The agent's own files there are dropped."""


_START = 'cd "$1" && xargs -0 rm -rf -- && exec /bin/bash /tests/test.sh </dev/null'
"""Removes what the agent removed, which comes by standard input."""


def grade(grading: Script, base: Files, files: Files, room: GradingRoom, *, folder: str = WORKSPACE) -> Verdict:
    """Passed if the reward that tests/test.sh wrote is at least the one asked for.

    Where the workspace is the `folder` of an image, `base` and `files` are those of its files that differ.

    Raises:
        SandboxError: the sandbox's own trouble.
    """
    clean = {path: file for path, file in files.items() if path.split(b"/")[0] != LOGS}
    workspace = overlay(clean, {LOGS + b"/verifier/.keep": File(b"")})
    gone = b"\0".join(base.keys() - files.keys())
    with staged(grading.files) as tests, _logs(folder) as logs:
        mounts = [Mount(source=tests, target="/tests"), Mount(source=logs, target="/logs")]
        try:
            seen = room.see(
                workspace,
                [*_variables(grading.env), "/bin/sh", "-c", _START, "sh", folder],
                deadline_s=grading.deadline_s,
                stdin=gone,
                mounts=mounts,
                take=True,
            )
        except WorkspaceRejected:
            return Verdict(outcome=Outcome.FAILED, cause="bad-workspace")
    reward = read_reward(seen.files)
    cause = {End.DEADLINE: "deadline", End.OUT_OF_MEMORY: "out-of-memory"}.get(seen.exit.end, "")
    cause = cause or ("no-reward" if reward is None else "tests")
    if seen.exit.end is End.EXITED and reward is not None and reward >= grading.reward:
        return Verdict(outcome=Outcome.PASSED, tests={"reward": True}, log=seen.exit.output)
    return Verdict(outcome=Outcome.FAILED, cause=cause, tests={"reward": False}, log=seen.exit.output)


def _variables(env: Mapping[str, str]) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in env.items())] if env else []


def read_reward(files: Files) -> float | None:
    """The finite number in reward.txt, or `reward` (else the only number) in reward.json; None if there is none."""
    folder = LOGS + b"/verifier/"
    if folder + b"reward.txt" in files:
        return _number(files[folder + b"reward.txt"].data.decode("ascii", "replace").strip())
    try:
        found = json.loads(files[folder + b"reward.json"].data)
    except (KeyError, ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        found = found.get("reward", next(iter(found.values())) if len(found) == 1 else None)
    return _number(found) if isinstance(found, int | float) else None


def _number(text: str | float) -> float | None:
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


@contextmanager
def staged(files: Files) -> Iterator[Path]:
    """The files as a host folder that any sandbox may read, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hgm-tests-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        for path, file in files.items():
            target = root / path.decode()
            for parent in reversed([parent for parent in target.parents if root in parent.parents]):
                parent.mkdir(mode=0o755, exist_ok=True)
            target.write_bytes(file.data)
            target.chmod(0o755 if file.mode == "100755" else 0o644)
        yield root


@contextmanager
def _logs(folder: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hgm-logs-") as place:
        root = Path(place)
        root.chmod(0o755)
        for name in ("verifier", "artifacts"):
            (root / name).symlink_to(f"{folder}/{LOGS.decode()}/{name}")
        yield root
