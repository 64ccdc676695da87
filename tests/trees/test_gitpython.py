"""What GitPython starts when it is imported."""

import subprocess
import sys
from pathlib import Path


def test_importing_it_hands_no_key_on(tmp_path: Path) -> None:
    git = tmp_path / "git"
    git.write_text(f'#!/bin/sh\nenv > {tmp_path}/seen\necho "git version 2.39.0"\n')
    git.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OPENAI_API_KEY": "sk-canary-7261"}
    said = "import os, trees.git; print(os.environ['OPENAI_API_KEY'])"
    done = subprocess.run([sys.executable, "-c", said], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "sk-canary-7261\n", "the environment itself is as it was"
    assert "PATH" in (tmp_path / "seen").read_text()
    assert "canary" not in (tmp_path / "seen").read_text()
