"""What every test may rely on: a clean environment, and visible skips where a part of the machine is missing.

`@pytest.mark.needs("bubblewrap")` skips a test, with the reason, where that part is missing. HGM_REQUIRE=bubblewrap
(as in .ci/run; more parts after commas) turns every skip whose reason names that word into a failure.

Several workers (`pytest -n 2`) share out whole files, classes, and halves of the battery. What a test makes on the
machine carries a name of its own or of its process; who needs the machine for itself holds a lock (`only_sweeper`).
"""

import fcntl
import importlib.util
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from evaluators.gui.pool import recipe as browser_recipe
from hgm.errors import SandboxError
from sandboxes.engine import connect
from sandboxes.images import image_name, is_built

SECRET = re.compile(r"(_KEY|_TOKEN|_SECRET)$|^(OPENAI|ANTHROPIC|HGM)_(?!(BATTERY|REQUIRE)$)")
SANDBOX = re.compile(r"\b(bubblewrap|docker)\b")
REQUIRED = tuple(part.strip() for part in os.environ.get("HGM_REQUIRE", "").split(",") if part.strip())
_PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec/podman"
LONG = (
    *(
        "tests/evaluators/test_swebench.py",
        "tests/battery/",
        "tests/sandboxes/test_bubblewrap",
        "tests/sandboxes/test_docker",
    ),
    *("tests/evaluators/test_polyglot.py", "tests/examples/", "tests/cli/", "tests/gateway/test_survival.py"),
)
DATA = Path(__file__).parents[2] / "shared" / "data"


@cache
def _without_bubblewrap() -> str:
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (apt-get install bubblewrap)"
    # Not all of /, whose mounts come and go with the containers of others.
    system = [word for path in ("/usr", "/bin", "/lib", "/lib64") for word in ("--ro-bind-try", path, path)]
    tried = subprocess.run(["bwrap", "--unshare-all", *system, "true"], capture_output=True, check=False)
    return f"bubblewrap cannot start here: {tried.stderr.decode().strip()}" if tried.returncode else ""


@cache
def _without_docker() -> str:
    try:
        if is_built(connect()):
            return ""
    except SandboxError as error:
        return f"no docker engine: {error}"
    return f"docker has no image {image_name()} (hgm image)"


def _without_podman() -> str:
    missing = [program for program in ("podman", "runc", "catatonit") if not shutil.which(program, path=_PROGRAMS)]
    return f"podman needs {', '.join(missing)} (apt-get install podman runc catatonit)" if missing else ""


@cache
def _swebench_rows() -> str:
    """The image that holds the rows of the instances on this engine; empty where there is none."""
    found = [tag for image in connect().api.images("hgm-test-swebench") for tag in image["RepoTags"]]
    return min(found, default="")


@cache
def _without_swebench() -> str:
    if without := _without_docker():
        return without
    if importlib.util.find_spec("swebench") is None:
        return "swebench is not installed (pip install 'hgm-lab[swebench]')"
    return "" if _swebench_rows() else "docker has no swebench instances (scripts/engine, beside ../shared)"


def _without_registry() -> str:
    if without := _without_docker():
        return without
    return "" if shutil.which("docker-registry") else "there is no registry (apt-get install docker-registry)"


