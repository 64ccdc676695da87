"""The command line: one module per command, and the one place where errors become messages and exit codes.

Nothing heavy is imported before a command's own body, so that `hgm --help` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from hgm.cli import benchmark, compare, doctor, estimate, evaluate, fork, gc, image, resume, runs, search, serve, tree
from hgm.errors import HGMError
from hgm.text import printable

DEFECT = 3
UNREAD = 141
"""Whoever read the output has stopped reading: as if ended by SIGPIPE."""
EPILOG = """\b
Begin here:
  hgm doctor                                what works on this machine
  hgm search --budget 40                    grow a tree of agents, offline and without a key
  hgm serve builtin-1                       look at it in a browser, also while it grows
  hgm tree best builtin-1 --export mine     take the best agent home

AGENT is a folder, a bundled agent (seed), RUN:best or RUN:<node>. RUN is a name under --runs-dir, or a path if it
contains a slash. Exit codes: 0 done, 2 yours to mend, 3 trouble of the host or a defect, 130 interrupted,
141 the reader of the output is gone.
"""

app = typer.Typer(
    name="hgm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"hgm {version('hgm-lab')}")
        raise typer.Exit


@app.callback()
def hgm(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """A lab in which coding agents improve themselves, measured in sandboxes."""


app.command(short_help="Grow a tree of agents that modify themselves.")(search.search)
app.command(short_help="Say what a budget buys, before anything is spent.")(estimate.estimate)
app.command(short_help="Go on with a run that was stopped or killed.")(resume.resume)
app.command(short_help="Go another way from some point of a run.")(fork.fork)
app.command(short_help="Run an agent on tasks: pass rate and interval.")(evaluate.evaluate)
app.add_typer(compare.app, name="compare")
app.command(short_help="Show the trees of runs in a browser, live.")(serve.serve)
app.add_typer(tree.app, name="tree")
app.add_typer(runs.app, name="runs")
app.add_typer(benchmark.app, name="benchmark")
app.command(short_help="Check what works on this machine.")(doctor.doctor)
app.command(short_help="Build the image that Docker sandboxes start from.")(image.image)
app.command(short_help="Remove what dead runs left on this host.")(gc.gc)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command, by default that of the command line, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a character shows its number
            stream.reconfigure(errors="backslashreplace")
    status = _status(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        status = _unwritten(error)
    sys.exit(status)


def _status(arguments: Sequence[str] | None) -> int | str | None:
    try:
        app(arguments)
    except SystemExit as ended:
        # what rich and typer make of a closed pipe would be exit code 1, which says nothing
        return UNREAD if isinstance(ended.__context__, BrokenPipeError) else ended.code
    except HGMError as error:
        print(f"Error: {printable(_redacted(str(error)))}", file=sys.stderr)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last stop of a defect, which keeps its traceback
        _admit(error)
        return DEFECT
    return 0


def _redacted(text: str) -> str:
    """Without the keys of the environment, whatever has come to quote one."""
    from hgm.redaction import Redactor

    return Redactor.of(os.environ)(text)


def _unwritten(error: OSError) -> int:
    """The exit code where standard output takes no more; what is still unwritten is dropped."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return UNREAD
    print(f"Error: the output cannot be written: {error.strerror}", file=sys.stderr)
    return DEFECT


def _admit(error: Exception) -> None:
    from traceback import format_exception

    print(printable(_redacted("".join(format_exception(error))), 100_000), file=sys.stderr)
    print("This is a defect of hgm: please report the lines above. `hgm resume` goes on with a run.", file=sys.stderr)
