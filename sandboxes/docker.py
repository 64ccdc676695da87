"""Sandboxes made by a container engine: Docker, rootless Docker, Podman; here or on another machine.

A container is kept alive by a process that the command has no power over; the command is a second one in it. When the
command ends or its deadline passes, everything inside is killed where root has opened the workspace before, so that it
can still be read; elsewhere the whole container is frozen, its workspace read through the engine, and then killed.

Stops:
- reading or writing anything of the host but what the spec mounts (read-only): no home, no engine socket, no other
  sandbox, no environment or process of the host
- the network, the host's loopback and abstract sockets included; what is mounted is the only way out
- gaining rights: no capability, no set-user-id, an unprivileged user, and two filters on system calls: the engine's
  and, on machines that it knows, that of `sandboxes.seccomp`
- touching the container's first processes, which belong to another user
- using more memory, processes, disk, files or pseudo-terminals than allowed, or all the processors of a large machine;
  printing more than is kept
- outliving the command or the deadline, also as a daemon
Does not stop:
- in an image's own folder: writing a little more than allowed, since how much a container has written is only looked at
  every two seconds; changing the image's other files, for itself alone
- running on after a kill -9 of the host process, until `hgm gc`
- a hole in the kernel: all containers share the host's (a runtime such as runsc or kata brings one of its own)
- whoever may use the engine: that is as good as root on its machine
- reading what every process may know: kernel version, processor, load, names of mounted folders
- what a rootless engine without delegated control groups cannot limit
- using up what the kernel counts per user, for all sandboxes together: watches of files, signals and timers that wait
"""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from hgm.errors import SandboxError, boundary
from sandboxes import canary
from sandboxes.base import WORKSPACE, File, Image, Mount, SandboxProvider, SandboxSpec
from sandboxes.carried import INSIDE, PYTHON, carried_python
from sandboxes.container import bind, container, copied, folders, hosts, place, variables
from sandboxes.docker_sandbox import OWN_FOLDER, DockerSandbox
from sandboxes.engine import Engine, engine_trouble
from sandboxes.fixed import checked_target
from sandboxes.sockets import listening, own_folder
from sandboxes.stdio import Copies, Transport, copies
from sandboxes.stream import packed

_FIND_PYTHON = f"""try='import ctypes, sys; sys.exit(sys.version_info < (3, 9))'
for name in {PYTHON} python3 /opt/miniconda3/bin/python3 /usr/local/bin/python3; do
  path=$(command -v $name) && $path -I -S -c "$try" 2>/dev/null && break
  path=
done
echo "$path"
"""
_FIND_WORKSPACE = f"[ -e {WORKSPACE} ] && echo found; echo"
_REACH = "import socket; socket.socket(socket.AF_UNIX).connect('/hgm/canary/sock'); print('reached')"


