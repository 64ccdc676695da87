"""A process to be killed: adds children to an archive for ever and says on standard output what was named."""

import sys
from itertools import count
from pathlib import Path

from sandboxes.base import File
from trees.archive import Archive

if __name__ == "__main__":
    archive = Archive.open(Path(sys.argv[1]))
    first = len(archive.agents())
    for node in count(first):
        files = {f"f{number}.py".encode(): File(b"%d %d\n" % (number, node)) for number in range(node % 9 + 1)}
        entry = archive.add_child(archive.agents()[node // 2], files, f"child {node}", node)
        archive.name(node, entry.commit)
        archive.set_best(entry.commit)
        sys.stdout.write(f"{node} {entry.commit}\n")
        sys.stdout.flush()
