"""What jobs cost: no attempt, diagnosis or handshake is left out, whoever cut it off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hgm import trajectories
from hgm.evaluate import ATTEMPTS, evaluate
from hgm.expand import expand
from hgm.gateway.records import Usage
from hgm.lab import Lab
from hgm.redaction import Redactor
from hgm.spending import spent
from tests.hgm.small_lab import ASKS, agent, evaluation, expansion, scripted, small_lab
from trees.records import Expansion, Outcome

TOKENS = {"prompt_tokens": 10, "completion_tokens": 3}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    editor = ASKS + "open('main.py', 'a').write('# better\\n')\n"
    with small_lab(tmp_path_factory.mktemp("spending") / "run", agent(editor)) as lab:
        yield lab


def asked(lab: Lab, job: str) -> int:
    """Calls to the model in all trajectories of a job."""
    files = [file for file in lab.trajectories.iterdir() if file.name.partition(".")[0].partition("-")[0] == job]
    return sum(record["event"] == "call started" for file in files for record in trajectories.read(file))


@pytest.mark.needs("bubblewrap")
def test_an_expansion_pays_for_its_diagnosis_and_its_handshake(lab: Lab, tmp_path: Path) -> None:
    with scripted(lab, tmp_path, [{"text": "fine", "usage": TOKENS, "repeat": True}]) as lab:
        first = evaluate(evaluation(lab, 0), lab, 0)
        result = expand(expansion(lab, 1, evidence=(first.job,)), lab, 0)
    assert result.kind is Expansion.CHILD, result.reason
    assert result.usage.calls == asked(lab, result.job) == 3, "diagnosis, edit, handshake"
    assert (result.usage.input_tokens, result.usage.output_tokens) == (30, 9)


@pytest.mark.needs("bubblewrap")
def test_failed_attempts_are_paid_for(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hgm.lab.FREE_MEMORY_MB", 1 << 40)  # no machine has that: each crash may be the host's fault
    crashes = agent(f"{ASKS}sys.exit(1)\n")
    with scripted(lab, tmp_path, [{"text": "fine", "usage": TOKENS, "repeat": True}]) as lab:
        job = evaluation(lab, 2)._replace(commit=lab.archive.add_child(expansion(lab).commit, crashes, "", 2).commit)
        result = evaluate(job, lab, 0)
    assert result.outcome is Outcome.UNMEASURED
    assert result.usage.calls == asked(lab, job.id) == ATTEMPTS
    assert (result.usage.input_tokens, result.usage.output_tokens) == (30, 9)


@pytest.mark.needs("bubblewrap")
def test_what_a_kill_cut_off_is_paid_for(lab: Lab, tmp_path: Path) -> None:
    """As after `hgm resume`: the job is there a second time, and its trajectory holds the beginning of the first."""
    with scripted(lab, tmp_path, [{"text": "fine", "usage": TOKENS, "repeat": True}]) as lab:
        job = evaluation(lab, 3)
        once = evaluate(job, lab, 0)
        file = lab.trajectories / f"{job.id}.jsonl.zst"
        file.write_bytes(_until(file, "call settled", file.read_bytes()))
        again = evaluate(job, lab, 0)
    assert (once.usage.calls, again.usage.calls) == (1, 2)
    assert (again.usage.input_tokens, again.usage.output_tokens) == (20, 6)


def _until(file: Path, event: str, whole: bytes) -> bytes:
    """The largest part of a trajectory, cut as a kill cuts it, whose last line is of that event."""
    for length in range(len(whole), 0, -1):
        file.write_bytes(whole[:length])
        records = [record["event"] for record in trajectories.read(file)]
        if records and records[-1] == event:
            return whole[:length]
    raise AssertionError(event)


def test_a_job_that_asked_nobody_has_cost_nothing(tmp_path: Path) -> None:
    assert spent("x00001", tmp_path) == Usage()


def test_another_job_is_not_paid_for(tmp_path: Path) -> None:
    closed = {"event": "lease closed", "usage": {"calls": 5, "dropped_fields": []}}
    for name in ("x00001-edit", "x00001-repair", "x000010-edit", "x00010-edit", "e00001"):
        with trajectories.Writer(tmp_path / f"{name}.jsonl.zst", redact=Redactor.of({})) as writer:
            writer.write({"event": "lease opened"})
            writer.write(closed)
    assert spent("x00001", tmp_path).calls == 10


def test_what_is_damaged_counts_up_to_the_damage(tmp_path: Path) -> None:
    (tmp_path / "e00001.jsonl.zst").write_bytes(b"no trajectory")
    assert spent("e00001", tmp_path) == Usage()
