"""One attempt per claim of `sandboxes.bubblewrap` that is not part of every sandbox's contract."""

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandboxes.base import End, File, Mount
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.leftovers import leftovers, remove
from sandboxes.limits import left_groups
from sandboxes.names import owner_of
from sandboxes.rooms import SLOTS, TERMINALS
from sandboxes.seccomp import CLONE, CLONE3, DENIED, IOCTL, PERSONALITY, SOCKET
from sandboxes.watch import is_ready
from tests.contracts.sandbox import RUN, Lifeline, python, run, spec, told

pytestmark = pytest.mark.needs("bubblewrap")
CHECKOUT = Path(__file__).parents[2]
MACHINE = os.uname().machine


@pytest.fixture
def provider() -> Bubblewrap:
    return Bubblewrap()


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


# Reads nothing of the host.


def test_sees_these_files_only(provider, folder) -> None:
    (folder / "secret").write_text("x")
    code = "print(json.dumps([sorted(os.listdir(p)) for p in ('/', '/etc', '/tmp', '/dev/shm', '/workspace')]))"
    root, etc, *empty = told(provider, code)
    assert set(root) <= {*("bin", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "tmp", "usr", "workspace")}
    assert set(etc) <= {"alternatives", "group", "hosts", "ld.so.cache", "nsswitch.conf", "passwd"}
    assert empty == [[], [], []]


@pytest.mark.parametrize(
    "path",
    ["/root", "/home", "/var", "/run", "/run/docker.sock", "/var/run/docker.sock", "/etc/shadow", "/sys", "/boot"],
)
def test_the_host_is_not_there(provider, path) -> None:
    assert run(provider, "ls", "-d", path).status != 0


def test_the_lab_is_not_there(provider) -> None:
    code = "print(json.dumps([path for path in sys.argv[1:] if os.path.lexists(path)]))"
    environment = [sys.prefix] if sys.prefix != sys.base_prefix else []
    assert told(provider, code, str(CHECKOUT), str(Path(pytest.__file__).parent), *environment) == []


@pytest.mark.parametrize(
    "device", ["/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/vsock"]
)
def test_has_no_devices(provider, device) -> None:
    assert python(provider, f"open({device!r}, 'rb')").status == 1


def test_makes_no_devices(provider) -> None:
    code = "import os, stat; os.mknod('/workspace/disk', 0o666 | stat.S_IFBLK, os.makedev(254, 0))"
    found = python(provider, code)
    assert found.status == 1
    assert b"PermissionError" in found.output


@pytest.mark.parametrize(
    "path",
    ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/proc/kcore"],
)
def test_the_kernel_takes_no_orders(provider, path) -> None:
    found = python(provider, f"open({path!r}, 'r+b', buffering=0).write(b'1')")
    assert found.status == 1


def test_a_folder_of_one_box_is_not_there_in_another(provider, folder) -> None:
    with provider.open(spec(slot=1)) as other:
        other.put({b"secret": File(b"x")})
        code = """
found = [os.path.join(at, name) for at, folders, names in os.walk('/') for name in folders + names
         if name == 'secret' or 'hgm-rooms' in name]
print(json.dumps(found))
"""
        assert told(provider, code) == []


# Has nothing to do with the first process inside, which is bubblewrap's.


@pytest.mark.parametrize(
    "route",
    [
        "/proc/1",
        "/proc/self/../1",
        "/proc/thread-self/../../../1",
        "/proc/self/root/proc/1",
        "/proc/self/cwd/../proc/1",
    ],
)
def test_the_first_process_shows_nothing(provider, route) -> None:
    code = """
opened = []
for name in ('mem', 'maps', 'environ', 'syscall', 'fd', 'fd/0', 'fdinfo', 'root', 'cwd', 'exe', 'ns/mnt', 'task/1/mem'):
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_PATH):
        try:
            os.close(os.open(f'{sys.argv[1]}/{name}', flags))
            opened.append((name, flags))
        except OSError:
            pass
print(json.dumps([os.path.isdir(sys.argv[1]), os.listdir(sys.argv[1]), opened]))
"""
    assert told(provider, code, route) == [True, [], []]


