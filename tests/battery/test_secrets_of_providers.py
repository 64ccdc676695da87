"""A provider that quotes the key it is asked with: a search and an evaluation, and every byte that they left."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from hgm.run import read
from tests.battery.test_secrets import SMALL, Watch, contents, names_in
from tests.hgm.small_lab import agent
from trees.folders import write_folder

pytestmark = pytest.mark.needs("bubblewrap")

PROBE_TOKENS = 16
GOSSIP = """\
import json, os, sys
if "--self-test" in sys.argv:
    sys.exit(0)
from model import ask
shown = sorted(os.path.join(at, name) for at, _, names in os.walk("/hgm/evidence") for name in names)
question = "".join(path + open(path, encoding="utf-8").read() for path in shown)[:50000] or "hello"
answer = ask(question).decode("latin-1")
print("it said", answer, os.environ)
print(answer, file=sys.stderr)
kind = json.load(open("/hgm/task.json"))["kind"]
name = "main.py" if kind == "improve" else "said.txt"
with open(name, "a", encoding="utf-8") as file:
    file.write("# " + ascii(answer) + "\\n")
sys.exit("pwned" in answer)
"""


def planted() -> dict[str, str]:
    """Canaries of all kinds that a key can be of; `MYCRED` is the one that the provider is asked with."""
    return {
        "OPENAI_API_KEY": f"sk-proj-{secrets.token_urlsafe(24)}",
        "ANTHROPIC_API_KEY": b64encode(secrets.token_bytes(33)).decode(),
        "SOMEBODYS_TOKEN": f'"\\{secrets.token_hex(12)}/ünïcode~<&>',
        "MYCRED": f"cred+/{secrets.token_hex(16)}==",
    }


class Gossip(BaseHTTPRequestHandler):
    """Chat completions and their failures; each tells the key in several spellings."""

    protocol_version = "HTTP/1.1"
    numbers: ClassVar[Iterator[int]] = count()
    asked: ClassVar[set[int]] = set()

    def do_POST(self) -> None:
        """One call."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        header = self.headers["Authorization"] or ""
        key = header.removeprefix("Bearer ")
        spelled = [
            header,
            json.dumps(key),
            quote(key, safe=""),
            b64encode(header.encode()).decode(),
            key[: len(key) * 2 // 3],
        ]
        if min(request.get(name, 99) for name in ("max_tokens", "max_output_tokens")) <= PROBE_TOKENS:
            self._send(200, self._answer(spelled))
            return
        number = next(self.numbers)
        status = {3: 401, 5: 500, 8: 400, 10: 429, 12: 403}.get(number % 16, 200)
        self.asked.add(status)
        if number % 16 == 14:
            self._write(200, f"no JSON but {key}".encode())
        elif status == 200:
            self._send(200, self._answer(spelled))
        else:
            self._send(status, {"error": {"message": f"refused: {spelled}", "type": "x", "code": key, "param": header}})

    def _answer(self, spelled: list[str]) -> dict[str, Any]:
        message = {
            "role": "assistant",
            "content": f"Improve it. {spelled}",
            "reasoning": spelled[0],
            spelled[2]: spelled,
        }
        return {
            "id": spelled[0],
            "model": spelled[0],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 5, "key": spelled[0]},
        }

    def _send(self, status: int, body: object) -> None:
        self._write(status, json.dumps(body).encode())

    def _write(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Key", self.headers["Authorization"] or "")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gossip() -> Iterator[str]:
    """The provider's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Gossip) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path, and in it an agent that repeats whatever it hears."""
    with tempfile.TemporaryDirectory(prefix="hgm-p-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "t").mkdir()
        write_folder(agent(GOSSIP), folder / "agent", read_only=False)
        yield folder


def run(place: Path, keys: dict[str, str], *words: str) -> tuple[int, bytes]:
    """`hgm` with the canaries in its environment, looked at by anybody who may; its status and all that it printed."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "PYTHONPATH")}
    env = {**kept, **keys, "TMPDIR": str(place / "t"), "HOME": str(place), "XDG_CACHE_HOME": str(place / "c")}
    command = [sys.executable, "-m", "hgm", *words]
    with (
        subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
        Watch(process.pid, keys, (place,)) as watch,
    ):
        said, _ = process.communicate()
    assert watch.leaks == set()
    return process.returncode, said


def test_what_a_provider_quotes_reaches_no_agent_no_file_and_nobody(gossip: str, place: Path) -> None:
    keys = planted()
    provider = ("-o", f"providers.mine.base_url={gossip}", "-o", "providers.mine.key=MYCRED")
    chosen = ("--backbone", "mine/model", "--sandbox", "bubblewrap", *provider)
    limits = ("-o", "policy.options.root_evaluations=4", "-o", "expansion.modes={filesystem=1,reaction_norm=1}")
    status, said = run(
        place, keys, "search", "--agent", "./agent", *SMALL, *chosen, "--budget", "12", "--record", "told", *limits
    )
    assert status == 0, said.decode()
    status, more = run(place, keys, "evaluate", "./agent", *chosen, "--limit", "6", "--json", "result.json")
    assert status == 0, more.decode()
    assert {400, 401, 500} <= Gossip.asked
    assert names_in(said + more, keys) == set()
    written = dict(contents(place))
    assert {name: found for name, data in written.items() if (found := names_in(data, keys))} == {}
    heard = [name for name, data in written.items() if b"Improve it. " in data and b"[redacted]" in data]
    assert any("(objects)" in name for name in heard), "a child holds what the model said"
    assert any("trajectories" in name for name in heard)
    assert any("told" in name for name in heard)
    assert any(b"/hgm/evidence/README.txt" in data for data in written.values()), "an editor has sent its evidence"
    asked = next(Gossip.numbers)
    status, said = run(place, {}, "search", "--replay", "told", "--run", "again", "--quiet")
    assert (status, next(Gossip.numbers)) == (0, asked + 1), said.decode()
    assert read(place / "runs" / "again").essence() == read(place / "runs" / "r").essence()


def test_an_address_with_a_password_is_refused_without_repeating_it(place: Path) -> None:
    keys = {"PASSWORD_IN_URL": f"pw-{secrets.token_hex(8)}"}
    address = f"providers.mine.base_url=http://me:{keys['PASSWORD_IN_URL']}@127.0.0.1/v1"
    command = [sys.executable, "-m", "hgm", "search", "--budget", "40", "-o", address]
    ended = subprocess.run(command, cwd=place, capture_output=True, check=False)
    assert ended.returncode == 2
    assert b"holds no password" in ended.stderr
    assert names_in(ended.stdout + ended.stderr, keys) == set()
