"""What an agent changed, as evidence: a patch of bounded size, whatever it left behind.

It is computed in a repository of its own, which nothing else writes to and which is gone afterwards.
"""

import tempfile
from pathlib import Path

from hgm.text import clip, printable
from sandboxes.base import Files
from trees.git import BareRepository

MOST_CHARS = 256_000
MOST_BYTES = 4_000_000
"""Of the files that are compared, both sides together."""
_NAMES = 20


def patch(before: Files, after: Files, folder: Path) -> str:
    """The change from one workspace to another as git words it; empty where there is none.

    The largest files are left out beyond `MOST_BYTES`, and the middle beyond `MOST_CHARS`; both are said.
    """
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if not changed:
        return ""
    shown = _smallest(changed, before, after)
    with tempfile.TemporaryDirectory(prefix="patch-", dir=folder) as place:
        repository = BareRepository.create(Path(place) / "patch.git")
        base, result = (
            repository.write_tree({path: side[path] for path in shown if path in side}) for side in (before, after)
        )
        text = repository.diff(base, result).decode(errors="replace")
    return _note([path for path in changed if path not in shown]) + clip(text, MOST_CHARS)


def _smallest(changed: list[bytes], before: Files, after: Files) -> set[bytes]:
    """As many of the changed files as `MOST_BYTES` has room for, the smallest first."""
    sizes = {path: sum(len(side[path].data) for side in (before, after) if path in side) for path in changed}
    shown, left = set(), MOST_BYTES
    for path in sorted(changed, key=lambda path: (sizes[path], path)):
        left -= sizes[path]
        if left < 0:
            break
        shown.add(path)
    return shown


def _note(left_out: list[bytes]) -> str:
    if not left_out:
        return ""
    names = [printable(path.decode(errors="backslashreplace"), 200) for path in left_out[:_NAMES]]
    more = " and more" if len(left_out) > _NAMES else ""
    return f"(Too large to show, {len(left_out)} changed: {', '.join(names)}{more})\n"
