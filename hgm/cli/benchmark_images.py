"""`hgm benchmark images`: the container images of a benchmark's tasks."""

import time
from typing import Annotated

import typer

from hgm.cli.options import AllowBuild, Data, Difficulty, Ids, Language, Quarantine, Repo, Sample, SampleSeed
from hgm.errors import ConfigError

Name = Annotated[str, typer.Argument(metavar="NAME|PATH", help="A bundled benchmark, or a folder of tasks.")]


def images(
    name: Name,
    data: Data = None,
    ids: Ids = None,
    repo: Repo = None,
    language: Language = None,
    difficulty: Difficulty = None,
    quarantine: Quarantine = None,
    sample: Sample = None,
    sample_seed: SampleSeed = None,
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="search, select, sealed, dev or all.")] = "all",
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N tasks.")] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Show them. This is what happens without another flag.")
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Pull, or build, what is missing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what was pulled, sealed or built here, and nothing else.")
    ] = False,
    registry: Annotated[
        str, typer.Option("--registry", metavar="HOST[/PREFIX]", help="A mirror to pull from instead.")
    ] = "",
    platform: Annotated[
        str, typer.Option("--platform", metavar="OS/MACHINE", help="Of another machine, emulated: linux/amd64.")
    ] = "",
    disk_gb: Annotated[
        float | None,
        typer.Option("--disk-gb", metavar="N", min=0, help="All that was pulled here takes so much; the oldest goes."),
    ] = None,
    allow_build: AllowBuild = False,
) -> None:
    """The container images that a benchmark's tasks need: show, pull or remove them.

    Pulling waits where a registry limits pulls, and goes on where it was stopped. Only what was pulled, sealed or built
    here is ever removed: whatever was on the engine before stays.

    \b
    Examples:
      hgm benchmark images swebench:verified --repo django/django
      hgm benchmark images swebench:verified --sample 50 --pull --disk-gb 100
      hgm benchmark images swebench:lite --pull --registry mirror.example.org/hub
      hgm benchmark images polyglot --prune
    """
    from evaluators.registry import open_benchmark
    from evaluators.selection import selected
    from hgm.cli import shelves
    from hgm.cli.options import chosen
    from hgm.evaluation import chosen_tasks
    from sandboxes.engine import connect

    if list_ + pull + prune > 1:
        raise ConfigError("choose one of --list, --pull and --prune")
    wanted = chosen(ids, repo, language, difficulty, quarantine, sample, sample_seed)
    benchmark, engine = selected(open_benchmark(name, data), wanted), connect()
    tasks = [task for _, task in chosen_tasks(benchmark, split, limit)]
    if pull:
        most = None if disk_gb is None else round(disk_gb * 1e9)
        source = shelves.Source(registry=registry, platform=platform, most=most, allow_build=allow_build)
        shelves.pull_all(benchmark, tasks, engine, source, sleep=time.sleep)
    elif prune:
        shelves.prune(benchmark, tasks, engine)
    else:
        shelves.show(benchmark, tasks, engine)
