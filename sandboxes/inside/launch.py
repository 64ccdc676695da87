"""Becomes the command, under a system call filter beside the engine's own.

    python3 -I -S -c THIS FILTER INPUT COMMAND ...

FILTER is an array of `struct sock_filter` in hex, INPUT the file to be standard input. Standard library only, Python
3.9 or later. Waits for a byte on standard input before it says anything, since some engines lose what is said before
they listen. Says `started` on standard error when nothing but the command itself can fail any more, and waits for a
second byte: nothing of the command runs before the host knows, so that nothing of it can look like a failed start. The
command's own errors go to standard output.
"""

import ctypes
import os
import signal
import sys

SET_SECCOMP, FILTER_MODE = 22, 2
ENGINES_OWN = ("HOSTNAME", "TERM", "container")
"""Variables that engines add."""


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def main(instructions, source, *command):
    wait()
    path = find(command[0])
    if not path:
        sys.exit("no such command: %s" % command[0])
    for name in ENGINES_OWN:
        os.environ.pop(name, None)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and who is started would too
        signal.signal(number, signal.SIG_DFL)
    given = os.open(source, os.O_RDONLY)
    if instructions:
        forbid(bytes.fromhex(instructions))
    os.write(2, b"started")
    wait()
    os.dup2(given, 0)
    os.dup2(1, 2)
    os.execve(path, command, os.environ)


def wait():
    """Until the host has heard all that was said so far."""
    if not os.read(0, 1):
        sys.exit("the host is gone")


def find(name):
    """Where a command is, as a shell finds it; empty if it is nowhere."""
    places = [name] if "/" in name else [os.path.join(folder, name) for folder in os.get_exec_path()] if name else []
    return next((path for path in places if os.path.isfile(path) and os.access(path, os.X_OK)), "")


def forbid(instructions):
    """Put this process and all that it becomes under the filter; it may gain no rights, or the kernel refuses."""
    program = Program(len(instructions) // 8, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(
        SET_SECCOMP, ctypes.c_ulong(FILTER_MODE), ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0)
    ):
        sys.exit("no system call filter: " + os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(*sys.argv[1:])
