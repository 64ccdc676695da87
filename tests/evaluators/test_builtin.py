import difflib
import importlib.util
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from evaluators import bugs, families, guarded
from evaluators.base import Compared, Split
from evaluators.builtin import BuiltinBenchmark, Generated, generate, hand_written
from evaluators.program_text import Text
from hgm.errors import EvaluatorError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def benchmark() -> BuiltinBenchmark:
    return BuiltinBenchmark()


@pytest.fixture(scope="module")
def made(benchmark: BuiltinBenchmark) -> list[Generated]:
    ids = [task_id for split in Split for task_id in benchmark.tasks(split) if task_id not in hand_written()]
    return [benchmark.generated(task_id) for task_id in ids]


def test_every_process_makes_the_same_tasks_whatever_its_hash_seed():
    digests = set()
    for seed in ("0", "1", "4711"):
        run = subprocess.run(
            [sys.executable, HERE / "benchmark_digest.py"],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(HERE.parents[1])},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout)
    assert len(digests) == 1


def test_splits_have_their_sizes_and_share_neither_ids_nor_programs(benchmark, made):
    sizes = {split: len(benchmark.tasks(split)) for split in Split}
    assert sizes == {Split.DEV: 240, Split.SEARCH: 60, Split.SELECT: 60, Split.SEALED: 300}
    assert len({task_id for split in Split for task_id in benchmark.tasks(split)}) == 660
    owners: dict[bytes, set[Split]] = {}
    for one in made:
        owners.setdefault(one.task.workspace[one.task.grading.module.encode()].data, set()).add(one.task.split)
    assert all(len(splits) == 1 for splits in owners.values())


def test_every_split_has_every_family(made):
    for split in Split:
        assert {one.family for one in made if one.task.split == split} == set(families.FAMILIES)
    assert len(families.FAMILIES) >= 20


def test_ids_are_opaque_and_the_workspace_holds_two_files(made):
    for one in made:
        assert one.task.id.startswith("b-")
        assert len(one.task.id) == 12
        assert set(one.task.workspace) == {one.task.grading.module.encode(), b"check.py"}


def test_a_quarter_of_the_bugs_is_beyond_one_edit(made):
    wide = [one for one in made if one.bug in bugs.WIDE]
    assert len(wide) >= 0.25 * len(made)
    assert {one.bug for one in made} == {*bugs.SINGLE, *bugs.WIDE}
    assert max(Counter(one.bug for one in made).values()) < 0.25 * len(made)


def test_a_bug_that_is_called_single_is_one_edit_of_neighbouring_lines(made):
    for one in made:
        if one.bug in bugs.SINGLE:
            assert changed_places(one) <= 2, one.task.id


def changes(one: Generated) -> list[tuple[str, int, int, int, int]]:
    module = one.task.grading.module.encode()
    texts = [files[module].data.decode().splitlines() for files in (one.task.reference, one.task.workspace)]
    opcodes = difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes()
    return [opcode for opcode in opcodes if opcode[0] != "equal"]


def changed_places(one: Generated) -> int:
    return len(changes(one))


def test_every_bug_fails_a_visible_and_a_hidden_case_and_the_reference_none(made):
    for one in made[::3]:
        grading = one.task.grading
        assert isinstance(grading, Compared)
        assert 10 <= len(grading.cases) <= 20
        shown = visible_cases(one)
        assert 6 <= len(shown) <= 10
        hidden = [(json.dumps(case.args), json.dumps(case.expected, sort_keys=True)) for case in grading.cases]
        assert not {args for args, _ in shown} & {args for args, _ in hidden}
        for files, fails in ((one.task.workspace, True), (one.task.reference, False)):
            source = files[grading.module.encode()].data.decode()
            for cases in (shown, hidden):
                runs = guarded.run_cases(source, grading.function, [args for args, _ in cases], limit=10_000)
                wrong = [run for run, (_, expected) in zip(runs, cases, strict=True) if run.value != expected]
                assert bool(wrong) == fails, one.task.id


