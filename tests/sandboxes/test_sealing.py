"""A sealed image holds one commit: what its repository told of the future cannot be reached in it any more."""

import io
import tarfile

import pytest

from hgm.errors import SandboxError
from sandboxes.base import Image, Limits, SandboxSpec
from sandboxes.choose import choose
from sandboxes.docker import Docker
from sandboxes.images import image_name
from sandboxes.sealing import sealed

pytestmark = pytest.mark.needs("docker")

FOLDER = "/testbed"
MAKE = r"""
set -e
export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
mkdir -p /opt /testbed && cd /testbed
git init -q -b main . && echo base > code.py && echo 'junk/' > .gitignore && mkdir fixtures
git init -q --bare fixtures/own.git && rm -rf fixtures/own.git/hooks fixtures/own.git/description
touch fixtures/own.git/objects/info/.keep fixtures/own.git/objects/pack/.keep fixtures/own.git/refs/.keep
echo first > code.py && git add -Af . && git commit -q -m first && git tag -a v1 -m one
echo base > code.py && git commit -qam base
base=$(git rev-parse HEAD)
gold() { echo "gold-in-$1" > code.py; git add code.py; git commit -q -m "gold-message-$1"; }
git checkout -q -b later && gold later && git tag -a v2 -m gold-in-tag
git checkout -q --detach $base && gold packed && git tag packed && git pack-refs --all && git gc -q
git checkout -q --detach $base && gold dangling
git checkout -q -B main $base
echo gold-in-stash > code.py && git stash -q
gold orighead && git reset -q --hard $base
git worktree add -q /opt/worktree later
git clone -q --bare . /opt/other.git && (cd /opt/other.git && git repack -adq)
git clone -q . /opt/second && (cd /opt/second && gold alternate)
echo /opt/second/.git/objects > .git/objects/info/alternates
git bundle create -q /opt/later.bundle later
git init -q sub && (cd sub && gold submodule && echo module > code.py) && printf 'sub\n' >> .git/info/exclude
git config core.hooksPath /opt/hooks && git config core.fsmonitor /opt/hooks/run && mkdir /opt/hooks
printf '#!/bin/sh\ntouch /ran\n' > /opt/hooks/run && chmod +x /opt/hooks/run
cp /opt/hooks/run /opt/hooks/post-checkout
mkdir junk && echo built > junk/out && echo loose > untracked.txt
"""
GOLD = ("later", "tag", "packed", "dangling", "stash", "orighead", "alternate", "submodule")
LOOK = r"""
import os, subprocess, sys, zlib
found = set()
def look(data):
    for word in sys.argv[1:]:
        if ("gold-in-" + word).encode() in data or ("gold-message-" + word).encode() in data:
            found.add(word)
def git(folder, *words):
    env = dict(os.environ, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
    return subprocess.run(["git", "--git-dir", folder, *words], capture_output=True, env=env).stdout
for place, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(place, f) not in ("/proc", "/sys", "/dev", "/usr")]
    for name in files:
        path = os.path.join(place, name)
        if os.path.isfile(path) and not os.path.islink(path):
            data = open(path, "rb").read()
            look(data)
            try:
                look(zlib.decompress(data))
            except zlib.error:
                pass
    if "objects" in folders:
        look(git(place, "cat-file", "--batch-all-objects", "--batch", "--unordered"))
        for pack in os.listdir(os.path.join(place, "objects", "pack")):
            look(git(place, "verify-pack", "-v", os.path.join(place, "objects", "pack", pack)))
print(*sorted(found))
"""


@pytest.fixture(scope="module")
def image() -> str:
    """The id of an image whose repository carries what it should not tell."""
    context = io.BytesIO()
    recipe = f"FROM {image_name()}\nUSER root\nCOPY make.sh /make.sh\nRUN bash /make.sh && rm /make.sh\n"
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, text in {"Dockerfile": recipe, "make.sh": MAKE}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    api = choose("docker").engine.api  # type: ignore[attr-defined]
    told = list(api.build(fileobj=context, custom_context=True, rm=True, decode=True))
    found = [str(message["aux"]["ID"]) for message in told if "aux" in message]
    assert found, told[-3:]
    return found[-1]


