"""One attempt per claim of `sandboxes.docker` that is not part of every sandbox's contract, nor of the battery."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from hgm.errors import SandboxError, SandboxLost, WorkspaceRejected
from sandboxes.base import End, File, Mount, SandboxSpec
from sandboxes.container import KEEPER, TERMINALS
from sandboxes.docker import Docker
from sandboxes.engine import JOB_LABEL, MAKER_LABEL, RUN_LABEL, Engine, connect
from sandboxes.fixed import USER
from sandboxes.images import image_name
from sandboxes.names import encoded
from sandboxes.seccomp import DENIED
from tests.contracts.sandbox import Lifeline, python, run, spec, told

pytestmark = pytest.mark.needs("docker")
MACHINE = os.uname().machine


@pytest.fixture(scope="module")
def provider() -> Docker:
    return Docker(connect(), image=image_name(), transport="mounted")


@pytest.fixture(scope="module")
def copying() -> Docker:
    """What comes back is a stream, and sockets are relayed, as with an engine on another machine."""
    return Docker(connect(), image=image_name(), transport="copied")


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


# Touches nothing of the container's first processes.

OTHERS = """
processes = [int(name) for name in os.listdir('/proc') if name.isdigit()]
others = [number for number in processes if os.stat(f'/proc/{number}').st_uid != os.getuid()]
"""


def test_the_first_processes_are_another_users(provider) -> None:
    found = told(provider, OTHERS + "print(json.dumps([[os.stat(f'/proc/{n}').st_uid for n in others], os.getuid()]))")
    assert found[1] == USER
    assert len(found[0]) >= 2
    assert set(found[0]) == {KEEPER}


def test_the_first_processes_are_not_read_written_or_entered(provider) -> None:
    code = (
        OTHERS
        + """
opened = []
for number in others:
    for name in ('mem', 'environ', 'maps', 'syscall', 'stack', 'fd', 'fd/0', 'root', 'cwd', 'exe', 'ns/mnt', 'ns/pid'):
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            try:
                os.close(os.open(f'/proc/{number}/{name}', flags))
                opened.append([number, name, flags])
            except OSError:
                pass
    for name in ('oom_score_adj', 'comm', 'clear_refs', 'timerslack_ns', 'coredump_filter', 'loginuid'):
        try:
            os.write(os.open(f'/proc/{number}/{name}', os.O_WRONLY), b'1')
            opened.append([number, name])
        except OSError:
            pass
print(json.dumps(opened))
"""
    )
    assert told(provider, code) == []


def test_the_first_processes_are_not_signalled_limited_or_traced(provider) -> None:
    code = (
        OTHERS
        + """
import ctypes, resource, signal
libc = ctypes.CDLL(None, use_errno=True)
def tries(number):
    yield lambda: [os.kill(number, each) for each in (0,)]
    for each in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV):
        yield lambda each=each: os.kill(number, each)
    for name in ('RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_NOFILE'):
        yield lambda name=name: resource.prlimit(number, getattr(resource, name), (0, 0))
    yield lambda: os.sched_setaffinity(number, {0})
    yield lambda: os.setpriority(os.PRIO_PROCESS, number, 19)
    yield lambda: signal.pidfd_send_signal(os.pidfd_open(number), signal.SIGKILL)
    for request in (16, 0x4206):  # attach, seize
        yield lambda request=request: libc.ptrace(request, number, 0, 0) == -1 and os.stat('/no/such')
done = []
for number in others:
    for at, attempt in enumerate(tries(number)):
        try:
            attempt()
            done.append([number, at])
        except OSError:
            pass
print(json.dumps([len(others) >= 2, done]))
"""
    )
    assert told(provider, code) == [True, []]


# Gains no rights.


def test_two_filters_are_in_force(provider) -> None:
    status = run(provider, "cat", "/proc/self/status").output.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert [int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert int(fields.get("Seccomp_filters", "2")) >= 2


CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    ctypes.set_errno(0)
    result = libc.syscall(*(ctypes.c_long(word) for word in words))
    return ctypes.get_errno() if result == -1 else 0
"""
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97


def test_what_old_engines_let_through_is_refused_too(provider) -> None:
    numbers = {name: number for name, pair in DENIED.items() if (number := getattr(pair, MACHINE)) >= 0}
    assert {"io_uring_setup", "userfaultfd", "bpf", "keyctl"} <= numbers.keys()
    code = CALL + "print(json.dumps({n: call(int(n), 0, 0, 0, 0, 0, 0) for n in sys.argv[1:]}))"
    found = told(provider, code, *map(str, numbers.values()))
    assert {name: found[str(number)] for name, number in numbers.items()} == dict.fromkeys(numbers, EPERM)


