import re
import struct
from pathlib import Path

import pytest

from hgm.errors import SandboxError
from sandboxes.seccomp import CLONE, CLONE3, DENIED, IOCTL, NEWEST, PERSONALITY, SOCKET, program

HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+)\s+(\d+)\s*$"),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$"),
}
LOOKED_AT = {"clone": CLONE, "clone3": CLONE3, "socket": SOCKET, "ioctl": IOCTL, "personality": PERSONALITY}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED = 0x7FFF0000
EPERM, ENOSYS, EAFNOSUPPORT = 0x50001, 0x50026, 0x50061


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would answer: a small interpreter for the instructions that the filter uses."""
    data = struct.pack(
        "=iIQ6Q", number - (1 << 32) if number >= 1 << 31 else number, audit or AUDIT[machine], 0, *_six(arguments)
    )
    steps = list(struct.iter_unpack("=HBBI", program(machine)))
    at, value = 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
            continue
        test = {0x15: value == operand, 0x25: value > operand, 0x35: value >= operand, 0x45: bool(value & operand)}[
            code
        ]
        at += if_true if test else if_false


def _six(arguments: tuple[int, ...]) -> tuple[int, ...]:
    return (*arguments, *(0,) * (6 - len(arguments)))


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_the_kernels(machine) -> None:
    header, pattern = HEADERS[machine]
    if not header.is_file():
        pytest.skip(f"no kernel headers: {header} (apt-get install linux-libc-dev)")
    known = {found[1]: int(found[2]) for found in re.finditer(pattern, header.read_text(), re.MULTILINE)}
    ours = {name: getattr(numbers, machine) for name, numbers in {**DENIED, **LOOKED_AT}.items()}
    newer = {name for name, number in ours.items() if number > max(known.values())}  # than these headers
    assert newer <= {"statmount", "listmount"}
    assert ours == {**{name: known.get(name, -1) for name in ours}, **{name: ours[name] for name in newer}}


@pytest.mark.parametrize("machine", HEADERS)
def test_every_number_gets_the_right_answer(machine) -> None:
    denied = {getattr(numbers, machine) for numbers in DENIED.values()}
    clone3 = getattr(CLONE3, machine)
    for number in range(NEWEST + 200):
        wanted = EPERM if number in denied else ENOSYS if number > NEWEST or number == clone3 else ALLOWED
        answer = verdict(machine, number, 1 if number == getattr(SOCKET, machine) else 0)
        assert answer == wanted, number


@pytest.mark.parametrize("machine", HEADERS)
def test_foreign_calls_do_not_exist(machine) -> None:
    other = AUDIT["aarch64" if machine == "x86_64" else "x86_64"]
    assert verdict(machine, 1, audit=other) == ENOSYS
    assert verdict(machine, 1, audit=0x40000003) == ENOSYS  # i386, where 1 is exit
    assert verdict(machine, 0x40000000 | 39) == ENOSYS  # x32
    assert verdict(machine, 0xFFFFFFFF) == ENOSYS


@pytest.mark.parametrize("machine", HEADERS)
def test_arguments_are_looked_at(machine) -> None:
    clone, socket, ioctl, personality = (getattr(numbers, machine) for numbers in (CLONE, SOCKET, IOCTL, PERSONALITY))
    assert verdict(machine, clone, 0x003D0F00) == ALLOWED  # a thread, as glibc makes it
    assert verdict(machine, clone, 17) == ALLOWED
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict(machine, clone, 17 | flag) == EPERM
    assert [family for family in range(100) if verdict(machine, socket, family) == ALLOWED] == [1, 2, 10, 16]
    assert verdict(machine, socket, (7 << 32) | 40) == EAFNOSUPPORT  # the kernel takes the low half
    assert verdict(machine, ioctl, 0, 0x5401) == ALLOWED
    assert verdict(machine, ioctl, 0, 0x5412) == verdict(machine, ioctl, 0, (1 << 32) | 0x5412) == EPERM
    assert verdict(machine, personality, 0xFFFFFFFF) == ALLOWED
    assert verdict(machine, personality, 0x0040000) == EPERM


def test_other_machines_have_none() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        program("riscv64")
