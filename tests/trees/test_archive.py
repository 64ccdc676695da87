import multiprocessing
import os
import random
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hgm.errors import ArchiveError, UsageError
from sandboxes.base import File
from tests.trees.real_git import agent, git
from trees.archive import Archive, Entry
from trees.git import BareRepository

WRITER = Path(__file__).with_name("archive_writer.py")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive.git")


def grow(archive: Archive, parents: list[int]) -> list[Entry]:
    """Name the root and a child of each of `parents`."""
    entries = [archive.add_root(agent())]
    for index, parent in enumerate(parents, start=1):
        files = archive.files(entries[parent].commit) | {b"main.py": File(f"child {index}\n".encode())}
        entries.append(archive.add_child(entries[parent].commit, files, f"Child {index}", index))
        archive.name(index, entries[-1].commit)
    return entries


def test_the_graph_of_commits_is_the_tree_of_agents(archive):
    parents = [0, 0, 1, 1, 3]
    entries = grow(archive, parents)
    logged = git(archive.path, "log", "--graph", "--all", "--format=%H %P").decode()
    found = dict(line.lstrip("*|\\/ _").split(" ", 1) for line in logged.splitlines() if "*" in line)
    wanted = {entries[child].commit: entries[parent].commit for child, parent in enumerate(parents, start=1)}
    assert found == wanted | {entries[0].commit: ""}
    assert archive.agents() == {node: entry.commit for node, entry in enumerate(entries)}
    assert archive.best() == entries[0].commit
    archive.set_best(entries[4].commit)
    assert git(archive.path, "rev-parse", "HEAD").decode().strip() == archive.best() == entries[4].commit


def test_a_clone_is_a_working_repository_of_the_best_agent(archive, tmp_path):
    entries = grow(archive, [0, 1])
    archive.set_best(entries[2].commit)
    git(tmp_path, "clone", "-q", str(archive.path), "clone")
    assert (tmp_path / "clone" / "main.py").read_bytes() == b"child 2\n"


def test_no_two_agents_share_a_tree(archive):
    root, child = grow(archive, [0])
    assert archive.has_tree(root.tree)
    assert archive.has_tree(child.tree)
    other = agent(new=b"x = 1\n")
    assert not archive.has_tree(archive.tree_of(other))
    twin = archive.add_child(child.commit, agent(), "Back to the seed", 2)
    assert twin.tree == root.tree
    with pytest.raises(ArchiveError, match=r"node 0 of .* has the same files"):
        archive.name(2, twin.commit)
    assert Archive.open(archive.path).has_tree(child.tree)


def test_a_node_is_never_renamed(archive):
    root, child = grow(archive, [0])
    archive.name(1, child.commit)
    other = archive.add_child(root.commit, agent(new=b""), "Other", 2)
    with pytest.raises(ArchiveError, match=r"node 1 of .* already"):
        archive.name(1, other.commit)


def test_adding_again_changes_nothing(archive):
    entries = grow(archive, [0, 1])
    archive.set_best(entries[1].commit)
    again = Archive.open(archive.path)
    assert grow(again, [0, 1]) == entries
    assert again.best() == entries[1].commit
    with pytest.raises(ArchiveError, match="node 0"):
        again.add_root(agent(new=b""))


def test_a_commit_that_nothing_names_does_no_harm(archive):
    """The controller died after the commit and before the event."""
    root = archive.add_root(agent())
    lost = archive.add_child(root.commit, agent(main=b"lost\n"), "Lost", 1)
    again = Archive.open(archive.path)
    assert not again.has_tree(lost.tree)
    assert again.agents() == {0: root.commit}
    entry = again.add_child(root.commit, agent(main=b"lost\n"), "Lost", 1)
    assert entry == lost
    again.name(1, entry.commit)


def test_reconcile_makes_the_names_what_the_journal_tells(archive):
    entries = grow(archive, [0, 0, 1])
    other = archive.add_child(entries[0].commit, agent(new=b""), "Other", 9)
    (archive.path / "objects" / "objhalfwritten").write_bytes(b"x")
    (archive.path / "tmp_ref_halfwritten").write_bytes(b"x")
    told = {0: entries[0].commit, 1: other.commit, 2: entries[2].commit, 4: entries[3].commit}
    kept = archive.reject("x1", entries[0].commit, agent(new=b"1"), "empty: nothing", 1)
    archive.reject("x2", entries[0].commit, agent(new=b"2"), "empty: nothing", 2)
    archive.reconcile(told, best=other.commit, rejected={"x1", "x9"})
    assert archive.agents() == told
    assert archive.rejected() == {"x1": kept.commit}
    assert archive.best() == other.commit
    assert not archive.has_tree(entries[1].tree)
    assert archive.has_tree(other.tree)
    assert not list(archive.path.rglob("*halfwritten"))
    with pytest.raises(ArchiveError, match="holds no object"):
        archive.reconcile(told | {5: "0" * 40}, best=other.commit, rejected=())
    with pytest.raises(ArchiveError, match="holds no object"):
        archive.reconcile(told, best="0" * 40, rejected=())


