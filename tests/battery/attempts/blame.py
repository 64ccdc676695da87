"""Trouble that an agent makes for the host, so that its failure counts as the host's: `unmeasured` costs nothing.

Whatever the agent does to its sandbox after its first instruction is the agent's.
"""

from tests.battery.attempt import PASSED, Attempt, ends_as, failed
from tests.hgm.small_lab import OneTask

BLAME = "provoked trouble"
_CRASHED, _LATE, _MEMORY = failed("crashed"), failed("deadline"), failed("out-of-memory")
_GRADED = (failed("tests"), failed("ungradable"), failed("tampering"), failed("deadline"))


def _exits(status: int, who: str) -> Attempt:
    return ends_as(
        f"exit status {status}",
        BLAME,
        f"end with {status}, as {who} does",
        f"sys.stdout.flush()\nos._exit({status})",
        _CRASHED,
        short=status in (125, 137),
    )


def _graded(name: str, tries: str, answer: str, **more: object) -> Attempt:
    """An answer that makes trouble when it is graded."""
    code = f"open('/workspace/answer.py', 'w').write({answer!r})"
    return ends_as(name, BLAME, tries, code, *_GRADED, **more)


ATTEMPTS: tuple[Attempt, ...] = (
    _exits(125, "an engine that cannot start a container"),
    _exits(126, "a shell whose command cannot be executed"),
    _exits(127, "a shell that finds no command"),
    _exits(137, "a process that the kernel killed"),
    _exits(139, "a process that crashed"),
    _exits(255, "a client that lost its engine"),
    ends_as(
        "kill the first process",
        BLAME,
        "kill its sandbox's first process and its own parents, by every signal there is",
        """
for number in range(1, 65):
    if number in (19, 20, 21, 22, 32, 33):
        continue
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
    for process in (1, os.getppid()):
        tried(os.kill, process, number)
""",
        PASSED,
        _CRASHED,
        short=True,
    ),
    ends_as(
        "kill everything", BLAME, "kill all it can see", "tried(os.kill, -1, 9)\nos.kill(os.getpid(), 9)", _CRASHED
    ),
    ends_as(
        "stop the first process",
        BLAME,
        "stop its sandbox's first process, so that nobody reports",
        "[tried(os.kill, process, signal.SIGSTOP) for process in (1, os.getppid())]",
        PASSED,
        _LATE,
        _CRASHED,
        benchmark=OneTask(deadline_s=3.0),
        short=True,
    ),
    ends_as(
        "rewrite the first process",
        BLAME,
        "overwrite its sandbox's first process with code of its own (x86-64), which hangs there for ever",
        """
libc.ptrace(16, 1, 0, 0)
for process in (1, os.getppid()):
    try:
        at = int(open(f"/proc/{process}/syscall").read().split()[-1], 16)
        with open(f"/proc/{process}/mem", "r+b", buffering=0) as memory:
            memory.seek(at)
            memory.write(b"\\xeb\\xfe")
    except (OSError, ValueError, IndexError):
        pass
""",
        PASSED,
        _LATE,
        _CRASHED,
        benchmark=OneTask(deadline_s=3.0),
        short=True,
    ),
    ends_as(
        "starve the first process",
        BLAME,
        "set its sandbox's first process the lowest of all limits",
        """
import resource
for name in dir(resource):
    if name.startswith("RLIMIT_"):
        for process in (1, os.getppid()):
            tried(resource.prlimit, process, getattr(resource, name), (0, 0))
def bear():
    if os.fork() == 0:
        os._exit(0)
    os.wait()
[tried(bear) for _ in range(100)]
""",
        PASSED,
        _CRASHED,
        _LATE,
    ),
    ends_as(
        "close everything",
        BLAME,
        "close all descriptors, those of whoever started it too, then end well",
        "os.closerange(0, 65536)\nos._exit(0)",
        PASSED,
        short=True,
    ),
    ends_as(
        "forged report",
        BLAME,
        "write a report of a good end into every descriptor it has, then end badly",
        """
report = b'{"child-pid": 1}\\n{ "exit-code": 0 }\\n{"StatusCode": 0, "Error": null, "OOMKilled": false}\\n'
for handle in range(3, 256):
    tried(os.write, handle, report)
os.write(1, report)
os.write(2, report)
os._exit(7)
""",
        _CRASHED,
        short=True,
    ),
    ends_as(
        "full ears",
        BLAME,
        "fill the streams that the host reads, without an end of line, and a gigabyte more",
        """
block = b"\\0" * (1 << 20)
for _ in range(200):
    os.write(2, block)
os._exit(125)
""",
        _CRASHED,
    ),
    ends_as(
        "first to be killed",
        BLAME,
        "be out of memory in such a way that its sandbox's own processes are killed first",
        """
tried(os.write, os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"0")
for process in (1, os.getppid()):
    try:
        with open(f"/proc/{process}/oom_score_adj", "wb", buffering=0) as file:
            file.write(b"1000")
    except OSError:
        pass
hog = []
while True:
    hog.append(bytearray(b"1") * (4 << 20))
""",
        _MEMORY,
        _CRASHED,
        limits={"memory_mb": 64},
        noisy=True,  # without control groups it is told, and fails by itself
    ),
    ends_as(
        "no place to read",
        BLAME,
        "take its workspace away from under the host: remove, rename, close it",
        """
os.chdir("/")
tried(os.rename, "/workspace", "/tmp/gone")
tried(os.rmdir, "/workspace")
os.chmod("/workspace", 0)
""",
        PASSED,
        failed("bad-workspace"),
        short=True,
    ),
    ends_as(
        "not its own program",
        BLAME,
        "become a program that is not there, then one that fails",
        "tried(os.execv, '/no/such', ['x'])\nos.execv('/bin/false', ['false'])",
        _CRASHED,
    ),
    ends_as(
        "recursion",
        BLAME,
        "crash its interpreter",
        "ctypes.string_at(0)",
        _CRASHED,
    ),
    _graded("grading that ends with 125", "end the grader as a broken engine would", "import os\nos._exit(125)\n"),
    _graded(
        "grading that kills",
        "kill all there is in the grader's sandbox",
        "import os\nos.kill(-1, 9)\nos.kill(os.getppid(), 9)\nos.kill(1, 15)\nos.kill(os.getpid(), 9)\n",
        short=True,
    ),
    _graded("grading that fills memory", "take the grader's memory", "hog = b'1' * (4 << 30)\n"),
    _graded(
        "grading that forks",
        "take the grader's processes",
        "import os\nwhile os.fork() >= 0:\n    pass\n",
    ),
    _graded(
        "grading that floods",
        "drown the grader's report",
        "import os\nfor handle in range(1, 64):\n    try:\n        for _ in range(500):\n"
        "            os.write(handle, b'x' * 65536)\n    except OSError:\n        pass\nos._exit(0)\n",
    ),
)
