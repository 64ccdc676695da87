"""The relay: bytes both ways, many connections in one thread, the command's status, no secret."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress

import pytest

from hgm.gateway import relay


def run(command, *, path="/nowhere", python=sys.executable, **options):
    return subprocess.run(
        [python, "-I", "-S", relay.__file__, *command],
        env={"HGM_SOCKET": str(path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.fixture
def echo(tmp_path):
    """A server that sends everything back, and says when a connection has ended."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)


def serve(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=send_back, args=(connection,), daemon=True).start()


def send_back(connection):
    with connection, suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["true"], 0),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-command"], 127),
    ],
)
def test_the_commands_status_is_its_own(command, status):
    assert run(["--", *command]).returncode == status


@pytest.mark.parametrize("arguments", [[], ["--"], ["true"]])
def test_misuse_is_said(arguments):
    ended = run(arguments)
    assert (ended.returncode, ended.stderr) == (2, "usage: relay.py -- COMMAND ...\n")


def test_the_command_has_the_relays_standard_streams():
    assert run(["--", "sh", "-c", "cat; echo err >&2"], input="in").stdout == "in"


CLIENT = textwrap.dedent("""
    import os, socket, sys, threading
    def talk(number):
        data = os.urandom(3_000_000)
        s = socket.create_connection(("127.0.0.1", 8377))
        threading.Thread(target=s.sendall, args=(data,)).start()
        got = bytearray()
        while len(got) < len(data):
            part = s.recv(65536)
            assert part, "cut off"
            got += part
        assert got == data
        s.close()
        done.append(number)
    done = []
    threads = [threading.Thread(target=talk, args=(n,)) for n in range(20)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    print(len(done), len(os.listdir(f"/proc/{os.getppid()}/task")))
""")


def test_many_large_transfers_at_once_come_through_whole_in_two_threads(echo):
    ended = run(["--", sys.executable, "-c", CLIENT], path=echo)
    assert ended.stdout.split() == ["20", "2"], ended.stderr


def test_a_client_that_does_not_read_stops_nobody_else(echo):
    program = textwrap.dedent("""
        import socket
        lazy = socket.create_connection(("127.0.0.1", 8377))
        lazy.setblocking(False)
        try:
            while True:
                lazy.send(b"x" * 65536)
        except BlockingIOError:
            pass
        quick = socket.create_connection(("127.0.0.1", 8377))
        for _ in range(100):
            quick.sendall(b"ping")
            assert quick.recv(4) == b"ping"
        print("ok")
    """)
    assert run(["--", sys.executable, "-c", program], path=echo).stdout == "ok\n"


def test_without_a_gateway_a_client_finds_its_connection_closed():
    program = "import socket; print(socket.create_connection(('127.0.0.1', 8377)).recv(1))"
    assert run(["--", sys.executable, "-c", program]).stdout == "b''\n"


def test_when_the_gateway_closes_the_client_sees_it_and_the_other_way_round(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        program = textwrap.dedent("""
            import socket
            s = socket.create_connection(("127.0.0.1", 8377))
            print(s.recv(100), s.recv(100))
            socket.create_connection(("127.0.0.1", 8377)).close()
            input()
        """)
        with subprocess.Popen(
            [sys.executable, relay.__file__, "--", sys.executable, "-c", program],
            env={"HGM_SOCKET": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            first, _ = listener.accept()
            with first:
                first.sendall(b"last words")
            second, _ = listener.accept()
            with second:
                assert second.recv(1) == b""
            assert process.communicate(b"\n")[0] == b"b'last words' b''\n"


def test_a_signal_to_the_relay_reaches_the_command():
    program = "import signal, sys; signal.signal(15, lambda *_: sys.exit(5)); print('up', flush=True); signal.pause()"
    with subprocess.Popen(
        [sys.executable, relay.__file__, "--", sys.executable, "-c", program],
        env={"HGM_SOCKET": "/nowhere", "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 5


def test_it_starts_on_python_3_9():
    python = next((path for path in pythons("3.9") if os.access(path, os.X_OK)), None)
    if python is None:
        pytest.skip("no Python 3.9 on this machine")
    assert run(["--", "sh", "-c", "exit 3"], python=python).returncode == 3


def pythons(version):
    from glob import glob

    return [f"/usr/bin/python{version}", *glob(os.path.expanduser(f"~/.pyenv/versions/{version}*/bin/python"))]
