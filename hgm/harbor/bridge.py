"""Stands in for hgm's gateway in a container of Harbor's: the agent's Unix socket -> the model that Harbor was given.

    python3 bridge.py COMMAND ...

writes the agent's task from instruction.md, listens, runs the command in the current folder and ends with its status;
how many tokens came and went is left in the file `usage`. Standard library only, Python 3.9 or newer. HGM_MODEL,
HGM_UPSTREAM (up to /v1) and HGM_UPSTREAM_KEY say which model; the agent's own choice of one is replaced.
"""

from __future__ import annotations

import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOCKET = HERE / "gateway" / "sock"
DEADLINE_S = 1800.0
MOST_BYTES = 64 << 20
TOKEN = "harbor"


class Tokens:
    """Of all answers together."""

    def __init__(self) -> None:
        self.came = self.went = 0
        self._lock = threading.Lock()

    def add(self, answer: bytes) -> None:
        try:
            usage = json.loads(answer).get("usage") or {}
            went = int(usage.get("prompt_tokens", usage.get("input_tokens", 0)))
            came = int(usage.get("completion_tokens", usage.get("output_tokens", 0)))
        except (ValueError, AttributeError, TypeError):
            return
        with self._lock:
            self.went, self.came = self.went + went, self.came + came


TOKENS = Tokens()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request of the agent's."""

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES))
        try:
            asked = {**json.loads(body), "model": os.environ["HGM_MODEL"]}
        except (ValueError, TypeError):
            self._answer(400, "application/json", b'{"error": {"message": "not a JSON object"}}')
            return
        key = os.environ["HGM_UPSTREAM_KEY"]
        headers = {"Content-Type": "application/json"}
        if self.path.endswith("/messages"):
            headers.update({"x-api-key": key, "anthropic-version": self.headers.get("anthropic-version", "2023-06-01")})
        else:
            headers["Authorization"] = f"Bearer {key}"
        address = os.environ["HGM_UPSTREAM"].rstrip("/") + self.path[len("/v1") :]
        request = urllib.request.Request(address, json.dumps(asked).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
                answer = reply.read()
                TOKENS.add(answer)
                self._answer(reply.status, reply.headers.get("Content-Type", "application/json"), answer)
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.headers.get("Content-Type", "application/json"), error.read())
        except OSError as error:
            told = json.dumps({"error": {"message": f"the model cannot be reached: {error}"}})
            self._answer(502, "application/json", told.encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "agent"

    def log_message(self, *arguments: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main() -> int:
    task = {
        "protocol": 1,
        "kind": "solve",
        "statement": (HERE / "instruction.md").read_text(),
        "deadline_s": DEADLINE_S,
        "test_command": [],
    }
    (HERE / "task.json").write_text(json.dumps(task))
    SOCKET.parent.mkdir(exist_ok=True)
    SOCKET.unlink(missing_ok=True)
    relay = "http://127.0.0.1:8377"
    env = {name: value for name, value in os.environ.items() if not name.startswith("HGM_UPSTREAM")}
    env.update({"HGM_SOCKET": str(SOCKET), "HGM_TOKEN": TOKEN, "OPENAI_API_KEY": TOKEN, "ANTHROPIC_API_KEY": TOKEN})
    env.update({"OPENAI_BASE_URL": f"{relay}/v1", "ANTHROPIC_BASE_URL": relay})
    with Server(str(SOCKET), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ended = subprocess.run(sys.argv[1:], env=env, stdin=subprocess.DEVNULL, check=False)
        server.shutdown()
    (HERE / "usage").write_text(f"{TOKENS.went} {TOKENS.came}\n")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
