"""A model that fails under an agent that ends well: the host looks at itself before it blames the agent."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hgm.diagnose import GENERIC, diagnose
from hgm.errors import ConfigError, SandboxError
from hgm.evaluate import evaluate
from hgm.expand import expand
from hgm.gates import Candidate, first_rejection
from hgm.gateway.client import Settings
from hgm.lab import Lab
from sandboxes.base import File
from tests.hgm.small_lab import ASKS, MANIFEST, QUICK, agent, evaluation, expansion, scripted, small_lab
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


def test_a_refused_key_is_nobodys_failure(tmp_path: Path) -> None:
    refused = [{"status": 401, "repeat": True}]
    with small_lab(tmp_path / "run", ROOT) as small, scripted(small, tmp_path, refused) as lab:
        result = evaluate(evaluation(lab, 5), lab, 0)
        edit = expand(expansion(lab, 6), lab, 0)
    assert (result.outcome, result.usage.hosts_fault) == (Outcome.UNMEASURED, True)
    assert "HTTP 401" in result.detail
    assert (edit.kind, "HTTP 401" in edit.reason) == (Expansion.UNMEASURED, True)


def test_a_run_that_waited_for_its_model_to_the_end_is_excused_by_the_probe_alone(tmp_path: Path) -> None:
    """A deadline moves by what the gateway waits, up to a cap. An agent may have brought a rate limit about itself."""
    patient = Settings(backoff_s=0.01, max_retry_after_s=600.0)
    steps = [{"status": 429, "retry_after": 600}, {"text": "fine", "repeat": True}]
    with (
        small_lab(tmp_path / "run", ROOT, limits={"solve_deadline_s": 3.0}) as small,
        scripted(small, tmp_path, steps, settings=patient) as lab,
    ):
        seen: list[tuple[str, str]] = []
        lab = replace(lab, progress=lambda job, stage: seen.append((job, stage)))
        result = evaluate(evaluation(lab, 7), lab, 0)
    assert (result.outcome, result.cause, result.usage.calls) == (Outcome.FAILED, "deadline", 1)
    assert result.usage.waited_s > 9
    assert ("e00007", "waits for its model: scripted: HTTP 429, trying again in 600 s") in seen


def test_waiting_that_an_agent_provokes_excuses_nobody(tmp_path: Path) -> None:
    """A server may fail at a request each time that it comes."""
    patient = Settings(backoff_s=60.0, max_backoff_s=60.0)
    with (
        small_lab(tmp_path / "run", ROOT, limits={"solve_deadline_s": 3.0}) as small,
        scripted(small, tmp_path, FAILS, settings=patient) as lab,
    ):
        result = evaluate(evaluation(lab, 8), lab, 0)
    assert (result.outcome, result.cause) == (Outcome.FAILED, "deadline")
    assert result.usage.waited_s > 9


@pytest.mark.parametrize("status", [400, 403, 422, 500])
def test_evidence_at_which_a_model_that_is_well_fails_makes_the_brief_generic(tmp_path: Path, status: int) -> None:
    steps = [{"text": "fine"}, *[{"status": status}] * (QUICK.attempts if status == 500 else 1), {"text": "fine"}]
    with (
        small_lab(tmp_path / "run", ROOT) as small,
        scripted(small, tmp_path, [*steps, *[{"text": "fine"}] * 9]) as lab,
    ):
        first = evaluate(evaluation(lab, 9), lab, 0)
        assert diagnose(expansion(lab, 10, evidence=(first.job,)), lab) == GENERIC


def test_an_edit_on_a_host_that_is_ill_is_neither_a_child_nor_rejected(ill: Lab) -> None:
    result = expand(expansion(ill, 3), ill, 0)
    assert result.kind is Expansion.UNMEASURED, result.reason
    names = [file.name for file in ill.trajectories.iterdir() if file.name.startswith("x00003")]
    assert names == ["x00003-edit.jsonl.zst"], "it is known before the gates"


def test_a_handshake_on_a_host_that_is_ill_refuses_nobody(ill: Lab) -> None:
    child = {**ROOT, b"main.py": File(ROOT[b"main.py"].data + b"# other\n")}
    with pytest.raises(SandboxError, match="short of"):
        first_rejection(Candidate(job="x00004", seed=1, parent=ROOT, files=child), ill, 0)


def test_an_agent_whose_dialect_its_backbone_does_not_speak_begins_no_run(tmp_path: Path) -> None:
    root = agent(ASKS, manifest=f'{MANIFEST}dialect = "anthropic_messages"\n')
    said = r"speaks anthropic_messages .* builtin/rules only openai_chat_completions"
    with pytest.raises(ConfigError, match=said), small_lab(tmp_path / "run", root):
        pass
