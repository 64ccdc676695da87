"""`hgm benchmark`: the tasks that agents are measured on."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hgm.cli.benchmark_fetch import fetch
from hgm.cli.benchmark_images import images
from hgm.cli.benchmark_new import import_, new
from hgm.cli.options import (
    RUNS_DIR,
    AllowBuild,
    Backbone,
    Data,
    Difficulty,
    Ids,
    Language,
    Limits,
    Quiet,
    Repo,
    RunsDir,
    Sandbox,
    Workers,
)
from hgm.errors import ConfigError

app = typer.Typer(help="The tasks that agents are measured on.", no_args_is_help=True)
app.command("images")(images)
app.command("fetch")(fetch)
app.command("new")(new)
app.command("import")(import_)
Name = Annotated[str, typer.Argument(metavar="NAME|PATH", help="A bundled benchmark, or a folder of tasks.")]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", help="Only the first N tasks.")]


@app.command("list")
def list_() -> None:
    """The benchmarks that come with the lab; a folder of tasks in Harbor's format is one, too.

    \b
    Example:
      hgm benchmark list
    """
    from hgm.cli.terminal import out

    out().print("builtin    generated Python programs with bugs; nothing to download")
    out().print("quixbugs   classic one-line bugs; needs --data FILE.jsonl")
    out().print("polyglot   exercises in six languages; `hgm benchmark fetch polyglot`, or --data PATH; builds images")
    out().print(
        "swebench   real issues of real repositories; by dataset (swebench:verified) or --data FILE; needs images"
    )
    out().print("miniwob    web pages to be acted on in a browser; needs pip install 'hgm-lab[gui]'")
    out().print("[dim]and every folder of tasks in Harbor's format, by a path with a slash[/dim]")


@app.command()
def show(
    name: Name, data: Data = None, task: Annotated[str | None, typer.Option("--task", metavar="ID")] = None
) -> None:
    """How many tasks each split has; with --task, what an agent is told about one.

    \b
    Examples:
      hgm benchmark show builtin
      hgm benchmark show quixbugs --data quixbugs.jsonl --task ID
    """
    from evaluators.base import Split
    from evaluators.registry import open_benchmark
    from evaluators.selection import Selection, selected
    from hgm.cli.tasks import benchmark_lines, task_lines
    from hgm.cli.terminal import out

    opened = open_benchmark(name, data)
    if task is not None:
        chosen = selected(opened, Selection(ids=(task,)))
        (task,) = (found for split in Split for found in chosen.tasks(split))
    for line in benchmark_lines(opened) if task is None else task_lines(opened, task):
        out().print(line)


@app.command()
def validate(
    name: Name,
    data: Data = None,
    ids: Ids = None,
    repo: Repo = None,
    language: Language = None,
    difficulty: Difficulty = None,
    limit: Limit = None,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Gradings of each, which must agree.")] = 3,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="FILE", help="Write what is not sound, for --quarantine of a run."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tasks at the same time.")] = 1,
    sandbox: Sandbox = None,
    allow_build: AllowBuild = False,
) -> None:
    """Check tasks: the reference passes, the untouched workspace fails, three repeats agree. Ends with 3 if not.

    \b
    Examples:
      hgm benchmark validate quixbugs --data quixbugs.jsonl --limit 5
      hgm benchmark validate ./my-tasks --quarantine flaky.txt
      hgm benchmark validate polyglot --language go --repeats 1 --workers 2
    """
    from evaluators.registry import open_benchmark
    from evaluators.registry import validate as validated
    from evaluators.selection import selected
    from hgm.cli.counting import INTERRUPTED, tell_leaving, tell_stopping
    from hgm.cli.options import at_least_one, chosen, writable
    from hgm.cli.tasks import check_line, checks_lines, quarantined
    from hgm.cli.terminal import out, safe
    from hgm.interrupts import Interrupts
    from hgm.preflight import ready_images
    from hgm.scratch import Scratch
    from sandboxes.choose import choose

    at_least_one(limit, "--limit")
    at_least_one(repeats, "--repeats")
    if quarantine:
        writable(quarantine, "--quarantine")
    opened = selected(open_benchmark(name, data), chosen(ids, repo, language, difficulty, None, None, None))
    provider = choose(sandbox or "auto")
    ready_images(opened, provider, allow_build=allow_build, preparing=lambda what: out().print(safe(what)))
    checks = []
    with (
        Scratch(f"validate-{os.getpid()}") as scratch,
        Interrupts([scratch.run], told=tell_stopping, leaving=tell_leaving) as interrupts,
    ):
        for check in validated(opened, provider, limit, run=scratch.run, repeats=repeats, workers=workers):
            checks.append(check)
            out().print(check_line(check))
            if interrupts.requested:
                break
    for line in checks_lines(checks, opened):
        out().print(line)
    if quarantine:
        quarantine.write_text(quarantined(checks))
    if interrupts.requested:
        out().print("interrupted: nothing is said about the other tasks")
        raise typer.Exit(INTERRUPTED)
    if not checks:
        raise ConfigError(f"benchmark {name} has no tasks")
    if any(check.problem for check in checks):
        raise typer.Exit(3)


@app.command()
def calibrate(
    name: Name,
    agent: Annotated[str, typer.Option("--agent", metavar="AGENT", help="Whose results to look at.")] = "seed",
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Runs of each search task, at least 2.")] = 3,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="For `hgm search --calibration FILE`.")
    ] = None,
    data: Data = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    runs_dir: RunsDir = RUNS_DIR,
    workers: Workers = None,
    sandbox: Sandbox = None,
    backbone: Backbone = None,
    set_: Limits = None,
    quiet: Quiet = False,
) -> None:
    """Run an agent on the search tasks a few times: which tasks it always or never solves, and how much chance moves.

    \b
    Examples:
      hgm benchmark calibrate builtin --agent seed --write builtin.json
      hgm search --budget 200 --calibration builtin.json
    """
    from hgm.agents_by_name import find_agent
    from hgm.calibration import save
    from hgm.cli.counting import INTERRUPTED, counting
    from hgm.cli.options import at_least_one, limits_alone, writable
    from hgm.cli.tasks import calibration_lines, calibration_of
    from hgm.cli.terminal import out
    from hgm.config import merge, resolve
    from hgm.evaluation import chosen_tasks
    from hgm.measure import measure
    from hgm.session import benchmark_of

    at_least_one(limit, "--limit")
    if repeats < 2:
        raise ConfigError(f"--repeats {repeats}: one run shows no noise; give at least 2")
    if write:
        writable(write, "--write")
    flags = {"budget": 1, "seed": seed, "workers": workers, "sandbox": sandbox, "benchmark": name, "data": data}
    models = dict.fromkeys(("editor", "solver", "diagnosis", "judge"), backbone)
    limits = limits_alone(set_, agent="--agent", benchmark="NAME|PATH")
    config = resolve(None, **merge(limits, {**flags, "backbones": models}))
    opened = benchmark_of(config)
    tasks = chosen_tasks(opened, "search", limit)
    files = find_agent(agent, runs_dir)
    with counting(len(tasks) * repeats, quiet=quiet) as show_:
        done, interrupted = measure(
            files,
            tasks,
            config,
            repeats=repeats,
            watch=show_.measured,
            stopping=show_.stopping,
            leaving=show_.leaving,
            preparing=show_.preparing,
        )
    if interrupted:
        out().print("interrupted: nothing is said about a part of the repeats")
        raise typer.Exit(INTERRUPTED)
    found = calibration_of(done, opened, agent=agent, repeats=repeats)
    for line in calibration_lines(found):
        out().print(line)
    if write:
        save(found, write)
