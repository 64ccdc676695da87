"""Tasks in Harbor's task format (schema 1.0 to 1.4): any folder of task folders is a benchmark.

    task.toml  instruction.md  environment/{Dockerfile, workspace/...}  tests/{test.sh, ...}  solution/{solve.sh, ...}

Harbor itself is not a dependency. What is specific to this lab stands under [metadata.hgm]:

    grading = "compared" | "suite" | "script"     default script: tests/test.sh, reward in /logs/verifier
    test_command = ["python3", "-S", "check.py"]  what an agent may run to see the visible tests
    split = "search"                              default: by a hash of the name
    reference = "solution/workspace"              files of the reference solution, where solve.sh only copies them
    sealed = true                                 the image's working directory is a repository whose history goes
    [metadata.hgm.compared]  module, function, cpu_s, cases = "tests/cases.jsonl" ({"args", "expected", "tolerance"})
    [metadata.hgm.suite]     expected = [node ids], cpu_s; its files are those of tests/ without test.sh,
                             its canaries those of `evaluators.canaries`
    [metadata.hgm.script]    reward = 1.0

Beside the tasks, splits/{search,select,sealed,dev}.txt may name those of each split, one per line.

Grading is always in separate-verifier mode: tests/ and solution/ never come near an agent. There is no network. What
that or this lab cannot do is left out by name (`evaluators.harbor_images.refusal`). The folder is untrusted: nothing in
it is run on the host, and links, devices, odd names and sizes beyond the limits are refused.
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from evaluators.base import Split, Task
from evaluators.folders import read_tree
from evaluators.harbor_images import refusal
from evaluators.harbor_tasks import groups_of, read_record, read_task
from evaluators.splits import split_of
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import Files

_MAX_TASKS = 20_000


class HarborBenchmark:
    """A folder of tasks; each is read when it is asked for."""

    def __init__(self, folder: Path, *, name: str | None = None) -> None:
        """Find the tasks and read what says which split they belong to.

        Raises:
            ConfigError: there is no such folder, or no task in it.
            EvaluatorError: a task.toml is unusable.
        """
        self.folder = folder
        self.name = name or folder.resolve().name
        self.refused: dict[str, str] = {}
        """Tasks that cannot be done here, by name, and why."""
        self.refused_groups: dict[str, dict[str, str]] = {}
        self._places: dict[str, tuple[Path, Split]] = {}
        self._names: set[str] = set()
        listed = _listed_splits(folder)
        for path in _folders(folder):
            self._add(path, listed)
        if unknown := listed.keys() - self._names - self.refused.keys():
            raise EvaluatorError(f"{folder}/splits names {min(unknown)!r}, which is no task")
        if not self._places:
            first, reason = next(iter(self.refused.items()))
            raise ConfigError(f"no task of {folder} can be done here; {first}, for one: {reason}")

    def _add(self, path: Path, listed: dict[str, Split]) -> None:
        record = read_record(path)
        name = record.task.name
        task_id = "t-" + hashlib.sha256(name.encode()).hexdigest()[:10]
        if task_id in self._places or name in self.refused:
            raise EvaluatorError(f"{path}: another task has the name {name!r} too")
        if reason := refusal(record.environment, _looked_at(path), verifier_env=record.verifier.env):
            self.refused[name] = reason
            self.refused_groups[name] = groups_of(record)
            return
        split = listed.get(name) or record.metadata.hgm.split or split_of("harbor", name)
        self._places[task_id] = (path, split)
        self._names.add(name)

    def fingerprint(self) -> str:
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for task_id, (path, split) in sorted(self._places.items()):
            digest.update(f"{task_id} {split}\n".encode())
            for name, file in sorted(read_tree(path).items()):
                digest.update(b"%s %s %d\n" % (name, file.mode.encode(), len(file.data)) + file.data)
        return digest.hexdigest()

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._places

    def tasks(self, split: Split) -> tuple[str, ...]:
        return tuple(sorted(task_id for task_id, (_, own) in self._places.items() if own == split))

    def task(self, task_id: str) -> Task:
        if task_id not in self._places:
            raise EvaluatorError(f"no such task in {self.name}: {task_id}")
        path, split = self._places[task_id]
        return read_task(path, task_id=task_id, benchmark=self.name, split=split)


def _folders(folder: Path) -> list[Path]:
    """The task folders of a benchmark, which a dataset's repository may keep in tasks/."""
    for place in (folder, folder / "tasks"):
        try:
            found = sorted(path for path in place.iterdir() if (path / "task.toml").is_file())
        except OSError as error:
            if place == folder:
                raise ConfigError(f"no benchmark at {folder}: {error.strerror}") from error
            break
        if len(found) > _MAX_TASKS:
            raise ConfigError(f"{folder} holds more than {_MAX_TASKS} tasks")
        if found:
            return found
    raise ConfigError(f"no benchmark at {folder}: none of its folders holds a task.toml")


def _looked_at(path: Path) -> Files:
    """The files by which a task may be refused."""
    found = {b"environment/" + name: file for name, file in _part(path / "environment").items()}
    tests = _part(path / "tests")
    return {**found, **({b"tests/test.sh": tests[b"test.sh"]} if b"test.sh" in tests else {})}


def _part(folder: Path) -> Files:
    return read_tree(folder) if folder.is_dir() and not folder.is_symlink() else {}


def _listed_splits(folder: Path) -> dict[str, Split]:
    """Task -> the split whose list names it."""
    listed: dict[str, Split] = {}
    for split in Split:
        for name in _names(folder / "splits", f"{split}.txt"):
            if listed.setdefault(name, split) is not split:
                raise EvaluatorError(f"{folder}/splits: {name!r} is in {listed[name]}.txt and in {split}.txt")
    return listed


def _names(folder: Path, file: str) -> Iterator[str]:
    if not (folder / file).is_file():
        return
    text = read_tree(folder, only=file.encode())[file.encode()].data.decode(errors="replace")
    for line in text.splitlines():
        if words := line.partition("#")[0].split():
            yield words[0]
