"""What the gateway costs: raw clients, a provider that answers at once, 200 open leases of which 8 are in use.

usage: python -m benchmarks.gateway [--seconds 10] [--save FILE] > benchmarks/gateway.md

Clients write prepared bytes to the sockets of leases and read answers, without any library of a provider's; the same
bytes to the provider itself are what is taken off. The bars, on two cores: at most 5 ms added at the median, by one
client and at an open loop of 100 calls a second; at least 300 calls a second when saturated.

Wall time under load says more about the load, so each row also has the processor time of the gateway's process.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

from hgm.gateway.client import Gateway, Lease, LeaseSpec
from hgm.gateway.providers import provider

LEASES, ACTIVE = 200, 8
CLIENTS = 16
"""Of all active leases together, when saturated."""
RATE = 100
BARS = {"one_client_ms": 5.0, "open_loop_ms": 5.0, "saturated_per_s": 300.0}
SAMPLE_S = 0.3
"""To see whether something else keeps the machine busy."""
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
BODY = json.dumps(
    {
        "model": "any",
        "messages": [{"role": "system", "content": "x" * 3000}] + [{"role": "user", "content": "y" * 500}] * 20,
        "tools": [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}],
    }
).encode()
ANSWER = json.dumps(
    {
        "id": "null",
        "object": "chat.completion",
        "created": 1,
        "model": "model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "z" * 400}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3500, "completion_tokens": 100, "total_tokens": 3600},
    }
).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER


class Null(asyncio.Protocol):
    """A provider that has its answer ready."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._wanted, self._seen = transport, 0, b""

    def data_received(self, data: bytes) -> None:
        """Answer each request once it is whole."""
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0:
            length = int(self._seen[:end].lower().rpartition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self._seen) < end + 4 + length:
                return
            self._seen = self._seen[end + 4 + length :]
            self._transport.write(REPLY)


