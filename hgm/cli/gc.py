"""`hgm gc`: remove what dead runs left on this host."""

from typing import Annotated

import typer

from hgm.cli.options import RUNS_DIR, RunsDir


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list it.")] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Remove what runs that were killed left behind: containers, control groups, processes, temporary folders, drafts.

    Runs themselves are never removed, and nothing is touched that a live process holds.

    \b
    Examples:
      hgm gc --dry-run
      hgm gc
    """
    from collections import Counter

    from hgm.cli.terminal import out, plural, safe
    from hgm.sweep import discard, find
    from sandboxes.leftovers import unasked

    found = find(runs_dir)
    for leaving in found:
        parts = [str(leaving.folder)] if leaving.folder else []
        parts += [
            plural(count, kind) for kind, count in sorted(Counter(thing.kind for thing in leaving.things).items())
        ]
        if not dry_run:
            discard(leaving)
        out().print(f"{'left' if dry_run else 'removed'}: {safe(leaving.run)}: {safe(', '.join(parts))}")
    if not found:
        out().print("nothing is left of dead runs")
    if reason := unasked():
        out().print(f"[yellow]the container engine was not asked: {safe(reason)}[/yellow]")