def test_the_first_process_is_not_reached_by_descriptor(provider) -> None:
    code = """
found = []
folder = os.open('/proc', os.O_RDONLY | os.O_DIRECTORY)
try:
    found.append(os.open('1/mem', os.O_RDONLY, dir_fd=folder))
except OSError:
    pass
handle = os.pidfd_open(1)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
found += [number for number in range(8) if libc.syscall(438, handle, number, 0) != -1]
print(json.dumps(found))
"""
    assert told(provider, code) == []


def test_a_second_view_of_processes_cannot_be_made(provider) -> None:
    code = """
import subprocess
tries = (['mount', '-t', 'proc', 'proc', '/workspace/p'], ['umount', '/proc/1'], ['umount', '-l', '/proc'],
         ['unshare', '-Urpf', '--mount-proc', 'true'], ['mount', '--bind', '/proc', '/workspace/p'])
os.mkdir('/workspace/p')
print(json.dumps([subprocess.run(words, stderr=subprocess.DEVNULL).returncode != 0 for words in tries]))
"""
    assert told(provider, code) == [True] * 5
    mounts = run(provider, "cat", "/proc/self/mounts").output.decode().splitlines()
    assert [line.split()[1] for line in mounts if line.split()[2] == "proc"] in (["/proc"], PROC_IN_PARTS)


PROC_IN_PARTS = ["/proc", *(f"/proc/{name}" for name in ("sys", "sysrq-trigger", "irq", "bus"))]
"""bubblewrap covers these, read-only, where they could be written."""

REWRITE = """
import os, time
def rewrite(code):
    'Make the first process, which waits in a system call, go on with this machine code.'
    try:
        at = int(open('/proc/1/syscall').read().split()[-1], 16)
        with open('/proc/1/mem', 'r+b', buffering=0) as memory:
            memory.seek(at)
            memory.write(bytes.fromhex(code))
    except OSError:
        return
    if os.fork() == 0:  # an orphan, whose end wakes the first process
        if os.fork() == 0:
            time.sleep(0.1)
        os._exit(0)
    os.wait()
    time.sleep(0.5)
"""
FORGET_PARENT = "bf01000000 31f6 b89d000000 0f05"  # prctl(PR_SET_PDEATHSIG, 0)
SAY_IT_ENDED = "6a01 4889e6 bf06000000 ba08000000 b801000000 0f05"  # write(6, 1, 8)
PAUSE = "b822000000 0f05 ebf7"
machine_code = pytest.mark.skipif(MACHINE != "x86_64", reason="the attack is written in x86-64 machine code")


@machine_code
def test_the_first_process_cannot_be_made_to_look_like_the_hosts_trouble(provider) -> None:
    code = REWRITE + f"rewrite('{FORGET_PARENT} {SAY_IT_ENDED} {PAUSE}')\nprint('still here', flush=True)\n"
    found = python(provider, code)
    assert (found.end, found.status, found.output) == (End.EXITED, 0, b"still here\n")


def test_limits_set_on_the_first_process_are_no_trouble_of_the_hosts(provider) -> None:
    code = """
import os, resource
for name in dir(resource):
    if name.startswith('RLIMIT_'):
        try:
            resource.prlimit(1, getattr(resource, name), (0, 0))
        except OSError:
            pass
print('set', flush=True)
while True:  # orphans keep it busy
    if os.fork() == 0:
        os.fork()
        os._exit(0)
    os.wait()
"""
    found = python(provider, code, deadline_s=2)
    assert found.output == b"set\n"
    assert (found.end, found.status) in ((End.EXITED, -9), (End.DEADLINE, -9))


def test_standard_input_is_not_kept_for_others(provider) -> None:
    """A grader reads its nonce before it starts code under test, which must not find it again."""
    code = """
sys.stdin.read()
found = []
for process in filter(str.isdigit, os.listdir('/proc')):
    for number in range(10):
        try:
            with open(f'/proc/{process}/fd/{number}') as file:
                found += ['secret' in file.read()] if int(process) != os.getpid() else []
        except OSError:
            pass
print(json.dumps(found))
"""
    found = python(provider, "import json, os, sys\n" + code, stdin=b"secret")
    assert (found.status, found.output) == (0, b"[]\n")


# Gains no rights.


