"""Records of SWE-bench in the classic form, made into those of version 5: with the script and parser that graded them.

The scripts are made by the harness's own last version that could (4.1.0), which is fetched once, checked by its hash,
and run in a process of its own. Of 368 records that have both forms it gives each script byte for byte.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluators import swebench_harness
from evaluators.layers import cache_folder, draft, publish
from evaluators.swebench_data import Record, published_image
from hgm.errors import ConfigError, EvaluatorError, boundary

REQUIREMENT = "swebench==4.1.0 --hash=sha256:1243776f720047cc9e20a427f7a52b75c13a07abda6154fb60fe77f82ec8af57"
_PROGRAM = """\
import json, sys, types
root = sys.argv[1]
for name in ("swebench", "swebench.harness"):  # not their own beginnings, which import all there is
    package = types.ModuleType(name)
    package.__path__ = [root + "/" + name.replace(".", "/")]
    sys.modules[name] = package
from swebench.harness.constants import MAP_REPO_VERSION_TO_SPECS
from swebench.harness.log_parsers import MAP_REPO_TO_PARSER
from swebench.harness.test_spec.create_scripts import make_eval_script_list
made = {}
for row in json.load(sys.stdin):
    try:
        specs = MAP_REPO_VERSION_TO_SPECS[row["repo"]][row["version"]]
        parser = MAP_REPO_TO_PARSER[row["repo"]].__name__
    except KeyError:
        continue
    lines = make_eval_script_list(row, specs, "testbed", "/testbed", row["base_commit"], row["test_patch"])
    script = "\\n".join(["#!/bin/bash", "set -uxo pipefail", *lines]) + "\\n"
    made[row["instance_id"]] = {"eval_script": script, "log_parser": parser}
json.dump(made, sys.stdout)
"""
_PATIENCE_S = 300.0
_FOR_ITS_USE = "the records are of the classic form, and making them into those of version 5 needs swebench 4.1.0"


def converted(classic: Sequence[Record]) -> list[Record]:
    """The same records with image, script, parser and type; what is converted once is kept in the user's cache.

    Raises:
        ConfigError: the old harness cannot be fetched; says what to do.
        EvaluatorError: it knows no script for a record.
    """
    if not classic:
        return []
    made = _made([record.row() for record in classic])
    if missing := [record.instance_id for record in classic if record.instance_id not in made]:
        raise EvaluatorError(
            f"{len(missing)} records have no script, and swebench 4.1.0 knows none for their repository and version: "
            f"{', '.join(missing[:5])}"
        )
    return [_complete(record, made[record.instance_id]) for record in classic]


def _complete(record: Record, made: dict[str, str]) -> Record:
    added = {
        "image": record.image or published_image(record.instance_id),
        "eval_type": swebench_harness.eval_type(record.repo),
        **made,
    }
    return record.model_copy(update=added)


def _made(rows: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    asked = json.dumps(rows, sort_keys=True).encode()
    kept = cache_folder() / f"swebench-scripts-{hashlib.sha256(asked + _PROGRAM.encode()).hexdigest()[:16]}"
    if not kept.is_dir():
        told = _asked(asked)
        with boundary(EvaluatorError, f"cannot keep {kept}"), draft(kept.parent) as folder:
            (folder / "scripts.json").write_bytes(told)
            publish(folder, kept)
    found: dict[str, dict[str, str]] = json.loads((kept / "scripts.json").read_bytes())
    return found


def _asked(rows: bytes) -> bytes:
    command = [sys.executable, "-c", _PROGRAM, str(_harness())]
    with boundary(EvaluatorError, "swebench 4.1.0 makes no scripts of the records"):
        done = subprocess.run(command, input=rows, capture_output=True, timeout=_PATIENCE_S, check=False)
    if done.returncode:
        raise EvaluatorError(f"swebench 4.1.0 makes no scripts of the records: {done.stderr[-500:]!r}")
    return done.stdout


def _harness() -> Path:
    final = cache_folder() / f"swebench-{hashlib.sha256(REQUIREMENT.encode()).hexdigest()[:16]}"
    if final.is_dir():
        return final
    with boundary(EvaluatorError, f"cannot keep {final}"), draft(final.parent) as folder:
        wanted = folder / "requirements.txt"
        wanted.write_text(REQUIREMENT + "\n")
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
        ]
        done = subprocess.run(
            [*pip, "--target", str(folder), "--requirement", str(wanted)],
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ConfigError(
                f"{_FOR_ITS_USE}, which cannot be fetched ({''.join(said)[:200]}): take records that have an image, an "
                "eval_script, a log_parser and an eval_type"
            )
        publish(folder, final)
    return final
