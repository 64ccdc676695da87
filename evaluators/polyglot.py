"""Polyglot (the benchmark of Aider's leaderboard): Exercism's exercises in six languages, graded by their own tests.

An agent gets the instructions and the stub, without a network, and never a test or an example. Its solution and new
sources count; what configures a build or a runner is the exercise's own.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files as package_files
from pathlib import Path, PurePosixPath

from evaluators.base import Environment, Grading, Split, Suite, Task
from evaluators.base import Exercise as ExerciseGrading
from evaluators.canaries import canaries_of
from evaluators.exercises import Exercise, exercises
from evaluators.languages import LANGUAGES, PYTHON
from evaluators.splits import split_of
from hgm.errors import EvaluatorError
from sandboxes.base import File, Files
from sandboxes.images import image_name
from sandboxes.recipes import Recipe

NAME = "polyglot"
_CPU_S = 10.0
_MEMORY_MB, _PIDS, _WORKSPACE_MB = 2048, 512, 1024
_KEPT_BACK = (".docs/", ".meta/", ".approaches/", ".articles/")
_PYTHON_TESTS = ("_test.py", "test_utils.py")
_REWRITING = ("ledger", "markdown")
"""Names of exercises whose stub works already and is to be made more readable: their tests measure nothing."""
_CODE = ("polyglot.py", "exercises.py", "languages.py", "grade_exercise.py", "grade_suite.py", "canaries.py")


class PolyglotBenchmark:
    """The exercises of one clone or file."""

    name = NAME
    shows_tests = True
    """In the two-attempt mode of the original leaderboard."""

    def __init__(self, data: Path) -> None:
        """Read the exercises.

        Raises:
            ConfigError: they cannot be read.
            EvaluatorError: one is unusable.
        """
        found = exercises(data)
        if unknown := {exercise.language for exercise in found.values()} - {*LANGUAGES, PYTHON}:
            raise EvaluatorError(f"{data}: nothing here can test {', '.join(sorted(unknown))}")
        self._exercises = {_opaque(name): exercise for name, exercise in found.items()}
        told = {task_id: _refusal(exercise) for task_id, exercise in self._exercises.items()}
        self._refused = {task_id: why for task_id, why in told.items() if why}
        self.refused = {self._exercises[task_id].name: why for task_id, why in sorted(self._refused.items())}
        """Exercises that are no tasks, and why."""
        languages = {exercise.name: exercise.language for exercise in self._exercises.values()}
        self.refused_groups = {name: {"language": languages[name]} for name in self.refused}

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for task_id in sorted(self._exercises):
            exercise = self._exercises[task_id]
            digest.update(repr((exercise.id, sorted(exercise.files.items()))).encode())
        for name in _CODE:
            digest.update((Path(__file__).parent / name).read_bytes())
        for language in sorted(LANGUAGES):
            digest.update(recipe(language).image.encode())
        return digest.hexdigest()

    def fingerprint(self) -> str:
        return self._fingerprint

    def tasks(self, split: Split) -> tuple[str, ...]:
        return tuple(sorted(task_id for task_id in self._usable if split_of(NAME, task_id) == split))

    @property
    def every(self) -> tuple[str, ...]:
        """All ids, those of exercises that are no tasks among them."""
        return tuple(sorted(self._exercises))

    @property
    def _usable(self) -> list[str]:
        return [task_id for task_id in self._exercises if task_id not in self._refused]

    def task(self, task_id: str) -> Task:
        if task_id not in self._exercises:
            raise EvaluatorError(f"no such task in {NAME}: {task_id}")
        exercise = self._exercises[task_id]
        return Task(
            id=task_id,
            benchmark=NAME,
            split=split_of(NAME, task_id),
            statement=_statement(exercise),
            workspace=_workspace(exercise),
            test_command=(),
            grading=_suite(exercise) if exercise.language == PYTHON else _grading(exercise),
            reference=_reference(exercise),
            environment=None if exercise.language == PYTHON else _environment(exercise.language),
            name=exercise.name,
            groups={"language": exercise.language},
        )


@cache
def recipe(language: str) -> Recipe:
    """What the image of a language is built from: the lab's own image, and the language's tools."""
    folder = package_files("evaluators").joinpath("images", language)
    context = {path.name.encode(): File(path.read_bytes()) for path in folder.iterdir() if path.is_file()}
    return Recipe(repository=f"hgm-{language}", context=context, arguments={"BASE_IMAGE": image_name()})


def _environment(language: str) -> Environment:
    made = recipe(language)
    return Environment(
        image=made.image,
        recipe=made,
        is_ours=True,
        memory_mb=_MEMORY_MB,
        pids=_PIDS,
        workspace_mb=_WORKSPACE_MB,
    )


def _opaque(name: str) -> str:
    return f"p-{hashlib.sha256(f'{NAME}:{name}'.encode()).hexdigest()[:10]}"


def _statement(exercise: Exercise) -> str:
    parts = [exercise.files.get(f".docs/{name}.md", "") for name in ("introduction", "instructions")]
    parts.append(exercise.files.get(".docs/instructions.append.md", ""))
    text = "\n\n".join(part.strip() for part in parts if part.strip())
    edited = ", ".join(f"`{path}`" for path in _solution(exercise))
    return (
        f"{text}\n\n----\n"
        f"Write the solution into {edited}, in the current folder. Keep the names of functions, types and files: tests "
        "that you do not see use them, and decide. There is no network, and no package beyond the standard library "
        "but those that the exercise's own files name.\n"
    )


def _is_hidden(exercise: Exercise, path: str) -> bool:
    if exercise.language == PYTHON:
        return path in exercise.listed.test or path.endswith(_PYTHON_TESTS)
    return path in exercise.listed.test or bool(LANGUAGES[exercise.language].tests.search(path))


def _workspace(exercise: Exercise) -> Files:
    return {
        path.encode(): File(text.encode())
        for path, text in exercise.files.items()
        if not path.startswith(_KEPT_BACK) and not _is_hidden(exercise, path)
    }


def _hidden(exercise: Exercise) -> dict[str, str]:
    return {
        path: text
        for path, text in exercise.files.items()
        if not path.startswith(_KEPT_BACK) and _is_hidden(exercise, path)
    }


def _reference(exercise: Exercise) -> Files:
    """The example, each of its files in the place of the stub of that name, or else of that kind."""
    placed: dict[bytes, File] = {}
    left = list(exercise.listed.solution)
    for example in exercise.listed.example:
        path = PurePosixPath(example)
        same_name = [target for target in left if PurePosixPath(target).name == path.name]
        same_kind = [target for target in left if PurePosixPath(target).suffix == path.suffix]
        if not (same_name or same_kind):
            raise EvaluatorError(f"{exercise.name}: no stub takes the place of its example {example!r}")
        target = (same_name or same_kind)[0]
        left.remove(target)
        placed[target.encode()] = File(exercise.files[example].encode())
    return placed


def _grading(exercise: Exercise) -> Grading:
    language = LANGUAGES[exercise.language]
    tests = {path: language.activated(text) for path, text in _hidden(exercise).items()}
    return ExerciseGrading(
        language=exercise.language,
        files={path.encode(): File(text.encode()) for path, text in tests.items()},
        solution=tuple(path.encode() for path in _solution(exercise)),
        expected=_some(exercise, [name for text in tests.values() for name in language.names(text)]),
    )


def _solution(exercise: Exercise) -> list[str]:
    """The files to edit: what configures the build, as Cargo.toml does, is not the agent's to change."""
    if exercise.language == PYTHON:
        return list(exercise.listed.solution)
    return [path for path in exercise.listed.solution if LANGUAGES[exercise.language].sources.search(path)]


