"""The host's copy of the contract tests that need no model. Standard library only; runs inside a sandbox.

usage: contract_check.py AGENT_FOLDER COMMAND...   exit 0 = kept; otherwise the last line says what is broken
"""

import os
import sys
from collections.abc import Iterator

LARGEST = 1_000_000


def check(folder: str, command: "list[str]") -> "Iterator[str]":
    """Yield what is broken, most telling first."""
    prefix = "/hgm/agent/"
    for word in command:
        if word.startswith(prefix) and not os.path.exists(os.path.join(folder, word[len(prefix) :])):
            yield f"the command's file {word} is gone"
    for parent, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(parent, name)
            if os.path.getsize(path) > LARGEST:
                yield f"{os.path.relpath(path, folder)} is larger than {LARGEST} bytes"
            elif name.endswith(".py"):
                yield from compiles(path, os.path.relpath(path, folder))


def compiles(path: str, shown: str) -> "Iterator[str]":
    """Yield why the file does not compile, if it does not."""
    try:
        with open(path, "rb") as source:
            compile(source.read(), shown, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield f"{shown} does not compile: {error}"


if __name__ == "__main__":
    broken = next(check(sys.argv[1], sys.argv[2:]), None)
    if broken:
        sys.exit(broken)
