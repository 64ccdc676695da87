"""Bring up what jobs need (sandboxes, gateway, benchmark, agents) and take it down again, also after an error."""

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from evaluators.base import Benchmark, Split
from evaluators.gui.base import Stage
from evaluators.registry import open_benchmark
from evaluators.selection import Selection, selected
from hgm import effort
from hgm.allowance import Allowance, allowance_of, prices_for, prices_to_json
from hgm.calibration import load
from hgm.config import SearchConfig, restored
from hgm.contract import read_manifest
from hgm.episodes import Backstage, stage_for
from hgm.errors import ConfigError, RunError
from hgm.evaluate import evaluate, grade_submission
from hgm.executors.base import Work
from hgm.expand import expand
from hgm.gateway.client import Gateway
from hgm.gateway.providers import Provider, provider
from hgm.interpreter import ask_interpreter, check_interpreter
from hgm.jobs import ExpandJob, Job, Result
from hgm.lab import Lab
from hgm.layers import Layer, Preparing, layer_of
from hgm.recording import trajectories
from hgm.run import Folder
from hgm.scratch import Scratch, run_id
from hgm.seal import Sealer
from hgm.submissions import submissions_of
from sandboxes.base import Files, SandboxProvider
from sandboxes.choose import choose
from sandboxes.docker import Docker
from trees.archive import Archive
from trees.folders import write_folder

Progress = Callable[[str, str], None]


def event_zero(config: SearchConfig, benchmark: Benchmark, sandbox: str) -> dict[str, Any]:
    """What a run must remember to be run again: resolved configuration, versions, dataset hash, tasks of each split.

    Raises:
        ConfigError: the benchmark is too small for the configuration.
    """
    chosen = {
        "search_tasks": _search_tasks(config, benchmark),
        "select_tasks": benchmark.tasks(Split.SELECT)[: config.confirmation.select_tasks],
        "sealed_tasks": benchmark.tasks(Split.SEALED)[: config.confirmation.sealed_tasks],
    }
    if not chosen["search_tasks"]:
        raise ConfigError(f"benchmark {benchmark.name} has no search tasks: there is nothing to search on")
    tasks = {name: list(tasks) for name, tasks in chosen.items()}
    return {**basics(config, benchmark, sandbox), **tasks, **_noise(config, benchmark)}


def basics(config: SearchConfig, benchmark: Benchmark, sandbox: str) -> dict[str, Any]:
    """What every kind of run must remember; of a search its tasks are lacking."""
    return {
        "config": config.model_dump(mode="json"),
        "sandbox": sandbox,
        "benchmark": {"name": benchmark.name, "fingerprint": benchmark.fingerprint()},
        "search_tasks": [],
        "select_tasks": [],
        "sealed_tasks": [],
        "versions": {"hgm": version("hgm-lab"), "python": platform.python_version()},
        "prices": prices_to_json(prices_for(config)),
        "sealed_openings": 0,
    }


def sandboxes_of(config: SearchConfig, name: str) -> SandboxProvider:
    """The provider of that name, which is `config.sandbox` or what was chosen for it.

    Raises:
        ConfigError: this machine lacks something; the message says what to do.
    """
    return choose(name, image=config.docker.image, runtime=config.docker.runtime, transport=config.docker.transport)


def remember_sandboxes(created: dict[str, Any], provider: SandboxProvider) -> None:
    """Write into event zero what a run keeps using, whatever "auto" or the lab's own image come to be later."""
    created["sandbox"] = provider.name
    if isinstance(provider, Docker):
        created["config"]["docker"]["image"] = provider.image


def remember_layers(
    created: Mapping[str, Any], root: Files, editor: Files | None, *, run: str, preparing: Preparing
) -> dict[str, Any]:
    """Event zero with the layers that its agents need, made now where they are missing: a run keeps their versions.

    Raises:
        UsageError: see `hgm.layers.layer_of`.
    """
    config = restored(created["config"])
    found = _layers(root, editor, sandboxes_of(config, created["sandbox"]), created, run=run, preparing=preparing)
    return {**created, **{name: layer.remembered for name, layer in found.items() if layer}}


