import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hgm.errors import ArchiveError
from sandboxes.base import File
from tests.trees.real_git import agent, git
from tests.trees.test_paths import HOSTILE, PLAIN
from trees.git import BareRepository
from trees.objects import run_git
from trees.paths import check_path


@pytest.fixture
def repository(tmp_path: Path) -> BareRepository:
    return BareRepository.create(tmp_path / "bare.git")


ODD = {
    b"a": File(b"file before folder\n"),
    b"a.b": File(b""),
    b"a-b/x": File(b"sorted as a folder\n"),
    b"ab/\xff\xfe": File(b"\x00\xff binary", "100755"),
    b"ab/tab\there\nline": File(b"x" * 100_000),
    "ab/größe".encode(): File(b"utf-8 name\n"),
    b"link": File(b"ab/\xff\xfe", "120000"),
    b".gitattributes": File(b"* -diff -text filter=evil\n"),
    b".gitmodules": File(b'[submodule "x"]\n\tpath = x\n\turl = ext::sh\n'),
}


@pytest.mark.parametrize("files", [{}, agent(), ODD], ids=["empty", "agent", "odd"])
def test_what_is_written_is_read(repository, files):
    tree = repository.write_tree(files)
    assert repository.read_tree(tree) == files


def test_git_itself_makes_the_same_tree_of_the_same_files(repository, tmp_path):
    work = tmp_path / "work"
    for path, file in agent().items():
        target = work / path.decode()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(int(file.mode, 8) & 0o777)
    git(work, "init", "-q")
    git(work, "add", ".")
    assert repository.write_tree(agent()) == git(work, "write-tree").decode().strip()


def test_git_finds_nothing_wrong(repository):
    trees = [repository.write_tree(files) for files in ({}, agent(), {k: v for k, v in ODD.items() if k[:1] != b"."})]
    first = repository.commit(trees[0], (), "nothing", 0)
    repository.set_ref("refs/heads/best", repository.commit(trees[1], (first,), "ümlaut \udcff \x1b[31m \0", 1))
    repository.set_ref("refs/agents/2", repository.commit(trees[2], (first,), "", 2))
    assert git(repository.path, "fsck", "--strict", "--full", "--no-dangling") == b""


