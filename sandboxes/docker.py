"""Sandboxes made by a container engine: Docker, rootless Docker, Podman; here or on another machine.

A container is kept alive by a process that the command has no power over; the command is a second one in it. When the
command ends or its deadline passes, the whole container is frozen, its workspace read, and then it is killed.

Stops:
- reading or writing anything of the host but what the spec mounts (read-only): no home, no engine socket, no other
  sandbox, no environment or process of the host
- the network, the host's loopback and abstract sockets included; what is mounted is the only way out
- gaining rights: no capability, no set-user-id, an unprivileged user, and two filters on system calls: the engine's and
  that of `sandboxes.seccomp`
- touching the container's first processes, which belong to another user
- using more memory, processes, disk, files or pseudo-terminals than allowed, or all the processors of a large machine;
  printing more than is kept
- outliving the command or the deadline, also as a daemon
Does not stop:
- running on after a kill -9 of the host process, until `hgm gc`
- a hole in the kernel: all containers share the host's (a runtime such as runsc or kata brings one of its own)
- whoever may use the engine: that is as good as root on its machine
- reading what every process may know: kernel version, processor, load, names of mounted folders
- what a rootless engine without delegated control groups cannot limit
"""

import logging
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Literal

from hgm.errors import SandboxError, WorkspaceRejected, boundary
from sandboxes.attached import STDOUT, Attached
from sandboxes.base import WORKSPACE, End, Exit, File, Files, Limits, Mount, SandboxSpec
from sandboxes.calls import limit_processes
from sandboxes.container import JSON, KEEPER, OWN_PROCESSES, bind, container, copied, folders, hosts, place, variables
from sandboxes.engine import Engine, engine_trouble, is_missing, labels
from sandboxes.fixed import USER, checked_target, environment
from sandboxes.limits import Events, Group, container_group
from sandboxes.reach import Far, Reach, near
from sandboxes.seccomp import MACHINES, program
from sandboxes.snapshot import Bounds
from sandboxes.stdio import PROGRAM, Copies, SocketRelay, copies
from sandboxes.watch import Capped, Deadline

Transport = Literal["auto", "mounted", "copied"]
_IN = "/hgm.in"
"""A folder of this sandbox alone: the command's standard input, and the relay where sockets are not mounted."""
_KERNELS_ACCOUNTS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
_KILLED = 128 + 9
_SIGNALS = range(129, 128 + 65)
"""How the engine, like a shell, tells a death by signal; a command that exits with such a status looks the same."""
_SOON_S, _SELDOM_S = 0.005, 0.5
"""Between two looks whether a command has ended that still holds its output open."""
_QUIET_S = 0.05
"""After so long without any, all output of a frozen container has arrived."""
_FREEZES = 5
_NO_MEMORY = "memory ran out for the sandbox as a whole"
_CANARY_S = 20.0
_STARTED = b"started"
"""See `inside/launch.py`."""
_LAUNCH = (files("sandboxes") / "inside" / "launch.py").read_text()
_FIND_PYTHON = """for name in python3 /opt/miniconda3/bin/python3 /usr/local/bin/python3; do
  path=$(command -v $name) && $path -I -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' && echo $path && exit
done"""
_REACH = "import socket; socket.socket(socket.AF_UNIX).connect('/hgm/canary/sock'); print('reached')"
_log = logging.getLogger(__name__)


