"""A model that fails under an agent that ends well: the host looks at itself before it blames the agent."""

from collections.abc import Iterator

import pytest

from hgm.errors import SandboxError
from hgm.evaluate import evaluate
from hgm.expand import expand
from hgm.gates import Candidate, first_rejection
from hgm.lab import Lab
from sandboxes.base import File
from tests.hgm.small_lab import ASKS, agent, evaluation, expansion, scripted, small_lab
from trees.records import Expansion, Outcome

pytestmark = pytest.mark.needs("bubblewrap")
FAILS = [{"status": 500, "repeat": True}]
ROOT = agent(f"{ASKS}open('main.py', 'a').write('# better\\n')\n")


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("fault")
    with small_lab(folder / "run", ROOT) as lab, scripted(lab, folder, FAILS) as lab:
        yield lab


@pytest.fixture
def ill(well: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr("hgm.lab.FREE_MEMORY_MB", 1 << 40)  # no machine has that
    return well


def test_an_evaluation_on_a_host_that_is_ill_says_nothing(ill: Lab) -> None:
    result = evaluate(evaluation(ill, 1), ill, 0)
    assert (result.outcome, result.usage.backbone_failed) == (Outcome.UNMEASURED, True)


def test_an_evaluation_on_a_host_that_is_well_counts(well: Lab) -> None:
    assert evaluate(evaluation(well, 2), well, 0).outcome is Outcome.FAILED


def test_an_edit_on_a_host_that_is_ill_is_neither_a_child_nor_rejected(ill: Lab) -> None:
    result = expand(expansion(ill, 3), ill, 0)
    assert result.kind is Expansion.UNMEASURED, result.reason
    names = [file.name for file in ill.trajectories.iterdir() if file.name.startswith("x00003")]
    assert names == ["x00003-edit.jsonl.zst"], "it is known before the gates"


def test_a_handshake_on_a_host_that_is_ill_refuses_nobody(ill: Lab) -> None:
    child = {**ROOT, b"main.py": File(ROOT[b"main.py"].data + b"# other\n")}
    with pytest.raises(SandboxError, match="short of"):
        first_rejection(Candidate(job="x00004", seed=1, parent=ROOT, files=child), ill, 0)
