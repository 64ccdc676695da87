"""Leaves of a repository one commit, or its history up to HEAD, and of all other git stores in the file system nothing.

    python3 -I -S -c THIS FOLDER commit|history

Runs once per image, as root in a container of it without a network. With `commit`, for agents, one commit is left of
the tracked files as they lie in FOLDER, so what was ignored or untracked stays so; its identity and date are fixed, and
nothing of the old repository's configuration is used. With `history`, for graders, commits keep their names, as tests'
scripts ask for them, and whatever HEAD does not descend from goes. No hook or filter runs. Files that are tracked in
FOLDER are kept whatever they look like: a test's own repository is part of the benchmark. Standard library only, Python
3.6 or later; needs git.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

NEW = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_AUTHOR_NAME": "hgm",
    "GIT_AUTHOR_EMAIL": "hgm@localhost",
    "GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "hgm",
    "GIT_COMMITTER_EMAIL": "hgm@localhost",
    "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z",
}
LOOSE = re.compile(rb"[0-9a-f]{38}|[0-9a-f]{62}")
FAN = re.compile(rb"[0-9a-f]{2}")
PACKED = re.compile(rb"pack|bundle|\.idx$")
MARKS = (b"PACK", b"\xfftOc", b"# v2 git bundle", b"# v3 git bundle")
WORKSPACE = "/workspace"
ALTERNATES = "objects/info/alternates"
HISTORY = {"HEAD", "config", "description", "hooks", "index", "info", "objects", "packed-refs", "refs", "shallow"}


def main(folder, kept):
    if kept == "history":
        tracked, copies = forget_later(folder)
    else:
        tracked, copies = renew(folder)
    for copy in copies:
        remove(copy)
    clean(folder, tracked)
    if kept == "commit":
        own(folder)
        if not os.path.lexists(WORKSPACE):
            os.symlink(folder, WORKSPACE)


def renew(folder):
    """Put a repository of one commit in place of FOLDER's; the tracked paths, and other working trees."""
    place = tempfile.mkdtemp(prefix="hgm-seal-", dir="/")  # on the same disk as FOLDER, so that it can be moved there
    try:
        repository = os.path.join(place, "new.git")
        tracked, head, env = rewrite(folder, place, repository)
        copies = find_copies(folder, head, env)
        remove(os.path.join(folder, ".git"))
        os.rename(repository, os.path.join(folder, ".git"))
        return tracked, copies
    finally:
        remove(place)


