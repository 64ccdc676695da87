"""The container engines keep what every sandbox promises, however mounts get inside."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from hgm.errors import SandboxError
from sandboxes.base import End
from sandboxes.docker import Docker
from sandboxes.engine import Engine, connect
from sandboxes.images import image_name, is_built
from tests.contracts.sandbox import SandboxContract, run

pytestmark = pytest.mark.needs("docker")


class EngineContract(SandboxContract):
    def check_numbers(self, first: int, second: int) -> None:
        """The engine's own start uses up some numbers, now one more, now one less."""
        assert abs(first - second) < 16


@pytest.fixture(scope="module")
def mounting() -> Docker:
    return Docker(connect(), image=image_name(), transport="mounted")


@pytest.fixture(scope="module")
def copying() -> Docker:
    return Docker(connect(), image=image_name(), transport="copied")


class TestDockerWithMounts(EngineContract):
    @pytest.fixture
    def provider(self, mounting) -> Docker:
        return mounting


@pytest.fixture(scope="module")
def users() -> Docker:
    """As for a user who is not root: mounts, but workspaces through the engine."""
    provider = Docker(connect(), image=image_name(), transport="mounted")
    provider.is_near = False
    return provider


class TestDockerAsUser(EngineContract):
    @pytest.fixture
    def provider(self, users) -> Docker:
        return users


class TestDockerWithCopies(EngineContract):
    @pytest.fixture
    def provider(self, copying) -> Docker:
        return copying


@pytest.fixture(scope="module")
def podman() -> Iterator[Engine]:
    """Podman's own service for the time of these tests, with our image."""
    with tempfile.TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        host = f"unix://{folder}/sock"
        command = ["podman", "--runtime", "runc", "system", "service", "--time=0", host]
        service = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder)  # where it leaves notes of its own
        try:
            yield _answering(service, host)
        finally:
            service.terminate()
            service.wait()


def _answering(service: subprocess.Popen[bytes], host: str) -> Engine:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOCKER_HOST", host)
        for _ in range(200):
            with suppress(SandboxError):
                engine = connect()
                break
            with suppress(subprocess.TimeoutExpired):
                service.wait(0.1)
        else:
            pytest.fail("podman's service does not answer")
    if not is_built(engine):
        engine.api.load_image(b"".join(connect().api.get_image(image_name())))
    return engine


@pytest.fixture(scope="module")
def podmans(podman) -> Docker:
    return Docker(podman, image=image_name())


@pytest.mark.needs("podman")
class TestPodman(EngineContract):
    @pytest.fixture
    def provider(self, podmans) -> Docker:
        return podmans


def test_an_engine_elsewhere_tells_that_memory_ran_out() -> None:
    elsewhere = Docker(replace(connect(), is_local=False), image=image_name())
    found = run(elsewhere, elsewhere.python, "-c", "data = b'x' * (400 << 20)", memory_mb=100)
    assert (found.end, found.status) == (End.OUT_OF_MEMORY, -9)
    ended = run(elsewhere, "/bin/sh", "-c", "kill -9 $$")
    assert (ended.end, ended.status) == (End.EXITED, -9)


def test_finds_out_how_mounts_get_inside(mounting, copying) -> None:
    assert not Docker(connect(), image=image_name()).is_copying
    elsewhere = replace(connect(), is_local=False)
    assert Docker(elsewhere, image=image_name()).is_copying
