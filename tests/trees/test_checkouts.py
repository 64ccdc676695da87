"""Real repositories, over file://, some of them hostile."""

import os
import subprocess
from pathlib import Path

import pytest

from evaluators.registry import open_benchmark
from hgm.agents_by_name import BUNDLED, find_agent
from hgm.contract import read_agent
from hgm.errors import ArchiveError, ConfigError
from trees import checkouts
from trees.checkouts import address, checkout, is_address


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, input=stdin)
    return done.stdout.decode().strip()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hgm" / "git"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("one\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "v1")
    (folder / "sub" / "a.txt").write_text("two\n")
    git(folder, "commit", "-qam", "two")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_an_address_has_a_repository_a_ref_and_a_folder() -> None:
    assert address("https://git.example.org/a/b.git@v1.0#x/y") == ("https://git.example.org/a/b.git", "v1.0", "x/y")
    assert address("ssh://git@example.org:22/a/b") == ("ssh://git@example.org:22/a/b", "", "")
    assert address("ssh://git@h/r.git@feature/x") == ("ssh://git@h/r.git", "feature/x", "")
    assert str(address("file:///a/b@main#x")) == "file:///a/b@main#x"
    assert address("https://example.org/a/b.git").name == "b"
    assert is_address("http://example.org/x")
    assert not is_address("./folder")
    assert not is_address("team@home:best")


def test_git_s_short_form_of_ssh_is_refused_with_the_long_one() -> None:
    assert is_address("git@git.example.org:a/b.git")
    with pytest.raises(ConfigError, match=r"write ssh://git@git\.example\.org/a/b\.git@v1$"):
        address("git@git.example.org:a/b.git@v1")


@pytest.mark.parametrize(
    "text",
    [
        "http://example.org/x",
        "https://user:token@example.org/x",
        "https://token@example.org/x",
        "ssh://git:token@example.org/x",
        "git://example.org/x",
        "ext::sh -c id://x",
        "https://example.org/x@--upload-pack=id",
        "https://example.org/x@a..b",
        "https://example.org/x#../../etc",
        "https://example.org/x\n",
    ],
)
def test_what_is_no_address_is_refused(text) -> None:
    with pytest.raises(ConfigError) as caught:
        checkout(text)
    assert "token@" not in str(caught.value)


def test_the_files_of_a_ref_and_its_folder(origin) -> None:
    url = f"file://{origin}"
    assert files(checkout(url).folder) == {"sub/a.txt": "two\n", "run.sh": "#!/bin/sh\n"}
    assert os.access(checkout(url).folder / "run.sh", os.X_OK)
    assert files(checkout(f"{url}@v1#sub").folder) == {"a.txt": "one\n"}
    with pytest.raises(ConfigError, match="no such folder"):
        checkout(f"{url}#nowhere")
    with pytest.raises(ConfigError, match="cannot be fetched"):
        checkout(f"{url}@nothing")


def test_a_commit_is_found_again_without_its_repository(origin) -> None:
    found = checkout(f"file://{origin}")
    assert found.address.ref == git(origin, "rev-parse", "HEAD")
    origin.rename(origin.with_name("gone"))
    assert checkout(str(found.address)).folder == found.folder
    with pytest.raises(ConfigError, match="cannot be fetched"):
        checkout(f"file://{origin}")


def test_nothing_of_a_repository_has_an_effect_beyond_its_files(origin, tmp_path, cache) -> None:
    mark = tmp_path / "mark"
    (origin / ".gitattributes").write_text("* filter=evil ident\nsub/a.txt export-ignore\n")
    git(origin, "config", "filter.evil.smudge", f"touch {mark}")
    git(origin, "config", "uploadpack.packObjectsHook", f"touch {mark};")
    for hook in ("post-checkout", "post-merge", "reference-transaction"):
        (origin / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (origin / ".git" / "hooks" / hook).chmod(0o755)
    (origin / "link").symlink_to("/etc/passwd")
    git(origin, "add", ".gitattributes", "link")
    git(origin, "commit", "-qm", "three")
    mark.unlink(missing_ok=True)
    git(origin, "update-index", "--add", "--cacheinfo", f"160000,{git(origin, 'rev-parse', 'HEAD')},module")
    (origin / ".gitmodules").write_text(f'[submodule "module"]\n\tpath = module\n\turl = file://{origin}\n')
    git(origin, "add", ".gitmodules")
    git(origin, "commit", "-qm", "four")
    mark.unlink(missing_ok=True)
    found = checkout(f"file://{origin}")
    assert set(files(found.folder)) == {"sub/a.txt", "run.sh", ".gitattributes", ".gitmodules"}
    assert not (found.folder / "link").is_symlink()
    assert not mark.exists()
    assert [path.name for path in cache.rglob(".new-*")] == []


def test_paths_that_lead_outside_are_refused(origin, tmp_path) -> None:
    blob = git(origin, "hash-object", "-w", "--stdin", stdin=b"x")
    inner = git(origin, "mktree", stdin=f"100644 blob {blob}\tpasswd\n".encode())
    raw = b"40000 ..\0" + bytes.fromhex(inner)
    tree = git(origin, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)
    commit = git(origin, "commit-tree", tree, "-m", "x")
    git(origin, "update-ref", "refs/heads/evil", commit)
    with pytest.raises((ArchiveError, ConfigError)):
        checkout(f"file://{origin}@evil")
    assert not list(tmp_path.rglob("passwd"))


def test_what_is_too_large_is_refused(origin, monkeypatch) -> None:
    monkeypatch.setattr(checkouts, "MOST_BYTES", 5)
    with pytest.raises(ArchiveError, match="beyond"):
        checkout(f"file://{origin}")


def test_an_agent_and_a_benchmark_by_url(origin) -> None:
    seed = read_agent(BUNDLED / "seed")
    for name, file in seed.items():
        path = origin / "agent" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    tasks = Path(__file__).parents[2] / "evaluators" / "tasks" / "cache"
    subprocess.run(["cp", "-r", tasks, origin / "tasks-cache"], check=True)
    (origin / "tasks").mkdir()
    (origin / "tasks-cache").rename(origin / "tasks" / "cache")
    git(origin, "add", "-A", "-f")
    git(origin, "commit", "-qm", "agent")
    assert {name: file.data for name, file in find_agent(f"file://{origin}#agent", origin).items()} == {
        name: file.data for name, file in seed.items()
    }
    benchmark = open_benchmark(f"file://{origin}#tasks")
    assert benchmark.name == "tasks"
