import os
import subprocess
import sys
import sysconfig
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pytest

from hgm.errors import SandboxError
from sandboxes.base import Exit
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.discovery import find_tools
from sandboxes.scopes import Scopes
from tests.contracts.sandbox import SandboxContract

pytestmark = pytest.mark.needs("bubblewrap")
CHECKOUT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.mark.needs("root")
class TestBubblewrapAsRoot(SandboxContract):
    @pytest.fixture
    def provider(self) -> Bubblewrap:
        provider = Bubblewrap()
        if provider.tools.hierarchy is None:
            pytest.skip("this root may not make control groups")
        return provider


def _scopes() -> Scopes | None:
    with suppress(SandboxError):
        return find_tools().scopes
    return None


PER_PROCESS = "without control groups memory is limited per process, and a failed allocation is the program's to tell"


class WithoutGroups(SandboxContract):
    """No control groups: memory is limited per process, and the kernel counts no refusals."""

    not_stopped = MappingProxyType(
        {
            "test_memory_is_limited": PER_PROCESS,
            "test_memory_is_limited_over_all_processes": PER_PROCESS,
            "test_a_childs_death_by_memory_is_not_the_commands": PER_PROCESS,
            "test_shared_memory_counts": PER_PROCESS,
        }
    )

    def check_refusals(self, found: Exit) -> None:
        assert found.pids_refused == 0


@pytest.mark.needs("root")
class TestBubblewrapAsRootWithoutGroups(WithoutGroups):
    @pytest.fixture
    def provider(self) -> Bubblewrap:
        return Bubblewrap(replace(find_tools(), hierarchy=None))


@pytest.mark.needs("no-root")
class TestBubblewrapAsUser(WithoutGroups):
    """Where the user's service manager limits what it starts, everything binds as for root."""

    if scopes := _scopes():
        not_stopped = MappingProxyType(
            {}
            if scopes.version >= 253
            else {"test_a_childs_death_by_memory_is_not_the_commands": "before systemd 253 it ends the whole scope"}
        )
        check_refusals = SandboxContract.check_refusals

    @pytest.fixture
    def provider(self) -> Bubblewrap:
        return Bubblewrap()


@pytest.mark.needs("root")
def test_all_of_this_holds_for_an_unprivileged_user() -> None:
    options = ("-q", "-p", "no:cacheprovider", "--override-ini=addopts=--strict-markers --import-mode=importlib")
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        tests = [
            _python_for_everybody(),
            "-m",
            "pytest",
            *options,
            f"--basetemp={folder}/base",
            str(Path(__file__).parent),
        ]
        found = _as_nobody(tests, HOME=folder, PATH=os.environ["PATH"])
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert " passed" in found.stdout


def _python_for_everybody() -> str:
    """An interpreter as new as ours that any user may start: ours may lie in root's home."""
    check = "import sys, pytest, pytest_timeout, hypothesis; sys.exit(sys.version_info < (3, 11))"
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            if _as_nobody([path, "-c", check]).returncode == 0:
                return path
    pytest.skip("no interpreter that another user may start can run these tests")


def _as_nobody(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=CHECKOUT,
        env={"PYTHONPATH": f"{sysconfig.get_path('purelib')}:{CHECKOUT}", "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