def test_only_ordinary_socket_families(provider) -> None:
    code = """
import socket
made = []
for family in range(50):
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
        made.append(family)
    except OSError:
        pass
print(json.dumps(made))
"""
    assert set(told(provider, code)) <= {1, 2, 10, 16}


def test_unknown_system_calls_do_not_exist(provider) -> None:
    code = CALL + "print(json.dumps([call(int(n), 0, 0, 0, 0, 0) for n in sys.argv[1:]]))"
    assert told(provider, code, "463", "500", "1000") == [ENOSYS] * 3


# Sees nothing of the host.


def test_no_socket_is_there_but_those_that_are_mounted(provider, folder) -> None:
    code = """
import stat
found = []
for at, folders, names in os.walk('/'):
    for name in folders + names:
        try:
            if stat.S_ISSOCK(os.lstat(os.path.join(at, name)).st_mode):
                found.append(os.path.join(at, name))
        except OSError:
            pass
print(json.dumps(found))
"""
    with naming(folder / "gateway" / "sock", b"x"):
        found = told(provider, code, mounts=(Mount(source=folder / "gateway", target="/hgm/gateway"),))
    assert found == ["/hgm/gateway/sock"]


@contextmanager
def image_with(*changes: str) -> Iterator[str]:
    """The sandbox image with more lines in its Dockerfile."""
    api = connect().api
    base = api.create_container(image_name(), ["true"])["Id"]
    try:
        made = api.commit(base, changes=list(changes))["Id"]
        try:
            yield made
        finally:
            api.remove_image(made)
    finally:
        api.remove_container(base)


