"""A workspace that is a folder of the container's image: what differs from the image, and what the image had there.

The engine tells which paths have changed, so that a large repository is neither listed nor read. Files that git would
ignore by the rules of the image are left out where they are new, as are the repository's own folder and Python's
caches; what the image has comes in any case.

Stops: what `sandboxes.snapshot` and `sandboxes.stream` stop; rules of the command's own that hide what it changed.
Does not stop: a new name that is not UTF-8, which engines cannot tell: such a file is skipped.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hgm.errors import SandboxError
from sandboxes.base import File, Files
from sandboxes.calls import Change, archive, changed_paths, is_folder
from sandboxes.engine import Engine
from sandboxes.overlay import NotPlain, layers_of
from sandboxes.reach import Reach
from sandboxes.snapshot import Bounds, Snapshot, Tally, read_paths
from sandboxes.stream import packed, parents, unpacked

_OWNER = 0
_FEW = 64
"""So many paths are fetched one by one; more, with the whole folder."""
_PASSED_OVER = frozenset({b"__pycache__", b".pytest_cache", b".mypy_cache", b".ruff_cache"})
REPORTS = b".hgm-logs"
"""A folder of the workspace that comes back whatever the image's rules ignore."""
_RULES = b".gitignore"
_GIT = {"PATH": os.defpath, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": "/nonexistent"}
_UNREADABLE = "\ufffd"
_PRISTINE = Bounds(entries=200_000, total_bytes=2 << 30, file_bytes=256 << 20)
"""Of an image, which is the benchmark's and not the command's."""


@dataclass
class ImageWorkspace(Reach):
    """Reaches the folder of one container; `read` may be asked once nothing inside runs any more."""

    engine: Engine
    container: str
    folder: str
    untouched: "Untouched"
    handle: int | None = None
    """The folder as this machine's kernel sees it, for root."""
    outlives: bool = True
    _replaced: list[bytes] = field(default_factory=list)
    """What `read` found gone, or another than in the image."""
    _folders: list[bytes] = field(default_factory=list)
    """Folders that engines call modified: what they were before only the image tells."""

    def write(self, files: Files) -> None:
        self.engine.api.put_archive(self.container, self.folder, packed(files, owner=_OWNER))

    def read(self, bounds: Bounds) -> Snapshot:
        changes = dict(self._changes(bounds))
        present = [path for path, change in changes.items() if change is not Change.DELETED]
        found = self._fetch(present, bounds)
        ignored = self._ignored([path for path in found.files if changes.get(path) is Change.ADDED])
        self._replaced = [
            path
            for path, change in changes.items()
            if change is Change.DELETED
            or (change is Change.MODIFIED and (path in found.files or path in found.skipped))
        ]
        self._folders = [
            path for path, change in changes.items() if change is Change.MODIFIED and path not in self._replaced
        ]
        files = {path: file for path, file in found.files.items() if path not in ignored}
        return Snapshot(files, found.skipped)

    def pristine(self) -> Files:
        """What the image has at the paths that `read` found modified or gone."""
        return self.untouched.files(self._replaced, self._folders)

    def close(self) -> None:
        if self.handle is not None:
            with suppress(OSError):
                os.close(self.handle)
            self.handle = None

    def _changes(self, bounds: Bounds) -> Iterator[tuple[bytes, Change]]:
        tally = Tally(bounds)
        for path, change in self._told():
            if not _is_passed_over(path):
                tally.enter(path)
                yield path, change

    def _told(self) -> list[tuple[bytes, Change]]:
        layers = layers_of(self.engine, self.container) if self.handle is not None else None
        if layers is not None:
            with suppress(NotPlain):
                return list(layers.changes(self.folder))
        prefix = self.folder.rstrip("/") + "/"
        return [
            (name.removeprefix(prefix).encode(), change)
            for name, change in changed_paths(self.engine, self.container)
            if name.startswith(prefix) and _UNREADABLE not in name
        ]

    def _fetch(self, paths: list[bytes], bounds: Bounds) -> Snapshot:
        if self.handle is not None:
            return read_paths(self.handle, paths, bounds)
        return _fetched(self.engine, self.container, self.folder, paths, bounds, shallow=True)

    def _ignored(self, added: list[bytes]) -> frozenset[bytes]:
        """Those of the new files that git would ignore by the image's own rules."""
        added = [path for path in added if not path.startswith(REPORTS + b"/")]
        if not added:
            return frozenset()
        places = {place for path in added for place in parents(path)}
        rules = self.untouched.files([_RULES, *(place + b"/" + _RULES for place in sorted(places))])
        return ignored_by(rules, added)


def _is_passed_over(path: bytes) -> bool:
    parts = path.split(b"/")
    return parts[0] == b".git" or path.endswith(b".pyc") or not _PASSED_OVER.isdisjoint(parts)


def ignored_by(rules: Files, paths: Iterable[bytes]) -> frozenset[bytes]:
    """Those of the paths that git ignores by these `.gitignore` files, with nobody's settings.

    Raises:
        SandboxError: git does not say.
    """
    rules = {path: file for path, file in rules.items() if file.mode != "120000"}
    if not rules:
        return frozenset()
    with tempfile.TemporaryDirectory(prefix="hgm-rules-") as place:
        for path, file in rules.items():
            target = Path(os.fsdecode(os.path.join(os.fsencode(place), path)))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
        made = ["git", "init", "--quiet", "--template=", place]
        subprocess.run(made, env=_GIT, check=True, capture_output=True, process_group=0)
        command = ["git", "-C", place, "check-ignore", "--no-index", "-z", "--stdin"]
        told = subprocess.run(
            command, env=_GIT, input=b"\0".join(paths) + b"\0", capture_output=True, check=False, process_group=0
        )
    if told.returncode not in (0, 1):
        raise SandboxError(f"git does not say what is ignored: {told.stderr[:300]!r}")
    return frozenset(filter(None, told.stdout.split(b"\0")))


def folder_of(process: int, folder: str) -> int | None:
    """The folder as a process of the container on this machine sees it, open; None where it cannot be had."""
    try:
        return os.open(f"/proc/{process}/root{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


@dataclass(frozen=True)
class Untouched:
    """The folder as the image has it, read from a container that is never started."""

    engine: Engine
    image: str
    folder: str
    labels: dict[str, str]

    def files(self, paths: list[bytes], but_folders: list[bytes] | None = None) -> Files:
        """Those of the paths that are there; of a folder all that is in it. And those others that are no folders."""
        others = but_folders or []
        if not paths and not others:
            return {}
        with self._container() as container:
            paths = paths + [path for path in others if not self._is_folder(container, path)]
            return _fetched(self.engine, container, self.folder, paths, _PRISTINE, shallow=False).files

    def _is_folder(self, container: str, path: bytes) -> bool:
        return is_folder(self.engine, container, f"{self.folder}/{path.decode()}")

    @contextmanager
    def _container(self) -> Iterator[str]:
        made = self.engine.api.create_container(self.image, command=["true"], network_disabled=True, labels=self.labels)
        try:
            yield str(made["Id"])
        finally:
            self.engine.api.remove_container(made["Id"], v=True, force=True)


def _fetched(
    engine: Engine, container: str, folder: str, paths: list[bytes], bounds: Bounds, *, shallow: bool
) -> Snapshot:
    """The files at these paths through the engine; of a folder nothing if `shallow`, else all that is in it."""
    if len(paths) > _FEW:
        with archive(engine, container, folder) as chunks:
            return _chosen(unpacked(chunks, _PRISTINE), paths, bounds, shallow=shallow)
    files: dict[bytes, File] = {}
    skipped: list[bytes] = []
    for path in paths:
        with suppress(FileNotFoundError), archive(engine, container, f"{folder}/{path.decode()}") as chunks:
            found = unpacked(chunks, bounds, at=path)
            files.update({name: file for name, file in found.files.items() if name == path or not shallow})
            skipped += [name for name in found.skipped if name == path or not shallow]
    return Snapshot(dict(sorted(files.items())), tuple(sorted(skipped)))


def _chosen(whole: Snapshot, paths: list[bytes], bounds: Bounds, *, shallow: bool) -> Snapshot:
    wanted, tally = frozenset(paths), Tally(bounds)

    def is_wanted(path: bytes) -> bool:
        return path in wanted or (not shallow and any(above in wanted for above in parents(path)))

    files = {path: file for path, file in whole.files.items() if is_wanted(path)}
    for path, file in files.items():
        tally.weigh(path, len(file.data))
    return Snapshot(files, tuple(path for path in whole.skipped if is_wanted(path)))
