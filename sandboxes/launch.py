"""Start bubblewrap: a shell that comes under its limits at once and becomes bubblewrap when the order arrives.

Joining a control group can take the kernel 15 ms; with the shell already waiting, that passes while the workspace is
being filled. The shell ends by itself when the process that started it is gone.
"""

import contextlib
import json
import os
import resource
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from hgm.errors import SandboxError, boundary
from sandboxes.keeper import Keeper
from sandboxes.watch import drain, is_ready

_MESSAGE_BYTES = 4000
_PATIENCE_S = 5.0


@dataclass
class Report:
    """What the launcher and bubblewrap say about themselves; nothing in it comes from the command."""

    first_process: int | None = None
    """Host's number of the pid namespace's first process, when it exists."""
    exit_code: int | None = None
    """The command's, as a shell would give it; None unless the command was started *and* ended."""
    errors: bytes = b""
    _rest: bytes = field(default=b"", repr=False)

    def feed(self, data: bytes) -> None:
        """Take the next piece of the status stream."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            found = _json(line)
            if isinstance(found, dict):
                self.first_process = found.get("child-pid", self.first_process)
                self.exit_code = found.get("exit-code", self.exit_code)
            else:
                self.errors += line[:_MESSAGE_BYTES] + b"\n"


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


class Launch:
    """One process that waits for the order to become bubblewrap. A context manager: nothing of it is alive after."""

    def __init__(self, keeper: Keeper, command: Sequence[str], first_orders: str, *, env: Mapping[str, str]) -> None:
        self.report = Report()
        self.in_use = threading.Lock()
        """Held by whoever reads the descriptors."""
        self._first: int | None = None
        with ExitStack() as descriptors, ExitStack() as given_away:
            script, self._script = _pipe(given_away, descriptors)
            self.output, output = _pipe(descriptors, given_away)
            self.status, status = _pipe(descriptors, given_away)
            self.order(first_orders)
            with boundary(SandboxError, f"cannot start {command[0]}"):
                self._process = keeper.do(
                    lambda: subprocess.Popen(
                        command, stdin=script, stdout=output, stderr=status, env=env, cwd="/", start_new_session=True
                    )
                )
                self.ended = os.pidfd_open(self._process.pid)
            descriptors.callback(os.close, self.ended)
            self._descriptors = descriptors.pop_all()

    @property
    def pid(self) -> int:
        """Of the shell, then of bubblewrap's monitor."""
        return self._process.pid

    def order(self, script: str) -> None:
        """Let the shell run lines; it may be dead already, which `report.errors` then explains."""
        left = memoryview(script.encode("utf-8", "surrogateescape"))
        with contextlib.suppress(BrokenPipeError):
            while left:
                left = left[os.write(self._script, left) :]

    def await_line(self, seconds: float) -> None:
        """Wait until the shell has said, with an empty line, that its orders so far are carried out.

        Raises:
            SandboxError: it failed, and why.
        """
        if not is_ready(self.output, seconds) or os.read(self.output, 1) != b"\n":
            self._process.kill()
            drain(self.status, self.report.feed)
            raise SandboxError(f"cannot prepare a sandbox: {self.message(b'')}")

    def become(self, command: Sequence[str], redirections: str, *, hold: bool = False) -> None:
        """Replace the shell by a command.

        With `hold` a process stays behind until `close`, in the same control group, whose events would else be gone
        together with its last process before anybody has read them.
        """
        words = f"exec {shlex.join(command)} {redirections}"
        if hold:
            # It waits for the end of our orders; the braces make the shell read all of them before it starts.
            # It ignores TERM from before it exists: the command may send that to its group at once.
            holder = "trap '' TERM; cat <&3 3<&- >/dev/null 2>&1 & trap - TERM;"
            words = f"exec 3<&0\n{{ {holder} {words}; }}"
        self.order(words + "\n")

    def limit(self, kind: int, value: int) -> None:
        """Set a resource limit that the command inherits and cannot raise."""
        with boundary(SandboxError, "resource limit"):
            resource.prlimit(self.pid, kind, (value, value))

    def hear(self, data: bytes) -> None:
        """Take a piece of the status stream, and hold on to the first process as soon as it is known."""
        self.report.feed(data)
        number = self.report.first_process
        if self._first is None and number is not None:
            with contextlib.suppress(OSError):
                handle = os.pidfd_open(number)
                self._descriptors.callback(os.close, handle)
                if _parent(number) == self.pid:  # else it ended meanwhile, and the number may be somebody else's
                    self._first = handle

    def stop(self) -> None:
        """Kill the command with everything it started; bubblewrap stays a moment to report."""
        if self._first is None:
            self._process.kill()
        else:
            self._kill_first()
            if not is_ready(self.ended, _PATIENCE_S):
                self._process.kill()

    def wait(self) -> None:
        """Wait until bubblewrap is gone, kill what it left, and wait for that too.

        The kernel ends a namespace's first process last. Whoever inside makes it linger after bubblewrap's end gains
        nothing, least of all that it counts as the host's trouble.

        Raises:
            SandboxError: they do not die.
        """
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired as cause:
            raise SandboxError(f"bubblewrap (process {self.pid}) does not end") from cause
        self._kill_first()
        if self._first is not None and not is_ready(self._first, _PATIENCE_S):
            raise SandboxError(f"the processes of a sandbox (first: {self.report.first_process}) do not end")

    def _kill_first(self) -> None:
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)

    def message(self, output: bytes) -> str:
        """Why nothing was started, as printable text."""
        return ascii((self.report.errors + output[:_MESSAGE_BYTES]).decode("utf-8", "replace").strip())[1:-1]

    def close(self) -> None:
        """Kill and wait for what is left, and close all descriptors. Idempotent.

        Raises:
            SandboxError: as in `wait`.
        """
        try:
            self._process.kill()
            self._kill_first()
            self.wait()
        finally:
            # Another thread may be about to see that it has ended; its numbers must not be given away before.
            if self.in_use.acquire(timeout=_PATIENCE_S):
                self._descriptors.close()


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends


def _parent(process: int) -> int:
    with open(f"/proc/{process}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
