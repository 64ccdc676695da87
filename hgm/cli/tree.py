"""`hgm tree`: look at a run's tree of agents and take agents out of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hgm.cli import saturate
from hgm.cli.options import RUNS_DIR, RunName, RunsDir

if TYPE_CHECKING:
    from hgm.state import RunState

MOST_SHOWN = 500
DIFF_CHARS = 200_000
DIFF_LINES = 5_000

app = typer.Typer(help="Look at a run's tree of agents and take agents out of it.", no_args_is_help=True)
app.command("saturate", short_help="Make a table of agents, to compare policies on.")(saturate.saturate)
Node = Annotated[str, typer.Argument(metavar="NODE", help="A node's number, or best.")]


@app.command()
def show(
    run: RunName,
    runs_dir: RunsDir = RUNS_DIR,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Show at most N agents.")] = MOST_SHOWN,
    long: Annotated[
        bool, typer.Option("--long", help="Below each agent what it was made from, and how it did there.")
    ] = False,
) -> None:
    """The tree: every agent with its own results, those of its clade, and what was asked of it.

    A narrow terminal is shown fewer columns. --long also says how often an agent passed the tasks that had failed in
    what its expansion was shown, and what it does with more effort than its parent.

    \b
    Examples:
      hgm tree show builtin-1
      hgm tree show builtin-1 --long
    """
    from hgm.agents_by_name import find_run
    from hgm.cli.options import at_least_one
    from hgm.cli.terminal import encoding, out
    from hgm.cli.tree_view import lines, view_of
    from hgm.run import read, require_search

    at_least_one(limit, "--limit")
    path = find_run(run, runs_dir)
    require_search(path)
    state = read(path)
    view = view_of(state, limit, long=long, width=out().width, encoding=encoding())
    for line in lines(view, len(state.nodes)):
        out().print(line, no_wrap=True, overflow="ignore", crop=False)


@app.command()
def diff(
    run: RunName,
    node: Node,
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="Compare with this one.")] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """What an agent changed about its parent, or about OTHER.

    \b
    Examples:
      hgm tree diff builtin-1 3
      hgm tree diff builtin-1 best 0
    """
    from hgm.agents_by_name import find_node, find_run
    from hgm.cli.report import diff_text
    from hgm.cli.terminal import out
    from hgm.errors import RunError
    from hgm.run import Folder, read
    from trees.archive import Archive

    path = find_run(run, runs_dir)
    state = read(path)
    after = find_node(state, node)
    before = state.nodes[after].parent if other is None else find_node(state, other)
    if before is None:
        raise RunError(f"agent {after} is the seed agent and has no parent: name another to compare it with")
    patch = Archive.open(Folder(path).archive).diff(state.nodes[before].commit, state.nodes[after].commit)
    out().print(f"[bold]agent {before} → agent {after}[/bold] (written by an agent)")
    out().print(diff_text(patch, lines=DIFF_LINES, characters=DIFF_CHARS) if patch else "no difference")


@app.command()
def best(
    run: RunName,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="DIR", help="Write the agent's code into a new folder.")
    ] = None,
    as_: Annotated[str, typer.Option("--as", metavar="agent|harbor", help="What --export writes.")] = "agent",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """The agent that a run hands over; --export writes it as a runnable folder.

    \b
    Examples:
      hgm tree best builtin-1
      hgm tree best builtin-1 --export my-agent
      hgm evaluate ./my-agent                   runs it again, in sandboxes
      hgm tree best builtin-1 --export for-harbor --as harbor
    """
    from evaluators.base import Split
    from hgm.agents_by_name import best_node, find_run
    from hgm.cli.report import score_text
    from hgm.cli.terminal import out, safe
    from hgm.contract import NOTE
    from hgm.errors import ConfigError
    from hgm.harbor_export import harbor_files
    from hgm.run import Folder, read
    from hgm.summary import score
    from sandboxes.base import File
    from trees.archive import Archive, put_files

    if as_ not in ("agent", "harbor"):
        raise ConfigError(f"--as {as_}: choose agent or harbor")
    path = find_run(run, runs_dir)
    state = read(path)
    node = best_node(state)
    how = "winner" if state.winner is not None else "best-belief agent so far"
    out().print(f"{how}: [bold]agent {node}[/bold]" + ("" if node else ", the seed agent: no child was better"))
    for split in (Split.SEARCH, Split.SELECT, Split.SEALED):
        out().print(f"  {split:<7} {score_text(score(state, node, split))}")
    if export is not None:
        note = File(_note(path.name, node, state).encode())
        archive, commit = Archive.open(Folder(path).archive), state.nodes[node].commit
        if as_ == "harbor":
            files = {name: File(*file) for name, file in archive.files(commit).items()}
            put_files({**harbor_files(files), NOTE: note}, export)
        else:
            archive.export(commit, export, notes={NOTE: note})
        out().print(f"written to {safe(export)}; read {NOTE.decode()} there before you run it")


@app.command("export")
def export_(
    run: RunName,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Instead of the screen.")
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="html, json, graphml, dot, svg or csv.  [default: by the file's name, else json]",
            show_default=False,
        ),
    ] = "",
    beside: Annotated[
        list[str] | None, typer.Option("--with", metavar="RUN", help="Of html: another run beside it; repeatable.")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """The whole tree: as one page for a browser, or for other programs.

    The page opens by double click, asks nobody for anything, and holds diffs, results and trajectories; `hgm serve`
    shows the same of a run that goes on. JSON has a versioned schema, and is what all other formats are made of.

    \b
    Examples:
      hgm tree export builtin-1 -o tree.html
      hgm tree export builtin-1 --with builtin-2 -o both.html
      hgm tree export builtin-1 --format csv
    """
    from hgm.agents_by_name import find_run
    from hgm.cli.exporting import chosen_format, text_in, write
    from hgm.cli.options import writable
    from hgm.errors import ConfigError

    kind = chosen_format(format_, output)
    if beside and kind != "html":
        raise ConfigError("--with puts another run's tree beside this one in a page: --format html")
    if output:
        writable(output, "-o")
    pieces = text_in(kind, [find_run(name, runs_dir) for name in (run, *(beside or ()))])
    if output:
        write(pieces, output)
    else:
        for piece in pieces:
            print(piece, end="")


def _note(run: str, node: int, state: "RunState") -> str:
    return f"""\
# Run it in a sandbox

This folder is agent {node} of the run `{run}`, written by agents that modified themselves. Nobody has read it for you.
It runs commands that a model thinks of. Do not start it on a machine, or as a user, that holds anything you care about.

`hgm evaluate ./FOLDER` runs it in sandboxes and measures it; `hgm search --agent ./FOLDER` goes on from it. The
command in `agent.toml` starts it inside a sandbox of your own. This note is not part of the agent.

Backbone that it was measured with: {state.config.backbones.solver}. Benchmark: {state.created["benchmark"]["name"]}.
"""
