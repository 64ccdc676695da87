"""Images whose workspace does not tell its future: for agents with one commit, for graders with the history before it.

Made once per image and use, from a container of it without a network, by `inside/seal.py`, which says what goes. The
layers below still hold everything; what runs in a sandbox cannot reach them.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeAlias

from hgm.errors import SandboxError, boundary
from sandboxes.engine import JOB_LABEL, MAKER_LABEL, RUN_LABEL, Engine, engine_trouble, is_missing, labels
from sandboxes.snapshot import MIB

Kept: TypeAlias = Literal["commit", "history"]

REPOSITORY = "hgm-sealed"
FROM_LABEL = "hgm.sealed.from"
"""The id of the image that it was made from."""
_PROGRAM = (files("sandboxes") / "inside" / "seal.py").read_text()
_START = """for name in python3 /opt/miniconda3/bin/python3 /usr/local/bin/python3; do
  path=$(command -v $name) || continue
  $path -I -S -c 'import sys; sys.exit(sys.version_info < (3, 6))' && exec "$path" -I -S -c "$@"
done
echo 'no Python in the image' >&2; exit 1"""
_DEADLINE_S = 600.0
_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""To rewrite and take over what belongs to others."""
_SAID_CHARS = 500


def sealed(engine: Engine, image: str, *, folder: str, keeps: Kept = "commit") -> str:
    """The id of an image made from this one, once, in which `folder` is a repository of one commit.

    With `keeps` its history stays, under the names that it has, as far as its HEAD descends from it.

    Raises:
        SandboxError: it cannot be made.
    """
    name = f"{REPOSITORY}:{hashlib.sha256(f'{image} {folder} {keeps} {_PROGRAM}'.encode()).hexdigest()[:16]}"
    if found := _identity(engine, name):
        return found
    with _only_maker(name):
        return _identity(engine, name) or _made(engine, image, (folder, keeps), name)


def _identity(engine: Engine, name: str) -> str:
    try:
        with engine_trouble("looking for a sealed image"):
            return str(engine.api.inspect_image(name)["Id"])
    except SandboxError as error:
        if is_missing(error):
            return ""
        raise


def _made(engine: Engine, image: str, words: tuple[str, Kept], name: str) -> str:
    with engine_trouble(f"sealing {image}"), _container(engine, image, words) as container:
        engine.api.start(container)
        status = int(engine.api.wait(container, timeout=_DEADLINE_S)["StatusCode"])
        if status:
            said = engine.api.logs(container, tail=20).decode(errors="replace")[-_SAID_CHARS:]
            raise SandboxError(f"{image} cannot be sealed: {said.strip()!a}")
        repository, _, tag = name.partition(":")
        ours = " ".join(f'{label}=""' for label in (RUN_LABEL, JOB_LABEL, MAKER_LABEL))
        changes = ['CMD ["/bin/sh"]', f'LABEL {FROM_LABEL}="{image}" {ours}']
        return str(engine.api.commit(container, repository=repository, tag=tag, changes=changes)["Id"])


@contextmanager
def _container(engine: Engine, image: str, words: tuple[str, Kept]) -> Iterator[str]:
    host = engine.api.create_host_config(
        network_mode="none",
        cap_drop=["ALL"],
        cap_add=list(_RIGHTS),
        security_opt=["no-new-privileges"],
        mem_limit=2048 * MIB,
        pids_limit=256,
        init=True,
        log_config={"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
    )
    made = engine.api.create_container(
        image,
        entrypoint=[""],
        command=["/bin/sh", "-c", _START, "sh", _PROGRAM, *words],
        user="0:0",
        working_dir="/",
        network_disabled=True,
        stop_signal="SIGKILL",
        labels=labels("sealing", "seal"),
        host_config=host,
    )
    try:
        yield str(made["Id"])
    finally:
        engine.api.remove_container(made["Id"], v=True, force=True)


@contextmanager
def _only_maker(name: str) -> Iterator[None]:
    """Held by one thread of one process of this user's: the others find what it has made."""
    place = Path(tempfile.gettempdir()) / f"hgm-sealing-{os.getuid()}"
    with boundary(SandboxError, "cannot lock an image"):
        place.mkdir(mode=0o700, exist_ok=True)
        file = (place / name.replace(":", "-")).open("w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