def forget_later(folder):
    """Take out of FOLDER's repository what HEAD does not descend from; the tracked paths, and other working trees."""
    env = dict(NEW, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
    own = os.path.join(folder, ".git")
    head = ask(env, "-C", folder, "rev-parse", "--verify", "HEAD", check=False) if os.path.isdir(own) else b""
    if not head:
        return set(), []
    copies = find_copies(folder, head, env)
    inside = dict(env, GIT_DIR=own, GIT_WORK_TREE=folder)
    tracked = set(ask(inside, "ls-files", "-z", raw=True).split(b"\0")) - {b""}
    for name in set(os.listdir(own)) - HISTORY:
        remove(os.path.join(own, name))
    branch = ask(inside, "symbolic-ref", "--quiet", "HEAD", check=False)
    tags = set(ask(inside, "for-each-ref", "--merged", "HEAD", "--format=%(refname)", "refs/tags").splitlines())
    for name in ask(inside, "for-each-ref", "--format=%(refname)").splitlines():
        if name != branch and name not in tags:
            ask(inside, "update-ref", "--no-deref", "-d", name.decode())
    if os.path.exists(os.path.join(own, ALTERNATES)) or not is_all_reachable(inside, tags):
        keep_reachable(inside, own)
    if not is_all_reachable(inside, tags):
        sys.exit("the repository holds on to what is later than its HEAD")
    return tracked, copies


def is_all_reachable(env, tags):
    names = sorted(name.decode() for name in tags)
    there = ask(env, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").splitlines()
    reached = ask(env, "rev-list", "--objects", "--indexed-objects", "HEAD", *names).splitlines()
    return set(there) <= {line.split(b" ", 1)[0] for line in reached}


def keep_reachable(env, own):
    """Pack what can be reached, wherever it lies now, and drop all else."""
    packs = os.path.join(own, "objects", "pack")
    for name in os.listdir(packs):
        if name.endswith((".keep", ".promisor")):
            remove(os.path.join(packs, name))
    ask(env, "repack", "-a", "-d", "-q")
    for name in (ALTERNATES, "objects/info/commit-graph", "objects/info/commit-graphs"):
        remove(os.path.join(own, name))
    ask(env, "prune", "--expire=now")


def rewrite(folder, place, repository):
    """Make the new repository; the tracked paths, the old commit, and the environment in which git can read all."""
    config = os.path.join(place, "config")
    with open(config, "w") as file:
        file.write("[safe]\n\tdirectory = *\n")
    env = dict(NEW, GIT_CONFIG_GLOBAL=config)
    old = ask(env, "-C", folder, "rev-parse", "--absolute-git-dir", check=False)
    top = ask(env, "-C", folder, "rev-parse", "--show-toplevel", check=False)
    is_own = bool(old) and os.path.realpath(os.fsdecode(top)) == os.path.realpath(folder)
    head, scratch = b"", os.path.join(place, "scratch.git")
    ask(env, "init", "--quiet", "--bare", "--template=", scratch)
    inside = dict(env, GIT_DIR=scratch, GIT_WORK_TREE=folder)
    if is_own:
        objects = ask(env, "-C", folder, "rev-parse", "--git-path", "objects")
        objects = os.path.join(os.fsencode(folder), objects)
        os.makedirs(os.path.join(scratch, "objects", "info"), exist_ok=True)
        with open(os.path.join(scratch, "objects", "info", "alternates"), "wb") as file:
            file.write(os.path.abspath(objects) + b"\n")
        head = ask(env, "-C", folder, "rev-parse", "--verify", "HEAD")
        ask(inside, "read-tree", head.decode())
        ask(inside, "add", "--update", ".")
    else:
        ask(inside, "add", "--all", ".")
    tree = ask(inside, "write-tree").decode()
    commit = ask(inside, "commit-tree", tree, "-m", "The task").decode()
    listed = ask(inside, "rev-list", "--objects", commit)
    names = b"".join(line.split(b" ", 1)[0] + b"\n" for line in listed.splitlines())
    tracked = set(ask(inside, "ls-files", "-z", raw=True).split(b"\0")) - {b""}
    ask(env, "init", "--quiet", "--bare", "--template=", repository)
    ask(inside, "pack-objects", "--quiet", os.path.join(repository, "objects", "pack", "pack"), given=names)
    final = dict(env, GIT_DIR=repository, GIT_WORK_TREE=folder)
    with open(os.path.join(repository, "config"), "w") as file:
        file.write("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n")
    ask(final, "symbolic-ref", "HEAD", "refs/heads/main")
    ask(final, "-c", "core.logAllRefUpdates=false", "update-ref", "refs/heads/main", commit)
    ask(final, "read-tree", "HEAD")
    ask(final, "update-index", "-q", "--refresh", check=False)
    return tracked, head, dict(env, GIT_CONFIG_GLOBAL=os.devnull)


def find_copies(folder, head, env):
    """Other working trees, anywhere, of a repository that has the commit: at whatever commit they are."""
    if not head:
        return []
    root, found = os.fsencode(folder), []
    for place, folders, _ in os.walk(b"/"):
        folders[:] = [name for name in folders if os.path.join(place, name) not in (b"/proc", b"/sys", b"/dev")]
        if place != root and b".git" in folders:
            store = os.fsdecode(os.path.join(place, b".git"))
            if ask(env, "--git-dir", store, "rev-parse", "--verify", head.decode() + "^{commit}", check=False):
                found.append(place)
    return found


def ask(env, *words, check=True, given=b"", raw=False):
    """What git prints; empty where it fails and need not be checked."""
    command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]
    done = subprocess.run(command + list(words), env=env, input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        if check:
            sys.exit("git %s: %s" % (words[0], done.stderr[-500:].decode("utf-8", "replace")))
        return b""
    return done.stdout if raw else done.stdout.strip()


def clean(folder, tracked):
    """Remove every git store that is not FOLDER's own, and every piece of one."""
    root, own, device = os.fsencode(folder), os.path.join(os.fsencode(folder), b".git"), os.lstat("/").st_dev

    def is_kept(path):
        return path.startswith(root + b"/") and path[len(root) + 1 :] in tracked

    for place, folders, files in os.walk(b"/"):
        if place != root and is_another(place, folders, files) and not is_kept(os.path.join(place, b"HEAD")):
            remove(place)
            folders[:] = []
            continue
        kept = []
        for name in folders:
            path = os.path.join(place, name)
            if path == own or os.path.islink(path) or os.lstat(path).st_dev != device:
                continue
            if name == b".git":
                remove(path)
            else:
                kept.append(name)
        folders[:] = kept
        for name in files:
            path = os.path.join(place, name)
            if not is_kept(path) and is_piece(place, name, path):
                remove(path)


def is_another(place, folders, files):
    """Whether a folder is a bare repository, or another working tree of some repository."""
    if b"HEAD" in files and b"objects" in folders and b"refs" in folders:
        return True
    return b".git" in files and b"/worktrees/" in head_of(os.path.join(place, b".git"), 4096)


def is_piece(place, name, path):
    """Whether a file is, or may be, part of a git store."""
    parts = place.split(b"/")
    if name in (b".git", b"packed-refs", b"ORIG_HEAD", b"FETCH_HEAD") or (
        name == b"alternates" and parts[-1] == b"info"
    ):
        return True
    if LOOSE.fullmatch(name) and FAN.fullmatch(parts[-1]):
        return True
    return bool(PACKED.search(name)) and head_of(path, 16).startswith(MARKS)


def head_of(path, size):
    try:
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                return file.read(size)
    except OSError:
        pass
    return b""


def own(folder):
    """Agents are root without the right to touch what belongs to others."""
    for place, folders, files in os.walk(folder):
        for path in [place] + [os.path.join(place, name) for name in folders + files]:
            if os.lstat(path).st_uid:
                os.lchown(path, 0, 0)


def remove(path):
    if os.path.islink(path) or os.path.isfile(path):
        os.remove(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
