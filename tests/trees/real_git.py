"""The real git, to check what ours wrote."""

import os
import subprocess
from pathlib import Path

from sandboxes.base import File

ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent", "LC_ALL": "C"}


def git(repository: Path, *arguments: str, stdin: bytes = b"", **env: str) -> bytes:
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        cwd=repository,
        input=stdin,
        env={**ENVIRONMENT, "PATH": os.environ["PATH"], **env},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def agent(**changed: bytes) -> dict[bytes, File]:
    """A small agent; a keyword replaces or adds NAME.py."""
    files = {
        b"main.py": File(b"print('hello')\n", "100755"),
        b"agent.toml": File(b"protocol = 1\n"),
        b"prompts/solve.md": File(b"Solve it.\n"),
        b"lib/deep/tools.py": File(b"def tool():\n    pass\n"),
    }
    return files | {f"{name}.py".encode(): File(data) for name, data in changed.items()}
