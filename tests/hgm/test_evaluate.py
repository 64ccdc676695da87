"""Whose fault is it? One row of DESIGN's table after the other, with agents of a few lines in real sandboxes."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from hgm import trajectories
from hgm.errors import SandboxLost
from hgm.evaluate import evaluate
from hgm.gateway.client import LeaseSpec
from hgm.jobs import EvaluationResult
from hgm.lab import Lab
from sandboxes.base import Image, Sandbox, SandboxProvider, SandboxSpec
from tests.hgm.small_lab import ASKS, MANIFEST, QUICK, SECRET, OneTask, agent, evaluation, root_of, scripted, small_lab
from trees.records import Outcome

pytestmark = pytest.mark.needs("bubblewrap")
RIGHT = "open('answer.py', 'w').write('def double(n):\\n    return 2 * n\\n')\n"
SLEEPS = "import time\ntime.sleep(60)\n"
DEEP = "import os\nfor _ in range(70):\n    os.mkdir('d')\n    os.chdir('d')\n"
numbers = count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("evaluate") / "run", agent()) as lab:
        yield lab


@dataclass(frozen=True)
class Losing:
    """A provider whose sandboxes break after their command has started, `times` times."""

    inner: SandboxProvider
    left: list[None]

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def python(self) -> str:
        return self.inner.python

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        return self._opened(spec)

    @contextmanager
    def _opened(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with self.inner.open(spec) as box:
            yield box
            if self.left:
                self.left.pop()
                raise SandboxLost("gone")

    def within(self, image: Image) -> SandboxProvider:
        return self.inner.within(image)

    def healthy(self) -> bool:
        return self.inner.healthy()


@pytest.mark.parametrize(
    ("times", "outcome", "cause"), [(1, Outcome.PASSED, ""), (3, Outcome.FAILED, "lost"), (2, Outcome.PASSED, "")]
)
def test_whoever_loses_every_sandbox_has_done_it(lab: Lab, times: int, outcome: Outcome, cause: str) -> None:
    losing = replace(lab, provider=Losing(lab.provider, [None] * times))
    found = solved(losing, RIGHT)
    assert (found.outcome, found.cause) == (outcome, cause)


def solved(lab: Lab, main: str, **limits: float) -> EvaluationResult:
    """How an agent with this `main.py` fares on the one task."""
    commit = lab.archive.add_child(root_of(lab), agent(main), "a solver", next(numbers)).commit
    lab = replace(lab, limits=lab.limits.model_copy(update=limits))
    return evaluate(evaluation(lab, next(numbers))._replace(commit=commit), lab, 0)


@pytest.mark.parametrize(
    ("main", "outcome", "cause"),
    [
        (RIGHT, Outcome.PASSED, ""),
        ("open('answer.py', 'a').write('# no\\n')\n", Outcome.FAILED, "tests"),
        ("open('answer.py', 'w').write('def double(:')\n", Outcome.FAILED, "tests"),
        ("", Outcome.FAILED, "unchanged"),
        ("open('answer.py', 'r+').read()\nimport os\nos.mkdir('empty')\n", Outcome.FAILED, "unchanged"),
        ("open('.git/config', 'a').write('#')\n", Outcome.FAILED, "unchanged"),
        (f"{RIGHT}raise SystemExit(3)\n", Outcome.FAILED, "crashed"),
        (f"{RIGHT}import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", Outcome.FAILED, "crashed"),
        (f"{RIGHT}{DEEP}", Outcome.FAILED, "bad-workspace"),
    ],
    ids=[
        "right",
        "wrong",
        "broken",
        "untouched",
        "an empty folder",
        "its .git",
        "an exit status",
        "a signal",
        "too deep",
    ],
)
def test_after_its_first_instruction_all_is_the_agents(lab: Lab, main: str, outcome: Outcome, cause: str) -> None:
    result = solved(lab, main)
    assert (result.outcome, result.cause) == (outcome, cause), result.detail


def test_a_deadline_is_the_agents(lab: Lab) -> None:
    for bounds in ({"solve_deadline_s": 1.0}, {"solve_deadline_s": 60.0}):
        result = solved(replace(lab, benchmark=OneTask(deadline_s=1.5)), RIGHT + SLEEPS, **bounds)
        assert (result.outcome, result.cause) == (Outcome.FAILED, "deadline")


def test_memory_is_the_agents(lab: Lab) -> None:
    if not (lab.provider.tools.hierarchy or lab.provider.tools.scopes):
        pytest.skip("nothing limits the memory of a sandbox here: no control groups")
    result = solved(lab, f"{RIGHT}hog = bytearray(b'1') * (300 << 20)\n", memory_mb=64)
    assert (result.outcome, result.cause) == (Outcome.FAILED, "out-of-memory")


def test_before_the_first_instruction_it_is_the_hosts(lab: Lab, tmp_path: Path) -> None:
    """The relay that is to be mounted is not there: no sandbox comes up, in none of the attempts."""
    relayed = lab.manifest.model_copy(update={"relay": True})
    result = solved(replace(lab, manifest=relayed, relay=tmp_path / "gone.py"), RIGHT)
    assert (result.outcome, result.cause) == (Outcome.UNMEASURED, "host")
    assert "no sandbox for" in result.detail


@pytest.mark.parametrize("watermark", ["FREE_MEMORY_MB", "FREE_DISK_MB"])
def test_a_failure_under_a_watermark_says_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch, watermark: str) -> None:
    monkeypatch.setattr(f"hgm.lab.{watermark}", 1 << 40)  # no machine has that
    assert solved(lab, "raise SystemExit(3)\n").outcome is Outcome.UNMEASURED
    assert solved(lab, RIGHT).outcome is Outcome.PASSED, "what did not fail needs no excuse"


def test_a_lease_that_cannot_be_had_is_the_hosts(lab: Lab) -> None:
    job = evaluation(lab, next(numbers))
    spec = LeaseSpec(job=job.id, role="solver", backbone=lab.backbones.solver, seed=1)
    with closing(lab.gateway.lease(spec)):
        result = evaluate(job, lab, 0)
    assert (result.outcome, result.cause, "live lease" in result.detail) == (Outcome.UNMEASURED, "host", True)
    assert evaluate(job, lab, 0).outcome is Outcome.FAILED


def test_a_providers_refusal_goes_to_the_agent(lab: Lab, tmp_path: Path) -> None:
    refusal = {"status": 400, "body": {"error": {"message": "no such tool", "type": "invalid", "code": "x"}}}
    with scripted(lab, tmp_path, [refusal]) as asked:
        result = solved(asked, f"from model import ask\nassert b'no such tool' in ask('hello')\n{RIGHT}")
    assert (result.outcome, result.usage.calls, result.usage.backbone_failed) == (Outcome.PASSED, 1, False)


def test_a_provider_in_trouble_is_asked_again_by_the_gateway(lab: Lab, tmp_path: Path) -> None:
    with scripted(lab, tmp_path, [{"status": 503}, {"text": "here I am"}]) as asked:
        result = solved(asked, f"from model import ask\nassert b'here I am' in ask('hello')\n{RIGHT}")
    assert (result.outcome, result.usage.calls) == (Outcome.PASSED, 1)


def test_the_deadline_moves_by_what_the_gateway_waited(lab: Lab, tmp_path: Path) -> None:
    patient = replace(QUICK, max_backoff_s=4.0)
    steps = [{"status": 429, "retry_after": 3}, {"text": "at last"}]
    with scripted(lab, tmp_path, steps, settings=patient) as asked:
        slow = replace(asked, benchmark=OneTask(deadline_s=2.5))
        result = solved(slow, f"from model import ask\nask('hello')\n{RIGHT}")
    assert (result.outcome, result.cause) == (Outcome.PASSED, "")
    assert result.usage.waited_s >= 3


def test_the_host_records_what_it_saw_and_keeps_what_is_hidden(lab: Lab) -> None:
    result = solved(lab, f"{ASKS}print('\\x1b[2J I did it')\nopen('answer.py', 'a').write('# no\\n')\n")
    *_, host = trajectories.read(lab.trajectories / f"{result.job}.jsonl.zst")
    assert (host["event"], host["outcome"], host["cause"], host["status"]) == ("host", "failed", "tests", 0)
    assert "+# no" in host["patch"]
    assert host["log"] == "\\x1b[2J I did it\n"
    assert str(SECRET) not in json.dumps(host)
    assert json.loads((lab.grading / f"{result.job}.json").read_text())["cause"] == "tests"


def test_the_manifest_of_the_lab_rules_not_that_of_the_child(lab: Lab) -> None:
    other = agent(RIGHT, manifest=MANIFEST.replace("main.py", "evil.py"), evil_py="raise SystemExit(9)\n")
    commit = lab.archive.add_child(root_of(lab), other, "", next(numbers)).commit
    assert evaluate(evaluation(lab, next(numbers))._replace(commit=commit), lab, 0).outcome is Outcome.PASSED
