"""A workspace that is a folder of an image's: only what a command changed there comes back, whatever it left."""

import io
import json
import tarfile

import pytest

from hgm.errors import WorkspaceRejected
from sandboxes.base import End, Exit, File, Files, Image, Limits, SandboxProvider, SandboxSpec
from sandboxes.choose import choose
from sandboxes.docker import Docker
from sandboxes.image_workspace import ignored_by
from sandboxes.images import image_name

pytestmark = pytest.mark.needs("docker")

FOLDER = "/project"
FILES = {
    "a.txt": b"one\n",
    "src/b.py": b"print('b')\n",
    "src/deep/c.py": b"c\n",
    "src/deep/d.py": b"d\n",
    ".gitignore": b"*.log\nbuild/\n",
    "src/.gitignore": b"made\n",
    "kept.log": b"tracked although ignored\n",
}
DOCKERFILE = f"""\
FROM {image_name()}
USER root
ENV COLOUR=blue
ENTRYPOINT ["/bin/false"]
COPY project {FOLDER}
RUN rm -rf /workspace && chown -R root:root {FOLDER}
"""


@pytest.fixture(scope="module")
def image() -> str:
    """The id of an image with a project in it and an entry point that only fails."""
    api = choose("docker").engine.api  # type: ignore[attr-defined]
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, data in {"Dockerfile": DOCKERFILE.encode(), **{f"project/{k}": v for k, v in FILES.items()}}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    context.seek(0)
    told = list(api.build(fileobj=context, custom_context=True, rm=True, decode=True))
    return next(str(message["aux"]["ID"]) for message in told if "aux" in message)


@pytest.fixture(params=["near", "far"])
def provider(image: str, request: pytest.FixtureRequest) -> Docker:
    """Through this machine's kernel, and through the engine alone."""
    found = choose("docker").within(Image(id=image, folder=FOLDER, env={"PATH": "/usr/bin:/bin", "OWN": "1"}))
    assert isinstance(found, Docker)
    if request.param == "near":
        return found
    other = Docker(found.engine, image=image, transport="mounted", start=Image(id=image, folder=FOLDER))
    other.is_near = False
    return other


def ran(provider: SandboxProvider, script: str, put: Files | None = None, **limits: float) -> tuple[Exit, Files, Files]:
    spec = SandboxSpec(run="image", job="one", limits=Limits(**{"workspace_mb": 32, **limits}))  # type: ignore[arg-type]
    with provider.open(spec) as box:
        if put:
            box.put(put)
        ended = box.run(["/bin/sh", "-c", script])
        files = box.take()
        return ended, files, box.pristine()


def test_brings_what_has_changed_and_what_was_there(provider: Docker) -> None:
    script = "echo two > a.txt; rm -r src/deep; echo new > new.txt; mv src/b.py src/e.py; chmod +x src/e.py"
    script += "; ln -s a.txt link"
    ended, files, before = ran(provider, script)
    assert ended.status == 0, ended.output
    assert files == {
        b"a.txt": File(b"two\n"),
        b"new.txt": File(b"new\n"),
        b"src/e.py": File(b"print('b')\n", "100755"),
        b"link": File(b"a.txt", "120000"),
    }
    assert before == {
        b"a.txt": File(b"one\n"),
        b"src/b.py": File(b"print('b')\n"),
        b"src/deep/c.py": File(b"c\n"),
        b"src/deep/d.py": File(b"d\n"),
    }


def test_nothing_changed_is_nothing(provider: Docker) -> None:
    assert ran(provider, "cat a.txt >/dev/null")[1:] == ({}, {})


def test_what_the_images_rules_ignore_is_left_out_where_it_is_new(provider: Docker) -> None:
    script = "echo x > new.log; mkdir build; echo x > build/y; echo x > src/made; echo x > kept.log; echo x > src/z"
    assert set(ran(provider, script)[1]) == {b"kept.log", b"src/z"}


def test_reports_come_back_whatever_the_images_rules_ignore(provider: Docker) -> None:
    assert set(ran(provider, "mkdir -p .hgm-logs/build; echo 1 > .hgm-logs/build/x.log")[1]) == {
        b".hgm-logs/build/x.log"
    }


def test_rules_of_the_commands_own_hide_nothing(provider: Docker) -> None:
    _, files, before = ran(provider, "echo '*' > .gitignore; echo x > a.txt; echo x > new.txt")
    assert set(files) == {b".gitignore", b"a.txt", b"new.txt"}
    assert before[b".gitignore"].data == FILES[".gitignore"]


def test_a_file_may_become_a_folder_and_a_folder_a_file(provider: Docker) -> None:
    _, files, before = ran(provider, "rm a.txt; mkdir a.txt; echo x > a.txt/in; rm -r src; echo y > src")
    assert files == {b"a.txt/in": File(b"x\n"), b"src": File(b"y\n")}
    assert {b"a.txt", b"src/b.py", b"src/deep/c.py", b"src/.gitignore"} <= set(before)


