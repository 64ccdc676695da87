"""A small laboratory bench for the seed agent and the offline backbone: no sandbox, no gateway process, dev tasks only.

    python -m benchmarks.offline [--agent FOLDER] [--tasks N] [--repeats N] [--workers N]

Runs an agent as a plain subprocess on generated dev tasks, with a stand-in for the gateway in this process (it sets the
request's `seed` per call, nothing else), and grades by calling the function under test. Only for our own tasks and our
own agents: nothing here keeps anybody from anything. Real numbers come from `hgm evaluate`.
"""

import argparse
import json
import os
import resource
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from evaluators.base import Compared, Split, Task
from evaluators.builtin import BuiltinBenchmark
from hgm.backbones.builtin import wire
from hgm.backbones.builtin.model import answer

SEED_AGENT = Path(__file__).parent.parent / "hgm" / "agents" / "seed"
_START = """\
import sys
sys.path.insert(0, {agent!r})
import main
main.TASK = {task!r}
sys.exit(main.main([]))
"""
_GRADE = """\
import json, signal, sys
sys.path.insert(0, ".")
sys.dont_write_bytecode = True
job = json.load(open(sys.argv[1]))
import check
function = getattr(__import__(job["module"]), job["function"])
signal.signal(signal.SIGVTALRM, check.out_of_time)
def passes(case):
    arguments, want, tolerance = case
    got, trouble = check.attempt(function, arguments)
    return not trouble and check.same(got, check.plain(want), tolerance)
sys.exit(0 if all(map(passes, job["cases"])) else 1)
"""


@dataclass(frozen=True)
class Shown:
    """One run of an agent."""

    passed: bool
    status: int
    calls: int
    answer_s: float
    """Time inside the backbone."""
    cpu_s: float
    """Of the agent and all that it started."""
    messages: list[dict[str, Any]]
    """The last request's, and the answer to it."""


class _Bench(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, seed: int, distort: Callable[[wire.Request], wire.Request]) -> None:
        super().__init__(path, _Handler)
        self.seed, self.distort = seed, distort
        self.calls, self.spent, self.messages = 0, 0.0, list[dict[str, Any]]()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Bench

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        began = time.thread_time()
        request = wire.parse(body)
        request = replace(request, seed=hash((self.server.seed, self.server.calls)) & 0xFFFFFFFF)
        request = self.server.distort(request)
        data = wire.render(request, answer(request))
        self.server.spent += time.thread_time() - began
        self.server.calls += 1
        self.server.messages = [*json.loads(body)["messages"], json.loads(data)["choices"][0]["message"]]
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def _gateway(folder: Path, seed: int, distort: Callable[[wire.Request], wire.Request]) -> Iterator[_Bench]:
    with _Bench(str(folder / "sock"), seed, distort) as bench:
        thread = threading.Thread(target=bench.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield bench
        finally:
            bench.shutdown()
            thread.join()


def run_task(
    agent: Path,
    task: Task,
    *,
    seed: int,
    kind: str = "solve",
    distort: Callable[[wire.Request], wire.Request] = lambda request: request,
    keep: Path | None = None,
) -> Shown:
    """Run an agent on a task and grade what it leaves; `keep` receives the workspace's files."""
    with tempfile.TemporaryDirectory(prefix="hgm-bench-") as name:
        folder = Path(name)
        workspace = folder / "workspace"
        _write(workspace, task)
        statement = {"protocol": 1, "kind": kind, "statement": task.statement, "deadline_s": task.deadline_s}
        (folder / "task.json").write_text(json.dumps({**statement, "test_command": list(task.test_command)}))
        start = _START.format(agent=str(agent), task=str(folder / "task.json"))
        env = {"PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin", "HOME": name, "PYTHONHASHSEED": "0"}
        env |= {"HGM_SOCKET": str(folder / "sock"), "HGM_TOKEN": "t", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with _gateway(folder, seed, distort) as bench:
            status = _run([str(Path(sys.executable).resolve()), "-S", "-s", "-c", start], workspace, env)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if keep is not None:
            os.rename(workspace, keep)
        passed = status == 0 and kind == "solve" and _grade(task, workspace, folder, env)
        return Shown(passed, status, bench.calls, bench.spent, cpu, bench.messages)


def _run(command: list[str], workspace: Path, env: dict[str, str]) -> int:
    process = subprocess.Popen(
        command, cwd=workspace, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        return process.wait()


def _write(workspace: Path, task: Task) -> None:
    for path, file in task.workspace.items():
        place = workspace / path.decode()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.data)


def _grade(task: Task, workspace: Path, folder: Path, env: dict[str, str]) -> bool:
    if not isinstance(task.grading, Compared):
        return False
    (workspace / "check.py").write_bytes(task.workspace[b"check.py"].data)
    cases = [[list(case.args), case.expected, case.tolerance] for case in task.grading.cases]
    module = task.grading.module.removesuffix(".py")
    job = {"module": module, "function": task.grading.function, "cases": cases}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "grade.py").write_text(_GRADE)
    python = str(Path(sys.executable).resolve())
    return _run([python, "-S", "-c", _GRADE, str(folder / "job.json")], workspace, env) == 0


def solve_all(
    agent: Path,
    *,
    tasks: int = 60,
    repeats: int = 1,
    workers: int = 2,
    distort: Callable[[wire.Request], wire.Request] = lambda request: request,
) -> list[Shown]:
    """Every dev task, `repeats` times with different seeds; one result per run, in order."""
    benchmark = BuiltinBenchmark(dev=tasks)
    jobs = [(benchmark.task(name), repeat) for name in benchmark.tasks(Split.DEV) for repeat in range(repeats)]
    with ThreadPoolExecutor(workers) as pool:
        return list(
            pool.map(
                lambda job: run_task(
                    agent, job[0], seed=hash((job[0].id.encode()[2:], job[1])) & 0xFFFF, distort=distort
                ),
                jobs,
            )
        )


def main() -> None:
    """Print the solve rate and what a run costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", type=Path, default=SEED_AGENT)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    began = time.perf_counter()
    shown = solve_all(arguments.agent, tasks=arguments.tasks, repeats=arguments.repeats, workers=arguments.workers)
    wall = time.perf_counter() - began
    calls = sum(run.calls for run in shown)
    passed = sum(run.passed for run in shown)
    print(
        f"passed {passed} of {len(shown)} = {passed / len(shown):.3f}"
        f"; crashed {sum(run.status != 0 for run in shown)}; calls {calls / len(shown):.1f}"
        f"; backbone {1000 * sum(run.answer_s for run in shown) / max(1, calls):.2f} ms/call"
        f"; {60 * len(shown) / wall:.0f} runs/min"
    )


if __name__ == "__main__":
    main()