@cache
def chromium() -> str:
    """The path of a browser; empty where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def _without_chromium() -> str:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed for chromium (pip install playwright)"
    return "" if chromium() else "chromium is not installed (apt-get install chromium)"


@cache
def _without_browser() -> str:
    if without := _without_docker():
        return without
    if any(importlib.util.find_spec(name) is None for name in ("playwright", "miniwob")):
        return "playwright and miniwob are not installed for the browser (pip install 'hgm-lab[gui]')"
    image = browser_recipe().image
    return "" if is_built(connect(), image) else f"docker has no image {image} for the browser (scripts/engine)"


def _without_xvfb() -> str:
    return "" if shutil.which("Xvfb") else "there is no display to test on (apt-get install xvfb)"


def _without_npm() -> str:
    return "" if shutil.which("npm") and shutil.which("node") else "npm is not installed (apt-get install npm)"


def _without_root() -> str:
    return "" if os.geteuid() == 0 else "root is needed for this"


def _with_root() -> str:
    return "this is about unprivileged users (no-root)" if os.geteuid() == 0 else ""


PARTS: dict[str, Callable[[], str]] = {
    "bubblewrap": _without_bubblewrap,
    "docker": _without_docker,
    "podman": _without_podman,
    "swebench": _without_swebench,
    "registry": _without_registry,
    "chromium": _without_chromium,
    "browser": _without_browser,
    "xvfb": _without_xvfb,
    "npm": _without_npm,
    "root": _without_root,
    "no-root": _with_root,
}
"""Part -> why it is missing; empty where it is there."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"needs(part, ...): skip where a part is missing; parts: {', '.join(PARTS)}")
    unknown = set(REQUIRED) - {*PARTS, "data", "index"}
    if unknown:
        raise pytest.UsageError(f"HGM_REQUIRE: no such part: {', '.join(sorted(unknown))}")
    # No time limit per example, since machines are shared; no folder of examples, since a checkout may be read-only.
    settings.register_profile("hgm", deadline=None, database=None)
    settings.load_profile("hgm")
    for name in [name for name in os.environ if SECRET.search(name)]:
        del os.environ[name]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Shares(LoadScopeScheduling):
        _split_scope = staticmethod(share)

    return Shares(config, log)


def share(test: str) -> str:
    """What one worker does as a whole: a class, or a file's functions, in the battery once per sandbox."""
    where, _, parameters = test.partition("[")
    sandbox = SANDBOX.search(parameters) if where.startswith("tests/battery/") else None
    return f"{where.rpartition('::')[0]} {sandbox[0] if sandbox else ''}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest parts first, so that no worker is alone with one at the end; else the order stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for part in mark.args:
            if part not in PARTS:
                raise pytest.UsageError(f"{item.nodeid} needs {part!r}; known parts: {', '.join(PARTS)}")
            if missing := PARTS[part]():
                pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    return _fail_if_required(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    return _fail_if_required(report)


def _fail_if_required(report):
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    missing = [part for part in REQUIRED if re.search(rf"(?<![\w-]){re.escape(part)}(?![\w-])", reason)]
    if missing:
        report.outcome = "failed"
        report.longrepr = f"HGM_REQUIRE names {missing[0]}, but this would be skipped. {reason}"
    return report


@pytest.fixture(autouse=True)
def _environment_is_left_as_it_was() -> Iterator[None]:
    before = {**os.environ}
    yield
    after = {**os.environ}
    os.environ.clear()
    os.environ.update(before)
    for variables in (before, after):
        variables.pop("PYTEST_CURRENT_TEST", None)
    assert sorted(before.items() ^ after.items()) == [], "this test leaves the environment changed"


@pytest.fixture(scope="session")
def swebench_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of the instances whose images are on this engine."""
    api = connect().api
    made = api.create_container(_swebench_rows(), command=["none"], network_disabled=True)["Id"]
    try:
        chunks, _ = api.get_archive(made, "/rows.jsonl")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            rows = archive.extractfile("rows.jsonl").read()
    finally:
        api.remove_container(made, force=True)
    file = tmp_path_factory.mktemp("swebench") / "rows.jsonl"
    file.write_bytes(rows)
    return file


@pytest.fixture
def only_sweeper() -> Iterator[None]:
    """For tests that leave or remove what is a dead process's: `hgm gc` sees that of all others on this machine."""
    lock = os.open(f"/tmp/hgm-tests-{os.getuid()}.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Finds a file of benchmark records beside the checkout, which are not part of the repository; skips without it."""

    def find(name: str) -> Path:
        if not (DATA / name).is_file():
            pytest.skip(f"no benchmark data: ../shared/data/{name} is not beside this checkout")
        return DATA / name

    return find
