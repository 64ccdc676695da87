"""A bare git repository as a store of file trees: plain bytes in, plain bytes out.

Everything is written and read in this process; a git process is started for `diff` alone. Thread-safe.
"""

import io
import os
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from hgm.errors import ArchiveError, boundary
from trees.escape import visible
from trees.folders import reach_disk
from trees.gitpython import tree_entries_from_data, tree_to_stream
from trees.objects import Objects, checked_sha, run_git
from trees.paths import FileLike, check_path

EPOCH = 1_577_836_800
"""Every commit's date is this moment (2020-01-01 UTC) plus the decision's index in seconds."""
IDENTITY = "hgm <hgm@localhost>"

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogallrefupdates = false
[gc]
\tauto = 0
"""
_DIFF = (
    *("diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv"),
    *("--no-color", "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/"),
)
_REF_NAME = re.compile(r"refs(/[A-Za-z0-9][A-Za-z0-9._-]*)+")
_TREE_MODE = 0o040000
_MODES = {"100644": 0o100644, "100755": 0o100755, "120000": 0o120000}
_MODE_NAMES = {mode: name for name, mode in _MODES.items()}


class StoredFile(NamedTuple):
    """A file as it was read from a tree: `mode` is 100644, 100755 or 120000 (then `data` is the link's target)."""

    data: bytes
    mode: str


class Commit(NamedTuple):
    """What a commit says."""

    tree: str
    parents: tuple[str, ...]
    message: str


class _Leaf(NamedTuple):
    sha: str
    mode: int


_Folder: TypeAlias = dict[bytes, Any]
"""Name -> _Leaf or _Folder."""


class BareRepository:
    """One bare repository. `durable`: what a returned hash names has reached the disk, not only the kernel."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._objects = Objects(path, durable=durable)
        self._refs_lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, *, durable: bool = False) -> "BareRepository":
        """Make a repository in a new or empty folder.

        Raises:
            ArchiveError: the folder holds something, or cannot be written.
        """
        with boundary(ArchiveError, f"cannot make the repository {path}"):
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise ArchiveError(f"{path} is not empty: no repository was made in it")
            for folder in ("objects/info", "objects/pack", "refs/heads"):
                (path / folder).mkdir(parents=True)
            (path / "config").write_text(_CONFIG)
            (path / "HEAD").write_text("ref: refs/heads/best\n")
        return cls(path, durable=durable)

    @classmethod
    def open(cls, path: Path, *, durable: bool = False) -> "BareRepository":
        """Open what `create` made.

        Raises:
            ArchiveError: there is no repository.
        """
        if not ((path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()):
            raise ArchiveError(f"{path} is not a git repository made by hgm")
        return cls(path, durable=durable)

    # Trees

    def write_tree(self, files: Mapping[bytes, FileLike]) -> str:
        """Store files and return their tree's hash; what is stored already is not written again.

        Raises:
            ArchiveError: a path that no tree may hold, a file where another path needs a folder, or an unknown mode.
        """
        with boundary(ArchiveError, "cannot store the tree"):
            root: _Folder = {}
            for path, file in files.items():
                check_path(path)
                if file.mode not in _MODES:
                    raise ArchiveError(f"mode {file.mode!r} of {path!r} is none of {', '.join(_MODES)}")
                _place(root, path.split(b"/"), _Leaf(self._objects.store("blob", file.data), _MODES[file.mode]))
            return self._store_folder(root)

    def read_tree(self, sha: str) -> dict[bytes, StoredFile]:
        """All files of a tree or of a commit's tree.

        Raises:
            ArchiveError: no such tree, or a damaged object.
        """
        return {
            path: StoredFile(self._read(leaf.sha, "blob"), _MODE_NAMES[leaf.mode])
            for path, leaf in self._leaves(self.tree_of(sha)).items()
        }

    def diff(self, a: str, b: str) -> bytes:
        """The patch from one tree or commit to another, as `git apply` takes it; names as bytes, quoted by git."""
        return run_git(self.path, *_DIFF, self.tree_of(a), self.tree_of(b))

    def diffs(self, commits: Sequence[str]) -> dict[str, bytes]:
        """Commit -> its patch against its first parent, as `diff`; empty where there is no parent or no difference."""
        found = {checked_sha(commit).encode(): bytearray() for commit in commits}
        told = run_git(self.path, *_DIFF, "--stdin", stdin=b"".join(commit + b"\n" for commit in found))
        patch = bytearray()
        for line in io.BytesIO(told):  # ends lines at \n alone, as git does, and splitlines would not
            # Only a name is such a line: those of a patch begin otherwise, or are of another length.
            begun = found.get(line.rstrip(b"\n"))
            if begun is None:
                patch += line
            else:
                patch = begun
        return {commit.decode(): bytes(patch) for commit, patch in found.items()}

    def _store_folder(self, folder: _Folder) -> str:
        leaves = {name: self._as_leaf(child) for name, child in folder.items()}
        # git sorts a folder as if its name ended with a slash
        order = sorted(leaves, key=lambda name: name + b"/" if leaves[name].mode == _TREE_MODE else name)
        # bytes, where GitPython's annotation says str: the only way a name that is not UTF-8 passes
        entries: list[Any] = [(bytes.fromhex(leaves[name].sha), leaves[name].mode, name) for name in order]
        stream = io.BytesIO()
        tree_to_stream(entries, stream.write)
        return self._objects.store("tree", stream.getvalue())

    def _as_leaf(self, child: "_Leaf | _Folder") -> _Leaf:
        return child if isinstance(child, _Leaf) else _Leaf(self._store_folder(child), _TREE_MODE)

    def _leaves(self, tree: str, prefix: bytes = b"") -> dict[bytes, _Leaf]:
        found: dict[bytes, _Leaf] = {}
        with boundary(ArchiveError, f"tree {tree} of {self.path} is damaged"):
            for binary, mode, text in tree_entries_from_data(self._read(tree, "tree")):
                path = prefix + os.fsencode(text)
                if mode == _TREE_MODE:
                    found |= self._leaves(binary.hex(), path + b"/")
                elif mode in _MODE_NAMES:
                    found[path] = _Leaf(binary.hex(), mode)
                else:
                    raise ArchiveError(f"tree {tree} of {self.path} holds {path!r} of mode {mode:o}")
        return found

    # Commits

    def commit(self, tree: str, parents: Sequence[str], message: str, index: int) -> str:
        """Store a commit with the fixed identity and the date of decision `index`; same words, same hash."""
        lines = [f"tree {checked_sha(tree)}", *(f"parent {checked_sha(parent)}" for parent in parents)]
        lines += [f"{role} {IDENTITY} {EPOCH + index} +0000" for role in ("author", "committer")]
        text = "\n".join([*lines, "", printable(message).rstrip("\n"), ""])
        with boundary(ArchiveError, "cannot store the commit"):
            return self._objects.store("commit", text.encode())

    def read_commit(self, sha: str) -> Commit:
        """What a commit says.

        Raises:
            ArchiveError: no such commit.
        """
        head, _, message = self._read(sha, "commit").decode("utf-8", "replace").partition("\n\n")
        fields = [line.partition(" ")[::2] for line in head.splitlines()]
        parents = tuple(value for key, value in fields if key == "parent")
        return Commit(next(value for key, value in fields if key == "tree"), parents, message)

    def tree_of(self, sha: str) -> str:
        """The tree of a commit; a tree is its own."""
        kind, data = self._objects.read(sha)
        if kind == "blob":
            raise ArchiveError(f"{sha} of {self.path} is a file, not a tree or a commit")
        return sha if kind == "tree" else data[5:45].decode()

    # References

    def set_ref(self, name: str, sha: str) -> None:
        """Point `refs/…` at an object, at once and whole."""
        path = self._ref_path(name)
        with self._refs_lock, boundary(ArchiveError, f"cannot set {name}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._replace(path, f"{checked_sha(sha)}\n".encode())

    def get_ref(self, name: str) -> str | None:
        """What a reference points at; None where there is none."""
        with boundary(ArchiveError, f"cannot read {name}"):
            try:
                return checked_sha(self._ref_path(name).read_text().strip())
            except FileNotFoundError:
                return self._packed_refs().get(name)

    def delete_ref(self, name: str) -> None:
        """Remove a reference; no error where there is none."""
        path = self._ref_path(name)
        with self._refs_lock, boundary(ArchiveError, f"cannot delete {name}"):
            packed = self._packed_refs()
            if packed.pop(name, None):
                text = "".join(f"{sha} {other}\n" for other, sha in sorted(packed.items()))
                self._replace(self.path / "packed-refs", text.encode())
            path.unlink(missing_ok=True)

    def refs(self, prefix: str) -> dict[str, str]:
        """All references under `refs/<folder>/`, by full name."""
        with boundary(ArchiveError, f"cannot read {prefix}"):
            found = {name: sha for name, sha in self._packed_refs().items() if name.startswith(prefix)}
            folder = self._ref_path(prefix.rstrip("/"))
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                if path.is_file():
                    found[path.relative_to(self.path).as_posix()] = checked_sha(path.read_text().strip())
        return found

    def _ref_path(self, name: str) -> Path:
        if not _REF_NAME.fullmatch(name) or ".." in name or any(p.endswith((".lock", ".")) for p in name.split("/")):
            raise ArchiveError(f"not a name for a reference: {name!r}")
        return self.path / name

    def _packed_refs(self) -> dict[str, str]:
        try:
            lines = (self.path / "packed-refs").read_text().splitlines()
        except FileNotFoundError:
            return {}
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines) if len(sha) == 40}

    def _replace(self, path: Path, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix="tmp_ref_", dir=self.path)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            if self._durable:
                os.fsync(descriptor)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        if self._durable:
            reach_disk(path.parent)

    def remove_leftovers(self) -> None:
        """Delete what writers that were killed left half-written. Only for whoever alone writes here."""
        self._objects.remove_leftovers()
        for path in self.path.glob("tmp_ref_*"):
            path.unlink(missing_ok=True)

    def _read(self, sha: str, kind: str) -> bytes:
        found, data = self._objects.read(sha)
        if found != kind:
            raise ArchiveError(f"{sha} of {self.path} is a {found}, not a {kind}")
        return data


def printable(message: str) -> str:
    """Text for a commit message: what a terminal could obey is escaped; line breaks and tabs stay."""
    return visible(message, keep="\n\t")


def _place(folder: _Folder, names: Sequence[bytes], leaf: _Leaf) -> None:
    for name in names[:-1]:
        folder = folder.setdefault(name, {})
        if isinstance(folder, _Leaf):
            raise ArchiveError(f"{b'/'.join(names)!r} needs a folder where there is a file")
    if names[-1] in folder:
        raise ArchiveError(f"{b'/'.join(names)!r} is both a file and a folder")
    folder[names[-1]] = leaf