class Docker:
    """Opens sandboxes. Thread-safe."""

    name = "docker"

    def __init__(
        self, engine: Engine, *, image: str, runtime: str | None = None, transport: Transport = "auto"
    ) -> None:
        """Sandboxes from an image that has a shell and a Python; starts one to see whether it does.

        `transport` says whether mounts are mounted or, for an engine that does not see this machine's files, copied and
        sockets relayed through a process inside; "auto" finds out.

        Raises:
            SandboxError: no sandbox can be started from this image.
        """
        self.engine, self.image, self.runtime = engine, image, runtime
        with engine_trouble(f"no image {image}"):
            self._image_env = variables(engine.api.inspect_image(image))
        self.is_copying = True
        self.python = ""
        self.python = self._find_python()
        self.is_copying = transport == "copied" or (transport == "auto" and not self._sees_our_sockets())

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator["DockerSandbox"]:
        """See `SandboxProvider`."""
        with ExitStack() as stack:
            with engine_trouble(f"no sandbox for {spec.job}"), boundary(SandboxError, f"no sandbox for {spec.job}"):
                box = self._opened(spec, stack)
            yield box

    def _opened(self, spec: SandboxSpec, stack: ExitStack) -> "DockerSandbox":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hgm-in-")))
        folder.chmod(0o711)
        mounts = [_resolved(mount) for mount in (*spec.mounts, Mount(source=folder, target=_IN))]
        to_copy = copies(mounts) if self.is_copying else Copies()
        box = DockerSandbox(self.engine, spec, folder, python=self.python, is_copying=self.is_copying)
        stack.callback(box.close)
        is_podman = self.engine.name == "Podman"
        volumes = folders(spec.limits, is_podman=is_podman)
        volumes |= {target: copied(is_podman=is_podman) for target in to_copy.archives}
        places = [place(box.add_volume(made), target) for target, made in volumes.items()]
        arguments = container(
            spec,
            places=places if self.is_copying else [*places, *map(bind, mounts), hosts(folder)],
            image_env=self._image_env,
            processors=self.engine.processors,
            relays=bool(to_copy.sockets),
            is_networked=self.is_copying,
            runtime=self.runtime,
        )
        box.start(self.engine.api.create_container(self.image, **arguments)["Id"])
        box.copy_in(to_copy)
        return box

    def healthy(self) -> bool:
        """See `SandboxProvider`."""
        try:
            self.check()
        except SandboxError:
            return False
        return True

    def check(self) -> None:
        """Run a canary.

        Raises:
            SandboxError: it died, and why.
        """
        with self.open(_canary()) as box:
            box.put({b"in": File(b"alive")})
            found = box.run(["/bin/sh", "-c", "cat in > out"])
            written = box.take().get(b"out", File(b""))
        if found.status != 0 or written.data != b"alive":
            raise SandboxError(f"the canary died: {found.end}, status {found.status}, {found.output[:300]!r}")

    def _find_python(self) -> str:
        with self.open(_canary()) as box, engine_trouble(f"no shell in the image {self.image}"):
            found = box.look(["/bin/sh", "-c", _FIND_PYTHON]).decode().strip()
        if not found:
            raise SandboxError(f"no Python 3.9 or newer in the image {self.image}")
        return found

    def _sees_our_sockets(self) -> bool:
        """Whether what is mounted is this machine's: not so with an engine elsewhere or in a virtual machine."""
        if not self.engine.is_local:
            return False
        self.is_copying = False
        with _listening() as folder:
            try:
                with self.open(replace(_canary(), mounts=(Mount(source=folder, target="/hgm/canary"),))) as box:
                    return box.run([self.python, "-c", _REACH]).output == b"reached\n"
            except SandboxError:
                return False


def _canary() -> SandboxSpec:
    return SandboxSpec(run="canary", job="canary", limits=Limits(deadline_s=_CANARY_S))


@contextmanager
def _listening() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hgm-in-") as name, socket.socket(socket.AF_UNIX) as listener:
        Path(name).chmod(0o711)
        listener.bind(f"{name}/sock")
        Path(name, "sock").chmod(0o666)
        listener.listen()
        yield Path(name)


def _resolved(mount: Mount) -> Mount:
    return Mount(source=mount.source.resolve(strict=True), target=checked_target(mount.target))


