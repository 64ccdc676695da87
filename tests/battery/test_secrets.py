"""Keys in the controller's environment: a whole search with an agent that looks for them, and then every byte of it."""

import base64
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import pytest
import zstandard

from hgm.agents_by_name import BUNDLED
from sandboxes.choose import NAMES

NAMED = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SOMEBODYS_TOKEN")
SANDBOXES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("bubblewrap", "docker") if name in NAMES]
SMALL = (
    *("--budget", "6", "--run", "r", "--workers", "2", "--sealed-tasks", "1", "--quiet"),
    *("-o", "confirmation.select_tasks=1", "-o", "confirmation.candidates=1", "-o", "confirmation.sealed_repeats=1"),
    *("-o", "policy.options.root_evaluations=2", "-o", "policy.options.initial_expansions=2"),
)
DUMP = '''

def dump():
    """Everything about every process that can be seen, into the log and the workspace."""
    found = ["%s=%s" % item for item in os.environ.items()]
    for process in filter(str.isdigit, os.listdir("/proc")):
        for name in ("environ", "cmdline", "task/" + process + "/environ"):
            try:
                with open("/proc/%s/%s" % (process, name), "rb") as file:
                    found.append(name + " " + file.read(20000).decode("latin-1"))
            except OSError:
                pass
    text = "DUMPED " + "\\n".join(found)
    print(text, flush=True)
    with open("dumped.txt", "w", encoding="latin-1", errors="replace") as file:
        file.write(text)
'''
_SHORT_LIVED_S = 5.0
"""What a process has between fork and exec is its parent's; afterwards it is its own."""


def planted() -> dict[str, str]:
    return {name: f"canary-{secrets.token_hex(16)}" for name in NAMED}


def spellings(value: str) -> Iterator[bytes]:
    plain = value.encode()
    yield from (plain, plain.hex().encode(), plain[::-1], repr(plain).encode()[2:-1])
    in_json = json.dumps(value)[1:-1]
    yield from (in_json.encode(), json.dumps(in_json)[1:-1].encode())
    yield from (quote(value).encode(), quote(value, safe="").encode(), quote_plus(value).encode())
    for shift in range(3):  # wherever in a longer text it stood
        yield base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4]


