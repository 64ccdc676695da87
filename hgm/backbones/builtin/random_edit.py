"""Random edits of an agent's files by the self-modification grammar: nobody is asked, and no brief is read.

    python3 -P -S random_edit.py < {"seed": 7, "files": {"main.py": "..."}} > {"main.py": "..."}

Promises: standard library only; opens no file besides its own modules; what is read is parsed and never run; the answer
holds the files that differ, and depends on the question alone; time and memory are bounded, for what is read may have
been written to use them up.
"""

import json
import os
import re
import resource
import sys
import threading
import warnings
from collections.abc import Iterator
from random import Random

if __package__ in (None, ""):  # started by its path in isolated mode: find the package that this file belongs to
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))

from hgm.backbones.builtin import editor
from hgm.backbones.builtin.conversation import Sheet
from hgm.backbones.builtin.toolbox import Edit

CPU_S = 20
MEMORY = 2 << 30
STACK = 64 << 20
"""Of the thread that parses: deeply nested source must end in an exception, not in a crash."""
ROUNDS = 12
"""So many changes at most, where some take others back."""
LOOKS = 10
"""About so often each file is looked at for a change."""
PART = 8_000
"""Characters: of longer files a few parts are looked at, which begin where a statement may."""
PARTS = 2
_ODD_LINES = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]|\r(?!\n)")
"""What ends a line for `str.splitlines` and not for Python's own parser: positions would be wrong."""


def edited(files: dict[str, str], seed: int) -> dict[str, str]:
    """The files that one to `editor.MOST` changes leave different; none where there is nothing to change."""
    rng = Random(f"random edit/{seed}")
    before = {path: text for path, text in sorted(files.items()) if editor.editable(path)}
    now = {path: text for path, text in before.items() if text.strip() and not _ODD_LINES.search(text)}
    for changes in range(ROUNDS):
        found = {path: text for path, text in now.items() if text != before[path]}
        if found and (changes >= editor.MOST or rng.random() > editor.MORE):
            return found
        change = _change(now, rng)
        if change is None:
            return found
        now[change.path] = now[change.path].replace(change.old, change.new, 1)
    return {path: text for path, text in now.items() if text != before[path]}


def _change(files: dict[str, str], rng: Random) -> Edit | None:
    """One change to one of a few files, which are drawn; of large ones parts are, so all are looked at again."""
    left: list[str] = []
    for _ in range(LOOKS * max(1, len(files) // editor.FILES)):
        left = left if len(left) >= editor.FILES else sorted(files)
        looked_at = rng.sample(left, min(editor.FILES, len(left)))
        left = [path for path in left if path not in looked_at]
        sheets = {path: _sheet(files[path], rng) for path in looked_at}
        change = editor.draw(sheets, "", rng, others=tuple(sorted(files)))
        if change is not None and files[change.path].count(change.old) == 1:
            return change
    return None


def _sheet(text: str, rng: Random) -> Sheet:
    parts = list(_parts(text))
    return Sheet(tuple(rng.sample(parts, min(PARTS, len(parts)))), complete=len(parts) == 1)


def _parts(text: str) -> Iterator[str]:
    start = end = 0
    for line in text.splitlines(keepends=True):
        size = end - start
        if size + len(line) > PART and size and (line[0].isalpha() or line[0] in "@#" or size > PART):
            yield text[start:end]
            start = end
        end += len(line)
    yield text[start:]


def main() -> None:
    """Run as a program."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")  # about what is read
    asked = json.load(sys.stdin)
    answer = list[dict[str, str]]()
    threading.stack_size(STACK)
    worker = threading.Thread(target=lambda: answer.append(edited(asked["files"], asked["seed"])))
    worker.start()
    worker.join()
    if not answer:
        sys.exit(1)
    json.dump(answer[0], sys.stdout)


if __name__ == "__main__":
    main()
