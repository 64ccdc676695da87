"""A real registry, and a proxy before it that limits, fails and lacks."""

import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hgm.cli.app import app
from hgm.errors import SandboxError
from sandboxes import shelf
from sandboxes.base import File
from sandboxes.engine import Engine, connect
from sandboxes.images import is_built
from sandboxes.pulling import FAILED_S, LIMITED_S, pull
from sandboxes.recipes import Recipe, build
from sandboxes.sealing import FROM_LABEL, REPOSITORY

pytestmark = pytest.mark.needs("registry")
LIMITED = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}'


class Proxy:
    """Answers requests for manifests with what `answers` holds, then as the registry does, but for what it `lacks`."""

    def __init__(self, registry: str) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.lacks = "\0"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if "/manifests/" in self.path and (outer.answers or outer.lacks in self.path):
                    answer = outer.answers.pop(0) if outer.answers else (404, b"{}")
                    self._answer(*answer, {"Content-Type": "application/json", "Retry-After": "3"})
                    return
                asked = urllib.request.Request(f"http://{registry}{self.path}", method=self.command)
                for name in ("Accept", "Range"):
                    for value in self.headers.get_all(name, []):
                        asked.add_header(name, value)
                try:
                    reply: Any = urllib.request.urlopen(asked)
                except urllib.error.HTTPError as error:
                    reply = error
                with reply:
                    kept = ("content-type", "docker-content-digest", "docker-distribution-api-version", "etag")
                    headers = {name: value for name, value in reply.headers.items() if name.lower() in kept}
                    self._answer(reply.status, reply.read(), headers, length=reply.headers.get("Content-Length"))

            do_HEAD = do_GET  # noqa: N815

            def _answer(self, status: int, body: bytes, headers: dict[str, str], length: str | None = None) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    place, port = tmp_path_factory.mktemp("registry"), free_port()
    (place / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {place}/data}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n"
    )
    with (place / "log").open("wb") as log:
        running = subprocess.Popen(["docker-registry", "serve", place / "config.yml"], stdout=log, stderr=log)
        try:
            until = time.monotonic() + 30
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5).close()
                    break
                except OSError:
                    is_late = running.poll() is not None or time.monotonic() > until
                    assert not is_late, (place / "log").read_text()
            yield f"127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait()


@pytest.fixture
def proxy(registry: str) -> Iterator[Proxy]:
    made = Proxy(registry)
    yield made
    made.close()


@pytest.fixture
def engine() -> Engine:
    return connect()


@pytest.fixture
def published(registry: str, engine: Engine) -> Iterator[list[str]]:
    """Two small images that the registry has and the engine has not: repository and tag."""
    names = []
    for number in range(2):
        content = os.urandom(16).hex()
        recipe = Recipe(
            repository=f"{registry}/hub/task-{number}-{content}",
            context={b"Dockerfile": File(b"FROM scratch\nCOPY x /x\n"), b"x": File(content.encode() * 1000)},
        )
        build(engine, recipe, progress=lambda line: None)
        told = [line for line in engine.api.push(recipe.image, stream=True, decode=True) if "error" in line]
        assert told == []
        shelf.remove_name(engine, recipe.image)
        names.append(recipe.image.removeprefix(f"{registry}/"))
    yield names
    for item in shelf.pulled(engine):
        if any(item.name.endswith(name) for name in names):
            shelf.remove(engine, item)


def heard() -> tuple[list[tuple[float, str]], list[str], dict[str, Any]]:
    waits: list[tuple[float, str]] = []
    words: list[str] = []
    return waits, words, {"progress": words.append, "wait": lambda seconds, why: waits.append((seconds, why))}


def test_a_registry_that_limits_pulls_is_waited_for(proxy, published, engine) -> None:
    waits, _, ears = heard()
    proxy.answers = [(429, LIMITED)] * 4
    name = f"{proxy.host}/{published[0]}"
    pull(engine, name, **ears)
    assert is_built(engine, name)
    assert len(waits) >= 2  # an engine asks more than once by itself
    assert [seconds for seconds, _ in waits] == list(LIMITED_S[: len(waits)])
    assert all("docker login" in why for _, why in waits)
    shelf.mark(engine, name)
    assert name in [item.name for item in shelf.pulled(engine)]


def test_one_that_goes_on_limiting_says_what_to_do(proxy, published, engine) -> None:
    waits, _, ears = heard()
    proxy.answers = [(429, LIMITED)] * 50
    with pytest.raises(SandboxError, match=r"pull rate limit.*docker login, or name a mirror with --registry"):
        pull(engine, f"{proxy.host}/{published[0]}", **ears)
    assert [seconds for seconds, _ in waits] == list(LIMITED_S)


def test_one_that_fails_for_a_moment_is_asked_again(proxy, published, engine) -> None:
    waits, _, ears = heard()
    proxy.answers = [(500, b"{}"), (503, b"{}")] * 2
    pull(engine, f"{proxy.host}/{published[0]}", **ears)
    assert waits
    assert [seconds for seconds, _ in waits] == list(FAILED_S[: len(waits)])
    shelf.mark(engine, f"{proxy.host}/{published[0]}")


def test_what_is_not_published_is_told_at_once(proxy, engine) -> None:
    waits, _, ears = heard()
    with pytest.raises(SandboxError, match=r"hub/nothing:1 cannot be pulled: .*not published, or needs docker login"):
        pull(engine, f"{proxy.host}/hub/nothing:1", **ears)
    assert waits == []


def test_a_registry_that_is_not_there_is_given_up(engine) -> None:
    waits, _, ears = heard()
    with pytest.raises(SandboxError, match="from the engine's machine, or name a mirror"):
        pull(engine, f"127.0.0.1:{free_port()}/x:1", **ears)
    assert len(waits) == len(FAILED_S)


