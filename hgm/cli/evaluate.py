"""`hgm evaluate`: run one agent on a benchmark's tasks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hgm.cli.options import (
    RUNS_DIR,
    Backbone,
    BaseUrl,
    BenchmarkName,
    Data,
    DockerRuntime,
    Limits,
    Quiet,
    RunsDir,
    Sandbox,
    Workers,
)

if TYPE_CHECKING:
    from hgm.measure import Measured


def evaluate(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="A folder, a bundled agent, RUN:best or RUN:<node>.")],
    benchmark: BenchmarkName = "builtin",
    data: Data = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="search, select, dev, all, or sealed, which must be spelled.")
    ] = "search",
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="Only the first N tasks.")] = None,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Runs of each task.")] = 1,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every result as JSON.")] = None,
    runs_dir: RunsDir = RUNS_DIR,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Same seed, same model seeds.")] = 0,
    workers: Workers = None,
    sandbox: Sandbox = None,
    docker_runtime: DockerRuntime = None,
    backbone: Backbone = None,
    base_url: BaseUrl = None,
    set_: Limits = None,
    quiet: Quiet = False,
) -> None:
    """Run an agent on tasks and print its pass rate with the 95 % interval. What could not be measured counts nowhere.

    \b
    Examples:
      hgm evaluate seed
      hgm evaluate seed --backbone local/qwen3 --base-url http://127.0.0.1:8000/v1
      hgm evaluate builtin-1:best --split select --repeats 3
      hgm evaluate ./my-agent --benchmark quixbugs --data quixbugs.jsonl --limit 10 --json result.json
    """
    from hgm.agents_by_name import find_agent
    from hgm.cli.counting import INTERRUPTED, counting
    from hgm.cli.options import at_least_one, limits_alone, served_at, writable
    from hgm.cli.terminal import out
    from hgm.config import merge, resolve
    from hgm.measure import chosen_tasks, document, measure, write
    from hgm.session import benchmark_of

    for value, flag in ((limit, "--limit"), (repeats, "--repeats")):
        at_least_one(value, flag)
    if json_:
        writable(json_, "--json")
    flags = {
        "budget": 1,
        "seed": seed,
        "workers": workers,
        "sandbox": sandbox,
        "docker": {"runtime": docker_runtime},
        "benchmark": benchmark,
        "data": data,
        **served_at(base_url),
        "backbones": dict.fromkeys(("editor", "solver", "diagnosis", "judge"), backbone),
    }
    config = resolve(None, **merge(limits_alone(set_, agent="AGENT", benchmark="--benchmark"), flags))
    files = find_agent(agent, runs_dir)
    opened = benchmark_of(config)
    tasks = chosen_tasks(opened, split, limit)
    with counting(len(tasks) * repeats, quiet=quiet) as show:
        done, interrupted = measure(
            files,
            tasks,
            config,
            repeats=repeats,
            watch=show.finished,
            stopping=show.stopping,
            leaving=show.leaving,
            preparing=show.preparing,
        )
    for line in _result(agent, opened.name, split, done, config.backbones.solver):
        out().print(line)
    if json_:
        write(document(done, opened, agent=agent, split=split, seed=config.seed), json_)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _result(agent: str, benchmark: str, split: str, done: list["Measured"], backbone: str) -> list[str]:
    from hgm.cli.preview import NOT_A_MODEL
    from hgm.cli.report import score_text
    from hgm.cli.terminal import safe
    from hgm.config import BUILTIN
    from hgm.measure import score, unmeasured

    lines = [f"[bold]{safe(agent)}[/bold] on {safe(benchmark)}, {split} tasks: [bold]{score_text(score(done))}[/bold]"]
    if missing := unmeasured(done):
        lines.append(f"[yellow]{missing} could not be measured and count nowhere (see `hgm doctor`)[/yellow]")
    if split in ("sealed", "all"):
        lines.append("[yellow]Sealed tasks were opened outside any run: no journal counts this.[/yellow]")
    if backbone == BUILTIN:
        lines.append(f"[yellow]{NOT_A_MODEL}[/yellow]")
    return lines
