"""What every benchmark promises: tasks with a checkable answer, in fixed splits, as plain picklable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from sandboxes.base import Files
from sandboxes.recipes import Recipe
from trees.records import Outcome

Json: TypeAlias = Any
"""A value made of dict (str keys), list, str, int, float, bool and None."""


class Split(StrEnum):
    """Which tasks may be used for what; fixed per task (a hash of its id unless the benchmark brings its own)."""

    DEV = "dev"
    """For developing the lab itself; never part of a run."""
    SEARCH = "search"
    """Feeds decisions and evidence."""
    SELECT = "select"
    """Confirms the top few before a winner is named."""
    SEALED = "sealed"
    """Opened by the controller alone, once per run, each opening journalled."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call of the function under test; both sides are JSON."""

    args: tuple[Json, ...]
    expected: Json
    tolerance: float = 0.0
    """Absolute difference allowed between floats."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Grading class *compared*: the sandbox gets the inputs only, the host compares what it returns."""

    module: str
    """Path of the module in the workspace."""
    function: str
    cases: tuple[Case, ...]
    cpu_s: float = 5.0
    """Per case."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Grading class *suite*: hidden pytest files share a process with the code under test."""

    files: Files
    """Laid over the workspace before the tests run; the agent's own files at these paths have no effect."""
    expected: tuple[str, ...]
    """pytest node ids that must each be reported exactly once, as passed."""
    canary: Files = field(default_factory=dict)
    """Test files in which every test must fail, for the second run after a pass."""
    cpu_s: float = 5.0
    """Per test."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """Grading class *script*: Harbor's `tests/test.sh`, which writes a reward to /logs/verifier."""

    files: Files
    """The task's tests/, seen at /tests."""
    reward: float = 1.0
    """At least this much is a pass."""
    deadline_s: float = 60.0
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that the script gets."""


@dataclass(frozen=True, kw_only=True)
class Harness:
    """Grading class *suite* by SWE-bench's own script and log parser, in the instance's own image."""

    row: Mapping[str, Json]
    """The instance as the harness knows it."""
    gold: bytes
    """The reference solution, as a patch. Host-only."""
    deadline_s: float = 1800.0


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """Grading class *suite* in the exercise's own language, by the test runner of its image."""

    language: str
    """A name of `evaluators.languages.LANGUAGES`."""
    files: Files
    """The hidden tests."""
    solution: tuple[bytes, ...]
    """The files to edit; of an agent's other files only new sources count."""
    expected: tuple[str, ...]
    """Names of tests that must each be reported as often as they are here, and passed."""
    deadline_s: float = 180.0
    """For compiling and testing."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """Grading class *played*: the page that an agent acts on says how it went (`evaluators.gui`)."""

    page: str
    """As `evaluators.gui.families` names it."""
    seed: int
    """The same page and seed are the same episode."""
    steps: int
    """At most so many actions, bad ones included."""


Grading: TypeAlias = Compared | Suite | Script | Harness | Exercise | Played


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The container image that a task is worked on in, and what it takes to have it."""

    image: str
    """Its name in a registry and on the engine."""
    recipe: Recipe | None = None
    """What it is built from; None: it is pulled."""
    is_ours: bool = False
    """The recipe comes with the lab."""
    folder: str = ""
    """The image's folder that is the workspace, e.g. /testbed; `Task.workspace` is empty then. Empty: /workspace,
    filled from `Task.workspace`."""
    is_sealed: bool = False
    """Agents get another image, made from this one, whose `folder` is a repository of one commit and in which no other
    history can be reached (`sandboxes.sealing`). Grading takes the image as it is."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables inside, PATH among them, in place of the fixed ones."""
    memory_mb: int = 0
    """At least so much, whatever a run's own limits say; so are the next two."""
    pids: int = 0
    workspace_mb: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One problem. Only `statement`, `workspace`, `test_command` and the deadline ever reach an agent."""

    id: str
    benchmark: str
    split: Split
    statement: str
    workspace: Files
    """The pristine base, the one commit of the repository that the agent gets."""
    test_command: tuple[str, ...]
    """What an agent may run in the workspace to see the visible tests."""
    grading: Grading
    reference: Files
    """The reference solution, laid over the workspace. Host-only. Empty where `solution` makes it."""
    solution: Files = field(default_factory=dict)
    """Harbor's solution/, whose `solve.sh` makes the reference (`evaluators.solutions.solve`). Host-only."""
    environment: Environment | None = None
    """The image that it needs; None: any sandbox will do."""
    name: str = ""
    """What people call it, e.g. django__django-16527. Host-only: agents know tasks by their ids."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """What reports tell apart, e.g. {"repo": "django/django", "difficulty": "1-4 hours"}. Host-only."""
    deadline_s: float = 600.0
    """What the benchmark allows at most; a run's own limit may be less."""


class Benchmark(Protocol):
    """A named set of tasks."""

    name: str

    def fingerprint(self) -> str:
        """A hash over everything that could change a score: a resume with another one is refused."""

    def tasks(self, split: Split) -> tuple[str, ...]:
        """Task ids of a split, always in the same order."""

    def task(self, task_id: str) -> Task:
        """One task.

        Raises:
            EvaluatorError: no such task, or its record is unusable.
        """


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What grading found. `cause` is empty for a pass, else one of the words of the table in docs/concepts.md."""

    outcome: Outcome
    cause: str = ""
    tests: Mapping[str, bool] = field(default_factory=dict)
    """Host-only: hidden test or case -> passed."""
    official: bool | None = None
    """What the benchmark's own grader says, where it has one: `outcome` may differ, for tampering."""
    note: str = ""
    """Host-only: what could not be checked."""
    log: bytes = b""
    """Host-only: what the grading sandbox printed."""
