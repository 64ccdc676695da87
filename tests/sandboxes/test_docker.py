"""Docker keeps what every sandbox promises, however mounts get inside."""

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from sandboxes.docker import Docker
from sandboxes.engine import connect
from sandboxes.images import image_name
from tests.contracts.sandbox import SandboxContract


@pytest.fixture(scope="module")
def mounted() -> Docker:
    provider = Docker(connect(), image="hgm-base:bookworm", transport="mounted")
    return provider


@pytest.fixture(scope="module")
def copied() -> Docker:
    return Docker(connect(), image="hgm-base:bookworm", transport="copied")


class TestDockerWithMounts(SandboxContract):
    @pytest.fixture
    def provider(self, mounted) -> Docker:
        return mounted


class TestDockerWithCopies(SandboxContract):
    @pytest.fixture
    def provider(self, copied) -> Docker:
        return copied
