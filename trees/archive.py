"""The archive of a run: every agent is a commit whose parent is the agent it came from.

`git log --graph --all` of the bare repository is the tree of agents, rejected children included:
`refs/agents/<node>`, `refs/heads/best` and `refs/rejected/<job>`. A fixed editor, which is no node of the tree, is a
commit of its own: `refs/heads/editor`. To add an agent, commit it (`add_child`), append the
event to the journal, then name it (`name`): a controller that dies in between leaves a commit that nothing refers to.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hgm.errors import ArchiveError, UsageError
from trees.folders import read_folder, write_folder
from trees.git import BareRepository, StoredFile
from trees.paths import FileLike, check_path
from trees.records import ROOT

_AGENTS = "refs/agents/"
_BEST = "refs/heads/best"
_EDITOR = "refs/heads/editor"
_REJECTED = "refs/rejected/"
_NAMES_SHOWN = 5


class Entry(NamedTuple):
    """An agent in the archive."""

    commit: str
    tree: str


_AT_ONCE = 200


class Archive:
    """The git repository of agents. Thread-safe; one process writes, any number read."""

    def __init__(self, repository: BareRepository) -> None:
        self.path = repository.path
        self._repository = repository
        self._lock = threading.Lock()
        self._node_of_tree: dict[str, int] | None = None
        self._whole: set[Path] = set()

    @classmethod
    def create(cls, path: Path) -> "Archive":
        """Make an empty archive in a new or empty folder.

        Raises:
            ArchiveError: the folder holds something.
        """
        return cls(BareRepository.create(path, durable=True))

    @classmethod
    def open(cls, path: Path) -> "Archive":
        """Open what `create` made.

        Raises:
            ArchiveError: there is no archive.
        """
        return cls(BareRepository.open(path, durable=True))

    # Writing

    def add_root(self, files: Mapping[bytes, FileLike]) -> Entry:
        """Commit the seed agent, name it as the root and as the best so far; the same files again change nothing.

        Raises:
            ArchiveError: another root is there, or a path that no tree may hold.
        """
        tree = self._repository.write_tree(files)
        entry = Entry(self._repository.commit(tree, (), "The seed agent", 0), tree)
        self.name(ROOT, entry.commit)
        if self.best() is None:
            self.set_best(entry.commit)
        return entry

    def keep_editor(self, files: Mapping[bytes, FileLike]) -> Entry:
        """Commit the agent that modifies all others, as it is now.

        Raises:
            ArchiveError: a path that no tree may hold.
        """
        tree = self._repository.write_tree(files)
        entry = Entry(self._repository.commit(tree, (), "The editor", 0), tree)
        self._repository.set_ref(_EDITOR, entry.commit)
        return entry

    def add_child(self, parent_commit: str, files: Mapping[bytes, FileLike], message: str, index: int) -> Entry:
        """Commit a child that decision `index` made; the same words and files again give the same commit.

        Raises:
            ArchiveError: no such parent, or a path that no tree may hold.
        """
        self._repository.read_commit(parent_commit)
        tree = self._repository.write_tree(files)
        return Entry(self._repository.commit(tree, (parent_commit,), message, index), tree)

    def name(self, node: int, commit: str) -> None:
        """Make a commit the agent of a node; the same again changes nothing.

        Raises:
            ArchiveError: the node is another commit, or another node has the same git tree.
        """
        tree = self._repository.tree_of(commit)
        with self._lock:
            known = self._repository.get_ref(f"{_AGENTS}{node}")
            if known == commit:
                return
            if known is not None:
                raise ArchiveError(f"node {node} of {self.path} is {known} already, not {commit}")
            taken = self._nodes_of_trees()
            if tree in taken:
                raise ArchiveError(f"node {taken[tree]} of {self.path} has the same files as {commit}")
            self._repository.set_ref(f"{_AGENTS}{node}", commit)
            taken[tree] = node

    def set_best(self, commit: str) -> None:
        """Point `refs/heads/best` at an agent."""
        self._repository.read_commit(commit)
        self._repository.set_ref(_BEST, commit)

    def reject(self, job: str, parent_commit: str, files: Mapping[bytes, FileLike], reason: str, index: int) -> Entry:
        """Keep what an expansion ended as; never fails over what an agent wrote.

        Files that no tree may hold are left out and named in the message.
        """
        kept, dropped = _storable(files)
        try:
            tree = self._repository.write_tree(kept)
        except ArchiveError as error:
            tree, dropped = self._repository.tree_of(parent_commit), [f"all of them ({error})"]
        lines = [f"Rejected: {reason}", ""]
        lines += [f"Job: {job}"] + ([f"Left out: {', '.join(dropped)}"] if dropped else [])
        commit = self._repository.commit(tree, (parent_commit,), "\n".join(lines), index)
        self._repository.set_ref(f"{_REJECTED}{job}", commit)
        return Entry(commit, tree)

    def reconcile(self, agents: Mapping[int, str], *, best: str, rejected: Collection[str]) -> None:
        """Make the names exactly these, as the journal tells them, and clear what a killed controller left behind.

        Of the rejected children, those of other jobs than `rejected` lose their names.
        """
        self._repository.remove_leftovers()
        for node, commit in self.agents().items():
            if agents.get(node) != commit:
                self._repository.delete_ref(f"{_AGENTS}{node}")
        with self._lock:
            self._node_of_tree = None
        for node, commit in sorted(agents.items()):
            self.name(node, commit)
        for job in self.rejected().keys() - set(rejected):
            self._repository.delete_ref(f"{_REJECTED}{job}")
        if self.best() != best:
            self.set_best(best)

    # Reading

    def agents(self) -> dict[int, str]:
        """Node -> commit, of all named agents, by node."""
        refs = self._repository.refs(_AGENTS)
        return dict(sorted((int(name.removeprefix(_AGENTS)), sha) for name, sha in refs.items()))

    def rejected(self) -> dict[str, str]:
        """Job -> commit, of all rejected children."""
        refs = self._repository.refs(_REJECTED)
        return {name.removeprefix(_REJECTED): sha for name, sha in refs.items()}

    def best(self) -> str | None:
        """The commit of the best-belief agent."""
        return self._repository.get_ref(_BEST)

    def has_tree(self, tree_sha: str, *, among: int | None = None) -> bool:
        """Whether a named agent has exactly these files; of those whose node is below `among`, where that is given."""
        with self._lock:
            node = self._nodes_of_trees().get(tree_sha)
        return node is not None and (among is None or node < among)

    def tree_of(self, files: Mapping[bytes, FileLike]) -> str:
        """The git tree that these files make; they are stored by it, and nothing refers to them.

        Raises:
            ArchiveError: a path that no tree may hold.
        """
        return self._repository.write_tree(files)

    def files(self, commit: str) -> dict[bytes, StoredFile]:
        """An agent's code.

        Raises:
            ArchiveError: no such commit, or a damaged object.
        """
        return self._repository.read_tree(commit)

    def ancestors(self, commit: str) -> Iterator[str]:
        """The commits that an agent came from, its parent first.

        Raises:
            ArchiveError: no such commit.
        """
        while parents := self._repository.read_commit(commit).parents:
            commit = parents[0]
            yield commit

    def diff(self, a: str, b: str) -> bytes:
        """The patch from one agent to another. An agent wrote it: escape it before a terminal sees it."""
        return self._repository.diff(a, b)

    def changes(self, commits: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Each of these agents with its patch against its parent, many at a time; see `diff`."""
        for first in range(0, len(commits), _AT_ONCE):
            yield from self._repository.diffs(commits[first : first + _AT_ONCE]).items()

    # On disk

    def materialise(self, commit: str, cache_dir: Path) -> Path:
        """A read-only folder with an agent's code, shared by all who ask; it is named after the git tree.

        Raises:
            ArchiveError: a link leaves the folder, or the cached folder is not what the archive says.
        """
        tree = self._repository.tree_of(commit)
        folder = cache_dir.absolute() / tree
        with self._lock:
            if folder in self._whole and folder.is_dir():
                return folder
        files = self._repository.read_tree(tree)
        if not folder.is_dir():
            write_folder(files, folder, read_only=True)
        if read_folder(folder) != files:
            raise ArchiveError(f"{folder} is not what the archive holds: delete it, and it is made again")
        with self._lock:
            self._whole.add(folder)
        return folder

    def export(self, commit: str, folder: Path, *, notes: Mapping[bytes, FileLike] | None = None) -> None:
        """Write a runnable copy of an agent into a new or empty folder, with `notes` laid beside its files.

        Raises:
            UsageError: the folder holds something, or cannot be written.
            ArchiveError: no such commit, or a link that leaves the folder.
        """
        put_files({**self._repository.read_tree(commit), **(notes or {})}, folder)

    def _nodes_of_trees(self) -> dict[str, int]:
        if self._node_of_tree is None:
            self._node_of_tree = {self._repository.tree_of(sha): node for node, sha in self.agents().items()}
        return self._node_of_tree


def put_files(files: Mapping[bytes, FileLike], folder: Path) -> None:
    """Write files into a new or empty folder.

    Raises:
        UsageError: the folder holds something, or cannot be written.
        ArchiveError: a link that leaves the folder.
    """
    try:
        written = write_folder(files, folder.absolute(), read_only=False)
    except ArchiveError as error:
        if isinstance(error.__cause__, OSError):
            raise UsageError(f"{error}: name a new folder where you may write") from error
        raise
    if not written:
        raise UsageError(f"{folder} holds something already: name a new folder")


def _storable(files: Mapping[bytes, FileLike]) -> tuple[dict[bytes, FileLike], list[str]]:
    kept: dict[bytes, FileLike] = {}
    dropped: list[str] = []
    for path, file in files.items():
        try:
            check_path(path)
            kept[path] = file
        except ArchiveError:
            dropped.append(repr(path[:80]))
    more = len(dropped) - _NAMES_SHOWN
    return kept, dropped[:_NAMES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