def test_a_commit_is_the_same_whenever_it_is_made(repository, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
    commit = repository.commit(repository.write_tree(agent()), (), "The seed", 7)
    shown = git(repository.path, "show", "-s", "--format=%an <%ae> %at %cn <%ce> %ct %B", commit).decode()
    assert shown.split("\n")[0] == ("hgm <hgm@localhost> 1577836807 hgm <hgm@localhost> 1577836807 The seed")
    assert repository.commit(repository.write_tree(agent()), (), "The seed", 7) == commit


def test_a_commit_says_what_was_said(repository):
    tree = repository.write_tree(agent())
    parent = repository.commit(tree, (), "one", 0)
    child = repository.commit(tree, (parent,), "two\n\nlines \x1b[2J and \udcff\n", 1)
    assert repository.read_commit(child) == (tree, (parent,), "two\n\nlines \\x1b[2J and \\udcff\n")
    assert repository.tree_of(child) == repository.tree_of(tree) == tree


@pytest.mark.parametrize("path", HOSTILE, ids=repr)
def test_hostile_paths_are_refused(repository, path):
    with pytest.raises(ArchiveError):
        repository.write_tree({b"main.py": File(b""), path: File(b"")})


@pytest.mark.parametrize(
    "files",
    [
        {b"a": File(b""), b"a/b": File(b"")},
        {b"a/b": File(b""), b"a": File(b"")},
        {b"a": File(b"", "040000")},
        {b"a": File(b"", "160000")},
        {b"a": File(b"", "100664")},
    ],
    ids=["file, then folder", "folder, then file", "mode of a folder", "mode of a submodule", "mode out of use"],
)
def test_impossible_trees_are_refused(repository, files):
    with pytest.raises(ArchiveError):
        repository.write_tree(files)


@settings(max_examples=100, deadline=None)
@given(path=st.binary(min_size=1, max_size=12) | st.sampled_from(PLAIN), data=st.binary(max_size=50))
def test_any_path_that_passes_is_kept_and_suits_git(tmp_path_factory, path, data):
    try:
        check_path(path)
    except ArchiveError:
        return
    repository = BareRepository.create(tmp_path_factory.mktemp("bare"))
    tree = repository.write_tree({path: File(data)})
    assert repository.read_tree(tree) == {path: File(data)}
    listed = git(repository.path, "ls-tree", "-r", "-z", "--name-only", tree)
    assert listed == path + b"\0"
    git(repository.path, "-c", "core.protectHFS=true", "-c", "core.protectNTFS=true", "read-tree", tree)


def test_a_missing_object_is_an_error(repository):
    with pytest.raises(ArchiveError, match="holds no object"):
        repository.read_tree("0" * 40)


@pytest.mark.parametrize("name", ["", "HEAD", "--output=/tmp/x", "0" * 39, "0" * 40 + "\n", "A" * 40])
def test_only_full_names_of_objects_are_taken(repository, name):
    for use in (repository.read_tree, repository.read_commit, lambda sha: repository.set_ref("refs/heads/x", sha)):
        with pytest.raises(ArchiveError, match="not a git object's name"):
            use(name)


def test_a_file_is_no_tree(repository):
    repository.write_tree({b"a": File(b"hello")})
    blob = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"
    for use in (repository.read_tree, repository.read_commit, repository.tree_of):
        with pytest.raises(ArchiveError, match=blob):
            use(blob)


def objects(repository: BareRepository) -> dict[str, tuple[int, int]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (repository.path / "objects").rglob("*")
        if path.is_file()
    }


def test_unchanged_files_are_not_written_again(repository):
    repository.write_tree(agent())
    before = objects(repository)
    repository.write_tree(agent(main=b"print('changed')\n"))
    after = objects(repository)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2  # one file, one tree


@pytest.mark.parametrize("durable", [False, True])
def test_an_empty_object_left_by_a_power_cut_is_written_anew(tmp_path, durable):
    repository = BareRepository.create(tmp_path / "bare.git", durable=durable)
    repository.write_tree(agent())
    for path in (repository.path / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")
    with pytest.raises(ArchiveError):
        repository.read_tree(BareRepository.create(tmp_path / "other.git").write_tree(agent()))
    assert repository.read_tree(repository.write_tree(agent())) == agent()


def test_a_damaged_object_is_an_error_and_never_other_content(repository):
    tree = repository.write_tree(agent())
    paths = [path for path in (repository.path / "objects").rglob("*") if path.is_file()]
    for path in paths:
        whole = path.read_bytes()
        path.chmod(0o644)
        other = next(p for p in paths if p != path)
        for broken in (whole[: len(whole) // 2], b"noise", b"", other.read_bytes()):
            path.write_bytes(broken)
            with pytest.raises(ArchiveError, match=r"damaged|is a"):
                repository.read_tree(tree)
        path.write_bytes(whole)
    assert repository.read_tree(tree) == agent()


def test_objects_and_references_that_somebody_packed_are_read(repository):
    tree = repository.write_tree(ODD)
    commit = repository.commit(tree, (), "packed", 0)
    repository.set_ref("refs/agents/0", commit)
    repository.set_ref("refs/agents/1", commit)
    git(repository.path, "gc", "-q", "--prune=now")
    assert not list((repository.path / "objects").glob("??/*"))
    assert not (repository.path / "refs/agents/0").exists()
    assert repository.read_tree(commit) == ODD
    assert repository.refs("refs/agents/") == {"refs/agents/0": commit, "refs/agents/1": commit}
    repository.delete_ref("refs/agents/1")
    assert repository.get_ref("refs/agents/0") == commit
    assert repository.get_ref("refs/agents/1") is None
    assert git(repository.path, "for-each-ref", "--format=%(refname)") == b"refs/agents/0\n"


# Diffs


def test_a_diff_can_be_applied(repository, tmp_path):
    before = agent()
    after = agent(new=b"x = 1\n", main=b"no newline at the end") | {
        b"prompts/solve.md": File(b"\x00\x01binary\xff" * 20),
        b"lib/deep/tools.py": File(b"def tool():\n    pass\n", "100755"),
        b"l\xff": File(b"main.py", "120000"),
    }
    del after[b"agent.toml"]
    a, b = repository.write_tree(before), repository.write_tree(after)
    patch = repository.diff(a, b)
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    git(repository.path, "read-tree", a, **index)
    git(repository.path, "apply", "--cached", stdin=patch, **index)
    assert git(repository.path, "write-tree", **index).decode().strip() == b
    assert repository.diff(a, a) == b""


def test_many_diffs_are_what_each_is_whatever_stands_in_them(repository) -> None:
    """A change that looks like git's own line between two commits stays in the patch of its own."""
    commits, parent = [], ()
    for index in range(4):
        forged = b"".join(
            b"a\r" + commit.encode() + b"\r\n" + commit.encode() + b"\x0b+ forged\n" for commit in commits
        )
        tree = repository.write_tree({b"f": File(b"%d\n" % index + forged), b"g": File(b"\0%d" % index + forged)})
        commits.append(repository.commit(tree, parent, "a change", index))
        parent = (commits[-1],)
    found = repository.diffs(commits[1:])
    assert found == {b: repository.diff(a, b) for a, b in pairwise(commits)}


def test_a_renamed_file_is_shown_whole(repository):
    patch = repository.diff(
        repository.write_tree({b"a.py": File(b"same\n" * 50)}), repository.write_tree({b"b.py": File(b"same\n" * 50)})
    )
    assert patch.count(b"+same\n") == patch.count(b"-same\n") == 50


@pytest.fixture
def hostile_home(tmp_path, monkeypatch) -> Path:
    """A user's configuration, and an environment, in which everything that can be set leads to a canary."""
    canary = tmp_path / "canary"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    script.chmod(0o755)
    (tmp_path / "attributes").write_text("* -diff diff=evil filter=evil\n")
    (tmp_path / ".gitconfig").write_text(
        f"[core]\n\tattributesFile = {tmp_path}/attributes\n\tfsmonitor = {script}\n\thooksPath = {tmp_path}\n"
        f"\tpager = {script}\n"
        f'[diff]\n\texternal = {script}\n\tnoprefix = true\n[color]\n\tui = always\n[diff "evil"]\n'
        f"\ttextconv = {script}\n\tcommand = {script}\n[attr]\n\ttree = HEAD\n[alias]\n\tdiff-tree = !{script}\n"
    )
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH", "GIT_EDITOR"):
        monkeypatch.setenv(name, str(script))
    for name in (
        "GIT_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
        "GIT_WORK_TREE",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    ):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "diff.external")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(script))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u0")
    return canary


def test_neither_configuration_nor_environment_nor_attributes_have_a_say(tmp_path, hostile_home):
    repository = BareRepository.create(tmp_path / "bare.git")
    hidden = {b".gitattributes": File(b"* -diff binary diff=evil\n*.py -diff\n")}
    a = repository.write_tree(agent() | hidden)
    b = repository.write_tree(agent(main=b"print('changed')\n") | hidden)
    repository.set_ref("refs/heads/best", repository.commit(b, (), "", 0))  # HEAD
    patch = repository.diff(a, b)
    assert b"--- a/main.py\n+++ b/main.py\n" in patch
    assert b"-print('hello')\n+print('changed')\n" in patch
    assert b"\x1b" not in patch
    assert not hostile_home.exists()
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "trace").exists()


@pytest.mark.needs("root")
def test_a_repository_of_another_user_is_read(tmp_path):
    """git calls it `dubious ownership` and refuses, unless it is told the folder."""
    repository = BareRepository.create(tmp_path / "bare.git")
    a, b = repository.write_tree({}), repository.write_tree(agent())
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 4242, 4242)
    assert b"main.py" in repository.diff(a, b)


