import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.errors import WorkspaceRejected
from sandboxes.base import File, Limits
from sandboxes.snapshot import MIB, Bounds, Tally, read_folder, shown, write_files

BOUNDS = Bounds(entries=1000, total_bytes=MIB, file_bytes=MIB // 2)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "w").mkdir()
    handle = os.open(tmp_path / "w", os.O_RDONLY)
    yield handle
    os.close(handle)


def put(folder: int, files: dict[bytes, File]) -> None:
    write_files(folder, files, uid=os.geteuid(), gid=os.getegid())


NAMES = st.binary(min_size=1, max_size=8).filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join).filter(lambda p: p.split(b"/")[0] != b".git")
FILES = st.builds(File, st.binary(max_size=50), st.sampled_from(["100644", "100755"]))


def without_collisions(files: dict[bytes, File]) -> dict[bytes, File]:
    return {path: file for path, file in files.items() if not any(p.startswith(path + b"/") for p in files)}


@given(st.dictionaries(PATHS, FILES, max_size=12).map(without_collisions))
def test_what_is_put_is_read(tmp_path_factory: pytest.TempPathFactory, files: dict[bytes, File]) -> None:
    handle = os.open(tmp_path_factory.mktemp("w"), os.O_RDONLY)
    try:
        put(handle, files)
        found = read_folder(handle, BOUNDS)
    finally:
        os.close(handle)
    assert (found.files, found.skipped) == (files, ())
    assert list(found.files) == sorted(files)


