"""The server as a process: what it answers, what cannot kill it, and what its answers depend on."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from hgm.backbones.builtin import server as module
from hgm.gateway.unix_http import UnixConnection, exchange
from tests.backbones.builtin.talk import TOOLS, did, improving, request, solving, system, user

PATIENCE_S = 2.0


@contextmanager
def served(**environment):
    folder = Path(tempfile.mkdtemp(prefix="hgm-", dir="/tmp"))
    path = folder / "sock"
    flags = ("-S", "-s") if environment else ("-I", "-S")  # -I ignores PYTHONHASHSEED
    command = [sys.executable, *flags, module.__file__, "--socket", str(path)]
    with subprocess.Popen(command, env=environment, cwd="/") as process:
        deadline = monotonic() + 20
        while not listening(path):
            assert process.poll() is None
            assert monotonic() < deadline
        yield path
        assert process.poll() is None
        process.kill()
    shutil.rmtree(folder)


def listening(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture(scope="module")
def backbone():
    with served() as path:
        yield path


def post(path, body, timeout_s=20):
    """Status and bytes of the answer."""
    connection = UnixConnection(path, timeout_s=timeout_s)
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def raw(path, data):
    """All that comes back for raw bytes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def reads(text, path="program.py"):
    return request(*solving(files={path: text}))


def fails(text, report):
    return request(*solving(files={"program.py": text}, report=report))


