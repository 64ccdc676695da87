"""One task folder in Harbor's format: what its files say, as a task."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evaluators.base import Case, Compared, Grading, Json, Script, Split, Suite, Task
from evaluators.canaries import canaries_of
from evaluators.folders import read_tree
from evaluators.grade_suite import check_expected
from evaluators.guarded import plain
from evaluators.harbor_images import EnvironmentTable, environment
from hgm.errors import EvaluatorError
from sandboxes.base import File, Files
from trees.toml import tables

VariableName = Annotated[str, Field(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\z")]
_NAME = r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?\z"


class _Part(BaseModel):
    """A table of task.toml. Unknown keys are Harbor's own affair."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Strict(BaseModel):
    """A table of ours: an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskTable(_Part):
    name: str = Field(pattern=_NAME)


class AgentTable(_Part):
    timeout_sec: float = Field(default=600.0, gt=0, allow_inf_nan=False)


class VerifierTable(_Part):
    timeout_sec: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    environment: None = None
    env: dict[VariableName, str] = Field(default_factory=dict)


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
    sealed: bool = False
    compared: ComparedTable | None = None
    suite: SuiteTable | None = None
    script: ScriptTable = ScriptTable()


class MetadataTable(_Part):
    hgm: LabTable = LabTable()
    difficulty: str = Field(default="", max_length=100)
    category: str = Field(default="", max_length=100)


class TaskFile(_Part):
    """task.toml, as far as this lab reads it."""

    schema_version: Literal["1.0", "1.1", "1.2", "1.3", "1.4"]
    task: TaskTable
    metadata: MetadataTable = MetadataTable()
    agent: AgentTable = AgentTable()
    verifier: VerifierTable = VerifierTable()
    environment: EnvironmentTable = EnvironmentTable()
    steps: tuple[()] = ()

    @model_validator(mode="before")
    @classmethod
    def _older_spelling(cls, values: Any) -> Any:
        """`version`, as schema 1.0 called it."""
        if isinstance(values, dict) and "schema_version" not in values and "version" in values:
            return {**values, "schema_version": values["version"]}
        return values


class CaseLine(_Strict):
    """One line of the cases of a compared task."""

    args: tuple[Any, ...]
    expected: Any
    tolerance: float = Field(default=0.0, ge=0)


_Model = TypeVar("_Model", bound=BaseModel)


def read_record(path: Path) -> TaskFile:
    """One folder's task.toml. A task that gives itself no name is called as its folder.

    Raises:
        EvaluatorError: it is unusable; says where and why.
    """
    files = read_tree(path, only=b"task.toml")
    try:
        table = tables(files[b"task.toml"].data.decode())
    except ValueError as error:
        raise EvaluatorError(f"{path}/task.toml: {error}") from error
    return _checked(TaskFile, {"task": {"name": path.name}, **table}, f"{path}/task.toml")


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
        EvaluatorError: a part is missing or unusable; says which and why.
    """
    record, files = read_record(path), read_tree(path)
    lab = record.metadata.hgm
    for name in (b"instruction.md", b"tests/test.sh"):
        if name not in files:
            raise EvaluatorError(f"{path}: {name.decode()} is missing")
    needs = environment(record.environment, files, str(path), is_sealed=lab.sealed)
    if needs and (lab.grading != "script" or lab.reference):
        raise EvaluatorError(f"{path}: in an image of its own a task is graded by its script, and solved by solve.sh")
    solution = _below(files, "solution")
    if b"solve.sh" not in solution:
        raise EvaluatorError(f"{path}: solution/solve.sh is missing, so nothing shows that the task can be solved")
    reference = _below(files, lab.reference) if lab.reference else {}
    if lab.reference and not reference:
        raise EvaluatorError(f"{path}: there is no file below {lab.reference}")
    workspace = {} if needs else _below(files, "environment/workspace")
    if not (workspace or needs):
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
        environment=needs,
        name=record.task.name,
        groups=groups_of(record),
        deadline_s=record.agent.timeout_sec,
    )


def groups_of(record: TaskFile) -> dict[str, str]:
    """What people know a task by, as far as its record tells."""
    told = {"difficulty": record.metadata.difficulty, "category": record.metadata.category}
    return {group: value for group, value in told.items() if value}


def _below(files: Files, folder: str) -> Files:
    prefix = folder.strip("/").encode() + b"/"
    return {path[len(prefix) :]: file for path, file in files.items() if path.startswith(prefix)}


def _text(file: File, where: str) -> str:
    try:
        return file.data.decode()
    except UnicodeDecodeError as error:
        raise EvaluatorError(f"{where}: not UTF-8 text") from error


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
    verifier = record.verifier
    return Script(files=tests, reward=lab.script.reward, deadline_s=verifier.timeout_sec, env=verifier.env)


def _cases(files: Files, name: str, path: Path) -> Iterator[Case]:
    if name.encode() not in files:
        raise EvaluatorError(f"{path}: {name} is missing")
    lines = _text(files[name.encode()], f"{path}/{name}").split("\n")
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
