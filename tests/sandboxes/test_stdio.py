"""The relay over standard streams, both ends, without an engine: bytes come through whole, and garbage harms nobody."""

import io
import os
import socket
import struct
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.errors import SandboxError
from sandboxes import stdio
from sandboxes.base import Mount
from sandboxes.stdio import PROGRAM, SocketRelay, copies

HEAD = struct.Struct("!cII")
LARGE = 3_000_000
MOST = 64
"""Connections that the host serves at a time."""
Serve = Callable[[socket.socket], None]


def frame(kind: bytes, number: int, body: bytes = b"") -> bytes:
    return HEAD.pack(kind, number, len(body)) + body


def opened(number: int, which: int = 0) -> bytes:
    return frame(b"O", number, struct.pack("!I", which))


def send_back(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def server(path: Path, serve: Serve = send_back) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(256)
        threading.Thread(target=_serve, args=(listener, serve), daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, serve: Serve) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


@contextmanager
def relayed(*pairs: tuple[Path, Path]) -> Iterator[subprocess.Popen[bytes]]:
    """Both ends: who connects to the first path of a pair gets a connection to the second."""
    command = [sys.executable, "-I", "-S", str(PROGRAM), *(str(inside) for inside, _ in pairs)]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program = subprocess.Popen(command, stdin=theirs, stdout=theirs)
        theirs.close()
        relay = SocketRelay([path for _, path in pairs], iter(lambda: ours.recv(65536), b""), ours.sendall)
        try:
            relay.await_ready()
            yield program
        finally:
            program.kill()
            program.wait()
            ours.shutdown(socket.SHUT_RDWR)
            relay.close()


def connected(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(path))
    line.settimeout(30)
    return line


def exactly(line: socket.socket, size: int) -> bytes:
    parts = []
    while size and (data := line.recv(min(size, 65536))):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def echoed(path: Path, body: bytes) -> bytes:
    with connected(path) as line, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(line.sendall, body)
        found = exactly(line, len(body))
        sent.result(30)
        return found


@pytest.fixture
def inside(folder: Path) -> Iterator[Path]:
    """A relayed socket whose server sends everything back."""
    with server(folder / "host"), relayed((folder / "in", folder / "host")):
        yield folder / "in"


def test_large_transfers_at_once_come_through_whole(folder) -> None:
    def answer(connection: socket.socket) -> None:
        with connection:
            connection.sendall(exactly(connection, LARGE)[::-1])

    def ask(body: bytes) -> bytes:
        with connected(folder / "in") as line:
            line.sendall(body)
            return exactly(line, LARGE + 1)

    bodies = [os.urandom(LARGE) for _ in range(8)]
    with (
        server(folder / "host", answer),
        relayed((folder / "in", folder / "host")),
        ThreadPoolExecutor(len(bodies)) as pool,
    ):
        assert list(pool.map(ask, bodies)) == [body[::-1] for body in bodies]


def test_many_connections_one_after_another(inside) -> None:
    assert [echoed(inside, b"%d" % number) for number in range(300)] == [b"%d" % number for number in range(300)]


def test_a_client_reaches_the_socket_it_connected_to(folder) -> None:
    def names(name: bytes) -> Serve:
        return lambda connection: (connection.sendall(name), connection.close())[1]

    pairs = [(folder / f"in{name}", folder / f"host{name}") for name in "ab"]
    with server(pairs[0][1], names(b"a")), server(pairs[1][1], names(b"b")), relayed(*pairs):
        for (path, _), name in zip(pairs * 3, [b"a", b"b"] * 3, strict=True):
            with connected(path) as line:
                assert exactly(line, 9) == name


def test_when_the_server_closes_the_client_sees_all_it_said_and_the_end(folder) -> None:
    def say_and_close(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"x" * LARGE)

    way = server(folder / "host", say_and_close), relayed((folder / "in", folder / "host"))
    with way[0], way[1], connected(folder / "in") as line:
        assert exactly(line, LARGE + 1) == b"x" * LARGE


def test_when_the_client_closes_the_server_sees_the_end(folder) -> None:
    seen: SimpleQueue[bytes] = SimpleQueue()

    def listen(connection: socket.socket) -> None:
        with connection:
            seen.put(exactly(connection, 9))

    with server(folder / "host", listen), relayed((folder / "in", folder / "host")):
        with connected(folder / "in") as line:
            line.sendall(b"word")
        assert seen.get(timeout=30) == b"word"


def test_a_client_that_leaves_in_the_middle_harms_nobody(inside) -> None:
    for _ in range(20):
        with connected(inside) as line:
            line.sendall(b"x" * 100_000)
    assert echoed(inside, b"still here") == b"still here"


def test_a_client_that_does_not_read_is_cut_off_on_both_sides_and_stops_nobody(folder) -> None:
    ended = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if connection.recv(1) == b"t":
                with suppress(OSError):
                    while True:
                        connection.sendall(b"x" * 65536)
                ended.set()
            else:
                connection.sendall(b"heard")

    with server(folder / "host", talk), relayed((folder / "in", folder / "host")), connected(folder / "in") as deaf:
        deaf.sendall(b"t")
        assert ended.wait(30)
        with connected(folder / "in") as line:
            line.sendall(b"x")
            assert exactly(line, 5) == b"heard"


def test_without_a_server_a_client_finds_its_connection_closed(folder) -> None:
    with relayed((folder / "in", folder / "nobody")), connected(folder / "in") as line:
        assert line.recv(1) == b""


def test_more_connections_than_served_are_closed_and_the_others_live(inside) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(connected(inside)) for _ in range(MOST + 8)]
        for line in lines:
            with suppress(OSError):
                line.sendall(b"x")
        answers = [_answer(line) for line in lines]
    assert sorted(answers) == [b""] * 8 + [b"x"] * MOST
    assert echoed(inside, b"again") == b"again"