def _layers(
    root: Files,
    editor: Files | None,
    provider: SandboxProvider,
    created: Mapping[str, Any],
    *,
    run: str,
    preparing: Preparing,
) -> dict[str, Layer | None]:
    """The layers of the root agent and of the fixed editor, by their names in event zero."""
    agents = {name: files for name, files in (("layer", root), ("editor_layer", editor)) if files is not None}
    inside = ask_interpreter(provider, run=run)
    for files in agents.values():
        check_interpreter(read_manifest(files), inside)
    return {
        name: layer_of(files, provider, inside, run=run, kept=created.get(name), preparing=preparing)
        for name, files in agents.items()
    }


def _noise(config: SearchConfig, benchmark: Benchmark) -> dict[str, Any]:
    """What a winner's gain must exceed, where the configuration asks for that."""
    if not config.confirmation.accept_above_noise or config.calibration is None:
        return {}
    found = load(config.calibration, benchmark=benchmark.name, fingerprint=benchmark.fingerprint())
    return {"noise": asdict(found.noise)}


def _search_tasks(config: SearchConfig, benchmark: Benchmark) -> tuple[str, ...]:
    tasks = benchmark.tasks(Split.SEARCH)
    if config.calibration is None:
        return tasks
    return load(config.calibration, benchmark=benchmark.name, fingerprint=benchmark.fingerprint()).keep(tasks)


def benchmark_of(config: SearchConfig) -> Benchmark:
    """The benchmark that a configuration names, with the tasks that it chooses.

    Raises:
        ConfigError: there is no such benchmark or task, or the benchmark's data cannot be had or is unusable.
    """
    return selected(open_benchmark(config.benchmark, config.data), selection_of(config))


def selection_of(config: SearchConfig) -> Selection:
    """Which tasks a configuration chooses."""
    groups = {
        "repo": config.selection.repo,
        "language": config.selection.language,
        "difficulty": config.selection.difficulty,
    }
    return Selection(
        ids=config.selection.ids,
        groups={name: values for name, values in groups.items() if values},
        without=config.selection.without,
        sample=config.selection.sample,
        sample_seed=config.selection.sample_seed,
    )


def check_unchanged(created: Mapping[str, Any], benchmark: Benchmark) -> None:
    """A run goes on only on the data that it began with.

    Raises:
        RunError: the benchmark has changed.
    """
    if created["benchmark"]["fingerprint"] != benchmark.fingerprint():
        raise RunError(
            f"benchmark {benchmark.name} has changed since this run began: its results cannot be compared. "
            "Start a new run, or bring the records back"
        )


@contextmanager
def lab_for(
    folder: Folder,
    config: SearchConfig,
    archive: Archive,
    root: Files,
    *,
    sandbox: str,
    progress: Progress,
    editor: Files | None = None,
    created: Mapping[str, Any] | None = None,
    preparing: Preparing = lambda what: None,
    headed: bool = False,
) -> Iterator[Lab]:
    """A lab for the jobs of one run, for the time of the block. Without an editor each agent edits itself.

    Its browsers are `headed`, or show themselves nowhere.

    `created` is event zero of the run, whose layers are kept; without it they are made as they can be had.

    Raises:
        ConfigError: a backbone does not answer, or an agent needs another Python than the sandbox has.
        UsageError: an agent's layer cannot be had, or not as the run remembers it.
    """
    provider = sandboxes_of(config, sandbox)
    run = run_id(folder.path)
    replayed = (created or {}).get("replay")
    replay = trajectories(Path(replayed)) if replayed else None
    with (
        Scratch(run) as scratch,
        Gateway(
            scratch.gateway(),
            trajectories=folder.trajectories,
            replay=replay,
            providers=providers_of(config),
        ) as gateway,
        closing(Backstage(lambda: stage_for(provider, run=run, headed=headed))) as stage,
    ):
        layers = _layers(root, editor, provider, created or {}, run=run, preparing=preparing)
        allowance = allowance_of(config, created or {})
        submissions = submissions_of(folder, created or {})
        if submissions is None:
            _probe(gateway, config, allowance, solver=root, editor=editor or root)
        lab = _lab(
            folder, config, archive, root, editor, layers, provider, gateway, stage, scratch, allowance, progress
        )
        again = (created or {}).get("evaluation", {}).get("attempts", 1) > 1
        yield replace(lab, submissions=submissions, second_attempt=again)