def test_unknown_parents_and_winners_are_refused(archive):
    root = archive.add_root(agent())
    for sha in ("0" * 40, root.tree):
        with pytest.raises(ArchiveError):
            archive.add_child(sha, agent(), "Child", 1)
        with pytest.raises(ArchiveError):
            archive.set_best(sha)


# Rejected children


def test_a_rejected_child_is_kept_with_its_reason(archive):
    root = archive.add_root(agent())
    entry = archive.reject(
        "e-3", root.commit, agent(main=b"syntax error("), "contract: it does\nnot compile \x1b[2J", 3
    )
    assert archive.rejected() == {"e-3": entry.commit}
    said = BareRepository.open(archive.path).read_commit(entry.commit)
    assert said.parents == (root.commit,)
    assert "contract: it does\nnot compile \\x1b[2J" in said.message
    assert archive.files(entry.commit)[b"main.py"].data == b"syntax error("
    assert not archive.has_tree(entry.tree)
    assert (
        archive.reject("e-3", root.commit, agent(main=b"syntax error("), "contract: it does\nnot compile \x1b[2J", 3)
        == entry
    )


def test_what_no_tree_may_hold_is_left_out_of_a_rejected_child(archive):
    root = archive.add_root(agent())
    hostile = {f"d{n}/.git/config".encode(): File(b"[core]\n\tfsmonitor = evil\n") for n in range(9)}
    entry = archive.reject("e-1", root.commit, agent(new=b"") | hostile, "hostile", 1)
    assert archive.files(entry.commit) == agent(new=b"")
    assert "b'd0/.git/config'" in BareRepository.open(archive.path).read_commit(entry.commit).message
    assert "and 4 more" in BareRepository.open(archive.path).read_commit(entry.commit).message


def test_a_rejected_child_that_is_no_tree_at_all_keeps_its_parents(archive):
    root = archive.add_root(agent())
    entry = archive.reject("e-1", root.commit, {b"a": File(b""), b"a/b": File(b"")}, "impossible", 1)
    assert entry.tree == root.tree
    assert "Left out: all of them" in BareRepository.open(archive.path).read_commit(entry.commit).message


# Folders


def modes(folder: Path) -> dict[str, int]:
    return {
        p.relative_to(folder).as_posix(): stat.S_IMODE(p.lstat().st_mode)
        for p in folder.rglob("*")
        if not p.is_symlink()
    }


def test_materialise_makes_a_read_only_folder_named_after_the_tree(archive, tmp_path):
    files = agent() | {b"l": File(b"lib/deep", "120000"), b"caf\xe9": File(b"name of bytes")}
    root = archive.add_root(files)
    old = os.umask(0o077)
    try:
        folder = archive.materialise(root.commit, tmp_path / "cache")
    finally:
        os.umask(old)
    assert folder == tmp_path / "cache" / root.tree
    assert (folder / "l" / "tools.py").read_bytes() == b"def tool():\n    pass\n"
    assert modes(folder) == {
        "main.py": 0o555,
        "agent.toml": 0o444,
        "prompts": 0o555,
        "prompts/solve.md": 0o444,
        "lib": 0o555,
        "lib/deep": 0o555,
        "lib/deep/tools.py": 0o444,
        os.fsdecode(b"caf\xe9"): 0o444,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555
    inode = folder.stat().st_ino
    assert archive.materialise(root.commit, tmp_path / "cache").stat().st_ino == inode
    assert Archive.open(archive.path).materialise(root.commit, tmp_path / "cache").stat().st_ino == inode
    assert os.listdir(tmp_path / "cache") == [root.tree]


def test_a_changed_cache_is_noticed(archive, tmp_path):
    root = archive.add_root(agent())
    folder = archive.materialise(root.commit, tmp_path)
    (folder / "main.py").chmod(0o755)
    (folder / "main.py").write_bytes(b"something else\n")
    with pytest.raises(ArchiveError, match="delete it"):
        Archive.open(archive.path).materialise(root.commit, tmp_path)


def test_a_deleted_cache_is_made_again(archive, tmp_path):
    root = archive.add_root(agent())
    folder = archive.materialise(root.commit, tmp_path / "cache")
    folder.rename(tmp_path / "gone")
    assert archive.materialise(root.commit, tmp_path / "cache") == folder
    assert (folder / "main.py").is_file()


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../x", b"lib/../.."])
def test_links_that_leave_are_refused(archive, tmp_path, target):
    root = archive.add_root(agent() | {b"l": File(target, "120000")})
    with pytest.raises(ArchiveError, match="lead out"):
        archive.materialise(root.commit, tmp_path / "cache")
    with pytest.raises(ArchiveError, match="lead out"):
        archive.export(root.commit, tmp_path / "out")
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "out").exists()


