"""`hgm serve`: the tree viewer of runs, also while they go on."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunsDir

LOOPBACK = "127.0.0.1"


def serve(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="One run, or several to compare.")],
    runs_dir: RunsDir = RUNS_DIR,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Where to listen. On another than 127.0.0.1, others can look."),
    ] = LOOPBACK,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="0: any.  [default: 8420, or the next that is free]"
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", hidden=True)] = False,
) -> None:
    """Show the tree of a run in a browser, and follow it while the run goes on. Ctrl-C ends it; the run does not mind.

    It reads what the run writes down and changes nothing. Only this machine can ask it, unless --host says otherwise.

    \b
    Examples:
      hgm serve builtin-1
      hgm serve first second                    two trees, side by side
      hgm tree export builtin-1 --format html   the same page as a file
    """
    import socket

    import uvicorn

    from hgm.agents_by_name import find_run
    from hgm.cli.serving import address, listening, wait_for
    from hgm.cli.terminal import out, safe
    from hgm.serving import application

    if wait:
        wait_for(runs, runs_dir)
    paths = [find_run(run, runs_dir) for run in runs]
    with listening(host, port) as listener:
        url = address(listener)
        app = application(paths, hosts=["localhost", socket.gethostname().lower(), host.lower()])
        if not wait:
            out().print(f"[bold]{url}[/bold]  shows {safe(', '.join(path.name for path in paths))}; Ctrl-C ends this")
        config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])