def test_has_no_rights(provider) -> None:
    status = run(provider, "cat", "/proc/self/status").output.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {
        name: int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    } == dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_no_mount_lets_set_user_id_or_devices_through(provider) -> None:
    mounts = run(provider, "cat", "/proc/self/mounts").output.decode().splitlines()
    for line in mounts:
        _, target, kind, options, *_ = line.split()
        assert "nosuid" in options.split(","), line
        assert "nodev" in options.split(",") or kind in ("devtmpfs", "devpts"), line
        assert options.split(",")[0] == "ro" or target in (
            *("/proc", "/dev/shm", "/tmp", "/workspace", "/dev/pts", "/dev/null", "/dev/zero", "/dev/full"),
            *("/dev/random", "/dev/urandom", "/dev/tty"),
        ), line
        if kind == "tmpfs" and not options.startswith("ro"):
            assert "size=" in options, line
            assert "nr_inodes=" in options, line


CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    ctypes.set_errno(0)
    result = libc.syscall(*(ctypes.c_long(word) for word in words))
    return ctypes.get_errno() if result == -1 else 0
"""
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97


def test_denied_system_calls_fail(provider) -> None:
    numbers = {name: number for name, pair in DENIED.items() if (number := getattr(pair, MACHINE)) >= 0}
    code = CALL + "print(json.dumps({n: call(int(n), 0, 0, 0, 0, 0, 0) for n in sys.argv[1:]}))"
    found = told(provider, code, *map(str, numbers.values()))
    assert {name: found[str(number)] for name, number in numbers.items()} == dict.fromkeys(numbers, EPERM)


def test_new_namespaces_fail(provider) -> None:
    flags = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
    code = (
        CALL
        + f"""
results = [call({getattr(CLONE, MACHINE)}, flag | 17, 0, 0, 0, 0) for flag in {flags}]
print(json.dumps(results))
"""
    )
    assert told(provider, code) == [EPERM] * len(flags)


def test_a_new_user_namespace_fails(provider) -> None:
    assert run(provider, "unshare", "--user", "--map-root-user", "id").status != 0


def test_unknown_and_foreign_system_calls_do_not_exist(provider) -> None:
    numbers = [getattr(CLONE3, MACHINE), 463, 500, 1000, *([0x40000000 | 39] if MACHINE == "x86_64" else [])]
    code = CALL + "print(json.dumps([call(int(n), 0, 0, 0, 0, 0) for n in sys.argv[1:]]))"
    assert told(provider, code, *map(str, numbers)) == [ENOSYS] * len(numbers)


def test_only_ordinary_socket_families(provider) -> None:
    code = (
        CALL
        + f"""
print(json.dumps([family for family in range(50) if call({getattr(SOCKET, MACHINE)}, family, 2, 0) != {EAFNOSUPPORT}]))
"""
    )
    assert set(told(provider, code)) <= {1, 2, 10, 16}


def test_injects_nothing_into_a_terminal(provider) -> None:
    code = CALL + f"print(json.dumps([call({getattr(IOCTL, MACHINE)}, 0, request, 0) for request in (0x5412, 0x541C)]))"
    assert told(provider, code) == [EPERM] * 2


def test_weakens_no_hardening(provider) -> None:
    personality = getattr(PERSONALITY, MACHINE)
    code = (
        CALL
        + f"print(json.dumps([call({personality}, 0x40000), call({personality}, 0x400000), call({personality}, 8)]))"
    )
    assert told(provider, code) == [EPERM, EPERM, 0]


def test_traces_nobody(provider) -> None:
    code = """
import ctypes, time
child = os.fork()
if child == 0:
    time.sleep(100)
libc = ctypes.CDLL(None, use_errno=True)
print(json.dumps([libc.ptrace(16, pid, 0, 0) for pid in (1, child)]))
os.kill(child, 9)
"""
    assert told(provider, code) == [-1, -1]


def test_leaves_no_core_dump(provider) -> None:
    code = "import resource; print(json.dumps(resource.getrlimit(resource.RLIMIT_CORE)))"
    assert told(provider, code) == [1, 1]


def test_raises_no_limit(provider) -> None:
    code = """