class DockerSandbox:
    """One open sandbox. See `Sandbox`."""

    def __init__(self, engine: Engine, spec: SandboxSpec, folder: Path, *, python: str, is_copying: bool) -> None:
        self._engine = engine
        self._python = python
        self._spec = spec
        self._variables = dict(environment(spec.env))
        self._folder = folder
        self._is_copying = is_copying
        self._container = ""
        self._volumes: list[str] = []
        self._group: Group | None = None
        """Where the kernel counts for this container, if that is this machine's."""
        self._reach: Reach = Far(engine, "")
        self._deadline: Deadline | None = None
        self._in_use = threading.Lock()
        self._leaving = threading.Event()
        self._relay: tuple[Attached, SocketRelay] | None = None
        self._lost = ""
        self.skipped: tuple[bytes, ...] = ()
        """Paths of devices, FIFOs and sockets that `take` found and left."""

    def add_volume(self, made: JSON) -> str:
        """Make a volume of this sandbox, which `close` removes; its name."""
        name = str(self._engine.api.create_volume(labels=labels(self._spec.run, self._spec.job), **made)["Name"])
        self._volumes.append(name)
        return name

    def start(self, identity: str) -> None:
        """Start the container of this sandbox, which `close` removes."""
        self._container = identity
        self._engine.api.start(identity)
        process = int(self._engine.api.inspect_container(identity)["State"]["Pid"])
        self._group = container_group(process, identity) if self._engine.is_local else None
        is_here = self._group is not None and not self._is_copying
        self._reach = (near(process) if is_here else None) or Far(self._engine, identity)

    def look(self, command: Sequence[str]) -> bytes:
        """What a command of the image's own prints, as the container's keeper; before any other runs."""
        with closing(Attached(self._engine, self._container, command, user=KEEPER)) as process:
            return b"".join(data for which, data in process.pieces() if which == STDOUT)

    def copy_in(self, to_copy: Copies) -> None:
        """Put what could not be mounted where the command expects it."""
        for target, contents in to_copy.archives.items():
            self._engine.api.put_archive(self._container, target, contents)
        if to_copy.sockets:
            self._give("relay.py", PROGRAM.read_bytes())
            command = [self._python, "-I", "-S", f"{_IN}/relay.py", *(inside for inside, _ in to_copy.sockets)]
            process = Attached(self._engine, self._container, command, user=KEEPER, stdin=True)
            said = (data for which, data in process.pieces() if which == STDOUT)
            relay = SocketRelay([ours for _, ours in to_copy.sockets], said, process.send)
            self._relay = process, relay
            relay.await_ready()

    def put(self, files: Files) -> None:
        """See `Sandbox`."""
        with boundary(SandboxError, "cannot fill the workspace"):
            self._reach.write(files)

    def take(self) -> Files:
        """See `Sandbox`."""
        if self._in_use.locked():
            raise SandboxError("the command still runs: its workspace cannot be read")
        if self._lost:
            raise WorkspaceRejected(f"the workspace is lost: {self._lost}")
        with boundary(SandboxError, "cannot read the workspace"):
            found = self._reach.read(Bounds.of(self._spec.limits))
        self.skipped = found.skipped
        return found.files

    def extend(self, seconds: float) -> None:
        """See `Sandbox`."""
        if self._deadline is not None:
            self._deadline.extend(seconds)

    def run(self, command: Sequence[str], *, deadline_s: float | None = None, stdin: bytes = b"") -> Exit:
        """See `Sandbox`."""
        if self._deadline is not None:
            raise SandboxError("a sandbox runs one command")
        started = time.monotonic()
        self._deadline = Deadline(self._spec.limits.deadline_s if deadline_s is None else deadline_s)
        if self._deadline.left() <= 0:
            raise SandboxError("the command was never started: its deadline came first")
        with self._in_use, boundary(SandboxError, "cannot run a command"):
            printed = _Printed(self._spec.limits.output_bytes)
            with closing(self._started(command, stdin)) as process:
                code = self._follow(process, printed.follow(process), self._deadline)
                events = self._told_inside() if self._group is None and code == _KILLED else Events()
                if code is None or not self._is_alone():
                    self._freeze()
                printed.settle()
            events = self._group.events() if self._group else events
            if self._lost == _NO_MEMORY:  # and the account of it is lost, too
                events = Events(out_of_memory_kills=max(1, events.out_of_memory_kills))
        return self._judge(printed, code, events, wall_s=time.monotonic() - started)

    def _started(self, command: Sequence[str], stdin: bytes) -> Attached:
        source = self._give("stdin", stdin) if stdin else "/dev/null"
        words = [self._python, "-I", "-S", "-c", _LAUNCH, _filter(self._engine.machine), source, *command]
        return Attached(self._engine, self._container, words, user=USER, folder=WORKSPACE, env=self._variables)

    def _give(self, name: str, data: bytes) -> str:
        """Write a file that the command may read; its path inside."""
        path = self._folder / name
        path.write_bytes(data)
        path.chmod(0o644)
        if self._is_copying:
            to_copy = copies([Mount(source=path, target=f"{_IN}/{name}")])
            self._engine.api.put_archive(self._container, _IN, to_copy.archives[_IN])
        return f"{_IN}/{name}"

    def _follow(self, process: Attached, reader: threading.Thread, deadline: Deadline) -> int | None:
        """The command's exit status; None if its deadline came first."""
        pause = _SOON_S
        while (left := deadline.left()) > 0:
            if reader.is_alive():
                reader.join(min(left, max(pause, 20 * _SOON_S)))
            else:
                self._leaving.wait(min(left, pause))
            if self._leaving.is_set():
                raise SandboxError("the sandbox was closed while its command ran")
            if (code := process.status()) is not None:
                return code
            pause = min(1.5 * pause, _SELDOM_S)
        return None

    def _is_alone(self) -> bool:
        """Whether nothing of the command's is left, as far as that can be seen from here."""
        own = OWN_PROCESSES + (self._relay is not None)
        return self._group is not None and self._group.population() <= own

    def _freeze(self) -> None:
        """Stop everything inside at once, as it is; what is frozen dies with the container.

        Raises:
            SandboxError: the engine does not answer, or somebody else has killed the container.
        """
        for _ in range(_FREEZES):
            with suppress(SandboxError), engine_trouble("cannot freeze a container"):
                self._engine.api.pause(self._container)
                return
            state = self._engine.api.inspect_container(self._container)["State"]
            if state["OOMKilled"] and not state["Running"]:
                self._lost = _NO_MEMORY
                return
            if not state["Running"]:
                raise SandboxError("the container is gone")
            if not limit_processes(self._engine, self._container, 1):  # who forks without end cannot be frozen
                break
        self._engine.api.kill(self._container)
        self._lost = "its processes could not be stopped"

    def _told_inside(self) -> Events:
        """What the kernel of an engine elsewhere did; nothing is known where no more processes can be started."""
        with suppress(SandboxError), engine_trouble("cannot look inside"):
            found = re.search(rb"^oom_kill (\d+)$", self.look(["cat", *_KERNELS_ACCOUNTS]), re.MULTILINE)
            return Events(out_of_memory_kills=int(found[1]) if found else 0)
        return Events()

    def _judge(self, printed: "_Printed", code: int | None, events: Events, *, wall_s: float) -> Exit:
        if not printed.launch.startswith(_STARTED):
            reason = "its deadline came first" if code is None else ascii(printed.launch.decode(errors="replace"))
            raise SandboxError(f"the command was never started: {reason}")
        end = End.DEADLINE if code is None else End.EXITED
        code = _KILLED if code is None else code
        if end is End.EXITED and code == _KILLED and events.out_of_memory_kills:
            end = End.OUT_OF_MEMORY
        return Exit(
            end=end,
            status=128 - code if code in _SIGNALS else code,
            wall_s=wall_s,
            output=printed.output.kept,
            output_dropped=printed.output.dropped,
            out_of_memory_kills=events.out_of_memory_kills,
            pids_refused=events.pids_refused,
        )

    def close(self) -> None:
        """Kill and remove it, with its volumes. Idempotent; trouble is told, but changes nothing that was shown."""
        self._leaving.set()
        reach, self._reach = self._reach, Far(self._engine, "")
        reach.close()
        api = self._engine.api
        if self._container:
            self._gone(partial(api.remove_container, self._container, v=True, force=True))
        while self._volumes:
            self._gone(partial(api.remove_volume, self._volumes.pop(), force=True))
        if self._relay is not None:
            process, relay = self._relay
            process.close()
            relay.close()
        self._container, self._relay = "", None

    def _gone(self, remove: Callable[[], None]) -> None:
        try:
            with engine_trouble("cannot remove a sandbox"):
                remove()
        except SandboxError as error:
            if not is_missing(error):
                _log.warning("%s", error)


def _filter(machine: str) -> str:
    """In hex; empty for machines whose system calls are not known here, which have the engine's filter alone."""
    return program(machine).hex() if machine in MACHINES else ""


class _Printed:
    """What the command printed, and before that the shell that starts it."""

    def __init__(self, limit: int) -> None:
        self.output = Capped(limit)
        self.launch = b""

    def follow(self, process: Attached) -> threading.Thread:
        """Read in a thread of its own, which ends when nobody holds the streams open."""
        self._reader = threading.Thread(target=self._read, args=(process,), name="output", daemon=True)
        self._reader.start()
        return self._reader

    def settle(self) -> None:
        """Wait until all that was printed is here; nothing more is being printed."""
        seen = -1
        while self._reader.is_alive() and seen != (seen := self._read_so_far()):
            self._reader.join(_QUIET_S)

    def _read_so_far(self) -> int:
        return len(self.output.kept) + self.output.dropped

    def _read(self, process: Attached) -> None:
        for which, data in process.pieces():
            if which == STDOUT:
                self.output.feed(data)
            else:
                self.launch = (self.launch + data)[:4000]
