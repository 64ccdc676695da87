"""What every sandbox promises. To test one: subclass `SandboxContract` and give it a `provider` fixture.

What a provider is known not to stop on some machine is named in `not_stopped`: these tests must then fail.
"""

import itertools
import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from hgm.errors import SandboxError, WorkspaceRejected
from sandboxes.base import End, Exit, File, Files, Limits, Mount, Sandbox, SandboxProvider, SandboxSpec

RUN = f"contract-{os.getpid()}"
_jobs = itertools.count()


def spec(
    *, slot: int = 0, mounts: tuple[Mount, ...] = (), env: Mapping[str, str] | None = None, **limits
) -> SandboxSpec:
    limits = Limits(**{"deadline_s": 30.0, **limits})
    return SandboxSpec(
        run=RUN, job=f"{os.getpid()}-{next(_jobs)}", slot=slot, mounts=mounts, env=env or {}, limits=limits
    )


def run(
    provider: SandboxProvider, *command: str, files: Files | None = None, stdin: bytes = b"", **options: Any
) -> Exit:
    """Run a command in a sandbox of its own."""
    with provider.open(spec(**options)) as box:
        box.put(files or {})
        return box.run(command, stdin=stdin)


def python(provider: SandboxProvider, code: str, *arguments: str, **options: Any) -> Exit:
    """Run a program in a sandbox of its own."""
    return run(provider, provider.python, "-I", "-S", "-c", code, *arguments, **options)


def told(provider: SandboxProvider, code: str, *arguments: str, **options: Any) -> Any:
    """What a program prints as JSON; it must end well."""
    found = python(provider, "import json, os, sys\n" + code, *arguments, **options)
    assert (found.end, found.status) == (End.EXITED, 0), found.output.decode(errors="replace")
    return json.loads(found.output)


class Lifeline:
    """A socket that processes inside connect to: as long as one of them lives, its connection does."""

    connect = "import socket; line = socket.socket(socket.AF_UNIX); line.connect('/line/sock')\n"

    def __init__(self, folder: Path) -> None:
        self.mount = Mount(source=folder, target="/line")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "sock"))
        (folder / "sock").chmod(0o666)
        folder.chmod(0o711)
        self._listener.listen(64)
        self._listener.settimeout(20)

    def accept(self) -> socket.socket:
        """The next process that says it is alive."""
        line, _ = self._listener.accept()
        line.settimeout(20)
        return line

    def are_dead(self, number: int) -> bool:
        """Whether so many processes have connected and are all gone, without waiting for it."""
        lines = [self.accept() for _ in range(number)]
        for line in lines:
            line.setblocking(False)
        try:
            return all(line.recv(1) == b"" for line in lines)
        except BlockingIOError:
            return False
        finally:
            for line in lines:
                line.close()

    def close(self) -> None:
        self._listener.close()


GRANDCHILDREN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            line = None
            import socket
            line = socket.socket(socket.AF_UNIX); line.connect('/line/sock')
            time.sleep(1000)
        os._exit(0)
    os.wait()
