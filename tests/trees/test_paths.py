import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hgm.errors import ArchiveError
from sandboxes.base import File
from trees.paths import check_path, leaving_links

PLAIN = [
    b"a",
    b"a/b.py",
    b"\xff\xfe name",
    "größe/数.txt".encode(),
    b".gitignore",
    b".github/workflows/x.yml",
    b"git",
    b"a.git",
    b"...",
    b"..a",
    b"a\nb",
    b"-rf",
    b"a\\b",
    b"x" * 255,
]
HOSTILE = [
    b"",
    b"/etc/passwd",
    b"a//b",
    b"a/",
    b".",
    b"..",
    b"a/../b",
    b"a/./b",
    b"a\0b",
    b".git",
    b".git/config",
    b"a/.GIT/hooks/x",
    b".gIt",
    b".git ",
    b".git...",
    b".git. . ",
    b"git~1",
    b"GIT~1/config",
    b".git::$INDEX_ALLOCATION",
    b".git:stream",
    b"a\\.git\\config",
    b"x/git~1 \\y",
    ".g\u200cit".encode(),
    ".git\ufeff".encode(),
    "\u206a.GIT".encode(),
    b"x" * 256,
    b"/".join([b"d"] * 65),
    b"/".join([b"x" * 200] * 11),
]


@pytest.mark.parametrize("path", PLAIN)
def test_plain_paths_pass(path):
    check_path(path)


@pytest.mark.parametrize("path", HOSTILE, ids=repr)
def test_hostile_paths_are_refused(path):
    with pytest.raises(ArchiveError):
        check_path(path)


def link(target: bytes) -> File:
    return File(target, "120000")


STAYING = {
    "file beside": {b"a": File(b""), b"l": link(b"a")},
    "missing file inside": {b"l": link(b"nowhere/at/all")},
    "up and down again": {b"d/l": link(b"../e/f"), b"e/f": File(b"")},
    "to the folder itself": {b"d/l": link(b"..")},
    "through a link": {b"deep": link(b"x/y"), b"x/y/f": File(b""), b"l": link(b"deep/../y/f")},
}
LEAVING = {
    "absolute": {b"l": link(b"/etc/passwd")},
    "parent": {b"l": link(b"..")},
    "far parent": {b"d/l": link(b"../../x")},
    "round about": {b"l": link(b"a/b/../../..")},
    "loop": {b"l": link(b"l")},
    "empty": {b"l": link(b"")},
    "zero byte": {b"l": link(b"a\0b")},
    # Its text stays inside: x/y/z/l/../.. is x/y. The kernel goes elsewhere.
    "through a link that is shallower than it looks": {b"x/y/z/l": link(b"../../.."), b"x/y/z/m": link(b"l/../..")},
}


@pytest.mark.parametrize("files", STAYING.values(), ids=STAYING)
def test_links_that_stay(files):
    assert leaving_links(files) == ()


@pytest.mark.parametrize("files", LEAVING.values(), ids=LEAVING)
def test_links_that_leave(files):
    assert leaving_links(files)


NAMES = st.sampled_from([b"a", b"b", b"c"])
TARGETS = st.lists(st.sampled_from([b"a", b"b", b"c", b"..", b".", b""]), min_size=1, max_size=5).map(b"/".join)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), TARGETS, max_size=5))
def test_agrees_with_the_kernel(tmp_path_factory, links):
    links = {path: to for path, to in links.items() if not any(path.startswith(other + b"/") for other in links)}
    root = os.fsencode(tmp_path_factory.mktemp("links"))
    for path, target in links.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        if target:
            os.symlink(target, os.path.join(root, path))
    kept = set(links) - set(leaving_links({path: link(to) for path, to in links.items()}))
    for path in kept:
        assert Path(os.path.realpath(os.path.join(root, path)).decode()).is_relative_to(root.decode())