def test_what_an_image_sets_does_not_show(folder) -> None:
    changes = (
        "ENV SOME_API_KEY=sk-image-secret PATH=/evil PYTHONPATH=/evil LD_PRELOAD=/evil.so",
        'ENTRYPOINT ["/bin/false"]',
        "HEALTHCHECK --interval=1s CMD touch /tmp/seen",
        "WORKDIR /tmp",
        "USER root",
    )
    code = "print(json.dumps([dict(os.environ), os.getuid(), os.getcwd(), os.listdir('/tmp')]))"
    with image_with(*changes) as image:
        provider = Docker(connect(), image=image, transport="mounted")
        variables, user, at, seen = told(provider, code)
    assert variables.keys() <= {"PATH", "HOME", "TZ", "PYTHONHASHSEED", "LANG", "PWD", "LC_CTYPE"}
    assert variables["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert (user, at, seen) == (USER, "/workspace", [])


# Uses no more than allowed.


def test_opens_no_more_terminals_than_its_share(provider) -> None:
    code = """
opened = []
try:
    while len(opened) < 200:
        opened += os.openpty()
except OSError:
    pass
os.write(opened[0], b'x\\n')
print(json.dumps([len(opened) // 2, os.read(opened[1], 9).decode()]))
"""
    assert told(provider, code) == [TERMINALS, "x\n"]


BOMB = """
import os
open('left', 'w').write('x')
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
LEFT = {b"left": File(b"x")}


@pytest.mark.parametrize("kind", ["provider", "copying"])
def test_a_fork_bomb_gives_its_workspace_back_or_loses_it_itself(kind, request) -> None:
    """No engine can freeze one that gets no processor time to be frozen in, on a machine that is busy."""
    provider = request.getfixturevalue(kind)
    with provider.open(spec(pids=40, deadline_s=1.5)) as box:
        box.put({})
        assert box.run([provider.python, "-c", BOMB]).end is End.DEADLINE
        try:
            assert box.take() == LEFT
        except WorkspaceRejected:
            return


@pytest.mark.parametrize("kind", ["provider", "copying"])
def test_memory_of_the_whole_container_is_the_agents(kind, request) -> None:
    """What lies in folders belongs to no process: the kernel kills them all, and then the container's own."""
    provider = request.getfixturevalue(kind)
    code = """
import os
for at in ('/dev/shm', '/workspace', '/tmp'):
    if os.fork() == 0:
        with open(f'{at}/full', 'wb', buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    with provider.open(spec(memory_mb=64, workspace_mb=200, pids=40, deadline_s=5.0)) as box:
        box.put({})
        found = box.run([provider.python, "-c", code])
        assert found.status != 0
        assert found.end is not End.EXITED or found.status in (-9, 1)
        with suppress(WorkspaceRejected):
            assert box.take().keys() <= {b"full"}


def test_memory_in_files_counts(provider) -> None:
    code = "[open(f'{at}/f', 'wb').write(bytes(90 << 20)) for at in ('/dev/shm', '/workspace')]; print('alive')"
    found = python(provider, code, memory_mb=100, workspace_mb=200)
    assert (found.end, found.output) == (End.OUT_OF_MEMORY, b"")


# The way back, as a stream.


@pytest.mark.parametrize("kind", ["provider", "copying"])
@pytest.mark.parametrize("path", [".git", ".git/holes"])
def test_holes_in_a_repository_keep_nobody_busy(kind, path, request) -> None:
    provider = request.getfixturevalue(kind)
    code = f"import os; '/' in {path!r} and os.mkdir('.git'); open({path!r}, 'w').truncate(1 << 50)"
    with provider.open(spec()) as box:
        box.put({b"kept": File(b"x")})
        assert box.run([provider.python, "-c", code]).status == 0
        try:
            found = box.take()
        except WorkspaceRejected:
            return
        assert found == {b"kept": File(b"x")}


ODD = """
import os
names = [b'\\xe2\\x82\\xac\\n1 hdrcharset=\\xff\\n', b'\\xff\\n9 path=x\\n', b'n' * 255,
         b'a\\n30 GNU.sparse.size=9999999999\\n\\xff']
for name in names:
    open(name, 'w').close()
os.symlink(b'\\xff\\n1 hdrcharset=\\xff\\n' * 100, 'link')
for number, when in enumerate((-(2 ** 63) + 1, -1, 2 ** 33, 2 ** 62)):
    open(str(number), 'w').close()
    try:
        os.utime(str(number), times=(when, when))
    except OverflowError:
        pass
for number, name in enumerate(('user.a', 'user.a=b', 'user.GNU.sparse.size', 'user.\\udcff\\n9 path=x')):
    try:
        os.setxattr('0', name, b'\\xff\\n1 hdrcharset=\\xff\\n' * 9)
    except OSError:
        pass
"""


@pytest.mark.parametrize("kind", ["provider", "copying"])
def test_no_name_time_or_attribute_of_a_file_is_the_hosts_trouble(kind, request) -> None:
    provider = request.getfixturevalue(kind)
    with provider.open(spec()) as box:
        box.put({})
        found = box.run([provider.python, "-c", ODD])
        assert found.status == 0, found.output
        try:
            taken = box.take()
        except WorkspaceRejected:
            return
    assert len(taken) == 9
    assert all(file.data == b"" for path, file in taken.items() if path != b"link")


def test_a_hard_link_to_what_is_in_the_repository_does_no_harm(copying) -> None:
    code = "import os; os.mkdir('.git'); open('.git/a', 'w').write('x'); os.link('.git/a', 'b'); open('c', 'w')"
    with copying.open(spec()) as box:
        box.put({})
        assert box.run([copying.python, "-c", code]).status == 0
        assert box.take() == {b"c": File(b"")}
        assert box.skipped == (b"b",)


# What is relayed.


@contextmanager
def naming(path: Path, name: bytes) -> Iterator[None]:
    """A server that tells each client a name."""
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        threading.Thread(target=_name, args=(listener, name), daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def _name(listener: socket.socket, name: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(name)


ASK = """
import socket
def ask():
    with socket.socket(socket.AF_UNIX) as line:
        line.connect('/hgm/gateway/sock')
        return line.makefile('rb').read().decode()
"""


def test_a_client_inside_reaches_its_own_socket_alone(copying, folder) -> None:
    code = ASK + "print(json.dumps([ask() for _ in range(5)]))"
    with naming(folder / "a" / "sock", b"a"), naming(folder / "b" / "sock", b"b"), ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(told, copying, code, mounts=(Mount(source=folder / name, target="/hgm/gateway"),))
            for name in ("a", "b")
        ]
        assert [answer.result() for answer in asked] == [["a"] * 5, ["b"] * 5]


def test_the_relay_cannot_be_touched_and_survives_a_flood(copying, folder) -> None:
    code = (
        ASK
        + OTHERS
        + """
import signal
reached = []
for number in others:
    try:
        os.kill(number, signal.SIGKILL)
        reached.append('killed')
    except OSError:
        pass
    for way in ('fd/0', 'fd/1', 'mem'):
        try:
            reached.append(os.open(f'/proc/{number}/{way}', os.O_WRONLY))
        except OSError:
            pass
for change in (lambda: os.unlink('/hgm/gateway/sock'), lambda: os.rename('/hgm/gateway', '/hgm/g'),
               lambda: open('/hgm.in/relay.py', 'a'), lambda: open('/hgm/new', 'w')):
    try:
        change()
        reached.append('changed')
    except OSError:
        pass
lines = []
for _ in range(1500):
    lines.append(socket.socket(socket.AF_UNIX))
    lines[-1].connect('/hgm/gateway/sock')
for line in lines:
    line.close()
print(json.dumps([len(others) >= 3, reached, ask()]))
"""
    )
    with naming(folder / "a" / "sock", b"a"):
        assert told(copying, code, mounts=(Mount(source=folder / "a", target="/hgm/gateway"),)) == [True, [], "a"]


# Leaves nothing behind.


def on_engine(wanted: SandboxSpec, engine: Engine | None = None) -> list[dict[str, str]]:
    """The labels of all that a sandbox has on the engine."""
    api = (engine or connect()).api
    chosen = {"label": [f"{RUN_LABEL}={encoded(wanted.run)}", f"{JOB_LABEL}={encoded(wanted.job)}"]}
    containers = api.containers(all=True, filters=chosen)
    volumes = api.volumes(filters=chosen)["Volumes"] or []
    return [found["Labels"] for found in (*containers, *volumes)]


def container_of(wanted: SandboxSpec) -> str:
    (found,) = connect().api.containers(filters={"label": [f"{JOB_LABEL}={encoded(wanted.job)}"]})
    return str(found["Id"])


def test_what_it_has_carries_labels_and_is_gone_after_the_block(provider) -> None:
    wanted = spec()
    with provider.open(wanted) as box:
        box.put({})
        found = on_engine(wanted)
        assert len(found) >= 4
        assert all(labels[MAKER_LABEL] for labels in found)
        box.run(["true"])
    assert on_engine(wanted) == []


def test_it_is_gone_after_an_error_in_the_block_too(provider) -> None:
    wanted = spec()
    with pytest.raises(ZeroDivisionError), provider.open(wanted):
        raise ZeroDivisionError
    assert on_engine(wanted) == []


def test_it_is_gone_after_a_failed_start(provider, folder) -> None:
    wanted = spec(mounts=(Mount(source=folder, target="/etc/passwd/x"),))
    with pytest.raises(SandboxError), provider.open(wanted):
        pytest.fail("it started")
    assert on_engine(wanted) == []


def test_closing_twice_closes_nothing_of_others(provider) -> None:
    with provider.open(spec()) as box:
        box.put({})
        box.close()
        with ExitStack() as stack:
            files = [stack.enter_context(open("/dev/null", "rb")) for _ in range(8)]
            box.close()
            assert [os.fstat(file.fileno()).st_rdev for file in files] == [os.stat("/dev/null").st_rdev] * 8


# The host's trouble is the host's.


def test_a_runtime_is_passed_on(provider) -> None:
    with pytest.raises(SandboxError, match="no-such-runtime"):
        Docker(connect(), image=image_name(), runtime="no-such-runtime")
    wanted = spec()
    with Docker(connect(), image=image_name(), runtime="runc", transport="mounted").open(wanted):
        told_to = connect().api.inspect_container(container_of(wanted))["HostConfig"]["Runtime"]
    assert told_to == "runc"


def test_a_container_that_somebody_else_kills_is_the_hosts_trouble(provider, folder) -> None:
    lifeline = Lifeline(folder)
    wanted = spec(mounts=(lifeline.mount,))
    with closing(lifeline), ThreadPoolExecutor(1) as pool, provider.open(wanted) as box:
        box.put({})
        running = pool.submit(box.run, [provider.python, "-c", Lifeline.connect + "line.recv(1)"])
        with lifeline.accept():
            connect().api.kill(container_of(wanted))
            with pytest.raises(SandboxLost):
                running.result(30)


class Between:
    """A way to the engine that breaks when a test says so, and refuses what a test names."""

    def __init__(self, path: Path) -> None:
        self.refused: tuple[bytes, ...] = ()
        """Ends of the paths of calls that the engine is said to be unable to do."""
        self.torn = b""
        """What the engine says that breaks its connection off half-way."""
        self._lines: list[socket.socket] = []
        self._is_over = False
        self._engine = connect().host.removeprefix("unix://")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._go(self._accept)

    def _go(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                if self._is_over:
                    ours.close()
                    continue
                theirs = socket.socket(socket.AF_UNIX)
                theirs.connect(self._engine)
                self._lines += [ours, theirs]
                self._go(self._pass, ours, theirs, True)
                self._go(self._pass, theirs, ours, False)

    def _pass(self, source: socket.socket, target: socket.socket, is_asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                call = data.split(b" HTTP/1.1\r\n")[0] if is_asking else b""
                if not is_asking and self.torn and self.torn in data:
                    target.sendall(data[: data.index(self.torn) + len(self.torn) // 2])
                    break
                if call.startswith(b"POST ") and call.endswith(self.refused or (b"\0",)):
                    source.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 16\r\n\r\n" + b'{"message":"no"}')
                else:
                    target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """The engine is gone, in the middle of whatever it said."""
        self._is_over = True
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.end()
        self._listener.shutdown(socket.SHUT_RDWR)
        for line in (self._listener, *self._lines):
            line.close()


@pytest.fixture
def between(folder, monkeypatch) -> Iterator[tuple[Between, Docker]]:
    if not connect().is_local:
        pytest.skip("the engine is reached through no Unix socket")
    way = Between(folder / "engine")
    with monkeypatch.context() as environment:
        environment.setenv("DOCKER_HOST", f"unix://{folder}/engine")
        engine = connect()
    yield way, Docker(engine, image=image_name(), transport="mounted")
    way.close()


def remove(wanted: SandboxSpec) -> None:
    api = connect().api
    chosen = {"label": [f"{JOB_LABEL}={encoded(wanted.job)}"]}
    for found in api.containers(all=True, filters=chosen):
        api.remove_container(found["Id"], v=True, force=True)
    for found in api.volumes(filters=chosen)["Volumes"] or []:
        api.remove_volume(found["Name"], force=True)


def test_an_engine_that_goes_away_is_the_hosts_trouble(between, folder, caplog) -> None:
    way, provider = between
    (folder / "line").mkdir()
    lifeline = Lifeline(folder / "line")
    wanted = spec(mounts=(lifeline.mount,))
    with ThreadPoolExecutor(1) as pool:
        with provider.open(wanted) as box:
            box.put({})
            running = pool.submit(box.run, [provider.python, "-c", Lifeline.connect + "line.recv(1)"])
            with lifeline.accept():
                way.end()
                with pytest.raises(SandboxError):
                    running.result(30)
        assert not provider.healthy()
    assert "cannot remove a sandbox" in caplog.text
    assert len(on_engine(wanted)) >= 4
    remove(wanted)
    assert on_engine(wanted) == []
    lifeline.close()


@pytest.mark.parametrize("is_copying", [False, True])
def test_a_workspace_that_cannot_be_had_is_the_agents(between, folder, is_copying) -> None:
    """As with an engine that limits no processes: who forks without end cannot be frozen there."""
    way, provider = between
    provider.is_copying, provider.is_near = is_copying, False
    mount = Mount(source=folder / "gateway", target="/hgm/gateway")
    with naming(mount.source / "sock", b"x"), provider.open(spec(pids=40, deadline_s=2.0, mounts=(mount,))) as box:
        box.put({})
        way.refused = (b"/pause", b"/update")
        assert box.run([provider.python, "-c", BOMB]).end is End.DEADLINE
        with pytest.raises(WorkspaceRejected, match="lost"):
            box.take()


def test_an_image_with_volumes_of_its_own_is_refused() -> None:
    api = connect().api
    name = f"hgm-test-volumes:{os.getpid()}"
    [*api.build(fileobj=BytesIO(f"FROM {image_name()}\nVOLUME /store\n".encode()), tag=name, rm=True)]
    try:
        with pytest.raises(SandboxError, match="declares volumes"):
            Docker(connect(), image=name)
    finally:
        api.remove_image(name)


def test_an_output_that_breaks_off_is_the_hosts_trouble(between) -> None:
    """Were it taken for all that was printed, a grader's verdict could be lost with the connection."""
    way, provider = between
    with provider.open(spec()) as box:
        box.put({})
        way.torn = b"42 is the first half"  # which the command's own words do not hold
        with pytest.raises(SandboxLost):
            box.run(["/bin/sh", "-c", "echo $((6 * 7)) is the first half; echo the second half"])


def test_nothing_of_the_command_runs_before_the_host_knows_that_it_starts(between) -> None:
    """Else what it did could be taken for nothing, and done again."""
    way, provider = between
    with provider.open(spec()) as box:
        box.put({})
        way.torn = b"started"
        with pytest.raises(SandboxError) as failed:
            box.run(["/bin/sh", "-c", "touch ran; echo ran"])
        assert not isinstance(failed.value, SandboxLost)
        way.torn = b""
        assert box.take() == {}
