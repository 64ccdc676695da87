"""Print what the gateway costs: `python -m benchmarks.gateway > benchmarks/gateway.md`.

Wall time under load says more about the load, so each row also has the processor time that the gateway's process took.
"""

import json
import platform
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from hgm.gateway.client import Gateway, Lease, LeaseSpec
from hgm.gateway.unix_http import UnixConnection

CALLS = 300
SAMPLE_S = 0.3
"""To see whether something else keeps the machine busy."""
BODY = json.dumps(
    {
        "model": "any",
        "messages": [{"role": "system", "content": "x" * 3000}] + [{"role": "user", "content": "y" * 500}] * 20,
        "tools": [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}],
    }
)
TICK_MS = 10
_jobs = count()


def spec(backbone: str) -> LeaseSpec:
    """A lease for a job of its own."""
    return LeaseSpec(job=f"j{next(_jobs)}", role="solver", backbone=backbone, seed=1, max_calls=10**6)


def processor_ms(pid: int) -> int:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def busy() -> float:
    """Share of all processors that is in use while we sleep."""

    def sample() -> tuple[int, int]:
        times = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(times), times[3] + times[4]

    total, idle = sample()
    sleep(SAMPLE_S)
    later_total, later_idle = sample()
    return 1 - (later_idle - idle) / max(1, later_total - total)


def row(gateway: Gateway, what: str, call: Callable[[], object], *, times: int = CALLS) -> str:
    """One line of the table."""
    for _ in range(10):
        call()
    spent, before = [], processor_ms(gateway.pid)
    for _ in range(times):
        begin = perf_counter()
        call()
        spent.append((perf_counter() - begin) * 1e3)
    worst = sorted(spent)[int(times * 0.95)]
    return f"| {what} | {median(spent):.2f} | {worst:.2f} | {(processor_ms(gateway.pid) - before) / times:.2f} |"


def caller(path: Path, token: str) -> Iterator[Callable[[], object]]:
    """A function that makes one call over a connection that stays open."""
    connection = UnixConnection(path, timeout_s=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call() -> None:
        connection.request("POST", "/v1/chat/completions", BODY, headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()

    with closing(connection):
        yield call


def rows(gateway: Gateway) -> Iterator[str]:
    """All lines of the table."""
    yield row(gateway, "take a lease and give it back", lambda: gateway.lease(spec("scripted/ok")).close())
    for backbone in ("scripted/ok", "builtin/rules"):
        with closing(gateway.lease(spec(backbone))) as lease:
            path = gateway.folder / ".backbones" / backbone.replace("/", "-")
            for keep in caller(path, ""):
                yield row(gateway, f"a call of {backbone} without the gateway", keep)
            for keep in caller(lease.folder / "sock", lease.token):
                yield row(gateway, f"a call of {backbone} through the gateway", keep)
    with closing(gateway.lease(spec("scripted/ok"))) as lease:
        yield row(gateway, "ask for the usage of a lease", lease.usage)


def parallel(gateway: Gateway, agents: int) -> float:
    """Calls per second of agents that all call at once."""

    def work(lease: Lease) -> None:
        for call in caller(lease.folder / "sock", lease.token):
            for _ in range(CALLS // agents * 4):
                call()

    leases = [gateway.lease(spec("scripted/ok")) for _ in range(agents)]
    begin = perf_counter()
    with ThreadPoolExecutor(agents) as pool:
        list(pool.map(work, leases))
    return agents * (CALLS // agents * 4) / (perf_counter() - begin)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="hgm-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "ok.json").write_text(json.dumps([{"text": "fine", "repeat": True}]))
        others = busy()
        with Gateway(folder / "g", folder / "t", scripts=folder) as gateway:
            print("# Milliseconds per call and per lease\n")
            print(
                f"Made by `python -m benchmarks.gateway` with Python {platform.python_version()}, {CALLS} times each,"
            )
            print(f"requests of {len(BODY):,} bytes; {others:.0%} of the machine was busy with something else.\n")
            print("| | median | 95 % | gateway's processor time |\n|---|--:|--:|--:|")
            for line in rows(gateway):
                print(line)
            print(f"\n16 agents calling at once: {parallel(gateway, 16):,.0f} calls per second.")


if __name__ == "__main__":
    main()
