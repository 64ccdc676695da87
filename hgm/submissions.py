"""What an evaluation grades in place of an agent's work: the benchmark's own solutions, or patches from a file.

A file has SWE-bench's own format: a JSON list, or JSON lines, of {"instance_id", "model_name_or_path", "model_patch"}.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hgm.errors import ConfigError, RunError
from hgm.run import Folder

Source = Literal["agent", "gold", "predictions"]
FILE = "predictions.jsonl"
"""A run's own copy."""
MOST_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Submissions:
    """By the public name of a task; of `gold` none is needed."""

    source: Source
    patches: Mapping[str, bytes]


def read_predictions(file: Path) -> dict[str, dict[str, str]]:
    """Public name of a task -> its prediction; a patch that is null is empty.

    Raises:
        ConfigError: the file cannot be read, or is not what it should be; says where.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{file} is larger than {MOST_BYTES >> 20} MiB: these are no predictions")
        text = file.read_text()
        rows = json.loads(text) if text.lstrip().startswith(("[", "{\n")) else None
        if rows is None:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read the predictions {file}: {error}") from error
    if isinstance(rows, dict):  # as some write it: by instance
        rows = [{"instance_id": name, **row} for name, row in rows.items() if isinstance(row, dict)]
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, 1):
        prediction = _checked(row, f"{file}, prediction {number}")
        if prediction["instance_id"] in found:
            raise ConfigError(f"{file}, prediction {number}: {prediction['instance_id']} comes twice")
        found[prediction["instance_id"]] = prediction
    if not found:
        raise ConfigError(f"{file} holds no prediction")
    return found


def _checked(row: Any, where: str) -> dict[str, str]:
    if not isinstance(row, dict) or not isinstance(row.get("instance_id"), str):
        raise ConfigError(f"{where}: it has no instance_id")
    patch = row.get("model_patch")
    if patch is not None and not isinstance(patch, str):
        raise ConfigError(f"{where}: its model_patch is no text")
    model = row.get("model_name_or_path")
    return {
        "instance_id": row["instance_id"],
        "model_name_or_path": str(model or "unknown"),
        "model_patch": patch or "",
    }


def submissions_of(folder: Folder, created: Mapping[str, Any]) -> Submissions | None:
    """What a run grades, as it keeps it.

    Raises:
        RunError: its copy of the predictions is gone.
    """
    source = created.get("evaluation", {}).get("source", "agent")
    if source == "agent":
        return None
    if source == "gold":
        return Submissions(source="gold", patches={})
    try:
        found = read_predictions(folder.path / FILE)
    except ConfigError as error:
        raise RunError(str(error)) from error
    patches = {name: row["model_patch"].encode(errors="surrogateescape") for name, row in found.items()}
    return Submissions(source="predictions", patches=patches)