"""


class SandboxContract:
    not_stopped: Mapping[str, str] = {}
    """Test -> why this provider, here, does not stop what it tries."""

    @pytest.fixture
    def provider(self) -> SandboxProvider:
        """The provider under test."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """A folder under a short path that sandboxes may mount."""
        with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    @pytest.fixture
    def lifeline(self, folder: Path) -> Iterator[Lifeline]:
        (folder / "line").mkdir()
        lifeline = Lifeline(folder / "line")
        yield lifeline
        lifeline.close()

    @pytest.fixture(autouse=True)
    def _known_not_to_be_stopped(self, request: pytest.FixtureRequest) -> None:
        if reason := self.not_stopped.get(request.node.originalname):
            request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))

    # what goes in and comes out

    def test_gives_back_what_the_command_made_of_the_workspace(self, provider) -> None:
        files = {
            b"kept": File(b"same\r\n\0"),
            b"gone": File(b"x"),
            b"deep/er/changed.py": File(b"old", "100755"),
            b"odd \xff\n\xe2\x82\xac": File(b"name"),
            b"a-/b": File(b"1"),
            b"a/b": File(b"2"),
            b"link": File(b"deep/er", "120000"),
        }
        script = (
            "rm gone; echo new > deep/er/changed.py; mkdir -p more; printf x > more/made; chmod +x more/made; cat kept"
        )
        with provider.open(spec()) as box:
            box.put(files)
            assert box.run(["/bin/sh", "-c", script]).output == b"same\r\n\0"
            taken = box.take()
        wanted = {
            **files,
            b"deep/er/changed.py": File(b"new\n", "100755"),
            b"more/made": File(b"x", "100755"),
        }
        del wanted[b"gone"]
        assert taken == wanted

    def test_starts_in_an_empty_writable_workspace(self, provider) -> None:
        found = told(provider, "open('new', 'w').close(); print(json.dumps([os.getcwd(), os.listdir('/workspace')]))")
        assert found == ["/workspace", ["new"]]

    def test_puts_nothing_outside_the_workspace(self, provider) -> None:
        with provider.open(spec()) as box:
            for path in (b"../out", b"/etc/passwd", b"a//b", b"./a", b"", b"a/../../b", b"nul\0"):
                with pytest.raises(SandboxError):
                    box.put({path: File(b"x")})

    def test_puts_nothing_through_a_link(self, provider, folder) -> None:
        with provider.open(spec()) as box, pytest.raises(SandboxError):
            box.put({b"link": File(os.fsencode(folder), "120000"), b"link/file": File(b"x")})
        assert os.listdir(folder) == []

    def test_more_than_fits_is_the_hosts_trouble(self, provider) -> None:
        with provider.open(spec(workspace_mb=1)) as box, pytest.raises(SandboxError):
            box.put({b"big": File(bytes(2 << 20))})

    def test_links_come_back_as_links(self, provider) -> None:
        with provider.open(spec()) as box:
            box.put({})
            box.run(["/bin/sh", "-c", "ln -s /etc/passwd out; ln -s . loop; ln -s nowhere broken"])
            assert {path: file.data for path, file in box.take().items()} == {
                b"out": b"/etc/passwd",
                b"loop": b".",
                b"broken": b"nowhere",
            }

    def test_special_files_stay_inside(self, provider) -> None:
        code = "import os, socket; os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('sock'); open('file', 'w')"
        with provider.open(spec()) as box:
            box.put({})
            assert box.run([provider.python, "-c", code]).status == 0
            assert list(box.take()) == [b"file"]

    @pytest.mark.parametrize(
        ("code", "complaint"),
        [
            ("open('sparse', 'w').truncate(1 << 40)", "sparse"),
            ("[open(str(i), 'w').truncate(1 << 20) for i in range(9)]", "bytes in all"),
            ("open('whole', 'w').truncate(1 << 20); [os.link('whole', str(i)) for i in range(9)]", "bytes in all"),
            ("[(os.mkdir('d'), os.chdir('d')) for i in range(100)]", "deeper"),
            ("[(os.mkdir('n' * 250), os.chdir('n' * 250)) for i in range(9)]", "a path of"),
            ("open('esc\\x1b[31m\\n', 'w').truncate(1 << 40)", r"esc\x1b[31m\n"),
        ],
    )
    def test_rejects_a_workspace_beyond_its_limits(self, provider, code, complaint) -> None:
        with provider.open(spec(workspace_mb=8, file_mb=4)) as box:
            box.put({})
            assert box.run([provider.python, "-c", f"import os; {code}"]).status == 0
            with pytest.raises(WorkspaceRejected) as rejected:
                box.take()
        assert complaint in str(rejected.value)
        assert str(rejected.value).isprintable()

    def test_reads_what_the_command_made_unreadable(self, provider) -> None:
        with provider.open(spec()) as box:
            box.put({b"d/f": File(b"x", "100755"), b"g": File(b"y")})
            box.run(["/bin/sh", "-c", "chmod 0 g; chmod 100 d/f; chmod 0 d ."])
            assert box.take() == {b"d/f": File(b"x", "100755"), b"g": File(b"y")}

    # the command

    @pytest.mark.parametrize(
        ("script", "status"),
        [("exit 0", 0), ("exit 7", 7), ("exit 127", 127), ("kill -TERM $$", -15), ("kill -9 $$", -9)],
    )
    def test_tells_the_status(self, provider, script, status) -> None:
        found = run(provider, "/bin/sh", "-c", script)
        assert (found.end, found.status) == (End.EXITED, status)

    def test_a_command_that_is_not_there_was_never_started(self, provider) -> None:
        with pytest.raises(SandboxError, match="no-such-command"):
            run(provider, "no-such-command")

    def test_runs_one_command(self, provider) -> None:
        with provider.open(spec()) as box:
            box.put({})
            box.run(["true"])
            with pytest.raises(SandboxError):
                box.run(["true"])

    def test_hands_arguments_over_as_they_are(self, provider) -> None:
        arguments = [
            "",
            " ",
            "a b",
            "'\"$(id)`id`\\",
            "-n",
            "--",
            "one\ntwo\n",
            "é\u0141\x81\x88",
            "*",
            "#",
            "\t\x01\x7f",
        ]
        assert told(provider, "print(json.dumps(sys.argv[1:]))", *arguments) == arguments

    def test_hands_large_arguments_over(self, provider) -> None:
        large = "x" * 100_000
        assert told(provider, "print(json.dumps([len(a) for a in sys.argv[1:]]))", large, large) == [100_000] * 2

    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_hands_standard_input_over(self, provider, size) -> None:
        code = "data = sys.stdin.buffer.read(); print(json.dumps([len(data), data[-1:].decode()]))"
        assert told(provider, code, stdin=b"x" * size) == [size, "x" if size else ""]

    def test_standard_input_need_not_be_read(self, provider) -> None:
        assert run(provider, "true", stdin=bytes(1_000_000)).status == 0

    def test_keeps_both_outputs_in_order(self, provider) -> None:
        found = run(provider, "/bin/sh", "-c", "for i in 1 2 3; do echo out$i; echo err$i >&2; done")
        assert found.output == b"out1\nerr1\nout2\nerr2\nout3\nerr3\n"

    def test_keeps_the_first_output_and_counts_the_rest(self, provider) -> None:
        found = run(provider, "/bin/sh", "-c", "echo first; head -c 20000000 /dev/zero; exit 3", output_bytes=1000)
        assert found.output == b"first\n" + bytes(994)
        assert (found.output_dropped, found.status) == (20_000_006 - 1000, 3)

    def test_a_closed_output_is_no_trouble(self, provider) -> None:
        found = run(provider, "/bin/sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 4")
        assert (found.status, found.output) == (4, b"")

    def test_nothing_else_is_open(self, provider) -> None:
        assert told(provider, "print(json.dumps(sorted(os.listdir('/proc/self/fd'))))") == ["0", "1", "2", "3"]

    # what it sees

    def test_the_environment_is_exactly_the_allowed_one(self, provider, monkeypatch) -> None:
        monkeypatch.setenv("SOME_API_KEY", "sk-host-secret")
        found = told(provider, "print(json.dumps(dict(os.environ)))", env={"HGM_TOKEN": "t\n'\"", "EMPTY": ""})
        assert found.pop("PWD", "/workspace") == "/workspace"
        found.pop("LC_CTYPE", None)  # Python sets it for itself
        assert found == {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",
            "TZ": "UTC",
            "PYTHONHASHSEED": "0",
            "LANG": "C.UTF-8",
            "HGM_TOKEN": "t\n'\"",
            "EMPTY": "",
        }

    def test_no_process_shows_the_hosts_environment(self, provider, monkeypatch) -> None:
        monkeypatch.setenv("SOME_API_KEY", "sk-host-secret")
        found = run(provider, "/bin/sh", "-c", "cat /proc/*/environ /proc/*/cmdline 2>&1 | tr '\\0' '\\n'")
        assert b"sk-host" not in found.output
        assert b"SOME_API_KEY" not in found.output

    def test_a_token_is_in_no_command_line_of_the_host(self, provider, lifeline) -> None:
        code = Lifeline.connect + "line.recv(1)"
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(
                python, provider, code, env={"HGM_TOKEN": "a-token-of-this-test"}, mounts=(lifeline.mount,)
            )
            with lifeline.accept():
                seen = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
            assert running.result().status == 0
        assert seen
        assert not any(b"a-token-of-this-test" in line for line in seen)

    @pytest.mark.parametrize("name", ["PATH", "HOME", "", "A=B"])
    def test_fixed_variables_stay(self, provider, name) -> None:
        with pytest.raises(SandboxError):
            run(provider, "true", env={name: "/elsewhere"})

    def test_looks_the_same_in_every_slot(self, provider) -> None:
        code = """
