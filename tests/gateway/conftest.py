"""A gateway per module, in a folder with a path short enough for sockets, and clients that talk to its leases."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from hgm.gateway.client import Gateway, Lease, LeaseSpec, Settings

FAST = Settings(
    backoff_s=0.01,
    max_backoff_s=0.05,
    max_retry_after_s=0.05,
    header_timeout_s=0.3,
    body_timeout_s=0.4,
    attempt_timeout_s=0.4,
    attempts=3,
)
OK = [{"text": "fine", "repeat": True}]
ECHO = [{"echo": True, "repeat": True}]
_jobs = count()
USER = [{"role": "user", "content": "hello"}]


class Lab:
    """Gateways with scripted backbones."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.trajectories = folder / "t"
        self._stack = stack
        self._numbers = count()
        (folder / "scripts").mkdir()
        self.script("ok", OK)
        self.script("echo", ECHO)

    def script(self, name: str, steps: list[dict[str, Any]]) -> str:
        (self.folder / "scripts" / f"{name}.json").write_text(json.dumps(steps))
        return f"scripted/{name}"

    def gateway(self, settings: Settings = FAST, **options: Any) -> Gateway:
        gateway = Gateway(
            self.folder / f"g{next(self._numbers)}",
            self.trajectories,
            scripts=self.folder / "scripts",
            settings=settings,
            **options,
        )
        return self._stack.enter_context(gateway)

    def records(self, job: str) -> list[dict[str, Any]]:
        from hgm import trajectories

        return list(trajectories.read(self.trajectories / f"{job}.jsonl.zst"))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="hgm-", dir="/tmp"))
    before = {**os.environ}
    with ExitStack() as stack:
        yield Lab(folder, stack)
    # A gateway gives back the keys that it took, also those that a test had set for itself alone.
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> Gateway:
    """Shared by the tests of a module; whoever breaks one starts its own."""
    return lab.gateway()


@pytest.fixture
def take(gateway: Gateway) -> Callable[..., Lease]:
    """A lease of the module's gateway, by default for a job of its own."""

    def take(job: str = "", backbone: str = "scripted/echo", **more: Any) -> Lease:
        job = job or f"job-{next(_jobs)}"
        return gateway.lease(LeaseSpec(job=job, **{"role": "solver", "backbone": backbone, "seed": 7, **more}))

    return take


@pytest.fixture
def post() -> Iterator[Callable[..., httpx2.Response]]:
    """One request straight to a lease's socket."""
    with ExitStack() as stack:

        def post(lease: Lease, body: Any, *, token: str | None = None, **headers: str) -> httpx2.Response:
            client = stack.enter_context(client_of(lease))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"authorization": f"Bearer {lease.token if token is None else token}", **headers}
            return client.post("/v1/chat/completions", content=content, headers=headers)

        yield post


def client_of(lease: Lease) -> httpx2.Client:
    transport = httpx2.HTTPTransport(uds=str(lease.folder / "sock"))
    return httpx2.Client(transport=transport, base_url="http://gateway", timeout=20)


@pytest.fixture
def sdk() -> Iterator[Callable[[Lease], openai.OpenAI]]:
    """The official SDK, on a lease's socket."""
    with ExitStack() as stack:

        def sdk(lease: Lease) -> openai.OpenAI:
            client = stack.enter_context(client_of(lease))
            return openai.OpenAI(base_url="http://gateway/v1", api_key=lease.token, http_client=client)

        yield sdk


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that wait."""
    with ThreadPoolExecutor(32) as pool:
        yield pool
