"""A layer is made from names of packages alone, once, for the sandbox's Python, and is there for agents only."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hgm import layers
from hgm import run as runs
from hgm.contract import read_manifest
from hgm.errors import AgentError, ConfigError, RunError
from hgm.evaluate import evaluate
from hgm.expand import expand
from hgm.gates import Candidate, first_rejection
from hgm.interpreter import Interpreter, ask_interpreter
from hgm.lab import Lab
from hgm.layers import PINS, Layer, layer_of, requirements
from sandboxes.base import File, Files
from sandboxes.choose import choose
from tests.cli.command import Command, command
from tests.hgm.small_lab import ASKS, MANIFEST, SELF_TEST, agent, evaluation, expansion, root_of, small_lab
from trees.folders import write_folder
from trees.records import Expansion, Outcome

WANTED = "first==2.0.2"
"""A package of one module that neither /usr nor the standard library has."""
LAYERED = MANIFEST.replace(', "-S", "-E", "-s"', "") + 'layer = "needs.txt"\n'
USES = """\
import os, sys
import first
assert first.first([0, 3]) == 3 and first.__file__.startswith("/hgm/"), first.__file__
try:
    open(os.path.join(os.path.dirname(first.__file__), "mine.py"), "w")
except OSError:
    pass
else:
    raise SystemExit("the layer can be written")
