"""Runs one function over many inputs inside a grading sandbox and prints what it returned, one line per case.

Standard input: a Python literal {"workspace", "module", "function", "cpu_s", "give_up", "cases": [[arguments], ...]}.
Every case runs in a process of its own; this process never runs a line of the agent's. After `give_up` cases that ran
out of time the rest is not tried.

Output lines: case number, space, JSON: {"value": ...} or {"error": words}; "stalled" is a case that used up its time on
the clock, not its processor time. A value is made of exact built-in types;
tuples become lists, and a generator is listed. Few imports: starting is most of what grading costs.
"""

import _signal
import os
import resource
import select
import sys
import time
from _json import encode_basestring_ascii

MAX_BYTES = 200_000
MEMORY = 384 << 20
SLACK_S = 0.5  # of processor time: the kernel counts in ticks
TIMED_OUT, STALLED = b'{"error": "timed out"}', b'{"error": "stalled"}'
LAZY = ("generator", "map", "filter", "zip", "reversed", "enumerate")


class NotPlain(Exception):
    pass


def shown(value, depth=0):
    """JSON text."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if kind is int or (kind is float and value - value == 0):
        return repr(value)
    if depth > 100:
        raise NotPlain("nested too deeply")
    if kind is list or kind is tuple:
        return "[" + ", ".join([shown(item, depth + 1) for item in value]) + "]"
    if kind is dict and all(type(key) is str for key in value):
        rows = [encode_basestring_ascii(key) + ": " + shown(item, depth + 1) for key, item in value.items()]
        return "{" + ", ".join(rows) + "}"
    raise NotPlain("not plain JSON: " + kind.__name__)


def limit(cpu_s):
    _signal.signal(_signal.SIGPROF, _signal.SIG_DFL)
    _signal.setitimer(_signal.ITIMER_PROF, cpu_s)
    whole = int(cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def compiled(path):
    """The module as code, compiled once for all cases; None if it cannot be, then each import says why."""
    try:
        with open(path, "rb") as file:
            return compile(file.read(), path, "exec", dont_inherit=True)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def load(job, code):
    path = job["workspace"] + "/" + job["module"]
    folder, _, file = path.rpartition("/")
    name = file[: -len(".py")]
    sys.dont_write_bytecode = True
    sys.path[0] = job["workspace"]
    if folder != job["workspace"]:
        sys.path.insert(0, folder)
    if code is None:
        return __import__(name)
    module = type(sys)(name)
    module.__file__ = path
    sys.modules[name] = module
    exec(code, module.__dict__)  # noqa: S102 - what it is for
    return module


def child(job, code, arguments, channel, nothing):
    """Call the function and write its value; the process ends here."""
    os.setpgid(0, 0)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    limit(job["cpu_s"])
    write, end = os.write, os._exit
    try:
        value = getattr(load(job, code), job["function"])(*arguments)
        report = '{"value": ' + shown(list(value) if type(value).__name__ in LAZY else value) + "}"
    except BaseException as error:  # noqa: BLE001 - the agent may raise anything
        report = '{"error": ' + encode_basestring_ascii("raised " + type(error).__name__[:80]) + "}"
    data = report.encode() if len(report) <= MAX_BYTES else b'{"error": "too long"}'
    while data:
        data = data[write(channel, data) :]
    end(0)


def read(channel, deadline):
    """What the child wrote until it closed the channel; None when the deadline passed first."""
    data = b""
    while len(data) <= MAX_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([channel], [], [], left)[0]:
            return None
        part = os.read(channel, 65536)
        if not part:
            break
        data += part
    return data


def kill(target):
    try:  # noqa: SIM105 - contextlib takes 4 ms to import
        os.kill(target, _signal.SIGKILL)
    except OSError:
        pass


def run(job, code, arguments, nothing):
    """What the child of one case wrote, its exit status, and the processor time of it and of those it waited for."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(job, code, arguments, writing, nothing)
    os.close(writing)
    data = read(reading, time.monotonic() + 4 * job["cpu_s"] + 2)
    os.close(reading)
    kill(-pid)
    if data is None:
        kill(pid)
    _, status, used = os.wait4(pid, 0)
    return data, status, used.ru_utime + used.ru_stime


def judged(data, status, used, most):
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status)
    if data is None:
        return STALLED
    if used > most or (not data and killed in (_signal.SIGPROF, _signal.SIGXCPU)):
        return TIMED_OUT
    return data if data and b"\n" not in data else b'{"error": "died"}'


def main():
    job = eval(sys.stdin.read(), {})
    code = compiled(job["workspace"] + "/" + job["module"])
    nothing = os.open(os.devnull, os.O_RDWR)
    late = 0
    for number, arguments in enumerate(job["cases"]):
        report = b'{"error": "not tried"}'
        if late < job["give_up"]:
            report = judged(*run(job, code, arguments, nothing), job["cpu_s"] + SLACK_S)
        late += report in (TIMED_OUT, STALLED)
        os.write(1, b"%d %s\n" % (number, report))


if __name__ == "__main__":
    main()
