"""The system call filter of a sandbox: a small BPF program, in the spirit of Docker's default profile.

Stops: mounting, new namespaces, tracing or reading other processes, kernel keys, bpf, perf events, io_uring,
userfaultfd, kernel modules, kexec, clocks, swap, terminal injection, socket families other than Unix, IPv4, IPv6 and
netlink, 32-bit and x32 calls, and every system call younger than the newest one listed here.
Does not stop: anything else; namespaces, cgroups and read-only mounts do.

Written here because the libraries for it bind to the C library libseccomp, which users would have to install.
"""

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from hgm.errors import SandboxError


class Numbers(NamedTuple):
    """A system call's number on the two machines; -1 where it does not exist."""

    x86_64: int
    aarch64: int


DENIED = {
    # mounts and namespaces (clone is looked at more closely below)
    "mount": Numbers(165, 40),
    "umount2": Numbers(166, 39),
    "pivot_root": Numbers(155, 41),
    "chroot": Numbers(161, 51),
    "open_tree": Numbers(428, 428),
    "move_mount": Numbers(429, 429),
    "fsopen": Numbers(430, 430),
    "fsconfig": Numbers(431, 431),
    "fsmount": Numbers(432, 432),
    "fspick": Numbers(433, 433),
    "mount_setattr": Numbers(442, 442),
    "statmount": Numbers(457, 457),
    "listmount": Numbers(458, 458),
    "unshare": Numbers(272, 97),
    "setns": Numbers(308, 268),
    "open_by_handle_at": Numbers(304, 265),
    # other processes
    "ptrace": Numbers(101, 117),
    "process_vm_readv": Numbers(310, 270),
    "process_vm_writev": Numbers(311, 271),
    "process_madvise": Numbers(440, 440),
    "process_mrelease": Numbers(448, 448),
    "kcmp": Numbers(312, 272),
    "pidfd_getfd": Numbers(438, 438),
    # kernel keys are not namespaced
    "add_key": Numbers(248, 217),
    "request_key": Numbers(249, 218),
    "keyctl": Numbers(250, 219),
    # much attack surface, little use
    "bpf": Numbers(321, 280),
    "perf_event_open": Numbers(298, 241),
    "userfaultfd": Numbers(323, 282),
    "io_uring_setup": Numbers(425, 425),
    "io_uring_enter": Numbers(426, 426),
    "io_uring_register": Numbers(427, 427),
    "fanotify_init": Numbers(300, 262),
    "fanotify_mark": Numbers(301, 263),
    "lookup_dcookie": Numbers(212, 18),
    "modify_ldt": Numbers(154, -1),
    "uselib": Numbers(134, -1),
    "ustat": Numbers(136, -1),
    "sysfs": Numbers(139, -1),
    "_sysctl": Numbers(156, -1),
    "nfsservctl": Numbers(180, 42),
    "vhangup": Numbers(153, 58),
    "mbind": Numbers(237, 235),
    "set_mempolicy": Numbers(238, 237),
    "set_mempolicy_home_node": Numbers(450, 450),
    "migrate_pages": Numbers(256, 238),
    "move_pages": Numbers(279, 239),
    # the machine itself
    "init_module": Numbers(175, 105),
    "finit_module": Numbers(313, 273),
    "delete_module": Numbers(176, 106),
    "kexec_load": Numbers(246, 104),
    "kexec_file_load": Numbers(320, 294),
    "reboot": Numbers(169, 142),
    "swapon": Numbers(167, 224),
    "swapoff": Numbers(168, 225),
    "quotactl": Numbers(179, 60),
    "quotactl_fd": Numbers(443, 443),
    "acct": Numbers(163, 89),
    "syslog": Numbers(103, 116),
    "iopl": Numbers(172, -1),
    "ioperm": Numbers(173, -1),
    "settimeofday": Numbers(164, 170),
    "clock_settime": Numbers(227, 112),
    "clock_adjtime": Numbers(305, 266),
    "adjtimex": Numbers(159, 171),
}
CLONE = Numbers(56, 220)
CLONE3 = Numbers(435, 435)
SOCKET = Numbers(41, 198)
IOCTL = Numbers(16, 29)
PERSONALITY = Numbers(135, 92)
NEWEST = 462
"""mseal: a program that tries a younger call gets ENOSYS, as on an older kernel."""

_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (getaddrinfo)
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_PERSONALITIES = (0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)  # as in Docker's profile: all others weaken hardening
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machines whose system calls are known here, by the name that the kernel gives them."""
_X32 = 0x40000000

_LOAD, _EQUAL, _GREATER, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


@cache
def program(machine: str = os.uname().machine) -> bytes:
    """The filter for a machine, as an array of `struct sock_filter` for `bwrap --seccomp`.

    Raises:
        SandboxError: not a machine whose system call numbers are known here.
    """
    if machine not in MACHINES:
        raise SandboxError(f"no system call filter for {machine}: only for {', '.join(MACHINES)}")
    return b"".join(_instructions(machine))


def _instructions(machine: str) -> Iterator[bytes]:
    yield _instruction(_LOAD, _ARCHITECTURE_AT)
    yield from _unless(_EQUAL, MACHINES[machine], _fails(errno.ENOSYS))
    yield _instruction(_LOAD, _NUMBER_AT)
    if machine == "x86_64":
        yield from _when(_AT_LEAST, _X32, _fails(errno.ENOSYS))
    yield from _when(_GREATER, NEWEST, _fails(errno.ENOSYS))
    yield from _when(_EQUAL, getattr(CLONE3, machine), _fails(errno.ENOSYS))  # glibc then uses clone, whose flags show
    for numbers in DENIED.values():
        if (number := getattr(numbers, machine)) >= 0:
            yield from _when(_EQUAL, number, _fails(errno.EPERM))
    yield from _argument_rule(getattr(CLONE, machine), 0, _when(_ANY_BIT, _NEW_NAMESPACES, _fails(errno.EPERM)))
    yield from _argument_rule(getattr(IOCTL, machine), 1, _none_of(_TERMINAL_INJECTION, _fails(errno.EPERM)))
    yield from _argument_rule(getattr(SOCKET, machine), 0, _only(_FAMILIES, _fails(errno.EAFNOSUPPORT)))
    yield from _argument_rule(getattr(PERSONALITY, machine), 0, _only(_PERSONALITIES, _fails(errno.EPERM)))
    yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, operand: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _fails(number: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)


def _when(test: int, operand: int, then: bytes) -> list[bytes]:
    return [_instruction(test, operand, if_false=1), then]


def _unless(test: int, operand: int, then: bytes) -> list[bytes]:
    return [_instruction(test, operand, if_true=1), then]


def _argument_rule(number: int, argument: int, rule: Iterable[bytes]) -> list[bytes]:
    # The low half of an argument comes first on both machines; the kernel itself looks at no more of these.
    body = [_instruction(_LOAD, _ARGUMENTS_AT + 8 * argument), *rule, _instruction(_RETURN, _ALLOW)]
    return [_instruction(_EQUAL, number, if_false=len(body)), *body]


def _none_of(values: Iterable[int], then: bytes) -> list[bytes]:
    return [step for value in values for step in _when(_EQUAL, value, then)]


def _only(values: Iterable[int], otherwise: bytes) -> list[bytes]:
    allow = _instruction(_RETURN, _ALLOW)
    return [*(step for value in values for step in _when(_EQUAL, value, allow)), otherwise]
