"""Every gate refuses what it is for, in real sandboxes, with the words that go back to the editor."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hgm import trajectories
from hgm.contract import read_manifest
from hgm.gates import Candidate, Rejection, first_rejection
from hgm.lab import Lab
from sandboxes.base import File, Files
from tests.hgm.small_lab import ASKS, MANIFEST, SELF_TEST, agent, root_of, small_lab

pytestmark = pytest.mark.needs("bubblewrap")
ROOT = agent(prompts__solve_md="Solve it.\n", README_md="Small.\n")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("gates") / "run", ROOT) as lab:
        yield lab


def refused(lab: Lab, child: Files, *, parent: Files = ROOT, job: str = "x00001") -> Rejection | None:
    return first_rejection(Candidate(job=job, seed=1, parent=parent, files=child), lab, 0)


def changed(**texts: str) -> Files:
    return {**ROOT, **{name.replace("_py", ".py").encode(): File(text.encode()) for name, text in texts.items()}}


def test_a_child_that_keeps_everything_passes(lab: Lab) -> None:
    assert refused(lab, changed(main_py=f"# better\n{ASKS}")) is None


@pytest.mark.parametrize("frozen", ['frozen = ["prompts/*"]', "frozen = []", ""])
def test_the_manifest_is_frozen_whatever_it_says(lab: Lab, frozen: str) -> None:
    root = agent(manifest=f"{MANIFEST}{frozen}\n")
    other = root[b"agent.toml"].data.replace(b"main.py", b"evil.py")
    child = {**root, b"agent.toml": File(other), b"evil.py": File(b"")}
    found = refused(replace(lab, manifest=read_manifest(root)), child, parent=root)
    assert found is not None
    assert (found.reason, "agent.toml must stay as it was" in found.message) == ("frozen", True)


def test_nothing_changed_is_empty(lab: Lab) -> None:
    assert reason(lab, ROOT) == "empty"


@pytest.mark.parametrize("path", ["README.md", "docs/how.md", "tests/test_main.py", "test_main.py", "conftest.py"])
def test_documentation_and_tests_are_no_code(lab: Lab, path: str) -> None:
    assert reason(lab, {**ROOT, path.encode(): File(b"# more\n")}) == "no-code"


def test_a_prompt_is_code(lab: Lab) -> None:
    assert refused(lab, {**ROOT, b"prompts/solve.md": File(b"Solve it well.\n")}) is None


def test_what_is_not_editable_stays(lab: Lab) -> None:
    strict = replace(lab, manifest=lab.manifest.model_copy(update={"editable": ("prompts/*",)}))
    assert reason(strict, changed(main_py=f"{ASKS}# better\n")) == "frozen"
    assert reason(strict, {path: file for path, file in ROOT.items() if path != b"model.py"}) == "frozen"


def test_the_twin_of_an_agent_is_a_duplicate(lab: Lab) -> None:
    twin = changed(main_py=f"{ASKS}# twin\n")
    lab.archive.name(1, lab.archive.add_child(root_of(lab), twin, "its elder", 1).commit)
    assert reason(lab, twin) == "duplicate"


@pytest.mark.parametrize(
    ("child", "says"),
    [
        (changed(main_py="def broken(:\n"), "main.py does not compile"),
        ({path: file for path, file in ROOT.items() if path != b"main.py"}, "/hgm/agent/main.py is gone"),
        ({**ROOT, b"data.txt": File(b"1" * 1_000_001)}, "data.txt is larger than"),
    ],
    ids=["does not compile", "its command is gone", "a huge file"],
)
def test_a_broken_contract(lab: Lab, child: Files, says: str) -> None:
    found = refused(lab, child)
    assert found is not None
    assert (found.reason, says in found.message) == ("contract", True), found.message


def test_code_of_a_child_is_compiled_and_not_run_by_the_contract_gate(lab: Lab) -> None:
    found = refused(lab, changed(main_py="print('I ran')\nraise SystemExit(3)\n"))
    assert found is not None
    assert (found.reason, "I ran" in found.message) == ("self-test", True)


def test_a_failing_self_test_says_why(lab: Lab) -> None:
    found = refused(lab, changed(main_py="import sys\nsys.exit('no \\x1b[31mprompt')\n"))
    assert found is not None
    assert found.reason == "self-test"
    assert "no \\x1b[31mprompt" in found.message, "escaped"


@pytest.mark.parametrize(
    ("main", "says"),
    [
        (SELF_TEST, "it never called its model"),
        (f"{ASKS}sys.exit(4)\n", "crashed"),
        (f"{ASKS}import time\ntime.sleep(60)\n", "deadline"),
        (f"{ASKS}import os\nfor _ in range(70):\n    os.mkdir('d')\n    os.chdir('d')\n", "deeper than"),
    ],
    ids=["never asks", "crashes", "does not end", "leaves an unusable workspace"],
)
def test_a_handshake_that_fails(lab: Lab, main: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hgm.gates.HANDSHAKE_S", 2.0)
    found = refused(lab, changed(main_py=main))
    assert found is not None
    assert (found.reason, says in found.message) == ("handshake", True), found.message


def test_the_handshake_leaves_its_trajectory(lab: Lab) -> None:
    assert refused(lab, changed(main_py=f"{ASKS}# heard\n"), job="x00077") is None
    records = list(trajectories.read(lab.trajectories / "x00077-handshake.jsonl.zst"))
    assert [record["event"] for record in records] == ["lease opened", "call started", "call settled", "lease closed"]


def reason(lab: Lab, child: Files) -> str:
    found = refused(lab, child)
    assert found is not None
    return found.reason