# References


def test_references(repository):
    one = repository.commit(repository.write_tree({}), (), "one", 1)
    two = repository.commit(repository.write_tree({}), (), "two", 2)
    assert repository.get_ref("refs/agents/0") is None
    repository.set_ref("refs/agents/0", one)
    repository.set_ref("refs/agents/10", one)
    repository.set_ref("refs/agents/0", two)
    assert repository.get_ref("refs/agents/0") == two
    assert git(repository.path, "rev-parse", "refs/agents/0").decode().strip() == two
    assert repository.refs("refs/agents/") == {"refs/agents/0": two, "refs/agents/10": one}
    repository.delete_ref("refs/agents/0")
    repository.delete_ref("refs/agents/0")
    assert repository.refs("refs/agents/") == {"refs/agents/10": one}
    assert repository.refs("refs/rejected/") == {}


HOSTILE_REFS = """
HEAD|config|refs|refs/|refs/../config|refs/a/../../config|refs/a..b|refs/.a|refs/a.lock|refs/a.lock/b|refs/a b
|refs/a/|/refs/a|refs//a|refs/a.|refs/-a|refs/a~1|refs/a@{0}|refs/a\\b"""


@pytest.mark.parametrize("name", HOSTILE_REFS.split("|"))
def test_hostile_names_of_references_are_refused(repository, name):
    for use in (repository.get_ref, repository.delete_ref, lambda name: repository.set_ref(name, "0" * 40)):
        with pytest.raises(ArchiveError, match="not a name"):
            use(name)


