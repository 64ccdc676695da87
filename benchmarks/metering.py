"""Does the meter count what the provider counts? 1,000 exchanges beside the provider's own tally, then kills.

usage: python -m benchmarks.metering [--calls 1000] [--save FILE]

The provider is a scripted server that adds up what it bills, by bucket. A third of the calls each speaks Chat
Completions, Responses and Messages, half of them streamed; every answer has other figures, and rate limits and errors
come in between. Then the gateway, and last its controller, is killed while calls run, some of them for the second time
since their first answer was cut and billed. The bars: an error of 0 tokens in every bucket; after a kill no more
unsettled calls than calls at once, each counted at what its attempts had reserved and listed.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

from hgm.backbones import scripted
from hgm.gateway.client import Gateway, Lease, LeaseSpec, Settings, Usage
from hgm.gateway.providers import provider
from hgm.gateway.unix_http import UnixConnection
from hgm.spending import spent, unsettled
from hgm.trajectories import read

LEASES, AT_ONCE = 4, 4
"""Leases, and calls of each at the same time."""
BUCKETS = {"input": "input_tokens", "cache_read": "cache_read_tokens", "cache_write": "cache_write_tokens"}
BUCKETS |= {"output": "output_tokens"}
SETTINGS = Settings(attempts=8, backoff_s=0.01, max_backoff_s=0.05)
TEXT = "count me " * 20
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": TEXT}]},
    "/v1/responses": {"input": TEXT},
    "/v1/messages": {"messages": [{"role": "user", "content": TEXT}], "max_tokens": 100},
}
CONTROLLER = """\
import sys
from pathlib import Path
from benchmarks.metering import gateway, leases
with gateway(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]) as running:
    print(*(f"{lease.folder} {lease.token}" for lease in leases(running, "c")), sep="\\n", flush=True)
    sys.stdin.read()