def test_a_folder_that_is_made_anew_loses_what_it_held(provider: Docker) -> None:
    _, files, before = ran(provider, "rm -r src/deep; mkdir src/deep; echo x > src/deep/c.py")
    assert files == {b"src/deep/c.py": File(b"x\n")}
    assert set(before) == {b"src/deep/c.py", b"src/deep/d.py"}


def test_no_link_is_followed(provider: Docker) -> None:
    script = "rm -r src; ln -s /etc src; ln -s /etc/passwd p; mkfifo f"
    _, files, _ = ran(provider, script)
    assert files == {b"src": File(b"/etc", "120000"), b"p": File(b"/etc/passwd", "120000")}


def test_caches_and_the_repository_count_nowhere(provider: Docker) -> None:
    script = "mkdir -p .git __pycache__ src/__pycache__; echo x > .git/HEAD; echo x > __pycache__/x; echo x > m.pyc"
    assert ran(provider, script)[1] == {}


def test_puts_files_over_those_of_the_image(provider: Docker) -> None:
    ended, files, _ = ran(provider, "cat a.txt src/deep/c.py", {b"a.txt": File(b"mine\n")})
    assert (ended.output, files) == (b"mine\nc\n", {b"a.txt": File(b"mine\n")})


def test_what_it_is_like_inside(image: str) -> None:
    provider = choose("docker").within(Image(id=image, folder=FOLDER, env={"PATH": "/usr/bin:/bin", "OWN": "1"}))
    ask = (
        "import json, os; s = open('/proc/self/status').read(); "
        "print(json.dumps([os.getcwd(), os.getuid(), os.path.realpath('/workspace'), dict(os.environ), "
        "[l.split()[1] for l in s.splitlines() if l.startswith(('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp:'))]]))"
    )
    spec = SandboxSpec(run="image", job="inside", env={"HGM_TOKEN": "t"})
    with provider.open(spec) as box:
        told = json.loads(box.run([provider.python, "-c", ask]).output)
    folder, uid, workspace, variables, (bounding, effective, privileges, seccomp) = told
    assert (folder, uid, workspace) == (FOLDER, 0, FOLDER)
    assert int(bounding, 16) == int(effective, 16) == 0
    assert (privileges, seccomp) == ("1", "2")
    assert variables == {
        "COLOUR": "blue",
        "HGM_TOKEN": "t",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "OWN": "1",
        "PATH": "/usr/bin:/bin",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
    }


@pytest.mark.parametrize(
    "code",
    [
        "import os; [os.kill(p, 9) for p in map(int, filter(str.isdecimal, os.listdir('/proc'))) if p != os.getpid()]",
        "open('/proc/1/environ').read()",
        "import os; os.mknod('/dev/sda', 0o60600, os.makedev(8, 0))",
        "import os; os.chown('/project/a.txt', 5, 5)",
        "import os; os.setuid(7)",
        "import socket; socket.create_connection(('1.1.1.1', 53), 2)",
        "import ctypes; assert ctypes.CDLL(None).mount(b'x', b'/mnt', b'tmpfs', 0, 0) == 0",
    ],
)
def test_its_root_may_do_nothing_to_others(image: str, code: str) -> None:
    provider = choose("docker").within(Image(id=image, folder=FOLDER))
    with provider.open(SandboxSpec(run="image", job="root")) as box:
        assert box.run([provider.python, "-c", code]).status == 1


def test_writing_without_end_is_ended(image: str) -> None:
    provider = choose("docker").within(Image(id=image, folder=FOLDER))
    spec = SandboxSpec(run="image", job="full", limits=Limits(workspace_mb=32, deadline_s=120.0))
    with provider.open(spec) as box:
        ended = box.run(["/bin/sh", "-c", "head -c 200M /dev/zero > /project/big; sleep 100"])
        assert (ended.end, ended.wall_s < 100) == (End.DEADLINE, True)
        with pytest.raises(WorkspaceRejected, match="more than 32 MB were written"):
            box.take()


def test_more_files_than_allowed_are_refused(image: str) -> None:
    provider = choose("docker").within(Image(id=image, folder=FOLDER))
    with provider.open(SandboxSpec(run="image", job="many", limits=Limits(workspace_inodes=50))) as box:
        box.run(["/bin/sh", "-c", "for n in $(seq 100); do echo > f$n; done"])
        with pytest.raises(WorkspaceRejected, match="more than 50 files"):
            box.take()


def test_leaves_nothing(provider: Docker) -> None:
    api = provider.engine.api
    ran(provider, "echo x > a.txt")
    left = api.containers(all=True, filters={"label": "hgm.job"})
    assert not [found for found in left if found["Image"] == provider.image]


def test_git_says_what_is_ignored() -> None:
    rules = {b".gitignore": File(b"*.o\n!keep.o\n"), b"sub/.gitignore": File(b"/only\n")}
    paths = [b"a.o", b"keep.o", b"sub/only", b"only", b"\xff.o", b"-x.o"]
    assert ignored_by(rules, paths) == {b"a.o", b"sub/only", b"\xff.o", b"-x.o"}
    assert ignored_by({b".gitignore": File(b"/etc/passwd", "120000")}, paths) == frozenset()
