"""Every gate refuses what it is for, in real sandboxes, with the words that go back to the editor."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hgm.contract import read_manifest
from hgm.gates import Candidate, Rejection, first_rejection
from hgm.lab import Lab
from sandboxes.base import File, Files
from tests.hgm.small_lab import ASKS, MANIFEST, agent, small_lab

pytestmark = pytest.mark.needs("bubblewrap")
ROOT = agent(prompts__solve_md="Solve it.\n", README_md="Small.\n")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("gates") / "run", ROOT) as lab:
        yield lab


def refused(lab: Lab, child: Files, *, parent: Files = ROOT) -> Rejection | None:
    return first_rejection(Candidate(job="x00001", seed=1, parent=parent, files=child), lab, 0)


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