FUNCTION = "def f(n):\n    return n - 1\n"
DEEP_DATA = "[" * 5000 + "]" * 5000
HOSTILE = {
    "nothing": b"",
    "half an object": b"{",
    "no text": b"\xff\xfe\x00",
    "deep lists": b"[" * 1_000_000,
    "deep objects": b'{"a":' * 200_000,
    "a number": b"7",
    "null": b"null",
    "a list": b"[]",
    "an empty object": b"{}",
    "messages are an object": {"messages": {}},
    "no messages": {"messages": []},
    "messages are numbers": {"messages": [1, 2]},
    "a message without a role": {"messages": [{"content": "x"}]},
    "a role that is a list": {"messages": [{"role": ["user"], "content": "x"}]},
    "an unknown role": {"messages": [{"role": "\0", "content": "x"}]},
    "content of every type": {
        "messages": [
            {"role": "user", "content": value} for value in (1, None, {}, [1], [{"text": 3}], [[]], True, 1e308)
        ]
    },
    "tool calls of every type": {
        "messages": [
            {"role": "assistant", "tool_calls": value}
            for value in (1, "x", {}, [1], [{"function": 1}], [{"function": {"name": 1}}])
        ]
        + [
            {"role": "assistant", "tool_calls": [{"id": [], "function": {"name": "bash", "arguments": value}}]}
            for value in (1, None, [], {}, "{", "7", '{"command": 1}', '{"command": {"a": []}}', DEEP_DATA)
        ]
        + [{"role": "tool", "tool_call_id": {}, "content": 7}],
        "tools": TOOLS,
    },
    "tools are text": {"messages": [user("x")], "tools": "bash"},
    "tools of every type": {
        "messages": [user("x")],
        "tools": [1, {}, None, {"function": 1}, {"function": {"name": []}}]
        + [
            {"function": {"name": "bash", "description": 1, "parameters": value}}
            for value in (1, [], {"properties": []})
        ]
        + [
            {
                "function": {
                    "name": "bash",
                    "parameters": {"properties": {"command": 1, "": []}, "required": [1, [], {}]},
                }
            }
        ],
    },
    "a seed in words": {"messages": [user("x")], "seed": "x"},
    "a seed that is a fraction": {"messages": [user("x")], "seed": 0.5},
    "a seed of 4000 digits": {"messages": [user("x")], "seed": 10**4000},
    "a seed of 5000 digits": b'{"messages": [{"role": "user", "content": "x"}], "seed": ' + b"9" * 5000 + b"}",
    "not a number": b'{"messages": [{"role": "user", "content": "x"}], "seed": NaN, "temperature": Infinity}',
    "streaming": {"messages": [user("x")], "stream": True},
    "unknown fields": {"messages": [{**user("x"), "mood": {}}], "tools": TOOLS, "spell": "abracadabra", "n": 10**9},
    "half a character": b'{"messages": [{"role": "user", "content": "\\ud800"}], "tools": []}',
    "half a character in a file": reads("x = '\ud800'\n"),
    "a thousand messages": request(system("Mend."), *[user("x")] * 999),
    "too many messages": request(*[user("x")] * 2001),
    "too many characters": request(*[user("x" * 100_000)] * 20),
    "10^4 parentheses": reads("x = " + "(" * 10_000 + "1" + ")" * 10_000 + "\n"),
    "10^4 parentheses over lines": reads("x = (" + "(\n" * 10_000 + "1" + ")" * 10_000 + ")\n"),
    "10^4 minus signs": reads("x = " + "-\\\n" * 10_000 + "1\n"),
    "10^4 additions": reads("x = 1" + " +\\\n 1" * 5_000 + "\n"),
    "deep blocks": reads("".join(f"{' ' * depth}if x:\n" for depth in range(90)) + " " * 90 + "pass\n"),
    "a chain of elif": reads("if x:\n    pass\n" + "elif x:\n    pass\n" * 2_000),
    "zero bytes": reads("x = 1\0\n"),
    "one long line": reads("x = [" + "1, " * 19_000 + "]\n"),
    "many small statements": reads("x = 1\n" * 9_000),
    "an endless loop": fails("def f(n):\n    while True:\n        n += 1\n", "FAIL f(3): expected 2, timed out\n"),
    "endless recursion": fails("def f(n):\n    return f(n)\n", "FAIL f(3): expected 2, raised RecursionError: x\n"),
    "a huge number": fails("def f(n):\n    return 9 ** 9 ** 9 ** n\n", "FAIL f(3): expected 2, timed out\n"),
    "a shift": fails("def f(n):\n    return 1 << 10 ** 12\n", "FAIL f(3): expected 2, raised MemoryError: \n"),
    "a huge text": fails("def f(n):\n    return 'ab' * 10 ** 11\n", "FAIL f(3): expected 2, raised MemoryError: \n"),
    "a huge list": fails("def f(n):\n    return list(range(10 ** 12))\n", "FAIL f(3): expected 2, timed out\n"),
    "a huge sum": fails("def f(n):\n    return sum(range(10 ** 12))\n", "FAIL f(3): expected 2, timed out\n"),
    "a list that doubles": fails(
        "def f(n):\n    a = [n]\n    for _ in range(2000):\n        a += a\n    return a\n",
        "FAIL f(3): expected 2, got 3\n",
    ),
    "a number that squares": fails(
        "def f(n):\n    for _ in range(2000):\n        n *= n\n    return n\n", "FAIL f(3): expected 2, got 3\n"
    ),
    "a text that grows by format": fails(
        "def f(n):\n    return f'{n:>10000000000}'\n", "FAIL f(3): expected 2, got 3\n"
    ),
    "a search through lists of lists": fails(
        "def f(n):\n    inner = [0] * 2000\n    outer = [inner] * 1999\n    x = [0] * 1999 + [1]\n    c = 0\n"
        "    while c < 300:\n" + "        if x in outer: c += 2\n" * 7 + "        c += 1\n    return c\n",
        "FAIL f(1): expected 3, got 4\nFAIL f(2): expected 3, got 4\n0 of 2 passed\n",
    ),
    "a map of many functions": fails(
        "def f(n):\n    a = [list(range(2000))] * 2000\n    while n:\n        b = map(sorted, a)\n    return n\n",
        "FAIL f(3): expected 2, timed out\n",
    ),
    "rounding to a power of ten": fails("def f(n):\n    return round(n, -10 ** 9)\n", "FAIL f(3): expected 2, got 0\n"),
    "a list inside itself": fails(
        "def f(n):\n    a = []\n    a.append(a)\n    return a == a\n", "FAIL f(3): expected 2, got True\n"
    ),
    "the way out of a tracer": fails(
        "def f(n):\n    return ().__class__.__base__.__subclasses__()\n", "FAIL f(3): expected 2, got []\n"
    ),
    "a call in a report that is none": fails(FUNCTION, "FAIL __import__('os').abort(): expected 2, got 3\n"),
    "a deep report": fails(FUNCTION, f"FAIL f({'(' * 700}): expected {'[' * 200}, got {'-' * 300}1\n"),
    "a report of 10^4 failures": fails(FUNCTION, "FAIL f(3): expected 2, got 3\n" * 2_000),
    "a report that counts without end": fails(FUNCTION, f"{'9' * 5000} of 3 passed\nRan {'9' * 5000} tests in 1s\n"),
    "spaces": request(system("Mend. " + " \t" * 30_000), user("\n" + " " * 60_000), *did("bash", " " * 60_000)),
    "a diagnosis of noise": request(system("Diagnose. Write a brief."), user("| edit {" * 15_000), tools=[]),
    "an own file of noise": request(*improving(), *did("bash", "x = (1 < 2) and y\n" * 2_000, command="cat noise.py")),
}


