"""Folders that somebody names by the URL of a git repository: `URL[@REF][#FOLDER]`, over https, ssh or from a file.

The repository is an attacker's. Its files are read from its objects and written as plain files: no checkout, filter,
hook, submodule or link of it has an effect. The user's own git settings do: they hold the credentials.
"""

import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from hgm.errors import ArchiveError, ConfigError, boundary
from trees.objects import run_git
from trees.paths import check_path

SCHEMES = ("https", "ssh", "file")
MOST_FILES, MOST_BYTES = 100_000, 1 << 30
"""Of what is written."""
_MOST_FETCHED = 4 << 30
_DEADLINE_S = 900.0
_AT_ONCE = 100
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,200}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"(?P<login>[A-Za-z0-9._-]+@[A-Za-z0-9.-]+):(?!//)(?P<path>.*/.*)")
_ALLOWED = [word for scheme in SCHEMES for word in ("-c", f"protocol.{scheme}.allow=always")]


class Address(NamedTuple):
    """Where something is, in a repository."""

    repository: str
    ref: str
    """A branch, tag or commit; empty for the default branch."""
    folder: str
    """In the repository; empty for the whole."""

    @property
    def name(self) -> str:
        """What people call it: its own last part."""
        return (self.folder or self.repository).rstrip("/").rpartition("/")[2].removesuffix(".git")

    def __str__(self) -> str:
        return self.repository + (f"@{self.ref}" if self.ref else "") + (f"#{self.folder}" if self.folder else "")


def is_address(text: str) -> bool:
    """Whether it names a repository rather than a path; git's short form of ssh too, which `address` refuses."""
    return "://" in text or _SHORT.match(text) is not None


def address(text: str) -> Address:
    """Its parts.

    Raises:
        ConfigError: another scheme, or a part that cannot be one.
    """
    if "://" not in text and (short := _SHORT.match(text)):
        raise ConfigError(f"{text}: write ssh://{short['login']}/{short['path'].lstrip('/')}")
    where, _, folder = text.partition("#")
    scheme, _, rest = where.partition("://")
    host, slash, path = rest.partition("/")
    path, _, ref = path.partition("@")
    repository = f"{scheme}://{host}{slash}{path}"
    if scheme not in SCHEMES:
        raise ConfigError(f"{text}: a repository is named by {', '.join(f'{known}://' for known in SCHEMES)} only")
    if "@" in urlsplit(repository).netloc and (
        scheme == "https" or ":" in urlsplit(repository).netloc.rpartition("@")[0]
    ):
        raise ConfigError("a git URL holds no password or token here: they belong into git's own settings")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ConfigError(f"{text!a}: no URL")
    if ref and (not _REF.fullmatch(ref) or ".." in ref):
        raise ConfigError(f"{text}: {ref!r} names no branch, tag or commit")
    if ".." in folder.split("/"):
        raise ConfigError(f"{text}: {folder!r} leads out of the repository")
    return Address(repository, ref, folder.strip("/"))


def cache_folder() -> Path:
    """Where checkouts are kept: $XDG_CACHE_HOME/hgm/git or ~/.cache/hgm/git."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "hgm" / "git"


class Checkout(NamedTuple):
    """The files of one commit."""

    folder: Path
    address: Address
    """With the commit as its ref: the same files for ever."""


def checkout(text: str) -> Checkout:
    """Fetch what an address names, or find it in the cache if its ref is a commit's whole name.

    Raises:
        ConfigError: no such address, commit or folder; or it cannot be reached. Says what git said.
        ArchiveError: the repository holds what no folder may, or more than it may.
    """
    where = address(text)
    with boundary(ConfigError, f"{where}: cannot be kept in {cache_folder()}"):
        home = cache_folder() / hashlib.sha256(where.repository.encode()).hexdigest()[:16]
        home.mkdir(parents=True, exist_ok=True)
        if not (_COMMIT.fullmatch(where.ref) and (home / where.ref).is_dir()):
            where = where._replace(ref=_fetched(where, home))
    folder = home / where.ref / where.folder
    if not folder.is_dir():
        raise ConfigError(f"{where}: the repository has no such folder")
    return Checkout(folder, where)


def _fetched(where: Address, home: Path) -> str:
    """The commit, whose files lie in `home` now."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=home) as place:
        store, files = Path(place) / "store.git", Path(place) / "files"
        _git(["init", "--quiet", "--bare", "--template=", str(store)], Path(place), where)
        _fetch(where, store)
        commit = run_git(store, "rev-parse", "--verify", "FETCH_HEAD^{commit}").decode().strip()
        if not (home / commit).is_dir():
            _write(store, commit, files)
            try:
                files.rename(home / commit)
            except OSError:
                if not (home / commit).is_dir():  # else somebody was faster
                    raise
        return commit


def _fetch(where: Address, store: Path) -> None:
    options = ["--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph", "--quiet"]
    command = ["-c", "protocol.allow=never", *_ALLOWED, "fetch", *options, "--", where.repository, where.ref or "HEAD"]
    _git(command, store, where)


def _git(arguments: list[str], folder: Path, where: Address) -> None:
    """Run git with the user's settings, but without a question to anybody; ended when it takes too much.

    Raises:
        ConfigError: it failed; says what it said.
    """
    ssh = os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": ssh, "LC_ALL": "C", "GIT_LFS_SKIP_SMUDGE": "1"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"):
        env.pop(name, None)
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(
            ["git", *arguments], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            _must_end(running, folder, where)
        finally:
            running.kill()
            running.wait()
        if running.returncode:
            said.seek(0)
            told = said.read(2000).decode(errors="replace").strip()
            raise ConfigError(f"{where}: cannot be fetched: {ascii(told)[1:-1]}")


def _must_end(running: "subprocess.Popen[bytes]", folder: Path, where: Address) -> None:
    until = time.monotonic() + _DEADLINE_S
    while True:
        try:
            running.wait(0.5)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                raise ConfigError(f"{where}: fetching took more than {_DEADLINE_S / 60:.0f} minutes") from None
            if _size(folder) > _MOST_FETCHED:
                raise ConfigError(f"{where}: it is larger than {_MOST_FETCHED >> 30} GiB") from None


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _write(store: Path, commit: str, folder: Path) -> None:
    folder.mkdir()
    listed = list(_listed(store, commit))
    for first in range(0, len(listed), _AT_ONCE):
        some = listed[first : first + _AT_ONCE]
        told = run_git(store, "cat-file", "--batch", stdin="".join(f"{sha}\n" for _, _, sha in some).encode())
        for path, mode, _ in some:
            head, _, told = told.partition(b"\n")
            size = int(head.split()[2])
            target = folder / os.fsdecode(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(told[:size])
            target.chmod(0o755 if mode == "100755" else 0o644)
            told = told[size + 1 :]


def _listed(store: Path, commit: str) -> Iterator[tuple[bytes, str, str]]:
    """Path, mode and object of each regular file; links and submodules are left out."""
    entries = [entry for entry in run_git(store, "ls-tree", "-r", "-z", "-l", commit).split(b"\0") if entry]
    total = 0
    for entry in entries:
        facts, _, path = entry.partition(b"\t")
        mode, kind, sha, size = facts.decode().split()
        if kind == "blob" and mode in ("100644", "100755"):
            check_path(path)
            total += int(size)
            yield path, mode, sha
        if len(entries) > MOST_FILES or total > MOST_BYTES:
            raise ArchiveError(f"the repository is beyond {MOST_FILES:,} files or {MOST_BYTES >> 30} GiB")
