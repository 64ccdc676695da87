"""One sandbox in a container, from its start to its removal. What it stops is said in `sandboxes.docker`."""

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from importlib.resources import files
from pathlib import Path

from hgm.errors import SandboxError, SandboxLost, WorkspaceRejected, boundary
from sandboxes.attached import HEARD, STDOUT, WAITING, Attached
from sandboxes.base import WORKSPACE, End, Exit, Files, Image, Mount, SandboxSpec
from sandboxes.calls import limit_processes, written_bytes
from sandboxes.container import JSON, KEEPER
from sandboxes.engine import Engine, engine_trouble, is_missing, labels
from sandboxes.fixed import USER, environment
from sandboxes.image_workspace import ImageWorkspace, Untouched, folder_of
from sandboxes.limits import Events, Group, container_group
from sandboxes.reach import Far, Reach, near
from sandboxes.seccomp import MACHINES, program
from sandboxes.snapshot import MIB, Bounds
from sandboxes.stdio import PROGRAM, Copies, SocketRelay, copies
from sandboxes.watch import Capped, Deadline

OWN_FOLDER = "/hgm.in"
"""A folder of one sandbox alone: the command's standard input, and the relay where sockets are not mounted."""
_KERNELS_ACCOUNTS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
_KILLED = 128 + 9
_SIGNALS = range(129, 128 + 65)
"""How the engine, like a shell, tells a death by signal; a command that exits with such a status looks the same."""
_SOON_S, _SELDOM_S = 0.005, 0.5
"""Between two looks whether a command has ended that still holds its output open."""
_QUIET_S, _QUIET_ELSEWHERE_S = 0.2, 1.0
"""After so long without any, all output of a frozen container has arrived: here, and over a network."""
_PATIENCE_S = 5.0
_LOOK_S = 20.0
_LAYER_S = 2.0
"""Between two looks at how much a container has written."""
_PAUSES_S = (0.2, 1.0, 0.0)
"""After attempts at a removal: an engine (Podman) may refuse while it takes note that a container has just died."""
_FREEZES = 5
_LOOKS = 10
_NO_MEMORY = "memory ran out for the sandbox as a whole"
_STARTED = b"started"
"""See `inside/launch.py`."""
_LAUNCH = (files("sandboxes") / "inside" / "launch.py").read_text()
_log = logging.getLogger(__name__)


