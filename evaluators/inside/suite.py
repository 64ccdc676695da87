"""Runs pytest over hidden test files inside a grading sandbox and says what it reported, as one JSON line.

Standard input: one line {"layer", "config", "workspace", "files": [test files], "cpu_s", "tests": how many at most},
then a nonce. pytest runs in a child of this process, which never runs a line of the agent's, whose output the child
does not hold and which is not open to inspection by it. The nonce tells this process's line from what else is printed;
where standard input is a file that can be opened again, the child may know it, and still has nowhere to write it. The
child reports each test once over a pipe.

Output: the line `started`, written after pytest is imported and before anything of the agent's has run, so without it
nothing can be said about the agent's code. Then {"nonce", "status": exit status, negative for a signal, "reports":
[[node id, passed], ...], "log": tail of what was printed}.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys

MAX_REPORT = 2_000_000
MAX_LOG = 20_000
MEMORY = 768 << 20
PR_SET_DUMPABLE = 4
OLDEST_PYTHON = (3, 11)  # below it pytest needs packages that the host, which is newer, has not


class Reporter:
    """A pytest plugin: one line per finished test, passed if it was called, and a limit on processor time for each."""

    def __init__(self, channel, cpu_s):
        self.channel = channel
        self.cpu_s = cpu_s
        self.passed = {}

    def pytest_runtest_logstart(self, nodeid):
        self.passed[nodeid] = None
        signal.setitimer(signal.ITIMER_VIRTUAL, self.cpu_s, self.cpu_s)

    def pytest_runtest_logreport(self, report):
        if report.outcome != "passed":
            self.passed[report.nodeid] = False
        elif report.when == "call" and self.passed.get(report.nodeid) is None:
            self.passed[report.nodeid] = True

    def pytest_runtest_logfinish(self, nodeid):
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        os.write(self.channel, (json.dumps([nodeid, self.passed[nodeid] is True]) + "\n").encode())


def out_of_time(signum, frame):
    raise TimeoutError("the test used too much processor time")


def child(job, channel, log, go):
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGVTALRM, out_of_time)
    whole = int(job["cpu_s"] * job["tests"]) + 5
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    sys.path[:] = [job["layer"], *sys.path[1:]]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir(job["workspace"])
    import pytest

    os.write(channel, b"+")
    os.read(go, 1)
    os.close(go)
    sys.path.insert(0, job["workspace"])
    options = ["-q", "--tb=short", "--color=no", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:capture"]
    options += ["-c", job["config"], "--rootdir", job["workspace"]]
    return pytest.main(options + job["files"], plugins=[Reporter(channel, job["cpu_s"])])


def spawn(job):
    """A child that has imported pytest and goes on, if it could."""
    reports, report = os.pipe()
    logs, log = os.pipe()
    waits, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            for number in (reports, logs, go):
                os.close(number)
            status = int(child(job, report, log, waits))
        except BaseException:  # noqa: BLE001 - whatever it is, it is told
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    for number in (report, log, waits):
        os.close(number)
    if os.read(reports, 1) == b"+":
        os.write(1, b"started\n")
    os.close(go)
    return pid, reports, logs


def collect(pid, reports, logs):
    """All that the child wrote until it ended; what its own children write afterwards is dropped."""
    found = {reports: bytearray(), logs: bytearray()}
    most = {reports: MAX_REPORT, logs: MAX_LOG}
    waiting = [reports, logs]
    ended = 0
    while waiting and not ended:
        ready = select.select(waiting, [], [], 0.02)[0]
        if not ready:
            ended, status = os.waitpid(pid, os.WNOHANG)
        for channel in ready:
            part = os.read(channel, 65536)
            found[channel] = (found[channel] + part)[-most[channel] :]
            if not part:
                waiting.remove(channel)
    if not ended:
        status = os.waitpid(pid, 0)[1]
    return status, bytes(found[reports]), bytes(found[logs])


def parsed(data):
    rows = []
    for line in data.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        well = type(row) is list and len(row) == 2 and type(row[0]) is str and type(row[1]) is bool
        rows.append(row if well else ["", False])
    return rows


def first_line():
    """Unbuffered, so that the nonce behind it is not in this process yet."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or b"\n"
    return line


def main():
    if sys.version_info < OLDEST_PYTHON:
        sys.exit("suites of tests need Python 3.11 or newer in the sandbox, this is " + sys.version.split()[0])
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    pid, reports, logs = spawn(json.loads(first_line()))
    status, data, log = collect(pid, reports, logs)
    nonce = sys.stdin.read()
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    line = {"nonce": nonce, "status": code, "reports": parsed(data), "log": log.decode("utf-8", "replace")}
    sys.stdout.write("\n" + json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
