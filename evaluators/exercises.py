"""Reads Exercism's exercises as the Polyglot benchmark keeps them: in its repository, or as lines of JSON."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evaluators.folders import read_tree
from hgm.errors import ArchiveError, ConfigError, EvaluatorError, boundary
from trees.paths import check_path

_MAX_DATA = 256 << 20
_MOST_CHARS = 300_000
"""Of a file: a clone's longer ones, a test library's header for one, are passed over."""
_PRACTICE = Path("exercises", "practice")
_CONFIG = ".meta/config.json"


class Listed(BaseModel):
    """What an exercise says about its own files: paths in its folder."""

    model_config = ConfigDict(frozen=True)

    solution: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = Field(min_length=1)
    example: tuple[str, ...] = Field(min_length=1)


class _Config(BaseModel):
    files: Listed


class Exercise(BaseModel):
    """One exercise."""

    model_config = ConfigDict(frozen=True)

    language: str = Field(pattern=r"\A[a-z]{1,20}\z")
    id: str = Field(pattern=r"\A[a-z]{1,20}__[a-z0-9][a-z0-9-]{0,60}\z")
    """Language and name, as in go__poker."""
    files: Mapping[str, str]
    """Path in its folder -> text."""

    @field_validator("files")
    @classmethod
    def _are_files(cls, files: Mapping[str, str]) -> Mapping[str, str]:
        try:
            for path, text in files.items():
                check_path(path.encode())
                text.encode()
                if len(text) > _MOST_CHARS:
                    raise ValueError(f"{path} is longer than {_MOST_CHARS:,} characters")
        except ArchiveError as error:
            raise ValueError(str(error)) from error
        folders = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents}
        if both := folders & files.keys():
            raise ValueError(f"{min(both)} is a file and a folder")
        return files

    @property
    def name(self) -> str:
        """What people call it, as in go/poker."""
        return self.id.replace("__", "/", 1)

    @cached_property
    def listed(self) -> Listed:
        """Which of its files are what.

        Raises:
            EvaluatorError: it does not say, or lists one that it has not.
        """
        try:
            listed = _Config.model_validate_json(self.files.get(_CONFIG, "")).files
        except ValidationError as error:
            raise EvaluatorError(f"{self.name}: {_CONFIG} is unusable: {error.errors()[0]['msg']}") from error
        if missing := [path for path in (*listed.solution, *listed.test, *listed.example) if path not in self.files]:
            raise EvaluatorError(f"{self.name}: its file {missing[0]!r} is not there")
        return listed


def exercises(data: Path) -> dict[str, Exercise]:
    """Id -> exercise, from a JSONL file or from a clone of the benchmark's repository.

    Raises:
        ConfigError: it cannot be read, or is neither.
        EvaluatorError: an exercise is unusable.
    """
    found: dict[str, Exercise] = {}
    for exercise in _from_clone(data) if data.is_dir() else _from_lines(data):
        if exercise.id in found:
            raise EvaluatorError(f"{data}: {exercise.id} comes twice")
        found[exercise.id] = exercise
    if not found:
        raise ConfigError(f"{data} holds no exercise: give a clone of the Polyglot benchmark, or its JSONL file")
    return found


def _from_lines(data: Path) -> Iterator[Exercise]:
    with boundary(ConfigError, f"cannot read the exercises of {data}"):
        if data.stat().st_size > _MAX_DATA:
            raise ConfigError(f"{data} is larger than {_MAX_DATA >> 20} MiB: not the data of Polyglot")
        lines = data.read_bytes().splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _checked(line, f"{data}, line {number}")


def _checked(told: bytes | Mapping[str, object], where: str) -> Exercise:
    try:
        return Exercise.model_validate_json(told) if isinstance(told, bytes) else Exercise.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise EvaluatorError(f"{where}: {'.'.join(map(str, first['loc']))} {first['msg']}") from error


def _from_clone(data: Path) -> Iterator[Exercise]:
    for practice in sorted(data.glob(f"*/{_PRACTICE}")):
        if not practice.resolve().is_relative_to(data.resolve()):
            raise EvaluatorError(f"{practice} leads out of {data}")
        language = practice.relative_to(data).parts[0]
        for folder in sorted(path for path in practice.iterdir() if path.is_dir() and not path.is_symlink()):
            files = {path.decode(errors="replace"): file.data for path, file in read_tree(folder).items()}
            texts = {path: data.decode() for path, data in files.items() if _is_text(data)}
            yield _checked({"language": language, "id": f"{language}__{folder.name}", "files": texts}, str(folder))


def _is_text(data: bytes) -> bool:
    try:
        return b"\0" not in data and len(data.decode()) <= _MOST_CHARS
    except UnicodeDecodeError:
        return False
