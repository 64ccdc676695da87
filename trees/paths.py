"""Which paths a stored tree may hold: nothing that git, a file system or a checkout could take for something else."""

from collections.abc import Mapping
from typing import Protocol

from hgm.errors import ArchiveError

NAME_BYTES = 255
PATH_BYTES = 2048
DEPTH = 64
LINKS_FOLLOWED = 40
LINK_MODE = "120000"

# The code points that HFS+ ignores in names, as in git's utf8.c.
_HFS_IGNORED = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])


class FileLike(Protocol):
    """A file as git knows it: `mode` is 100644, 100755 or 120000 (then `data` is the link's target)."""

    @property
    def data(self) -> bytes: ...

    @property
    def mode(self) -> str: ...


def check_path(path: bytes) -> None:
    """Accept a relative path of plain names only.

    Raises:
        ArchiveError: it is absolute, empty, too long or too deep, or has an empty, `.`, `..` or `.git`-like part.
    """
    if not path or b"\0" in path or len(path) > PATH_BYTES:
        raise ArchiveError(f"not a path that a tree can hold: {path[:80]!r}")
    names = path.split(b"/")
    if len(names) > DEPTH or any(len(name) > NAME_BYTES for name in names):
        raise ArchiveError(f"a path that is too deep or a name that is too long: {path[:80]!r}")
    for name in names:
        if name in (b"", b".", b".."):
            raise ArchiveError(f"a path with an empty, '.' or '..' part: {path[:80]!r}")
        if _names_git(name):
            raise ArchiveError(f"a path with a part that some file system takes for .git: {path[:80]!r}")


def _names_git(name: bytes) -> bool:
    """Whether NTFS or HFS+ would open `.git` under this name (the rule of git's verify_path, on every platform)."""
    text = name.decode("utf-8", "surrogateescape")
    for part in text.split("\\"):
        on_ntfs = part.partition(":")[0].rstrip(" .").lower()
        if on_ntfs in (".git", "git~1") or part.translate(_HFS_IGNORED).lower() == ".git":
            return True
    return False


def leaving_links(files: Mapping[bytes, FileLike]) -> tuple[bytes, ...]:
    """Paths of the symbolic links that lead out of the folder, or nowhere that can be followed, sorted.

    Followed as the kernel would, through other links: `a/b/l -> ../..` makes `l/..` leave, though its text does not.
    A link to a missing file inside the folder stays.
    """
    links = {path: file.data for path, file in files.items() if file.mode == LINK_MODE}
    return tuple(sorted(path for path in links if _leaves(path, links)))


def _leaves(path: bytes, links: Mapping[bytes, bytes]) -> bool:
    here: list[bytes] = []
    todo = path.split(b"/")[::-1]
    followed = 0
    while todo:
        name = todo.pop()
        if name in (b"", b"."):
            continue
        if name == b"..":
            if not here:
                return True
            here.pop()
            continue
        target = links.get(b"/".join([*here, name]))
        if target is None:
            here.append(name)
            continue
        followed += 1
        if followed > LINKS_FOLLOWED or not target or target.startswith(b"/") or b"\0" in target:
            return True
        todo.extend(target.split(b"/")[::-1])
    return False