def _lab(
    folder: Folder,
    config: SearchConfig,
    archive: Archive,
    root: Files,
    editor: Files | None,
    layers: Mapping[str, Layer | None],
    provider: SandboxProvider,
    gateway: Gateway,
    stage: Stage,
    scratch: Scratch,
    allowance: Allowance,
    progress: Progress,
) -> Lab:
    ours = Path(str(package_files("hgm")))
    return Lab(
        run=scratch.run,
        provider=provider,
        gateway=gateway,
        benchmark=benchmark_of(config),
        archive=archive,
        manifest=read_manifest(root),
        scratch=scratch,
        sealer=Sealer(scratch.root),
        trajectories=folder.trajectories,
        grading=folder.grading,
        relay=scratch.install(ours / "gateway" / "relay.py"),
        contract_check=scratch.install(ours / "contract_check.py"),
        limits=config.limits,
        backbones=config.backbones,
        sampling=config.sampling,
        stage=stage,
        allowance=allowance,
        editor=None if editor is None else _written(editor, scratch.root / "editor"),
        editor_manifest=None if editor is None else read_manifest(editor),
        layer=_folder(layers.get("layer")),
        editor_layer=_folder(layers.get("editor_layer")),
        edits_by=config.edits_by,
        more_effort=effort.rule(config),
        progress=progress,
    )


def _folder(layer: Layer | None) -> Path | None:
    return layer.folder if layer else None


def _written(files: Files, folder: Path) -> Path:
    write_folder(files, folder, read_only=True)
    return folder


def providers_of(config: SearchConfig) -> list[Provider]:
    """The providers about which the configuration says something.

    Raises:
        ConfigError: it says too little, or something about what is no provider.
    """
    return [
        provider(name, base_url=said.base_url, key=said.key, seed=said.seed) for name, said in config.providers.items()
    ]


def _probe(gateway: Gateway, config: SearchConfig, allowance: Allowance, *, solver: Files, editor: Files) -> None:
    found = {}
    for role in ("editor", "solver", "diagnosis"):  # nobody asks a judge yet
        backbone = getattr(config.backbones, role)
        probe = found[role] = gateway.probe(backbone, getattr(config.sampling, role).imposed)
        allowance.count(backbone, probe)
        if not probe.ok:
            raise ConfigError(f"backbone {backbone} does not answer: {probe.trouble} (see `hgm doctor`)")
    for role, agent in (("solver", solver), ("editor", editor)):
        manifest, dialects = read_manifest(agent), found[role].dialects
        if manifest.dialect not in dialects:
            raise ConfigError(
                f"the agent {manifest.name!r} speaks {manifest.dialect} to its model, and "
                f"{getattr(config.backbones, role)} only {' and '.join(sorted(dialects))}: choose another with "
                f"--{role}-backbone"
            )


def work_in(lab: Lab) -> Work:
    """How this lab runs a job."""

    def work(job: Job, slot: int) -> Result:
        if isinstance(job, ExpandJob):
            return expand(job, lab, slot)
        return evaluate(job, lab, slot) if lab.submissions is None else grade_submission(job, lab, slot)

    return work