import socket, time
print(json.dumps([socket.gethostname(), os.getuid(), os.getgid(), os.getgroups(), time.tzname,
                  os.path.expanduser('~'), os.listdir('/'), os.stat('.').st_mode, os.stat('.').st_uid, os.umask(0)]))
"""
        assert told(provider, code, slot=0) == told(provider, code, slot=7)

    def test_numbers_the_command_alike(self, provider) -> None:
        """So that what a program derives from its number is the same each time."""
        code = "print(json.dumps(os.getpid()))"
        self.check_numbers(told(provider, code, slot=0), told(provider, code, slot=7))

    def check_numbers(self, first: int, second: int) -> None:
        """The process numbers of two commands."""
        assert first == second

    def test_sees_mounts_and_cannot_change_them(self, provider, folder) -> None:
        (folder / "file").write_text("one")
        (folder / "tree" / "sub").mkdir(parents=True)
        (folder / "tree" / "sub" / "f").write_text("two")
        mounts = (
            Mount(source=folder / "file", target="/hgm/task.json"),
            Mount(source=folder / "tree", target="/hgm/agent"),
        )
        code = """
print(open('/hgm/task.json').read() + open('/hgm/agent/sub/f').read())
for change in (lambda: open('/hgm/task.json', 'a'), lambda: open('/hgm/agent/new', 'w'),
               lambda: os.unlink('/hgm/task.json'), lambda: os.remove('/hgm/agent/sub/f'),
               lambda: os.chmod('/hgm/agent/sub/f', 0o777), lambda: os.mkdir('/hgm/x')):
    try:
        change()
    except OSError:
        continue
    print("changed")
