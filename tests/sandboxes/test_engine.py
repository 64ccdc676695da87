import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hgm.errors import SandboxError
from sandboxes.engine import (
    Maker,
    connect,
    engine_trouble,
    first_of,
    is_busy,
    is_dead,
    is_missing,
    is_of_this_user,
    labels,
    sockets,
    this_process,
)
from sandboxes.names import encoded

PODMAN = {
    "/version": {
        "Version": "4.3.1",
        "ApiVersion": "1.41",
        "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}],
    },
    "/info": {"NCPU": 8, "SecurityOptions": ["name=seccomp", "name=rootless"], "Runtimes": {"runsc": {}, "crun": {}}},
}


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "listening.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        yield path


@pytest.fixture
def deaf(tmp_path: Path) -> str:
    """What an engine that was killed leaves."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "deaf.sock"))
    return str(tmp_path / "deaf.sock")


@pytest.fixture
def answering() -> Iterator[Any]:
    """Starts an engine on loopback that answers every path as told, and nothing else."""
    servers = []

    def start(answers: dict[str, Any], busy: str = "") -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = re.sub(r"^/v[0-9.]+", "", self.path)
                status = 409 if path == busy else 200 if path in answers else 404
                body = json.dumps(answers[path] if status == 200 else {"message": "in progress"}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever).start()
        return f"tcp://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def nothing(program: str) -> None:
    return None


def test_the_first_that_listens_is_taken(listening, deaf, tmp_path) -> None:
    assert first_of([str(tmp_path / "none"), deaf, listening], nothing) == listening


def test_the_users_own_sockets_are_asked_after_the_systems() -> None:
    found = sockets({"XDG_RUNTIME_DIR": "/run/user/7"})
    assert found[:2] == ["/var/run/docker.sock", "/run/user/7/docker.sock"]
    assert "/run/podman/podman.sock" in found
    assert "/run/user/7/podman/podman.sock" not in found, "a user's own Podman may not limit a workspace"


@pytest.mark.parametrize(
    ("installed", "advice"),
    [
        ("dockerd", r"not running: sudo systemctl start docker"),
        ("podman", r"sudo systemctl start podman\.socket"),
        ("", r"neither Docker nor Podman is installed: https://"),
    ],
)
def test_where_nobody_listens_the_one_thing_to_do_is_told(tmp_path, installed, advice) -> None:
    with pytest.raises(SandboxError, match=advice):
        first_of([str(tmp_path / "none")], lambda program: program if program == installed else None)


def test_an_engine_that_is_gone_is_told_to_be_started(deaf) -> None:
    with pytest.raises(SandboxError, match="not running"):
        first_of([deaf], nothing)


@pytest.mark.needs("root")
@pytest.mark.parametrize("is_said", [False, True])
def test_a_socket_of_others_is_told_with_the_ways_in(listening, is_said) -> None:
    ask = f"from sandboxes.engine import first_of; first_of([{listening!r}])"
    if is_said:
        ask = f"os.environ['DOCKER_HOST'] = 'unix://' + {listening!r}; sandboxes.engine.connect()"
    os.chmod(listening, 0o600)
    done = subprocess.run(
        [sys.executable, "-c", f"import os; import sandboxes.engine; os.setuid(65534); {ask}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "permission denied on the engine's socket" in done.stderr
    assert "usermod -aG docker" in done.stderr
    assert "dockerd-rootless-setuptool.sh" in done.stderr


@pytest.mark.parametrize("host", ["unix:///nowhere/at.all", "tcp://127.0.0.1:9", "tcp://", "nonsense", "fd://3"])
def test_a_docker_host_that_leads_nowhere_is_named(monkeypatch, host) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(SandboxError, match=rf"{re.escape(host)}.*unset (it|DOCKER_HOST)"):
        connect()


def test_docker_host_comes_before_what_is_here(monkeypatch, answering) -> None:
    host = answering(PODMAN)
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    engine = connect()
    assert (engine.name, engine.version, engine.processors, engine.host) == ("Podman", "4.3.1", 8, host)
    assert engine.is_rootless
    assert not engine.is_local
    assert engine.runtimes == ("crun", "runsc")
    assert connect() is engine


@pytest.mark.parametrize("answers", [{}, {"/version": {}}, {"/version": ["?"]}, {"/version": {"ApiVersion": "0.9"}}])
def test_what_is_no_engine_is_no_engine(monkeypatch, answering, answers) -> None:
    monkeypatch.setenv("DOCKER_HOST", answering(answers))
    with pytest.raises(SandboxError, match="no engine answers"):
        connect()


def test_its_errors_are_ours(monkeypatch, answering) -> None:
    monkeypatch.setenv("DOCKER_HOST", answering(PODMAN))
    api = connect().api
    with pytest.raises(SandboxError, match="asking: NotFound") as missing, engine_trouble("asking"):
        api.inspect_container("nobody")
    assert is_missing(missing.value)
    assert not is_busy(missing.value)
    with pytest.raises(SandboxError, match="asking: TimeoutError"), engine_trouble("asking"):
        raise TimeoutError
    with pytest.raises(ZeroDivisionError), engine_trouble("asking"):
        assert 1 / 0


def test_what_is_being_done_already_is_told_apart(monkeypatch, answering) -> None:
    monkeypatch.setenv("DOCKER_HOST", answering(PODMAN, busy="/containers/x/json"))
    with pytest.raises(SandboxError, match="in progress") as busy, engine_trouble("asking"):
        connect().api.inspect_container("x")
    assert is_busy(busy.value)
    assert not is_missing(busy.value)


@pytest.mark.needs("docker")
def test_the_engine_of_this_machine() -> None:
    engine = connect()
    assert engine.api.ping()
    assert engine.processors >= 1
    assert engine.name in ("Docker", "Podman")


def test_labels_say_whose_a_thing_is() -> None:
    found = labels("../odd run/é", "job\n")
    assert found == {
        "hgm.run": encoded("../odd run/é"),
        "hgm.job": encoded("job\n"),
        "hgm.maker": str(this_process()),
    }
    assert is_of_this_user(found["hgm.maker"])


def test_a_maker_is_dead_once_its_process_is() -> None:
    ask = "from sandboxes.engine import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", ask],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        maker = process.stdout.readline().strip()
        assert not is_dead(maker)
        process.communicate("\n")
    assert is_dead(maker)


def test_another_process_of_the_same_number_is_not_the_maker() -> None:
    here = this_process()
    assert not is_dead(str(here))
    assert is_dead(str(here._replace(process=f"{os.getpid()}-1")))
    assert is_dead(str(here._replace(boot="0" * 12)))


@pytest.mark.parametrize("maker", ["", "?", "a.b", str(Maker("0" * 12, "0" * 12, "1-1"))])
def test_nobody_knows_about_makers_elsewhere(maker) -> None:
    assert not is_dead(maker)
    assert not is_of_this_user(maker)
