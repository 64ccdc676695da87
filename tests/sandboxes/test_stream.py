"""A tar stream on its way back is hostile: it gives files within the bounds, or an error, soon."""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.errors import WorkspaceRejected
from sandboxes.base import File, Files
from sandboxes.fixed import USER
from sandboxes.snapshot import MIB, Bounds, Snapshot
from sandboxes.stream import packed, unpacked

BOUNDS = Bounds(entries=1000, total_bytes=MIB, file_bytes=MIB // 2)
BLOCK = 512


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object) -> bytes:
    """One entry as it stands in a stream."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, len(data)
    for field, value in fields.items():
        setattr(entry, field, value)
    header = entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return header + data + bytes(-len(data) % BLOCK)


def extended(records: bytes) -> bytes:
    """A PAX header for the entry that follows."""
    return member("pax", records, tarfile.XHDTYPE)


def record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    size = len(body) + len(str(len(body)))
    return str(len(body) + len(str(size))).encode() + body


FOLDER = member("workspace/", kind=tarfile.DIRTYPE)
END = bytes(2 * BLOCK)


def taken(*members: bytes, end: bytes = END, bounds: Bounds = BOUNDS) -> Snapshot:
    return unpacked([FOLDER, *members, end], bounds)


NAMES = st.binary(min_size=1, max_size=8).filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
TARGETS = st.binary(min_size=1, max_size=200).filter(lambda target: b"\0" not in target)
PLAIN = st.builds(File, st.binary(max_size=2000), st.sampled_from(["100644", "100755"]))
FILES = st.one_of(PLAIN, st.builds(File, TARGETS, st.just("120000")))


def without_collisions(files: dict[bytes, File]) -> dict[bytes, File]:
    return {path: file for path, file in files.items() if not any(p.startswith(path + b"/") for p in files)}


TREES = st.dictionaries(PATHS, FILES, max_size=12).map(without_collisions)


def below(folder: str, stream: bytes) -> bytes:
    """The same entries below one folder, as an engine names them."""
    buffer = io.BytesIO()
    ours = {"encoding": "utf-8", "errors": "surrogateescape"}
    with (
        tarfile.open(fileobj=io.BytesIO(stream), **ours) as found,
        tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, **ours) as renamed,
    ):
        for entry in found:
            content = found.extractfile(entry) if entry.isreg() else None
            entry.name = f"{folder}/{entry.name}"
            entry.pax_headers = {}
            renamed.addfile(entry, content)
    return buffer.getvalue()


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(TREES, st.integers(min_value=1, max_value=5000))
def test_what_was_packed_is_unpacked_whatever_the_pieces(files: Files, size: int) -> None:
    stream = below("workspace", packed(files, owner=USER))
    found = unpacked(in_pieces(stream, size), BOUNDS)
    assert found.files == {path: file for path, file in files.items() if path.split(b"/")[0] != b".git"}
    assert list(found.files) == sorted(found.files)
    assert found.skipped == ()


@given(TREES)
def test_what_is_packed_belongs_to_the_owner_and_its_folders_come_first(files: Files) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(files, owner=USER))) as archive:
        entries = archive.getmembers()
    assert {(entry.uid, entry.gid) for entry in entries} <= {(USER, USER)}
    seen = {""}
    for entry in entries:
        assert os.path.dirname(entry.name) in seen
        seen |= {entry.name} if entry.isdir() else set()


@pytest.mark.parametrize("path", [b"../a", b"/a", b"a/../b", b"a//b", b"./a", b"", b"a\0b", b"a/"])
def test_no_path_leads_outside_on_the_way_in(path: bytes) -> None:
    with pytest.raises(ValueError, match="inside the workspace"):
        packed({path: File(b"x")}, owner=USER)


def test_nothing_is_packed_through_a_link_or_file() -> None:
    with pytest.raises(ValueError, match="no folder"):
        packed({b"link": File(b"/", "120000"), b"link/etc": File(b"x")}, owner=USER)


def test_modes_that_git_does_not_know_are_not_packed() -> None:
    with pytest.raises(ValueError, match="mode 104755"):
        packed({b"a": File(b"x", "104755")}, owner=USER)


@pytest.mark.parametrize(
    "name",
    [
        *("workspace/../a", "workspace/a/../../b", "workspace//etc/passwd", "workspace/./a", "workspace/a//b"),
        *("/../a", "workspace/..", "//a", "../../etc/passwd"),
    ],
)
def test_no_path_leads_outside_on_the_way_out(name: str) -> None:
    with pytest.raises(WorkspaceRejected, match="not a path inside"):
        taken(member(name, b"x"))


@pytest.mark.parametrize("name", ["", "/", "workspace", "elsewhere/"])
def test_a_name_of_nothing_below_the_folder_is_nothing(name: str) -> None:
    assert taken(member(name, b"x")).files == {}


def test_names_come_back_as_their_bytes() -> None:
    names = ["workspace/\udcff", "workspace/€", "workspace/\x1b[31m\n", "workspace/ ", "workspace/C:\\x"]
    wanted = [b"\x1b[31m\n", b" ", b"C:\\x", b"\xe2\x82\xac", b"\xff"]
    assert list(taken(*(member(name) for name in names)).files) == wanted


def test_a_name_that_plays_an_archives_header_is_no_trouble_of_the_hosts() -> None:
    """Before Python 3.12 the library looks for `hdrcharset` in the middle of names too."""
    name = b"workspace/\xe2\x82\xac\n1 hdrcharset=\xff\n"
    size = len(b" path=" + name + b"\n") + 2
    try:
        found = taken(extended(b"%d path=%s\n" % (size, name)), member("workspace/x", b"x"))
    except WorkspaceRejected:
        return
    assert found.files == {name.removeprefix(b"workspace/"): File(b"x")}


def test_a_hosts_own_encoding_of_names_plays_no_part() -> None:
    """Else an agent whose file is called € is the host's trouble wherever nobody has set a locale."""
    code = r"""
import sys
from sandboxes.base import File
from sandboxes.snapshot import Bounds
from sandboxes.stream import packed, unpacked
assert sys.getfilesystemencoding() == "ascii", sys.getfilesystemencoding()
files = {b"w/\xe2\x82\xac/\xc5\x81": File(b"\xc3\xbc", "120000"), b"w/\xff": File(b"x")}
found = unpacked([packed(files, owner=1)], Bounds(entries=9, total_bytes=99, file_bytes=99)).files
assert found == {path[2:]: file for path, file in files.items()}, found
"""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_links_come_back_as_they_are_and_nothing_follows_them() -> None:
    found = taken(
        member("workspace/out", kind=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("workspace/up", kind=tarfile.SYMTYPE, linkname="../" * 20),
    )
    assert found.files == {b"out": File(b"/etc/passwd", "120000"), b"up": File(b"../" * 20, "120000")}


def test_a_hard_link_is_the_file_it_is_another_name_of() -> None:
    found = taken(
        member("workspace/a", b"x", mode=0o755),
        member("workspace/b", kind=tarfile.LNKTYPE, linkname="workspace/a"),
        member("workspace/l", kind=tarfile.SYMTYPE, linkname="there"),
        member("workspace/m", kind=tarfile.LNKTYPE, linkname="workspace/l"),
    )
    assert found.files[b"b"] == found.files[b"a"] == File(b"x", "100755")
    assert found.files[b"m"] == File(b"there", "120000")


@pytest.mark.parametrize(
    "target",
    [
        "workspace/later",
        "workspace/gone",
        "/etc/passwd",
        "../../etc/passwd",
        "workspace/.git/config",
        "",
        "workspace/b",
    ],
)
def test_a_hard_link_to_what_was_not_taken_is_left(target: str) -> None:
    found = taken(
        member("workspace/.git/config", b"x"),
        member("workspace/b", kind=tarfile.LNKTYPE, linkname=target),
        member("workspace/later", b"x"),
    )
    assert (found.files, found.skipped) == ({b"later": File(b"x")}, (b"b",))


def test_hard_links_count_every_time() -> None:
    links = [member(f"workspace/{n}", kind=tarfile.LNKTYPE, linkname="workspace/a") for n in range(3)]
    with pytest.raises(WorkspaceRejected, match="bytes in all"):
        taken(member("workspace/a", bytes(MIB // 2)), *links)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"Z"])
def test_what_is_no_file_is_skipped_and_named(kind: bytes) -> None:
    found = taken(member("workspace/odd", kind=kind), member("workspace/after", b"x"))
    assert found.files[b"after"] == File(b"x")
    assert found.skipped == (b"odd",) or found.files[b"odd"] == File(b"")


def test_a_sparse_file_counts_in_full() -> None:
    records = record("GNU.sparse.map", "0,1") + record("GNU.sparse.size", str(1 << 40))
    with pytest.raises(WorkspaceRejected, match="a file of 1099511627776 bytes"):
        taken(extended(records), member("workspace/sparse", b"x"))


@pytest.mark.parametrize("size", [MIB, 1 << 33, 1 << 62])
def test_a_size_is_judged_before_anything_is_read(size: int) -> None:
    def stream() -> Iterator[bytes]:
        yield FOLDER + member("workspace/a", size=size)
        yield bytes(BLOCK * 40)
        pytest.fail("more was read than a header")

    with pytest.raises(WorkspaceRejected, match=f"a file of {size} bytes"):
        unpacked(stream(), BOUNDS)


@pytest.mark.parametrize("size", [MIB + 1, 1 << 62])
def test_a_repository_cannot_keep_the_reader_busy(size: int) -> None:
    """A file of holes in `.git` costs the agent nothing; the engine would send every zero of it."""
    with pytest.raises(WorkspaceRejected, match=f"a file of {size} bytes"):
        taken(member("workspace/.git/holes", size=size))
    with pytest.raises(WorkspaceRejected, match=f"a file of {size} bytes"):
        taken(member("workspace/.git", size=size))


def test_many_files_of_a_repository_cannot_either() -> None:
    with pytest.raises(WorkspaceRejected, match="bytes in all"):
        taken(*(member(f"workspace/.git/{n}", bytes(MIB // 2)) for n in range(3)))


def test_a_repository_as_large_as_the_workspace_is_no_trouble() -> None:
    found = taken(member("workspace/.git/pack", bytes(MIB)), member("workspace/a", bytes(MIB // 2)))
    assert list(found.files) == [b"a"]


@pytest.mark.parametrize("promised", [1, BLOCK + 1, MIB // 2])
def test_data_that_is_missing_is_an_error(promised: int) -> None:
    with pytest.raises(tarfile.TarError):
        taken(member("workspace/a", size=promised), end=b"")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_promises_more_than_there_is_is_an_error(kind: bytes) -> None:
    with pytest.raises(tarfile.TarError):
        taken(member("workspace/a", kind=kind, size=1 << 40), member("workspace/a", b"x"))


@pytest.mark.parametrize("size", [-1, -BLOCK, -(1 << 40)])
def test_a_size_below_zero_is_an_error(size: int) -> None:
    with pytest.raises(tarfile.TarError):
        taken(member("workspace/a", size=size), member("workspace/b", b"x"))
    with pytest.raises(tarfile.TarError):
        taken(extended(record("size", str(size))), member("workspace/a", b"x"), member("workspace/b", b"x"))


@pytest.mark.parametrize("size", ["", "x", "1e9", "9" * 5000, "١"])
def test_a_size_that_is_no_number_gives_no_content(size: str) -> None:
    try:
        found = taken(extended(record("size", size)), member("workspace/a", b"secret"))
    except (tarfile.TarError, WorkspaceRejected):
        return
    assert found.files[b"a"].data in (b"", b"s")


@pytest.mark.parametrize(
    "records", [b"0 path=a\n", b"9" * 5000 + b" path=a\n", b"-5 path=a\n", b"path=a\n", b"99 path=a\n"]
)
def test_records_without_sense_bring_nothing(records: bytes) -> None:
    try:
        found = taken(extended(records), member("workspace/../a", b"x"))
    except (tarfile.TarError, WorkspaceRejected):
        return
    assert found.files == {}


def test_a_path_in_an_extended_header_is_looked_at_too() -> None:
    with pytest.raises(WorkspaceRejected, match="not a path inside"):
        taken(extended(record("path", "workspace/../../a")), member("workspace/a", b"x"))


def test_a_name_that_comes_twice_is_an_error() -> None:
    with pytest.raises(tarfile.TarError, match="twice"):
        taken(member("workspace/a", b"x"), member("workspace/a", b"y"))


def test_a_file_that_is_a_folder_too_is_an_error() -> None:
    for order in (1, -1):
        with pytest.raises(tarfile.TarError, match="no folder"):
            taken(*[member("workspace/a", b"x"), member("workspace/a/b", b"y")][::order])


@pytest.mark.parametrize("size", [BLOCK // 2, BLOCK, 3 * BLOCK, 4 * BLOCK, 4 * BLOCK + 1, 5 * BLOCK])
def test_a_stream_that_breaks_off_is_an_error_and_no_smaller_workspace(size: int) -> None:
    whole = FOLDER + member("workspace/a", b"x") + member("workspace/b", b"y") + END
    with pytest.raises(tarfile.TarError):
        unpacked([whole[:size]], BOUNDS)


def test_what_is_no_entry_is_an_error_and_not_the_end() -> None:
    with pytest.raises(tarfile.TarError):
        taken(member("workspace/a", b"x"), b"no entry".ljust(BLOCK, b"!"), member("workspace/b", b"y"))


@pytest.mark.parametrize("stream", [b"", b"x", bytes(100), b"{}" * 1000, b"\x1f\x8b" + bytes(1000)])
def test_what_is_no_tar_stream_is_an_error(stream: bytes) -> None:
    with pytest.raises(tarfile.TarError):
        unpacked([stream], BOUNDS)


@pytest.mark.parametrize(
    ("bounds", "complaint"),
    [
        (Bounds(entries=2, total_bytes=100, file_bytes=100), "more than 2 files"),
        (Bounds(entries=9, total_bytes=100, file_bytes=100, depth=1), "deeper"),
        (Bounds(entries=9, total_bytes=100, file_bytes=100, name_bytes=3), "a name longer"),
        (Bounds(entries=9, total_bytes=100, file_bytes=100, path_bytes=4), "a path of"),
        (Bounds(entries=9, total_bytes=100, file_bytes=3), "a file of"),
        (Bounds(entries=9, total_bytes=5, file_bytes=4), "bytes in all"),
    ],
)
def test_every_bound_rejects(bounds: Bounds, complaint: str) -> None:
    members = [member("workspace/f/", kind=tarfile.DIRTYPE), member("workspace/f/long", b"four"), member("workspace/g")]
    more = member("workspace/h", b"four")
    assert len(taken(*members, more).files) == 3
    with pytest.raises(WorkspaceRejected, match=complaint):
        taken(*members, more, bounds=bounds)


WHOLE = (
    FOLDER
    + extended(record("path", "workspace/€") + record("mtime", "1.5") + record("size", "3"))
    + member("workspace/x", b"abc")
    + member("workspace/" + "n" * 200, b"long")
    + member("workspace/l", kind=tarfile.SYMTYPE, linkname="t" * 200)
    + member("workspace/h", kind=tarfile.LNKTYPE, linkname="workspace/x")
    + extended(record("GNU.sparse.map", "0,1,5,1") + record("GNU.sparse.size", "9"))
    + member("workspace/s", b"xy")
    + END
)


def mended(stream: bytes) -> bytes:
    """With right sums, so that what was changed is looked at."""
    blocks = [*in_pieces(stream, BLOCK)]
    for number, block in enumerate(blocks):
        if block[257:262] == b"ustar":
            blank = block[:148] + b" " * 8 + block[156:]
            blocks[number] = block[:148] + b"%06o\0 " % sum(blank) + block[156:]
    return b"".join(blocks)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=12)), max_size=8),
    st.integers(0, len(WHOLE)),
    st.booleans(),
)
def test_whatever_comes_is_within_the_bounds_or_an_error(
    changes: list[tuple[int, bytes]], length: int, cut: bool
) -> None:
    changed = bytearray(WHOLE)
    for at, data in changes:
        changed[at : at + len(data)] = data
    stream = mended(bytes(changed))
    try:
        found = unpacked([stream[:length] if cut else stream], BOUNDS)
    except (WorkspaceRejected, tarfile.TarError):
        return
    assert sum(len(file.data) for file in found.files.values()) <= BOUNDS.total_bytes
    assert not any(part in (b"", b".", b"..") for path in found.files for part in path.split(b"/"))
