"""Recordings: what a search decided, how its jobs ended and what models said; enough to run it again without a model.

    <recording>/events.jsonl     the journal so far; first "created": settings, benchmark, root agent, versions
    <recording>/trajectories/    the model exchanges of every job that is finished

A run's directory holds the same and is a recording itself.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hgm import run as runs
from hgm.config import EDITORS, SearchConfig, restored
from hgm.errors import ConfigError, RecordingError, boundary
from hgm.gateway.replay import difference
from trees.journal import Event

FREE = frozenset({"workers", "sandbox", "docker", "data", "agent", "calibration", "benchmark"})
"""Settings that a replay may change: where things are, and how many jobs run at once; so it may where an editor is that
is an AGENT. What agents, benchmark and calibration hold is compared instead."""
_HELD = ("search_tasks", "select_tasks", "sealed_tasks")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What was recorded."""

    path: Path
    created: Mapping[str, Any]
    """Event zero of the run."""
    events: tuple[Event, ...]
    """All that followed."""

    @property
    def config(self) -> SearchConfig:
        """The settings of the run that was recorded."""
        return restored(self.created["config"])

    @property
    def settings(self) -> dict[str, Any]:
        """The same as plain values to set others over, with the kind of sandbox that was used."""
        return {**self.config.model_dump(mode="json"), "sandbox": self.created["sandbox"]}


def load(path: Path) -> Recording:
    """The recording in a folder, or that a run's directory is.

    Raises:
        ConfigError: it is neither.
        RecordingError: it is damaged.
    """
    if (path / "events.jsonl").is_file():
        with boundary(RecordingError, f"cannot read the recording {path}"):
            created, *events = map(_event, _whole_lines((path / "events.jsonl").read_bytes()))
    elif runs.Folder(path).journal.is_file():
        created, *events = runs.read_events(path)
    else:
        raise ConfigError(f"--replay {path}: neither a recording nor a run's directory")
    return Recording(path=path.absolute(), created=created.payload, events=tuple(events))


def trajectories(path: Path) -> Path:
    """Where a recording has the model exchanges."""
    return path / "trajectories"


def check_settings(recording: Recording, config: SearchConfig) -> None:
    """Refuse what cannot replay, before anything is made.

    Raises:
        ConfigError: a setting differs; says which.
    """
    told, asked = _compared(recording.config), _compared(config)
    for name in sorted(asked.keys() - FREE):
        if asked[name] != told.get(name):
            found = difference(told.get(name), asked[name], name)
            raise ConfigError(f"--replay {recording.path}: {found} in the recording; leave that setting out")


def _compared(config: SearchConfig) -> dict[str, Any]:
    settings = config.model_dump(mode="json")
    return settings if config.editor in EDITORS else {**settings, "editor": "AGENT"}


def check_created(recording: Recording, created: Mapping[str, Any]) -> None:
    """The same for what the settings name: benchmark, agents, version. `created` may lack what is not known yet.

    Raises:
        ConfigError: something differs; says what.
    """
    told = recording.created
    facts = [
        ("the version of hgm", told["versions"]["hgm"], created["versions"]["hgm"]),
        ("the benchmark", told["benchmark"]["name"], created["benchmark"]["name"]),
        ("the benchmark's fingerprint", told["benchmark"]["fingerprint"], created["benchmark"]["fingerprint"]),
        *((f"the list of {name.replace('_', ' ')}", told[name], created[name]) for name in _HELD),
        *(
            (f"the {name} agent's files (as a git tree)", told[name]["tree"], created[name]["tree"])
            for name in ("root", "editor")
            if name in told and name in created
        ),
    ]
    for name, then, now in facts:
        if then != now:
            raise ConfigError(f"--replay {recording.path}: {difference(then, now, name)} in the recording")


def check_new(folder: Path) -> None:
    """See to it that a recording can be made there.

    Raises:
        ConfigError: something is there already.
    """
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"--record {folder}: holds something already: name a new folder")


class Recorder:
    """Keeps a recording up with the journal of its run. What a kill left out is caught up with when the run goes on."""

    def __init__(self, folder: Path, run: Path, events: Callable[[int], Iterable[Event]]) -> None:
        """`events` are those of the run's journal after a number.

        Raises:
            RecordingError: the folder holds the recording of another run, or cannot be written.
        """
        self._from, self._to = runs.Folder(run).trajectories, trajectories(folder)
        self._events = events
        with boundary(RecordingError, f"cannot write the recording {folder}"):
            self._to.mkdir(parents=True, exist_ok=True)
            self._file = _opened(folder / "events.jsonl")
            told = list(_whole_lines((folder / "events.jsonl").read_bytes()))
        self._seen = len(told)
        if told and _event(told[0]) != next(iter(events(0))):
            self._file.close()
            raise RecordingError(f"{folder} holds the recording of another run")

    def follow(self) -> None:
        """Write what has been journalled since.

        Raises:
            RecordingError: it cannot be written.
        """
        with boundary(RecordingError, "cannot write the recording"):
            for event in self._events(self._seen):
                if event.kind == "finished":
                    self._keep(event.payload["job"])
                self._file.write(_line(event))
                self._seen = event.seq

    def close(self) -> None:
        """Catch up and end."""
        with self._file:
            self.follow()

    def _keep(self, job: str) -> None:
        """Copy what a finished job's leases wrote, each file whole or not at all."""
        for file in [self._from / f"{job}.jsonl.zst", *sorted(self._from.glob(f"{job}-*.jsonl.zst"))]:
            if file.exists():
                part = self._to / f"{file.name}.part"
                shutil.copyfile(file, part)
                part.replace(self._to / file.name)


def _opened(path: Path) -> BinaryIO:
    """At its end, without a line that a kill cut off."""
    file = path.open("ab+", buffering=0)
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    file.truncate(whole)
    return file


def _whole_lines(data: bytes) -> Iterator[bytes]:
    yield from data.split(b"\n")[:-1]


def _line(event: Event) -> bytes:
    record = {"seq": event.seq, "version": event.version, "kind": event.kind, "at": event.at, "payload": event.payload}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _event(line: bytes) -> Event:
    return Event(**json.loads(line))