import resource
raised = []
for name in ('RLIMIT_CORE', 'RLIMIT_NPROC', 'RLIMIT_AS'):
    soft, hard = resource.getrlimit(getattr(resource, name))
    if hard != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(getattr(resource, name), (hard + 1, hard + 1))
            raised.append(name)
        except (ValueError, PermissionError):
            pass
print(json.dumps(raised))
"""
    assert told(provider, code) == []


def test_kills_nobody_outside(provider) -> None:
    code = """
import signal
results = []
for pid in (-1, 1, int(sys.argv[1])):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        os.kill(pid, signal.SIGTERM if pid == -1 else signal.SIGKILL)
    except OSError as error:
        results.append(error.errno)
print(json.dumps(results))
"""
    assert told(provider, code, str(os.getpid())) == [3, 3]  # nobody there; the first process inside ignores it


# Ends when it must.


def test_nothing_is_left_on_the_host(provider) -> None:
    before = _on_the_host()
    for command in (["true"], ["sleep", "100"], ["no-such-command"]):
        with suppress(Exception):
            run(provider, *command, deadline_s=0.3)
    assert _on_the_host() == before


def _on_the_host() -> list[str]:
    mounts = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if "hgm" in line and "/docker/" not in line
    ]
    groups = [group.name for group in left_groups() if owner_of(group.name).run == RUN]
    return [
        *mounts,
        *groups,
        *map(str, Path(f"/tmp/.hgm-rooms-{os.geteuid()}").glob("*")),
        *sorted(os.listdir("/proc/self/fd")),
    ]


KILLED = f"killed-{os.getpid()}"
CONTROLLER = """
import sys
from pathlib import Path
from sandboxes.base import Limits, Mount, SandboxSpec
from sandboxes.bubblewrap import Bubblewrap

line = Mount(source=Path(sys.argv[1]), target="/line")
spec = SandboxSpec(run=sys.argv[-1], job="job", limits=Limits(deadline_s=1000), mounts=(line,))
provider = Bubblewrap()
with provider.open(spec) as box:
    box.put({})
    if sys.argv[2] == "waiting":
        print("waiting", flush=True)
        sys.stdin.read()
    box.run([provider.python, "-c", sys.argv[3]])
"""


INSIDE = "import os; os.fork()\n" + Lifeline.connect + "import time; time.sleep(1000)"


@pytest.mark.parametrize("moment", ["waiting", "running"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_dies_with_the_host_process(folder, moment, number) -> None:
    _assert_it_dies_with_the_host_process(folder, moment, number, INSIDE)


@machine_code
def test_dies_with_the_host_process_whatever_it_does_to_the_first_one(folder) -> None:
    inside = REWRITE + f"rewrite('{FORGET_PARENT} {PAUSE}')\n" + INSIDE
    _assert_it_dies_with_the_host_process(folder, "running", signal.SIGKILL, inside)


def _assert_it_dies_with_the_host_process(folder: Path, moment: str, number: int, inside: str) -> None:
    lifeline = Lifeline(folder)
    controller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, str(folder), moment, inside, KILLED],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if moment == "running":
            lines = [lifeline.accept(), lifeline.accept()]
        else:
            lines = []
            assert controller.stdout.readline() == b"waiting\n"
        children = _children(controller.pid)
        assert len(children) == 1
        handle = os.pidfd_open(children[0])
        controller.send_signal(number)
        controller.wait()
        assert is_ready(handle, 10)
        os.close(handle)
        for line in lines:
            assert line.recv(1) == b""
            line.close()
    finally:
        controller.kill()
        controller.communicate()
        lifeline.close()
        remove(leftovers(KILLED))
    assert leftovers(KILLED) == []


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def test_a_forked_host_process_starts_its_own(provider) -> None:
    run(provider, "true")
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(Exception):
            status = run(provider, "/bin/sh", "-c", "exit 42").status
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert run(provider, "true").status == 0


ON_A_TERMINAL = """
import fcntl, os, signal, sys, termios
from pathlib import Path
from sandboxes.base import Limits, Mount, SandboxSpec
from sandboxes.bubblewrap import Bubblewrap

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"heard "))
line = Mount(source=Path(sys.argv[1]), target="/line")
spec = SandboxSpec(run=sys.argv[-1], job="job", limits=Limits(deadline_s=20), mounts=(line,))
provider = Bubblewrap()
with provider.open(spec) as box:
    box.put({})
    ended = box.run([provider.python, "-c", sys.argv[2]])
