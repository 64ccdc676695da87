"""Tasks in Harbor's task format (schema 1.4): any folder of task folders is a benchmark.

    task.toml  instruction.md  environment/{Dockerfile, workspace/...}  tests/{test.sh, ...}  solution/{solve.sh, ...}

Harbor itself is not a dependency. What is specific to this lab stands under [metadata.hgm]:

    grading = "compared" | "suite" | "script"     default script: tests/test.sh, reward in /logs/verifier
    test_command = ["python3", "-S", "check.py"]  what an agent may run to see the visible tests
    split = "search"                              default: by a hash of the name
    reference = "solution/workspace"              files of the reference solution, where solve.sh only copies them
    [metadata.hgm.compared]  module, function, cpu_s, cases = "tests/cases.jsonl" ({"args", "expected", "tolerance"})
    [metadata.hgm.suite]     expected = [node ids], cpu_s; its files are those of tests/ without test.sh,
                             its canaries those of `evaluators.canaries`
    [metadata.hgm.script]    reward = 1.0

Grading is always in separate-verifier mode: tests/ and solution/ never come near an agent. There is no network. A task
that needs an image of its own, several steps, other services or a GPU is refused with the reason. The folder is
untrusted: nothing in it is run on the host, and links, devices, odd names and sizes beyond the limits are refused.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluators.base import Case, Compared, Grading, Json, Script, Split, Suite, Task
from evaluators.canaries import canaries_of
from evaluators.folders import read_tree
from evaluators.grade_suite import check_expected
from evaluators.guarded import plain
from evaluators.splits import split_of
from hgm.errors import ConfigError, EvaluatorError
from sandboxes.base import File, Files

SCHEMA = "1.4"
_DOCKERFILE_KNOWN = ("FROM", "WORKDIR", "COPY", "ENV", "LABEL", "CMD", "USER", "ENTRYPOINT")
_MAX_TASKS = 20_000


class _Part(BaseModel):
    """A table of task.toml. Unknown keys are Harbor's own affair."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Strict(BaseModel):
    """A table of ours: an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskTable(_Part):
    name: str = Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?\z")


class AgentTable(_Part):
    timeout_sec: float = Field(default=600.0, gt=0)


class VerifierTable(_Part):
    timeout_sec: float = Field(default=600.0, gt=0)


class EnvironmentTable(_Part):
    os: Literal["linux"] = "linux"
    gpus: Literal[0] | None = None
    docker_image: None = None
    mcp_servers: tuple[()] = ()


class ComparedTable(_Strict):
    module: str = Field(pattern=r"\A([A-Za-z_][A-Za-z0-9_]*/)*[A-Za-z_][A-Za-z0-9_]*\.py\z")
    function: str = Field(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\z")
    cpu_s: float = Field(default=5.0, gt=0, le=600)
    cases: str = "tests/cases.jsonl"


class SuiteTable(_Strict):
    expected: tuple[str, ...]
    cpu_s: float = Field(default=5.0, gt=0, le=600)


class ScriptTable(_Strict):
    reward: float = 1.0


class LabTable(_Strict):
    grading: Literal["compared", "suite", "script"] = "script"
    test_command: tuple[str, ...] = ()
    split: Split | None = None
    reference: str | None = None
    compared: ComparedTable | None = None
    suite: SuiteTable | None = None
    script: ScriptTable = ScriptTable()


class MetadataTable(_Part):
    hgm: LabTable = LabTable()


class TaskFile(_Part):
    """task.toml, as far as this lab reads it."""

    schema_version: Literal["1.4"]
    task: TaskTable
    metadata: MetadataTable = MetadataTable()
    agent: AgentTable = AgentTable()
    verifier: VerifierTable = VerifierTable()
    environment: EnvironmentTable = EnvironmentTable()
    steps: tuple[()] = ()


class CaseLine(_Strict):
    """One line of the cases of a compared task."""

    args: tuple[Any, ...]
    expected: Any
    tolerance: float = Field(default=0.0, ge=0)


_Model = TypeVar("_Model", bound=BaseModel)


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
        try:
            folders = sorted(path for path in folder.iterdir() if (path / "task.toml").is_file())
        except OSError as error:
            raise ConfigError(f"no benchmark at {folder}: {error.strerror}") from error
        if not folders:
            raise ConfigError(f"no benchmark at {folder}: none of its folders holds a task.toml")
        if len(folders) > _MAX_TASKS:
            raise ConfigError(f"{folder} holds more than {_MAX_TASKS} tasks")
        self._places: dict[str, tuple[Path, Split]] = {}
        for path in folders:
            self._add(path)

    def _add(self, path: Path) -> None:
        record = read_record(path)
        task_id = "t-" + hashlib.sha256(record.task.name.encode()).hexdigest()[:10]
        if task_id in self._places:
            raise EvaluatorError(f"{path}: another task has the name {record.task.name!r} too")
        self._places[task_id] = (path, record.metadata.hgm.split or split_of("harbor", record.task.name))

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


def read_record(path: Path) -> TaskFile:
    """One folder's task.toml.

    Raises:
        EvaluatorError: it is unusable; says where and why.
    """
    files = read_tree(path, only=b"task.toml")
    try:
        table = tomllib.loads(files[b"task.toml"].data.decode())
    except (ValueError, RecursionError) as error:
        raise EvaluatorError(f"{path}/task.toml: {error}") from error
    return _checked(TaskFile, table, f"{path}/task.toml")


def _checked(model: type[_Model], table: Json, where: str) -> _Model:
    try:
        return model.model_validate(table)
    except (ValidationError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise EvaluatorError(f"{where}: nested too deeply") from error
        first = error.errors()[0]
        raise EvaluatorError(f"{where}: {'.'.join(map(str, first['loc'])) or 'table'}: {first['msg']}") from error


def read_task(path: Path, *, task_id: str, benchmark: str, split: Split) -> Task:
    """One task folder.

    Raises:
        EvaluatorError: a part is missing, unusable or asks for what this lab has not; says which and why.
    """
    record, files = read_record(path), read_tree(path)
    lab = record.metadata.hgm
    for name in (b"instruction.md", b"tests/test.sh", b"environment/Dockerfile"):
        if name not in files:
            raise EvaluatorError(f"{path}: {name.decode()} is missing")
    _check_image(files, path)
    solution = _below(files, "solution")
    if b"solve.sh" not in solution:
        raise EvaluatorError(f"{path}: solution/solve.sh is missing, so nothing shows that the task can be solved")
    reference = _below(files, lab.reference) if lab.reference else {}
    if lab.reference and not reference:
        raise EvaluatorError(f"{path}: there is no file below {lab.reference}")
    workspace = _below(files, "environment/workspace")
    if not workspace:
        raise EvaluatorError(f"{path}: environment/workspace, the files of the task, is missing or empty")
    return Task(
        id=task_id,
        benchmark=benchmark,
        split=split,
        statement=_text(files[b"instruction.md"], f"{path}/instruction.md"),
        workspace=workspace,
        test_command=lab.test_command,
        grading=_grading(record, files, path),
        reference=reference,
        solution={} if reference else solution,
        deadline_s=record.agent.timeout_sec,
    )


def _below(files: Files, folder: str) -> Files:
    prefix = folder.strip("/").encode() + b"/"
    return {path[len(prefix) :]: file for path, file in files.items() if path.startswith(prefix)}


def _text(file: File, where: str) -> str:
    try:
        return file.data.decode()
    except UnicodeDecodeError as error:
        raise EvaluatorError(f"{where}: not UTF-8 text") from error


def _check_image(files: Files, path: Path) -> None:
    """Only a plain image with the workspace in it can be stood in for."""
    if b"environment/docker-compose.yaml" in files:
        raise EvaluatorError(f"{path}: it needs other services (environment/docker-compose.yaml)")
    text = _text(files[b"environment/Dockerfile"], f"{path}/environment/Dockerfile")
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if words and not words[0].startswith("#") and words[0].upper() not in _DOCKERFILE_KNOWN:
            raise EvaluatorError(f"{path}: it needs an image of its own (environment/Dockerfile: {words[0][:20]})")


def _grading(record: TaskFile, files: Files, path: Path) -> Grading:
    lab = record.metadata.hgm
    tests = _below(files, "tests")
    if lab.grading == "compared":
        if lab.compared is None:
            raise EvaluatorError(f"{path}: grading is compared, but there is no [metadata.hgm.compared]")
        own = lab.compared
        cases = tuple(_cases(files, own.cases, path))
        return Compared(module=own.module, function=own.function, cases=cases, cpu_s=own.cpu_s)
    if lab.grading == "suite":
        if lab.suite is None:
            raise EvaluatorError(f"{path}: grading is suite, but there is no [metadata.hgm.suite]")
        check_expected(lab.suite.expected)
        hidden = {name: file for name, file in tests.items() if name != b"test.sh"}
        canary = canaries_of(hidden, lab.suite.expected)
        return Suite(files=hidden, expected=lab.suite.expected, canary=canary, cpu_s=lab.suite.cpu_s)
    return Script(files=tests, reward=lab.script.reward, deadline_s=record.verifier.timeout_sec)


def _cases(files: Files, name: str, path: Path) -> Iterator[Case]:
    if name.encode() not in files:
        raise EvaluatorError(f"{path}: {name} is missing")
    lines = _text(files[name.encode()], f"{path}/{name}").splitlines()
    if not any(line.strip() for line in lines):
        raise EvaluatorError(f"{path}: {name} holds no case")
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path}/{name}, line {number}"
            try:
                found = _checked(CaseLine, json.loads(line), where)
                yield Case(args=tuple(plain(found.args)), expected=plain(found.expected), tolerance=found.tolerance)
            except (ValueError, TypeError, RecursionError) as error:
                raise EvaluatorError(f"{where}: {error}") from error