"""
        found = python(provider, "import os" + code, mounts=mounts)
        assert found.output == b"onetwo\n"
        assert sorted(path.name for path in folder.rglob("*")) == ["f", "file", "sub", "tree"]

    def test_mounts_what_lies_in_a_closed_folder(self, provider, folder) -> None:
        (folder / "closed" / "agent").mkdir(parents=True)
        (folder / "closed" / "agent" / "f").write_text("seen")
        (folder / "closed").chmod(0o700)
        mounts = (Mount(source=folder / "closed" / "agent", target="/hgm/agent"),)
        assert run(provider, "cat", "/hgm/agent/f", mounts=mounts).output == b"seen"

    def test_a_mount_without_a_source_is_the_hosts_trouble(self, provider, folder) -> None:
        with pytest.raises(SandboxError):
            run(provider, "true", mounts=(Mount(source=folder / "missing", target="/hgm/x"),))

    @pytest.mark.parametrize("target", ["relative", "/", "/a/../../b", ""])
    def test_a_mount_needs_a_place(self, provider, folder, target) -> None:
        with pytest.raises(SandboxError):
            run(provider, "true", mounts=(Mount(source=folder, target=target),))

    def test_has_a_python(self, provider) -> None:
        assert told(provider, "print(json.dumps(sys.version_info[:2] >= (3, 9)))") is True

    def test_a_mounted_socket_is_the_way_out(self, provider, lifeline) -> None:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(
                python, provider, Lifeline.connect + "print(line.recv(9).decode())", mounts=(lifeline.mount,)
            )
            with lifeline.accept() as line:
                line.sendall(b"hello")
            assert running.result().output == b"hello\n"

    # what it cannot do

    def test_has_no_network(self, provider) -> None:
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0hgm-test-{os.getpid()}")
            abstract.listen()
            code = """