# Many at once


def test_threads_write_and_read_at_once(repository):
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for step in range(15):
            files = agent(own=f"{number}".encode(), shared=f"{step}".encode())
            commit = repository.commit(repository.write_tree(files), (), f"{number} {step}", step)
            repository.set_ref(f"refs/agents/{number}", commit)
            repository.set_ref("refs/heads/best", commit)
            assert repository.read_tree(commit) == files

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result()
    assert git(repository.path, "fsck", "--strict", "--no-dangling") == b""
    assert len(repository.refs("refs/agents/")) == 8
    assert sorted(p.name for p in repository.path.iterdir()) == ["HEAD", "config", "objects", "refs"]
    assert not list((repository.path / "objects").glob("obj*"))


def test_no_process_is_left(repository):
    a, b = repository.write_tree({}), repository.write_tree(agent())
    repository.diff(a, b)
    git(repository.path, "gc", "-q")
    repository.read_tree(b)
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    assert [pid for pid in children if b"git" in Path(f"/proc/{pid}/cmdline").read_bytes()] == []


def test_create_and_open(tmp_path):
    BareRepository.create(tmp_path / "a" / "bare.git")
    with pytest.raises(ArchiveError, match="not empty"):
        BareRepository.create(tmp_path / "a")
    with pytest.raises(ArchiveError, match="not a git repository"):
        BareRepository.open(tmp_path / "a")
    with pytest.raises(ArchiveError, match="not a git repository"):
        BareRepository.open(tmp_path / "b")
    assert not (tmp_path / "b").exists()
    tree = BareRepository.open(tmp_path / "a" / "bare.git").write_tree(agent())
    assert BareRepository.open(tmp_path / "a" / "bare.git").read_tree(tree) == agent()


def test_git_missing_is_an_error_of_the_archive(repository, monkeypatch):
    a, b = repository.write_tree({}), repository.write_tree(agent())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ArchiveError, match="git diff-tree"):
        repository.diff(a, b)


def test_an_interrupt_of_the_terminal_does_not_reach_git(tmp_path: Path) -> None:
    """Ctrl-C goes to all of a process group, and the search finishes what runs."""
    run_git(tmp_path, "init", "--quiet", "--bare", str(tmp_path))
    told = run_git(tmp_path, "-c", "alias.group=!cut -d' ' -f5 /proc/self/stat", "group")
    assert int(told) not in (0, os.getpgrp())