"""
RIGHT = "def double(n):\\n    return 2 * n\\n"
numbers = count(500)


def needing(text: str = WANTED, main: str = USES, **more: str) -> Files:
    files = agent(main, manifest=LAYERED, **more)
    return {**files, b"needs.txt": File(text.encode())}


def wanted(text: str) -> tuple[str, ...]:
    files = needing(text)
    return requirements(files, read_manifest(files))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache for the tests of this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield layers.cache_folder()


def make(text: str = WANTED, **more: Any) -> Layer:
    provider = choose("bubblewrap")
    made = layer_of(needing(text), provider, ask_interpreter(provider, run="t"), run="t", **more)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def layer(cache: Path) -> Layer:
    """Made once; skips where no package can be had."""
    try:
        return make()
    except ConfigError as error:
        if "reaches no package index" in str(error):
            pytest.skip(f"no package index answers: {error}")
        raise


@pytest.fixture(scope="module")
def lab(layer: Layer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("layers") / "run", needing(main=SELF_TEST_USES)) as lab:
        yield lab


SELF_TEST_USES = USES + SELF_TEST


def child(lab: Lab, main: str) -> str:
    return lab.archive.add_child(root_of(lab), needing(main=main), "a child", next(numbers)).commit


class TestRequirements:
    def test_names_with_versions_extras_and_markers_are_taken(self) -> None:
        text = "\n".join(
            [
                "# comment",
                "six",
                "  requests[socks, security] >= 2.31, != 2.32.0,<3  # why",
                "",
                'tomli==2.0.*; python_version < "3.11" and sys_platform == "linux"',
                "zope.interface~=6.0",
            ]
        )
        assert wanted(text) == (
            "six",
            "requests[socks, security] >= 2.31, != 2.32.0,<3",
            'tomli==2.0.*; python_version < "3.11" and sys_platform == "linux"',
            "zope.interface~=6.0",
        )

    @pytest.mark.parametrize(
        "line",
        [
            "--index-url http://evil",
            "-e .",
            "-r other.txt",
            "./local",
            "/etc",
            "six @ https://evil/six.whl",
            "git+https://evil/six",
            "https://evil/six.whl",
            "file:six",
            "six==1.0 --hash=sha256:00",
            "six.whl",
            "six-1.0.tar.gz",
            "${HOME}",
            "six==1 \\",
            "six\x1b[2J",
            "six; --index-url http://evil",
        ],
    )
    def test_any_other_line_is_refused_by_its_number(self, line: str) -> None:
        with pytest.raises(AgentError, match=r"needs\.txt, line 2: ") as refused:
            wanted(f"first\n{line}\n")
        assert "\x1b" not in str(refused.value)

    def test_the_file_is_the_agents_own(self) -> None:
        for files in (agent(manifest=LAYERED), {**needing(), b"needs.txt": File(b"/etc/passwd", "120000")}):
            with pytest.raises(AgentError, match=r"layer: needs\.txt is no file of agent small"):
                requirements(files, read_manifest(files))


@pytest.mark.needs("bubblewrap")
class TestMaking:
    def test_it_is_made_once_complete_and_readable(self, layer: Layer, cache: Path) -> None:
        said: list[str] = []
        assert make(preparing=said.append) == layer
        assert not said
        assert [path.name for path in cache.iterdir()] == [layer.folder.name]
        assert (layer.pins, (layer.folder / PINS).read_text()) == ((WANTED,), f"{WANTED}\n")
        assert [*(layer.folder / "__pycache__").glob("first.*.pyc")], "agents would compile it every time"
        assert all(path.stat().st_mode & 0o044 == 0o044 for path in [layer.folder, *layer.folder.rglob("*")])

    def test_a_run_gets_back_the_versions_that_it_began_with(self, layer: Layer, cache: Path) -> None:
        newest = make("first")
        old = {**newest.remembered, "pins": ["first==2.0.1"]}
        old["name"] = f"{newest.folder.name.rpartition('-')[0]}-{layers._digest(*old['pins'])}"
        assert make("first", kept=old).pins == ("first==2.0.1",)
        assert make("first", kept=newest.remembered) == newest

    def test_it_does_not_get_one_for_another_python(self, layer: Layer) -> None:
        other = {**layer.remembered, "name": f"agent-0-{layer.folder.name.rpartition('-')[2]}"}
        with pytest.raises(RunError, match="made for another Python"):
            make(kept=other)

    def test_what_cannot_be_had_is_said_and_leaves_nothing(self, layer: Layer, cache: Path) -> None:
        before = {*cache.iterdir()}
        with pytest.raises(AgentError, match=r"needs a wheel for CPython .*first==99"):
            make("first==99")
        assert {*cache.iterdir()} == before

    def test_without_an_index_the_user_is_told_to_connect(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        with pytest.raises(ConfigError, match="reaches no package index: connect, or set PIP_INDEX_URL"):
            make("first>=2")

    def test_pip_gets_no_key(self, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        hook = tmp_path / "sitecustomize.py"  # runs in pip's process as in any other
        hook.write_text(
            f"import os\nopen({str(tmp_path / 'seen')!r}, 'w').write(repr({{**os.environ}}))\nos._exit(1)\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
        monkeypatch.setenv("PIP_TIMEOUT", "17")
        with pytest.raises(AgentError):
            make("first>1")
        seen = (tmp_path / "seen").read_text()
        assert ("canary" in seen, "PIP_TIMEOUT" in seen) == (False, True)

    def test_markers_are_those_of_the_sandboxs_python(self, layer: Layer, tmp_path: Path) -> None:
        older = Interpreter(
            path="/usr/bin/python3",
            version=(3, 9, 2),
            implementation="cpython",
            abi_flags="",
            machine="x86_64",
            libc="glibc 2.31",
        )
        lines = ['first==2.0.2; python_version >= "3.10"', 'first==2.0.1; python_version < "3.10"']
        layers._install(tmp_path / "made", lines, older, read_manifest(needing()), exact=False)
        assert layers._pins(tmp_path / "made") == ("first==2.0.1",)


@pytest.mark.needs("bubblewrap")
class TestUsing:
    def test_it_is_there_for_the_agent_and_absent_where_graders_run(self, lab: Lab) -> None:
        for begins, outcome in (("", Outcome.PASSED), ("import first\\n", Outcome.FAILED)):
            main = f"{USES}open('answer.py', 'w').write('{begins}{RIGHT}')\nexec(open('answer.py').read())\n"
            found = evaluate(evaluation(lab, next(numbers))._replace(commit=child(lab, main)), lab, 0)
            assert (found.outcome, found.cause or "tests") == (outcome, "tests"), found.detail

    def test_self_tests_and_handshakes_see_it(self, lab: Lab) -> None:
        parent = needing(main=SELF_TEST_USES)
        better = needing(main=USES + ASKS)
        assert first_rejection(Candidate(job="x00700", seed=1, parent=parent, files=better), lab, 0) is None

    @pytest.mark.parametrize("text", ["first==2.0.1\n", f"{WANTED}\nsix\n"])
    def test_no_child_changes_what_it_is_made_from(self, lab: Lab, text: str) -> None:
        parent = needing(main=SELF_TEST_USES)
        files = {**needing(text, USES + ASKS), b"main.py": File(b"# better\n")}
        found = first_rejection(Candidate(job="x00701", seed=1, parent=parent, files=files), lab, 0)
        assert found is not None
        assert (found.reason, "needs.txt must stay as it was" in found.message) == ("frozen", True)

    def test_another_editor_can_test_the_agent_and_does_not_import_its_layer(self, lab: Lab) -> None:
        edits = (
            f"{SELF_TEST}import json, subprocess, sys\n"
            "try:\n    import first\nexcept ImportError:\n    pass\nelse:\n    sys.exit('it sees the other layer')\n"
            "open('main.py', 'a').write('# better\\n')\n"
            "subprocess.run(json.load(open('/hgm/task.json'))['test_command'], check=True)\n"
        )
        commit = lab.archive.add_child(root_of(lab), agent(edits), "an editor", next(numbers)).commit
        editing = replace(lab, editor=lab.agent(commit), editor_manifest=read_manifest(agent(edits)))
        result = expand(expansion(lab, next(numbers)), editing, 0)
        assert (result.kind, result.reason.partition("\n")[0]) == (
            Expansion.REJECTED,
            "handshake: On a tiny task: it never called its model",
        )


@pytest.fixture
def hgm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return command(capsys)


@pytest.mark.needs("bubblewrap")
def test_a_run_remembers_its_layer_and_the_user_sees_it_made(hgm: Command, layer: Layer) -> None:
    write_folder(needing(f"{WANTED}  # another file, another layer\nfirst"), Path("mine"), read_only=False)
    words = ("--sandbox", "bubblewrap", "--workers", "1", "--sealed-tasks", "0", "-o", "confirmation.select_tasks=0")
    said = hgm("search", "--agent", "./mine", "--budget", "6", "--run", "kept", *words)
    assert said.code == 0, said.err
    assert f"installing {WANTED}, first for agent small, once" in said.out
    assert runs.read(Path("runs/kept")).created["layer"]["pins"] == [WANTED]