@pytest.mark.parametrize("name", [*HOSTILE])
def test_a_hostile_request_gets_a_reply_or_an_error_in_time(backbone, name):
    start = monotonic()
    status, body = post(backbone, HOSTILE[name])
    took = monotonic() - start
    assert status in (200, 400)
    assert "error" in json.loads(body) or json.loads(body)["choices"]
    assert took < PATIENCE_S
    assert exchange(backbone, "GET", "/health").status == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 999999999999999999999", 413),
        ("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 8000001", 413),
        ("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -1", 411),
        ("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: \u00b2", 411),
        ("POST /v1/chat/completions HTTP/1.1", 411),
        ("POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2", 411),
        ("POST /v1/embeddings HTTP/1.1\r\nContent-Length: 0", 404),
        ("GET /etc/passwd HTTP/1.1", 404),
        ("DELETE / HTTP/1.1", 501),
        ("nonsense", 400),
        ("GET /" + "a" * 70_000 + " HTTP/1.1", 414),
        ("GET /health HTTP/1.1\r\n" + "\r\n".join(f"A{number}: b" for number in range(200)), 431),
    ],
)
def test_malformed_http_is_an_error_in_json(backbone, head, status):
    answer = raw(backbone, f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert b"HTTP/1.1 %d" % status in answer or head == "nonsense"
    assert "message" in json.loads(answer.rpartition(b"\r\n\r\n")[2] or answer)["error"]


def test_a_client_that_leaves_in_the_middle_harms_nobody(backbone):
    for _ in range(20):
        assert raw(backbone, b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{") == b""
    assert exchange(backbone, "GET", "/health").status == 200


def test_a_connection_goes_on_after_an_error(backbone):
    connection = UnixConnection(backbone, timeout_s=20)
    connection.connect()
    first = connection.sock
    seen = []
    for body in (b"{", b"[]", json.dumps(request(user("x"))).encode()):
        connection.request("POST", "/v1/chat/completions", body)
        response = connection.getresponse()
        seen.append((response.status, bool(response.read()), connection.sock is first))
    connection.close()
    assert seen == [(400, True, True), (400, True, True), (200, True, True)]


def conversations():
    """Requests of every role, with several seeds."""
    for seed in range(5):
        yield request(*solving(), seed=seed)
        yield request(*solving(report=""), seed=seed)
        yield request(*improving(), seed=seed)
        yield request(system("Diagnose. Write a brief."), user("| edit {}\n[cut 3]"), seed=seed, tools=[])


def test_a_request_gets_the_same_bytes_in_another_process_in_another_order():
    answers = []
    for number in ("1", "2"):
        order = list(conversations())[:: 1 if number == "1" else -1]
        with served(PYTHONHASHSEED=number) as path:
            found = [post(path, item) for item in order]
        answers.append(found[:: 1 if number == "1" else -1])
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} == {200}
    for role in range(4):
        assert len(set(answers[0][role::4])) > 1, "the seed makes no difference"


def test_answers_do_not_depend_on_what_is_beside_messages_tools_and_seed(backbone):
    plain = request(*solving(), seed=3)
    assert post(backbone, plain) == post(backbone, {**plain, "model": "x", "temperature": 2, "user": "somebody"})


WATCHED = """
import sys
sys.path.insert(0, sys.argv[1])
from hgm.backbones.builtin import model, wire
bodies = [line.encode() for line in sys.stdin]
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments)[:200])))
for body in bodies:
    request = wire.parse(body)
    wire.render(request, model.answer(request))
quoting = ("open", "('<unknown>', 'rb', 0)")  # for a SyntaxError, Python looks for a file named as the source is
print([event for event in seen if event[0] not in ("compile", "builtins.id") and event != quoting])
"""


def test_answering_opens_no_file_starts_no_process_and_runs_no_code():
    lines = "".join(f"{json.dumps(item)}\n" for item in conversations())
    root = str(Path(module.__file__).parents[3])
    command = [sys.executable, "-I", "-S", "-c", WATCHED, root]
    run = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_usage_is_told():
    run = subprocess.run([sys.executable, "-I", "-S", module.__file__], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "usage" in run.stderr