class Client:
    """One connection that writes the same request again and again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader, self._writer = reader, writer
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\n"
        self._request = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY

    async def call(self) -> None:
        """One call and its whole answer."""
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await self._reader.readexactly(int(head.lower().rpartition(b"content-length:")[2].split(b"\r\n")[0]))

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def of_lease(lease: Lease) -> Client:
    """A client of a lease."""
    return Client(*await asyncio.open_unix_connection(lease.folder / "sock"), lease.token)


async def timed(call: Callable[[], Awaitable[None]], seconds: float) -> list[float]:
    """Milliseconds of calls made one after the other for so long."""
    spent, over = [], perf_counter() + seconds
    while perf_counter() < over:
        begin = perf_counter()
        await call()
        spent.append((perf_counter() - begin) * 1e3)
    return spent


async def open_loop(clients: Sequence[Client], seconds: float) -> list[float]:
    """Milliseconds from when each call was due, however busy its client still was, to its answer."""
    draw, begin = random.Random(0), perf_counter()
    free: asyncio.Queue[Client] = asyncio.Queue()
    for client in clients:
        free.put_nowait(client)
    spent: list[float] = []

    async def one(due: float) -> None:
        client = await free.get()
        await client.call()
        free.put_nowait(client)
        spent.append((perf_counter() - due) * 1e3)

    due, calls = begin, []
    while due < begin + seconds:
        due += draw.expovariate(RATE)
        await asyncio.sleep(max(0.0, due - perf_counter()))
        calls.append(asyncio.create_task(one(due)))
    await asyncio.gather(*calls)
    return spent


async def saturated(clients: Sequence[Client], seconds: float) -> float:
    """Calls per second of clients that never wait."""
    begin = perf_counter()
    done = await asyncio.gather(*(timed(client.call, seconds) for client in clients))
    return sum(map(len, done)) / (perf_counter() - begin)


@asynccontextmanager
async def null_provider() -> AsyncIterator[int]:
    """Its port. It has a loop of its own, in a process of its own."""
    words = [sys.executable, "-c", "from benchmarks.gateway import serve; serve()"]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    yield int(await process.stdout.readline())
    process.kill()
    await process.wait()


def serve() -> None:
    """Be the null provider until killed."""

    async def listening() -> None:
        server = await asyncio.get_running_loop().create_server(Null, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(listening())


async def measured(seconds: float) -> dict[str, Any]:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="hgm-", dir="/tmp") as name:
        async with null_provider() as port:
            null = [provider("null", base_url=f"http://127.0.0.1:{port}")]
            with Gateway(Path(name) / "g", Path(name) / "t", providers=null) as gateway:
                return await _measured(gateway, port, seconds)


async def _measured(gateway: Gateway, port: int, seconds: float) -> dict[str, Any]:
    leases, taking = [], []
    for number in range(LEASES):
        spec = LeaseSpec(job=f"j{number}", role="solver", backbone="null/model", seed=number, max_calls=10**6)
        begin = perf_counter()
        leases.append(gateway.lease(spec))
        taking.append((perf_counter() - begin) * 1e3)
    direct = Client(*await asyncio.open_connection("127.0.0.1", port), "")
    clients = [await of_lease(leases[number % ACTIVE]) for number in range(CLIENTS)]
    for client in clients:
        await timed(client.call, 0.1)
    bare = median(await timed(direct.call, seconds / 4))
    busy_before = processor_ms(gateway.pid)
    alone = await timed(clients[0].call, seconds)
    busy_alone = processor_ms(gateway.pid)
    due = await open_loop(clients, seconds)
    busy_due = processor_ms(gateway.pid)
    rate = await saturated(clients, seconds)
    busy_full = processor_ms(gateway.pid)
    begin = perf_counter()
    for lease in leases:
        lease.close()
    for client in (direct, *clients):
        client.close()
    return {
        "direct_ms": bare,
        "one_client_ms": median(alone) - bare,
        "one_client_95_ms": quantile(alone) - bare,
        "one_client_cpu_ms": (busy_alone - busy_before) / len(alone),
        "open_loop_ms": median(due) - bare,
        "open_loop_95_ms": quantile(due) - bare,
        "open_loop_cpu_ms": (busy_due - busy_alone) / len(due),
        "saturated_per_s": rate,
        "saturated_cpu_ms": (busy_full - busy_due) / (rate * seconds),
        "take_a_lease_ms": median(taking),
        "give_it_back_ms": (perf_counter() - begin) * 1e3 / len(leases),
    }


def quantile(spent: Sequence[float]) -> float:
    """What 95 % stay below."""
    return sorted(spent)[int(len(spent) * 0.95)]


def processor_ms(pid: int) -> float:
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


def is_met(found: dict[str, Any], name: str) -> bool:
    """Whether one of the bars is."""
    bar = BARS[name]
    return bool(found[name] >= bar if name.endswith("_per_s") else found[name] <= bar)


def table(found: dict[str, Any]) -> str:
    """For people."""

    def verdict(name: str) -> str:
        return "met" if is_met(found, name) else "missed"

    return f"""\
# What the gateway costs

Made by `python -m benchmarks.gateway` with Python {found["python"]} on {found["cores"]} cores, {found["seconds"]:g} s a
row: requests of {len(BODY):,} bytes, {LEASES} open leases of which {ACTIVE} are in use, a provider that answers at once
({found["direct_ms"]:.2f} ms without the gateway, taken off below). {found["busy"]:.0%} of the machine was busy with
something else{" that had to give way (real-time priority)" if found["first"] else ""}.

| | median | 95 % | gateway's processor time | bar | |
|---|--:|--:|--:|--:|---|
| one client: added | {found["one_client_ms"]:.2f} ms | {found["one_client_95_ms"]:.2f} ms | \
{found["one_client_cpu_ms"]:.2f} ms | 5 ms | {verdict("one_client_ms")} |
| open loop of {RATE}/s: added | {found["open_loop_ms"]:.2f} ms | {found["open_loop_95_ms"]:.2f} ms | \
{found["open_loop_cpu_ms"]:.2f} ms | 5 ms | {verdict("open_loop_ms")} |
| saturated by {CLIENTS} clients | {found["saturated_per_s"]:.0f}/s | | \
{found["saturated_cpu_ms"]:.2f} ms | 300/s | {verdict("saturated_per_s")} |
| take a lease | {found["take_a_lease_ms"]:.2f} ms | | | | |
| give it back | {found["give_it_back_ms"]:.2f} ms | | | | |"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    facts = {"python": platform.python_version(), "cores": os.cpu_count(), "seconds": args.seconds, "busy": busy()}
    facts["first"] = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    found = {**facts, **asyncio.run(measured(args.seconds)), "bars": BARS}
    found["met"] = all(is_met(found, name) for name in BARS)
    print(table(found))
    if args.save:
        args.save.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(not found["met"])


if __name__ == "__main__":
    main()
