"""`hgm evaluate`: run one agent, or grade patches, on a benchmark's tasks; or compare two evaluations."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hgm.cli.options import (
    RUNS_DIR,
    AllowBuild,
    Backbone,
    BaseUrl,
    BenchmarkName,
    Budgeted,
    Data,
    Difficulty,
    DockerRuntime,
    Ids,
    Language,
    Limits,
    Quarantine,
    Quiet,
    Repo,
    RunsDir,
    Sample,
    SampleSeed,
    Sandbox,
    Workers,
)


def evaluate(
    agent: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="AGENT", help="A folder, a bundled agent, RUN:best, RUN:<node> or a git URL.", show_default=False
        ),
    ] = None,
    benchmark: BenchmarkName = "builtin",
    data: Data = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="search, select, dev, all, or sealed.  [default: search of builtin, all of any other]",
        ),
    ] = None,
    ids: Ids = None,
    repo: Repo = None,
    language: Language = None,
    difficulty: Difficulty = None,
    quarantine: Quarantine = None,
    sample: Sample = None,
    sample_seed: SampleSeed = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="Only the first N tasks.")] = None,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Runs of each task.")] = 1,
    attempts: Annotated[
        int,
        typer.Option("--attempts", metavar="N", min=1, max=2, help="2: polyglot's second try, with the tests' output."),
    ] = 1,
    gold: Annotated[bool, typer.Option("--gold", help="No agent: grade the benchmark's own solutions.")] = False,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="No agent: grade these patches (SWE-bench).")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="No run: pair two evaluations, given by run or --json file, by task.")
    ] = False,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="NAME", help="The evaluation's name.  [default: eval-<benchmark>-<n>]"),
    ] = None,
    budget: Budgeted = None,
    headed: Annotated[
        bool, typer.Option("--headed", help="Show the browsers on your desktop, to watch (bubblewrap only).")
    ] = False,
    tasks: Annotated[bool, typer.Option("--tasks", help="Print every task's result.")] = False,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every result as JSON.")] = None,
    predictions_out: Annotated[
        Path | None,
        typer.Option("--predictions-out", metavar="FILE", help="Write patches as SWE-bench wants them."),
    ] = None,
    report_dir: Annotated[
        Path | None, typer.Option("--report-dir", metavar="DIR", help="Write a report as SWE-bench's harness does.")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Same seed, same model seeds.")] = 0,
    workers: Workers = None,
    sandbox: Sandbox = None,
    docker_runtime: DockerRuntime = None,
    allow_build: AllowBuild = False,
    backbone: Backbone = None,
    base_url: BaseUrl = None,
    set_: Limits = None,
    quiet: Quiet = False,
) -> None:
    """Run an agent on tasks and print its pass rate with the 95 % interval. What could not be measured counts nowhere.

    An evaluation is kept as a run: Ctrl-C finishes what runs, `hgm resume` goes on.

    \b
    Examples:
      hgm evaluate seed
      hgm evaluate seed --backbone local/qwen3 --base-url http://127.0.0.1:8000/v1
      hgm evaluate builtin-1:best --split select --repeats 3
      hgm evaluate ./my-agent --benchmark quixbugs --data quixbugs.jsonl --limit 10 --json result.json
      hgm evaluate ./my-agent --benchmark swebench:verified --repo django/django --sample 20 --budget 25usd
      hgm evaluate ./my-agent --benchmark polyglot --language go --attempts 2
      hgm evaluate gui_seed --benchmark miniwob --ids click-test@0,login-user@1 --headed --workers 1
      hgm evaluate --gold --benchmark swebench --data rows.jsonl
      hgm evaluate --predictions preds.jsonl --benchmark swebench:lite --report-dir .
      hgm evaluate --compare eval-builtin-1 eval-builtin-2
    """
    from hgm.cli.evaluation import Asked, Wanted, evaluated, show_compared
    from hgm.cli.options import at_least_one, limits_alone, selection, served_at, writable
    from hgm.config import merge, resolve
    from hgm.errors import ConfigError

    agents = agent or []
    if compare:
        if len(agents) != 2:
            raise ConfigError("--compare takes two evaluations: hgm evaluate --compare BEFORE AFTER")
        show_compared(agents[0], agents[1], runs_dir, json_)
        return
    if len(agents) + gold + (predictions is not None) != 1:
        raise ConfigError("say what to evaluate: one AGENT, or --gold, or --predictions FILE")
    for value, flag in ((limit, "--limit"), (repeats, "--repeats"), (sample, "--sample")):
        at_least_one(value, flag)
    for file, flag in ((json_, "--json"), (predictions_out, "--predictions-out")):
        if file:
            writable(file, flag)
    if report_dir:
        writable(report_dir / "report.json", "--report-dir")
    flags: dict[str, Any] = {
        "budget": budget,
        "seed": seed,
        "workers": workers,
        "sandbox": sandbox,
        "docker": {"runtime": docker_runtime, "allow_build": allow_build or None},
        "benchmark": benchmark,
        "data": None if data is None else data.absolute(),
        "selection": selection(ids, repo, language, difficulty, quarantine, sample, sample_seed),
        **served_at(base_url),
        "backbones": dict.fromkeys(("editor", "solver", "diagnosis", "judge"), backbone),
    }
    values = merge(limits_alone(set_, agent="AGENT", benchmark="--benchmark"), flags)
    config = resolve(None, **{"budget": "1", **values})
    asked = Asked(
        agent=agents[0] if agents else "gold" if gold else "predictions",
        source="agent" if agents else "gold" if gold else "predictions",
        split=split,
        limit=limit,
        repeats=repeats,
        attempts=attempts,
        predictions=predictions,
        is_unlimited=budget is None,
        run=run,
        runs_dir=runs_dir,
    )
    wanted = Wanted(json=json_, predictions=predictions_out, report_dir=report_dir, tasks=tasks)
    evaluated(asked, config, wanted=wanted, quiet=quiet, headed=headed)
