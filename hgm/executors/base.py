"""What every executor promises: it runs plain jobs somewhere else and hands their results back, in any order."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from hgm.jobs import Job, Result

Work: TypeAlias = Callable[[Job, int], Result]
"""Runs a job in a worker slot; raises only for a defect."""


class Executor(Protocol):
    """Runs jobs. Used by one thread."""

    slots: int

    def submit(self, job: Job) -> None:
        """Start a job; only while `busy() < slots`."""

    def busy(self) -> int:
        """Jobs submitted whose results were not handed back yet."""

    def wait(self) -> list[Result]:
        """Block until at least one result is there; all that are, in the order of submission.

        Raises:
            BaseException: whatever a defect in a job raised.
        """

    def close(self) -> None:
        """Wait for what runs and let the workers go."""
