"""A verdict about time or memory: the agent's fault only where the task's own files can be graded."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from evaluators.base import Script
from evaluators.grading import grade
from hgm.errors import SandboxError
from sandboxes.base import File
from tests.evaluators.conftest import compared, make_task
from trees.records import Outcome

pytestmark = pytest.mark.needs("bubblewrap")
HANGS = File(b"# hangs\n")
FINE = File(b"# fine\n")
SCRIPT = """\
while grep -q hangs /workspace/mod.py; do :; done
echo 0 > /logs/verifier/reward.txt
"""
TOO_SLOW = "while true; do :; done\n"


class Counting:
    """The provider, counting the sandboxes that it opens."""

    def __init__(self, provider):
        self.provider, self.opened = provider, 0
        self.python = provider.python

    @contextmanager
    def open(self, spec):
        self.opened += 1
        with self.provider.open(spec) as box:
            yield box


def scripted(name: str, script: str, *, base: File = FINE, reference: File = FINE):
    files = {b"test.sh": File(script.encode())}
    made = make_task(Script(files=files, deadline_s=0.7), workspace={b"mod.py": base})
    return replace(made, id=name, reference={b"mod.py": reference})


def verdict(provider, task, source: File = HANGS, run: str = "test"):
    return grade(task, {b"mod.py": source}, provider, run=run, job="g", slot=0)


def test_an_agents_hang_is_its_own_where_the_base_can_be_graded(provider):
    counting, task = Counting(provider), scripted("hang", SCRIPT)
    assert verdict(counting, task).cause == "deadline"
    assert counting.opened == 2
    assert verdict(counting, task).cause == "deadline"
    assert counting.opened == 3  # the canary is not needed again in this run,
    assert verdict(counting, task, run="other").cause == "deadline"
    assert counting.opened == 5  # but in another


def test_other_verdicts_need_no_canary(provider):
    counting = Counting(provider)
    assert verdict(counting, scripted("other", SCRIPT), FINE).cause == "tests"
    assert counting.opened == 1


@pytest.mark.parametrize("source", [HANGS, FINE])
def test_a_machine_on_which_nothing_is_graded_in_time_is_the_hosts_trouble(provider, source):
    task = scripted("slow", TOO_SLOW)
    for _ in range(2):  # nothing is remembered of a canary that was not well
        with pytest.raises(SandboxError, match="its own reference ends with deadline"):
            verdict(provider, task, source)


def test_a_base_that_hangs_by_itself_excuses_nobody(provider):
    assert verdict(provider, scripted("base", SCRIPT, base=HANGS), File(b"# still hangs\n")).cause == "deadline"


def test_a_case_that_waits_instead_of_working_is_out_of_time(provider):
    task = replace(compared((1, 2), cpu_s=0.1), id="waits")
    found = verdict(provider, task, File(b"import time\ndef f(x):\n    time.sleep(1000)\n"))
    assert (found.outcome, found.cause) == (Outcome.FAILED, "deadline")