class Docker:
    """Opens sandboxes. Thread-safe."""

    name = "docker"

    def __init__(
        self,
        engine: Engine,
        *,
        image: str,
        runtime: str | None = None,
        transport: Transport = "auto",
        start: Image | None = None,
        carried: Path | None = None,
    ) -> None:
        """Sandboxes from an image that has a shell and a Python; starts one to see whether it does.

        `start` says what is special about the image, where it is a task's; `carried` is a Python for it
        (`sandboxes.carried`), used where files can be mounted and it runs. `transport` says whether mounts are mounted
        or, for an engine that does not see this machine's files, copied and sockets relayed through a process inside;
        "auto" finds out.

        Raises:
            SandboxError: no sandbox can be started from this image.
        """
        if engine.name == "Podman" and engine.is_rootless:
            raise SandboxError("a user's own Podman may not limit a workspace: use the system's Podman, or Docker")
        if not (engine.has_limits or engine.is_rootless):
            raise SandboxError("the engine cannot limit memory and processes (docker info says why)")
        self.engine, self.runtime = engine, runtime
        self._start = start or Image(id=image)
        self._within: dict[str, Docker] = {}
        self._making = threading.Lock()
        with engine_trouble(f"no image {image}"):
            told = engine.api.inspect_image(image)
        if told["Config"].get("Volumes"):
            raise SandboxError(f"the image {image} declares volumes, whose size nothing limits: take another one")
        self.image = str(told["Id"])
        """What the name stood for at the beginning."""
        self._image_env = variables(told)
        # In a virtual machine of a runtime's the kernel of this one counts something else.
        self.is_counted = engine.is_local and runtime is None
        self.is_near = self.is_counted and os.geteuid() == 0 and not engine.is_rootless
        """Whether workspaces may be reached through the kernel."""
        self.is_copying = transport != "mounted"
        self._carried = None if self.is_copying else carried
        self.python = ""
        self._lacks_workspace = False
        self.python = self._find_python()
        with boundary(SandboxError, "cannot try a mounted socket"):  # whose path may be too long
            self.is_copying = transport == "copied" or (transport == "auto" and not self._sees_our_sockets())
        if not self._start.folder:
            self.check()

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[DockerSandbox]:
        """See `SandboxProvider`."""
        with ExitStack() as stack:
            with engine_trouble(f"no sandbox for {spec.job}"), boundary(SandboxError, f"no sandbox for {spec.job}"):
                box = self._opened(spec, stack)
            yield box

    def _opened(self, spec: SandboxSpec, stack: ExitStack) -> DockerSandbox:
        folder = stack.enter_context(own_folder())
        own = [Mount(source=folder, target=OWN_FOLDER)]
        if self._carried:
            own.append(Mount(source=self._carried, target=INSIDE))
        mounts = [_resolved(mount) for mount in (*spec.mounts, *own)]
        to_copy = copies(mounts) if self.is_copying else Copies()
        box = DockerSandbox(
            self.engine,
            spec,
            folder,
            python=self.python,
            is_copying=self.is_copying,
            is_counted=self.is_counted,
            is_near=self.is_near and not self.is_copying,
            start=self._start,
        )
        stack.callback(box.close)
        is_podman, is_images = self.engine.name == "Podman", bool(self._start.folder)
        volumes = folders(spec.limits, is_podman=is_podman, is_images=is_images)
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
            is_images=is_images,
        )
        made = self.engine.api.create_container(self.image, **arguments)["Id"]
        if self._lacks_workspace:
            self.engine.api.put_archive(made, "/", _link(WORKSPACE, self._start.folder))
        box.start(made)
        box.copy_in(to_copy)
        return box

    def within(self, image: Image) -> SandboxProvider:
        """See `SandboxProvider`."""
        name = repr(replace(image, env=dict(sorted(image.env.items()))))
        with self._making:
            if name not in self._within:
                transport: Transport = "copied" if self.is_copying else "mounted"
                self._within[name] = type(self)(
                    self.engine,
                    image=image.id,
                    runtime=self.runtime,
                    transport=transport,
                    start=image,
                    carried=carried_python(self.engine, self.image) if image.folder and not self.is_copying else None,
                )
            return self._within[name]

    def healthy(self) -> bool:
        """See `SandboxProvider`."""
        return canary.lives(self)

    def check(self) -> None:
        """Run a canary.

        Raises:
            SandboxError: it died, and why.
        """
        canary.send(self)

    def _find_python(self) -> str:
        look = _FIND_PYTHON + _FIND_WORKSPACE
        with self.open(canary.spec()) as box, engine_trouble("no shell in the image"):
            found, has_workspace = box.look(["/bin/sh", "-c", look]).decode().split("\n")[:2]
        self._lacks_workspace = bool(self._start.folder) and not has_workspace
        if found != PYTHON:
            self._carried = None
        if not found:
            raise SandboxError("no Python 3.9 or newer in the image")
        return found

    def _sees_our_sockets(self) -> bool:
        """Whether what is mounted is this machine's: not so with an engine elsewhere or in a virtual machine."""
        if not self.engine.is_local:
            return False
        self.is_copying = False
        with listening() as found:
            try:
                with self.open(
                    replace(canary.spec(), mounts=(Mount(source=found.folder, target="/hgm/canary"),))
                ) as box:
                    return box.run([self.python, "-c", _REACH]).output == b"reached\n"
            except SandboxError:
                return False


def _link(path: str, target: str) -> bytes:
    return packed({path.lstrip("/").encode(): File(target.encode(), "120000")}, owner=0)


def _resolved(mount: Mount) -> Mount:
    return Mount(source=mount.source.resolve(strict=True), target=checked_target(mount.target))
