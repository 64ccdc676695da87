"""One search from a configuration to its end: what `hgm search` and `hgm resume` share, without any display."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from evaluators.base import Benchmark
from hgm import placebo, random_edit
from hgm import run as runs
from hgm.agents_by_name import BUNDLED, find_agent
from hgm.allowance import Allowance, allowance_of, check_budget
from hgm.budget import Budget
from hgm.config import EDITORS, FIXED, PLACEBO, RANDOM, SELF, SearchConfig
from hgm.contract import Manifest, does, read_manifest
from hgm.errors import ConfigError, HGMError, RunError
from hgm.estimate import Estimate, basis_of, check_round, estimate
from hgm.executors.local import LocalExecutor
from hgm.images import Need
from hgm.interrupts import Interrupts
from hgm.jobs import Job, Result
from hgm.lab import Lab
from hgm.loop import Ending, Watch, search
from hgm.plan import is_finished
from hgm.preflight import build_all, must_be_ready
from hgm.recording import Recorder, Recording, check_created, check_new, check_settings, load
from hgm.replay import Clock, replay
from hgm.run import Folder, Run
from hgm.scratch import run_id
from hgm.session import (
    benchmark_of,
    check_unchanged,
    event_zero,
    lab_for,
    remember_layers,
    remember_sandboxes,
    sandboxes_of,
    work_in,
)
from hgm.state import RunState
from hgm.sweep import clean
from sandboxes.base import File, Files
from trees.checkouts import checkout, is_address
from trees.policies import make_policy, policy_of_run
from trees.records import ROOT

EDITOR = "seed"
"""Who edits agents that do not do that themselves, where nobody is named."""


class Display(Protocol):
    """Who is told how a search goes on. All but `stage` are called from the main thread."""

    def preparing(self, what: str) -> None:
        """What takes its time before the lab is up."""

    def opened(self, state: RunState) -> None:
        """The lab is up; the first job comes next. `state` goes on changing in the main thread."""

    def started(self, job: Job) -> None:
        """A job has been submitted."""

    def finished(self, job: Job, result: Result) -> None:
        """A result has been taken in."""

    def spent(self, share: float) -> None:
        """So much of the budget is used: told once for each of `hgm.meter.THRESHOLDS`."""

    def stage(self, job: str, stage: str) -> None:
        """A running job has come to another stage; from the job's own thread."""

    def stopping(self) -> None:
        """Nothing more is started. From a signal handler: no lock, no buffered output."""

    def leaving(self) -> None:
        """This process ends now. From a signal handler."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A search of which everything was checked that can be, and that has not begun."""

    path: Path
    config: SearchConfig
    benchmark: Benchmark
    root: Files
    editor: Files | None
    """The agent that modifies every other, as it is now; None: each agent itself, or no agent."""
    manifest: Manifest
    created: Mapping[str, Any]
    """Event zero, without its root and editor."""
    allowance: Allowance
    estimate: Estimate
    unbuilt: Sequence[Need]
    """Images that `start` builds first."""


def prepare(
    config: SearchConfig, path: Path, *, runs_dir: Path, record: Path | None = None, recording: Recording | None = None
) -> Prepared:
    """Check a configuration against this machine before anything is made. Runs in it by name are those of `runs_dir`.

    The run will be recorded in the folder `record`, or replay `recording`.

    Raises:
        UsageError: an agent, benchmark, policy, file or part of the machine is missing, or differs from what was
            recorded; says which.
    """
    if record:
        check_new(record)
    if recording:
        check_settings(recording, config)
    config = _anywhere(config, runs_dir)
    _check_text(config.model_dump())
    make_policy(config.policy.name, **config.policy.options)
    root = find_agent(config.agent, runs_dir)
    manifest = read_manifest(root)
    config = _with_editor(config, manifest)
    editor = _editor_of(config, root, manifest, runs_dir)
    benchmark = benchmark_of(config)
    created = event_zero(config, benchmark, config.sandbox)
    allowance = allowance_of(config, created)
    check_budget(config, allowance)
    basis = basis_of(config, created, allowance.prices, runs_dir)
    check_round(config, created, basis)
    if record:
        created["record"] = str(record.absolute())
    if recording:
        check_created(recording, created)
        created.update(_replaying(recording))
    # last: what the user wrote comes before what the machine lacks
    provider = sandboxes_of(config, config.sandbox)
    used = (task for name in ("search_tasks", "select_tasks", "sealed_tasks") for task in created[name])
    unbuilt = must_be_ready(benchmark, used, provider, manifest, allow_build=config.docker.allow_build)
    remember_sandboxes(created, provider)
    return Prepared(
        path=path,
        config=config,
        benchmark=benchmark,
        root=root,
        editor=editor,
        manifest=manifest,
        created=created,
        allowance=allowance,
        estimate=estimate(config, created, basis),
        unbuilt=unbuilt,
    )


