"""The random edit: a child made from its parent's own code by chance, without model, evidence, diagnosis or brief.

The grammar is that of the offline backbone, at work in a process of its own: what an agent wrote is parsed there, under
limits, and never run.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files as package_files
from pathlib import Path
from typing import NamedTuple

from hgm.contract import Manifest, may_change
from hgm.errors import ConfigError, SandboxError, boundary
from hgm.gates import is_code, shown
from sandboxes.base import File, Files

LARGEST_FILE = 200_000
"""Bytes; a larger one is left alone."""
MOST_BYTES = 8_000_000
DEADLINE_S = 60.0
"""By the clock; the process has a limit of its own on what it computes."""
_LINK = "120000"
_PROGRAM = Path(str(package_files("hgm"))) / "backbones" / "builtin" / "random_edit.py"
_COMMAND = (sys.executable, "-P", "-S", "-s", str(_PROGRAM))


class Edited(NamedTuple):
    """What a random edit came to."""

    files: Files
    """All of the agent's; those of the parent where there is nothing to change."""
    cause: str = ""
    """Why the edit did not finish, as of any editor."""


def edited(files: Files, manifest: Manifest, *, seed: int) -> Edited:
    """One to four random changes to files that a child may change; the same agent and seed give the same child.

    Raises:
        SandboxError: the host cannot start the process.
    """
    texts = dict(_texts(files, manifest))
    question = json.dumps({"seed": seed, "files": {shown(path): text for path, text in texts.items()}})
    with boundary(SandboxError, "cannot start the random edit"):
        try:
            ended = subprocess.run(
                _COMMAND,
                input=question.encode(),
                capture_output=True,
                cwd="/",
                env={"PYTHONHASHSEED": "0"},
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Edited(files, "deadline")
    if ended.returncode:
        return Edited(files, "crashed")
    answer: dict[str, str] = json.loads(ended.stdout)
    changed = {path: File(answer[shown(path)].encode(), files[path].mode) for path in texts if shown(path) in answer}
    return Edited({**files, **changed})


def check_editable(files: Files, manifest: Manifest) -> None:
    """See to it that a search by random edits can begin with this agent.

    Raises:
        ConfigError: there is nothing in it to change.
        SandboxError: the host cannot look.
    """
    found = edited(files, manifest, seed=0)
    if found.cause:
        raise SandboxError(f"looking for what a random edit can change ended as {found.cause!r}")
    if found.files == files:
        raise ConfigError(
            "--editor random changes Python and prompts, and finds nothing in this agent that a child may change: see "
            "`editable` and `frozen` in its agent.toml, or choose another editor"
        )


def _texts(files: Files, manifest: Manifest) -> Iterator[tuple[bytes, str]]:
    """What may be changed, as text: neither tests nor documentation, and no more than can be looked through."""
    left = MOST_BYTES
    for path, file in sorted(files.items()):
        if file.mode == _LINK or len(file.data) > min(LARGEST_FILE, left):
            continue
        if shown(path).encode() != path or not is_code(shown(path)) or not may_change(manifest, shown(path)):
            continue  # two paths may be shown as one
        try:
            text = file.data.decode()
        except UnicodeDecodeError:
            continue
        left -= len(file.data)
        yield path, text
