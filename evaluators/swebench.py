"""SWE-bench (Jimenez et al., ICLR 2024): real issues of real repositories, graded by its official harness.

An agent works in the instance's own image, without a network, on a repository of one commit (`sandboxes.sealing`). What
counts is the patch that the host finds there.
"""

import hashlib
from functools import cached_property
from pathlib import Path

from evaluators import swebench_harness
from evaluators.base import Environment, Harness, Split, Task
from evaluators.splits import split_of
from evaluators.swebench_classic import converted
from evaluators.swebench_data import DATASETS, Record, records
from hgm.errors import ConfigError, EvaluatorError

NAME = "swebench"
FOLDER = "/testbed"
_ENV = {
    "PATH": "/opt/miniconda3/envs/testbed/bin:/opt/miniconda3/bin:/usr/local/bin:/usr/bin:/bin",
    "CONDA_DEFAULT_ENV": "testbed",
    "CONDA_PREFIX": "/opt/miniconda3/envs/testbed",
}
"""The environment that the images activate."""
_DEADLINE_S = 1800.0
_MEMORY_MB, _PIDS, _WORKSPACE_MB = 4096, 1024, 2048
_CODE = ("swebench.py", "swebench_data.py", "swebench_classic.py", "swebench_harness.py", "grade_harness.py")
CONTAMINATED = (
    "SWE-bench is public: models have read its repositories, and Verified is reported contaminated and near "
    "saturation. An agent that was selected on it must not be called tested on unseen tasks."
)


class SwebenchBenchmark:
    """The instances of one dataset or file."""

    notes = (CONTAMINATED,)

    def __init__(self, variant: str = "", data: Path | None = None) -> None:
        """Read the records.

        Raises:
            ConfigError: they or the harness cannot be had; says what to do.
            EvaluatorError: a record is unusable.
        """
        if variant and variant not in DATASETS:
            known = ", ".join(f"{NAME}:{name}" for name in DATASETS)
            raise ConfigError(f"no benchmark {NAME}:{variant}; there are {known}")
        swebench_harness.must_be_there()
        self.name = f"{NAME}:{variant}" if variant else NAME
        found = records(variant, data)
        ready = [record for record in found if not record.is_classic]
        ready += converted([record for record in found if record.is_classic])
        self._records = {_opaque(record.instance_id): record for record in ready}

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for task_id in sorted(self._records):
            digest.update(self._records[task_id].model_dump_json().encode() + b"\n")
        for name in _CODE:
            digest.update((Path(__file__).parent / name).read_bytes())
        return digest.hexdigest()

    def fingerprint(self) -> str:
        return self._fingerprint

    def tasks(self, split: Split) -> tuple[str, ...]:
        return tuple(sorted(task_id for task_id in self._records if split_of(NAME, task_id) == split))

    def task(self, task_id: str) -> Task:
        if task_id not in self._records:
            raise EvaluatorError(f"no such task in {self.name}: {task_id}")
        record = self._records[task_id]
        return Task(
            id=task_id,
            benchmark=self.name,
            split=split_of(NAME, task_id),
            statement=_statement(record),
            workspace={},
            test_command=(),
            grading=Harness(row=record.row(), gold=record.patch.encode()),
            reference={},
            environment=Environment(
                image=record.image,
                folder=FOLDER,
                is_sealed=True,
                env=_ENV,
                memory_mb=_MEMORY_MB,
                pids=_PIDS,
                workspace_mb=_WORKSPACE_MB,
            ),
            name=record.instance_id,
            groups=record.groups,
            deadline_s=_DEADLINE_S,
        )


def _opaque(instance_id: str) -> str:
    return f"s-{hashlib.sha256(f'{NAME}:{instance_id}'.encode()).hexdigest()[:10]}"


def _statement(record: Record) -> str:
    return (
        f"{record.problem_statement.strip()}\n\n"
        "----\n"
        "The text above is an issue of the repository in the current folder. Change the code so that it is resolved. "
        "Tests that you do not see decide; changes to tests count for nothing. What the code needs is installed, and "
        "there is no network.\n"
    )
