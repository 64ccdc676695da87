"""A process to be killed: appends to a journal for ever and says on standard output what was acknowledged."""

import sys
from itertools import count
from pathlib import Path

from trees.journal import Journal

if __name__ == "__main__":
    path = Path(sys.argv[1])
    with Journal.open(path) if path.exists() else Journal.create(path) as journal:
        sys.stdout.write("open\n")
        for number in count():
            if number % 3:
                last = journal.append("one", {"number": number, "padding": "x" * (number * 997 % 6000)})
            else:
                *_, last = journal.append_all([("three", {"number": number, "part": part}) for part in range(3)])
            sys.stdout.write(f"{last.seq}\n")
            sys.stdout.flush()