def test_from_a_mirror_it_comes_under_its_own_name(registry, published, engine) -> None:
    _, _, ears = heard()
    name = published[0].removeprefix("hub/")
    try:
        pull(engine, name, registry=f"{registry}/hub", **ears)
        assert engine.api.inspect_image(name)["RepoTags"] == [name]
    finally:
        shelf.remove_name(engine, name)


def test_only_what_was_pulled_here_is_evicted_the_oldest_first(registry, published, engine) -> None:
    _, _, ears = heard()
    first, second = (f"{registry}/{name}" for name in published)
    theirs = Recipe(repository="hgm-test-theirs", context={b"Dockerfile": File(b"FROM scratch\nLABEL a=b\n")})
    build(engine, theirs, progress=lambda line: None)
    try:
        for name in (first, second):
            pull(engine, name, **ears)
            shelf.mark(engine, name)
        shelf.used(engine, [theirs.image, first])  # so the second is the oldest now
        mine = {item.name: item for item in shelf.pulled(engine) if item.name in (first, second)}
        others = sum(item.size for item in shelf.pulled(engine)) - sum(item.size for item in mine.values())
        assert [item.name for item in shelf.pulled(engine) if item.name in mine] == [second, first]
        with pytest.raises(SandboxError, match=r"are needed take .* --disk-gb"):
            shelf.evict(engine, most=0, keep={item.name for item in shelf.pulled(engine)})
        gone = shelf.evict(engine, most=others + mine[first].size, keep={first})
        assert gone == [second]
        assert (is_built(engine, first), is_built(engine, second)) == (True, False)
        assert is_built(engine, theirs.image)
        assert theirs.image not in [item.name for item in shelf.pulled(engine)]
    finally:
        shelf.remove_name(engine, theirs.image)


def test_a_second_name_of_somebody_elses_keeps_the_image(registry, published, engine) -> None:
    _, _, ears = heard()
    name = f"{registry}/{published[0]}"
    pull(engine, name, **ears)
    shelf.mark(engine, name)
    engine.api.tag(name, "hgm-test-mine", "1")
    try:
        made = engine.api.create_container(name, ["x"])["Id"]
        engine.api.commit(
            made,
            repository=REPOSITORY,
            tag="test-pulling",
            changes=[f'LABEL {FROM_LABEL}="{shelf.pulled(engine)[-1].image}"'],
        )
        engine.api.remove_container(made)
        (item,) = (item for item in shelf.pulled(engine) if item.name == name)
        shelf.remove(engine, item)
        assert is_built(engine, "hgm-test-mine:1")
        assert not is_built(engine, name)
        assert not is_built(engine, f"{REPOSITORY}:test-pulling")
        assert name not in [item.name for item in shelf.pulled(engine)]
    finally:
        shelf.remove_name(engine, "hgm-test-mine:1")


def test_short_names_and_digests_name_what_was_pulled(registry, published, engine) -> None:
    _, _, ears = heard()
    name = f"{registry}/{published[0]}"
    pull(engine, name, **ears)
    (digest,) = engine.api.inspect_image(name)["RepoDigests"]
    engine.api.tag(name, "hgm-test-short", "latest")
    shelf.remove_name(engine, name)
    pull(engine, digest, **ears)
    for own in ("docker.io/library/hgm-test-short", digest):
        shelf.mark(engine, own)
    try:
        found = {item.name for item in shelf.pulled(engine)}
        assert {"hgm-test-short:latest", digest} <= found
        with pytest.raises(SandboxError, match="are needed take"):
            shelf.evict(engine, most=0, keep={*found, "hgm-test-short"} - {"hgm-test-short:latest"})
        assert is_built(engine, "hgm-test-short")
        with pytest.raises(SandboxError, match="without --registry"):
            pull(engine, digest, registry="mirror.example.org", **ears)
    finally:
        for item in shelf.pulled(engine):
            if item.name in ("hgm-test-short:latest", digest):
                shelf.remove(engine, item)
    assert not is_built(engine, digest)


def test_images_of_a_benchmark_are_pulled_listed_and_pruned(proxy, published, tmp_path: Path) -> None:
    row = {
        "repo": "a/b", "base_commit": "0" * 40, "patch": "", "test_patch": "", "problem_statement": "x",
        "FAIL_TO_PASS": ["t"], "PASS_TO_PASS": [], "eval_script": "true", "log_parser": "parse_log_pytest",
        "eval_type": "pass_and_fail",
    }  # fmt: skip
    data = tmp_path / "rows.jsonl"
    images = [f"{proxy.host}/{name}" for name in published]
    data.write_text(
        "".join(
            json.dumps({**row, "instance_id": f"a__b-{n}", "image": image}) + "\n" for n, image in enumerate(images)
        )
    )
    ask = CliRunner()
    command = ["benchmark", "images", "swebench", "--data", str(data)]
    assert "2 images, 2 missing" in ask.invoke(app, command).output
    proxy.lacks = published[0].partition(":")[0]
    told = ask.invoke(app, [*command, "--pull"])
    assert told.exit_code == 3
    assert "1 of 2 images there" in told.output
    proxy.lacks = "\0"
    told = ask.invoke(app, [*command, "--pull"])
    assert (told.exit_code, "2 of 2 images there" in told.output) == (0, True)
    assert ask.invoke(app, command).output.count("pulled here") == 2
    assert "removed 2 images" in ask.invoke(app, [*command, "--prune"]).output
    assert not any(is_built(connect(), image) for image in images)