def test_links_are_told_and_not_followed(folder, tmp_path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    os.symlink(tmp_path / "outside", tmp_path / "w" / "folder")
    os.symlink(tmp_path / "outside" / "secret", tmp_path / "w" / "file")
    os.symlink(".", tmp_path / "w" / "loop")
    assert read_folder(folder, BOUNDS).files == {
        b"folder": File(os.fsencode(tmp_path / "outside"), "120000"),
        b"file": File(os.fsencode(tmp_path / "outside" / "secret"), "120000"),
        b"loop": File(b".", "120000"),
    }


def test_what_is_no_file_is_skipped_and_named(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path / "w")  # the path of a socket must be short
    os.mkdir("d")
    os.mkfifo("d/fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        found = read_folder(folder, BOUNDS)
    assert (found.files, found.skipped) == ({}, (b"d/fifo", b"sock"))


@pytest.mark.needs("root")
def test_devices_are_skipped_and_named(folder) -> None:
    os.mknod("disk", 0o600 | 0o060000, os.makedev(254, 0), dir_fd=folder)
    assert read_folder(folder, BOUNDS).skipped == (b"disk",)


def test_only_the_top_level_repository_is_left_out(folder) -> None:
    put(folder, {b".git/config": File(b"x"), b"a/.git/config": File(b"y"), b".gitignore": File(b"z")})
    assert list(read_folder(folder, BOUNDS).files) == [b".gitignore", b"a/.git/config"]


def test_an_empty_repository_file_is_left_out_too(folder) -> None:
    put(folder, {b".git": File(b"gitdir: /elsewhere")})
    assert read_folder(folder, BOUNDS).files == {}


def test_only_the_owners_bit_makes_a_file_executable(folder, tmp_path) -> None:
    for mode in (0o644, 0o655, 0o744, 0o6755, 0o100):
        (tmp_path / "w" / f"{mode:o}").touch()
        (tmp_path / "w" / f"{mode:o}").chmod(mode)
    modes = {path.decode(): file.mode for path, file in read_folder(folder, BOUNDS).files.items()}
    assert modes == {"644": "100644", "655": "100644", "744": "100755", "6755": "100755", "100": "100755"}


@pytest.mark.parametrize(
    ("bounds", "files", "complaint"),
    [
        (replace(BOUNDS, entries=3), {b"a/b/c/d": 0}, "more than 3 files and folders"),
        (replace(BOUNDS, file_bytes=9), {b"a": 10}, "a file of 10 bytes (at most 9): a"),
        (replace(BOUNDS, total_bytes=19), {b"a": 10, b"b": 10}, "more than 19 bytes in all"),
        (replace(BOUNDS, depth=2), {b"a/b/c": 0}, "folders nested deeper than 2: a/b/c"),
        (replace(BOUNDS, name_bytes=3), {b"a/name": 0}, "a name longer than 3 bytes: a/name"),
        (replace(BOUNDS, path_bytes=5), {b"abc/def": 0}, "a path of 7 bytes (at most 5)"),
    ],
)
def test_every_bound_rejects_and_its_neighbour_does_not(folder, bounds, files, complaint) -> None:
    put(folder, {path: File(bytes(size)) for path, size in files.items()})
    with pytest.raises(WorkspaceRejected) as rejected:
        read_folder(folder, bounds)
    assert complaint in str(rejected.value)
    wider = Bounds(
        **{name: value + (1 if value < 100 else 0) for name, value in vars(bounds).items()}  # each limit one wider
    )
    wider = replace(wider, path_bytes=max(wider.path_bytes, 7), entries=max(wider.entries, 4))
    assert len(read_folder(folder, wider).files) == len(files)


def test_a_sparse_file_is_not_read(folder) -> None:
    handle = os.open("sparse", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    os.truncate(handle, 1 << 42)
    os.close(handle)
    with pytest.raises(WorkspaceRejected, match="a file of 4398046511104 bytes"):
        read_folder(folder, BOUNDS)


def test_a_hard_link_counts_every_time(folder, tmp_path) -> None:
    (tmp_path / "w" / "a").write_bytes(bytes(400_000))
    os.link(tmp_path / "w" / "a", tmp_path / "w" / "b")
    assert len(read_folder(folder, BOUNDS).files) == 2
    os.link(tmp_path / "w" / "a", tmp_path / "w" / "c")
    with pytest.raises(WorkspaceRejected, match="bytes in all"):
        read_folder(folder, BOUNDS)


def test_many_files_are_rejected_before_they_are_all_listed(folder, tmp_path) -> None:
    (tmp_path / "w" / "first").touch()
    for number in range(5_000):
        os.link(tmp_path / "w" / "first", tmp_path / "w" / f"{number}")
    began = time.process_time()
    with pytest.raises(WorkspaceRejected, match="more than 1000"):
        read_folder(folder, BOUNDS)
    assert time.process_time() - began < 1.0


def test_a_tree_deeper_than_pythons_stack_is_rejected(folder, tmp_path, monkeypatch, request) -> None:
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", tmp_path / "w"], check=True))  # too deep for pytest, too
    monkeypatch.chdir(tmp_path / "w")
    for _ in range(sys.getrecursionlimit() + 100):
        os.mkdir("d")
        os.chdir("d")
    with pytest.raises(WorkspaceRejected, match="deeper"):
        read_folder(folder, replace(BOUNDS, entries=10**6, path_bytes=10**6))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(WorkspaceRejected):
        read_folder(folder, replace(BOUNDS, entries=10**6, path_bytes=10**6))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("path", [b"", b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/../b", b"a/./b", b"../a", b"a\0b"])
def test_a_path_that_is_none_is_rejected_on_both_ways(folder, path) -> None:
    with pytest.raises(WorkspaceRejected, match="not a path inside"):
        Tally(BOUNDS).enter(path)
    with pytest.raises(ValueError, match="not a path inside"):
        put(folder, {path: File(b"x")})
    assert os.listdir(folder) == []


@pytest.mark.parametrize("files", [(b"a", b"a/b"), (b"a/b", b"a/b/c")])
def test_a_file_below_a_file_does_not_fit(folder, files) -> None:
    with pytest.raises(OSError, match="File exists"):
        put(folder, {path: File(b"x") for path in files})


def test_nothing_is_written_through_a_link(folder, tmp_path) -> None:
    (tmp_path / "outside").mkdir()
    with pytest.raises(OSError, match="File exists"):
        put(folder, {b"a": File(os.fsencode(tmp_path / "outside"), "120000"), b"a/b": File(b"x")})
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("mode", ["40000", "160000", "100777", ""])
def test_only_modes_that_git_knows(folder, mode) -> None:
    with pytest.raises(ValueError, match="mode"):
        put(folder, {b"a": File(b"x", mode)})


def test_more_folders_than_descriptors_can_be_written(folder) -> None:
    files = {b"d%d/f" % number: File(b"") for number in range(2000)}
    put(folder, files)
    assert len(read_folder(folder, replace(BOUNDS, entries=5000)).files) == 2000


@pytest.mark.needs("root")
def test_what_is_put_belongs_to_the_user(folder, tmp_path) -> None:
    write_files(folder, {b"d/f": File(b""), b"d/l": File(b"x", "120000")}, uid=61000, gid=61001)
    for path in (tmp_path / "w").rglob("*"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (61000, 61001)


def test_bounds_follow_the_limits() -> None:
    bounds = Bounds.of(Limits(workspace_mb=3, workspace_inodes=7, file_mb=2))
    assert (bounds.entries, bounds.total_bytes, bounds.file_bytes) == (7, 3 * MIB, 2 * MIB)


@given(st.binary(max_size=300))
def test_a_hostile_path_is_shown_harmlessly(path: bytes) -> None:
    assert shown(path).isprintable()
    assert len(shown(path)) <= 120
