"""Sandboxes made with bubblewrap: namespaces, no engine, no image, 10 ms.

Stops:
- reading or writing anything of the host but /usr, the loader's cache and what the spec mounts (all read-only): no
  home, no /run or engine socket, no other sandbox, no environment or process of the host
- the network, the host's loopback and abstract sockets included; what is mounted is the only way out
- gaining rights: no capability, no new user namespace, no set-user-id, and the calls of `sandboxes.seccomp`
- touching the first process inside, which is bubblewrap's own: its memory, descriptors and input are not in /proc
- using more memory, processes, disk, files or pseudo-terminals than allowed; printing more than is kept
- outliving the command, the deadline or the host process, also as a daemon and after its kill -9
Does not stop:
- without control groups (a user whose systemd does not limit, a container's root): memory is limited per process, and
  a death by it looks like any other; `sandboxes.choose.available` tells which it is
- using all the processor time there is, until the deadline
- a hole in the kernel: all sandboxes share the host's
- reading what every process may know: kernel version, processor, load, names of mounted folders
- anything where /usr itself holds secrets
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from hgm.errors import SandboxError, boundary
from sandboxes import canary
from sandboxes.base import End, Exit, File, Files, Image, SandboxProvider, SandboxSpec
from sandboxes.discovery import Tools, find_tools
from sandboxes.limits import Events
from sandboxes.rooms import SLOTS, Room, open_rooted, open_rootless, slot_uid
from sandboxes.snapshot import Bounds, read_folder, write_files
from sandboxes.view import View, arguments
from sandboxes.watch import Capped, Deadline, drain, follow

_ARGUMENTS, _SECCOMP, _STATUS = 3, 4, 5
_KILLED = 128 + 9
_SIGNALS = range(129, 128 + 65)
"""How bubblewrap, like a shell, tells a death by signal; a command that exits with such a status looks the same."""


class Bubblewrap:
    """Opens sandboxes. Thread-safe."""

    name = "bubblewrap"

    def __init__(self, tools: Tools | None = None) -> None:
        """`tools` says what this machine has; found out if not given.

        Raises:
            SandboxError: something that cannot be done without is missing.
        """
        self.tools = find_tools() if tools is None else tools
        self.python = self.tools.python

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator["BubblewrapSandbox"]:
        """See `SandboxProvider`."""
        with ExitStack() as stack:
            with boundary(SandboxError, f"no sandbox for {spec.job}"):
                box = BubblewrapSandbox(spec, self.tools.bwrap, self._room(spec, stack))
            yield box

    def _room(self, spec: SandboxSpec, stack: ExitStack) -> Room:
        tools = self.tools
        if tools.drop_to_user:
            become = tuple(word.format(uid=slot_uid(spec.slot)) for word in tools.drop_to_user)
            return open_rooted(spec, tools.hierarchy, become, stack)
        before = tools.scopes.command(spec.run, spec.job, spec.limits) if tools.scopes else ()
        return open_rootless(spec, before, stack)

    def within(self, image: Image) -> SandboxProvider:
        """See `SandboxProvider`."""
        raise SandboxError("tasks with an image of their own need a container engine: --sandbox docker")

    def healthy(self) -> bool:
        """See `SandboxProvider`."""
        return canary.lives(self, slot=SLOTS - 1)

    def check(self) -> None:
        """Run a canary.

        Raises:
            SandboxError: it died, and why.
        """
        canary.send(self, slot=SLOTS - 1)


class BubblewrapSandbox:
    """One open sandbox. See `Sandbox`."""

    def __init__(self, spec: SandboxSpec, bwrap: str, room: Room) -> None:
        self._spec = spec
        self._bwrap = bwrap
        self._room = room
        self._deadline: Deadline | None = None
        self.skipped: tuple[bytes, ...] = ()
        """Paths of devices, FIFOs and sockets that `take` found and left."""

    def put(self, files: Files) -> None:
        """See `Sandbox`."""
        with boundary(SandboxError, "cannot fill the workspace"):
            write_files(self._room.workspace, files, uid=self._room.uid, gid=self._room.uid)

    def pristine(self) -> Files:
        """See `Sandbox`."""
        return {}

    def take(self) -> Files:
        """See `Sandbox`."""
        if self._room.launch.in_use.locked():
            raise SandboxError("the command still runs: its workspace cannot be read")
        with boundary(SandboxError, "cannot read the workspace"):
            found = read_folder(self._room.workspace, Bounds.of(self._spec.limits))
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
        with self._room.launch.in_use, boundary(SandboxError, "cannot run a command"):
            self._order(command, stdin)
            output = Capped(self._spec.limits.output_bytes)
            was_late = self._follow(output)
        return self._judge(output, was_late=was_late, wall_s=time.monotonic() - started)

    def _order(self, command: Sequence[str], stdin: bytes) -> None:
        room = self._room
        view = View(room=room.path, mounts=room.mounts, env=self._spec.env)
        options = "".join(f"{word}\0" for word in arguments(view, seccomp=_SECCOMP, status=_STATUS))
        files = {b"arguments": File(options.encode("utf-8", "surrogateescape")), b"stdin": File(stdin)}
        write_files(room.folder, files, uid=os.geteuid(), gid=os.getegid())
        source = f"{room.path}/stdin" if stdin else "/dev/null"
        inputs = f"<{source} {_ARGUMENTS}<{room.path}/arguments {_SECCOMP}<{room.path}/seccomp"
        words = [*room.become, self._bwrap, "--args", str(_ARGUMENTS), "--", *command]
        room.launch.become(words, f"{inputs} {_STATUS}>&2 2>&1", hold=room.holds)

    def _follow(self, output: Capped) -> bool:
        launch, deadline = self._room.launch, self._deadline
        assert deadline is not None

        def stop() -> None:
            drain(launch.status, launch.hear)
            launch.stop()

        sinks = {launch.output: output.feed, launch.status: launch.hear}
        was_late = follow(launch.ended, sinks, deadline=deadline, at_deadline=stop)
        drain(launch.status, launch.hear)
        launch.wait()
        drain(launch.output, output.feed)
        return was_late

    def _judge(self, output: Capped, *, was_late: bool, wall_s: float) -> Exit:
        launch = self._room.launch
        events = self._room.group.events() if self._room.group else Events()
        code = launch.report.exit_code
        if code is None:
            if not events.out_of_memory_kills:
                reason = "its deadline came first" if was_late else launch.message(output.kept)
                raise SandboxError(f"the command was never started: {reason}")
            code = _KILLED  # bubblewrap itself was the kernel's choice
        end = End.EXITED
        if code == _KILLED:
            end = End.DEADLINE if was_late else End.OUT_OF_MEMORY if events.out_of_memory_kills else End.EXITED
        return Exit(
            end=end,
            status=128 - code if code in _SIGNALS else code,
            wall_s=wall_s,
            output=output.kept,
            output_dropped=output.dropped,
            out_of_memory_kills=events.out_of_memory_kills,
            pids_refused=events.pids_refused,
        )
