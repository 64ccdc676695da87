"""The Python of the lab's own image as a folder that any container of the same machine can run from.

Task images have another Python, an old one or none. Where a sandbox starts from such an image, this one is mounted: the
interpreter, its standard library and every shared library that they load, the C library's loader among them, so that
nothing of the image is used but /bin/sh. Made once per image of the lab's, in the user's cache.
"""

import hashlib
import os
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import IO

from hgm.errors import SandboxError, boundary
from sandboxes.calls import archive
from sandboxes.engine import Engine, engine_trouble, labels

INSIDE = "/hgm/python"
"""Where it has to be mounted."""
PYTHON = f"{INSIDE}/bin/python3"
_DEADLINE_S = 120.0
_PACK = r"""
import os, pathlib, re, subprocess, sys, sysconfig, tarfile

LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3"}
LEFT_OUT |= {"turtledemo", "__pycache__"}
name = "python{}.{}".format(*sys.version_info)
real = os.path.realpath(sys.executable)
library = pathlib.Path(os.path.realpath(sysconfig.get_path("stdlib")))
members = {"bin/.python": real}
for folder, folders, names in os.walk(library):
    folders[:] = [entry for entry in folders if entry not in LEFT_OUT and not entry.startswith("config-")]
    for entry in names:
        path = pathlib.Path(folder) / entry
        members["lib/{}/{}".format(name, path.relative_to(library))] = str(path)
loaded = [real, *(path for path in members.values() if path.endswith(".so"))]
loader = ""
for path in loaded:
    told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for found in re.findall(r"(?:=> )?(/\S+) \(0x", told):
        base = os.path.basename(found)
        members["so/" + base] = os.path.realpath(found)
        if base.startswith("ld-"):
            loader = base
wrapper = '''#!/bin/sh
unset PWD OLDPWD  # which no shell was asked to add
exec {inside}/so/{loader} --library-path {inside}/so --argv0 {inside}/bin/python3 {inside}/bin/.python "$@"
'''.format(inside=sys.argv[1], loader=loader)
pathlib.Path("/tmp/python3").write_text(wrapper)
os.chmod("/tmp/python3", 0o755)
members["bin/python3"] = "/tmp/python3"
with tarfile.open("/tmp/python.tar", "w", dereference=True) as tar:
    for member, path in sorted(members.items()):
        if os.path.isfile(path):
            tar.add(path, member)
"""


def cache_folder() -> Path:
    """Where they are kept: $XDG_CACHE_HOME/hgm/python or ~/.cache/hgm/python."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "hgm" / "python"


def carried_python(engine: Engine, image: str) -> Path:
    """The folder for an image of the lab's, made if it is not there.

    Raises:
        SandboxError: it cannot be made.
    """
    name = hashlib.sha256(f"{image} {_PACK}".encode()).hexdigest()[:16]
    final = cache_folder() / name
    if not final.is_dir():
        with boundary(SandboxError, f"cannot make {final}"):
            _make(engine, image, final)
    return final


def _make(engine: Engine, image: str, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    try:
        _unpack(engine, image, made)
        for path in (made, *made.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with suppress(OSError):  # another process may have been faster
            made.rename(final)
        if not final.is_dir():
            raise SandboxError(f"{final} cannot be written")
    finally:
        rmtree(made, ignore_errors=True)


def _unpack(engine: Engine, image: str, folder: Path) -> None:
    with engine_trouble("taking the Python of the lab's image"):
        container = engine.api.create_container(
            image,
            entrypoint=[""],
            command=["python3", "-I", "-S", "-c", _PACK, INSIDE],
            user="0:0",
            network_disabled=True,
            labels=labels("python", "carried"),
            host_config=engine.api.create_host_config(network_mode="none", cap_drop=["ALL"], init=True),
        )["Id"]
        try:
            engine.api.start(container)
            status = int(engine.api.wait(container, timeout=_DEADLINE_S)["StatusCode"])
            if status:
                said = engine.api.logs(container, tail=5).decode(errors="replace")[-300:]
                raise SandboxError(f"the Python of {image} cannot be taken along: {said!a}")
            with archive(engine, container, "/tmp/python.tar") as stream, tempfile.TemporaryFile() as file:
                file.writelines(stream)
                file.seek(0)
                _extract(file, folder)
        finally:
            engine.api.remove_container(container, v=True, force=True)


def _extract(file: IO[bytes], folder: Path) -> None:
    """The archive comes inside another one, as the engine hands files over."""
    with tarfile.open(fileobj=file) as outer:
        inner = outer.extractfile(outer.getmembers()[0])
        if inner is None:
            raise SandboxError("the engine hands no file over")
        with tarfile.open(fileobj=inner) as tar:
            tar.extractall(folder, filter="data")