def names_in(data: bytes, keys: Mapping[str, str]) -> set[str]:
    """Which of the keys stand in it, in whatever spelling."""
    return {name for name, value in keys.items() if any(form in data for form in spellings(value))}


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every byte below a folder: files as they are, what is compressed also unpacked, git objects one by one."""
    # A live run removes what it no longer needs: os.walk takes no notice of that, unlike rglob.
    for path in sorted(Path(at, name) for at, folders, names in os.walk(folder) for name in folders + names):
        with suppress(OSError):
            if path.is_symlink():
                yield f"{path} (link)", os.fsencode(path.readlink())
            elif path.is_file():
                yield str(path), path.read_bytes()
                if path.suffix == ".zst":
                    yield f"{path} (unpacked)", unpacked(path)
            elif (path / "objects").is_dir():
                yield f"{path} (objects)", objects(path)
            yield f"{path} (name)", os.fsencode(path.name)


def unpacked(path: Path) -> bytes:
    """As far as it is written: somebody may still be at it."""
    found = b""
    with path.open("rb") as file, suppress(zstandard.ZstdError):
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        while part := stream.read(4096):
            found += part
    return found


def objects(repository: Path) -> bytes:
    command = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, capture_output=True, check=False).stdout


class Process(NamedTuple):
    """What anybody with the rights may read about a process."""

    pid: int
    words: bytes
    environment: bytes


def processes() -> Iterator[Process]:
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes()  # first: afterwards it may become another program
            yield Process(int(entry.name), words, (entry / "environ").read_bytes())


class Watch:
    """Looks at every process on the host, and at every file of a live run, until it is told to stop."""

    def __init__(self, controller: int, keys: Mapping[str, str], folders: tuple[Path, ...]) -> None:
        self.leaks: set[str] = set()
        self.holders: set[str] = set()
        """Who holds keys and may: the controller and the gateway."""
        self.agents = self.rounds = self.files = 0
        self._keys, self._folders, self._controller = keys, folders, controller
        self._first: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.rounds += 1
            own = b""
            with suppress(OSError):
                own = Path(f"/proc/{self._controller}/cmdline").read_bytes()
            for process in processes():
                self._at(process, own)
            for folder in self._folders if self.rounds % 10 == 1 else ():
                for name, data in contents(folder):
                    self.files += 1
                    self.leaks |= {f"{key} in {name}" for key in names_in(data, self._keys)}

    def _at(self, process: Process, own: bytes) -> None:
        self.agents += b"/hgm/agent/main.py" in process.words
        self.leaks |= {f"{key} in the words of {process.words!r}" for key in names_in(process.words, self._keys)}
        found = names_in(process.environment, self._keys)
        if not found:
            return
        first = self._first.setdefault(process.pid, time.monotonic())
        if process.pid == self._controller:
            self.holders.add("controller")
        elif b"hgm.gateway\0" in process.words:
            self.holders.add("gateway")
        elif process.words != own or time.monotonic() - first > _SHORT_LIVED_S:
            self.leaks.add(f"{sorted(found)} in the environment of {process.words!r}")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path: sockets live below it."""
    folder = Path(tempfile.mkdtemp(prefix="hgm-s-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def curious(folder: Path) -> Path:
    """The seed agent, but it dumps all that it sees before it begins."""
    shutil.copytree(BUNDLED / "seed", folder)
    main = (folder / "main.py").read_text()
    before = "    with open(TASK"
    assert main.count(before) == 1
    main = main.replace(before, f"    dump()\n{before}").replace("\n\ndef main(", f"{DUMP}\n\ndef main(")
    (folder / "main.py").write_text(main)
    return folder


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_no_key_is_anywhere_but_with_the_controller_and_the_gateway(sandbox: str, place: Path) -> None:
    keys = planted()
    curious(place / "agent")
    (place / "t").mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "DOCKER_HOST")}
    env = {**kept, **keys, "TMPDIR": str(place / "t"), "HOME": str(place), "XDG_CACHE_HOME": str(place / "c")}
    command = [sys.executable, "-m", "hgm", "search", "--agent", "./agent", "--sandbox", sandbox, *SMALL]
    with subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as search:
        with Watch(search.pid, keys, (place,)) as watch:
            said, _ = search.communicate()
        assert search.returncode == 0, said.decode()
    assert names_in(said, keys) == set()
    assert watch.leaks == set()
    assert (watch.holders, watch.agents > 0, watch.files > 100) == ({"controller", "gateway"}, True, True)
    written = dict(contents(place))
    assert {name: found for name, data in written.items() if (found := names_in(data, keys))} == {}
    assert any(b"DUMPED" in data and b"HGM_SOCKET" in data for data in written.values()), "the agent looked"
    assert any("(objects)" in name and b"DUMPED" in data for name, data in written.items()), "a child holds a dump"


def test_a_key_that_was_written_is_found(tmp_path: Path) -> None:
    keys = planted()
    plain, packed, loose = keys.values()
    run = tmp_path / "run"
    (run / "trajectories").mkdir(parents=True)
    record = json.dumps({"log": base64.b64encode(b"x" + plain.encode()).decode()}).encode()
    (run / "trajectories" / "e.jsonl.zst").write_bytes(zstandard.compress(b"{}\n") + zstandard.compress(record))
    subprocess.run(["git", "init", "-q", "--bare", run / "archive.git"], check=True)
    hashed = ["git", "-C", run / "archive.git", "hash-object", "-w", "--stdin"]
    subprocess.run(hashed, input=f"unreachable {loose}".encode(), check=True, capture_output=True)
    journal = sqlite3.connect(run / "journal.sqlite")
    journal.execute("pragma secure_delete = 0")
    journal.execute("create table events (text)")
    journal.execute("insert into events values (?)", (packed + "x" * 9000,))
    journal.commit()
    journal.execute("delete from events")
    journal.commit()
    journal.close()
    found = {name.rpartition("/")[2]: names_in(data, keys) for name, data in contents(run)}
    assert found["e.jsonl.zst (unpacked)"] == {NAMED[0]}
    assert found["journal.sqlite"] == {NAMED[1]}, "in a free page"
    assert found["archive.git (objects)"] == {NAMED[2]}


def test_a_process_that_holds_a_key_is_seen(tmp_path: Path) -> None:
    keys = planted()
    first, second, _ = keys.values()
    wait = [sys.executable, "-c", "print(flush=True); input()"]
    env = {"PATH": os.defpath, NAMED[0]: first}
    with subprocess.Popen([*wait, second], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with Watch(os.getpid(), keys, (tmp_path,)) as watch:
            while watch.rounds < 2:
                os.sched_yield()
        holder.communicate(b"\n")
    assert len(watch.leaks) == 2
    assert {leak.partition(" in the ")[2].partition(" of ")[0] for leak in watch.leaks} == {"words", "environment"}