def test_many_threads_materialise_one_folder(archive, tmp_path):
    root = archive.add_root({f"d{n % 7}/f{n}".encode(): File(b"x" * n) for n in range(150)})
    with ThreadPoolExecutor(12) as pool:
        found = {
            done.result() for done in [pool.submit(archive.materialise, root.commit, tmp_path / "c") for _ in range(24)]
        }
    assert found == {tmp_path / "c" / root.tree}
    assert os.listdir(tmp_path / "c") == [root.tree]


def _materialise(path: Path, commit: str, cache: Path, start) -> None:
    archive = Archive.open(path)
    start.wait()
    assert len(list(archive.materialise(commit, cache).rglob("f*"))) == 150


def test_many_processes_materialise_one_folder(archive, tmp_path):
    root = archive.add_root({f"d{n % 7}/f{n}".encode(): File(b"x" * n) for n in range(150)})
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    workers = [
        context.Process(target=_materialise, args=(archive.path, root.commit, tmp_path / "c", start)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
        worker.close()
    assert os.listdir(tmp_path / "c") == [root.tree]


def test_export_writes_a_folder_that_runs(archive, tmp_path):
    root = archive.add_root(agent() | {b"l": File(b"main.py", "120000")})
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "deep", tmp_path / "empty"):
        archive.export(root.commit, folder, notes={b"NOTE.md": File(b"Run it in a sandbox.\n")})
        assert subprocess.check_output([sys.executable, folder / "l"]) == b"hello\n"
        assert modes(folder)["main.py"] == 0o755
        assert modes(folder)["agent.toml"] == 0o644
        assert (folder / "NOTE.md").read_bytes() == b"Run it in a sandbox.\n"
    assert sorted(os.listdir(tmp_path)) == ["archive.git", "empty", "new"]


def test_export_overwrites_nothing(archive, tmp_path):
    root = archive.add_root(agent())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    for name in ("full", "file", "link"):
        with pytest.raises(UsageError, match="name a new folder"):
            archive.export(root.commit, tmp_path / name)
    assert os.listdir(tmp_path / "full") == ["precious"]
    assert (tmp_path / "file").read_text() == "mine"


def test_export_where_nothing_can_be_written_is_the_users_error(archive, tmp_path):
    root = archive.add_root(agent())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="where you may write"):
        archive.export(root.commit, tmp_path / "file" / "below")
    with pytest.raises(UsageError, match="where you may write"):
        archive.export(root.commit, Path("/proc/hgm"))


def test_open_what_is_not_there(tmp_path):
    with pytest.raises(ArchiveError, match="not a git repository"):
        Archive.open(tmp_path / "nothing")
    Archive.create(tmp_path / "a")
    with pytest.raises(ArchiveError, match="not empty"):
        Archive.create(tmp_path / "a")


def test_kill_9_leaves_an_archive_that_goes_on(archive):
    archive.add_root(agent())
    chance = random.Random(3)
    told: dict[int, str] = {}
    for _ in range(8):
        with subprocess.Popen([sys.executable, WRITER, archive.path], stdout=subprocess.PIPE, text=True) as writer:
            lines = [writer.stdout.readline() for _ in range(chance.randint(1, 12))]
            # some turns of a loop, not a sleep: the moment is not tied to what was said
            sum(range(chance.randint(0, 100_000)))
            writer.kill()
            lines += writer.stdout.readlines()
        assert writer.returncode == -9
        told |= {int(node): commit for node, commit in (line.split() for line in lines if line.endswith("\n"))}
        again = Archive.open(archive.path)
        assert told.items() <= again.agents().items()
        for commit in again.agents().values():
            assert again.files(commit)
        assert git(archive.path, "fsck", "--strict", "--no-dangling") == b""
        again.reconcile({0: again.agents()[0]} | told, best=again.agents()[0], rejected=())
        assert again.agents() == {0: again.agents()[0]} | told
        assert sorted(os.listdir(archive.path)) == ["HEAD", "config", "objects", "refs"]
    assert len(told) > 30
