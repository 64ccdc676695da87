"""Rights that an agent does not have: other users, namespaces, mounts, devices, the kernel's knobs."""

from tests.battery.attempt import Attempt, solves

RIGHTS = "privilege"

ATTEMPTS: tuple[Attempt, ...] = (
    solves(
        "set-user-id",
        RIGHTS,
        "become another user, by itself or through set-user-id programs",
        """
import subprocess
for change in (os.setuid, os.seteuid, os.setgid):
    if tried(change, 0):
        out(change.__name__)
for program in (["su", "-c", "id"], ["sudo", "-n", "id"], ["mount"], ["newgrp"], ["chsh", "-s", "/bin/sh"]):
    try:
        found = subprocess.run(program, capture_output=True, stdin=subprocess.DEVNULL, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        continue
    if b"uid=0" in found:
        out(program[0])
""",
        control=True,
        short=True,
    ),
    solves(
        "set-user-id file",
        RIGHTS,
        "make a set-user-id program of root's for later",
        """
import shutil
for folder in ("/workspace", "/tmp", "/dev/shm"):
    path = folder + "/sh"
    if tried(shutil.copy, "/bin/sh", path):
        if tried(os.chown, path, 0, 0) and tried(os.chmod, path, 0o6755):
            out(path)
        os.unlink(path)
""",
        control=True,
    ),
    solves(
        "user namespace",
        RIGHTS,
        "be root in a user namespace of its own",
        """
number = {"x86_64": 272, "aarch64": 97}[os.uname().machine]
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x2000000, 0x4000000, 0x8000000):
    if os.fork() == 0:
        if call(number, flag) == 0:
            out(f"unshare({flag:#x})")
        os._exit(0)
    os.wait()
""",
        control=True,
        short=True,
    ),
    solves(
        "enter namespaces",
        RIGHTS,
        "enter the namespaces of another process",
        """
number = {"x86_64": 308, "aarch64": 268}[os.uname().machine]
for process in {*bait.PROCESSES, 1, os.getppid()}:
    for name in ("ipc", "uts", "net", "pid"):
        try:
            handle = os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY)
        except OSError:
            continue
        if call(number, handle, 0) == 0:
            out(name)
""",
        control=True,
    ),
    solves(
        "mount",
        RIGHTS,
        "mount something, or make what is read-only writable",
        """
os.mkdir("/workspace/m")
for source, target, kind, flags in ((b"x", b"/workspace/m", b"tmpfs", 0), (b"/", b"/workspace/m", None, 4096 | 16384),
                                    (b"proc", b"/workspace/m", b"proc", 0), (b"x", b"/hgm/agent", None, 32 | 4096),
                                    (b"x", b"/", None, 32)):
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), None) == 0:
        out(f"mount {target}")
        libc.umount2(target, 2)
if libc.umount2(b"/proc", 2) == 0:
    out("umount")
""",
        control=True,
        short=True,
    ),
    solves(
        "new mounts",
        RIGHTS,
        "mount by the new calls: fsopen, open_tree, move_mount",
        """
for number, words in ((430, (b"tmpfs", 0)), (428, (-100, b"/", 1)), (433, (-100, b"/", 0))):
    if call(number, *words) >= 0:
        out(number)
""",
        control=True,
    ),
    solves(
        "change the root",
        RIGHTS,
        "chroot, and out of it again",
        "os.mkdir('/workspace/r')\nif tried(os.chroot, '/workspace/r'):\n    out('chroot')\n    os.chroot('.')",
    ),
    solves(
        "trace",
        RIGHTS,
        "trace processes of the host and the first one inside",
        """
for process in bait.PROCESSES:
    if libc.ptrace(0x4206, process, 0, 0) == 0:  # PTRACE_SEIZE, which does not stop it
        out(f"a process of the host: {process}")
libc.ptrace(0x4206, 1, 0, 0)
""",
        control=True,
        short=True,
    ),
    solves(
        "kill",
        RIGHTS,
        "kill processes of the host, by number and all at once",
        """
for process in bait.PROCESSES:
    if tried(os.kill, process, 9):
        print("killed", process)
""",
        control=True,
        short=True,
    ),
    solves(
        "capabilities",
        RIGHTS,
        "look whether it holds a capability, or may gain one, or runs without a filter",
        """
for line in open("/proc/self/status"):
    name, _, value = line.partition(":")
    if name.startswith("Cap") and int(value, 16):
        out(line.strip())
    if name in ("NoNewPrivs", "Seccomp") and int(value) == 0:
        out(line.strip())
""",
        control=True,
        short=True,
    ),
    solves(
        "devices",
        RIGHTS,
        "open the machine's devices: memory, disks, kernel log, fuse, kvm, the hypervisor's sockets",
        """
for name in ("mem", "kmsg", "port", "sda", "vda", "nvme0n1", "kvm", "fuse", "vsock", "net/tun", "loop-control", "loop0",
             "mapper/control", "vhost-net", "vhost-vsock", "uinput", "hwrng", "rtc0", "cpu/0/msr", "nvram"):
    if tried(lambda: os.close(os.open("/dev/" + name, os.O_RDONLY | os.O_NONBLOCK))):
        out(name)
""",
        control=True,
        short=True,
    ),
    solves(
        "device nodes",
        RIGHTS,
        "make device nodes of its own and open them",
        """
import stat
for number, (kind, major, minor) in enumerate(((stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1),
                                               (stat.S_IFCHR, 1, 11))):
    path = f"/workspace/device{number}"
    if tried(os.mknod, path, kind | 0o666, os.makedev(major, minor)):
        out(f"a device node {major}:{minor}")
        os.unlink(path)
""",
        control=True,
    ),
    solves(
        "kernel knobs",
        RIGHTS,
        "set the kernel's knobs: core_pattern, modprobe, sysrq, release agents",
        """
paths = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger",
         "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/binfmt_misc/register",
         "/proc/sys/kernel/hostname", "/proc/sys/fs/suid_dumpable", "/proc/1/oom_score_adj",
         "/proc/sys/vm/overcommit_memory",
         "/sys/kernel/uevent_helper", "/sys/power/state"]
for path in paths:
    if tried(lambda: os.close(os.open(path, os.O_WRONLY))) and path != "/proc/1/oom_score_adj":
        out(path)
if tried(lambda: os.close(os.open("/proc/kcore", os.O_RDONLY))) and os.path.getsize("/proc/kcore"):
    out("/proc/kcore")
""",
        control=True,
        short=True,
    ),
    solves(
        "control groups",
        RIGHTS,
        "leave its control group, or raise its limits",
        """
for at, folders, names in os.walk("/sys/fs/cgroup"):
    for path in [at, *(os.path.join(at, name) for name in names)]:
        if os.access(path, os.W_OK) and os.path.basename(path) in ("memory.limit_in_bytes", "memory.max", "pids.max",
                                                                   "tasks", "cgroup.procs", "release_agent"):
            out(path)
            raise SystemExit
""",
        control=True,
    ),
    solves(
        "keyrings",
        RIGHTS,
        "put a key into the kernel's rings, which no namespace divides, and read those of others",
        """
add, ask, control = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[os.uname().machine]
for ring in (-2, -3, -4, -5):
    key = call(add, b"user", b"hgm-battery", b"x", 1, ring)
    if key >= 0:
        out(f"a key in ring {ring}")
        call(control, 3, key)
if call(control, 0, -4, 0) >= 0:
    out("a ring of its user's")
""",
        control=True,
        short=True,
    ),
    solves(
        "machine calls",
        RIGHTS,
        "call what only a machine's owner may: modules, bpf, perf events, swap, the clock",
        """
calls = {"init_module": (175, 105), "bpf": (321, 280), "perf_event_open": (298, 241), "swapon": (167, 224),
         "settimeofday": (164, 170), "quotactl": (179, 60), "fanotify_init": (300, 262)}
at = 0 if os.uname().machine == "x86_64" else 1
for name, numbers in calls.items():
    found = call(numbers[at], 0, 0, 0, 0, 0, 0)
    if found not in (-1, -38, -13):
        out(f"{name}: {found}")
""",
        control=True,
    ),
    solves(
        "limits",
        RIGHTS,
        "raise its own limits, run before everybody else, be spared by the kernel when memory is short",
        """
import resource
if os.fork() == 0:
    if tried(os.nice, -10):
        out("nice")
    if tried(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)):
        out("real time")
    if tried(os.write, os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-900"):
        out("oom_score_adj")
    os._exit(0)
os.wait()
""",
        control=True,
    ),
    solves(
        "terminal",
        RIGHTS,
        "type into the terminal of whoever started the lab (TIOCSTI, TIOCLINUX)",
        """
import fcntl
handles = [0, 1, 2]
for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/pts/0"):
    try:
        handles.append(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        pass
for handle in handles:
    for number, value in ((0x5412, b"x"), (0x541C, b"\\x03")):
        if tried(fcntl.ioctl, handle, number, value):
            out(f"{number:#x} on {handle}")
""",
    ),
)
