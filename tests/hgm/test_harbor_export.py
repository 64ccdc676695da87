"""The folder that Harbor runs an agent from, in a real container, with a scripted model in the place of a provider."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hgm.agents_by_name import BUNDLED
from hgm.contract import read_agent
from hgm.errors import AgentError
from hgm.harbor_export import harbor_files
from sandboxes.base import File
from sandboxes.images import image_name
from tests.hgm.small_lab import MANIFEST, agent
from trees.archive import put_files

UPSTREAM = """
import http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        calls.append((self.path, self.headers["Authorization"], asked["model"], len(asked["messages"])))
        open("/tmp/calls", "w").write(json.dumps(calls))
        if len(calls) == 1:
            call = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": json.dumps({"command": "echo done >answer.txt"})}}
            message = {"role": "assistant", "content": "I write it.", "tool_calls": [call]}
        else:
            message = {"role": "assistant", "content": "Done."}
        body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

calls = []
http.server.HTTPServer(("127.0.0.1", 9999), Handler).serve_forever()
"""  # noqa: E501


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    put_files(harbor_files(read_agent(BUNDLED / "seed")), tmp_path / "harbor")
    return tmp_path / "harbor"


@pytest.fixture
def container(exported: Path):
    """Runs a shell line in a container that has what the adapter uploads."""
    made = subprocess.run(
        ["docker", "run", "-d", "--rm", "--network", "none", "-w", "/app", image_name(), "sleep", "600"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()

    def run(line: str, **env: str) -> str:
        words = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(
            ["docker", "exec", *words, made, "sh", "-c", line], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    subprocess.run(["docker", "cp", "-q", f"{exported / 'container'}/.", f"{made}:/hgm"], check=True)
    yield run
    subprocess.run(["docker", "rm", "-f", "-v", made], capture_output=True, check=True)


@pytest.mark.needs("docker")
def test_the_agent_works_with_the_model_that_harbor_names(container: Callable[..., str]) -> None:
    container("sh /hgm/install.sh")
    container(f"cat >/tmp/upstream.py <<'END'\n{UPSTREAM}\nEND\n(python3 /tmp/upstream.py >/dev/null 2>&1 &)")
    knock = "import socket; socket.create_connection(('127.0.0.1', 9999))"
    container(f'until python3 -c "{knock}" 2>/dev/null; do sleep 0.1; done')
    container("printf 'Write done into answer.txt.' >/hgm/instruction.md")
    upstream = {"HGM_MODEL": "big-1", "HGM_UPSTREAM": "http://127.0.0.1:9999/v1", "HGM_UPSTREAM_KEY": "k-1"}
    container("sh /hgm/run.sh", **upstream)
    assert container("cat /app/answer.txt") == "done\n"
    calls = json.loads(container("cat /tmp/calls"))
    assert {tuple(call[:3]) for call in calls} == {("/v1/chat/completions", "Bearer k-1", "big-1")}
    assert container("cat /hgm/usage") == f"{7 * len(calls)} {2 * len(calls)}\n"
    assert json.loads(container("cat /hgm/task.json"))["statement"] == "Write done into answer.txt."


def test_a_relay_is_started_for_agents_that_speak_http() -> None:
    agent = read_agent(BUNDLED / "seed")
    manifest = agent[b"agent.toml"].data.replace(b"relay = false", b"relay = true")
    files = harbor_files({**agent, b"agent.toml": File(manifest)})
    assert b"python3 /hgm/relay.py -- python3 -S" in files[b"container/run.sh"].data


def test_nothing_of_the_agent_is_left_out(exported: Path) -> None:
    seed = read_agent(BUNDLED / "seed")
    for name, file in seed.items():
        assert (exported / "container" / "agent" / name.decode()).read_bytes() == file.data
    assert "HgmAgent" in (exported / "hgm_agent.py").read_text()


def test_an_agent_on_pages_has_no_place_in_harbor() -> None:
    with pytest.raises(AgentError, match="does gui"):
        harbor_files(agent(manifest=f'{MANIFEST}kinds = ["gui"]\n'))
