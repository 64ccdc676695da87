"""The lab's own Python in images that have another one, or none."""

from collections.abc import Iterator

import pytest

from sandboxes import shelf
from sandboxes.base import File, Image, Limits, SandboxProvider, SandboxSpec
from sandboxes.carried import PYTHON, carried_python
from sandboxes.choose import choose
from sandboxes.docker import Docker
from sandboxes.engine import connect
from sandboxes.images import image_name
from sandboxes.recipes import Recipe, build

pytestmark = pytest.mark.needs("docker")
WITHOUT = (
    f"FROM {image_name()}\nRUN rm -rf /usr/bin/python3* /usr/lib/python3* /usr/local/bin/python3*"
    " /usr/local/lib/python3* && mkdir /app\nWORKDIR /app\n"
)
ASK = """
import ctypes, hashlib, json, lzma, os, socket, sqlite3, ssl, subprocess, sys, unicodedata, zlib
command = [sys.executable, "-c", "import json, sys; print(sys.version_info[0])"]
again = subprocess.run(command, capture_output=True, text=True)
print(json.dumps([sys.executable, sys.prefix, again.stdout, os.environ.get("LD_LIBRARY_PATH"), os.getcwd()]))
"""


@pytest.fixture(scope="module")
def bare() -> Iterator[str]:
    """The id of an image without Python."""
    recipe = Recipe(repository="hgm-test-bare", context={b"Dockerfile": File(WITHOUT.encode())})
    build(connect(), recipe, progress=lambda line: None)
    yield str(connect().api.inspect_image(recipe.image)["Id"])
    shelf.remove_name(connect(), recipe.image)


@pytest.fixture(scope="module")
def docker() -> Docker:
    found = choose("docker")
    assert isinstance(found, Docker)
    return found


def printed(provider: SandboxProvider, *command: str) -> tuple[int, str]:
    with provider.open(SandboxSpec(run="carried", job="j", slot=0, limits=Limits(deadline_s=60))) as box:
        ended = box.run([*command])
        return ended.status or 0, ended.output.decode()


def test_it_runs_where_there_is_none_and_starts_itself(docker, bare) -> None:
    provider = docker.within(Image(id=bare, folder="/app"))
    assert provider.python == PYTHON
    status, said = printed(provider, PYTHON, "-c", ASK)
    assert (status, said) == (0, f'["{PYTHON}", "/hgm/python", "3\\n", null, "/app"]\n')


def test_the_images_own_python_stays_what_its_commands_find(docker, bare) -> None:
    status, said = printed(docker.within(Image(id=bare, folder="/app")), "/bin/sh", "-c", "command -v python3; id -u")
    assert (status, said) == (0, "0\n")


def test_an_agent_cannot_change_it(docker, bare) -> None:
    provider = docker.within(Image(id=bare, folder="/app"))
    status, said = printed(provider, "/bin/sh", "-c", "echo x >>/hgm/python/bin/python3 || rm /hgm/python/bin/python3")
    assert status
    assert "Read-only file system" in said


def test_it_is_made_once(docker) -> None:
    first = carried_python(docker.engine, docker.image)
    stamp = (first / "bin" / "python3").stat().st_mtime_ns
    assert carried_python(docker.engine, docker.image) == first
    assert (first / "bin" / "python3").stat().st_mtime_ns == stamp
    assert not list(first.parent.glob(".new-*"))


def test_where_files_are_copied_the_image_needs_its_own(bare) -> None:
    copying = Docker(connect(), image=image_name(), transport="copied")
    with pytest.raises(Exception, match=r"no Python 3\.9 or newer in the image"):
        copying.within(Image(id=bare, folder="/app"))