import socket
def works(family, address):
    try:
        with socket.socket(family) as s:
            s.settimeout(5)
            s.connect(address)
        return True
    except OSError:
        return False
print(json.dumps([works(socket.AF_INET, ('127.0.0.1', int(sys.argv[1]))), works(socket.AF_UNIX, '\\0' + sys.argv[2]),
                  works(socket.AF_INET, ('1.1.1.1', 443)), works(socket.AF_INET6, ('2606:4700::1', 443)),
                  [name for _, name in socket.if_nameindex() if name != 'lo']]))
"""
            found = told(provider, code, str(tcp.getsockname()[1]), f"hgm-test-{os.getpid()}")
        assert found == [False, False, False, False, []]

    def test_its_own_loopback_works(self, provider) -> None:
        code = """
import socket
with socket.create_server(('127.0.0.1', 0)) as server, socket.create_connection(server.getsockname()): print('true')
"""
        assert told(provider, code) is True

    def test_sees_no_other_process(self, provider, lifeline) -> None:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(python, provider, Lifeline.connect + "line.recv(1)", slot=1, mounts=(lifeline.mount,))
            with lifeline.accept():
                code = """
files = [f'/proc/{process}/cmdline' for process in os.listdir('/proc') if process.isdigit()]
print(json.dumps([open(file).read() if os.path.exists(file) else '' for file in files]))
"""
                seen = told(provider, code)
            assert other.result().status == 0
        assert len(seen) <= 3
        assert not any("recv" in line for line in seen)

    def test_fills_no_more_disk_than_allowed(self, provider) -> None:
        code = """
import errno
def fill(folder):
    size = 0
    with open(f'{folder}/fill', 'wb', buffering=0) as file:
        try:
            while size < 1 << 30:
                size += file.write(bytes(1 << 16))
        except OSError as error:
            return [error.errno == errno.ENOSPC, size >> 20]
    return [False, size >> 20]
print(json.dumps([fill(folder) for folder in ('/workspace', '/tmp')]))
"""
        for is_full, size in told(provider, code, workspace_mb=4):
            assert is_full
            assert 2 <= size <= 4

    def test_makes_no_more_files_than_allowed(self, provider) -> None:
        code = """
import errno
def fill(folder):
    for number in range(100_000):
        try:
            open(f'{folder}/{number}', 'w').close()
        except OSError as error:
            return [error.errno == errno.ENOSPC, number]
    return [False, number]
print(json.dumps([fill(folder) for folder in ('/workspace', '/tmp')]))
"""
        for is_full, number in told(provider, code, workspace_inodes=500):
            assert is_full
            assert 400 <= number <= 500

    def test_writes_nowhere_else(self, provider) -> None:
        code = """
