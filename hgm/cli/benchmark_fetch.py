"""`hgm benchmark fetch`: benchmarks that are kept in a repository of their own."""

from pathlib import Path
from typing import Annotated

import typer

from hgm.errors import ConfigError


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="polyglot")],
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL[@REF]", help="Its git repository: https, ssh or file.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="A new folder, for --data.  [default: the user's cache]")
    ] = None,
) -> None:
    """Fetch a benchmark's repository, once. Afterwards it needs no --data.

    \b
    Examples:
      hgm benchmark fetch polyglot
      hgm benchmark fetch polyglot --url file:///srv/polyglot-benchmark --to ./polyglot
    """
    from evaluators import fetching
    from hgm.cli.terminal import out, safe

    if name != "polyglot":
        raise ConfigError(f"nothing to fetch for {name!r}: there is polyglot")
    out().print(f"fetching {safe(url or fetching.POLYGLOT)}")
    commit, count = fetching.fetch(url or fetching.POLYGLOT, to or fetching.place())
    out().print(f"{count} exercises at commit {safe(commit)}, in {safe(to or fetching.place())}")
