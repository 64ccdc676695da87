"""`hgm gc`: remove what dead runs left on this host."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunsDir


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list it.")] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Remove what runs that were killed left behind: control groups, processes, temporary folders, half-made runs.

    Runs themselves are never removed, and nothing is touched that a live process holds.

    \b
    Examples:
      hgm gc --dry-run
      hgm gc
    """
    from hgm.cli.terminal import out, safe
    from hgm.sweep import discard, find

    found = find(runs_dir)
    for leaving in found:
        parts = [str(leaving.folder)] if leaving.folder else []
        if leaving.control_groups:
            parts.append(f"{leaving.control_groups} control groups and their processes")
        if not dry_run:
            discard(leaving)
        out().print(f"{'left' if dry_run else 'removed'}: {safe(leaving.run)}: {safe(', '.join(parts))}")
    if not found:
        out().print("nothing is left of dead runs")