def _suite(exercise: Exercise) -> Suite:
    hidden = _hidden(exercise)
    try:
        names = [name for path, text in hidden.items() for name in _python_tests(path, text)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EvaluatorError(f"{exercise.name}: its tests cannot be read: {error}") from error
    files = {path.encode(): File(text.encode()) for path, text in hidden.items()}
    return Suite(
        files=files,
        expected=_some(exercise, names),
        canary=canaries_of(files, names),
        cpu_s=_CPU_S,
    )


def _python_tests(path: str, text: str) -> Iterator[str]:
    """pytest's ids of the tests in a file, in classes and outside."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            names = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            yield from (f"{path}::{node.name}::{name}" for name in names if name.startswith("test"))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield f"{path}::{node.name}"


def _refusal(exercise: Exercise) -> str:
    """Why it cannot be a task; empty if it can."""
    if exercise.name.rpartition("/")[2] in _REWRITING:
        return "its stub passes already: the exercise is to make it more readable"
    if lacking := _lacking(exercise):
        return f"it needs what its image has not: {', '.join(lacking)}"
    try:
        _reference(exercise)
        _suite(exercise) if exercise.language == PYTHON else _grading(exercise)
    except EvaluatorError as error:
        return str(error).removeprefix(f"{exercise.name}: ")
    return ""


def _lacking(exercise: Exercise) -> list[str]:
    if exercise.language == PYTHON:
        return []
    language = LANGUAGES[exercise.language]
    return sorted({*language.packages(exercise.files)} - language.available)


def _some(exercise: Exercise, names: list[str]) -> tuple[str, ...]:
    if not names:
        raise EvaluatorError(f"{exercise.name}: its files hold no test")
    return tuple(names)
