"""Made `journal_v1.sqlite` with the code of its time: every later hgm must read it, so this is not run again."""

from itertools import count
from pathlib import Path

from trees.journal import Journal

EVENTS = [
    ("created", {"config": {"seed": 7, "budget": 40}, "root": {"commit": "c" * 40, "tree": "d" * 40}}),
    ("started", {"job": "e-1", "type": "evaluate", "node": 0, "task": "builtin/1"}),
    ("finished", {"job": "e-1", "outcome": "failed", "cause": b"name \xff".decode("utf-8", "surrogateescape")}),
    ("odd", {"text": "\x00\x1b[31m \ud800 😀", "numbers": [0.1, 1e300, -0.0, 2**70], "nothing": None, "": {}}),
]

if __name__ == "__main__":
    clock = count(1_700_000_000)
    with Journal.create(Path(__file__).with_name("journal_v1.sqlite"), clock=lambda: float(next(clock))) as journal:
        journal.append(*EVENTS[0])
        journal.append_all(EVENTS[1:])
