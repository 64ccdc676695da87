"""What a running job is at, by records of every age."""

from pathlib import Path
from typing import Any

import pytest

from hgm.doing import Progress, Waiting, progress
from hgm.run import Folder
from hgm.trajectories import append

CALL = {"role": "solver", "index": 0}
OPENED = {"event": "lease opened"}
STARTED = {"event": "call started", **CALL, "request": {}}
SETTLED = {"event": "call settled", **CALL, "usage": {"input_tokens": 7, "output_tokens": 5}}
LOST = {"event": "attempt lost", **CALL}
LIMITED = {"event": "waits", "why": "p: HTTP 429, trying again in 30 s", "rate_limited": True, "since": 12.5}
BROKEN = {"event": "waits", "why": "p: HTTP 500, trying again in 2 s", "rate_limited": False, "since": 13.5}
ON = {"event": "waits", "why": "", "rate_limited": False, "since": None}
ACTS, ACTED = {"event": "env asked", "index": 0, "what": "step"}, {"event": "env answered", "index": 0}
AGAIN = {**STARTED, "index": 1}


def told(path: Path, *records: dict[str, Any]) -> Progress:
    Folder(path).trajectories.mkdir()
    for record in records:
        append(Folder(path).trajectories / "e00001.jsonl.zst", record)
    return progress(path, "e00001")


@pytest.mark.parametrize(
    ("records", "doing"),
    [
        ([], "starts"),
        ([OPENED], "works"),
        ([OPENED, STARTED], "asks its model"),
        ([OPENED, STARTED, SETTLED], "works"),
        ([OPENED, STARTED, LIMITED], "waits for a rate limit"),
        ([OPENED, STARTED, LIMITED, ON], "asks its model"),
        ([OPENED, STARTED, BROKEN], "waits for its model again"),
        ([OPENED, STARTED, BROKEN, ON, LOST], "asks its model again after a lost attempt"),
        ([OPENED, STARTED, LOST, LIMITED], "waits for a rate limit"),
        ([OPENED, STARTED, LOST, SETTLED, AGAIN], "asks its model"),
        ([OPENED, STARTED, LIMITED, ON, SETTLED, {"event": "lease closed"}], "is graded"),
        ([OPENED, STARTED, LIMITED, OPENED], "works"),
        ([OPENED, STARTED, SETTLED, ACTS], "acts on its page"),
        ([OPENED, STARTED, SETTLED, ACTS, ACTED], "works"),
        ([OPENED, ACTS, ACTED, STARTED], "asks its model"),
    ],
)
def test_it_is_at_what_its_last_records_say(tmp_path: Path, records: list[dict[str, Any]], doing: str) -> None:
    found = told(tmp_path, *records)
    assert found.doing == doing
    assert (found.waiting is not None) == doing.startswith("waits")


def test_it_says_why_and_since_when(tmp_path: Path) -> None:
    found = told(tmp_path, OPENED, STARTED, SETTLED, AGAIN, BROKEN, LIMITED)
    assert found.waiting == Waiting(why="p: HTTP 429, trying again in 30 s", since=12.5)
    assert (found.calls, found.tokens) == (2, 12)


def test_what_cannot_be_read_works(tmp_path: Path) -> None:
    Folder(tmp_path).trajectories.mkdir()
    (Folder(tmp_path).trajectories / "e00001.jsonl.zst").write_bytes(b"nothing of the kind")
    assert progress(tmp_path, "e00001").doing == "works"
