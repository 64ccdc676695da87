"""Edits by chance: what they may touch, that they depend on agent and seed alone, and what hostile files do to them."""

import ast
from pathlib import Path

import pytest

from hgm.agents_by_name import BUNDLED
from hgm.config import SearchConfig
from hgm.contract import read_agent, read_manifest
from hgm.controller import prepare
from hgm.errors import ConfigError
from hgm.expand import expand
from hgm.random_edit import LARGEST_FILE, edited
from sandboxes.base import File, Files
from tests.hgm.small_lab import MANIFEST, agent, expansion, small_lab
from trees.folders import write_folder
from trees.records import Expansion

SEED = read_agent(BUNDLED / "seed")


def changes(files: Files, seed: int = 3) -> dict[bytes, bytes]:
    """Path -> the new text."""
    found = edited(files, read_manifest(files), seed=seed)
    assert found.cause == ""
    assert found.files.keys() == files.keys()
    assert all(file.mode == files[path].mode for path, file in found.files.items())
    return {path: file.data for path, file in found.files.items() if file != files[path]}


def test_the_same_agent_and_seed_give_the_same_child_and_other_seeds_others() -> None:
    children = [changes(SEED, seed) for seed in range(4)]
    assert children == [changes(SEED, seed) for seed in range(4)]
    assert all(children)
    assert len({repr(child) for child in children}) == 4
    paths = {path for child in children for path in child}
    assert {path.rpartition(b".")[2] for path in paths} == {b"py", b"md"}, "code and prompts"
    for child in children:
        for path, text in child.items():
            if path.endswith(b".py"):
                ast.parse(text)


def test_what_a_child_may_not_change_is_left_alone() -> None:
    code = "def f(a):\n    return a + 1\n"
    files: Files = {
        **agent(code, manifest=MANIFEST + 'editable = ["*.py", "*.md"]\nfrozen = ["model.py", "frozen*"]\n'),
        b"frozen.py": File(code.encode()),
        b"tests/test_f.py": File(code.encode()),
        b"docs/how.md": File(b"Do it.\n"),
        b"link.py": File(b"main.py", "120000"),
        b"data.txt": File(b"1\n2\n"),
        b"large.py": File(code.encode() + b"#" * LARGEST_FILE),
    }
    assert {path for seed in range(4) for path in changes(files, seed)} == {b"main.py"}


def test_nothing_that_an_agent_wrote_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    code = f"open({str(trap)!r}, 'w').close()\nimport sys\nsys.exit(1)\n"
    assert changes(agent(code, json_py=code, sitecustomize_py=code, hgm__errors_py=code))
    assert not trap.exists()


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 300 + "1" + ")" * 300,
        "x = (" + "\n".join(["not " * 140] * 60) + "1)\n",
        "x = a" + "\\\n".join([".b" * 290] * 60) + "\n",
        "\n".join(" " * depth + "if 1:" for depth in range(150)) + "\n",
        'x = "\\d\\q"\ny = 1 is 1\nassert (1, 2)\n',
        "x = 1\0\n",
        "x = 1\f\ny = \u2028 2\r",
        "x = " + "9" * 5000 + "\ny = 10 ** 10 ** 10\n",
        "x = a\n" * 30_000,
    ],
    ids=["parentheses", "operators", "attributes", "indents", "warnings", "nul", "line ends", "numbers", "all alike"],
)
def test_hostile_text_is_no_more_than_text(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Another file is changed, or this one; nothing crashes, warns or takes long."""
    files = agent("def f(a):\n    return a + 1\n", other_py=text)
    assert any(b"main.py" in changes(files, seed) for seed in range(6))
    assert capfd.readouterr() == ("", "")


def test_files_that_are_shown_alike_do_not_get_each_others_text() -> None:
    """A name that is no UTF-8 is shown as one that may be there, too."""
    files: Files = {**agent("", model="1"), b"a\xff.py": File(b"x = 1\n"), b"a\\xff.py": File(b"y = 2\n")}
    files = {path: file for path, file in files.items() if path not in (b"main.py", b"model.py")}
    for seed in range(4):
        child = changes(files, seed)
        assert child.keys() == {b"a\\xff.py"}
        assert b"x" not in child[b"a\\xff.py"]


def test_an_edit_that_uses_up_its_time_is_an_editor_that_did_not_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hgm.random_edit.DEADLINE_S", 0.001)
    assert edited(SEED, read_manifest(SEED), seed=1) == (SEED, "deadline")


def test_files_without_anything_to_change_hide_none_that_has() -> None:
    blank = {f"v{number}/__init__.py".encode(): File(b"") for number in range(120)}
    dull = {f"w{number}.py".encode(): File(b"import os\n") for number in range(60)}
    files = {**blank, **dull, **agent("STEPS = 3\nprint(STEPS + 1)\n")}
    assert all(changes(files, seed) for seed in range(6))


def test_large_files_are_changed_anywhere() -> None:
    code = "".join(f"def f{number}(a):\n    return a + {number}\n\n\n" for number in range(1500))
    before = code.splitlines()
    lines = set()
    for seed in range(3):
        after = changes(agent(code, model_py=""), seed)[b"main.py"].decode().splitlines()
        lines |= {number for number, (one, other) in enumerate(zip(before, after, strict=False)) if one != other}
        ast.parse("\n".join(after))
    assert min(lines) < 3000 < max(lines)


@pytest.mark.needs("bubblewrap")
def test_children_by_chance_meet_the_gates_and_ask_no_editor(tmp_path: Path) -> None:
    tried = []
    for name, frozen in (("spare", '"main.py", "model.py"'), ("vital", '"model.py", "spare.py"')):
        root = agent(manifest=f"{MANIFEST}frozen = [{frozen}]\n", spare_py="def f(a):\n    return a + 1\n")
        with small_lab(tmp_path / name, root, editor="random") as lab:
            for number in (1, 2, 1):
                result = expand(expansion(lab, number), lab, 0)
                tried.append((name, result.kind, result.reason.partition(":")[0], result.brief, result.files))
                assert result.files != root
            asked = {path.name.partition("-")[2] for path in lab.trajectories.iterdir()}
            assert all(part.startswith("handshake") for part in asked), "no diagnosis, no edit, no repair"
        assert tried[-1] == tried[-3]
    assert {(name, kind) for name, kind, *_ in tried} == {
        ("spare", Expansion.CHILD),
        ("vital", Expansion.REJECTED),
    }
    assert {brief for *_, brief, _ in tried} == {"a random edit"}


@pytest.mark.parametrize("files", [agent(manifest=f'{MANIFEST}frozen = ["*.py"]\n'), agent("", model_py="\0")])
def test_an_agent_without_anything_to_change_is_refused_before_the_run(tmp_path: Path, files: Files) -> None:
    write_folder(files, tmp_path / "mine", read_only=False)
    config = SearchConfig(budget=6, editor="random", agent=str(tmp_path / "mine"))
    with pytest.raises(ConfigError, match="--editor random changes Python and prompts"):
        prepare(config, tmp_path / "runs" / "new", runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
