"""`hgm search`: grow a tree of agents."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hgm.cli.options import (
    RUNS_DIR,
    AllowBuild,
    Backbone,
    BaseUrl,
    Budgeted,
    Data,
    Difficulty,
    DockerRuntime,
    Ids,
    JsonLines,
    Language,
    Quarantine,
    Quiet,
    Repo,
    RunsDir,
    Sample,
    SampleSeed,
    Sandbox,
    Settings,
    Workers,
    only_lines,
    selection,
    served_at,
    settings,
)

Model = str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is said of a search, and where."""

    dry_run: bool
    serve: bool
    json: bool
    quiet: bool


def search(
    budget: Budgeted = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="The new run's name.  [default: <benchmark>-<n>]")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Same seed, same decisions.")] = None,
    workers: Workers = None,
    sandbox: Sandbox = None,
    docker_runtime: DockerRuntime = None,
    allow_build: AllowBuild = False,
    benchmark: Annotated[
        str | None,
        typer.Option("--benchmark", metavar="NAME|PATH", help="A bundled benchmark, or a folder of tasks."),
    ] = None,
    data: Data = None,
    ids: Ids = None,
    repo: Repo = None,
    language: Language = None,
    difficulty: Difficulty = None,
    quarantine: Quarantine = None,
    sample: Sample = None,
    sample_seed: SampleSeed = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="The agent to begin with.")] = None,
    editor: Annotated[
        str | None,
        typer.Option(
            "--editor",
            metavar="self|fixed|random|placebo|AGENT",
            help="Who modifies an agent: itself; the first one; an edit by chance; a comment; or this one.",
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", metavar="NAME", help="hgm, lineage, dgm, sica, greedy, random, flat_children, hgm_released."
        ),
    ] = None,
    backbone: Backbone = None,
    base_url: BaseUrl = None,
    editor_backbone: Annotated[Model, typer.Option(metavar="PROVIDER/MODEL", help="The one that modifies.")] = None,
    solver_backbone: Annotated[Model, typer.Option(metavar="PROVIDER/MODEL", help="The one that solves tasks.")] = None,
    diagnosis_backbone: Annotated[
        Model, typer.Option(metavar="PROVIDER/MODEL", help="The one that says what to change.")
    ] = None,
    judge_backbone: Annotated[
        Model, typer.Option(metavar="PROVIDER/MODEL", help="The one that judges; nothing asks it in this version.")
    ] = None,
    sealed_tasks: Annotated[
        int | None, typer.Option("--sealed-tasks", metavar="N", help="Tasks for the last comparison; 0: claim no gain.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="FILE", help="Leave out tasks that tell agents apart from nothing."),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.")] = None,
    set_: Settings = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and what the budget buys.")
    ] = False,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="DIR", help="Keep what models say, for --replay.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="DIR", help="Run a recording, or a run's directory, without any model."),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show the tree in a browser while it grows.")] = False,
    json: JsonLines = False,
    quiet: Quiet = False,
) -> None:
    """Grow a tree of agents: each node a complete agent, each edge one self-modification.

    A budget of evaluations (one agent on one task) counts those of the search itself; confirming the winner and the
    sealed comparison with the seed agent come on top and are counted apart. One of money, tokens or time covers
    everything, and cuts no job that runs (`hgm estimate`). Ctrl-C finishes what runs; `hgm resume` goes on.

    Editors that do not improve show what is not owed to self-improvement: `fixed` is the first agent, `random` an edit
    of the agent's real code without any model, `placebo` a comment. A folder of such a name is written ./fixed.

    \b
    Examples:
      hgm search --budget 40
      hgm search --budget 200 --seed 7 --run first-try --workers 4
      hgm search --budget 25usd --backbone openai/gpt-5-mini --dry-run
      hgm search --budget 10Mtok --backbone local/qwen3 --base-url http://127.0.0.1:8000/v1
      hgm search --budget 60 --benchmark quixbugs --data quixbugs.jsonl
      hgm search --budget 25usd --benchmark swebench:verified --sample 60 --backbone openai/gpt-5-mini
      hgm search --budget 40 --editor placebo       what selection alone "gains"
      hgm search --budget 40 --editor random        what edits without any model gain
      hgm search --budget 200 --serve               watch it in a browser
      hgm search --budget 40 --json | jq -c 'select(.event == "finished") | .best'
      hgm search --budget 40 --record told
      hgm search --replay told
      hgm search --config search.toml -o limits.memory_mb=256 -o policy.options.alpha=0.5
    """
    roles = ("editor", "solver", "diagnosis", "judge")
    models = (editor_backbone, solver_backbone, diagnosis_backbone, judge_backbone)
    flags: dict[str, Any] = {
        "budget": budget,
        "seed": seed,
        "workers": workers,
        "sandbox": sandbox,
        "docker": {"runtime": docker_runtime, "allow_build": allow_build or None},
        "benchmark": benchmark,
        "data": data,
        "selection": selection(ids, repo, language, difficulty, quarantine, sample, sample_seed),
        "calibration": calibration,
        "agent": agent,
        "editor": editor,
        "policy": {"name": policy},
        **served_at(base_url),
        "backbones": {role: model or backbone for role, model in zip(roles, models, strict=True)},
        "confirmation": {"sealed_tasks": sealed_tasks},
    }
    only_lines(json=json, quiet=quiet, dry_run=dry_run)
    shown = Shown(dry_run=dry_run, serve=serve, json=json, quiet=quiet)
    _search(settings(set_), flags, config, run, runs_dir, record, replay, shown)


def _search(
    pairs: dict[str, Any],
    flags: dict[str, Any],
    file: Path | None,
    name: str | None,
    runs_dir: Path,
    record: Path | None,
    replay: Path | None,
    shown: Shown,
) -> None:
    from hgm.cli.conduct import conduct
    from hgm.cli.preview import buys, preview
    from hgm.cli.serving import shown_at
    from hgm.cli.terminal import out
    from hgm.config import merge, resolve
    from hgm.controller import prepare, start
    from hgm.errors import ConfigError
    from hgm.names import default_run, new_run
    from hgm.recording import load

    if replay and (file or record):
        raise ConfigError(
            "--replay brings its own settings, and is a recording already: leave --config and --record out"
        )
    recording = load(replay) if replay else None
    given = merge(recording.settings if recording else {}, merge(pairs, flags))
    if file is None and "budget" not in given:
        raise ConfigError("say what to spend, in evaluations, dollars, tokens or time, e.g. --budget 40 or 25usd")
    config = resolve(file, **given)
    path = new_run(default_run(config.benchmark, runs_dir) if name is None else name, runs_dir)
    prepared = prepare(config, path, runs_dir=runs_dir, record=record, recording=recording)
    if not (shown.quiet or shown.json):
        for line in preview(prepared):
            out().print(line)
    if shown.dry_run:
        for line in buys(prepared):
            out().print(line)
        return
    with shown_at(prepared.path) if shown.serve else nullcontext() as url:
        if url and shown.json:
            print(f"the tree as it grows: {url}", file=sys.stderr, flush=True)
        elif url:
            out().print(f"the tree as it grows: [bold]{url}[/bold]")
        conduct(prepared.path, lambda display: start(prepared, display=display), quiet=shown.quiet, json=shown.json)
