"""Records of SWE-bench: from a file, or by the name of a published dataset.

A record is somebody else's text: it is checked, and bounded. Those of the classic form, without an image and a script,
are told apart here and converted by `evaluators.swebench_classic`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hgm.errors import ConfigError, EvaluatorError

DATASETS = {
    "verified": "SWE-bench/SWE-bench_Verified",
    "verified-mini": "MariusHobbhahn/swe-bench-verified-mini",
    "lite": "SWE-bench/SWE-bench_Lite",
    "full": "SWE-bench/SWE-bench",
    "multilingual": "SWE-bench/SWE-bench_Multilingual",
}
"""What follows `swebench:` -> the published dataset; its split `test` is used."""
MOST_BYTES = 1 << 30
"""Of a file of records."""
_MOST_CHARS = 16 << 20
"""Of one field."""
_GROUPS = ("repo", "difficulty", "version")


class Record(BaseModel):
    """One instance, as version 5 of the harness takes it; other columns are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_max_length=_MOST_CHARS)

    instance_id: str = Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,150}\z")
    repo: str = Field(pattern=r"\A[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}\z")
    base_commit: str = Field(pattern=r"\A[0-9a-f]{7,64}\z")
    version: str = ""
    patch: str
    test_patch: str
    problem_statement: str
    FAIL_TO_PASS: tuple[str, ...] = Field(min_length=1)
    PASS_TO_PASS: tuple[str, ...]
    environment_setup_commit: str = ""
    difficulty: str = ""
    datasets: tuple[str, ...] = ()
    """Which published ones it is in, where the file says so."""
    image: str = ""
    eval_script: str = ""
    log_parser: str = ""
    eval_type: str = ""

    @field_validator("FAIL_TO_PASS", "PASS_TO_PASS", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator(
        *("version", "difficulty", "environment_setup_commit", "image", "eval_script", "log_parser", "eval_type"),
        mode="before",
    )
    @classmethod
    def _none_is_empty(cls, value: Any) -> Any:
        return "" if value is None else value

    @property
    def is_classic(self) -> bool:
        """Whether it lacks what version 5 needs."""
        return not (self.image and self.eval_script and self.log_parser and self.eval_type)

    @property
    def groups(self) -> dict[str, str]:
        """What reports tell apart."""
        return {name: getattr(self, name) for name in _GROUPS if getattr(self, name)}

    def row(self) -> dict[str, Any]:
        """As the harness takes it."""
        return self.model_dump(mode="json", exclude={"datasets", "difficulty"})


def published_image(instance_id: str) -> str:
    """The name of the image that is published for an instance; for x86-64 alone."""
    return f"swebench/sweb.eval.x86_64.{instance_id.lower().replace('__', '_1776_')}:latest"


def records(variant: str, data: Path | None) -> list[Record]:
    """The records of a file, or of a published dataset; with both, those of the file that say they are in the dataset.

    Raises:
        ConfigError: the file or the dataset cannot be had; says what to do.
        EvaluatorError: a record is unusable; says which and why.
    """
    rows = _published(variant) if data is None else _file(data)
    where = variant if data is None else str(data)
    found: dict[str, Record] = {}
    for number, row in enumerate(rows, 1):
        record = _checked(row, f"{where}, record {number}")
        if record.instance_id in found:
            raise EvaluatorError(f"{where}, record {number}: {record.instance_id} comes twice")
        found[record.instance_id] = record
    chosen = list(found.values())
    if data is not None and variant and any(record.datasets for record in chosen):
        chosen = [record for record in chosen if variant in record.datasets]
    if not chosen:
        raise ConfigError(f"{where} holds no instance of swebench{':' + variant if variant else ''}")
    return chosen


def _checked(row: Any, where: str) -> Record:
    try:
        return Record.model_validate(row)
    except (ValidationError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise EvaluatorError(f"{where}: nested too deeply") from error
        first = error.errors()[0]
        raise EvaluatorError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _file(data: Path) -> Iterable[Any]:
    try:
        size = data.stat().st_size
        if size > MOST_BYTES:
            raise ConfigError(f"{data} is larger than {MOST_BYTES >> 20} MiB: not the records of SWE-bench")
        if data.suffix == ".parquet":
            return _parquet(data)
        text = data.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the records of SWE-bench: {data}: {error}") from error
    return _lines(text, data)


def _lines(text: str, data: Path) -> Iterator[Any]:
    try:
        if text.lstrip().startswith("["):
            yield from json.loads(text)
            return
        for line in text.split("\n"):  # JSON's strings may hold what else ends a line
            if line.strip():
                yield json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EvaluatorError(f"{data}: neither JSON lines nor a JSON list: {error}") from error


def _parquet(data: Path) -> Iterable[Mapping[str, Any]]:
    return _loaded("parquet", data_files=str(data), split="train")


def _published(variant: str) -> Iterable[Mapping[str, Any]]:
    if variant not in DATASETS:
        raise ConfigError(
            f"swebench needs the name of a dataset or a file: swebench:{'|'.join(DATASETS)}, or --data FILE.jsonl"
        )
    return _loaded(DATASETS[variant], split="test")


def _loaded(name: str, **arguments: str) -> Iterable[Mapping[str, Any]]:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError("datasets by name and parquet files need pip install 'hgm-lab[swebench]'") from error
    datasets.disable_progress_bars()
    try:
        return list(datasets.load_dataset(name, **arguments))
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"the dataset {name} cannot be had: {reason[:200]}: check the network, or give the records as a file: "
            "--data FILE.jsonl"
        ) from error
