"""What an attempt is: an agent that tries one thing, what must come of it, and how the host sees whether it got out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluators.base import Benchmark
from hgm.jobs import EvaluationResult
from hgm.lab import Lab
from sandboxes.base import Exit, File, Files
from tests.battery.ground import Ground
from tests.hgm.small_lab import OneTask
from trees.records import Outcome

Ending = tuple[Outcome, str]
"""An outcome and its cause."""
PASSED: Ending = (Outcome.PASSED, "")


def failed(cause: str) -> Ending:
    """A failure that is the agent's own."""
    return (Outcome.FAILED, cause)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the host saw of one attempt, beside its result."""

    result: EvaluationResult
    exits: tuple[Exit, ...]
    """Of every sandbox that ran, in order: the agent's first, then those that graded."""
    taken: tuple[Files, ...]
    """Every workspace that was read back."""
    written: bytes
    """All that the run wrote down about this job: trajectory (host event included) and grading."""
    lab: Lab
    ground: Ground


PRELUDE = "import os, signal, socket, struct, sys, time\nimport bait\nfrom inside import *\n"

Look = Callable[[Seen], Iterable[str]]
"""Says what got out, one line each; nothing when the attempt was contained."""


def nothing_more(seen: Seen) -> Iterable[str]:
    """For attempts that the looks at everything (`Ground.escapes`) are enough for."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One agent that tries one thing.

    `code` is its main.py. It may import `inside` (what to print when it got out, how to solve the task), `bait` (where
    the host planted what it is after: addresses and paths, never the secrets) and `model` (one question to the model).
    """

    name: str
    kind: str
    """Under which heading of the table it stands."""
    tries: str
    """One line: what is attempted."""
    code: str
    ends: Collection[Ending]
    """Every outcome and cause that DESIGN's table allows; `unmeasured` never is one."""
    files: Mapping[str, str] = field(default_factory=dict)
    """More files of the agent, by path."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """What to change in the lab's `AgentLimits`."""
    benchmark: Benchmark = field(default_factory=OneTask)
    task: str = "t-double"
    look: Look = nothing_more
    noisy: bool = False
    """Whether its own program may fail on its way; else a traceback in its log means that nothing was tried."""
    without_groups: str = ""
    """Why nothing stops it where the sandbox has no control groups; empty if it is stopped there too."""
    control: bool = False
    """Whether it must be seen to get out of a sandbox with all its walls taken down (which it may do no harm in)."""
    short: bool = False
    """Whether it is part of the short form of the battery."""

    def agent(self, bait: str, manifest: str, library: Mapping[str, str]) -> Files:
        """The agent as files of an archive."""
        texts = {"agent.toml": manifest, "main.py": self.code, "bait.py": bait, **library, **self.files}
        return {path.encode(): File(text.encode()) for path, text in texts.items()}


def solves(name: str, kind: str, tries: str, code: str, **more: Any) -> Attempt:
    """An agent that tries something in vain, does its task nevertheless, and passes."""
    return Attempt(name=name, kind=kind, tries=tries, code=f"{PRELUDE}{code}\nsolve()\n", **{"ends": {PASSED}, **more})


def ends_as(name: str, kind: str, tries: str, code: str, *ends: Ending, **more: Any) -> Attempt:
    """An agent that does its task first, and then something that counts against it, or may."""
    return Attempt(name=name, kind=kind, tries=tries, code=f"{PRELUDE}solve()\n{code}\n", ends=frozenset(ends), **more)
