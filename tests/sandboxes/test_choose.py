import os
import shutil
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hgm.errors import ConfigError, SandboxError
from sandboxes import discovery, images
from sandboxes.base import SandboxProvider
from sandboxes.choose import NAMES, available, choose, switched_off
from sandboxes.discovery import find_bubblewrap, find_python, find_tools, find_way_down
from sandboxes.engine import connect
from sandboxes.images import build, image_name
from sandboxes.limits import find_hierarchy


@pytest.fixture
def programs(monkeypatch):
    """Puts programs of ours in place of the machine's."""
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(discovery, "TOOLS_PATH", folder)
        find_tools.cache_clear()

        def install(name: str, script: str) -> Path:
            path = Path(folder, name)
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
            return path

        yield install
        find_tools.cache_clear()


@pytest.fixture
def no_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")


@pytest.fixture
def no_image(monkeypatch):
    monkeypatch.setattr(images, "_dockerfile", lambda: b"never built")


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in NAMES[1:]])
def test_chooses_what_runs(name) -> None:
    provider: SandboxProvider = choose(name)
    assert provider.name == name
    assert provider.healthy()


@pytest.mark.needs("docker")
def test_auto_is_docker_where_engine_and_image_are_there(programs) -> None:
    assert choose("auto").name == "docker"
    assert choose("auto") is choose("docker"), "nothing is started twice"


@pytest.mark.needs("bubblewrap")
def test_auto_is_bubblewrap_without_an_engine(no_engine) -> None:
    assert choose("auto").name == "bubblewrap"


@pytest.mark.needs("bubblewrap", "docker")
def test_auto_is_bubblewrap_without_the_image(no_image) -> None:
    assert choose("auto").name == "bubblewrap"


@pytest.mark.needs("bubblewrap", "docker")
def test_auto_is_bubblewrap_where_the_image_starts_no_sandbox(monkeypatch) -> None:
    monkeypatch.setattr(images, "_dockerfile", lambda: b"ARG BASE_IMAGE\nFROM scratch\nLABEL empty=yes\n")
    build(connect(), base=None, progress=lambda line: None)
    try:
        assert choose("auto").name == "bubblewrap"
        with pytest.raises(ConfigError, match="no sandbox can be started here: "):
            choose("docker")
    finally:
        connect().api.remove_image(image_name())


@pytest.mark.needs("docker")
def test_docker_without_the_image_is_told_the_line_to_run(no_image) -> None:
    with pytest.raises(ConfigError, match=r"no image hgm-sandbox:\w{12} for sandboxes: hgm image$"):
        choose("docker")
    with pytest.raises(ConfigError, match=r"no image no/such:one for sandboxes: docker pull no/such:one$"):
        choose("docker", image="no/such:one")


@pytest.mark.parametrize("asked", [{"runtime": "runsc"}, {"image": "x"}])
def test_a_stronger_wall_that_was_asked_for_is_never_another(no_engine, asked) -> None:
    with pytest.raises(ConfigError, match="DOCKER_HOST=unix:///nowhere"):
        choose("auto", **asked)


@pytest.mark.needs("docker")
def test_a_runtime_that_the_engine_has_not_is_told() -> None:
    with pytest.raises(ConfigError, match="no-such-runtime"):
        choose("auto", runtime="no-such-runtime")


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'chroot'.*auto, bubblewrap, docker"):
        choose("chroot")


def test_what_is_missing_is_told_with_the_line_to_run(programs, no_engine) -> None:
    with pytest.raises(ConfigError, match=r"bwrap is missing: apt-get install .*; nor in Docker: DOCKER_HOST"):
        choose("auto")


def test_an_old_bubblewrap_is_told(programs) -> None:
    programs("bwrap", "echo bubblewrap 0.6.1")
    with pytest.raises(SandboxError, match=r"0\.6: bubblewrap 0\.8 or newer"):
        find_bubblewrap()


def test_a_set_user_id_bubblewrap_is_told(programs) -> None:
    path = programs("bwrap", "echo bubblewrap 0.11.0")
    path.chmod(0o755 | stat.S_ISUID)
    with pytest.raises(SandboxError, match=r"chmod u-s"):
        find_bubblewrap()


def test_a_bubblewrap_that_fails_is_told_with_its_own_words(programs) -> None:
    programs(
        "bwrap", '[ "$1" = --version ] && echo bubblewrap 0.8.0 && exit; echo "setting up uid map: no" >&2; exit 1'
    )
    programs("chroot", f'exec {shutil.which("chroot", path="/usr/bin:/usr/sbin:/bin:/sbin")} "$@"')
    with pytest.raises(ConfigError, match=r"never started.*setting up uid map: no"):
        choose("bubblewrap")


@pytest.mark.needs("root")
@pytest.mark.parametrize("script", ["exit 1", 'while [ "${1#-}" != "$1" ]; do shift; done; shift; exec "$@"'])
def test_a_way_down_that_leaves_rights_is_not_taken(programs, script) -> None:
    programs("chroot", script)
    with pytest.raises(SandboxError, match="gives up root"):
        find_way_down()


@pytest.mark.needs("root")
def test_the_other_way_down_is_taken(programs) -> None:
    real = shutil.which("setpriv")
    if real is None:
        pytest.skip("setpriv is not installed (apt-get install util-linux)")
    programs("setpriv", f'exec {real} "$@"')
    assert find_way_down()[0].endswith("/setpriv")


def test_the_python_for_inside_lies_below_usr() -> None:
    path = find_python()
    assert os.path.isabs(path)
    assert os.path.realpath(path).startswith("/usr/")


@pytest.mark.needs("bubblewrap")
def test_the_doctor_hears_of_every_part() -> None:
    parts = {part.name: part for part in available()}
    assert parts["canary sandbox"].found == "runs"
    assert parts["bubblewrap"].found.endswith("bwrap")
    limits = parts["limits on memory and processes"]
    assert bool(limits.found) != bool(limits.otherwise)
    if os.geteuid() == 0 and find_hierarchy():
        assert limits.found.startswith("control groups, version")


def test_a_machine_that_forbids_namespaces_is_told_what_to_run(tmp_path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    (tmp_path / "kernel" / "unprivileged_userns_clone").write_text("1\n")
    (line,) = switched_off(tmp_path)
    assert line.endswith("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")


def test_the_doctor_hears_what_is_missing(programs) -> None:
    parts = {part.name: part for part in available()}
    assert not parts["bubblewrap"].found
    assert "apt-get install bubblewrap" in parts["bubblewrap"].otherwise
    assert not parts["canary sandbox"].found


@pytest.mark.needs("docker")
def test_the_doctor_hears_of_the_engine() -> None:
    parts = [part for part in available() if part.sandbox == "docker"]
    assert [part.name for part in parts] == ["container engine", "sandbox image", "canary container"]
    assert [part.found for part in parts[1:]] == [image_name(), "runs"]
    assert connect().version in parts[0].found


@pytest.mark.needs("docker")
def test_the_doctor_hears_that_the_image_is_missing(no_image) -> None:
    *_, last = [part for part in available() if part.sandbox == "docker"]
    assert (last.name, last.found) == ("sandbox image", "")
    assert last.otherwise.endswith("is not built: hgm image")
