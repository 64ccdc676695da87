"""Each policy decides as it did when its trace was written, in this process and in others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.golden.make import FOLDER, TRACES, words
from tests.trees.play import Asked, Told, finish, start
from trees.policies import POLICIES, make_policy
from trees.records import Evaluate, Expansion, Outcome, Stop
from trees.tree import Tree

ROOT_FOLDER = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TRACES)
def test_decides_as_in_the_trace(name: str) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    policy = make_policy(golden["policy"], **golden["options"])
    tree = Tree(golden["tasks"], golden["budget"])
    jobs = {}
    for place, event in enumerate(golden["events"]):
        word, job, *rest = event
        if word in ("expand", "evaluate", "stop"):
            jobs[job] = policy.choose(tree.view(), np.random.default_rng([golden["seed"], job]))
            assert words(Asked(job, jobs[job])) == event, f"event {place}"
            if not isinstance(jobs[job], Stop):
                start(tree, jobs[job])
        else:
            result = Outcome(word) if isinstance(jobs[job], Evaluate) else Expansion(word)
            finish(tree, Told(job, jobs[job], result, *rest))
    assert tree.view().spent == 1


def test_every_policy_has_a_trace_in_which_all_can_happen() -> None:
    assert {policy for policy, _ in TRACES.values()} == set(POLICIES)
    for name in TRACES:
        happened = {event[0] for event in json.loads((FOLDER / f"{name}.json").read_text())["events"]}
        assert happened >= {"expand", "evaluate", *map(str, Outcome), *map(str, Expansion)}


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_other_processes_write_the_same_traces(hash_seed: str) -> None:
    written = subprocess.run(
        [sys.executable, "-m", "tests.golden.make", "--stdout"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT_FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(written.stdout) == {name: (FOLDER / f"{name}.json").read_text() for name in TRACES}
