"""A run on disk and in memory: the only place that writes a journal, an archive and their agreement.

`ask` turns a decision into a job and journals it before anything is spent; `tell` takes a result in exactly once. Local
workers, a cluster and a test all use these two.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from evaluators.base import Split
from hgm.agent_run import EXTENSION_CAP
from hgm.budget import Budget, plain
from hgm.errors import HGMError, RunError, TellError
from hgm.gateway.records import Usage, usage_to_json
from hgm.jobs import EvaluateJob, EvaluationResult, ExpandJob, ExpansionResult, Job, Result, derive_seed
from hgm.locks import is_held, take
from hgm.modes import NEEDS, choose
from hgm.plan import Confirm, Milestone, next_step
from hgm.state import RunState, job_to_json
from hgm.text import printable, quote
from sandboxes.base import Files
from trees.archive import Archive
from trees.journal import Event, Journal
from trees.records import ROOT, Evaluate, Expand, Expansion, Policy

_DRAFT_PREFIX = ".hgm-draft-"
DRAFT = re.compile(re.escape(_DRAFT_PREFIX) + r".+\.[a-z0-9_]{8}")
"""The name of a run's directory while it is being made; marked, since `hgm gc` deletes what carries it."""
_DIGITS = 4
"""Of what a node was drawn at."""
_SUBJECT = 72
_BRIEF = 4_000
"""Characters of a commit's first line, and of the whole brief below it."""


@dataclass(frozen=True)
class Folder:
    """The names inside a run's directory."""

    path: Path

    @property
    def archive(self) -> Path:
        return self.path / "archive.git"

    @property
    def journal(self) -> Path:
        return self.path / "journal.sqlite"

    @property
    def trajectories(self) -> Path:
        return self.path / "trajectories"

    @property
    def grading(self) -> Path:
        return self.path / "grading"

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def lock(self) -> Path:
        return self.path / "lock"


def create(path: Path, created: Mapping[str, Any], root: Files, *, editor: Files | None = None) -> None:
    """Make a run's directory in one step. `created` is event 0 without its root and its fixed editor, if it has one.

    Raises:
        RunError: it exists already, or the folder above cannot be written.
    """
    with drafted(path) as folder:
        archive = Archive.create(folder.archive)
        agents = {"root": archive.add_root(root)}
        if editor is not None:
            agents["editor"] = archive.keep_editor(editor)
        fill(folder, [("created", {**created, **{name: entry._asdict() for name, entry in agents.items()}})])