class DockerSandbox:
    """One open sandbox. See `Sandbox`."""

    def __init__(
        self,
        engine: Engine,
        spec: SandboxSpec,
        folder: Path,
        *,
        python: str,
        is_copying: bool,
        is_counted: bool,
        is_near: bool,
        start: Image,
    ) -> None:
        """`is_counted`: this machine's kernel keeps its accounts; `is_near`: and can open its workspace."""
        self._engine = engine
        self._is_counted, self._is_near = is_counted, is_near
        self._python = python
        self._spec = spec
        self._image = start
        self._user = 0 if start.folder else USER
        self._variables = {**dict(environment(spec.env)), **start.env}
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
        self._group = container_group(process, identity) if self._is_counted else None
        is_near = self._is_near and self._group is not None
        if folder := self._image.folder:
            made = labels(self._spec.run, self._spec.job)
            untouched = Untouched(self._engine, self._image.id, folder, made)
            handle = folder_of(process, folder) if is_near else None
            self._reach = ImageWorkspace(self._engine, identity, folder, untouched, handle)
        else:
            self._reach = (near(process) if is_near else None) or Far(self._engine, identity)

    def look(self, command: Sequence[str]) -> bytes:
        """What a command of the image's own prints, as the container's keeper."""
        words = [*WAITING, *command]
        with closing(Attached(self._engine, self._container, words, user=KEEPER, patience_s=_LOOK_S)) as process:
            return b"".join(data for which, data in process.pieces() if which == STDOUT)

    def copy_in(self, to_copy: Copies) -> None:
        """Put what could not be mounted where the command expects it."""
        for target, contents in to_copy.archives.items():
            self._engine.api.put_archive(self._container, target, contents)
        if to_copy.sockets:
            self._give("relay.py", PROGRAM.read_bytes())
            paths = [inside for inside, _ in to_copy.sockets]
            words = [*WAITING, self._python, "-I", "-S", f"{OWN_FOLDER}/relay.py", *paths]
            process = Attached(self._engine, self._container, words, user=KEEPER)
            said = (data for which, data in process.pieces() if which == STDOUT)
            relay = SocketRelay([ours for _, ours in to_copy.sockets], said, process.send)
            self._relay = process, relay
            relay.await_ready()

    def put(self, files: Files) -> None:
        """See `Sandbox`."""
        with boundary(SandboxError, "cannot fill the workspace"):
            self._reach.write(files)

    def pristine(self) -> Files:
        """See `Sandbox`."""
        if not isinstance(self._reach, ImageWorkspace):
            return {}
        with engine_trouble("cannot read the image"), boundary(SandboxError, "cannot read the image"):
            return self._reach.pristine()

    def take(self) -> Files:
        """See `Sandbox`."""
        if self._in_use.locked():
            raise SandboxError("the command still runs: its workspace cannot be read")
        if self._lost:
            raise WorkspaceRejected(f"the workspace is lost: {self._lost}")
        with boundary(SandboxLost, "cannot read the workspace"):
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
        with self._in_use:
            printed = _Printed(self._spec.limits.output_bytes)
            try:
                with boundary(SandboxError, "cannot run a command"):
                    code, events = self._run(command, stdin, printed, self._deadline)
            except SandboxError as error:
                if printed.has_started:
                    raise SandboxLost(str(error)) from error
                raise
        is_relaying = self._relay is None or self._relay[1].is_alive()
        if not is_relaying and not self._lost and not events.out_of_memory_kills and printed.has_started:
            raise SandboxLost("the connection to the relay inside broke")
        return self._judge(printed, code, events, wall_s=time.monotonic() - started)

    def _run(
        self, command: Sequence[str], stdin: bytes, printed: "_Printed", deadline: Deadline
    ) -> tuple[int | None, Events]:
        """Its exit status, None if its deadline came first, and what the kernel did."""
        own = self._group.members() if self._group else frozenset()
        with closing(self._started(command, stdin)) as process:
            code = self._follow(process, printed.follow(process), deadline)
            events = self._events(code)
            if code == _KILLED:
                self._leaving.wait(_QUIET_S)  # whoever killed it may be killing the whole container
            left = self._group.members() if self._group else frozenset()
            if code is not None and own and left == own:
                printed.settle(_PATIENCE_S)  # nothing else holds its output
                printed.must_be_whole()
            elif self._group and self._reach.outlives and own and own <= left:
                self._group.kill(but=own)  # or the container dies, too, and Podman may never end the output
                printed.settle(_PATIENCE_S)
                printed.must_be_whole()
            else:
                self._freeze()
                printed.settle(_QUIET_S if self._engine.is_local else _QUIET_ELSEWHERE_S)
        if self._lost == _NO_MEMORY:  # and the account of it is lost, too
            events = events._replace(out_of_memory_kills=max(1, events.out_of_memory_kills))
        return code, events

    def _events(self, code: int | None) -> Events:
        """What the kernel did, while it still has the account of it."""
        if self._group:
            return self._group.events()
        return self._told_inside() if code == _KILLED else Events()

    def _started(self, command: Sequence[str], stdin: bytes) -> Attached:
        source = self._give("stdin", stdin) if stdin else "/dev/null"
        words = [self._python, "-I", "-S", "-c", _LAUNCH, _filter(self._engine.machine), source, *command]
        return Attached(
            self._engine,
            self._container,
            words,
            user=self._user,
            folder=self._image.folder or WORKSPACE,
            env=self._variables,
        )

    def _give(self, name: str, data: bytes) -> str:
        """Write a file that the command may read; its path inside."""
        path = self._folder / name
        path.write_bytes(data)
        path.chmod(0o644)
        if self._is_copying:
            to_copy = copies([Mount(source=path, target=f"{OWN_FOLDER}/{name}")])
            self._engine.api.put_archive(self._container, OWN_FOLDER, to_copy.archives[OWN_FOLDER])
        return f"{OWN_FOLDER}/{name}"

    def _follow(self, process: Attached, reader: threading.Thread, deadline: Deadline) -> int | None:
        """The command's exit status; None if its deadline came first."""
        pause = _SOON_S
        layer = _Layer(self._engine, self._container, self._spec.limits.workspace_mb) if self._image.folder else None
        while (left := deadline.left()) > 0:
            if layer is not None and layer.is_too_large():
                self._lost = f"more than {self._spec.limits.workspace_mb} MB were written"
                return None
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

    def _freeze(self) -> None:
        """Stop everything inside at once, as it is; what is frozen dies with the container.

        Raises:
            SandboxError: the engine does not answer, or somebody else has killed the container.
        """
        for _ in range(_FREEZES):
            with suppress(SandboxError), engine_trouble("cannot freeze a container"):
                self._engine.api.pause(self._container)
                return
            if self._needs_no_more():
                return
            if not limit_processes(self._engine, self._container, 1):  # who forks without end cannot be frozen
                break
        self._engine.api.kill(self._container)
        self._lost = "its processes could not be stopped"

    def _needs_no_more(self) -> bool:
        """Whether it is frozen all the same, or has died for want of memory, which the engine may say a moment later.

        Raises:
            SandboxError: it has died otherwise.
        """
        for _ in range(_LOOKS):
            state = self._engine.api.inspect_container(self._container)["State"]
            if state["Paused"]:
                return True
            if state["Running"]:
                return False
            if state["OOMKilled"]:
                self._lost = _NO_MEMORY
                return True
            self._leaving.wait(_QUIET_S)
        raise SandboxError("the container is gone")

    def _told_inside(self) -> Events:
        """What the kernel of an engine elsewhere did; nothing is known where no more processes can be started."""
        with suppress(SandboxError), engine_trouble("cannot look inside"):
            found = re.search(rb"^oom_kill (\d+)$", self.look(["cat", *_KERNELS_ACCOUNTS]), re.MULTILINE)
            return Events(out_of_memory_kills=int(found[1]) if found else 0)
        return Events()

    def _judge(self, printed: "_Printed", code: int | None, events: Events, *, wall_s: float) -> Exit:
        if not printed.has_started:
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
        for pause in _PAUSES_S:
            try:
                with engine_trouble("cannot remove a sandbox"):
                    remove()
                return
            except SandboxError as error:
                if is_missing(error):
                    return
                trouble = error
            time.sleep(pause)
        _log.warning("%s", trouble)