def _editor_of(config: SearchConfig, root: Files, manifest: Manifest, runs_dir: Path) -> Files | None:
    """The agent that modifies every other, where one does; a program must find something to change.

    Raises:
        ConfigError: there is nothing to change, no such agent, or the first agent cannot edit.
    """
    if config.editor == PLACEBO:
        placebo.place(root, manifest)
    elif config.editor == RANDOM:
        random_edit.check_editable(root, manifest)
    elif config.editor == FIXED:
        if not does(manifest, "improve"):
            raise ConfigError(
                "--editor fixed lets the first agent edit all others, and by its agent.toml this one does not improve "
                f"code: leave --editor out, and the bundled agent {EDITOR!r} edits"
            )
        return root
    elif config.editor not in EDITORS:
        return find_agent(config.editor, runs_dir)
    return None


def start(prepared: Prepared, *, display: Display) -> Ending:
    """Make the run and go on with it to its end. A run whose lab does not come up is not kept.

    Raises:
        HGMError: see `go_on`.
    """
    build_all(prepared.unbuilt, display.preparing)
    created = remember_layers(
        prepared.created,
        prepared.root,
        prepared.editor,
        run=run_id(prepared.path),
        preparing=display.preparing,
    )
    runs.create(prepared.path, created, prepared.root, editor=prepared.editor)
    try:
        if recording := _recording(runs.read(prepared.path)):
            check_created(recording, runs.read(prepared.path).created)
        return go_on(prepared.path, display=display)
    except HGMError:
        runs.discard_unused(prepared.path)
        raise


def go_on(
    path: Path,
    *,
    display: Display,
    workers: int | None = None,
    more: Budget | None = None,
    headed: bool = False,
) -> Ending:
    """Go on with a run until it is finished, interrupted or cannot be measured any more.

    With `more` its budget is raised first, and a search that was over goes on.

    Raises:
        ConfigError: `more` is of a unit that the run's budget does not limit.
        RunError: no such run, a live controller holds it, or benchmark or lab are not what it began with.
        HGMError: the lab's own trouble.
    """
    before = runs.read(path)
    if more is None and is_finished(before):
        return Ending.FINISHED
    recording, clock = _recording(before), Clock()
    if recording and more is not None:
        raise ConfigError("a replay has the budget of its recording: leave --budget out")
    with runs.opened(path, clock=clock if recording else time.time) as run:
        config = run.state.config
        if more is not None:
            run.state.budget.raised(more)
        _check_version(run.state)
        check_unchanged(run.state.created, benchmark_of(config))
        clean(run_id(path))
        if not recording:
            run.begin_session()
        with (
            Interrupts([run_id(path)], told=display.stopping, leaving=display.leaving) as interrupts,
            lab_for(
                Folder(path),
                config,
                run.archive,
                _files(run, run.state.nodes[ROOT].commit),
                sandbox=run.state.created["sandbox"],
                progress=display.stage,
                editor=_editor(run),
                created=run.state.created,
                preparing=display.preparing,
                headed=headed,
            ) as lab,
        ):
            if not recording:
                run.probed(lab.allowance.probes.take())
            if more is not None:
                run.raise_budget(more)
            executor = LocalExecutor(work_in(lab), workers or config.workers)
            try:
                with _recorded(run) as follow:
                    return _search(run, lab, executor, display, interrupts, follow, recording, clock)
            finally:
                executor.close()


def _replaying(recording: Recording) -> dict[str, Any]:
    """What event zero of a replay says beside that of any run: where the recording is, and whose layers to use."""
    layers = {
        name: recording.created[name] for name in ("layer", "editor_layer", "prices") if name in recording.created
    }
    return {**layers, "replay": str(recording.path)}