"""


class Tally:
    """A provider and what it says that it has billed."""

    def __init__(self, url: str) -> None:
        self.url = url

    def read(self) -> dict[str, int]:
        """Tokens by bucket, and `answers`."""
        with urllib.request.urlopen(f"{self.url}/tally") as answer:
            found: dict[str, int] = json.load(answer)
        return found


@contextmanager
def serving(folder: Path, steps: Sequence[dict[str, Any]]) -> Iterator[Tally]:
    """A provider that goes through these steps and then answers for ever."""
    script = folder / "steps.json"
    probe = {"probe": True, "text": "OK"}
    script.write_text(json.dumps([probe, *steps, {"text": "more", "usage": figures(random.Random(0)), "repeat": True}]))
    command = [sys.executable, "-I", "-S", scripted.__file__, "--script", str(script), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={}) as process:
        assert process.stdout is not None
        yield Tally(f"http://127.0.0.1:{process.stdout.readline().split()[1]}")
        process.kill()


def figures(draw: random.Random) -> dict[str, int]:
    """What an answer says it cost; no more of the prompt than the request has bytes, as with any real one."""
    return {bucket: draw.randrange(most) for bucket, most in zip(BUCKETS, (90, 70, 50, 900), strict=True)}


def steps(calls: int, *, lossy: bool = False) -> list[dict[str, Any]]:
    """Answers with figures of their own, and now and then what is answered without being billed.

    `lossy`: now and then also what is billed without being told.
    """
    draw = random.Random(calls)
    made: list[dict[str, Any]] = []
    for number in range(calls):
        if number % 10 == 3:
            made.append(draw.choice([{"status": 429, "retry_after": 0}, {"status": 500}, {"status": 503}]))
        if lossy and number % 5 == 1:
            made.append({"cut": True, "billed": True, "text": "cut " * 20, "usage": figures(draw)})
        made.append({"text": "word " * draw.randrange(1, 40), "usage": figures(draw)})
    return made


@contextmanager
def gateway(folder: Path, trajectories: Path, url: str) -> Iterator[Gateway]:
    """A gateway before that provider."""
    metered = provider("metered", base_url=url)
    with Gateway(folder, trajectories, providers=[metered], settings=SETTINGS) as running:
        yield running


def leases(running: Gateway, name: str) -> list[Lease]:
    """One for each agent."""
    one = LeaseSpec(job=name, role="solver", backbone="metered/model", seed=1, max_calls=10**6, max_output_tokens=1000)
    return [running.lease(replace(one, job=f"{name}{number}")) for number in range(LEASES)]


class Caller:
    """One connection of an agent."""

    def __init__(self, socket: Path, token: str) -> None:
        self._connection = UnixConnection(socket, timeout_s=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, number: int) -> None:
        """A call, in the dialect and the manner of its number.

        Raises:
            OSError, HTTPException: the gateway is gone.
        """
        path = [*BODIES][number % 3]
        body = {**BODIES[path], "model": "any", "stream": number % 2 == 0}
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        data = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: HTTP {response.status} {data[:300]!r}")

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        self._connection.close()


def calm(folder: Path, calls: int) -> dict[str, Any]:
    """So many exchanges, and what lies between the meter and the tally, in tokens by bucket."""
    each = -(-calls // (LEASES * AT_ONCE))

    def work(place: tuple[Lease, int]) -> None:
        lease, at = place
        with closing(Caller(lease.folder / "sock", lease.token)) as caller:
            for number in range(each):
                caller.call(number * AT_ONCE + at)

    with serving(folder, steps(calls)) as tally, gateway(folder / "g", folder / "t", tally.url) as running:
        before = tally.read()
        taken = leases(running, "m")
        with ThreadPoolExecutor(LEASES * AT_ONCE) as pool:
            list(pool.map(work, [(lease, at) for lease in taken for at in range(AT_ONCE)]))
        said = sum((lease.close() for lease in taken), Usage())
        told = tally.read()
    written = sum((spent(f"m{number}", folder / "t") for number in range(LEASES)), Usage())
    billed = {bucket: told[bucket] - before[bucket] for bucket in BUCKETS}
    return {
        "exchanges": said.calls,
        "billed": billed,
        "error_of_the_gateway": {name: getattr(said, field) - billed[name] for name, field in BUCKETS.items()},
        "error_of_the_records": {name: getattr(written, field) - billed[name] for name, field in BUCKETS.items()},
        "unsettled": said.unsettled_calls,
    }


class Load:
    """Agents that call without a pause until they are told to stop, and that survive a gateway."""

    def __init__(self, places: Sequence[tuple[Path, str]]) -> None:
        self.done = 0
        self._answered = threading.Condition()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(*place, at), daemon=True)
            for place in places
            for at in range(AT_ONCE)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def until(self, done: int) -> None:
        """Wait for so many answers."""
        with self._answered:
            if not self._answered.wait_for(lambda: self.done >= done, timeout=120):
                raise SystemExit(f"{self.done} answers in 120 s")

    def _work(self, socket: Path, token: str, at: int) -> None:
        caller, number = Caller(socket, token), at
        while not self._over.is_set():
            try:
                caller.call(number)
            except (OSError, HTTPException):
                caller.close()
                continue
            number += AT_ONCE
            with self._answered:
                self.done += 1
                self._answered.notify_all()
        caller.close()


def killed_gateway(folder: Path, calls: int) -> dict[str, Any]:
    """Kill the gateway under load; it comes back with its leases."""
    lossy = steps(calls, lossy=True)
    with serving(folder, lossy) as tally, gateway(folder / "g", folder / "t", tally.url) as running:
        taken = leases(running, "k")
        with Load([(lease.folder / "sock", lease.token) for lease in taken]) as load:
            load.until(calls // 2)
            os.kill(running.pid, signal.SIGKILL)
            load.until(calls)
        said = sum((lease.close() for lease in taken), Usage())
        return after_kill(folder / "t", "k", tally.read(), said)


def killed_controller(folder: Path, calls: int) -> dict[str, Any]:
    """Kill the controller and the gateway under load: all that is left is on disk."""
    with serving(folder, steps(calls, lossy=True)) as tally:
        words = [sys.executable, "-c", CONTROLLER, str(folder / "g"), str(folder / "t"), tally.url]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as controller:
            assert controller.stdout is not None
            places = [controller.stdout.readline().split() for _ in range(LEASES)]
            gateways = children(controller.pid)
            with Load([(Path(home) / "sock", token) for home, token in places]) as load:
                load.until(calls // 2)
                for pid in (*gateways, controller.pid):
                    os.kill(pid, signal.SIGKILL)
        said = sum((spent(f"c{number}", folder / "t") for number in range(LEASES)), Usage())
        return after_kill(folder / "t", "c", tally.read(), said)


def children(parent: int) -> list[int]:
    """Processes that another one started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def after_kill(trajectories: Path, name: str, told: dict[str, int], said: Usage) -> dict[str, Any]:
    """What was counted beside what was billed: never less, and more only by what lost attempts had reserved."""
    written = sum((spent(f"{name}{number}", trajectories) for number in range(LEASES)), Usage())
    lost = [record for number in range(LEASES) for record in unsettled(f"{name}{number}", trajectories)]
    reserved = sum(sum(record["reserved"].values()) for record in lost)
    billed = sum(told[bucket] for bucket in BUCKETS)
    repeated = [found for number in range(LEASES) for found in lossy_calls(trajectories / f"{name}{number}.jsonl.zst")]
    return {
        "exchanges": said.calls,
        "settled_with_lost_attempts": len(repeated),
        "reserved_for_those": sum(repeated),
        "unsettled": said.unsettled_calls - len(repeated),
        "listed": len(lost),
        "at_once": LEASES * AT_ONCE,
        "reserved_for_them": reserved,
        "billed": billed,
        "counted": said.tokens.total,
        "counted_from_records": written.tokens.total,
        "settled_over_billed": said.tokens.total - reserved - sum(repeated) - billed,
    }


def lossy_calls(trajectory: Path) -> Iterator[int]:
    """Of each settled call that had lost attempts, the tokens that were reserved for those."""
    reserved: dict[int, int] = {}
    for record in read(trajectory, events=("call started", "call settled")):
        if record["event"] == "call started":
            reserved[record["index"]] = sum(record["reserved"].values())
        elif record["lost"]:
            yield record["lost"] * reserved[record["index"]]


def is_met(found: dict[str, Any]) -> bool:
    """Whether the bars are."""
    calm = found["calm"]
    errors = [*calm["error_of_the_gateway"].values(), *calm["error_of_the_records"].values()]
    kills = (found["killed_gateway"], found["killed_controller"])
    return not any(errors) and all(
        kill["unsettled"] <= kill["at_once"]
        and kill["unsettled"] == kill["listed"]
        and kill["counted"] == kill["counted_from_records"]
        and kill["settled_over_billed"] <= 0
        and kill["counted"] >= kill["billed"]
        for kill in kills
    )


def measured(calls: int) -> dict[str, Any]:
    """All of it."""
    found: dict[str, Any] = {}
    for name, part in (("calm", calm), ("killed_gateway", killed_gateway), ("killed_controller", killed_controller)):
        with tempfile.TemporaryDirectory(prefix="hgm-m-", dir="/tmp") as folder:
            found[name] = part(Path(folder), calls)
    return {**found, "met": is_met(found)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found = measured(args.calls)
    print(json.dumps(found, indent=1))
    if args.save:
        args.save.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(not found["met"])


if __name__ == "__main__":
    main()
