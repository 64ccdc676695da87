"""`hgm image`: build what Docker sandboxes start from."""

import sys
from typing import Annotated

import typer


def image(
    base_image: Annotated[
        str | None,
        typer.Option("--base-image", metavar="IMAGE", help="Any Debian or Ubuntu.  [default: python:3.12-slim]"),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Also if it is there, and from the beginning.")] = False,
) -> None:
    """Build the image that Docker sandboxes start from, and print its name. Does nothing if it is there already, unless
    another base is asked for.

    Only this command uses a network: for the base image, and for Debian's packages. `hgm search` uses Docker sandboxes
    from then on, unless told `--sandbox bubblewrap`.

    \b
    Examples:
      hgm image
      hgm image --base-image debian:12-slim --rebuild
    """
    from hgm.cli.terminal import out, safe
    from hgm.text import printable
    from sandboxes.engine import connect
    from sandboxes.images import base_of, build, image_name, is_built

    engine = connect()
    if rebuild or not is_built(engine) or base_image not in (None, base_of(engine)):
        build(engine, base=base_image, progress=lambda line: print(printable(line), file=sys.stderr), anew=rebuild)
    out().print(safe(image_name()))