def inside(image: str, *command: str) -> str:
    provider = choose("docker").within(Image(id=image, folder=FOLDER))
    assert isinstance(provider, Docker)
    words = [provider.python if word == "python" else word for word in command]
    with provider.open(SandboxSpec(run="seal", job="look", limits=Limits(memory_mb=1024))) as box:
        ended = box.run(words)
    assert ended.status == 0, ended.output[-2000:]
    return ended.output.decode()


@pytest.fixture(scope="module")
def clean(image: str) -> str:
    return sealed(choose("docker").engine, image, folder=FOLDER)  # type: ignore[attr-defined]


def test_without_sealing_everything_is_found(image: str) -> None:
    assert inside(image, "python", "-c", LOOK, *GOLD).split() == sorted(GOLD)


def test_sealed_nothing_is_found(clean: str) -> None:
    assert inside(clean, "python", "-c", LOOK, *GOLD).split() == []


def test_one_commit_is_left_of_what_was_tracked(clean: str) -> None:
    told = inside(
        clean,
        *(
            "/bin/sh",
            "-c",
            "git rev-list --all --reflog | wc -l; git for-each-ref; git stash list; git status --short; ",
        ),
    )
    count, ref, *status = told.splitlines()
    assert (count.strip(), ref.split()[1:]) == ("1", ["commit", "refs/heads/main"])
    assert "?? untracked.txt" in status
    own = ("HEAD", "config", "info/exclude", "objects/info/.keep", "objects/pack/.keep", "refs/.keep")
    tracked = inside(clean, "/bin/sh", "-c", "git ls-files").split()
    assert sorted(tracked) == sorted([".gitignore", "code.py", *(f"fixtures/own.git/{name}" for name in own)])


def test_files_stay_as_they_were(clean: str) -> None:
    script = "cat code.py junk/out untracked.txt; ls fixtures/own.git/HEAD; ls /ran /opt/worktree /opt/second 2>&1"
    told = inside(clean, "/bin/sh", "-c", script + "; ls -A .git").split("\n")
    assert told[:4] == ["base", "built", "loose", "fixtures/own.git/HEAD"]
    assert all("No such file" in line for line in told[4:7])
    assert set(told[7:-1]) == {"HEAD", "config", "index", "objects", "refs"}


@pytest.fixture(scope="module")
def graded(image: str) -> str:
    return sealed(choose("docker").engine, image, folder=FOLDER, keeps="history")  # type: ignore[attr-defined]


def test_graders_find_nothing_later_either(graded: str) -> None:
    assert inside(graded, "python", "-c", LOOK, *GOLD).split() == []


def test_graders_find_the_history_before_under_its_names(image: str, graded: str) -> None:
    script = (
        "git config core.fsmonitor false; git log --format='%H %s'; git describe --tags; git status --short; "
        "git fsck --full; git stash list; cat code.py"
    )
    before = inside(image, "/bin/sh", "-c", "git rev-list main; git rev-list v1").split()
    told = inside(graded, "/bin/sh", "-c", f"{script}; git diff HEAD~1 --stat | tail -1").splitlines()
    assert told[:2] == [f"{before[0]} base", f"{before[1]} first"]
    assert told[2].startswith("v1-1-g")
    assert told[3:] == ["?? untracked.txt", "base", " 1 file changed, 1 insertion(+), 1 deletion(-)"]


def test_is_made_once(image: str, clean: str) -> None:
    engine = choose("docker").engine  # type: ignore[attr-defined]
    assert sealed(engine, image, folder=FOLDER) == clean
    assert not engine.api.containers(all=True, filters={"label": "hgm.run=sealing"})


def test_what_cannot_be_sealed_says_why(image: str) -> None:
    engine = choose("docker").engine  # type: ignore[attr-defined]
    with pytest.raises(SandboxError, match="cannot be sealed"):
        sealed(engine, image, folder="/nowhere")
    assert not engine.api.containers(all=True, filters={"label": "hgm.run=sealing"})