@contextmanager
def drafted(path: Path) -> Iterator[Folder]:
    """A locked directory that becomes the run `path` when the block ends: whole, or not at all.

    Raises:
        RunError: the run exists already, or the folder above cannot be written.
    """
    if os.path.exists(path):
        raise RunError(f"{path} exists already: continue it with `hgm resume {path.name}` or choose another --run")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{_DRAFT_PREFIX}{path.name}.", dir=path.parent))
    except OSError as error:
        raise RunError(
            f"{path.parent}: cannot make a run there ({error.strerror}): choose another --runs-dir"
        ) from error
    try:
        with locked(Folder(draft)):
            yield Folder(draft)
            draft.chmod(0o755)
            _publish(draft, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def fill(folder: Folder, events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Give a drafted run its journal, the copy of event 0 for people, and its empty folders."""
    folder.trajectories.mkdir()
    folder.grading.mkdir(mode=0o700)
    folder.config.write_text(tomli_w.dumps(_without_none(events[0][1])))
    with Journal.create(folder.journal) as journal:
        journal.append_all(events)


def _publish(draft: Path, path: Path) -> None:
    try:
        os.rename(draft, path)
    except OSError as error:
        raise RunError(f"{path} was made by somebody else meanwhile: choose another --run") from error


def _without_none(value: Any) -> Any:
    """TOML has no null."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list | tuple) else value


def read(path: Path) -> RunState:
    """The state of a run, live or not, without touching it.

    Raises:
        RunError: there is no run.
    """
    with _reading(path) as journal:
        return RunState.replay(journal.events())


def require_search(path: Path) -> None:
    """Look at a run's first event alone.

    Raises:
        RunError: there is no run, or it is an evaluation, which grows no tree.
        JournalError: its journal is damaged.
    """
    with _reading(path) as journal:
        created = next(journal.events(), None)
    if created is not None and created.payload.get("evaluation") is not None:
        raise RunError(f"{path.name} is an evaluation, which grows no tree: see `hgm runs show {path.name}`")


def read_events(path: Path) -> list[Event]:
    """All events of a run, live or not, without touching it.

    Raises:
        RunError: there is no run.
    """
    with _reading(path) as journal:
        return list(journal.events())


def _reading(path: Path) -> Journal:
    if not os.path.isfile(Folder(path).journal):
        raise RunError(f"{path}: no such run (see `hgm runs list`)")
    return Journal.open(Folder(path).journal, readonly=True)


@contextmanager
def opened(path: Path, *, clock: Callable[[], float] = time.time) -> Iterator["Run"]:
    """The run with its lock held, to go on with it. `clock` tells when events happen.

    Raises:
        RunError: there is no such run, or a live controller holds it.
    """
    folder = Folder(path)
    if not os.path.isfile(folder.journal):
        raise RunError(f"{path}: no such run (see `hgm runs list`)")
    with locked(folder):
        journal = Journal.open(folder.journal, clock=clock)
        try:
            yield Run(folder, journal, Archive.open(folder.archive))
        finally:
            journal.close()


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Hold the run's lock.

    Raises:
        RunError: somebody else does, with who.
    """
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunError(
            f"{folder.path} cannot be written ({error.strerror}): go on with a run of yours, or with a copy of this one"
        ) from error
    with os.fdopen(descriptor, "r+") as handle:
        if not take(handle.fileno()):
            holder = handle.read().strip() or "another process"
            raise RunError(f"{folder.path} is in use by {holder}: wait until that ends, or stop it")
        handle.seek(0)
        handle.truncate()
        handle.write(json.dumps({"host": os.uname().nodename, "boot": _boot_id(), "pid": os.getpid()}))
        handle.flush()
        yield


def is_locked(folder: Folder) -> bool:
    """Whether a live controller holds the run. Writes nothing."""
    with suppress(FileNotFoundError), open(folder.lock, "rb") as handle:
        return is_held(handle.fileno())
    return False


def discard_unused(path: Path) -> None:
    """Remove a run that never started a job, unless another process has taken it up."""
    with suppress(HGMError), locked(Folder(path)):
        if not read(path).jobs:
            shutil.rmtree(path, ignore_errors=True)


def reconcile(archive: Archive, state: RunState) -> None:
    """Make the archive's names what the journal tells: agents, the best one and rejected children."""
    archive.reconcile(
        {node.id: node.commit for node in state.nodes},
        best=state.nodes[state.winner or ROOT].commit,
        rejected={item.job for item in state.failed_expansions},
    )


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Run:
    """An open run. One thread uses it."""

    def __init__(self, folder: Folder, journal: Journal, archive: Archive) -> None:
        self.folder = folder
        self.archive = archive
        self.state = RunState.replay(journal.events())
        self._journal = journal
        reconcile(archive, self.state)

    def unfinished(self) -> list[Job]:
        """Jobs that were started and not finished: to be run again first, with the same ids and seeds."""
        return list(self.state.running.values())

    def next_job(self, policy: Policy) -> Job | None:
        """Decide and ask; None when nothing can be started now."""
        while (step := next_step(self.state, policy)) is not None:
            if not isinstance(step, Milestone):
                return self.ask(step)
            self.reach(step)
        return None

    def reach(self, milestone: Milestone) -> None:
        """Journal what was decided without a job."""
        if milestone.kind == "winner":  # before the event: it may be the run's last, and nothing opens a finished run
            self.archive.set_best(self.state.nodes[milestone.payload["node"]].commit)
        self._append(milestone.kind, milestone.payload)

    def ask(self, decision: Expand | Evaluate | Confirm) -> Job:
        """A job for a decision, journalled before anything is spent on it."""
        job = self.job(decision)
        self._append("started", {**job_to_json(job), **_drawn(decision)})
        return job

    def tell(self, result: Result) -> None:
        """Take in the result of a running job.

        Raises:
            TellError: the job is not running (finished already, or never asked for).
        """
        if result.job not in self.state.running:
            raise TellError(f"job {result.job} is not running")
        if isinstance(result, EvaluationResult):
            self._append("finished", _plain(result))
        else:
            self._append("finished", self._child(result))
            youngest = self.state.nodes[-1]
            self.archive.name(youngest.id, youngest.commit)

    def begin_session(self) -> None:
        """Note that somebody goes on with the run: from here its time counts again.

        Where the last session was killed, the files of its running jobs say how long it went on.
        """
        limits = self.state.config.limits
        longest = EXTENSION_CAP * max(limits.solve_deadline_s, limits.improve_deadline_s)
        written = max(map(self._last_written, self.state.running), default=0.0)
        self._append("opened", {"cut_off_s": min(longest, max(0.0, written - self.state.last_at))})

    def probed(self, usage: Usage) -> None:
        """Count what the gateway's own probes came to; nothing is written where that is nothing."""
        if usage != Usage():
            self._append("probed", {"usage": usage_to_json(usage)})

    def raise_budget(self, by: Budget) -> None:
        """Add to the budget; a search that was over goes on.

        Raises:
            ConfigError: by a unit that this run's budget does not limit.
        """
        self.state.budget.raised(by)
        self._append("budget raised", {"by": plain(by)})

    def events(self, after: int = 0) -> Iterator[Event]:
        """What was journalled after an event."""
        return self._journal.events(after)

    def note(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Journal an event of another run: a replay takes over what people and the host did there."""
        self._append(kind, payload)

    def stop(self, reason: str) -> None:
        """Note why the loop ended before the run was finished."""
        self._append("stopped", {"reason": reason})

    def job(self, decision: Expand | Evaluate | Confirm) -> Job:
        """What `ask` would journal."""
        state = self.state
        number = f"{state.jobs:05d}"
        commit = state.nodes[decision.node].commit
        if isinstance(decision, Expand):
            shown = choose(state, decision.node)
            return ExpandJob(
                id=f"x{number}",
                node=decision.node,
                commit=commit,
                evidence=shown.evidence,
                seed=derive_seed(state.config.seed, "expand", state.jobs),
                mode=shown.mode,
                instead_of=shown.instead_of,
                lineage=shown.lineage,
                others=shown.others,
                agents=len(state.nodes),
            )
        if isinstance(decision, Evaluate):
            decision = Confirm(decision.node, Split.SEARCH, state.search_tasks[decision.task], 0)
        return EvaluateJob(
            id=f"e{number}",
            node=decision.node,
            commit=commit,
            split=decision.split,
            task=decision.task,
            repeat=decision.repeat,
            seed=derive_seed(state.config.seed, decision.task, decision.repeat),
        )

    def _child(self, result: ExpansionResult) -> dict[str, Any]:
        """Commit what the expansion made; the event that follows makes it part of the run."""
        payload = _plain(result)
        files = payload.pop("files")
        job = self.state.running[result.job]
        if files is None or not isinstance(job, ExpandJob):
            return payload
        index = int(job.id[1:])
        if result.kind is Expansion.CHILD and self.archive.has_tree(self.archive.tree_of(files)):
            payload.update(
                kind=Expansion.REJECTED, reason="duplicate: an agent with exactly these files was born meanwhile"
            )
        if payload["kind"] == Expansion.CHILD:
            entry = self.archive.add_child(job.commit, files, self._message(job, result), index)
            payload.update(commit=entry.commit, tree=entry.tree)
        else:
            self.archive.reject(job.id, job.commit, files, payload["reason"], index)
        return payload

    def _message(self, job: ExpandJob, result: ExpansionResult) -> str:
        """What a child's commit says: on which evidence it was made, what it should improve, and what was asked."""
        drawn = f" ({job.instead_of} was drawn; it needs {NEEDS[job.instead_of]})" if job.instead_of else ""
        lines = [f"{job.id}: {' '.join(printable(result.brief).split())[:_SUBJECT]}", "", f"Mode: {job.mode}{drawn}"]
        numbers = [str(self.state.task_number(task)) for task in self.state.expected(job.evidence)]
        lines += [f"Expects to pass: search tasks {', '.join(numbers)}"] if numbers else []
        lines += [f"Note: {note}" for note in result.notes]
        return "\n".join([*lines, "", quote(result.brief, _BRIEF)])

    def _last_written(self, job: str) -> float:
        """When a record of a job was last written, in seconds since the epoch."""
        found = [*self.folder.trajectories.glob(f"{job}.*"), *self.folder.trajectories.glob(f"{job}-*")]
        return max((file.stat().st_mtime for file in found), default=0.0)

    def _append(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.state.apply(self._journal.append(kind, payload))


def _drawn(decision: Expand | Evaluate | Confirm) -> dict[str, Any]:
    """What led to a decision, for people who read the log."""
    if isinstance(decision, Confirm) or not decision.drawn:
        return {}
    return {"drawn": [[node, round(value, _DIGITS)] for node, value in decision.drawn]}


def _plain(result: Result) -> dict[str, Any]:
    fields = {name: getattr(result, name) for name in result.__dataclass_fields__}
    return {**fields, "usage": result.usage._asdict()}
