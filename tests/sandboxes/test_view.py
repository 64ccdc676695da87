import sys
from pathlib import Path

import pytest

from hgm.errors import SandboxError
from sandboxes.view import View, arguments, hidden

SOURCES = {"--ro-bind", "--bind", "--ro-bind-try", "--dev-bind"}


def test_only_the_allow_list_is_bound() -> None:
    words = arguments(View(room=Path("/room"), mounts=((Path("/a"), "/hgm/a"),), env={}), seccomp=4, status=5)
    sources = {words[i + 1] for i, word in enumerate(words) if word in SOURCES}
    ours = {source for source in sources if not source.startswith("/room/")}
    assert ours <= {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/a"}
    assert words[words.index("/hgm/a") - 2] == "--ro-bind"


def test_every_tmpfs_has_a_size() -> None:
    words = arguments(View(room=Path("/room"), env={}), seccomp=4, status=5)
    for i, word in enumerate(words):
        assert word != "--tmpfs" or words[i - 2] == "--size"


@pytest.mark.parametrize("flag", ["--unshare-all", "--unshare-user", "--disable-userns", "--new-session", "--clearenv"])
def test_what_must_always_be_there(flag) -> None:
    assert flag in arguments(View(room=Path("/room"), env={}), seccomp=4, status=5)


def test_the_lab_below_usr_is_hidden(tmp_path) -> None:
    assert hidden(package=Path("/home/me/hgm/sandboxes"), prefix=Path("/home/me/hgm/.venv")) == ()
    # Only folders that are there count: take the standard library's for the packages'.
    library = Path(sys.base_prefix) / "lib" if sys.base_prefix.startswith("/usr") else Path("/usr/lib")
    found = hidden(package=library / "sandboxes", prefix=library)
    assert found == (library,)


@pytest.mark.parametrize("name", ["", "A=B", "A\0B", "PATH", "LANG"])
def test_names_that_cannot_be_set(name) -> None:
    with pytest.raises(SandboxError):
        arguments(View(room=Path("/room"), env={name: "other"}), seccomp=4, status=5)


def test_a_fixed_variable_may_be_repeated_as_it_is() -> None:
    words = arguments(View(room=Path("/room"), env={"TZ": "UTC"}), seccomp=4, status=5)
    assert words.count("TZ") == 1