def visible_cases(one: Generated) -> list[tuple[str, str]]:
    spec = importlib.util.spec_from_loader("check", None)
    module = importlib.util.module_from_spec(spec)
    exec(one.task.workspace[b"check.py"].data, module.__dict__)  # noqa: S102 - our own text
    return [(json.dumps(args), json.dumps(expected, sort_keys=True)) for args, expected, _ in module.CASES]


def test_difficulty_is_spread_over_an_order_of_magnitude(made):
    lines = sorted(one.buggy_lines for one in made)
    sites = sorted(edit_sites(one) for one in made[::3])
    shares = sorted(visible_share(one) for one in made[::3])
    assert lines[-1] >= 10 * lines[0]
    assert sites[len(sites) * 95 // 100] >= 10 * sites[len(sites) * 5 // 100]
    assert shares[len(shares) // 10] < 0.3
    assert shares[len(shares) * 9 // 10] > 0.8


def edit_sites(one: Generated) -> int:
    text = Text(one.task.workspace[one.task.grading.module.encode()].data.decode())
    return sum(len(bugs.edits(text, kind)) for kind in bugs.SINGLE)


def visible_share(one: Generated) -> float:
    """Which share of the visible cases fails."""
    cases = visible_cases(one)
    source = one.task.workspace[one.task.grading.module.encode()].data.decode()
    runs = guarded.run_cases(source, one.task.grading.function, [args for args, _ in cases], limit=10_000)
    return sum(run.value != expected for run, (_, expected) in zip(runs, cases, strict=True)) / len(cases)


def test_what_the_guarded_run_calls_failing_fails_in_a_plain_process_too(made, tmp_path):
    for one in made[::24]:
        for name, file in one.task.workspace.items():
            (tmp_path / name.decode()).write_bytes(file.data)
        failing = run_check(tmp_path)
        assert failing.returncode == 1
        assert failing.stdout.count("FAIL ") == round(visible_share(one) * len(visible_cases(one)))
        (tmp_path / one.task.grading.module).write_bytes(one.task.reference[one.task.grading.module.encode()].data)
        assert run_check(tmp_path).returncode == 0


def run_check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "check.py"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_benchmark_and_its_tasks_are_plain_values(benchmark, made):
    again = pickle.loads(pickle.dumps(benchmark))
    assert again.tasks(Split.SEALED) == benchmark.tasks(Split.SEALED)
    assert pickle.loads(pickle.dumps(made[0].task)) == made[0].task


def test_sizes_and_seed_change_the_fingerprint_and_the_seed_the_tasks(benchmark):
    assert BuiltinBenchmark().fingerprint() == benchmark.fingerprint()
    assert BuiltinBenchmark(sealed=301).fingerprint() != benchmark.fingerprint()
    other = BuiltinBenchmark(seed=1)
    assert other.fingerprint() != benchmark.fingerprint()
    assert {*other.tasks(Split.SEARCH)} & {*benchmark.tasks(Split.SEARCH)} <= {*hand_written().tasks(Split.SEARCH)}


def test_a_larger_benchmark_keeps_the_tasks_of_a_smaller_one(benchmark):
    larger = BuiltinBenchmark(sealed=400)
    assert larger.tasks(Split.SEALED)[:300] == benchmark.tasks(Split.SEALED)


def test_hand_written_tasks_are_in_the_splits(benchmark):
    for split in Split:
        own = hand_written().tasks(split)
        assert own
        assert benchmark.tasks(split)[: len(own)] == own
        assert benchmark.task(own[0]).split == split
    assert BuiltinBenchmark(dev=0, search=1).tasks(Split.DEV) == ()
    assert len(BuiltinBenchmark(search=1).tasks(Split.SEARCH)) == 1


def test_an_unknown_task_is_refused(benchmark):
    with pytest.raises(EvaluatorError, match="no such task in builtin: b-nothing"):
        benchmark.task("b-nothing")


def test_one_task_takes_milliseconds(benchmark):
    """Wanted: under 20 ms. The bound here is for a busy machine."""
    generate.cache_clear()
    started = os.times().user
    for number in range(50):
        generate(sorted(families.FAMILIES)[number], "speed", task_id="b-speed", split=Split.DEV)
    assert (os.times().user - started) / 50 < 0.05
