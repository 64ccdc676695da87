"""What the gateway expects of every backbone that runs in a child process; one suite over all of them."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest

from hgm.backbones import scripted
from hgm.backbones.builtin import server as builtin
from hgm.gateway.unix_http import UnixConnection, exchange

REQUEST = {
    "model": "rules",
    "messages": [{"role": "user", "content": "hello"}],
    "seed": 1,
    "max_tokens": 100,
    "tools": [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}],
}


@pytest.fixture(params=["builtin", "scripted"])
def backbone(request):
    folder = Path(tempfile.mkdtemp(prefix="hgm-", dir="/tmp"))
    (folder / "script.json").write_text(json.dumps([{"text": "fine", "repeat": True}]))
    options = {"builtin": [builtin.__file__], "scripted": [scripted.__file__, "--script", str(folder / "script.json")]}
    path = folder / "sock"
    command = [sys.executable, "-I", "-S", *options[request.param], "--socket", str(path)]
    with subprocess.Popen(command, env={}, cwd="/") as process:
        deadline = monotonic() + 20
        while not listening(path):
            assert process.poll() is None
            assert monotonic() < deadline
        yield path
        process.kill()
    shutil.rmtree(folder)


def listening(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def ask(path, body=REQUEST):
    return exchange(path, "POST", "/v1/chat/completions", body=body, timeout_s=20)


def test_it_is_healthy(backbone):
    assert exchange(backbone, "GET", "/health").status == 200


def test_it_answers_with_a_message_and_a_usage(backbone):
    status, answer = ask(backbone)
    assert status == 200
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["usage"]["prompt_tokens"] > 0
    assert answer["usage"]["completion_tokens"] > 0


def test_the_same_request_gets_the_same_message(backbone):
    first, second = (ask(backbone).body["choices"] for _ in range(2))
    assert first == second


def test_a_connection_serves_many_requests(backbone):
    connection = UnixConnection(backbone, timeout_s=20)
    for _ in range(5):
        connection.request("POST", "/v1/chat/completions", json.dumps(REQUEST), {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, bool(json.loads(response.read()))) == (200, True)
    connection.close()


def test_idle_connections_do_not_keep_others_waiting(backbone):
    idle = [UnixConnection(backbone, timeout_s=20) for _ in range(20)]
    for connection in idle:
        connection.connect()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, [backbone] * 48))
    assert {answer.status for answer in answers} == {200}
    for connection in idle:
        connection.close()


def test_an_unknown_path_is_an_error_in_json(backbone):
    status, answer = exchange(backbone, "POST", "/v1/other", body={})
    assert (status, "error" in answer) == (404, True)