print(ended.end, ended.status, ended.output)
"""


def test_the_terminals_interrupt_does_not_reach_it(folder) -> None:
    """Ctrl-C goes to everything in the host process's group, and the host process alone decides what it means."""
    lifeline = Lifeline(folder)
    inside = Lifeline.connect + "import sys; line.recv(2); sys.exit(7)"
    ours, theirs = os.openpty()
    try:
        controller = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, str(folder), inside, KILLED],
            cwd=CHECKOUT,
            start_new_session=True,
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        )
        with lifeline.accept() as line:
            peer = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            assert os.getsid(peer) not in (os.getsid(0), os.getsid(controller.pid))
            os.write(ours, b"\x03")
            assert b"heard" in _said(ours, b"heard")
            line.send(b"go")
            assert b"exited 7" in _said(ours, b"exited 7")
        assert controller.wait(20) == 0
    finally:
        controller.kill()
        controller.wait()
        os.close(ours)
        os.close(theirs)
        lifeline.close()


def _said(terminal: int, awaited: bytes) -> bytes:
    """What appears on a terminal up to the end of the awaited line."""
    text = b""
    while not (awaited in text and text[text.index(awaited) :].endswith((b" ", b"\n"))) and is_ready(terminal, 20):
        text += os.read(terminal, 1000)
    return text


SPIN = """
import os, resource, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
line.recv(8)
end = time.monotonic() + 1.0
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.setsid()  # the kernel may share fairly between sessions by itself
        while time.monotonic() < end:
            pass
        os._exit(0)
for _ in range(int(sys.argv[1])):
    os.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


@pytest.mark.needs("root")
def test_many_processes_get_no_more_processor_time_than_one(provider, folder) -> None:
    if not provider.tools.hierarchy or "cpu" not in provider.tools.hierarchy.parents:
        pytest.skip("there is no cpu controller here")
    lifeline = Lifeline(folder)
    with ThreadPoolExecutor(2) as pool:
        code = Lifeline.connect + SPIN
        boxes = [
            pool.submit(python, provider, code, str(spinners), slot=slot, mounts=(lifeline.mount,))
            for slot, spinners in enumerate((1, 16))
        ]
        for line in [lifeline.accept(), lifeline.accept()]:
            line.send(b"go")
            line.close()
        one, many = (float(box.result().output) for box in boxes)
    lifeline.close()
    assert one > many / 3, (one, many)  # without the group: many / 16


def test_opens_no_more_terminals_than_its_share(provider) -> None:
    code = """
opened = []
try:
    while len(opened) < 200:
        opened += os.openpty()
except OSError:
    pass
os.write(opened[0], b'x\\n')
print(json.dumps([len(opened) // 2, os.read(opened[1], 9).decode(), os.ttyname(opened[1])]))
"""
    assert told(provider, code) == [TERMINALS, "x\n", "/dev/pts/0"]
    kernel = Path("/proc/sys/kernel/pty")
    assert int((kernel / "max").read_text()) - int((kernel / "reserve").read_text()) > SLOTS * TERMINALS


@pytest.mark.needs("root")
def test_memory_in_files_counts(provider) -> None:
    code = "[open(f'{at}/f', 'wb').write(bytes(90 << 20)) for at in ('/dev/shm', '/workspace')]; print('alive')"
    found = python(provider, code, memory_mb=100, workspace_mb=200)
    assert (found.end, found.output) == (End.OUT_OF_MEMORY, b"")


def test_a_stuck_reader_of_a_mounted_fifo_dies(provider, folder) -> None:
    os.mkfifo(folder / "fifo", 0o666)
    mounts = (Mount(source=folder, target="/hgm/x"),)
    assert run(provider, "cat", "/hgm/x/fifo", mounts=mounts, deadline_s=0.5).end is End.DEADLINE


def test_passes_no_descriptor_on_that_the_host_has_open(provider) -> None:
    left, right = socket.socketpair()
    with left, right:
        os.set_inheritable(left.fileno(), True)
        code = "print(json.dumps(sorted(os.listdir('/proc/self/fd'))))"
        assert told(provider, code) == ["0", "1", "2", "3"]