def _answer(line: socket.socket) -> bytes:
    try:
        return line.recv(1)
    except ConnectionResetError:
        return b""


def test_a_flood_of_connections_does_not_end_the_program(folder) -> None:
    with server(folder / "host"), relayed((folder / "in", folder / "host")) as program, ExitStack() as stack:
        few = f"prlimit --nofile=600:600 --pid={program.pid}"
        subprocess.run(few.split(), check=True)
        for _ in range(1000):
            stack.enter_context(connected(folder / "in"))
        stack.close()
        assert echoed(folder / "in", b"still here") == b"still here"
        assert program.poll() is None


def test_ends_with_its_input(folder) -> None:
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(folder / "in")]
    done = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, frame(b"R", 0), b"")


def test_what_the_host_says_of_unknown_connections_is_ignored(folder) -> None:
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(folder / "in")]
    said = frame(b"D", 7, b"x") + frame(b"C", 9) + frame(b"?", 1, bytes(1000))
    done = subprocess.run(command, input=said, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")


# The host's end, with a program inside that is somebody else's.


class Foreign:
    """A relay on the host whose other end says what a test wants."""

    def __init__(self, *sockets: Path) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(30)
        self._theirs = theirs
        self.relay = SocketRelay(sockets, iter(lambda: theirs.recv(65536), b""), theirs.sendall)

    def say(self, data: bytes) -> None:
        with suppress(OSError):
            self.ours.sendall(data)

    def hear(self) -> tuple[bytes, int, bytes]:
        kind, number, length = HEAD.unpack(exactly(self.ours, HEAD.size))
        return kind, number, exactly(self.ours, length)

    def close(self) -> None:
        with suppress(OSError):
            self.ours.shutdown(socket.SHUT_RDWR)
        self.relay.close()
        self.ours.close()
        self._theirs.close()


def is_over(foreign: Foreign) -> bool:
    """Whether the relay has given up, and closed all its connections."""
    foreign.relay._thread.join(30)
    return not foreign.relay._thread.is_alive() and not foreign.relay._connections


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(frame(b"D", 1, b"x" * 70_000), id="more than a frame may hold"),
        pytest.param(HEAD.pack(b"D", 1, 0xFFFFFFFF), id="a frame of 4 GB"),
        pytest.param(HEAD.pack(b"O", 2, 0xFFFFFFFF), id="an opening of 4 GB"),
        pytest.param(frame(b"O", 2), id="an opening without a socket"),
        pytest.param(frame(b"O", 2, b"12345"), id="an opening with too much"),
        pytest.param(opened(2, 1), id="a socket that is not mounted"),
        pytest.param(opened(2, 0xFFFFFFFF), id="the last socket"),
        pytest.param(opened(1), id="a connection that is there"),
    ],
)
def test_garbage_ends_the_relay_and_its_connections(folder, garbage) -> None:
    ended = threading.Event()

    def listen(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"hello")
            connection.recv(1)
            ended.set()

    with server(folder / "host", listen), closing(Foreign(folder / "host")) as foreign:
        foreign.say(opened(1))
        assert foreign.hear() == (b"D", 1, b"hello")
        foreign.say(garbage)
        assert is_over(foreign)
        assert ended.wait(30)