def _recording(state: RunState) -> Recording | None:
    """What a run replays."""
    kept = state.created.get("replay")
    return None if kept is None else load(Path(kept))


@contextmanager
def _recorded(run: Run) -> Iterator[Callable[[], None]]:
    """Where the run is recorded, what keeps the recording up with it; called after each result, and at the end."""
    kept = run.state.created.get("record")
    if kept is None:
        yield lambda: None
        return
    recorder = Recorder(Path(kept), run.folder.path, run.events)
    try:
        yield recorder.follow
    finally:
        recorder.close()


def _editor(run: Run) -> Files | None:
    """The fixed editor as it was when the run began, whatever has become of its folder or run."""
    if run.state.config.editor in EDITORS and run.state.config.editor != FIXED:
        return None
    kept = run.state.created.get("editor")
    if kept is None:
        raise RunError("this run does not hold its editor, which may have changed since: start a new run")
    return _files(run, kept["commit"])


def _files(run: Run, commit: str) -> Files:
    return {name: File(*stored) for name, stored in run.archive.files(commit).items()}


def _search(
    run: Run,
    lab: Lab,
    executor: LocalExecutor,
    display: Display,
    interrupts: Interrupts,
    follow: Callable[[], None],
    recording: Recording | None,
    clock: Clock,
) -> Ending:
    policy = policy_of_run(run.state.config.policy.name, **run.state.config.policy.options)
    display.opened(run.state)
    follow()

    def finished(job: Job, result: Result) -> None:
        follow()
        display.finished(job, result)

    watch = Watch(started=display.started, finished=finished, spent=display.spent)
    if recording:
        events = recording.events
        return replay(run, policy, executor, events, clock=clock, watch=watch, stopping=interrupts.stopping)
    return search(
        run,
        policy,
        executor,
        watch=watch,
        stopping=interrupts.stopping,
        probed=lab.allowance.probes.take,
    )


def _with_editor(config: SearchConfig, manifest: Manifest) -> SearchConfig:
    """The same, where the agent cannot edit itself with one that can."""
    if config.editor != SELF or does(manifest, "improve"):
        return config
    return config.model_copy(update={"editor": EDITOR})


def _anywhere(config: SearchConfig, runs_dir: Path) -> SearchConfig:
    """The same configuration, with paths that hold from any working directory: a run may be resumed from another."""
    paths = {name: value.absolute() for name in ("data", "calibration") if (value := getattr(config, name)) is not None}
    agents = {"agent": _absolute_agent(config.agent, runs_dir)}
    if config.editor not in EDITORS:
        agents["editor"] = _absolute_agent(config.editor, runs_dir)
    benchmark = lasting_benchmark(config.benchmark)
    return config.model_copy(update={**paths, **agents, "benchmark": benchmark})


def lasting_benchmark(name: str) -> str:
    """The name under which a resume finds the same benchmark: of a repository the commit, of a path the whole.

    Raises:
        ConfigError: a repository that cannot be fetched.
    """
    if is_address(name):
        return str(checkout(name).address)
    return str(Path(name).absolute()) if "/" in name else name


def _check_text(settings: Mapping[str, Any]) -> None:
    """A run records its settings as text, and a file's name may be any bytes."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            _check_text(value)
        elif isinstance(value, str | Path) and not _is_text(str(value)):
            raise ConfigError(f"{name}: {value} is no UTF-8, which a run's settings must be: rename it")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _absolute_agent(agent: str, runs_dir: Path) -> str:
    """In the order of `find_agent`."""
    if is_address(agent):
        return str(checkout(agent).address)
    run, colon, node = agent.rpartition(":")
    if os.path.isdir(agent) and "/" in agent:
        return str(Path(agent).absolute())
    if os.path.isfile(BUNDLED / agent / "agent.toml"):
        return agent
    if colon:
        return f"{(Path(run) if '/' in run else runs_dir / run).absolute()}:{node}"
    return str(Path(agent).absolute()) if os.path.isdir(agent) else agent


def _check_version(state: RunState) -> None:
    made, here = state.created["versions"]["hgm"], version("hgm-lab")
    if made != here:
        raise RunError(
            f"this run was made by hgm {made}, and this is hgm {here}, whose agents and tasks may differ: "
            f"install hgm {made} to go on with it, or start a new run"
        )
