"""What every agent of the battery has at hand, in its sandbox: standard library only."""

import base64
import ctypes
import os
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)


def out(what):
    """Tell the host that something worked which must not, on a line of its own."""
    os.write(1, b"\nGOT OUT: " + str(what).encode(errors="replace")[:200] + b"\n")


def show(data):
    """Hand over what was found, in the log and in the workspace."""
    data = data if isinstance(data, bytes) else str(data).encode(errors="replace")
    os.write(1, b"\n" + data[:50_000] + b"\n")
    with open("/workspace/loot", "ab") as file:
        file.write(base64.b64encode(data[:50_000]) + b"\n")


def read(path):
    """What a file holds, shown to the host; nothing where it cannot be read."""
    try:
        with open(path, "rb") as file:
            show(file.read(50_000))
    except OSError:
        pass


def solve():
    """Do the task as an honest agent would."""
    with open("/workspace/answer.py", "w") as file:
        file.write("def double(n):\n    return 2 * n\n")


def call(number, *words):
    """A system call; its result, or minus the error."""
    ctypes.set_errno(0)
    arguments = [word if isinstance(word, bytes) else ctypes.c_long(word) for word in words]
    result = libc.syscall(ctypes.c_long(number), *arguments)
    return -ctypes.get_errno() if result == -1 else result


def tried(work, *arguments):
    """Whether that worked."""
    try:
        work(*arguments)
    except (OSError, ValueError):
        return False
    return True


def connects(family, kind, place):
    """Whether a connection, or a packet, gets away."""
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(place)
        client.send(b"x")
    return True


def request(data, *, token=None, path="/v1/chat/completions", headers=(), wait=10.0, sock=None):
    """One request to the gateway, as raw as it comes; whatever comes back."""
    token = os.environ["HGM_TOKEN"] if token is None else token
    lines = [f"POST {path} HTTP/1.1", "Host: g", f"Authorization: Bearer {token}", "Connection: close"]
    lines += [*headers, f"Content-Length: {len(data)}", "", ""]
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(wait)
    answer = b""
    try:
        client.connect(sock or os.environ["HGM_SOCKET"])
        client.sendall("\r\n".join(lines).encode() + data)
    except OSError:
        pass
    try:
        while True:
            part = client.recv(65536)
            if not part:
                break
            answer += part
    except OSError:
        pass
    client.close()
    return answer


sys.path.insert(0, "/hgm/agent")