@pytest.mark.parametrize("kind", [b"D", b"C", b"R", b"?", b"\0", b"\xff"])
def test_frames_without_sense_are_ignored(folder, kind) -> None:
    with server(folder / "host"), closing(Foreign(folder / "host")) as foreign:
        foreign.say(b"".join(frame(kind, number, b"x" * (number % 7)) for number in range(50_000)))
        foreign.say(opened(60_000) + frame(b"D", 60_000, b"word"))
        assert foreign.hear() == (b"D", 60_000, b"word")


def test_frames_may_come_in_any_pieces(folder) -> None:
    with server(folder / "host"), closing(Foreign(folder / "host")) as foreign:
        for byte in opened(5) + frame(b"D", 5, b"word"):
            foreign.say(bytes([byte]))
        heard = b""
        while len(heard) < 4:
            heard += foreign.hear()[2]
        assert heard == b"word"


def test_no_more_connections_than_allowed_are_made_however_they_are_numbered(folder) -> None:
    with server(folder / "host"), closing(Foreign(folder / "host")) as foreign:
        foreign.say(b"".join(opened(number * 7919) for number in range(200)))
        refused = [foreign.hear() for _ in range(200 - MOST)]
        assert {kind for kind, _, _ in refused} == {b"C"}
        assert len(foreign.relay._connections) == MOST


def test_closing_does_not_wait_for_a_server_that_does_not_read(folder) -> None:
    release = threading.Event()
    connected_once = threading.Event()

    def sit(connection: socket.socket) -> None:
        with connection:
            connected_once.set()
            release.wait(60)

    with server(folder / "host", sit), closing(Foreign(folder / "host")) as foreign, ThreadPoolExecutor(1) as pool:
        foreign.say(opened(1))
        assert connected_once.wait(30)
        flood = pool.submit(foreign.say, frame(b"D", 1, bytes(60_000)) * 100)
        foreign.close()
        assert not foreign.relay._thread.is_alive()
        flood.result(30)
        release.set()


def test_a_program_that_never_says_it_is_ready_is_told(folder, monkeypatch) -> None:
    monkeypatch.setattr(stdio, "_READY_S", 0.05)
    with closing(Foreign(folder / "host")) as foreign, pytest.raises(SandboxError, match="does not start"):
        foreign.relay.await_ready()


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(frame, st.sampled_from([b"O", b"D", b"C"]), st.integers(0, 3), st.binary(max_size=5)),
        )
    )
)
def test_no_bytes_are_more_than_an_end(said: list[bytes]) -> None:
    with closing(Foreign(Path("/nowhere/sock"))) as foreign:
        foreign.say(b"".join(said))
        foreign.ours.shutdown(socket.SHUT_WR)
        assert is_over(foreign)


# What is copied.


def test_copies_hold_files_and_folders_of_the_keeper_and_sockets_are_told_apart(folder) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text("x")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    with server(folder / "sock"):
        found = copies([Mount(source=folder, target="/hgm/agent")])
    assert found.sockets == (("/hgm/agent/sock", folder / "sock"),)
    assert list(found.archives) == ["/hgm"]
    with tarfile.open(fileobj=io.BytesIO(found.archives["/hgm"])) as archive:
        entries = {entry.name: entry for entry in archive}
    assert entries.keys() == {"agent", "agent/sub", "agent/sub/file", "agent/link"}
    assert entries["agent/link"].linkname == "/etc/passwd"
    assert {(entry.uid, entry.uname) for entry in entries.values()} == {(65534, "")}