def writable(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
    except OSError:
        return False
    return True
found = []
for at, names, _ in os.walk('/'):
    found += [at] if writable(at) else []
    names[:] = [name for name in names if os.path.join(at, name) not in ('/proc', '/usr/share', '/usr/lib')]
print(json.dumps(found))
"""
        assert set(told(provider, code)) <= {"/workspace", "/tmp", "/dev/shm"}

    def test_memory_is_limited(self, provider) -> None:
        found = python(provider, "data = b'x' * (400 << 20); print('alive')", memory_mb=100)
        assert (found.end, found.output) == (End.OUT_OF_MEMORY, b"")
        assert found.status == -9
        assert found.out_of_memory_kills >= 1

    def test_memory_is_limited_over_all_processes(self, provider) -> None:
        code = """
held, over = os.pipe(), os.pipe()
for _ in range(4):
    if os.fork() == 0:
        os.close(over[1])
        data = b'x' * (60 << 20)
        os.close(held[0])
        os.close(held[1])
        os.read(over[0], 1)
        os._exit(0)
os.close(held[1])
os.read(held[0], 1)  # until each holds its share or is dead
os.close(over[1])
print(json.dumps(sum(os.wait()[1] == 0 for _ in range(4))))
"""
        found = python(provider, "import json, os" + code, memory_mb=128)
        assert found.out_of_memory_kills >= 1
        assert json.loads(found.output) < 4

    def test_a_childs_death_by_memory_is_not_the_commands(self, provider) -> None:
        found = run(
            provider,
            *("/bin/sh", "-c", f"{provider.python} -c 'data = b\"x\" * (400 << 20)'; echo went on; sleep 0.5; exit 5"),
            memory_mb=100,
        )
        assert (found.end, found.status) == (End.EXITED, 5)
        assert b"went on\n" in found.output
        assert found.out_of_memory_kills == 1

    def test_shared_memory_counts(self, provider) -> None:
        code = (
            "import mmap; m = mmap.mmap(-1, 400 << 20); [m.write(bytes(1 << 20)) for _ in range(400)]; print('alive')"
        )
        found = python(provider, code, memory_mb=100)
        assert (found.end, found.output) == (End.OUT_OF_MEMORY, b"")

    def test_processes_are_limited(self, provider) -> None:
        code = """
import time
count = 0
try:
    while count < 500:
        if os.fork() == 0:
            time.sleep(100)
        count += 1
except BlockingIOError:
    pass
print(json.dumps(count))
"""
        found = python(provider, "import json, os" + code, pids=20)
        assert found.end is End.EXITED
        assert 0 < json.loads(found.output) <= 20
        self.check_refusals(found)

    def check_refusals(self, found: Exit) -> None:
        """A refused fork must show."""
        assert found.pids_refused >= 1

    def test_a_fork_bomb_ends_at_the_deadline(self, provider) -> None:
        code = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
        found = python(provider, code, pids=40, deadline_s=1.5)
        assert found.end is End.DEADLINE
        assert found.wall_s < 10
        assert provider.healthy()

    # its end

    def test_the_deadline_kills_every_process(self, provider, lifeline) -> None:
        code = GRANDCHILDREN + Lifeline.connect + "time.sleep(1000)"
        found = python(provider, code, mounts=(lifeline.mount,), deadline_s=1.5)
        assert (found.end, found.status) == (End.DEADLINE, -9)
        assert 1.5 <= found.wall_s < 10
        assert lifeline.are_dead(3)

    def test_the_end_of_the_command_kills_every_process(self, provider, lifeline) -> None:
        # The daemons hold the output; each writes into the workspace as long as it can.
        found = python(provider, GRANDCHILDREN + "time.sleep(0.5); print('done')", mounts=(lifeline.mount,))
        assert (found.end, found.status, found.output) == (End.EXITED, 0, b"done\n")
        assert found.wall_s < 10
        assert lifeline.are_dead(2)

    def test_leaving_the_block_kills_every_process(self, provider, lifeline) -> None:
        code = GRANDCHILDREN + Lifeline.connect + "time.sleep(1000)"
        with ThreadPoolExecutor(1) as pool:
            with provider.open(spec(mounts=(lifeline.mount,))) as box:
                box.put({})
                running = pool.submit(box.run, [provider.python, "-c", code])
                lines = [lifeline.accept() for _ in range(3)]
            assert [line.recv(1) for line in lines] == [b""] * 3
            for line in lines:
                line.close()
            assert running.exception(20) is not None or running.result().status == -9

    def test_the_deadline_moves_while_it_runs(self, provider, lifeline) -> None:
        code = Lifeline.connect + "import time; line.recv(1); time.sleep(2.2); print('finished')"
        with ThreadPoolExecutor(1) as pool, provider.open(spec(mounts=(lifeline.mount,))) as box:
            box.put({})
            running = pool.submit(box.run, [provider.python, "-c", code], deadline_s=2.0)
            with lifeline.accept() as line:
                box.extend(20.0)
                line.sendall(b"x")
            found = running.result()
        assert (found.end, found.output) == (End.EXITED, b"finished\n")
        assert found.wall_s > 2.0

    def test_a_workspace_is_not_read_while_it_changes(self, provider, lifeline) -> None:
        with ThreadPoolExecutor(1) as pool, provider.open(spec(mounts=(lifeline.mount,))) as box:
            box.put({})
            running = pool.submit(box.run, [provider.python, "-c", Lifeline.connect + "line.recv(1)"])
            with lifeline.accept(), pytest.raises(SandboxError):
                box.take()
            assert running.result().status == 0
            assert box.take() == {}

    def test_a_deadline_before_the_start_is_the_hosts_trouble(self, provider) -> None:
        with provider.open(spec()) as box, pytest.raises(SandboxError, match="deadline"):
            box.run(["true"], deadline_s=0.0)

    def test_the_deadline_is_the_specs_unless_given(self, provider) -> None:
        with provider.open(spec(deadline_s=1.5)) as box:
            box.put({})
            assert box.run(["sleep", "100"]).end is End.DEADLINE
        with provider.open(spec(deadline_s=0.01)) as box:
            box.put({})
            assert box.run(["sleep", "0.3"], deadline_s=30.0).end is End.EXITED

    def test_a_flood_of_output_does_not_delay_the_deadline(self, provider) -> None:
        found = run(provider, "yes", deadline_s=1.5, output_bytes=1000)
        assert found.end is End.DEADLINE
        assert found.wall_s < 6
        assert found.output_dropped > 0

    def test_nothing_is_lost_at_the_deadline(self, provider) -> None:
        with provider.open(spec(deadline_s=3)) as box:
            box.put({})
            found = box.run(["/bin/sh", "-c", "echo written > file; echo printed; sleep 100"])
            assert (found.end, found.output) == (End.DEADLINE, b"printed\n")
            assert box.take() == {b"file": File(b"written\n")}

    def test_outlives_the_thread_that_opened_it(self, provider) -> None:
        with ExitStack() as stack:
            opened: list[Sandbox] = []
            thread = threading.Thread(target=lambda: opened.append(stack.enter_context(provider.open(spec()))))
            thread.start()
            thread.join()
            opened[0].put({b"f": File(b"x")})
            assert opened[0].run(["cat", "f"]).output == b"x"

    def test_many_at_once(self, provider) -> None:
        def one(number: int) -> bool:
            code = "import os, sys; assert os.listdir('.') == ['mine']; open('made', 'w').write(sys.argv[1])"
            with provider.open(spec(slot=number % 8)) as box:
                box.put({b"mine": File(b"%d" % number)})
                found = box.run([provider.python, "-I", "-S", "-c", code, str(number)])
                wanted = {b"mine": File(b"%d" % number), b"made": File(b"%d" % number)}
                return found.status == 0 and box.take() == wanted

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(one, range(32)))

    def test_is_healthy(self, provider) -> None:
        assert provider.healthy()


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True