class _Layer:
    """A container's own layer, which no engine limits everywhere: looked at from time to time."""

    def __init__(self, engine: Engine, container: str, most_mb: int) -> None:
        self._engine, self._container, self._most = engine, container, most_mb * MIB
        self._next = time.monotonic() + _LAYER_S

    def is_too_large(self) -> bool:
        if time.monotonic() < self._next:
            return False
        began = time.monotonic()
        size = written_bytes(self._engine, self._container)
        self._next = time.monotonic() + max(_LAYER_S, 20 * (time.monotonic() - began))
        return size > self._most


def _filter(machine: str) -> str:
    """In hex; empty for machines whose system calls are not known here, which have the engine's filter alone."""
    return program(machine).hex() if machine in MACHINES else ""


class _Printed:
    """What the command printed, and before that the shell that starts it."""

    def __init__(self, limit: int) -> None:
        self.output = Capped(limit)
        self.launch = b""
        self._trouble = ""

    def follow(self, process: Attached) -> threading.Thread:
        """Read in a thread of its own, which ends when nobody holds the streams open."""
        self._reader = threading.Thread(target=self._read, args=(process,), name="output", daemon=True)
        self._reader.start()
        return self._reader

    @property
    def has_started(self) -> bool:
        """Whether the command itself ran, if only for a moment."""
        return self.launch.startswith(_STARTED)

    def settle(self, quiet_s: float) -> None:
        """Wait for the end of the output, but not longer than nothing comes; nothing more is being printed."""
        last = time.monotonic() + _PATIENCE_S
        seen = -1
        while self._reader.is_alive() and time.monotonic() < last and seen != (seen := self._so_far()):
            self._reader.join(quiet_s)

    def _so_far(self) -> int:
        return len(self.output.kept) + self.output.dropped

    def must_be_whole(self) -> None:
        """Return if nothing of the output can be missing.

        Raises:
            SandboxError: the connection broke, or goes on for no reason.
        """
        if self._trouble or self._reader.is_alive():
            raise SandboxError(f"the output did not arrive: {self._trouble or 'it does not end'}")

    def _read(self, process: Attached) -> None:
        try:
            for which, data in process.pieces():
                if which == STDOUT:
                    self.output.feed(data)
                elif not self.has_started:
                    self.launch = (self.launch + data)[:4000]
                    if self.has_started:
                        process.send(HEARD)
        except OSError as error:
            self._trouble = str(error)
