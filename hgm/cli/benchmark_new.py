"""`hgm benchmark new` and `hgm benchmark import`: folders of tasks of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from hgm.errors import ConfigError

KINDS = ("compared", "suite", "script", "image")


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an existing folder of tasks.")],
    grading: Annotated[
        str, typer.Option("--grading", metavar="|".join(KINDS), help="How the example task is graded.")
    ] = "compared",
) -> None:
    """Write an example task, with comments that say what everything is for. It is sound as it is: change it from there.

    compared: the host compares what a function returns, the safest way. suite: hidden pytest files. script:
    tests/test.sh writes a reward. image: a script in an image of the task's own.

    \b
    Examples:
      hgm benchmark new ./my-tasks
      hgm benchmark validate ./my-tasks
      hgm benchmark new ./my-tasks --grading image
    """
    from importlib.resources import files as package_files

    from evaluators.folders import read_tree
    from hgm.cli.terminal import out, safe
    from trees.archive import put_files

    if grading not in KINDS:
        raise ConfigError(f"--grading {grading}: choose one of {', '.join(KINDS)}")
    template = Path(str(package_files("evaluators"))) / "templates" / grading
    target = folder / f"example-{grading}"
    put_files(read_tree(template), target)
    where = folder if "/" in str(folder) else Path(".") / folder
    shown = str(where) if "/" in str(where) else f"./{where}"
    allow = " --allow-build" if grading == "image" else ""
    out().print(f"written to {safe(target)}: hgm benchmark validate {safe(shown)}{allow}")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL, one task per line.")],
    as_: Annotated[str, typer.Option("--as", metavar="humaneval|mbpp", help="What its lines look like.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new folder, for the tasks.")],
) -> None:
    """Make a folder of tasks of a file in HumanEval's or MBPP's form. Their tests become hidden pytest files.

    \b
    Examples:
      hgm benchmark import HumanEval.jsonl --as humaneval --to ./humaneval
      hgm benchmark validate ./humaneval --quarantine unsound.txt
      hgm evaluate ./my-agent --benchmark ./humaneval --quarantine unsound.txt
    """
    from evaluators.imports import FORMS, tasks
    from hgm.cli.terminal import out, plural, safe
    from trees.archive import put_files

    if as_ not in FORMS:
        raise ConfigError(f"--as {as_}: choose one of {', '.join(FORMS)}")
    found = tasks(file, as_)
    put_files({f"{name}/".encode() + path: text for name, files in found.items() for path, text in files.items()}, to)
    out().print(f"{plural(len(found), 'task')} written to {safe(to)}")
