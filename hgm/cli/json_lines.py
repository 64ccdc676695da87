"""How a search tells other programs what it does: one JSON object per line (docs/json-lines.md)."""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evaluators.base import Split
from hgm import meter
from hgm.agents_by_name import best_node
from hgm.cli.displays import Silent
from hgm.errors import HGMError
from hgm.jobs import EvaluateJob, EvaluationResult, Job, Result
from hgm.loop import Ending
from hgm.state import RunState
from hgm.summary import comparison, score
from hgm.text import one_line
from trees.escape import visible

_STDOUT = 1


class JsonLines(Silent):
    """One line per event on a descriptor; warnings stay what they are, on standard error."""

    def __init__(self, run: Path, *, descriptor: int = _STDOUT, clock: Callable[[], float] = time.time) -> None:
        super().__init__(run)
        self._descriptor = descriptor
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._is_writing = False

    def preparing(self, what: str) -> None:
        """See `Display`."""
        self._tell("preparing", what=one_line(what))

    def opened(self, state: RunState) -> None:
        """See `Display`."""
        super().opened(state)
        self._tell(
            "opened",
            run=self._name,
            seed=state.config.seed,
            budget={unit: getattr(state.budget, unit) for unit in state.budget.units},
            evaluations=state.evaluations_used,
            agents=len(state.nodes),
        )

    def started(self, job: Job) -> None:
        """See `Display`."""
        super().started(job)
        self._tell("started", **_about(job))

    def finished(self, job: Job, result: Result) -> None:
        """See `Display`."""
        super().finished(job, result)
        self._tell("finished", **_about(job), **_ended_as(result, self._state), **_so_far(self._state))

    def spent(self, share: float) -> None:
        """See `Display`."""
        super().spent(share)
        self._tell("budget", share=share)

    def stopping(self) -> None:
        """See `Display`."""
        super().stopping()
        with suppress(OSError, HGMError):  # the next event meets them, outside the signal handler
            self._tell("stopping", running=self._running)

    def ended(self, state: RunState, ending: Ending, exit_code: int) -> None:
        """The last line."""
        found = comparison(state)
        self._tell(
            "ended",
            run=self._name,
            why=ending.value or "finished",
            winner=state.winner,
            sealed=found.plain() if found else None,
            **_so_far(state),
            exit_code=exit_code,
        )

    @property
    def _name(self) -> str:
        return visible(str(self._run.absolute()))

    def _tell(self, event: str, **facts: object) -> None:
        """One line, whole: a signal handler that comes upon another line leaves its own to be written after it."""
        told = {"event": event, "at": round(self._clock(), 3), **facts}
        self._waiting.append(json.dumps(told, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n")
        while self._waiting and not self._is_writing:
            self._is_writing = True
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._is_writing = False

    def _write(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise HGMError(f"the output cannot be written: {error.strerror}") from error


def _about(job: Job) -> Mapping[str, Any]:
    """Which job; sealed tasks are not named."""
    if not isinstance(job, EvaluateJob):
        return {"job": job.id, "kind": "expand", "node": job.node, "split": None, "task": None}
    task = None if job.split is Split.SEALED else visible(job.task)
    return {"job": job.id, "kind": "evaluate", "node": job.node, "split": job.split.value, "task": task}


def _ended_as(result: Result, state: RunState) -> Mapping[str, Any]:
    usage = result.usage
    cost = {
        "seconds": round(result.wall_s, 3),
        "tokens": usage.tokens.total,
        "usd": None if usage.unpriced_calls else usage.usd,
    }
    if isinstance(result, EvaluationResult):
        return {"outcome": result.outcome.value, "cause": one_line(result.cause.strip()), **cost}
    newest = state.nodes[-1]
    if newest.job == result.job:
        return {"outcome": "child", "reason": "", "child": newest.id, **cost}
    failed = state.failed_expansions[-1]
    return {"outcome": failed.kind.value, "reason": one_line(failed.reason.strip()), "child": None, **cost}


def _so_far(state: RunState) -> Mapping[str, Any]:
    """The run after what has just happened."""
    best = best_node(state)
    found = score(state, best, Split.SEARCH)
    return {
        "evaluations": state.evaluations_used,
        "spent": round(min(1.0, meter.settled_share(state)), 4),
        "agents": len(state.nodes),
        "best": {"node": best, "passed": found.passed, "evaluations": found.measured},
    }
