"""The loop of a replay: the same decisions, jobs and results as a recording, event by event, and an error where not.

What people and the host did (sessions, raised budgets, probes) is taken from the recording; what the policy decides and
what comes of a job is found out again and compared. The books are the recorded ones: nothing new is spent.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hgm.errors import RecordingError
from hgm.executors.base import Executor
from hgm.gateway.records import usage_from_json
from hgm.gateway.replay import difference
from hgm.jobs import EvaluationResult, ExpansionResult, Job, Result
from hgm.loop import Ending, Watch
from hgm.plan import Milestone, is_finished, next_step
from hgm.run import Run
from hgm.state import job_from, job_to_json
from trees.journal import Event
from trees.records import Expansion, Outcome, Policy

NOTES = frozenset({"opened", "probed", "budget raised", "stopped"})
"""Events that nobody decides: they are copied."""


class Clock:
    """Tells the times of the recording: what a budget of hours decides depends on them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def replay(
    run: Run,
    policy: Policy,
    executor: Executor,
    events: Iterable[Event],
    *,
    clock: Clock,
    watch: Watch,
    stopping: Callable[[], bool] = lambda: False,
) -> Ending:
    """Follow the recorded events from where the run has come to, and say why it ended. `clock` is the run's.

    Raises:
        RecordingError: something differs.
    """
    recorded = [event for event in events if event.seq > run.state.last_event]
    ends = {event.payload["job"]: event.payload for event in recorded if event.kind == "finished"}
    jobs = _Jobs(executor, ends)
    for job in run.unfinished():
        jobs.start(job)
        watch.started(job)
    for event in recorded:
        if stopping():
            return Ending.INTERRUPTED
        clock.now = event.at
        if event.kind == "finished":
            result = jobs.ended(event.payload["job"])
            result = replace(_checked(result, event.payload, run), usage=usage_from_json(event.payload["usage"]))
            finished = run.state.running[result.job]
            run.tell(replace(result, wall_s=event.payload["wall_s"]))
            watch.finished(finished, result)
        elif event.kind in NOTES:
            run.note(event.kind, event.payload)
        elif (started := _decided(run, policy, event)) is not None:
            jobs.start(started)
            watch.started(started)
    return Ending.FINISHED if is_finished(run.state) else Ending.RECORDED


class _Jobs:
    """Recorded jobs on an executor. What never ended is not run, nor what could not be measured: nobody can again."""

    def __init__(self, executor: Executor, ends: Mapping[str, Mapping[str, Any]]) -> None:
        self._executor = executor
        self._ends = ends
        self._queue: deque[Job] = deque()
        self._results: dict[str, Result] = {}

    def start(self, job: Job) -> None:
        """Run it as soon as there is room."""
        if job.id not in self._ends:
            return
        if (unmeasured := _unmeasured(self._ends[job.id])) is not None:
            self._results[job.id] = unmeasured
        else:
            self._queue.append(job)
            self._feed()

    def ended(self, job: str) -> Result:
        """Wait for one."""
        while job not in self._results:
            self._results.update((result.job, result) for result in self._executor.wait())
            self._feed()
        return self._results.pop(job)

    def _feed(self) -> None:
        while self._queue and self._executor.busy() < self._executor.slots:
            self._executor.submit(self._queue.popleft())


def _decided(run: Run, policy: Policy, event: Event) -> Job | None:
    """Take the next step, if it is the recorded one; the job that it starts."""
    step = next_step(run.state, policy)
    if step is None:
        raise RecordingError(f"replay: nothing is decided where the recording goes on with {_named(event)}")
    if isinstance(step, Milestone):
        _compare(_named(event), dict(event.payload), _plain(step.payload), kinds=(event.kind, step.kind))
        run.reach(step)
        return None
    job = run.job(step)
    _compare(_named(event), _plain(_read(event)), _plain(job_to_json(job)), kinds=(event.kind, "started"))
    return run.ask(step)


def _compare(what: str, told: Any, asked: Any, *, kinds: tuple[str, str]) -> None:
    if kinds[0] != kinds[1]:
        raise RecordingError(f"replay: {kinds[1]!r} is decided where the recording goes on with {what}")
    if told != asked:
        raise RecordingError(f"replay: {what} is decided otherwise than it was: {difference(told, asked, 'it')}")


def _read(event: Event) -> dict[str, Any]:
    """A "started" event with the fields that its version of hgm did not write yet."""
    if event.kind != "started":
        return dict(event.payload)
    return job_to_json(job_from(event.payload))


def _named(event: Event) -> str:
    return f"job {event.payload['id']}" if event.kind == "started" else repr(event.kind)


def _checked(result: Result, told: Mapping[str, Any], run: Run) -> Result:
    """The result, if it is the recorded one."""
    if isinstance(result, EvaluationResult):
        then, now = _words(told["outcome"], told["cause"]), _words(result.outcome, result.cause)
        said = result.detail
    else:
        then, now = _expanded(told, told.get("tree")), _made(result, told, run)
        said = result.reason
    if then != now:
        raise RecordingError(f"replay: {result.job} ended as {now} and was recorded as {then}. {said}".rstrip())
    return result


def _made(result: ExpansionResult, told: Mapping[str, Any], run: Run) -> str:
    if result.kind is not Expansion.CHILD or result.files is None:
        return _expanded({"kind": result.kind, "reason": result.reason}, None)
    if told["kind"] == Expansion.REJECTED and told["reason"].startswith("duplicate:"):
        return _expanded(told, None)  # a twin that was born meanwhile is refused when it is told, and not before
    return _expanded({"kind": result.kind}, run.archive.tree_of(result.files))


def _expanded(payload: Mapping[str, Any], tree: str | None) -> str:
    if payload["kind"] == Expansion.CHILD:
        return _words("child", f"tree {tree}")
    return _words(payload["kind"], payload["reason"].partition(":")[0])


def _words(kind: str, detail: str) -> str:
    return f"{kind} ({detail})" if detail else str(kind)


def _unmeasured(told: Mapping[str, Any]) -> Result | None:
    """The recorded end of a job that could not be measured; None if it was."""
    if told.get("outcome") == Outcome.UNMEASURED:
        detail = told.get("detail", "")
        return EvaluationResult(job=told["job"], outcome=Outcome.UNMEASURED, cause=told["cause"], detail=detail)
    if told.get("kind") == Expansion.UNMEASURED:
        return ExpansionResult(job=told["job"], kind=Expansion.UNMEASURED, reason=told["reason"])
    return None


def _plain(value: Any) -> Any:
    """As JSON has it, which knows no tuples."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
